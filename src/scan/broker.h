/* From a passed descriptor to a verdict: hash and real type, cache, one scan for the same content at a time, clamd and a
 * worker that walks through it (our rules, and what is contained) side by side.
 *
 * Hashing of more than 64 KiB runs on libuv's threads; all else on the loop's. Every job answers exactly once, at
 * its deadline at the latest, unless it is cancelled. Nothing is parsed here but magic bytes (scan/type.h). */
#ifndef SCAN_BROKER_H
#define SCAN_BROKER_H

#include "scan/cache.h"
#include "scan/clamd.h"
#include "scan/verdict.h"
#include "scan/walker.h"
#include "wire/stats.h"

struct broker;
struct broker_job;

struct broker_opts {
	uv_loop_t *loop;
	struct clamd *clamd;                  /* borrowed, as all here */
	struct walker *walker;                /* NULL: nothing is walked through (tests) */
	const struct walk_limits *limits;     /* may change while it runs */
	struct verdict_cache *cache;
	const _Atomic uint64_t *generation;
	struct stats *stats;
	size_t max_jobs;
};

/* The largest body that is scanned for this organisation ("": unknown), in bytes. */
typedef uint64_t (*broker_limit)(const char *org, void *user);
typedef void (*broker_done)(uint64_t id, const struct verdict *v, void *user);

int broker_open(const struct broker_opts *o, broker_limit limit, void *user, struct broker **ret, struct err *err);
void broker_close(struct broker **b); /* after clamd_close and walker_close; waits for nothing, calls nobody back */
/* Takes fd in any case. NULL: answered already (limit, busy, not a file): *ret says what. */
struct broker_job *broker_submit(struct broker *b, const struct verdict_request *rq, int fd, broker_done done, void *user,
                                 struct verdict *ret);
void broker_cancel(struct broker_job *j);
/* By hash only: the cached verdict or VERDICT_UNKNOWN. */
void broker_lookup(struct broker *b, const uint8_t sha256[VERDICT_SHA], struct verdict *ret);

#endif
