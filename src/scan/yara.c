/* See yara.h. */
#include "scan/yara.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "wire/cursor.h"

#include <errno.h>
#include <stdio.h>
#include <yara.h>

struct yara_rules {
	YR_RULES *rules;
};

struct yara_scanner {
	YR_SCANNER *s;
	char *name; /* where the match goes */
	size_t size;
	bool matched;
};

static bool prepared;

static int prepare(void)
{
	if (!prepared && yr_initialize() != ERROR_SUCCESS)
		return -E_NOMEM;
	prepared = true;
	return 0;
}

void yara_prepare(void)
{
	if (prepare() < 0)
		bug("libyara doesn't start");
}

void yara_bundle_add(struct buf *b, const char *name, struct str source)
{
	wr_text(b, str_from(name));
	wr_blob(b, source);
}

/* ---- compiling ---- */

struct faults {
	struct err *err;
	const char *file;
	bool any;
};

static void on_fault(int level, const char *file, int line, const YR_RULE *rule, const char *message, void *user)
{
	struct faults *f = user;
	char place[300];
	if (level != YARA_ERROR_LEVEL_ERROR || f->any)
		return;
	snprintf(place, sizeof place, "%s:%d", f->file, line);
	err_set(f->err, E_INVALID, place, "%s", message);
	f->any = true;
}

static const char *no_include(const char *name, const char *from, const char *space, void *user)
{
	(void)name, (void)from, (void)space, (void)user;
	return NULL;
}

static int add_all(YR_COMPILER *c, struct str bundle, struct faults *f)
{
	struct rd r = rd_from(bundle.ptr, bundle.len);
	while (r.p < r.end && !r.bad) {
		char name[256];
		rd_text(&r, name, sizeof name);
		struct str source = rd_blob(&r);
		char *text = r.bad ? NULL : mem_strndup(source.ptr, source.len);
		if (!text)
			return r.bad ? -E_INVALID : -E_NOMEM;
		f->file = name;
		int faults = yr_compiler_add_string(c, text, name);
		mem_free(text);
		if (faults)
			return f->any ? -E_INVALID : err_set(f->err, E_INVALID, name, "not a file of rules");
	}
	return rd_end(&r);
}

int yara_compile(struct str bundle, struct yara_rules **ret, struct err *err)
{
	YR_COMPILER *c = NULL;
	struct faults f = { .err = err };
	struct yara_rules *y = mem_alloc(sizeof *y);
	int r = prepare();
	if (r == 0 && (!y || yr_compiler_create(&c) != ERROR_SUCCESS))
		r = err_set(err, E_NOMEM, "", "no memory to compile rules");
	if (r == 0) {
		yr_compiler_set_callback(c, on_fault, &f);
		yr_compiler_set_include_callback(c, no_include, NULL, NULL);
		yr_compiler_define_string_variable(c, "type", "");
		yr_compiler_define_string_variable(c, "filename", "");
		r = add_all(c, bundle, &f);
	}
	if (r == 0 && yr_compiler_get_rules(c, &y->rules) != ERROR_SUCCESS)
		r = err_set(err, E_NOMEM, "", "no memory to compile rules");
	if (c)
		yr_compiler_destroy(c);
	if (r < 0) {
		mem_free(y);
		return r;
	}
	*ret = y;
	return 0;
}

unsigned yara_count(struct yara_rules *r)
{
	YR_RULES_STATS s;
	return yr_rules_get_stats(r->rules, &s) == ERROR_SUCCESS ? s.num_rules : 0;
}

void yara_destroy(struct yara_rules **r)
{
	if (*r)
		yr_rules_destroy((*r)->rules);
	mem_free(*r);
	*r = NULL;
}

/* ---- as bytes ---- */

static size_t put_bytes(const void *p, size_t size, size_t n, void *user)
{
	return fs_write_all(*(int *)user, p, size * n, NULL) < 0 ? 0 : n;
}

static size_t get_bytes(void *p, size_t size, size_t n, void *user)
{
	size_t got = 0;
	while (got < size * n) {
		ssize_t k = read(*(int *)user, (char *)p + got, size * n - got);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			break;
		got += (size_t)k;
	}
	return size ? got / size : 0;
}

int yara_save(struct yara_rules *r, int fd)
{
	YR_STREAM s = { .user_data = &fd, .write = put_bytes };
	return yr_rules_save_stream(r->rules, &s) == ERROR_SUCCESS ? 0 : -E_IO;
}

int yara_load(int fd, struct yara_rules **ret)
{
	YR_STREAM s = { .user_data = &fd, .read = get_bytes };
	struct yara_rules *y = mem_alloc(sizeof *y);
	if (!y || prepare() < 0 || lseek(fd, 0, SEEK_SET) < 0 || yr_rules_load_stream(&s, &y->rules) != ERROR_SUCCESS) {
		mem_free(y);
		return -E_CORRUPT;
	}
	*ret = y;
	return 0;
}

/* ---- matching ---- */

static int on_message(YR_SCAN_CONTEXT *context, int message, void *data, void *user)
{
	struct yara_scanner *s = user;
	if (message != CALLBACK_MSG_RULE_MATCHING)
		return CALLBACK_CONTINUE;
	s->matched = true;
	snprintf(s->name, s->size, "%s", ((YR_RULE *)data)->identifier);
	return CALLBACK_ABORT;
}

int yara_scanner_open(struct yara_rules *r, struct yara_scanner **ret)
{
	struct yara_scanner *s = mem_alloc(sizeof *s);
	if (!s || yr_scanner_create(r->rules, &s->s) != ERROR_SUCCESS) {
		mem_free(s);
		return -E_NOMEM;
	}
	yr_scanner_set_callback(s->s, on_message, s);
	/* No signal handlers: what is mapped is sealed, and the process is thrown away if it isn't. */
	yr_scanner_set_flags(s->s, SCAN_FLAGS_FAST_MODE | SCAN_FLAGS_NO_TRYCATCH | SCAN_FLAGS_REPORT_RULES_MATCHING);
	*ret = s;
	return 0;
}

int yara_match(struct yara_scanner *s, struct str bytes, const char *type, const char *filename, int seconds, char *ret_rule, size_t size)
{
	s->matched = false;
	s->name = ret_rule;
	s->size = size;
	yr_scanner_set_timeout(s->s, seconds);
	yr_scanner_define_string_variable(s->s, "type", type);
	yr_scanner_define_string_variable(s->s, "filename", filename);
	int r = yr_scanner_scan_mem(s->s, (const uint8_t *)bytes.ptr, bytes.len);
	return s->matched ? 1 : r == ERROR_SUCCESS ? 0 : r == ERROR_SCAN_TIMEOUT ? -E_TIMEOUT : -E_NOMEM;
}

void yara_scanner_close(struct yara_scanner **s)
{
	if (*s)
		yr_scanner_destroy((*s)->s);
	mem_free(*s);
	*s = NULL;
}
