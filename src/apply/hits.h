/* How often each rule of the packet filter decided, kept over reloads, restarts and reboots: the kernel forgets its counters with
 * each change of the filter, STATE/hits doesn't. A rule is known by its name in the filter ("412015/r1/4").
 *
 * STATE/hits: u32 "THIT", u32 n, n × { text name, u64 total, u64 last_count, u64 since_ms, u64 hit_ms }, names strictly ascending.
 * Readable by all: the command line reads it without asking anybody. F-06. */
#ifndef APPLY_HITS_H
#define APPLY_HITS_H

#include "apply/env.h"

#define HIT_NAME 96
#define HITS_MAX 1000000u
#define HITS_PERIOD_MS 300000 /* how exact hit_ms is */
#define HITS_FORGET_MS (400 * INT64_C(86400000)) /* a rule that is no more is remembered that long */

struct hit {
	char name[HIT_NAME];
	uint64_t total;      /* packets that it decided about: of connections mostly the first */
	uint64_t last_count; /* what the kernel showed when it was last read */
	int64_t since_ms;    /* counted from */
	int64_t hit_ms;      /* when more were last seen; 0: never */
};

struct hits {
	struct hit *list; /* by name */
	size_t n, cap;
};

void hits_done(struct hits *h);
int hits_load(struct hits *h, struct err *err); /* empty when there is no file; -E_CORRUPT */
int hits_parse(struct str data, struct hits *h, struct err *err);
int hits_format(const struct hits *h, struct buf *out);
const struct hit *hits_find(const struct hits *h, const char *name);
/* Counted for that long and not seen since. What nobody has counted yet (since_ms 0) isn't known to be unused. */
bool hits_unused(int64_t since_ms, int64_t hit_ms, int64_t now_ms, int64_t for_ms);

/* What the kernel shows now: u32 n, n × { text name, u64 count }, from `nft -j list`'s text. Pure; runs in a child without rights. */
int hits_read(struct str kernel, struct buf *out, struct err *err);
/* Adds what has come since the last reading. A count below the last one began anew. */
int hits_merge(struct hits *h, struct str counts, int64_t now_ms, struct err *err);

/* Held by whoever reads or begins the counts: a descriptor to close, or an error; wait false: -E_STATE while somebody else does. */
int hits_lock(bool wait, struct err *err);
/* Under the lock. Reads the kernel and writes STATE/hits when anything came. Nothing where there is no filter. A failure loses no more than
 * a period's counts, and is for the caller's log. At 1,788 organisations nft takes 4 s for it. */
int hits_keep(const struct env *e, struct err *err);
/* Under the lock: the kernel's counters just began anew. */
int hits_begin(const struct env *e, struct err *err);

#endif
