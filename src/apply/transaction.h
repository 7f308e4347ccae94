/* One change from beginning to end, in the process that calls: prepare, check, plan, journal, steps, verify; undo when
 * anything fails. torided runs these in a forked child (apply.c); `toride --console rollback` calls them on the node itself.
 *
 * The lock STATE/apply.lock is held meanwhile: there is one change at a time, whoever orders it. */
#ifndef APPLY_TRANSACTION_H
#define APPLY_TRANSACTION_H

#include "apply/engine.h"
#include "apply/journal.h"

struct change_opts {
	const char *to;      /* HEX; "" on a rollback: the previous one */
	bool rollback;       /* to must be there already; nothing is compiled */
	uint32_t confirm_s;  /* 0: final at once */
	enum journal_by by;
};

/* 0: in force and verified. -E_EXISTS: it was in force already, nothing was touched. Otherwise the old generation is in
 * force and *err says what failed; or, when that couldn't be restored either, words about "degraded" are in *err. */
int change_run(const struct env *e, const struct change_opts *o, struct err *err);
int change_confirm(struct err *err);
/* The wall clock was set by so much: an unconfirmed generation keeps the time it was given. -E_STATE while a change is under
 * way, which reads the clock itself. */
int change_clock_set(int64_t by_ms, struct err *err);
/* After a crash or a reboot: finishes the undo, undoes what nobody confirmed in time, and installs the current
 * generation's kernel state when it isn't there. Blocks are installed in any case. starting: no daemon runs yet. */
int change_recover(const struct env *e, bool starting, struct err *err);

/* The steps that lead from one generation to the other. Pure but for reading their files. */
int plan_make(const struct change *c, struct plan *ret);

/* RUN/apply-status.json, for controld: {"current":HEX,"previous":HEX,"confirm_until":ms,"degraded":b,"changing":b,
 * "blocks":n}; path gets its name (PLACE_MAX). */
int change_status(bool changing, char *path, struct err *err);

/* Appends to STATE/apply.log: what was ordered by whom and how it ended (one JSON object a line). */
void change_log(enum journal_by by, const char *what, const char *from, const char *to, const struct err *result);

#endif
