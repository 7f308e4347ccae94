/* A set of patterns as one hash table. Keys are host suffixes, whole URLs and address prefixes; what a key
 * leads to is the chain of patterns that spell it (a list may name a thing twice, and an expired exception
 * must not hide a later one). Built once, then only read. */
#include "url/set.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"

#include <stdio.h>

struct entry {
	uint64_t hash;
	uint32_t off;      /* of the key in text */
	uint16_t len;
	uint8_t kind;
	bool has_url;      /* KEY_HOST: some URL pattern has this host */
	uint32_t chain[2]; /* first pattern + 1; 0: none */
};

struct url_set {
	struct entry *entries;
	uint32_t *slots; /* entry + 1; a power of two of them */
	uint32_t *next;  /* by pattern: the next one with the same key + 1 */
	size_t n_entries, cap_entries, cap_slots, n;
	struct buf text;
	bool any_url, any_addr;
	uint8_t lens[129]; /* address prefixes of this length exist */
	uint64_t seed[2];
};

/* ---- the table ---- */

static uint64_t key_hash(const struct url_set *s, enum url_key_kind kind, const char *key, size_t len)
{
	return kind == KEY_HOST ? url_suffix_hash(key, len) : hash_sip(s->seed, key, len) + kind;
}

static struct entry *lookup(const struct url_set *s, enum url_key_kind kind, uint64_t h, const char *key, size_t len)
{
	for (size_t i = h & (s->cap_slots - 1);; i = (i + 1) & (s->cap_slots - 1)) {
		if (!s->slots[i])
			return NULL;
		struct entry *e = &s->entries[s->slots[i] - 1];
		if (e->hash == h && e->kind == kind && e->len == len && memcmp(s->text.ptr + e->off, key, len) == 0)
			return e;
	}
}

static void slot_put(struct url_set *s, uint32_t entry)
{
	size_t i = s->entries[entry].hash & (s->cap_slots - 1);
	while (s->slots[i])
		i = (i + 1) & (s->cap_slots - 1);
	s->slots[i] = entry + 1;
}

static int grow_slots(struct url_set *s)
{
	size_t cap = s->cap_slots ? s->cap_slots * 2 : 16;
	uint32_t *slots = mem_array(cap, sizeof *slots);
	if (!slots)
		return -E_NOMEM;
	mem_free(s->slots);
	s->slots = slots;
	s->cap_slots = cap;
	for (size_t i = 0; i < s->n_entries; i++)
		slot_put(s, (uint32_t)i);
	return 0;
}

static int grow_entries(struct url_set *s)
{
	size_t cap = s->cap_entries ? s->cap_entries * 2 : 16;
	struct entry *e = mem_grow(s->entries, cap * sizeof *e);
	if (!e)
		return -E_NOMEM;
	s->entries = e;
	s->cap_entries = cap;
	return 0;
}

/* The entry of this key, made when it isn't there; NULL: no memory. */
static struct entry *entry_for(struct url_set *s, enum url_key_kind kind, const char *key, size_t len)
{
	uint64_t h = key_hash(s, kind, key, len);
	struct entry *e = s->cap_slots ? lookup(s, kind, h, key, len) : NULL;
	if (e)
		return e;
	if (s->n_entries * 2 >= s->cap_slots && grow_slots(s) < 0)
		return NULL;
	if (s->n_entries == s->cap_entries && grow_entries(s) < 0)
		return NULL;
	e = &s->entries[s->n_entries];
	*e = (struct entry){ .hash = h, .off = (uint32_t)s->text.len, .len = (uint16_t)len, .kind = (uint8_t)kind };
	buf_put(&s->text, key, len);
	if (s->text.failed)
		return NULL;
	slot_put(s, (uint32_t)s->n_entries++);
	return e;
}

static int add(struct url_set *s, const struct url_pattern *p, uint32_t index)
{
	struct entry *e = entry_for(s, p->kind, p->key, p->key_len);
	if (!e)
		return -E_NOMEM;
	uint32_t *at = &e->chain[p->chain];
	while (*at)
		at = &s->next[*at - 1];
	*at = index + 1;
	if (p->kind == KEY_ADDR) {
		s->any_addr = true;
		s->lens[(uint8_t)p->key[16]] = 1;
	}
	if (p->kind == KEY_URL) {
		s->any_url = true;
		e = entry_for(s, KEY_HOST, p->host, strlen(p->host));
		if (!e)
			return -E_NOMEM;
		e->has_url = true;
	}
	return 0;
}

static int set_new(size_t n, const char *path, struct url_set **ret, struct err *err)
{
	if (n > URL_SET_MAX)
		return err_set(err, E_LIMIT, path, "more than %d patterns", URL_SET_MAX);
	struct url_set *s = mem_alloc(sizeof *s);
	if (!s)
		return err_set(err, E_NOMEM, path, "no memory");
	buf_init(&s->text, 1024 * MIB);
	s->seed[0] = url_suffix_hash("seed", 4);
	s->seed[1] = url_suffix_hash("seed2", 5);
	s->n = n;
	s->next = mem_array(n, sizeof *s->next);
	if (!s->next || grow_slots(s) < 0) {
		url_set_destroy(&s);
		return err_set(err, E_NOMEM, path, "no memory");
	}
	*ret = s;
	return 0;
}

static int add_text(struct url_set *s, struct str text, size_t index, const char *path, struct err *err)
{
	struct url_pattern p;
	struct err why;
	char place[256];
	snprintf(place, sizeof place, "%s[%zu]", path, index);
	int r = url_pattern_parse(text, &p, &why);
	if (r < 0)
		return err_set(err, E_INVALID, place, "%s", why.msg);
	return add(s, &p, (uint32_t)index) < 0 ? err_set(err, E_NOMEM, place, "no memory") : 0;
}

int url_set_build_list(const struct str *patterns, size_t n, const char *path, struct url_set **ret, struct err *err)
{
	struct url_set *s;
	int r = set_new(n, path, &s, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_text(s, patterns[i], i, path, err);
	if (r < 0)
		url_set_destroy(&s);
	else
		*ret = s;
	return r;
}

int url_set_build(yyjson_val *array, const char *path, struct url_set **ret, struct err *err)
{
	struct url_set *s;
	size_t i, n;
	yyjson_val *v;
	if (array && !yyjson_is_arr(array))
		return err_set(err, E_INVALID, path, "must be a list");
	int r = set_new(yyjson_arr_size(array), path, &s, err);
	if (r < 0)
		return r;
	yyjson_arr_foreach(array, i, n, v) {
		if (r == 0)
			r = add_text(s, (struct str){ yyjson_get_str(v), yyjson_get_len(v) }, i, path, err);
	}
	if (r < 0)
		url_set_destroy(&s);
	else
		*ret = s;
	return r;
}

void url_set_destroy(struct url_set **s)
{
	if (!*s)
		return;
	mem_free((*s)->entries);
	mem_free((*s)->slots);
	mem_free((*s)->next);
	buf_done(&(*s)->text);
	mem_free(*s);
	*s = NULL;
}

size_t url_set_count(const struct url_set *s)
{
	return s ? s->n : 0;
}

/* ---- asking ---- */

struct search {
	const struct url_set *set;
	url_accept accept;
	const void *user;
	size_t *ret;
};

static bool take(const struct search *f, uint32_t chain)
{
	for (; chain; chain = f->set->next[chain - 1]) {
		if (f->accept && !f->accept(chain - 1, f->user))
			continue;
		if (f->ret)
			*f->ret = chain - 1;
		return true;
	}
	return false;
}

static bool find_url(const struct search *f, const struct url_target *t)
{
	char key[64 + 256 + 3 * URL_PATH_MAX]; /* a bare '%' becomes %25 */
	for (int query = 1; query >= 0; query--) {
		size_t n = url_key_write(key, sizeof key, t->https, t->host, t->port, t->path, query);
		struct entry *e = n ? lookup(f->set, KEY_URL, key_hash(f->set, KEY_URL, key, n), key, n) : NULL;
		if (e && take(f, e->chain[0]))
			return true;
	}
	return false;
}

static bool find_addr(const struct search *f, const uint8_t addr[16])
{
	char key[17];
	for (int len = 128; len >= 0; len--) {
		if (!f->set->lens[len])
			continue;
		memcpy(key, addr, 16);
		key[16] = (char)len;
		if (len % 8)
			key[len / 8] = (char)((uint8_t)key[len / 8] & (0xff00u >> (len % 8)));
		memset(key + (len + 7) / 8, 0, (size_t)(16 - (len + 7) / 8));
		struct entry *e = lookup(f->set, KEY_ADDR, key_hash(f->set, KEY_ADDR, key, 17), key, 17);
		if (e && take(f, e->chain[0]))
			return true;
	}
	return false;
}

static struct entry *label_entry(const struct url_set *s, const struct url_target *t, size_t i)
{
	return lookup(s, KEY_HOST, t->hash[i], t->host + t->at[i], t->host_len - t->at[i]);
}

bool url_set_find(const struct url_set *s, const struct url_target *t, url_accept accept, const void *user,
                  size_t *ret_index)
{
	struct search f = { s, accept, user, ret_index };
	if (!s || s->n == 0 || t->n_labels == 0)
		return false;
	struct entry *whole = label_entry(s, t, t->n_labels - 1u);
	if (whole && whole->has_url && t->path.ptr && find_url(&f, t))
		return true;
	if (whole && take(&f, whole->chain[CHAIN_EXACT]))
		return true;
	if (t->is_addr)
		return s->any_addr && find_addr(&f, t->addr);
	if (whole && take(&f, whole->chain[CHAIN_BELOW]))
		return true;
	for (size_t i = t->n_labels - 1u; i-- > 0;) {
		struct entry *e = label_entry(s, t, i);
		if (e && take(&f, e->chain[CHAIN_BELOW]))
			return true;
	}
	return false;
}

bool url_set_match(const struct url_set *s, const struct url_target *t, size_t *ret_index)
{
	return url_set_find(s, t, NULL, NULL, ret_index);
}

bool url_set_match_host(const struct url_set *s, struct str host, size_t *ret_index)
{
	struct url_target t;
	struct url_query q = { .scheme = STR("https"), .host = host };
	return url_target_from(&q, &t) == 0 && url_set_match(s, &t, ret_index);
}

bool url_set_wants_path(const struct url_set *s, const struct url_target *t)
{
	if (!s || !s->any_url || t->n_labels == 0)
		return false;
	struct entry *e = label_entry(s, t, t->n_labels - 1u);
	return e && e->has_url;
}
