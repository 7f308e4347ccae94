/* See login.h. Between request.c, which asks here before it decides, and toride-userd. */
#include "proxy/login.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "proxy/check.h"
#include "proxy/txn.h"

#include <openssl/crypto.h>
#include <stdio.h>

/* ---- answers that are kept ---- */

struct kept {
	struct user user;
	int64_t until_ms;
};

struct login_cache {
	struct map map; /* keyed digest of organisation, name and password */
	unsigned char key[32];
	uint64_t epoch; /* how often it was forgotten */
};

int login_cache_create(struct login_cache **ret)
{
	struct login_cache *c = mem_alloc(sizeof *c);
	if (!c)
		return -E_NOMEM;
	map_init(&c->map, LOGIN_KEPT);
	rnd_bytes(c->key, sizeof c->key);
	*ret = c;
	return 0;
}

static void forget_passwords(struct login_cache *c)
{
	void *v;
	for (size_t i = 0; map_next(&c->map, &i, NULL, &v);)
		mem_free(v);
	map_done(&c->map);
	map_init(&c->map, LOGIN_KEPT);
}

void login_cache_forget(struct login_cache *c)
{
	forget_passwords(c);
	c->epoch++;
}

void login_cache_destroy(struct login_cache **c)
{
	if (!*c)
		return;
	login_cache_forget(*c);
	OPENSSL_cleanse((*c)->key, sizeof (*c)->key);
	mem_free(*c);
	*c = NULL;
}

static bool known(const struct txn *t, struct user *ret)
{
	unsigned char key[USERS_DIGEST];
	const struct login_cache *c = t->c->w->logins;
	users_digest(c->key, t->credential, key);
	const struct kept *k = map_get(&c->map, (struct str){ (const char *)key, sizeof key });
	if (!k || k->until_ms <= t->c->w->now)
		return false;
	*ret = k->user;
	return true;
}

static void keep(const struct txn *t, const struct user *u)
{
	unsigned char key[USERS_DIGEST];
	struct login_cache *c = t->c->w->logins;
	users_digest(c->key, t->credential, key);
	struct str at = { (const char *)key, sizeof key };
	if (c->map.len >= LOGIN_KEPT)
		forget_passwords(c);
	struct kept *k = map_get(&c->map, at);
	bool fresh = !k;
	if (fresh && !(k = mem_alloc(sizeof *k)))
		return;
	*k = (struct kept){ *u, t->c->w->now + LOGIN_MS };
	if (fresh && map_put(&c->map, at, k) < 0)
		mem_free(k);
}

/* The connection is one person's, unless a child proxy made it. */
static bool known_by_ticket(const struct txn *t, struct user *ret)
{
	const struct conn *c = t->c;
	if (t->via || !c->ticket_user.name[0] || c->ticket_until <= c->w->now || c->ticket_epoch != c->w->logins->epoch)
		return false;
	*ret = c->ticket_user;
	return true;
}

static void keep_ticket(const struct txn *t, const struct user *u)
{
	struct conn *c = t->c;
	c->ticket_user = *u;
	c->ticket_until = c->w->now + LOGIN_CONNECTION_MS;
	c->ticket_epoch = c->w->logins->epoch;
}

/* ---- one request ---- */

static void drop_credential(struct txn *t)
{
	if (t->credential)
		users_request_wipe(t->credential);
	mem_free(t->credential);
	t->credential = NULL;
}

void login_cancel(struct txn *t)
{
	if (t->asking)
		users_client_cancel(t->c->w->users, t->asking);
	t->asking = 0;
	drop_credential(t);
}

void login_read(struct txn *t, const struct http_head *h)
{
	struct str s = http_get(h, H_PROXY_AUTHORIZATION);
	if (!s.ptr)
		return;
	struct users_request *r = t->org->users ? mem_alloc(sizeof *r) : NULL;
	const struct conf_users *u = t->org->users;
	if (r && ((u->passwords && users_basic(s, r) == 0) || (u->tickets && users_negotiate(s, r) == 0))) {
		memcpy(r->org, t->c->org->code, sizeof r->org);
		r->terminal = t->terminal;
		t->credential = r;
	} else {
		mem_free(r);
	}
	OPENSSL_cleanse((char *)(uintptr_t)s.ptr, s.len); /* it lies in the connection's own buffer */
}

static bool exempt(const struct txn *t)
{
	const struct conf_users *u = t->org->users;
	if (check_is_ours(t->conf, &t->target))
		return !check_asks_who(t) || check_in_clear(t);
	return prefix_among(u->exempt_terminals, u->n_exempt_terminals, &t->terminal) || url_set_match_host(u->exempt_destinations, str_from(t->target.host), NULL);
}

/* Nobody's browser shows what answers a CONNECT but a 407: where the tunnel would be opened, the page comes inside it. False: it goes on to
 * be opened. */
static bool refuse(struct txn *t, enum page_kind kind, const char *rule)
{
	struct conn *c = t->c;
	drop_credential(t);
	bool inside = t->method == HTTP_CONNECT && page_status(kind) != 407 && !conf_undecrypted(t->org, t->target.host);
	if (inside) {
		c->gate = kind;
		snprintf(c->gate_rule, sizeof c->gate_rule, "%s", rule);
		return false;
	}
	txn_deny(t, kind, rule, "");
	return true;
}

/* What a 407 asks for, in a person's words. */
static enum page_kind question(const struct txn *t)
{
	return t->org->users->passwords ? PAGE_LOGIN : PAGE_LOGIN_DOMAIN;
}

/* Whoever may do with a password is asked for that; the others are told what is wrong. */
static bool refuse_ticket(struct txn *t, bool clock)
{
	t->ticket_refused = true;
	enum page_kind kind = t->org->users->passwords ? PAGE_LOGIN : clock ? PAGE_LOGIN_CLOCK : PAGE_LOGIN_TICKET;
	return refuse(t, kind, clock ? "users.clock" : "users.ticket");
}

static void on_answer(const struct users_answer *a, void *user)
{
	struct txn *t = user;
	t->asking = 0;
	bool gone = false;
	if (a->result == USERS_OK) {
		t->user = a->user;
		if (t->by_ticket)
			keep_ticket(t, &a->user);
		else
			keep(t, &a->user);
	} else if (a->result == USERS_REPLAYED) {
		gone = refuse(t, question(t), "users.replayed");
	} else if (a->result == USERS_TICKET || a->result == USERS_CLOCK || (a->result == USERS_WRONG && t->by_ticket)) {
		gone = refuse_ticket(t, a->result == USERS_CLOCK);
	} else if (a->result == USERS_WRONG) {
		gone = refuse(t, PAGE_LOGIN, "users.wrong");
	} else if (a->result == USERS_LOCKED) {
		gone = refuse(t, PAGE_LOGIN_LOCKED, "users.locked");
	} else if (t->org->users->fail == FAIL_OPEN) {
		org_count(t->c->org, STAT_UNNAMED, 1);
		t->unnamed = true;
	} else {
		gone = refuse(t, PAGE_LOGIN_DOWN, "users.directory");
	}
	if (gone)
		return;
	drop_credential(t);
	request_decide(t);
}

/* Inside a tunnel: by whom it was asked for. One that was free because of its host is free for that host alone. */
static bool as_the_tunnel(struct txn *t)
{
	const struct conn *c = t->c;
	t->user = c->user;
	t->unnamed = c->unnamed;
	if (c->user.name[0] || c->unnamed || exempt(t))
		return false;
	txn_deny(t, PAGE_FORBIDDEN, "users.login", "");
	return true;
}

bool login_wait(struct txn *t)
{
	struct conn *c = t->c;
	const struct conf_users *u = t->org->users;
	if (!u)
		return false;
	if (c->intercepted)
		return as_the_tunnel(t);
	if (exempt(t)) {
		drop_credential(t);
		return false;
	}
	if (!c->fronted && !u->clear)
		return refuse(t, PAGE_LOGIN_CLEAR, "users.clear");
	if (!t->credential)
		return !known_by_ticket(t, &t->user) && refuse(t, question(t), "users.login");
	t->by_ticket = t->credential->ticket;
	if (!t->by_ticket && known(t, &t->user)) {
		drop_credential(t);
		return false;
	}
	t->state = TXN_LOGIN;
	if (users_client_ask(c->w->users, t->credential, LOGIN_ASK_MS, on_answer, t) < 0)
		return refuse(t, PAGE_LOGIN_DOWN, "users.directory");
	t->asking = t->credential->id;
	worker_poke(c->w);
	return true;
}

void login_challenge(const struct txn *t, struct buf *b)
{
	const struct conf_users *u = t->org->users;
	if (u->tickets && !t->ticket_refused)
		buf_puts(b, "Proxy-Authenticate: Negotiate\r\n");
	if (!u->passwords)
		return;
	buf_puts(b, "Proxy-Authenticate: Basic realm=\"");
	for (const char *p = u->realm; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_putc(b, '\\');
		if ((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f)
			buf_putc(b, *p);
	}
	buf_puts(b, "\", charset=\"UTF-8\"\r\n");
}
