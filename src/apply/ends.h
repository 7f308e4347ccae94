/* Ends that were ordered as durations: the time to confirm a generation, the life of a block. They are kept as times of day,
 * since they outlive the process; but "undone unless confirmed within 5 minutes" must come neither at once nor never because
 * somebody sets the clock. So whoever looks at them looks here first: when the wall clock was set, all of them move along.
 *
 *   STATE/clock  text boot id, u64 how far the wall clock was ahead of the monotonic one
 *
 * Over a reboot the monotonic clock tells nothing, and the wall clock is believed. */
#ifndef APPLY_ENDS_H
#define APPLY_ENDS_H

#include "base/clock.h"

#include <stdbool.h>

/* At a start, before recovery: compares with what STATE/clock says of this boot, and moves what was set meanwhile. Faults are
 * logged: without the file a step while torided was down goes unnoticed. */
void ends_open(struct clock_watch *w);
/* Was the clock set since the last look? Then the journal and the blocks' file say the new ends, and *ret_block_ms is the next
 * of a block's. A change under way is left alone: it reads the clock when it ends. */
bool ends_look(struct clock_watch *w, int64_t *ret_block_ms);

#endif
