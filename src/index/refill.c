/* See refill.h. */
#include "index/refill.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define AGAIN_MS 3000 /* the reader tries again each second */
#define FILE_MAX (2u * MIB)
#define OTHERS_MAX 1000000

struct refill_one {
	char name[40], why[320]; /* "412015/events/000001" */
	bool follows;            /* and all of the series behind it: the reader went no further */
};

static const char *file_of(const char *state, const char *name, char dst[PATH_MAX])
{
	snprintf(dst, PATH_MAX, "%s/%s", state, name);
	return dst;
}

static struct refill_one *find(const struct refill *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->list[i].name, name) == 0)
			return &r->list[i];
	return NULL;
}

static struct refill_one *add(struct refill *r, const char *name)
{
	if (r->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 16;
		struct refill_one *p = mem_grow(r->list, cap * sizeof *p);
		if (!p)
			return NULL;
		r->list = p;
		r->cap = cap;
	}
	struct refill_one *o = &r->list[r->n++];
	*o = (struct refill_one){ 0 };
	str_copy(str_from(name), o->name, sizeof o->name);
	return o;
}

static const char *list_of(const struct refill *r, char dst[PATH_MAX])
{
	return file_of(r->state, r->day ? "refill-day" : "refill", dst);
}

static int save(const struct refill *r, struct err *err)
{
	char path[PATH_MAX];
	struct buf b;
	if (!r->on)
		return 0;
	buf_init(&b, FILE_MAX);
	for (size_t i = 0; i < r->n; i++)
		buf_printf(&b, "%s\t%d\t%s\n", r->list[i].name, r->list[i].follows, r->list[i].why);
	int res = b.failed ? err_set(err, E_NOMEM, "", "no memory") : fs_write(list_of(r, path), buf_view(&b), 0600, err);
	buf_done(&b);
	return res;
}

static void begin(struct refill *r, const char *state, uint32_t day)
{
	*r = (struct refill){ .on = true, .state = state, .day = day };
	map_init(&r->others, OTHERS_MAX);
}

int refill_begin(struct refill *r, const char *state, uint32_t day, struct err *err)
{
	refill_done(r);
	begin(r, state, day);
	return save(r, err);
}

static int load_line(struct refill *r, struct str line)
{
	struct str name, follows;
	char text[sizeof((struct refill_one *)0)->name];
	if (!str_next(&line, '\t', &name) || !str_next(&line, '\t', &follows) || !str_copy(name, text, sizeof text) || r->n >= REFILL_NAMED)
		return 0;
	struct refill_one *o = add(r, text);
	if (!o)
		return -E_NOMEM;
	o->follows = str_eq(follows, STR("1"));
	snprintf(o->why, sizeof o->why, STR_FMT, STR_ARG(line));
	return 0;
}

int refill_resume(struct refill *r, const char *state, uint32_t day, struct err *err)
{
	char path[PATH_MAX];
	struct buf b;
	struct str rest, line;
	begin(r, state, day);
	if (!fs_exists(list_of(r, path))) {
		refill_done(r);
		return 0;
	}
	buf_init(&b, FILE_MAX);
	int res = fs_read(path, &b, err);
	for (rest = buf_view(&b); res == 0 && str_next(&rest, '\n', &line);)
		if (load_line(r, line) < 0)
			res = err_set(err, E_NOMEM, "", "no memory");
	buf_done(&b);
	return res;
}

void refill_done(struct refill *r)
{
	mem_free(r->list);
	map_done(&r->others);
	*r = (struct refill){ 0 };
}

/* "412015/events/000001/17" without the record. */
static void name_of(const char *path, char dst[sizeof((struct refill_one *)0)->name])
{
	struct segment_name n;
	if (segment_name_parse(str_from(path), &n) == 0)
		snprintf(dst, sizeof((struct refill_one *)0)->name, "%s/%s/%06u", n.org, n.series, n.segment);
	else
		snprintf(dst, sizeof((struct refill_one *)0)->name, "%.39s", path);
}

/* A line of it, whatever was said. */
static void put_why(struct refill_one *o, const char *msg)
{
	str_clip(msg, o->why, sizeof o->why);
	for (char *p = o->why; *p; p++)
		*p = (unsigned char)*p < ' ' ? ' ' : *p;
}

static char others_follow, others_left; /* values of refill.others: as refill_one.follows */

int refill_fault(struct refill *r, const struct err *fault, struct err *err)
{
	char name[sizeof((struct refill_one *)0)->name];
	if (!r->on)
		return 0;
	name_of(fault->path, name);
	if (find(r, name) || map_get(&r->others, str_from(name)))
		return 0;
	bool named = r->n < REFILL_NAMED, follows = fault->code != E_CORRUPT;
	struct refill_one *o = named ? add(r, name) : NULL;
	if (named ? !o : map_put(&r->others, str_from(name), follows ? &others_follow : &others_left) < 0)
		return err_set(err, E_NOMEM, "", "no memory");
	r->fault_ms = clock_mono_ms();
	if (!named)
		return 0;
	o->follows = follows;
	put_why(o, fault->msg);
	return save(r, err);
}

void refill_had(struct refill *r, const struct segment_name *n)
{
	char name[sizeof((struct refill_one *)0)->name];
	struct refill_one *o;
	if (!r->n && !r->others.len)
		return;
	snprintf(name, sizeof name, "%s/%s/%06u", n->org, n->series, n->segment);
	if ((o = find(r, name)) && o->follows) /* else it was read as far as it could be, and left */
		*o = r->list[--r->n];
	if (map_get(&r->others, str_from(name)) == &others_follow)
		map_del(&r->others, str_from(name));
}

bool refill_is_over(const struct refill *r)
{
	return (!r->n && !r->others.len) || clock_mono_ms() - r->fault_ms >= AGAIN_MS;
}

const char *refill_first(const struct refill *r)
{
	return r->n ? r->list[0].name : "";
}

const char *refill_why(const struct refill *r)
{
	return r->n ? r->list[0].why : "";
}

static void result(const struct refill *r, struct buf *b)
{
	json_field_u64(b, "day", r->day);
	json_field_u64(b, "ended_ms", (uint64_t)clock_now_ms());
	json_field_u64(b, "lacking", r->n + r->others.len);
	buf_puts(b, ",\"segments\":[");
	for (size_t i = 0; i < r->n; i++) {
		buf_puts(b, i ? ",{" : "{");
		json_field_s(b, "segment", r->list[i].name);
		json_field_bool(b, "and_behind", r->list[i].follows);
		json_field_s(b, "why", r->list[i].why);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

static bool lacked(const char *state)
{
	char path[PATH_MAX];
	struct buf b;
	buf_init(&b, FILE_MAX);
	bool some = fs_exists(file_of(state, "rebuilt", path)) && fs_read(path, &b, NULL) == 0 && b.len && !strstr(buf_cstr(&b), "\"lacking\":0,");
	buf_done(&b);
	return some;
}

int refill_end(struct refill *r, uint64_t *ret_lacking, bool *ret_before, struct err *err)
{
	char path[PATH_MAX];
	struct buf b;
	*ret_lacking = r->n + r->others.len;
	*ret_before = lacked(r->state);
	buf_init(&b, FILE_MAX);
	result(r, &b);
	int res = b.failed ? err_set(err, E_NOMEM, "", "no memory") : fs_write(file_of(r->state, "rebuilt", path), buf_view(&b), 0600, err);
	buf_done(&b);
	if (res == 0 && unlink(list_of(r, path)) < 0 && errno != ENOENT)
		res = err_errno(err, path, "cannot be removed");
	return res < 0 ? res : fs_sync_dir(r->state, err);
}

int refill_show(const char *state, struct buf *b, struct err *err)
{
	char path[PATH_MAX];
	struct buf last;
	json_field_bool(b, "rebuilding", fs_exists(file_of(state, "rebuild", path)) || fs_exists(file_of(state, "refill", path)));
	if (!fs_exists(file_of(state, "rebuilt", path)))
		return 0;
	buf_init(&last, FILE_MAX);
	int res = fs_read(path, &last, err);
	if (res == 0 && last.len)
		buf_putc(b, ',');
	buf_str(b, buf_view(&last));
	buf_done(&last);
	return res;
}
