/* Counters that every process shows and `toride status`, the board and the page read.
 *
 * A process maps RUN/stats/NAME (fixed size, of which only the rows in use take memory); one writer a file (threads add atomically), many readers.
 * Counters are per organisation by 6-digit code ("" = the whole process). Names are snake_case English:
 * requests, denied, blocked, bytes_in, bytes_out, verdict_cache_hits, events, findings, dropped … */
#ifndef WIRE_STATS_H
#define WIRE_STATS_H

#include "base/str.h"

#include <stdatomic.h>

struct stats;
struct err;

#define STATS_ROWS 65536 /* (organisation, name) pairs a process may have: 36 for each body of the whole nation */

int stats_open(const char *process, struct stats **ret, struct err *err); /* creates, empties */
void stats_close(struct stats **s);
/* The counter, made at the first call; a spare one that nobody reads when the table is full. A look-up takes a lock
 * and a hash: where it is hot keep the pointer, adding is then one atomic add. */
_Atomic uint64_t *stats_counter(struct stats *s, const char *org, const char *name);
static inline void stats_add(_Atomic uint64_t *c, uint64_t n)
{
	atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}
static inline void stats_set(_Atomic uint64_t *c, uint64_t n)
{
	atomic_store_explicit(c, n, memory_order_relaxed);
}
/* Reads all rows of all processes found in RUN/stats. */
int stats_read_all(void (*fn)(const char *process, const char *org, const char *name, uint64_t value, void *user),
                   void *user, struct err *err);

#endif
