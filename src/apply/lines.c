/* See lines.h. One rule before those of the lines (compile/net.c) leads to the table of the line in use, unless that is the
 * first anyway. It is added before the old one goes, so there is always a way out. */
#include "apply/lines.h"

#include "apply/generation.h"
#include "base/mem.h"

#include <stdio.h>

#define RULE_PREF 40000
#define LINE_TABLE 900
#define LINES_MAX 8

static unsigned line_in_use(uint8_t dead, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!(dead & 1u << i))
			return i;
	return 0;
}

int lines_rules(struct str bin, uint8_t dead, struct buf *v4, struct buf *v6, struct err *err)
{
	const unsigned char *p = (const unsigned char *)bin.ptr;
	unsigned n = bin.len ? p[0] : 0;
	if (n == 0 || n > LINES_MAX || bin.len != 1 + 2 * n)
		return err_set(err, E_CORRUPT, "net/lines.bin", "malformed");
	unsigned use = line_in_use(dead, n);
	struct buf *const out[] = { v4, v6 };
	for (unsigned f = 0; f < 2; f++) {
		if (use != 0 && p[2 + 2 * use] & 1u << f)
			buf_printf(out[f], "rule add pref %d lookup %d\n", RULE_PREF, LINE_TABLE + p[1 + 2 * use]);
		for (unsigned i = 0; i < n; i++)
			if ((i != use || use == 0) && p[2 + 2 * i] & 1u << f)
				buf_printf(out[f], "rule delete pref %d lookup %d\n", RULE_PREF, LINE_TABLE + p[1 + 2 * i]);
	}
	return 0;
}

/* A rule that is there already, or isn't there any more, is as it should be; whether the way is right is read back. */
static int put(const struct env *e, const char *family, struct buf *rules, struct err *err)
{
	const char *argv[] = { "ip", family, "-force", "-batch", "-", NULL };
	int status;
	struct buf said;
	buf_init(&said, 64 * KIB);
	int r = rules->len ? e->run(&(struct proc_opts){ .argv = argv, .input = buf_view(rules), .timeout_ms = 5000, .out = &said, .ret_status = &status }, err) : 0;
	buf_done(&said);
	return r;
}

/* The rule of one line, and no other, stands at RULE_PREF; none at all for the first. */
static int read_back(const struct env *e, const char *family, struct str rules, struct err *err)
{
	const char *argv[] = { "ip", family, "rule", "show", "pref", "40000", NULL };
	char want[32] = "";
	struct str line;
	struct buf out;
	unsigned others = 0, found = 0;
	for (struct str rest = rules; rest.len && str_next(&rest, '\n', &line);)
		if (str_starts(line, STR("rule add ")))
			snprintf(want, sizeof want, "lookup %.8s", line.ptr + line.len - 3);
	want[10] = 0; /* "lookup 902" */
	buf_init(&out, 64 * KIB);
	int r = e->run(&(struct proc_opts){ .argv = argv, .timeout_ms = 5000, .out = &out }, err);
	for (struct str rest = buf_view(&out); r == 0 && rest.len && str_next(&rest, '\n', &line);)
		if (want[0] && memmem(line.ptr, line.len, want, strlen(want)))
			found++;
		else
			others += line.len > 0;
	if (r == 0 && (others || found != (want[0] != 0)))
		r = err_set(err, E_IO, "lines", "the way out isn't as ordered: %.200s", buf_cstr(&out));
	buf_done(&out);
	return r;
}

int lines_set(const struct env *e, const char *digest, uint8_t dead, struct err *err)
{
	char want[GEN_NAME], have[GEN_NAME];
	struct gen g = { 0 };
	struct buf bin, v4, v6;
	int r = gen_name(digest, want, err);
	r = r < 0 ? r : gen_current(have, err);
	if (r == 0 && strcmp(want, have) != 0)
		r = err_set(err, E_STATE, "lines", "meant for another generation");
	buf_init(&bin, KIB);
	buf_init(&v4, 4 * KIB);
	buf_init(&v6, 4 * KIB);
	r = r < 0 ? r : gen_load(have, &g, err);
	r = r < 0 ? r : gen_read(&g, "net/lines.bin", &bin, err);
	r = r < 0 ? r : lines_rules(buf_view(&bin), dead, &v4, &v6, err);
	r = r < 0 ? r : put(e, "-4", &v4, err);
	r = r < 0 ? r : put(e, "-6", &v6, err);
	r = r < 0 ? r : read_back(e, "-4", buf_view(&v4), err);
	r = r < 0 ? r : read_back(e, "-6", buf_view(&v6), err);
	gen_done(&g);
	buf_done(&bin);
	buf_done(&v4);
	buf_done(&v6);
	return r;
}
