/* The hidden primary's part of a change. Only zones whose file differs are loaded again: one body's record is one zone's
 * difference, signed and handed on; the others are neither read nor touched. Which zones there are is read again by a reload;
 * where it listens only by a restart. */
#include "apply/engine.h"

#include "base/mem.h"
#include "wire/place.h"

#include <stdio.h>

#define ZONE_DIR "knot/zones/"
#define ZONES_AT_ONCE 64

static int knotc(const struct env *e, const char *const *words, struct err *err)
{
	char sock[PLACE_MAX];
	const char *argv[8 + ZONES_AT_ONCE] = { "knotc", "-b", "-t", "50", "-s", place_in_run(sock, sizeof sock, "knot/knot.sock") };
	size_t n = 6;
	while (*words && n < ARRAY_LEN(argv) - 1)
		argv[n++] = *words++;
	return env_run(e, argv, (struct str){ 0 }, 60000, err);
}

static int answers(const struct env *e, const char *name, struct err *err)
{
	static const char *const status[] = { "status", NULL };
	(void)name;
	return knotc(e, status, err);
}

/* "knot/zones/town.example.zone" -> "town.example"; false for another file. */
static bool zone_of(const char *path, char *dst, size_t size)
{
	struct str p = str_from(path), head = STR(ZONE_DIR), tail = STR(".zone");
	if (!str_starts(p, head) || !str_ends(p, tail) || p.len <= head.len + tail.len)
		return false;
	return str_copy((struct str){ p.ptr + head.len, p.len - head.len - tail.len }, dst, size);
}

static bool same_file(const struct gen *a, const struct gen_file *f)
{
	const struct gen_file *old = gen_find(a, f->path);
	return old && memcmp(old->sha, f->sha, SHA256_LEN) == 0;
}

/* Waited for: a secondary that asked before a zone is signed would ask again only after seconds. */
static int reload_zones(const struct env *e, const struct gen *from, const struct gen *to, struct err *err)
{
	static char names[ZONES_AT_ONCE][256]; /* in the change's own child: one at a time */
	const char *words[ZONES_AT_ONCE + 2] = { "zone-reload" };
	size_t n = 0;
	int r = 0;
	for (size_t i = 0; r == 0 && i < to->n; i++) {
		if (same_file(from, &to->files[i]) || !zone_of(to->files[i].path, names[n], sizeof names[n]))
			continue;
		words[n + 1] = names[n];
		if (++n == ZONES_AT_ONCE) {
			r = knotc(e, words, err);
			n = 0;
		}
		words[n + 1] = NULL;
	}
	words[n + 1] = NULL;
	return r == 0 && n ? knotc(e, words, err) : r;
}

static int knot_run(const struct env *e, const struct step *s, const struct gen *from, const struct gen *to, struct err *err)
{
	static const char *const reload[] = { "reload", NULL };
	pid_t pid = process_pid("knot");
	if (!gen_find(to, "knot/knot.conf") || !process_expected(e, "knot"))
		return 0; /* the supervisor starts and ends it with STATE/current */
	bool fresh = !gen_find(from, "knot/knot.conf");
	bool restart = s->arg == KNOT_RESTART && !fresh;
	int r = process_wait(e, "knot", restart && pid > 0 ? pid : 0, answers, err);
	if (restart)
		return r;
	if (r == 0 && !fresh && s->arg == KNOT_RELOAD)
		r = knotc(e, reload, err);
	return r < 0 || fresh ? r : reload_zones(e, from, to, err);
}

static void knot_plan(const struct change *c, enum plan_place place, struct plan *p)
{
	if (place != PLACE_ENGINE || !gen_differs(c->from, c->to, "knot/"))
		return;
	plan_add(p, STEP_KNOT, gen_differs(c->from, c->to, "knot/knot.conf")    ? KNOT_RESTART
	                       : gen_differs(c->from, c->to, "knot/zones.conf") ? KNOT_RELOAD
	                                                                        : KNOT_ZONES, "");
}

const struct engine engine_knot = { "knot", knot_plan, knot_run, NULL };
