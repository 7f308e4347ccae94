/* Building the index: entries become slots at once; sorted by hash they lie in the order of the file, so the table is
 * written once, from front to back. Sorting is by the first 16 bits, then within each group: 10 million take about a
 * second, and nothing but the slots is in memory. */
#include "url/index_build.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "url/index_file.h"
#include "url/set.h"

#include <stdlib.h>
#include <zlib.h>

#define GROUPS 65536u
#define NO_CATEGORY 0xffffu /* of a mark that a host has paths, and of exemptions */

struct url_build {
	struct index_header h;
	struct slot *slots; /* while building, set is the category's number */
	size_t n, cap;
	struct url_index_source *sources;
	size_t n_sources, cap_sources;
	uint64_t *sets; /* of the file */
	struct map by_set;
	uint64_t last_mask;
	uint16_t last_set;
};

int url_build_create(struct url_build **ret, struct err *err)
{
	struct url_build *b = mem_alloc(sizeof *b);
	if (!b)
		return err_set(err, E_NOMEM, "", "no memory");
	memcpy(b->h.magic, INDEX_MAGIC, 8);
	rnd_bytes(b->h.secret, sizeof b->h.secret);
	b->h.id = rnd_u64();
	map_init(&b->by_set, INDEX_SETS - 1);
	*ret = b;
	return 0;
}

void url_build_destroy(struct url_build **p)
{
	struct url_build *b = *p;
	*p = NULL;
	if (!b)
		return;
	map_done(&b->by_set);
	mem_free(b->slots);
	mem_free(b->sources);
	mem_free(b->sets);
	mem_free(b);
}

int url_build_category(struct url_build *b, struct str name)
{
	for (uint32_t i = 0; i < b->h.n_categories; i++)
		if (str_eq(str_from(b->h.category[i]), name))
			return (int)i;
	if (!index_category_ok(name))
		return -E_INVALID;
	if (b->h.n_categories == URL_CATEGORIES)
		return -E_LIMIT;
	memcpy(b->h.category[b->h.n_categories], name.ptr, name.len);
	return (int)b->h.n_categories++;
}

int url_build_source(struct url_build *b, const struct url_index_source *s)
{
	if (b->n_sources == INDEX_SOURCES)
		return -E_LIMIT;
	if (b->n_sources == b->cap_sources) {
		size_t cap = b->cap_sources ? 2 * b->cap_sources : 16;
		struct url_index_source *p = mem_grow(b->sources, cap * sizeof *p);
		if (!p)
			return -E_NOMEM;
		b->sources = p;
		b->cap_sources = cap;
	}
	b->sources[b->n_sources++] = *s;
	return 0;
}

/* ---- entries ---- */

static int put(struct url_build *b, const struct url_key *k, int category, uint8_t flags)
{
	if (b->n >= URL_BUILD_MAX)
		return -E_LIMIT;
	if (b->n == b->cap) {
		size_t cap = b->cap ? b->cap + b->cap / 2 : 4096;
		struct slot *p = mem_grow(b->slots, cap * sizeof *p);
		if (!p)
			return -E_NOMEM;
		b->slots = p;
		b->cap = cap;
	}
	b->slots[b->n++] = (struct slot){ .hi = k->hi, .lo = k->lo, .set = category < 0 ? NO_CATEGORY : (uint16_t)category,
		                          .kind = (uint8_t)k->kind, .flags = flags };
	return 0;
}

static int put_path(struct url_build *b, const struct url_entry *e, uint8_t flags)
{
	struct url_sip s;
	struct url_key k, keys[URL_PATH_KEYS];
	const struct url_target *t = e->t;
	char text[3 * URL_PATTERN_MAX + 2];
	if (t->path.len > URL_PATTERN_MAX)
		return -E_INVALID;
	url_sip_init(&s, b->h.secret);
	url_sip_host(&s, t, url_bare_labels(t), NULL);
	url_key_end(&s, URL_KIND_HOST, &k);
	int r = put(b, &k, -1, SLOT_PATHS);
	url_sip_port(&s, e->port);
	if (e->kind == URL_KIND_QUERY) {
		url_sip_text(&s, text, url_path_normalise(t->path, true, text, sizeof text));
		url_key_end(&s, URL_KIND_QUERY, &k);
		return r < 0 ? r : put(b, &k, e->category, flags);
	}
	struct str bare = { text, url_path_loose(t->path, text) };
	size_t n = url_path_keys(&s, bare, keys), trimmed = bare.len;
	while (trimmed && text[trimmed - 1] == '/')
		trimmed--;
	if (n == 0 || keys[0].at != trimmed)
		return -E_INVALID;
	return r < 0 ? r : put(b, &keys[0], e->category, flags);
}

int url_build_add(struct url_build *b, const struct url_entry *e)
{
	struct url_sip s;
	struct url_key k;
	uint8_t flags = e->category < 0 ? SLOT_EXEMPT : 0;
	if (e->kind == URL_KIND_PATH || e->kind == URL_KIND_QUERY)
		return put_path(b, e, flags);
	if (e->kind == URL_KIND_ADDR) {
		url_key_addr(b->h.secret, e->t->addr, e->len, &k);
		b->h.lens[e->len] = 1;
	} else {
		url_sip_init(&s, b->h.secret);
		url_sip_host(&s, e->t, e->t->n_labels, NULL);
		url_key_end(&s, e->kind, &k);
		if (e->kind == URL_KIND_DOMAIN && !e->below_only)
			flags |= SLOT_SELF;
		if (e->kind == URL_KIND_DOMAIN && e->t->n_labels == 1)
			b->h.any_top = 1;
	}
	return put(b, &k, e->category, flags);
}

/* ---- the file ---- */

static int by_key(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;
	if (x->hi != y->hi)
		return x->hi < y->hi ? -1 : 1;
	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	return (int)x->kind - (int)y->kind;
}

static int sort(struct url_build *b)
{
	size_t *at = mem_array(GROUPS + 1, sizeof *at);
	struct slot *out = mem_array(b->n + 1, sizeof *out);
	if (!at || !out) {
		mem_free(at);
		mem_free(out);
		return -E_NOMEM;
	}
	for (size_t i = 0; i < b->n; i++)
		at[(b->slots[i].hi >> 48) + 1]++;
	for (size_t g = 0; g < GROUPS; g++)
		at[g + 1] += at[g];
	for (size_t i = 0; i < b->n; i++)
		out[at[b->slots[i].hi >> 48]++] = b->slots[i];
	for (size_t g = 0, from = 0; g < GROUPS; from = at[g++])
		qsort(out + from, at[g] - from, sizeof *out, by_key);
	mem_free(at);
	mem_free(b->slots);
	b->slots = out;
	b->cap = b->n + 1;
	return 0;
}

/* The number of a set of categories. */
static int set_number(struct url_build *b, uint64_t mask, uint16_t *ret)
{
	if (mask == b->last_mask) {
		*ret = b->last_set;
		return 0;
	}
	struct str key = { (const char *)&mask, sizeof mask };
	uintptr_t n = (uintptr_t)map_get(&b->by_set, key);
	if (mask && !n) {
		n = ++b->h.n_sets; /* 0 is the empty set */
		int r = map_put(&b->by_set, key, (void *)n);
		if (r < 0)
			return r;
		b->sets[n] = mask;
	}
	b->last_mask = mask;
	b->last_set = (uint16_t)n;
	*ret = (uint16_t)n;
	return 0;
}

/* Equal keys become one entry; sets get their numbers. */
static int merge(struct url_build *b)
{
	size_t n = 0;
	b->sets = mem_array(INDEX_SETS + 1, sizeof *b->sets);
	if (!b->sets)
		return -E_NOMEM;
	for (size_t i = 0, k; i < b->n; i = k) {
		struct slot s = b->slots[i];
		uint64_t mask = 0;
		bool exempt = true;
		s.flags = 0;
		for (k = i; k < b->n && by_key(&b->slots[i], &b->slots[k]) == 0; k++) {
			const struct slot *e = &b->slots[k];
			mask |= e->set == NO_CATEGORY ? 0 : 1ull << e->set;
			exempt = exempt && ((e->flags & SLOT_EXEMPT) || (e->flags & SLOT_PATHS));
			s.flags |= e->flags;
		}
		if (!exempt) /* one list exempts what another lists: it is listed */
			s.flags = (uint8_t)(s.flags & ~SLOT_EXEMPT);
		int r = set_number(b, mask, &s.set);
		if (r < 0)
			return r;
		b->h.entries += mask || (s.flags & SLOT_EXEMPT);
		b->slots[n++] = s;
	}
	b->n = n;
	b->h.n_sets++;
	return 0;
}

static uint64_t up_to(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

/* False: too full at some place. */
static bool fill(const struct url_build *b, struct slot *table)
{
	uint64_t at = 0;
	for (size_t i = 0; i < b->n; i++) {
		uint64_t home = index_home(b->slots[i].hi, b->h.homes);
		at = at > 4 * home ? at : 4 * home;
		if (at / 4 - home >= INDEX_REACH)
			return false;
		table[at++] = b->slots[i];
	}
	return true;
}

static int write_out(struct url_build *b, struct buf *out)
{
	struct index_header *h = &b->h;
	for (h->homes = b->n / 3 + 1;; h->homes += h->homes / 16 + 1) {
		h->n_sources = (uint32_t)b->n_sources;
		h->at_sources = INDEX_PAGE;
		h->at_sets = up_to(h->at_sources + b->n_sources * sizeof *b->sources, 8);
		h->words = b->n / 5 + 1;
		h->at_filter = up_to(h->at_sets + h->n_sets * 8ull, INDEX_PAGE);
		h->at_table = up_to(h->at_filter + h->words * 8, INDEX_PAGE);
		h->size = h->at_table + (h->homes + INDEX_REACH) * sizeof(struct bucket);
		buf_reset(out);
		if (!buf_room(out, h->size))
			return out->failed ? out->failed : -E_NOMEM;
		memset(out->ptr, 0, h->size);
		out->len = h->size;
		if (fill(b, (struct slot *)(void *)(out->ptr + h->at_table)))
			break;
	}
	memcpy(out->ptr + h->at_sources, b->sources ? (const void *)b->sources : "", b->n_sources * sizeof *b->sources);
	memcpy(out->ptr + h->at_sets, b->sets, h->n_sets * 8ull);
	uint64_t *filter = (uint64_t *)(void *)(out->ptr + h->at_filter);
	for (size_t i = 0; i < b->n; i++)
		filter[index_home(b->slots[i].hi, h->words)] |= index_filter_bits(b->slots[i].lo);
	memcpy(out->ptr, h, sizeof *h);
	h->crc = crc32_z(0, (const Bytef *)out->ptr, h->size);
	memcpy(out->ptr + offsetof(struct index_header, crc), &h->crc, sizeof h->crc);
	return 0;
}

int url_build_finish(struct url_build *b, int64_t now_ms, struct buf *out, uint64_t *ret_entries, struct err *err)
{
	b->h.built_ms = now_ms;
	int r = sort(b);
	r = r < 0 ? r : merge(b);
	r = r < 0 ? r : write_out(b, out);
	if (r < 0)
		return err_set(err, (enum err_code)-r, "", r == -E_LIMIT ? "too many entries, or too many different sets of categories" : "no memory");
	*ret_entries = b->h.entries;
	return 0;
}
