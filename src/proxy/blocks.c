/* The block table of the proxy; see blocks.h. Names and URLs are looked up by hash, so that a large table costs a
 * request nothing; addresses are few and walked. */
#include "proxy/blocks.h"

#include "base/err.h"
#include "base/mem.h"
#include "url/url.h"
#include "wire/cursor.h"

#include <stdio.h>
#include <string.h>

#define KEY_MAX 300

static struct str make_key(char dst[KEY_MAX], const char *org, struct str value)
{
	int n = snprintf(dst, KEY_MAX, "%s/" STR_FMT, org, STR_ARG(value));
	return (struct str){ dst, n < KEY_MAX ? (size_t)n : 0 };
}

/* "https://Example.jp:443/a?b" as blocks_find() asks it: "https://example.jp/a". */
static int url_key(const char *value, char *dst, size_t size)
{
	struct str s = str_from(value), rest = s, bare;
	char host[256];
	bool https = str_case_starts(s, STR("https://"));
	if (!https && !str_case_starts(s, STR("http://")))
		return -E_INVALID;
	str_next(&rest, '?', &bare);
	bare.ptr += https ? 8 : 7;
	bare.len -= https ? 8 : 7;
	const char *slash = bare.len ? memchr(bare.ptr, '/', bare.len) : NULL;
	struct str auth = { bare.ptr, slash ? (size_t)(slash - bare.ptr) : bare.len };
	struct str path = slash ? (struct str){ slash, bare.len - auth.len } : STR("/"), port = { "", 0 };
	const char *colon = auth.len && auth.ptr[auth.len - 1] != ']' ? memrchr(auth.ptr, ':', auth.len) : NULL;
	if (colon) {
		port = (struct str){ colon, auth.len - (size_t)(colon - auth.ptr) };
		auth.len -= port.len;
		if (str_eq(port, https ? STR(":443") : STR(":80")))
			port.len = 0;
	}
	if (url_host_normalise(auth, host) < 0)
		return -E_INVALID;
	int n = snprintf(dst, size, strchr(host, ':') ? "%s[%s]" STR_FMT STR_FMT : "%s%s" STR_FMT STR_FMT,
	                 https ? "https://" : "http://", host, STR_ARG(port), STR_ARG(path));
	return n < (int)size ? 0 : -E_INVALID;
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
	char key[KEY_MAX + 8], url[sizeof k->value];
	if (url_key(k->value, url, sizeof url) < 0)
		return -E_INVALID;
	return put(&b->urls, make_key(key, k->org, str_from(url)), k);
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
	b->list = mem_array(n, sizeof *b->list);
	b->prefixes = mem_array(n, sizeof *b->prefixes);
	b->by_prefix = mem_array(n, sizeof *b->by_prefix);
	if (!b->list || !b->prefixes || !b->by_prefix)
		return -E_NOMEM;
	for (uint32_t i = 0; i < n; i++) {
		block_read(r, &b->list[i]);
		if (r->bad)
			return -E_INVALID;
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

static const struct block *get(const struct map *m, const char *org, struct str value, int64_t now_ms)
{
	const char *const orgs[] = { org, "*" };
	char key[KEY_MAX];
	for (size_t i = 0; i < 2; i++) {
		const struct block *k = map_get(m, make_key(key, orgs[i], value));
		if (k && k->expires_ms > now_ms)
			return k;
	}
	return NULL;
}

static const struct block *find_name(const struct blocks *b, const struct block_query *q)
{
	struct str host = str_from(q->host ? q->host : "");
	while (host.len) {
		const struct block *k = get(&b->names, q->org, host, q->now_ms);
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
		if (hit && k->expires_ms > q->now_ms && (k->org[0] == '*' || strcmp(k->org, q->org) == 0))
			return k;
	}
	return NULL;
}

const struct block *blocks_find(const struct blocks *b, const struct block_query *q)
{
	if (!b || b->n == 0)
		return NULL;
	const struct block *k = find_prefix(b, q);
	if (!k && b->names.len)
		k = find_name(b, q);
	if (!k && b->urls.len && q->url.len && q->url.len < KEY_MAX - 8)
		k = get(&b->urls, q->org, q->url, q->now_ms);
	return k;
}
