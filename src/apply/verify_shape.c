/* Verify of the bandwidth: every class of shape/keys must be in the kernel with its rate and ceiling, and every line's
 * inbound side must be sent through its pseudo interface. In the verify child, since tc's words are text. */
#include "apply/verify.h"

#include "base/map.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define CLASSES_MAX 4000000

struct rates {
	uint64_t rate, ceil; /* bit/s */
};

/* "1425Mbit" -> 1425000000. tc prints so, and compile writes kbit. */
static uint64_t bits(struct str s)
{
	char text[32], *end;
	if (!str_copy(s, text, sizeof text))
		return 0;
	double v = strtod(text, &end);
	double unit = strncasecmp(end, "g", 1) == 0 ? 1e9 : strncasecmp(end, "m", 1) == 0 ? 1e6 : strncasecmp(end, "k", 1) == 0 ? 1e3 : 1;
	return v < 0 || v * unit > 1e15 ? 0 : (uint64_t)(v * unit);
}

static struct rates rates_of(struct str words)
{
	struct rates r = { 0 };
	struct str word, before = { 0 };
	for (; words.len && str_next(&words, ' ', &word); before = word) {
		if (before.len && str_eq(before, STR("rate")))
			r.rate = bits(word);
		if (before.len && str_eq(before, STR("ceil")))
			r.ceil = bits(word);
	}
	return r;
}

/* tc rounds what it prints to a thousandth at worst. */
static bool near(uint64_t a, uint64_t b)
{
	return (a > b ? a - b : b - a) <= b / 500;
}

/* "class htb 1:5 parent …" of device dev -> "dev wan0 classid 1:5". */
static int take_class(struct map *m, struct arena *arena, struct str dev, struct str line)
{
	struct str rest = line, word;
	char key[96];
	for (int i = 0; i < 3; i++)
		if (!str_next(&rest, ' ', &word))
			return 0;
	snprintf(key, sizeof key, "dev " STR_FMT " classid " STR_FMT, STR_ARG(dev), STR_ARG(word));
	struct rates *r = arena_alloc(arena, sizeof *r);
	if (!r)
		return -E_NOMEM;
	*r = rates_of(rest);
	return map_put(m, str_from(key), r);
}

static int take_kernel(struct map *m, struct arena *arena, struct str kernel, struct err *err)
{
	struct str line, dev = { "", 0 };
	while (kernel.len && str_next(&kernel, '\n', &line)) {
		int r = 0;
		if (str_starts(line, STR("class htb ")))
			r = take_class(m, arena, dev, line);
		else if (line.len > 1 && line.ptr[line.len - 1] == ':' && !memchr(line.ptr, ' ', line.len))
			dev = (struct str){ line.ptr, line.len - 1 };
		if (r < 0)
			return err_set(err, (enum err_code)-r, "shape", "too many classes, or no memory");
	}
	return 0;
}

int verify_classes(struct str keys, struct str kernel, struct err *err)
{
	struct map m;
	struct arena arena;
	struct str line, what, which;
	map_init(&m, CLASSES_MAX);
	arena_init(&arena, 256 * MIB);
	int r = take_kernel(&m, &arena, kernel, err);
	while (r == 0 && keys.len && str_next(&keys, '\n', &line)) {
		struct str rest = line;
		if (!str_next(&rest, '\t', &what) || !str_eq(what, STR("class")) || !str_next(&rest, '\t', &which))
			continue;
		struct rates want = rates_of(rest);
		const struct rates *have = map_get(&m, which);
		if (!have)
			r = err_set(err, E_CORRUPT, "shape", "class " STR_FMT " is not in the kernel", STR_ARG(which));
		else if (!near(have->rate, want.rate) || !near(have->ceil, want.ceil))
			r = err_set(err, E_CORRUPT, "shape", "class " STR_FMT " has rate %llu, ceil %llu in the kernel, not %llu, %llu", STR_ARG(which),
			            (unsigned long long)have->rate, (unsigned long long)have->ceil, (unsigned long long)want.rate,
			            (unsigned long long)want.ceil);
	}
	map_done(&m);
	arena_done(&arena);
	return r;
}

/* ---- asking ---- */

static int ask_device(const struct env *e, struct str dev, struct buf *out, struct err *err)
{
	char name[32];
	const char *argv[] = { "tc", "class", "show", "dev", name, NULL };
	if (!str_copy(dev, name, sizeof name))
		return 0;
	buf_printf(out, "\n%s:\n", name);
	return e->run(&(struct proc_opts){ .argv = argv, .timeout_ms = 30000, .out = out }, err);
}

/* How often `what` stands in the text. */
static size_t count(struct str text, const char *what)
{
	size_t n = 0, len = strlen(what);
	for (const char *at; text.len >= len && (at = memmem(text.ptr, text.len, what, len)); n++)
		text = (struct str){ at + len, (size_t)(text.ptr + text.len - at) - len };
	return n;
}

static int verify_inbound(const struct env *e, size_t lines, struct err *err)
{
	static const char *const argv[] = { "nft", "-t", "list", "table", "netdev", "toride_shape", NULL };
	struct buf out;
	int status = 0;
	buf_init(&out, 64 * MIB);
	int r = e->run(&(struct proc_opts){ .argv = argv, .timeout_ms = 30000, .out = &out, .ret_status = &status }, err);
	if (r == 0 && (status != 0 || count(buf_view(&out), "fwd to \"toride-in") != lines))
		r = err_set(err, E_CORRUPT, "shape", "what the lines bring isn't sent through its classes");
	buf_done(&out);
	return r;
}

int shape_verify(const struct verify_input *in, struct err *err)
{
	struct str keys = in->classes, line, what, which;
	struct buf kernel;
	size_t lines = 0;
	int r = 0;
	if (!in->classes.ptr)
		return 0;
	buf_init(&kernel, 256 * MIB);
	while (r == 0 && keys.len && str_next(&keys, '\n', &line)) {
		struct str rest = line;
		if (!str_next(&rest, '\t', &what) || !str_next(&rest, '\t', &which))
			continue;
		lines += str_eq(what, STR("ifb"));
		if (str_eq(what, STR("qdisc"))) /* "dev wan0 root" */
			r = ask_device(in->env, (struct str){ which.ptr + 4, which.len - 9 }, &kernel, err);
	}
	r = r < 0 ? r : verify_classes(in->classes, buf_view(&kernel), err);
	r = r < 0 ? r : verify_inbound(in->env, lines, err);
	buf_done(&kernel);
	return r;
}
