/* The bandwidth classes of a generation (compile/shape.c makes the files): htb trees by tc(8), the pseudo interface of
 * each line's inbound side by ip(8), and the table that sends what the line brings through it by nft(8).
 *
 * shape/keys is one object a line, "what TAB which TAB how". All of the new generation is put, also what didn't change: a
 * class that is there is changed in place and loses no packet, and one that somebody changed behind our back is right
 * again. What only the old generation has is deleted, children first; then the new one is put once more, so that each
 * step is the other's undo.
 * A leaf's queue is fq_codel where the kernel has it (flows of one body don't wait for each other), else a plain one of
 * the same length.
 *
 * The lines come from a jailed child: only these words, and only devices, numbers and names. */
#include "apply/engine.h"

#include "base/map.h"
#include "base/mem.h"

#include <stdio.h>

#define SHAPE_MAX (64u * MIB)

struct line {
	struct str what, which, how;
};

static bool plain(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!s.ptr[i] || !strchr("abcdefghijklmnopqrstuvwxyz0123456789 :-", s.ptr[i]))
			return false;
	return true;
}

/* The next line; false at the end, or with *res at one that isn't allowed. */
static bool next_line(struct str *text, struct line *ret, int *res, struct err *err)
{
	struct str line;
	if (*res < 0 || !text->len || !str_next(text, '\n', &line) || !line.len)
		return false;
	struct str rest = line;
	bool ok = str_next(&rest, '\t', &ret->what) && str_next(&rest, '\t', &ret->which);
	ret->how = rest;
	ok = ok && plain(ret->which) && plain(ret->how);
	if (str_eq(ret->what, STR("ifb")))
		ok = ok && str_starts(ret->which, STR("toride-in")) && !memchr(ret->which.ptr, ' ', ret->which.len);
	else
		ok = ok && (str_eq(ret->what, STR("qdisc")) || str_eq(ret->what, STR("class")) || str_eq(ret->what, STR("leaf"))) &&
		     str_starts(ret->which, STR("dev "));
	if (!ok)
		*res = err_set(err, E_DENIED, "shape/keys", "a line that isn't allowed: %.*s", (int)(line.len < 80 ? line.len : 80), line.ptr);
	return ok;
}

static int read_keys(const struct gen *g, struct buf *b, struct err *err)
{
	buf_init(b, SHAPE_MAX);
	return gen_find(g, "shape/keys") ? gen_read(g, "shape/keys", b, err) : 0;
}

/* By object ("what TAB which") its words, which point into text. */
struct shape {
	struct buf text;
	struct map map;
	struct line *lines;
	size_t n;
};

static int shape_read(const struct gen *g, struct shape *s, struct err *err)
{
	map_init(&s->map, 4000000);
	s->lines = NULL;
	s->n = 0;
	int r = read_keys(g, &s->text, err);
	size_t cap = 1;
	for (size_t i = 0; r == 0 && i < s->text.len; i++)
		cap += s->text.ptr[i] == '\n';
	s->lines = r == 0 ? mem_array(cap, sizeof *s->lines) : NULL;
	if (r == 0 && !s->lines)
		r = err_set(err, E_NOMEM, "shape/keys", "no memory");
	struct str rest = buf_view(&s->text);
	for (struct line l; r == 0 && s->n < cap && next_line(&rest, &l, &r, err); s->n++) {
		s->lines[s->n] = l;
		struct str key = { l.what.ptr, (size_t)(l.which.ptr + l.which.len - l.what.ptr) };
		if (map_put(&s->map, key, &s->lines[s->n]) < 0)
			r = err_set(err, E_NOMEM, "shape/keys", "no memory");
	}
	return r;
}

static void shape_done(struct shape *s)
{
	map_done(&s->map);
	mem_free(s->lines);
	buf_done(&s->text);
}

static const struct line *shape_find(const struct shape *s, const struct line *l)
{
	return map_get(&s->map, (struct str){ l->what.ptr, (size_t)(l->which.ptr + l->which.len - l->what.ptr) });
}

/* ---- programs ---- */

/* `harmless`: what may be said though it failed. */
static int batch(const struct env *e, const char *program, struct buf *input, const char *const *harmless, struct err *err)
{
	const char *argv[] = { program, "-force", "-batch", "-", NULL };
	struct buf out;
	int status = 0, r = 0;
	if (input->failed)
		return err_set(err, (enum err_code)-input->failed, "shape", "no memory");
	if (!input->len)
		return 0;
	buf_init(&out, MIB);
	r = e->run(&(struct proc_opts){ .argv = argv, .input = buf_view(input), .timeout_ms = 120000, .out = &out, .ret_status = &status }, err);
	struct str rest = buf_view(&out), line;
	while (r == 0 && status != 0 && rest.len && str_next(&rest, '\n', &line)) {
		bool fine = !line.len || str_starts(line, STR("Command failed")) || str_starts(line, STR("We have an error"));
		for (size_t i = 0; harmless[i]; i++)
			fine |= line.len && memmem(line.ptr, line.len, harmless[i], strlen(harmless[i]));
		if (!fine)
			r = err_set(err, E_IO, program, "%.*s", (int)(line.len < 300 ? line.len : 300), line.ptr);
	}
	buf_done(&out);
	return r;
}

static const char *const exists[] = { "File exists", "Exclusivity flag on", NULL };
static const char *const nothing_said[] = { NULL };
static const char *const gone[] = { "", NULL };

/* ---- putting ---- */

static void put_leaf(struct buf *b, const struct line *l, bool fair)
{
	buf_printf(b, fair ? "qdisc replace " STR_FMT " fq_codel memory_limit " STR_FMT "\n" : "qdisc replace " STR_FMT " bfifo limit " STR_FMT "\n",
	           STR_ARG(l->which), STR_ARG(l->how));
}

/* How the kernel takes the first says which kind it has. */
static int put_leaves(const struct env *e, const struct shape *to, struct err *err)
{
	struct buf b;
	struct err first;
	int r = -1;
	for (int fair = 1; r < 0 && fair >= 0; fair--) {
		buf_init(&b, SHAPE_MAX);
		for (size_t i = 0; i < to->n; i++)
			if (str_eq(to->lines[i].what, STR("leaf")))
				put_leaf(&b, &to->lines[i], fair);
		r = batch(e, "tc", &b, nothing_said, fair ? &first : err);
		buf_done(&b);
		if (r < 0 && fair && !strstr(first.msg, "kind is unknown") && err) {
			*err = first;
			return r;
		}
	}
	return r;
}

static int put_classes(const struct env *e, const struct shape *to, struct err *err)
{
	struct buf links, roots, classes;
	buf_init(&links, MIB);
	buf_init(&roots, MIB);
	buf_init(&classes, SHAPE_MAX);
	for (size_t i = 0; i < to->n; i++) {
		const struct line *l = &to->lines[i];
		if (str_eq(l->what, STR("ifb")))
			buf_printf(&links, "link add name " STR_FMT " type ifb\nlink set " STR_FMT " up\n", STR_ARG(l->which), STR_ARG(l->which));
		else if (str_eq(l->what, STR("qdisc")))
			buf_printf(&roots, "qdisc add " STR_FMT " " STR_FMT "\n", STR_ARG(l->which), STR_ARG(l->how));
		else if (str_eq(l->what, STR("class")))
			buf_printf(&classes, "class replace " STR_FMT " " STR_FMT "\n", STR_ARG(l->which), STR_ARG(l->how));
	}
	int r = batch(e, "ip", &links, exists, err);
	r = r < 0 ? r : batch(e, "tc", &roots, exists, err);
	r = r < 0 ? r : batch(e, "tc", &classes, nothing_said, err);
	buf_done(&links);
	buf_done(&roots);
	buf_done(&classes);
	return r;
}

static int put(const struct env *e, const struct shape *to, struct err *err)
{
	int r = put_classes(e, to, err);
	return r < 0 ? r : put_leaves(e, to, err);
}

/* ---- deleting ---- */

static int drop(const struct env *e, const struct shape *from, const struct shape *to, struct err *err)
{
	struct buf links, tc;
	buf_init(&links, MIB);
	buf_init(&tc, SHAPE_MAX);
	for (size_t i = from->n; i-- > 0;) {
		const struct line *l = &from->lines[i];
		if (shape_find(to, l) || str_eq(l->what, STR("leaf"))) /* a leaf goes with its class */
			continue;
		if (str_eq(l->what, STR("ifb")))
			buf_printf(&links, "link delete " STR_FMT "\n", STR_ARG(l->which));
		else
			buf_printf(&tc, STR_FMT " delete " STR_FMT "\n", STR_ARG(l->what), STR_ARG(l->which));
	}
	int r = batch(e, "tc", &tc, gone, err);
	r = r < 0 ? r : batch(e, "ip", &links, gone, err);
	buf_done(&links);
	buf_done(&tc);
	return r;
}

/* Before its interfaces go and after they came: it names them. */
static int inbound(const struct env *e, const struct gen *to, struct err *err)
{
	char path[512];
	const char *file[] = { "nft", "-f", path, NULL }, *none[] = { "nft", "-f", "-", NULL };
	if (!gen_find(to, "shape/inbound.nft"))
		return env_run(e, none, STR("table netdev toride_shape\ndelete table netdev toride_shape\n"), 20000, err);
	gen_path(path, sizeof path, to->hex, "shape/inbound.nft");
	return env_run(e, file, (struct str){ 0 }, 60000, err);
}

static int take_away(const struct env *e, const struct gen *from, const struct gen *to, const struct shape *kept, struct err *err)
{
	struct shape old = { 0 };
	int r = shape_read(from, &old, err);
	r = r < 0 ? r : inbound(e, to, err);
	r = r < 0 ? r : drop(e, &old, kept, err);
	shape_done(&old);
	return r;
}

static int shape_run(const struct env *e, const struct step *s, const struct gen *from, const struct gen *to, struct err *err)
{
	struct shape b = { 0 };
	int r = shape_read(to, &b, err);
	if (r == 0 && s->kind == STEP_SHAPE_DEL)
		r = take_away(e, from, to, &b, err);
	r = r < 0 ? r : put(e, &b, err);
	if (r == 0 && s->kind == STEP_SHAPE_ADD)
		r = inbound(e, to, err);
	shape_done(&b);
	return r;
}

static void shape_plan(const struct change *c, enum plan_place place, struct plan *p)
{
	if ((place != PLACE_ADD && place != PLACE_REMOVE) || !gen_differs(c->from, c->to, "shape/"))
		return;
	plan_add(p, place == PLACE_ADD ? STEP_SHAPE_ADD : STEP_SHAPE_DEL, 0, "");
}

const struct engine engine_shape = { "shape", shape_plan, shape_run, shape_verify };
