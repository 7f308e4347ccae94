/* See dnspair.h. In intaked, between dnstap's frames and their events. */
#include "intake/dnspair.h"

#include "base/map.h"
#include "base/mem.h"
#include "wire/dns.h"

#define KEY_MAX (2 * 19 + 2 + 4 + DNS_NAME_TEXT)

struct waiting {
	struct waiting *next; /* in the order they came */
	bool answered;
	unsigned copies; /* a client that asks again before it is answered */
	int64_t until_ms;
	struct dnstap d; /* its query lies behind, then the key */
	size_t key_len;
	char bytes[];
};

struct dnspair {
	dnspair_fn tell;
	void *user;
	struct map waiting;
	struct waiting *first, **last;
	size_t n;
};

struct dnspair *dnspair_create(dnspair_fn tell, void *user)
{
	struct dnspair *p = mem_alloc(sizeof *p);
	if (!p)
		return NULL;
	*p = (struct dnspair){ .tell = tell, .user = user };
	p->last = &p->first;
	map_init(&p->waiting, DNSPAIR_MAX);
	return p;
}

static void put_side(struct buf *b, const struct dnstap_side *s)
{
	wr_u8(b, s->len);
	buf_put(b, s->addr, s->len);
	wr_u16(b, s->port);
}

/* False when no question can be read. */
static bool make_key(const struct dnstap *d, struct buf *key)
{
	struct dns_msg m;
	struct dns_record q;
	if (dns_open(d->response.len ? d->response : d->query, &m) < 0 || m.count[0] != 1 || !dns_next_question(&m, &q))
		return false;
	put_side(key, &d->client);
	put_side(key, &d->server);
	wr_u16(key, m.id);
	wr_u16(key, q.type);
	buf_puts(key, q.name);
	return !key->failed;
}

static struct str key_of(const struct waiting *w)
{
	return (struct str){ w->bytes + w->d.query.len, w->key_len };
}

static void drop_first(struct dnspair *p)
{
	struct waiting *w = p->first;
	p->first = w->next;
	if (!p->first)
		p->last = &p->first;
	p->n--;
	if (!w->answered) {
		map_del(&p->waiting, key_of(w));
		p->tell(&w->d, p->user);
	}
	mem_free(w);
}

static void remember(struct dnspair *p, const struct dnstap *d, struct str key, int64_t now_ms)
{
	struct waiting *w = map_get(&p->waiting, key);
	if (w) {
		w->copies++;
		return;
	}
	if (p->n == DNSPAIR_MAX)
		drop_first(p);
	w = mem_alloc(sizeof *w + d->query.len + key.len);
	if (!w) {
		p->tell(d, p->user);
		return;
	}
	*w = (struct waiting){ .copies = 1, .until_ms = now_ms + DNSPAIR_WAIT_MS, .d = *d, .key_len = key.len };
	memcpy(w->bytes, d->query.ptr, d->query.len);
	memcpy(w->bytes + d->query.len, key.ptr, key.len);
	w->d.query.ptr = w->bytes;
	if (map_put(&p->waiting, key, w) < 0) {
		p->tell(d, p->user);
		mem_free(w);
		return;
	}
	*p->last = w;
	p->last = &w->next;
	p->n++;
}

static void answered(struct dnspair *p, const struct dnstap *d, struct str key)
{
	struct dnstap whole = *d;
	struct waiting *w = map_get(&p->waiting, key);
	if (w && !whole.query_us)
		whole.query_us = w->d.query_us;
	p->tell(&whole, p->user);
	if (w && --w->copies == 0) {
		w->answered = true; /* freed in its turn */
		map_del(&p->waiting, key);
	}
}

void dnspair_take(struct dnspair *p, const struct dnstap *d, int64_t now_ms)
{
	struct buf key;
	buf_init(&key, KEY_MAX);
	if (!make_key(d, &key))
		p->tell(d, p->user); /* whoever tells events says what is wrong with it */
	else if (d->type == DNSTAP_CLIENT_QUERY)
		remember(p, d, buf_view(&key), now_ms);
	else
		answered(p, d, buf_view(&key));
	buf_done(&key);
	dnspair_tick(p, now_ms);
}

void dnspair_tick(struct dnspair *p, int64_t now_ms)
{
	while (p->first && (p->first->answered || p->first->until_ms <= now_ms))
		drop_first(p);
}

void dnspair_destroy(struct dnspair **p)
{
	if (!*p)
		return;
	while ((*p)->first)
		drop_first(*p);
	map_done(&(*p)->waiting);
	mem_free(*p);
	*p = NULL;
}
