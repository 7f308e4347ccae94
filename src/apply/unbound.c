/* The resolver's part of a change. A reload keeps the cache and forgets the blocks, which are told again; a restart (only
 * when unbound.conf differs, where stands what it listens on: a reload keeps its sockets) is done by ending it, since the supervisor starts it anew. */
#include "apply/engine.h"

#include "apply/blocks.h"
#include "base/mem.h"
#include "wire/place.h"

int unbound_control(const struct env *e, const char *const *words, struct str input, struct err *err)
{
	char conf[PLACE_MAX];
	const char *argv[12] = { "unbound-control", "-c", place_in_state(conf, sizeof conf, "current/unbound/unbound.conf") };
	int n = 3;
	while (*words && n < 11)
		argv[n++] = *words++;
	return env_run(e, argv, input, 15000, err);
}

static int answers(const struct env *e, const char *name, struct err *err)
{
	static const char *const status[] = { "status", NULL };
	(void)name;
	return unbound_control(e, status, (struct str){ 0 }, err);
}

static int unbound_run(const struct env *e, const struct step *s, const struct gen *from, const struct gen *to,
                       struct err *err)
{
	static const char *const reload[] = { "reload_keep_cache", NULL };
	pid_t pid = process_pid("unbound");
	bool fresh = !gen_find(from, "unbound/unbound.conf"); /* one that runs was started with what comes now */
	int r;
	if (!*to->hex || !process_expected(e, "unbound"))
		return 0; /* the supervisor starts and ends it with STATE/current */
	if (pid <= 0 || s->arg == UNBOUND_RESTART)
		r = process_wait(e, "unbound", pid > 0 && !fresh ? pid : 0, answers, err);
	else
		r = unbound_control(e, reload, (struct str){ 0 }, err);
	return r < 0 ? r : blocks_tell_unbound(e, err);
}

static void unbound_plan(const struct change *c, enum plan_place place, struct plan *p)
{
	if (place != PLACE_ENGINE || !gen_differs(c->from, c->to, "unbound/"))
		return;
	plan_add(p, STEP_UNBOUND, gen_differs(c->from, c->to, "unbound/unbound.conf") ? UNBOUND_RESTART : UNBOUND_RELOAD, "");
}

const struct engine engine_unbound = { "unbound", unbound_plan, unbound_run, unbound_verify };
