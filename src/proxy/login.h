/* Who is it? Where an organisation's users say who they are (proxyd.json, "users"), a request goes on when toride-userd knows its name and
 * password (users/users.h) or takes its ticket, and not before. What is asked for is Negotiate (Kerberos, RFC 4559) and Basic (RFC 7617,
 * RFC 9110 11.7), over TLS to the proxy (front.c) or, where the organisation has accepted that, in clear; over clear nobody is asked
 * otherwise, since asking is what makes a browser send it. A tunnel's requests are those of who asked for the tunnel.
 *
 * A password's answer is good for LOGIN_MS without asking userd again. A ticket is good once, so it holds for its connection, for
 * LOGIN_CONNECTION_MS, as browsers expect of Negotiate; not on one of a child proxy, where the next request is another person's.
 *
 *   "users":{"realm":"Saga City","clear":false,"tickets":true,"passwords":true,"fail":"closed"|"open","exempt_terminals":[prefix…],"exempt_destinations":[host, .domain…]} */
#ifndef PROXY_LOGIN_H
#define PROXY_LOGIN_H

#include "proxy/conf.h"
#include "users/users.h"

#define LOGIN_MS 60000
#define LOGIN_CONNECTION_MS 300000
#define LOGIN_ASK_MS 15000
#define LOGIN_KEPT 16384 /* answers a thread keeps */

struct conf_users {
	const char *realm;
	bool clear, tickets, passwords;
	enum fail_mode fail;
	struct prefix *exempt_terminals;
	size_t n_exempt_terminals;
	struct url_set *exempt_destinations;
};

struct txn;
struct http_head;
struct login_cache;

int login_cache_create(struct login_cache **ret);
void login_cache_forget(struct login_cache *c); /* a new generation: other groups, another directory */
void login_cache_destroy(struct login_cache **c);

/* Takes the credentials out of the head, and out of memory. */
void login_read(struct txn *t, const struct http_head *h);
/* False: t goes on, as t->user or nobody. True: it waits, and goes on by request_decide(); or it was refused, and may be gone. */
bool login_wait(struct txn *t);
void login_cancel(struct txn *t);
/* The fields of a 407: what t may still try. */
void login_challenge(const struct txn *t, struct buf *b);

#endif
