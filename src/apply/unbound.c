/* The resolver's part of a change. A reload keeps the cache and forgets the blocks, which are told again; a restart (only
 * when unbound.conf differs, where stands what it listens on: a reload keeps its sockets) is done by ending it, since the supervisor starts it anew. */
#include "apply/engine.h"

#include "apply/blocks.h"
#include "base/clock.h"
#include "base/mem.h"
#include "wire/place.h"

#include <poll.h>
#include <signal.h>

int unbound_control(const struct env *e, const char *const *words, struct str input, struct err *err)
{
	char conf[PLACE_MAX];
	const char *argv[12] = { "unbound-control", "-c", place_in_state(conf, sizeof conf, "current/unbound/unbound.conf") };
	int n = 3;
	while (*words && n < 11)
		argv[n++] = *words++;
	return env_run(e, argv, input, 15000, err);
}

/* Until another process than `old` answers. */
static int wait_up(const struct env *e, pid_t old, struct err *err)
{
	static const char *const status[] = { "status", NULL };
	int64_t until = clock_mono_ms() + e->wait_ms;
	for (;;) {
		pid_t now = process_pid("unbound");
		if (now > 0 && now != old && unbound_control(e, status, (struct str){ 0 }, NULL) == 0)
			return 0;
		if (clock_mono_ms() > until)
			return err_set(err, E_TIMEOUT, "unbound", "not back within %d ms", e->wait_ms);
		poll(NULL, 0, 50);
	}
}

static int unbound_run(const struct env *e, const struct step *s, const struct gen *from, const struct gen *to,
                       struct err *err)
{
	static const char *const reload[] = { "reload_keep_cache", NULL };
	pid_t pid = process_pid("unbound");
	int r;
	(void)from;
	if (!*to->hex || !process_expected(e, "unbound"))
		return 0; /* the supervisor starts and ends it with STATE/current */
	if (pid <= 0) {
		r = wait_up(e, 0, err);
	} else if (s->arg == UNBOUND_RESTART) {
		kill(pid, SIGTERM);
		r = wait_up(e, pid, err);
	} else {
		r = unbound_control(e, reload, (struct str){ 0 }, err);
	}
	return r < 0 ? r : blocks_tell_unbound(e, err);
}

static void unbound_plan(const struct change *c, enum plan_place place, struct plan *p)
{
	if (place != PLACE_ENGINE || !gen_differs(c->from, c->to, "unbound/"))
		return;
	plan_add(p, STEP_UNBOUND, gen_differs(c->from, c->to, "unbound/unbound.conf") ? UNBOUND_RESTART : UNBOUND_RELOAD, "");
}

const struct engine engine_unbound = { "unbound", unbound_plan, unbound_run, unbound_verify };
