/* See lines.h. One rule before those of the lines (compile/net.c) leads to the table of the line in use, unless that is the
 * first anyway. It is added before the old one goes, so there is always a way out. While the breakout's line doesn't work, a rule
 * of the same kind leads what breaks out to the line in use. */
#include "apply/lines.h"

#include "apply/generation.h"
#include "base/mem.h"

#include <stdio.h>

#define RULE_PREF 40000
#define BREAKOUT_PREF 30000 /* before the generation's own rule for what breaks out (compile/net.c) */
#define BREAKOUT_MARK "fwmark 0x10000/0x10000 "
#define LINE_TABLE 900
#define LINES_MAX 8

static unsigned line_in_use(uint8_t dead, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!(dead & 1u << i))
			return i;
	return 0;
}

/* One rule at pref to the table of `use`, and none to the others'; own: the line that needs none. */
static void put_choice(struct buf *out, const unsigned char *lines, unsigned n, unsigned family, unsigned use, unsigned own, int pref, const char *mark)
{
	if (use != own && lines[2 * use + 1] & 1u << family)
		buf_printf(out, "rule add pref %d %slookup %d\n", pref, mark, LINE_TABLE + lines[2 * use]);
	for (unsigned i = 0; i < n; i++)
		if ((i != use || use == own) && lines[2 * i + 1] & 1u << family)
			buf_printf(out, "rule delete pref %d %slookup %d\n", pref, mark, LINE_TABLE + lines[2 * i]);
}

int lines_rules(struct str bin, uint8_t dead, struct buf *v4, struct buf *v6, struct err *err)
{
	const unsigned char *p = (const unsigned char *)bin.ptr;
	unsigned n = bin.len ? p[0] : 0;
	bool breakout = bin.len == 2 + 2 * n;
	if (n == 0 || n > LINES_MAX || (bin.len != 1 + 2 * n && !breakout) || (breakout && p[1 + 2 * n] >= n))
		return err_set(err, E_CORRUPT, "net/lines.bin", "malformed");
	unsigned use = line_in_use(dead, n), own = breakout ? p[1 + 2 * n] : 0;
	struct buf *const out[] = { v4, v6 };
	for (unsigned f = 0; f < 2; f++) {
		put_choice(out[f], p + 1, n, f, use, 0, RULE_PREF, "");
		/* without a breakout: what an older generation's failure has left goes */
		put_choice(out[f], p + 1, n, f, breakout && dead & 1u << own && !(dead & 1u << use) ? use : own, own, BREAKOUT_PREF, BREAKOUT_MARK);
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

/* The rule of one line, and no other, stands at pref; none at all for the line that needs none. */
static int read_one(const struct env *e, const char *family, struct str rules, int pref, struct err *err)
{
	char at[16], added[32], want[32] = "";
	const char *argv[] = { "ip", family, "rule", "show", "pref", at, NULL };
	struct str line;
	struct buf out;
	unsigned others = 0, found = 0;
	snprintf(at, sizeof at, "%d", pref);
	snprintf(added, sizeof added, "rule add pref %d ", pref);
	for (struct str rest = rules; rest.len && str_next(&rest, '\n', &line);)
		if (str_starts(line, str_from(added)))
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

static int read_back(const struct env *e, const char *family, struct str rules, struct err *err)
{
	int r = read_one(e, family, rules, RULE_PREF, err);
	return r < 0 ? r : read_one(e, family, rules, BREAKOUT_PREF, err);
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
