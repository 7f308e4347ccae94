/* The block table of the proxy; see blocks.h. Names and URLs are looked up by hash, so that a large table costs a
 * request nothing; addresses are few and walked. */
#include "proxy/blocks.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "url/url.h"
#include "wire/cursor.h"

#include <stdio.h>
#include <string.h>

#define KEY_MAX 600 /* organisation, and the key of a value of 255 bytes; nothing longer can be in the table */

/* Any byte may stand in value. An empty key is in no table. */
static struct str make_key(char dst[KEY_MAX], const char *org, struct str value)
{
	size_t n = strlen(org);
	if (n + 1 + value.len > KEY_MAX)
		return (struct str){ dst, 0 };
	memcpy(dst, org, n);
	dst[n] = '/';
	memcpy(dst + n + 1, value.ptr, value.len);
	return (struct str){ dst, n + 1 + value.len };
}

/* Of two entries for the same thing the one that lasts longer counts. */
static int put(struct map *m, struct str key, struct block *k)
{
	const struct block *old = map_get(m, key);
	return old && old->expires_ms >= k->expires_ms ? 0 : map_put(m, key, k);
}

static int add_name(struct blocks *b, struct block *k)
{
	char key[KEY_MAX], host[256];
	const char *v = k->value[0] == '.' ? k->value + 1 : k->value;
	if (url_host_normalise(str_from(v), host) < 0)
		return -E_INVALID;
	return put(&b->names, make_key(key, k->org, str_from(host)), k);
}

static int add_url(struct blocks *b, struct block *k)
{
	char key[KEY_MAX], url[KEY_MAX - sizeof k->org - 1];
	struct url_query q = { 0 };
	size_t n = url_split(str_from(k->value), &q) == 0 ? url_loose_key(&q, url, sizeof url) : 0;
	return n ? put(&b->urls, make_key(key, k->org, (struct str){ url, n }), k) : -E_INVALID;
}

static int add(struct blocks *b, size_t i)
{
	struct block *k = &b->list[i];
	switch (k->kind) {
	case BLOCK_NAME:
		return add_name(b, k);
	case BLOCK_URL:
		return add_url(b, k);
	case BLOCK_ADDRESS:
	case BLOCK_TERMINAL:
		b->by_prefix[b->n_by_prefix++] = (uint32_t)i;
		return prefix_parse(str_from(k->value), &b->prefixes[i]);
	default:
		return -E_INVALID;
	}
}

static int read_all(struct rd *r, struct blocks *b, uint32_t n)
{
	/* from here on by the monotonic clock: a block's time doesn't end because the other one is set */
	int64_t mono = clock_mono_ms(), wall = clock_now_ms();
	b->list = mem_array(n, sizeof *b->list);
	b->prefixes = mem_array(n, sizeof *b->prefixes);
	b->by_prefix = mem_array(n, sizeof *b->by_prefix);
	if (!b->list || !b->prefixes || !b->by_prefix)
		return -E_NOMEM;
	for (uint32_t i = 0; i < n; i++) {
		block_read(r, &b->list[i]);
		if (r->bad)
			return -E_INVALID;
		b->list[i].expires_ms += mono - wall;
		int e = add(b, i);
		if (e < 0)
			return e;
		b->n++;
	}
	return rd_end(r);
}

int blocks_parse(const void *p, size_t n, struct blocks **ret)
{
	struct rd r = rd_from(p, n);
	uint8_t version = rd_u8(&r);
	uint32_t count = rd_u32(&r);
	if (r.bad || version != 1 || count > BLOCKS_MAX || count > n / 20)
		return -E_INVALID;
	struct blocks *b = mem_alloc(sizeof *b);
	if (!b)
		return -E_NOMEM;
	b->refs = 1;
	map_init(&b->names, BLOCKS_MAX);
	map_init(&b->urls, BLOCKS_MAX);
	int e = read_all(&r, b, count);
	if (e < 0)
		blocks_unref(&b);
	else
		*ret = b;
	return e;
}

struct blocks *blocks_ref(struct blocks *b)
{
	if (b)
		atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

void blocks_unref(struct blocks **p)
{
	struct blocks *b = *p;
	*p = NULL;
	if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
		return;
	map_done(&b->names);
	map_done(&b->urls);
	mem_free(b->list);
	mem_free(b->prefixes);
	mem_free(b->by_prefix);
	mem_free(b);
}

static const struct block *get(const struct map *m, const char *org, struct str value)
{
	const char *const orgs[] = { org, "*" };
	char key[KEY_MAX];
	for (size_t i = 0; i < 2; i++) {
		const struct block *k = map_get(m, make_key(key, orgs[i], value));
		if (k && k->expires_ms > clock_mono_ms())
			return k;
	}
	return NULL;
}

static const struct block *find_name(const struct blocks *b, const struct block_query *q)
{
	struct str host = str_from(q->host ? q->host : "");
	while (host.len) {
		const struct block *k = get(&b->names, q->org, host);
		if (k)
			return k;
		const char *dot = memchr(host.ptr, '.', host.len);
		host = dot ? (struct str){ dot + 1, host.len - (size_t)(dot + 1 - host.ptr) } : (struct str){ "", 0 };
	}
	return NULL;
}

static const struct block *find_prefix(const struct blocks *b, const struct block_query *q)
{
	struct prefix host = { 0 };
	if (q->host && b->n_by_prefix)
		prefix_parse(str_from(q->host), &host);
	for (size_t i = 0; i < b->n_by_prefix; i++) {
		const struct block *k = &b->list[b->by_prefix[i]];
		const struct prefix *p = &b->prefixes[b->by_prefix[i]];
		bool hit = k->kind == BLOCK_TERMINAL ? prefix_contains(p, &q->terminal) :
			                               prefix_contains(p, &q->address) || prefix_contains(p, &host);
		if (hit && k->expires_ms > clock_mono_ms() && (k->org[0] == '*' || strcmp(k->org, q->org) == 0))
			return k;
	}
	return NULL;
}

static const struct block *find_url(const struct blocks *b, const struct block_query *q)
{
	char key[URL_PATH_MAX + 300];
	const struct url_query u = { .scheme = q->https ? STR("https") : STR("http"), .host = str_from(q->host), .port = q->port,
		                     .path = q->path };
	size_t n = url_loose_key(&u, key, sizeof key);
	return n ? get(&b->urls, q->org, (struct str){ key, n }) : NULL;
}

const struct block *blocks_find(const struct blocks *b, const struct block_query *q)
{
	if (!b || b->n == 0)
		return NULL;
	const struct block *k = find_prefix(b, q);
	if (!k && b->names.len)
		k = find_name(b, q);
	if (!k && b->urls.len && q->host && q->path.ptr)
		k = find_url(b, q);
	return k;
}
