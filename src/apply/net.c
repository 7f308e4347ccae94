/* Addresses, routes, routing rules and sysctls of a generation (compile/net.c makes the files).
 *
 * net/keys is one object a line: how it is added, a tab, how it is deleted (words of ip(8), without "ip"). What only the
 * new generation has is added, what only the old one has is deleted; both by `ip -force -batch -`. After deletions
 * everything of the new generation is put once more, since deleting an object can take another with it (the routes of an
 * address) or hit a replaced one. "File exists" is no failure of an addition, and deletions may find nothing.
 *
 * The lines come from a jailed child, so a word that would make ip(8) do more than that (run a program, load a file) is
 * refused here. */
#include "apply/engine.h"

#include "apply/pair.h"
#include "wire/place.h"

#include "base/fs.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NET_MAX (32u * MIB)

static bool line_ok(struct str line)
{
	static const char *const heads[] = { "-4 addr ", "-6 addr ", "-4 route ", "-6 route ", "-4 rule ",
		                             "-6 rule " };
	bool known = false;
	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		known |= str_starts(line, str_from(heads[i]));
	for (size_t i = 0; i < line.len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._:/-", line.ptr[i]) || !line.ptr[i])
			return false;
	struct str rest = line, word;
	while (str_next(&rest, ' ', &word))
		if (str_starts(word, STR("xdp")) || str_eq(word, STR("netns")) || str_eq(word, STR("exec")) ||
		    str_eq(word, STR("encap")) || str_eq(word, STR("object")))
			return false;
	return known;
}

struct lines {
	struct str *list; /* sorted */
	size_t n;
};

static int by_bytes(const void *a, const void *b)
{
	const struct str *x = a, *y = b;
	int c = memcmp(x->ptr, y->ptr, x->len < y->len ? x->len : y->len);
	return c ? c : x->len < y->len ? -1 : x->len > y->len;
}

static int split(struct str text, struct lines *l, struct err *err)
{
	size_t n = 0;
	for (size_t i = 0; i < text.len; i++)
		n += text.ptr[i] == '\n';
	*l = (struct lines){ mem_array(n + 1, sizeof *l->list), 0 };
	struct str line;
	if (!l->list)
		return err_set(err, E_NOMEM, "net/keys", "no memory");
	while (text.len && str_next(&text, '\n', &line))
		if (line.len && l->n <= n)
			l->list[l->n++] = line;
	qsort(l->list, l->n, sizeof *l->list, by_bytes);
	return 0;
}

static int append(const struct gen *g, const char *path, struct buf *b, struct err *err)
{
	struct buf one;
	if (!gen_find(g, path))
		return 0;
	buf_init(&one, NET_MAX);
	int r = gen_read(g, path, &one, err);
	if (r == 0)
		buf_str(b, buf_view(&one));
	if (r == 0 && b->failed)
		r = err_set(err, (enum err_code)-b->failed, path, "no memory");
	buf_done(&one);
	return r;
}

int net_keys(const struct gen *g, struct buf *b, struct err *err)
{
	char own[64];
	snprintf(own, sizeof own, "net/own-%s", place_node());
	int r = append(g, own, b, err);
	return r < 0 ? r : append(g, "net/keys", b, err);
}

static int read_keys(const struct gen *g, struct buf *b, struct err *err)
{
	buf_init(b, NET_MAX);
	return net_keys(g, b, err);
}

/* The half (0: add, 1: delete) of each line of `have` that `without` lacks, in file order. */
static int difference(struct str have, const struct lines *without, int half, struct buf *out, struct err *err)
{
	struct str line;
	while (have.len && str_next(&have, '\n', &line)) {
		if (!line.len || bsearch(&line, without->list, without->n, sizeof line, by_bytes))
			continue;
		struct str add, rest = line;
		str_next(&rest, '\t', &add);
		struct str use = half == 0 ? add : rest;
		if (!line_ok(use))
			return err_set(err, E_DENIED, "net/keys", "a line that isn't allowed: %.80s", add.len ? add.ptr : "");
		buf_str(out, use);
		buf_putc(out, '\n');
	}
	return out->failed ? err_set(err, (enum err_code)-out->failed, "net/keys", "no memory") : 0;
}

/* ip's words hold a complaint that matters. */
static bool complains(struct str out)
{
	struct str line;
	while (out.len && str_next(&out, '\n', &line)) {
		bool said = str_starts(line, STR("RTNETLINK answers:")) || str_starts(line, STR("Object ")) || str_starts(line, STR("Error:")) ||
		            str_starts(line, STR("Cannot")) || str_starts(line, STR("cannot"));
		if (said && !str_ends(line, STR("File exists")) && !str_ends(line, STR("File exists.")) &&
		    !str_ends(line, STR("Address already assigned.")))
			return true;
	}
	return false;
}

static int batch_family(const struct env *e, const char *family, struct str input, bool must, struct err *err)
{
	const char *argv[] = { "ip", family, "-force", "-batch", "-", NULL };
	struct buf out;
	int status = 0;
	if (input.len == 0)
		return 0;
	buf_init(&out, MIB);
	int r = e->run(&(struct proc_opts){ .argv = argv, .input = input, .timeout_ms = 60000, .out = &out, .ret_status = &status },
	               err);
	if (r == 0 && (status > 1 || (must && complains(buf_view(&out)))))
		r = err_set(err, E_IO, "ip", "exit code %d: %.300s", status, buf_cstr(&out));
	buf_done(&out);
	return r;
}

/* ip takes its family as an option of the whole batch, so the lines go in two. */
static int batch(const struct env *e, struct str input, bool must, struct err *err)
{
	static const char *const families[] = { "-4", "-6" };
	int r = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(families); i++) {
		struct buf part;
		struct str rest = input, line;
		buf_init(&part, NET_MAX);
		while (rest.len && str_next(&rest, '\n', &line))
			if (str_starts(line, str_from(families[i]))) {
				buf_put(&part, line.ptr + 3, line.len - 3);
				buf_putc(&part, '\n');
			}
		r = part.failed ? err_set(err, (enum err_code)-part.failed, "net/keys", "no memory")
		                : batch_family(e, families[i], buf_view(&part), must, err);
		buf_done(&part);
	}
	return r;
}

static int put_sysctl(const struct env *e, struct str line, struct err *err)
{
	struct str key, value = line;
	char path[512], text[64];
	str_next(&value, '=', &key);
	if (!str_starts(key, STR("net.")) || memchr(key.ptr, '/', key.len) || !str_copy(value, text, sizeof text) ||
	    snprintf(path, sizeof path, "%s/" STR_FMT, e->sysctl_root, STR_ARG(key)) >= (int)sizeof path)
		return err_set(err, E_DENIED, "net/sysctl", "a key that isn't allowed");
	for (char *p = path + strlen(e->sysctl_root) + 1; *p; p++)
		if (*p == '.')
			*p = '/';
	_cleanup_fd_ int fd = fs_fault() ? -1 : open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_errno(err, path, "cannot open");
	return fs_write_all(fd, text, strlen(text), err);
}

/* Interfaces of organisations that aren't there yet have no sysctls; nor has a kernel without IPv6. */
static int sysctl_file(const struct env *e, const struct gen *g, const char *path, struct err *err)
{
	struct buf b;
	struct str rest, line;
	if (!gen_find(g, path))
		return 0;
	buf_init(&b, NET_MAX);
	int r = gen_read(g, path, &b, err);
	rest = buf_view(&b);
	while (r == 0 && rest.len && str_next(&rest, '\n', &line))
		if (line.len && line.ptr[0] != '#')
			r = put_sysctl(e, line, err);
	buf_done(&b);
	return r;
}

static int sysctls(const struct env *e, const struct gen *g, struct err *err)
{
	char own[64];
	snprintf(own, sizeof own, "net/sysctl-%s", place_node());
	int r = sysctl_file(e, g, "net/sysctl", err);
	return r < 0 ? r : sysctl_file(e, g, own, err);
}

/* What `a` has and `b` hasn't, added (half 0) or deleted (half 1). */
static int put_difference(const struct env *e, const struct gen *a, const struct gen *b, int half, struct err *err)
{
	struct buf have, lack, out;
	struct lines lines = { 0 };
	buf_init(&out, NET_MAX);
	buf_init(&lack, NET_MAX);
	int r = read_keys(a, &have, err);
	if (r == 0)
		r = read_keys(b, &lack, err);
	if (r == 0)
		r = split(buf_view(&lack), &lines, err);
	if (r == 0)
		r = difference(buf_view(&have), &lines, half, &out, err);
	if (r == 0)
		r = batch(e, buf_view(&out), half == 0, err);
	mem_free(lines.list);
	buf_done(&have);
	buf_done(&lack);
	buf_done(&out);
	return r;
}

static int net_run(const struct env *e, const struct step *s, const struct gen *from, const struct gen *to, struct err *err)
{
	static const struct gen nothing;
	/* A node of a pair that stands by shows no address, also none that is new. */
	if (s->kind == STEP_NET_ADD) {
		int r = sysctls(e, to, err);
		r = r < 0 || !*to->hex ? r : pair_install(e, to, err);
		return r < 0 ? r : put_difference(e, to, from, 0, err);
	}
	int r = put_difference(e, from, to, 1, err);
	r = r < 0 ? r : put_difference(e, to, &nothing, 0, err);
	return r < 0 || !*to->hex ? r : pair_install(e, to, err);
}

static void net_plan(const struct change *c, enum plan_place place, struct plan *p)
{
	if ((place != PLACE_ADD && place != PLACE_REMOVE) || (!gen_differs(c->from, c->to, "net/") && !gen_differs(c->from, c->to, "pair/")))
		return;
	plan_add(p, place == PLACE_ADD ? STEP_NET_ADD : STEP_NET_DEL, 0, "");
}

const struct engine engine_net = { "net", net_plan, net_run, net_verify };
