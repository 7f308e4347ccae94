/* torided's journal of the change under way: STATE/journal. It knows what was begun, so that whatever happens the machine
 * can be put back to the old generation or be known to stand at the new one.
 *
 * A record is u32 length, payload, and the first 8 bytes of the payload's SHA-256. A record is on disk before what it
 * announces happens. A torn last record therefore announces nothing that happened, and reading stops there. The file is
 * rewritten (atomically) when a change begins, with room for all its records, so a full disk can't stop an undo.
 *
 * `undo is stored before apply`: BEGIN holds both generations and all steps. Generations never change, so a step together
 * with the pair in reverse order is its undo. */
#ifndef APPLY_JOURNAL_H
#define APPLY_JOURNAL_H

#include "apply/step.h"
#include "base/err.h"

enum journal_phase { PHASE_IDLE, PHASE_APPLYING, PHASE_UNDOING };
enum journal_by { BY_ORDER, BY_CONSOLE, BY_EXPIRY, BY_RECOVERY };

/* What the journal says, told in full. */
struct journal_state {
	enum journal_phase phase;
	char from[GEN_NAME], to[GEN_NAME]; /* of the change under way; while idle of the last one */
	char current[GEN_NAME];            /* in force when idle */
	char previous[GEN_NAME];           /* what rollback without a name goes to; "" = nothing */
	int64_t deadline_ms;               /* UTC: `current` is undone unless confirmed before; 0 = confirmed */
	int64_t was_deadline_ms;           /* the same of `from`, which an undo brings back */
	bool degraded;                     /* an undo failed: the machine must be installed anew from `current` */
	uint8_t by;
	struct plan plan;
	bool started[PLAN_MAX], undone[PLAN_MAX];
};

struct journal {
	int fd;
	uint64_t at; /* where the next record goes */
};

/* Reads it; a missing one is idle without a generation. -E_CORRUPT when not even the first record can be read. */
int journal_load(struct journal_state *ret, struct err *err);
int journal_parse(struct str data, struct journal_state *ret, uint64_t *ret_end, struct err *err);

/* A new change: rewrites the file. j is closed by journal_close(). */
int journal_begin(struct journal *j, const struct journal_state *s, struct err *err);
/* Goes on where a crash stopped. */
int journal_reopen(struct journal *j, struct err *err);
void journal_close(struct journal *j);

int journal_step_start(struct journal *j, unsigned step, struct err *err);
int journal_commit(struct journal *j, int64_t deadline_ms, struct err *err);
int journal_undo_start(struct journal *j, struct err *err);
int journal_step_undone(struct journal *j, unsigned step, struct err *err);
int journal_undone(struct journal *j, struct err *err);
/* Rewrites the file as one record: at rest at current. */
int journal_rest(const struct journal_state *s, struct err *err);

#endif
