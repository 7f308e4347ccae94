/* See revocation.h. A question goes through the places that its certificate names until one of them gives a word. */
#include "proxy/revocation.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "proxy/crl.h"
#include "proxy/fetch.h"
#include "proxy/undecrypted.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <stdatomic.h>
#include <stdio.h>

/* ---- lists, of all threads ---- */

struct list { /* read by whoever holds it, never written */
	atomic_uint refs;
	size_t n;
	int64_t until_s;
	unsigned char der[];
};

static pthread_mutex_t lists_lock = PTHREAD_MUTEX_INITIALIZER;
static struct map lists; /* place -> struct list */
static size_t lists_bytes;

/* The issuer, and where its list is: what another authority signed and named by the same place stands in nobody's way. */
#define PLACE (SHA256_LEN + CRL_URL)
static struct str place_of(X509 *issuer, const char *url, char dst[PLACE])
{
	unsigned n;
	if (X509_digest(issuer, EVP_sha256(), (unsigned char *)dst, &n) != 1)
		memset(dst, 0, SHA256_LEN);
	str_clip(url, dst + SHA256_LEN, CRL_URL);
	return (struct str){ dst, SHA256_LEN + strlen(dst + SHA256_LEN) };
}

static void list_unref(struct list *l)
{
	if (l && atomic_fetch_sub(&l->refs, 1) == 1)
		mem_free(l);
}

/* One of now; the caller's to unref. */
static struct list *list_get(struct str place)
{
	pthread_mutex_lock(&lists_lock);
	struct list *l = lists.max ? map_get(&lists, place) : NULL;
	if (l && l->until_s * 1000 <= clock_now_ms())
		l = NULL;
	if (l)
		atomic_fetch_add(&l->refs, 1);
	pthread_mutex_unlock(&lists_lock);
	return l;
}

static void lists_drop(void)
{
	void *v;
	for (size_t i = 0; map_next(&lists, &i, NULL, &v);)
		list_unref(v);
	map_done(&lists);
	map_init(&lists, 4096);
	lists_bytes = 0;
}

/* Not until the next one must come, which may be ten days: authorities bring out another as soon as they have revoked something. */
static int64_t kept_until(int64_t until_s)
{
	int64_t most = (clock_now_ms() + REVOCATION_GOOD_MS) / 1000;
	return until_s < most ? until_s : most;
}

static void list_put(struct str place, struct str der, int64_t until_s)
{
	struct list *l = mem_alloc(sizeof *l + der.len), *old;
	if (!l)
		return;
	l->n = der.len;
	l->until_s = until_s;
	atomic_store(&l->refs, 1);
	memcpy(l->der, der.ptr, der.len);
	pthread_mutex_lock(&lists_lock);
	old = lists.max ? map_get(&lists, place) : NULL;
	if (!lists.max || (!old && (lists_bytes + l->n > REVOCATION_LISTS || lists.len >= 4096)))
		lists_drop();
	if (map_put(&lists, place, l) == 0) {
		lists_bytes += l->n - (old ? old->n : 0);
		l = old;
	}
	pthread_mutex_unlock(&lists_lock);
	list_unref(l);
}

/* ---- what is known, and asked ---- */

struct known {
	enum revocation_word word;
	int64_t until_ms; /* clock_mono_ms() */
};

struct question {
	struct question *next;
	struct revocation *r;
	unsigned char key[SHA256_LEN];
	STACK_OF(X509) *chain; /* both held */
	X509_STORE *store;
	struct crl_sources from;
	size_t at;             /* of from.list; from.n: the OCSP server */
	struct org_rt *org;
	struct prefix terminal;
	struct fetch fetch;
	struct list *list;     /* at's, where it was there already */
	struct origin *waiting;
	uv_work_t work;
	bool working, over;    /* over: nobody wants to know any more */
	enum staple result;
	int64_t until_s;
};

struct revocation {
	struct worker *w;
	struct map known; /* key -> struct known */
	struct question *asked;
	size_t n;
};

static struct str key_of(const unsigned char key[SHA256_LEN])
{
	return (struct str){ (const char *)key, SHA256_LEN };
}

static void remember(struct revocation *r, const unsigned char key[SHA256_LEN], enum revocation_word word, int64_t ms)
{
	struct known *k = map_get(&r->known, key_of(key));
	if (!k && r->known.len >= REVOCATION_KNOWN)
		revocation_forget(r);
	if (!k && (k = mem_alloc(sizeof *k)) && map_put(&r->known, key_of(key), k) < 0) {
		mem_free(k);
		k = NULL;
	}
	if (k)
		*k = (struct known){ word, r->w->now + ms };
}

static void question_free(struct question *q)
{
	fetch_end(&q->fetch);
	list_unref(q->list);
	sk_X509_pop_free(q->chain, X509_free);
	X509_STORE_free(q->store);
	mem_free(q);
}

static void take_out(struct question *q)
{
	struct question **p = &q->r->asked;
	while (*p != q)
		p = &(*p)->next;
	*p = q->next;
	q->r->n--;
}

/* What has been let through on the old word: kept sessions, idle connections, servers that needn't be verified again. */
static void end_old(struct worker *w)
{
	void *v;
	tls_trust(w, NULL);
	undecrypted_forget(w);
	for (size_t i = 0; map_next(&w->orgs, &i, NULL, &v);)
		origin_pool_sweep(v, true);
}

static int64_t good_for(const struct question *q)
{
	int64_t ms = q->at < q->from.n ? q->until_s * 1000 - clock_now_ms() : REVOCATION_OCSP_MS;
	return ms < REVOCATION_LEAST_MS ? REVOCATION_LEAST_MS : ms < REVOCATION_GOOD_MS ? ms : REVOCATION_GOOD_MS;
}

static void answer(struct question *q, enum staple s)
{
	enum revocation_word word = s == STAPLE_GOOD ? REVOCATION_FINE : s == STAPLE_REVOKED ? REVOCATION_REVOKED : REVOCATION_UNKNOWN;
	remember(q->r, q->key, word, word == REVOCATION_UNKNOWN ? REVOCATION_LEAST_MS : good_for(q));
	take_out(q);
	if (word == REVOCATION_REVOKED)
		end_old(q->r->w);
	for (struct origin *o; (o = q->waiting);) {
		q->waiting = o->next_waiting;
		o->question = NULL;
		origin_told(o, word);
	}
	question_free(q);
}

/* ---- asking ---- */

static void ask(struct question *q);

/* In a thread of the pool. */
static void judge(uv_work_t *w)
{
	struct question *q = w->data;
	struct str der = q->list ? (struct str){ (const char *)q->list->der, q->list->n } : buf_view(&q->fetch.body);
	bool listed = q->at < q->from.n;
	char place[PLACE];
	q->result = listed ? crl_judge(der.ptr, der.len, q->from.list[q->at], q->chain, &q->until_s) : staple_judge(der.ptr, der.len, q->chain, q->store);
	if (!listed || (q->result != STAPLE_GOOD && q->result != STAPLE_REVOKED))
		return;
	q->until_s = q->list ? q->list->until_s : kept_until(q->until_s);
	if (!q->list)
		list_put(place_of(sk_X509_value(q->chain, 1), q->from.list[q->at], place), der, q->until_s);
}

static void judged(uv_work_t *w, int status)
{
	struct question *q = w->data;
	q->working = false;
	list_unref(q->list);
	q->list = NULL;
	if (q->over) {
		question_free(q);
	} else if (status == 0 && (q->result == STAPLE_GOOD || q->result == STAPLE_REVOKED)) {
		answer(q, q->result);
	} else {
		q->at++;
		ask(q);
	}
}

/* False: the next place is to be asked. */
static bool read_it(struct question *q)
{
	q->work.data = q;
	q->working = uv_queue_work(&q->r->w->loop, &q->work, judge, judged) == 0;
	return q->working;
}

static void fetched(struct fetch *f, int code, void *user)
{
	struct question *q = user;
	if (code == 0 && read_it(q))
		return;
	q->at++;
	ask(q);
}

static int fetch_list(struct question *q)
{
	const struct fetch_opts o = { .org = q->org, .terminal = q->terminal, .url = q->from.list[q->at], .max = CRL_MAX, .ms = q->r->w->conf->asked_ms, .done = fetched, .user = q };
	return fetch_begin(&q->fetch, &o);
}

static int ask_server(struct question *q)
{
	unsigned char *der = NULL;
	OCSP_REQUEST *rq = OCSP_REQUEST_new();
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), sk_X509_value(q->chain, 0), sk_X509_value(q->chain, 1)); /* what servers know; nothing is signed by it */
	int n = rq && id && OCSP_request_add0_id(rq, id) ? i2d_OCSP_REQUEST(rq, &der) : (OCSP_CERTID_free(id), -1);
	const struct fetch_opts o = { .org = q->org, .terminal = q->terminal, .url = q->from.ask, .post = { (char *)der, n > 0 ? (size_t)n : 0 },
		                      .type = STR("application/ocsp-request"), .max = STAPLE_MAX, .ms = q->r->w->conf->asked_ms, .done = fetched, .user = q };
	int r = n > 0 ? fetch_begin(&q->fetch, &o) : -E_NOMEM;
	OPENSSL_free(der);
	OCSP_REQUEST_free(rq);
	return r;
}

/* From q->at on; q may be gone afterwards. */
static void ask(struct question *q)
{
	char place[PLACE];
	for (; q->at < q->from.n; q->at++) {
		q->list = list_get(place_of(sk_X509_value(q->chain, 1), q->from.list[q->at], place));
		if (q->list ? read_it(q) : fetch_list(q) == 0)
			return;
		list_unref(q->list);
		q->list = NULL;
	}
	if (q->at == q->from.n && q->from.ask[0] && ask_server(q) == 0)
		return;
	answer(q, STAPLE_NONE);
}

/* One always; more where others' wouldn't lack them: a page full of sites whose authority is slow is its own body's matter. */
static bool may_ask(const struct revocation *r, const struct org_rt *org)
{
	size_t own = 0;
	for (const struct question *q = r->asked; q; q = q->next)
		own += q->org == org;
	return own == 0 || (own < REVOCATION_ASKED_ORG && r->n < REVOCATION_ASKED);
}

/* The verified chain from its certificate number `from` on, held. */
static STACK_OF(X509) *chain_from(STACK_OF(X509) *chain, int from)
{
	STACK_OF(X509) *ret = X509_chain_up_ref(chain);
	for (int i = 0; ret && i < from; i++)
		X509_free(sk_X509_shift(ret));
	return ret;
}

/* About the certificate number `at` of o's chain. */
static struct question *question_make(struct revocation *r, struct origin *o, int at, const unsigned char key[SHA256_LEN], const struct crl_sources *from)
{
	struct question *q = may_ask(r, o->org) && r->w->conf->store ? mem_alloc(sizeof *q) : NULL;
	if (!q)
		return NULL;
	*q = (struct question){ .next = r->asked, .r = r, .from = *from, .org = o->org, .terminal = o->terminal, .store = r->w->conf->store };
	memcpy(q->key, key, SHA256_LEN);
	q->chain = chain_from(SSL_get0_verified_chain(o->ch.ssl), at);
	if (!q->chain || X509_STORE_up_ref(q->store) != 1) {
		sk_X509_pop_free(q->chain, X509_free);
		mem_free(q);
		return NULL;
	}
	r->asked = q;
	r->n++;
	return q;
}

static struct question *find(const struct revocation *r, const unsigned char key[SHA256_LEN])
{
	struct question *q = r->asked;
	while (q && memcmp(q->key, key, SHA256_LEN) != 0)
		q = q->next;
	return q;
}

/* A certificate of this issuer, for this organisation: where one gets no answer (its resolver, its lists) another may. */
static bool digest(const struct org_rt *org, STACK_OF(X509) *chain, int at, unsigned char ret[SHA256_LEN])
{
	unsigned char both[2 * SHA256_LEN + sizeof org->code] = { 0 };
	unsigned n;
	memcpy(both + 2 * SHA256_LEN, org->code, sizeof org->code);
	if (sk_X509_num(chain) < at + 2 || X509_digest(sk_X509_value(chain, at), EVP_sha256(), both, &n) != 1 ||
	    X509_digest(sk_X509_value(chain, at + 1), EVP_sha256(), both + SHA256_LEN, &n) != 1)
		return false;
	hash_sha256(both, sizeof both, ret);
	return true;
}

/* What is known of it now; WAITS: nothing. */
static enum revocation_word known(const struct revocation *r, const unsigned char key[SHA256_LEN])
{
	const struct known *k = map_get(&r->known, key_of(key));
	return k && r->w->now < k->until_ms ? k->word : REVOCATION_WAITS;
}

/* Of one certificate of the chain. WAITS: *ret_asked is the question. */
static enum revocation_word look_at(struct revocation *r, struct origin *o, int at, struct question **ret_asked)
{
	unsigned char key[SHA256_LEN];
	struct crl_sources from;
	STACK_OF(X509) *chain = SSL_get0_verified_chain(o->ch.ssl);
	if (!digest(o->org, chain, at, key))
		return REVOCATION_FINE;
	enum revocation_word word = known(r, key);
	if (word != REVOCATION_WAITS || !crl_sources(sk_X509_value(chain, at), &from))
		return word == REVOCATION_WAITS ? REVOCATION_FINE : word;
	struct question *q = find(r, key);
	if (!q && (q = question_make(r, o, at, key, &from))) {
		org_count(o->org, STAT_REVOCATION_ASKED, 1);
		ask(q);
		q = find(r, key); /* it may be answered already */
	}
	*ret_asked = q;
	if (q)
		return REVOCATION_WAITS;
	word = known(r, key);
	return word == REVOCATION_WAITS ? REVOCATION_UNKNOWN : word;
}

/* The worst of what is known of the chain; *ret_first: a question that is open about it, NULL if none is. All are asked at once. */
static enum revocation_word look_at_all(struct revocation *r, struct origin *o, struct question **ret_first)
{
	STACK_OF(X509) *chain = SSL_get0_verified_chain(o->ch.ssl);
	enum revocation_word ret = REVOCATION_FINE;
	for (int at = o->stapled ? 1 : 0; at + 1 < sk_X509_num(chain) && at < REVOCATION_CHAIN; at++) {
		struct question *q = NULL;
		enum revocation_word word = look_at(r, o, at, &q);
		*ret_first = *ret_first ? *ret_first : q;
		if (word == REVOCATION_REVOKED) {
			o->revoked_at = at;
			*ret_first = NULL;
			return word;
		}
		if (word == REVOCATION_UNKNOWN)
			ret = word;
	}
	return ret;
}

static bool is_open(const struct revocation *r, const struct question *q)
{
	const struct question *a = r->asked;
	while (a && a != q)
		a = a->next;
	return a;
}

enum revocation_word revocation_look(struct revocation *r, struct origin *o)
{
	struct question *first = NULL;
	if (!o->org->conf || o->org->conf->revocation == REVOCATION_OFF || SSL_session_reused(o->ch.ssl))
		return REVOCATION_FINE;
	enum revocation_word word = look_at_all(r, o, &first);
	if (first && is_open(r, first)) { /* the answer to another may have been there at once */
		o->question = first;
		o->next_waiting = first->waiting;
		first->waiting = o;
		return REVOCATION_WAITS;
	}
	if (word != REVOCATION_FINE)
		org_count(o->org, word == REVOCATION_REVOKED ? STAT_REVOKED : STAT_REVOCATION_UNKNOWN, 1);
	return word;
}

void revocation_leave(struct origin *o)
{
	if (!o->question)
		return;
	struct origin **p = &o->question->waiting;
	while (*p != o)
		p = &(*p)->next_waiting;
	*p = o->next_waiting;
	o->question = NULL;
}

/* ---- life ---- */

int revocation_create(struct worker *w, struct revocation **ret)
{
	struct revocation *r = mem_alloc(sizeof *r);
	if (!r)
		return -E_NOMEM;
	r->w = w;
	map_init(&r->known, REVOCATION_KNOWN);
	*ret = r;
	return 0;
}

void revocation_tick(struct revocation *r)
{
	for (struct question *q = r->asked, *next; q; q = next) {
		next = q->next;
		if (!q->working)
			fetch_tick(&q->fetch);
	}
}

void revocation_forget(struct revocation *r)
{
	void *v;
	for (size_t i = 0; map_next(&r->known, &i, NULL, &v);)
		mem_free(v);
	map_done(&r->known);
	map_init(&r->known, REVOCATION_KNOWN);
}

void revocation_end(struct revocation *r)
{
	while (r->asked) {
		struct question *q = r->asked;
		while (q->waiting)
			revocation_leave(q->waiting);
		take_out(q);
		q->over = true;
		if (!q->working)
			question_free(q);
	}
}

void revocation_destroy(struct revocation **r)
{
	if (!*r)
		return;
	revocation_end(*r);
	revocation_forget(*r);
	map_done(&(*r)->known);
	mem_free(*r);
	*r = NULL;
}
