/* Generations come into force here: the library inside torided that plans, journals, applies, verifies and undoes.
 *
 * A generation is STATE/generations/HEX, named by the digest of its description and never changed once it stands there.
 * STATE/current points at the one in force. Whatever fails, whenever the power goes: after apply_open() it is the old
 * generation or the new one, never something between (doc/interfaces/apply.md).
 *
 * The caller is root and parses no text: descriptions are read and compiled by toride-compile, a jailed child; this
 * library reads fixed binary files and compares bytes. Engines are run as programs (nft, ip, unbound-control, conntrack).
 *
 * apply_open() undoes what a crash left half done, puts the blocks back into the kernel, and puts the kernel state of the
 * current generation back when it isn't there (after a reboot). The caller then starts the daemons, and tells
 * apply_engine_started() of each that has become ready.
 *
 * Not for threads: everything happens on the loop given to the first apply_order(). */
#ifndef APPLY_APPLY_H
#define APPLY_APPLY_H

#include "base/err.h"
#include "wire/order.h"

#include <uv.h>

struct apply;

/* Recovers from the journal: old or new generation, never between; re-installs blocks; installs the kernel state of the
 * current generation if it isn't there. Works without any generation too (a fresh node). Blocking, seconds at most. */
int apply_open(struct apply **ret, struct err *err);
void apply_close(struct apply **a); /* a running child is waited for; timers end; blocks stay in the kernel */

/* reply is valid during the call only. */
typedef void (*apply_done)(const struct order_reply *reply, void *user);

/* Carries out one order. apply, confirm and rollback run in a forked child so that the caller's loop goes on, one at a
 * time: -E_STATE while one runs. Blocks are handled at once, in process. done is called exactly once, on the loop, when
 * 0 was returned (for blocks: before apply_order returns), and never when an error was.
 *   ORDER_APPLY     reads STATE/submitted/HEX.json; with confirm_s a timer undoes it unless ORDER_CONFIRM comes in time.
 *                   The deadline stands in the journal, so it outlives the tool that asked and a crash of torided.
 *   ORDER_CONFIRM   keeps it
 *   ORDER_ROLLBACK  to digest, or "" = the generation before the current one
 *   ORDER_STATUS    writes RUN/apply-status.json (as every change does); the reply's text names it */
int apply_order(struct apply *a, uv_loop_t *loop, const struct order *o, apply_done done, void *user, struct err *err);

/* A process of the node ("unbound", "proxyd") has started or come back: what it keeps only in memory of the blocks is
 * given to it again. Call it once it is ready. Cheap for processes that keep nothing. */
void apply_engine_started(struct apply *a, const char *process);

/* It has ended, whatever the reason. */
void apply_engine_ended(struct apply *a, const char *process);

/* Keeps the door of inspected lines (door.h) where it belongs; call it about ten times a second. True when it was moved: then
 * *ret_state is where it is now ("inspect", "bridge", "closed", "none"). */
bool apply_watch_lines(struct apply *a, const char **ret_state);

const char *apply_lines(const struct apply *a); /* the same word, now */
const char *apply_pair(void); /* "active", "standby", "none": what this node does of a pair */

/* Starts the timers of block expiry and of an unconfirmed generation. Call once after apply_open(), before the loop runs;
 * done (may be NULL) is told when a generation was undone because nobody confirmed it. */
int apply_watch(struct apply *a, uv_loop_t *loop, apply_done undone, void *user, struct err *err);

#endif
