/* Verdicts by SHA-256, so that what was seen needn't be asked again: no lock, no allocation and no system call
 * after init. Holds only clean and malicious. One thread a cache.
 *
 * Entries are of one generation of signatures: scand publishes its number in RUN/scand/generation, mapped
 * read-only by everybody else; when the number changes all older entries are misses. Number 0 (scand never
 * started) makes every look-up a miss. Clean entries also age (max_age_ms).
 * 8-way sets with a clock bit: an attacker who grinds hashes can only push out seven neighbours. */
#ifndef SCAN_CACHE_H
#define SCAN_CACHE_H

#include "scan/verdict.h"

#include <stdatomic.h>

struct err;
struct verdict_cache_slot;

struct verdict_cache {
	struct verdict_cache_slot *slots;
	size_t sets;
	uint64_t seed;
	int64_t max_age_ms; /* 0: none */
	const _Atomic uint64_t *generation;
};

/* entries is rounded to a power of two (128 bytes each). generation: from scan_generation_open(), or the owner's. */
int verdict_cache_init(struct verdict_cache *c, size_t entries, int64_t max_age_ms, const _Atomic uint64_t *generation);
void verdict_cache_done(struct verdict_cache *c);
/* now_ms: clock_mono_ms() the caller has at hand. True fills *ret (cached = true). */
bool verdict_cache_get(struct verdict_cache *c, const uint8_t sha256[VERDICT_SHA], int64_t now_ms, struct verdict *ret);
/* Keeps v when it is clean or malicious and of the present generation. */
void verdict_cache_put(struct verdict_cache *c, const struct verdict *v, int64_t now_ms);

/* The shared page. Readers: never fails for want of scand: until the file is there the number reads 0; call
 * again (each second or so) while *ret is NULL. Writer: creates it and continues from the number found there. */
int scan_generation_open(const _Atomic uint64_t **ret, struct err *err);
int scan_generation_create(_Atomic uint64_t **ret, struct err *err);
void scan_generation_close(const _Atomic uint64_t **p);

#endif
