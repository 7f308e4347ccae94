/* See indicators.h. Whole values are looked up by hash, so that a long list costs an event nothing; prefixes that hold
 * more than one address are few and walked. */
#include "detect/indicators.h"

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "model/model.h"
#include "url/url.h"
#include "wire/cursor.h"

#define KEY_MAX (URL_PATH_MAX + 320)
#define ENTRY_MIN 15 /* bytes on the wire */

struct indicators {
	struct indicator *list;
	size_t n;
	struct map by_value; /* kind, org and value -> indicator */
	struct prefix *wide; /* of list[wide_of[i]] */
	uint32_t *wide_of;
	size_t n_wide;
};

static struct str make_key(char dst[KEY_MAX], uint8_t kind, struct str org, struct str value)
{
	if (1 + org.len + 1 + value.len > KEY_MAX)
		return (struct str){ dst, 0 };
	dst[0] = (char)kind;
	memcpy(dst + 1, org.ptr, org.len);
	dst[1 + org.len] = '/';
	memcpy(dst + 2 + org.len, value.ptr, value.len);
	return (struct str){ dst, 2 + org.len + value.len };
}

static size_t url_key(struct str url, char dst[KEY_MAX])
{
	struct url_query q = { 0 };
	return url_split(url, &q) == 0 ? url_loose_key(&q, dst, KEY_MAX - 16) : 0;
}

static bool is_whole(const struct prefix *p)
{
	return p->len == (p->family == 4 ? 32 : 128);
}

static int add(struct indicators *l, struct indicator *i)
{
	char key[KEY_MAX], value[KEY_MAX];
	struct prefix p;
	struct str org = str_from(i->org), v = { value, 0 };
	switch (i->kind) {
	case BLOCK_NAME:
		if (url_host_normalise(str_from(i->value[0] == '.' ? i->value + 1 : i->value), value) < 0)
			return -E_INVALID;
		v.len = strlen(value);
		break;
	case BLOCK_URL:
		v.len = url_key(str_from(i->value), value);
		if (v.len == 0)
			return -E_INVALID;
		break;
	case BLOCK_ADDRESS:
	case BLOCK_TERMINAL:
		if (prefix_parse(str_from(i->value), &p) < 0)
			return -E_INVALID;
		if (!is_whole(&p)) {
			l->wide[l->n_wide] = p;
			l->wide_of[l->n_wide++] = (uint32_t)(i - l->list);
			return 0;
		}
		v = str_from(prefix_format_addr(&p, value));
		break;
	default:
		return -E_INVALID;
	}
	return map_put(&l->by_value, make_key(key, i->kind, org, v), i);
}

void indicators_write(struct buf *b, const struct indicator *i)
{
	wr_u8(b, i->kind);
	wr_text(b, str_from(i->org));
	wr_text(b, str_from(i->id));
	wr_text(b, str_from(i->value));
	wr_u64(b, (uint64_t)i->since_ms);
}

static int read_all(struct rd *r, struct indicators *l, uint32_t n)
{
	l->list = mem_array(n + 1, sizeof *l->list);
	l->wide = mem_array(n + 1, sizeof *l->wide);
	l->wide_of = mem_array(n + 1, sizeof *l->wide_of);
	if (!l->list || !l->wide || !l->wide_of)
		return -E_NOMEM;
	for (uint32_t k = 0; k < n; k++) {
		struct indicator *i = &l->list[l->n++];
		i->kind = rd_u8(r);
		rd_text(r, i->org, sizeof i->org);
		rd_text(r, i->id, sizeof i->id);
		rd_text(r, i->value, sizeof i->value);
		i->since_ms = (int64_t)rd_u64(r);
		int e = r->bad ? -E_INVALID : add(l, i);
		if (r->bad || e == -E_NOMEM)
			return e;
	}
	return rd_end(r);
}

int indicators_parse(struct str list, struct indicators **ret)
{
	struct rd r = rd_from(list.ptr, list.len);
	uint32_t n = rd_u32(&r);
	if (r.bad || n > INDICATORS_MAX || n > list.len / ENTRY_MIN)
		return -E_INVALID;
	struct indicators *l = mem_alloc(sizeof *l);
	if (!l)
		return -E_NOMEM;
	map_init(&l->by_value, INDICATORS_MAX);
	int e = read_all(&r, l, n);
	if (e < 0)
		indicators_destroy(&l);
	else
		*ret = l;
	return e;
}

void indicators_destroy(struct indicators **lp)
{
	struct indicators *l = *lp;
	*lp = NULL;
	if (!l)
		return;
	map_done(&l->by_value);
	mem_free(l->list);
	mem_free(l->wide);
	mem_free(l->wide_of);
	mem_free(l);
}

bool indicators_empty(const struct indicators *l)
{
	return !l || l->n == 0;
}

/* ---- looking */

struct looking {
	const struct indicators *l;
	struct str org;
	const struct indicator **ret;
	unsigned n, max;
};

static void hit(struct looking *k, const struct indicator *i)
{
	for (unsigned at = 0; at < k->n; at++)
		if (k->ret[at] == i)
			return;
	if (i && k->n < k->max)
		k->ret[k->n++] = i;
}

static void look(struct looking *k, uint8_t kind, struct str value)
{
	char key[KEY_MAX];
	if (value.len)
		hit(k, map_get(&k->l->by_value, make_key(key, kind, k->org, value)));
}

static void look_name(struct looking *k, struct str host)
{
	while (host.len) {
		look(k, BLOCK_NAME, host);
		const char *dot = memchr(host.ptr, '.', host.len);
		host = dot ? (struct str){ dot + 1, host.len - (size_t)(dot + 1 - host.ptr) } : (struct str){ "", 0 };
	}
}

static void look_address(struct looking *k, uint8_t kind, struct str address)
{
	struct prefix p;
	look(k, kind, address);
	if (!k->l->n_wide || !address.len || prefix_parse(address, &p) < 0)
		return;
	for (size_t i = 0; i < k->l->n_wide; i++) {
		const struct indicator *w = &k->l->list[k->l->wide_of[i]];
		if (w->kind == kind && str_eq(k->org, str_from(w->org)) && prefix_contains(&k->l->wide[i], &p))
			hit(k, w);
	}
}

unsigned indicators_find(const struct indicators *l, const struct indicator_query *q, const struct indicator **ret, unsigned max)
{
	struct looking k = { .l = l, .org = q->org, .ret = ret, .max = max };
	char key[KEY_MAX];
	if (indicators_empty(l))
		return 0;
	look_name(&k, q->host);
	look_address(&k, BLOCK_ADDRESS, q->host);
	look_address(&k, BLOCK_ADDRESS, q->address);
	look_address(&k, BLOCK_TERMINAL, q->terminal);
	if (q->url.len)
		look(&k, BLOCK_URL, (struct str){ key, url_key(q->url, key) });
	return k.n;
}
