/* Leaf certificates; see leaf.h. Whoever asks while the vault is working on the same host waits with the first. */
#include "proxy/leaf.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

#include <openssl/ec.h>
#include <openssl/evp.h>

#define HOUR_S 3600

struct waiter {
	struct waiter *next;
	leaf_fn fn;
	void *user;
};

struct leaf {
	struct leaf *prev, *next; /* by use, the latest first */
	struct leaf_cache *cache;
	char host[256];
	X509 *x; /* NULL while the vault works */
	int64_t until_ms;
	struct waiter *waiters;
};

struct leaf_cache {
	struct worker *w;
	struct map by_host;
	struct leaf lru; /* ring's head */
};

int leaf_key_create(EVP_PKEY **ret)
{
	*ret = EVP_EC_gen("P-256");
	return *ret ? 0 : -E_NOMEM;
}

int leaf_cache_create(struct worker *w, struct leaf_cache **ret)
{
	struct leaf_cache *c = mem_alloc(sizeof *c);
	if (!c)
		return -E_NOMEM;
	c->w = w;
	c->lru.prev = c->lru.next = &c->lru;
	map_init(&c->by_host, LEAF_CACHE + 1024);
	*ret = c;
	return 0;
}

static void unlink_leaf(struct leaf *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
}

static void link_first(struct leaf_cache *c, struct leaf *l)
{
	l->next = c->lru.next;
	l->prev = &c->lru;
	c->lru.next->prev = l;
	c->lru.next = l;
}

static void drop(struct leaf *l)
{
	unlink_leaf(l);
	map_del(&l->cache->by_host, str_from(l->host));
	X509_free(l->x);
	while (l->waiters) {
		struct waiter *wt = l->waiters;
		l->waiters = wt->next;
		mem_free(wt);
	}
	mem_free(l);
}

void leaf_cache_destroy(struct leaf_cache **p)
{
	struct leaf_cache *c = *p;
	*p = NULL;
	if (!c)
		return;
	while (c->lru.next != &c->lru)
		drop(c->lru.next);
	map_done(&c->by_host);
	mem_free(c);
}

static void answer(struct leaf *l, int code)
{
	struct waiter *list = l->waiters;
	X509 *x = l->x;
	if (x)
		X509_up_ref(x);
	l->waiters = NULL;
	if (!x)
		drop(l);
	while (list) {
		struct waiter *wt = list;
		list = wt->next;
		if (wt->fn)
			wt->fn(x, code, wt->user);
		mem_free(wt);
	}
	X509_free(x);
}

static void on_leaf(int code, struct str der, void *user)
{
	struct leaf *l = user;
	const unsigned char *p = (const unsigned char *)der.ptr;
	if (code == 0)
		l->x = d2i_X509(NULL, &p, (long)der.len);
	if (code < 0)
		log_warn("", l->host, "the vault gives no certificate: %s", err_name(code));
	answer(l, code < 0 ? code : l->x ? 0 : -E_INVALID);
}

static int ask(struct leaf *l)
{
	struct worker *w = l->cache->w;
	int64_t now = clock_now_ms() / 1000;
	struct vault_leaf want = { .names = { l->host }, .n = 1, .not_before = now - 24 * HOUR_S,
		                   .not_after = now + LEAF_DAYS * 24 * HOUR_S, .spki = w->leaf_spki };
	l->until_ms = clock_mono_ms() + (LEAF_DAYS - 1) * 24LL * HOUR_S * 1000;
	int r = vault_async_leaf(w->vault, &want, on_leaf, l, NULL);
	worker_poke(w);
	return r;
}

static struct leaf *make(struct leaf_cache *c, const char *host)
{
	while (c->by_host.len >= LEAF_CACHE && c->lru.prev != &c->lru && c->lru.prev->x)
		drop(c->lru.prev);
	struct leaf *l = mem_alloc(sizeof *l);
	if (!l)
		return NULL;
	l->cache = c;
	str_copy(str_from(host), l->host, sizeof l->host);
	if (map_put(&c->by_host, str_from(host), l) < 0) {
		mem_free(l);
		return NULL;
	}
	link_first(c, l);
	return l;
}

void leaf_get(struct leaf_cache *c, const char *host, leaf_fn fn, void *user)
{
	struct leaf *l = map_get(&c->by_host, str_from(host));
	if (l && l->x && l->until_ms > c->w->now) {
		unlink_leaf(l);
		link_first(c, l);
		fn(l->x, 0, user);
		return;
	}
	if (l && l->x) {
		drop(l);
		l = NULL;
	}
	bool fresh = !l;
	struct waiter *wt = mem_alloc(sizeof *wt);
	if (!l)
		l = make(c, host);
	if (!l || !wt) {
		mem_free(wt);
		fn(NULL, -E_NOMEM, user);
		return;
	}
	*wt = (struct waiter){ l->waiters, fn, user };
	l->waiters = wt;
	int r = fresh ? ask(l) : 0;
	if (r < 0)
		answer(l, r);
}

void leaf_forget(struct leaf_cache *c, void *user)
{
	for (struct leaf *l = c->lru.next; l != &c->lru; l = l->next)
		for (struct waiter *wt = l->waiters; wt; wt = wt->next)
			if (wt->user == user)
				wt->fn = NULL;
}
