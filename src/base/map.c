/* See map.h. Open addressing, linear probing, tombstones; grows at 70 %. */
#include "base/map.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <openssl/sha.h>

struct map_slot {
	char *key; /* NULL: never used; &dead_key: removed */
	size_t len;
	uint64_t hash;
	void *value;
};

static char dead_key;

static inline uint64_t rotl(uint64_t x, int b)
{
	return x << b | x >> (64 - b);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1], v[1] = rotl(v[1], 13) ^ v[0], v[0] = rotl(v[0], 32);
	v[2] += v[3], v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3], v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1], v[1] = rotl(v[1], 17) ^ v[2], v[2] = rotl(v[2], 32);
}

uint64_t hash_sip(const uint64_t seed[2], const void *p, size_t n)
{
	const unsigned char *c = p;
	uint64_t v[4] = { seed[0] ^ 0x736f6d6570736575u, seed[1] ^ 0x646f72616e646f6du, seed[0] ^ 0x6c7967656e657261u,
		          seed[1] ^ 0x7465646279746573u };
	uint64_t last = (uint64_t)n << 56, m;
	for (; n >= 8; n -= 8, c += 8) {
		memcpy(&m, c, 8);
		v[3] ^= m;
		sip_round(v);
		v[0] ^= m;
	}
	for (size_t i = 0; i < n; i++)
		last |= (uint64_t)c[i] << (8 * i);
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void hash_sha256(const void *p, size_t n, unsigned char ret[SHA256_LEN])
{
	SHA256(p, n, ret);
}

void map_init(struct map *m, size_t max_entries)
{
	*m = (struct map){ .max = max_entries };
	rnd_bytes(m->seed, sizeof m->seed);
}

static bool alive(const struct map_slot *s)
{
	return s->key && s->key != &dead_key;
}

void map_done(struct map *m)
{
	for (size_t i = 0; i < m->cap; i++)
		if (alive(&m->slots[i]))
			mem_free(m->slots[i].key);
	mem_free(m->slots);
	*m = (struct map){ .max = m->max, .seed = { m->seed[0], m->seed[1] } };
}

static struct map_slot *find(const struct map *m, struct str key, uint64_t h)
{
	if (m->cap == 0)
		return NULL;
	for (size_t i = h & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct map_slot *s = &m->slots[i];
		if (!s->key)
			return NULL;
		if (s->key != &dead_key && s->hash == h && s->len == key.len && memcmp(s->key, key.ptr, key.len) == 0)
			return s;
	}
}

void *map_get(const struct map *m, struct str key)
{
	if (m->len == 0)
		return NULL;
	struct map_slot *s = find(m, key, hash_sip(m->seed, key.ptr, key.len));
	return s ? s->value : NULL;
}

static void place(struct map_slot *slots, size_t cap, struct map_slot s)
{
	size_t i = s.hash & (cap - 1);
	while (slots[i].key)
		i = (i + 1) & (cap - 1);
	slots[i] = s;
}

static int grow(struct map *m)
{
	size_t cap = 16;
	while (cap * 7 / 10 <= m->len + 1)
		cap *= 2;
	struct map_slot *slots = mem_array(cap, sizeof *slots);
	if (!slots)
		return -E_NOMEM;
	for (size_t i = 0; i < m->cap; i++)
		if (alive(&m->slots[i]))
			place(slots, cap, m->slots[i]);
	mem_free(m->slots);
	m->slots = slots;
	m->cap = cap;
	m->dead = 0;
	return 0;
}

int map_put(struct map *m, struct str key, void *value)
{
	uint64_t h = hash_sip(m->seed, key.ptr, key.len);
	struct map_slot *s = find(m, key, h);
	if (s) {
		s->value = value;
		return 0;
	}
	if (m->len >= m->max)
		return -E_LIMIT;
	if ((m->len + m->dead + 1) * 10 > m->cap * 7 && grow(m) < 0)
		return -E_NOMEM;
	char *copy = mem_strndup(key.ptr, key.len);
	if (!copy)
		return -E_NOMEM;
	place(m->slots, m->cap, (struct map_slot){ copy, key.len, h, value });
	m->len++;
	return 0;
}

void *map_del(struct map *m, struct str key)
{
	struct map_slot *s = m->len ? find(m, key, hash_sip(m->seed, key.ptr, key.len)) : NULL;
	if (!s)
		return NULL;
	mem_free(s->key);
	s->key = &dead_key;
	m->len--;
	m->dead++;
	return s->value;
}

bool map_next(const struct map *m, size_t *i, struct str *ret_key, void **ret_value)
{
	for (; *i < m->cap; (*i)++) {
		const struct map_slot *s = &m->slots[*i];
		if (!alive(s))
			continue;
		if (ret_key)
			*ret_key = (struct str){ s->key, s->len };
		*ret_value = s->value;
		(*i)++;
		return true;
	}
	return false;
}
