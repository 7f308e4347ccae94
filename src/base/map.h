/* A hash map from bytes to a pointer, keyed with a random SipHash-like seed so that senders can't aim at it.
 * Has a ceiling on entries. Keys are copied. Not safe for threads. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/str.h"

struct map_slot;
struct map {
	struct map_slot *slots;
	size_t cap, len, dead, max;
	uint64_t seed[2];
};

void map_init(struct map *m, size_t max_entries);
void map_done(struct map *m); /* frees keys and table, not the values */
void *map_get(const struct map *m, struct str key);
/* Puts or replaces. Returns 0, -E_LIMIT or -E_NOMEM. value must not be NULL. */
int map_put(struct map *m, struct str key, void *value);
void *map_del(struct map *m, struct str key); /* the value that was there, or NULL */
/* for (size_t i = 0; map_next(&m, &i, &key, &value);) — removing the entry just seen is allowed. */
bool map_next(const struct map *m, size_t *i, struct str *ret_key, void **ret_value);

/* SipHash-1-3 of the bytes. */
uint64_t hash_sip(const uint64_t seed[2], const void *p, size_t n);
/* SHA-256 (FIPS 180-4). */
#define SHA256_LEN 32
void hash_sha256(const void *p, size_t n, unsigned char ret[SHA256_LEN]);

#endif
