/* Connections to origins: one organisation's, from its own address, verified, kept alive and used again. */
#ifndef PROXY_ORIGIN_H
#define PROXY_ORIGIN_H

#include "proxy/resolve.h"
#include "proxy/target.h"
#include "proxy/worker.h"

#define ORIGIN_IDLE_MS 30000
#define ORIGIN_IDLE_ORG 512  /* idle connections of one organisation in one thread */
#define ORIGIN_CONNECT_MS 5000  /* after the last address was begun with */
#define ORIGIN_NEXT_MS 250      /* RFC 8305 5: the next address is tried beside one that doesn't answer */
#define ORIGIN_SURE_MS 500      /* idle for less, an origin hardly closes it just when a request is written */
#define ORIGIN_TLS_MS 10000
#define ORIGIN_ADDRESSES 4      /* addresses tried */
#define ORIGIN_KEY 640
#define ORIGIN_NO_WORD "revocation is unknown: the authority gives no answer"
#define ORIGIN_AUTHORITY_REVOKED "an authority in between is revoked"
#define ORIGIN_WANTS_CERT "the server asks for the terminal's own certificate"

enum origin_state { ORIGIN_RESOLVING, ORIGIN_CONNECTING, ORIGIN_TLS, ORIGIN_CHECK /* its authority is asked (revocation.h) */, ORIGIN_BUSY, ORIGIN_IDLE,
	ORIGIN_SHARED, /* HTTP/2: in the pool as long as one more may use it */
	ORIGIN_DEAD };
enum origin_fail { FAIL_NONE, FAIL_DNS, FAIL_DNS_TIMEOUT, FAIL_FORBIDDEN, FAIL_BLOCKED, FAIL_REFUSED, FAIL_TIMEOUT,
	FAIL_TLS, FAIL_PROTOCOL,
	FAIL_CLIENT_CERT /* it wants the terminal's own certificate, and ended the handshake without one */ };

struct origin_cert { /* what it showed, verified or not; "" nothing */
	char sha256[2 * SHA256_LEN + 1];
	char issuer[160]; /* RFC 2253 */
	int64_t ends_s;   /* seconds since 1970 */
};

struct origin;
typedef void (*origin_ready)(struct origin *o, void *user); /* o->fail says how it went; on a failure o is closed after */
typedef void (*origin_io)(struct origin *o, int what);

struct origin {
	struct chan ch;
	struct org_rt *org;
	struct origin *next, *prev; /* in the pool */
	enum origin_state state;
	enum origin_fail fail;
	bool tls, reused, pooled;
	bool h1;
	bool wants_cert;          /* it asked for a certificate of ours; we have none */
	bool broken_out;          /* its name leads by the breakout line */
	bool leaving;             /* SHARED: nobody new gets it */
	struct up2 *h2;           /* SHARED: up2.c's */
	bool resolving;           /* the resolver still knows it */
	uint16_t port;
	char host[256], sni[256], key[ORIGIN_KEY];
	char detail[160];         /* of a failure, English, for the event and the page's small print */
	int tls_check;            /* X509_V_ERR_… of a failure */
	struct origin_cert cert;
	bool stapled;             /* it brought a good word of its authority along */
	struct question *question; /* CHECK: what it waits for … */
	struct origin *next_waiting; /* … with others */
	int revoked_at; /* which certificate of the chain; 0: its own */
	uint64_t trust;           /* the thread's when it was connected: another by now, and it isn't used again */
	int64_t verified;         /* when the certificate was, should an earlier session be used again; clock_mono_ms() */
	struct resolved addrs;
	size_t next_addr, tried;
	struct attempt *attempts; /* CONNECTING: the addresses that haven't answered yet */
	struct prefix addr;       /* connected to, or tried last */
	int64_t next_ms;          /* when the next is tried */
	int64_t deadline;
	origin_ready ready;
	origin_io io;
	void *user;
	struct prefix terminal;   /* for blocks and rules by address … */
	char *groups;             /* … of its user's groups; owned; NULL: none */
	struct buf in;            /* bytes read and not used */
};

struct origin_want {
	const char *host; /* connected to */
	const char *sni;  /* verified; with tls */
	uint16_t port;
	bool tls, fresh;  /* fresh: not out of the pool */
	bool sure;        /* not one that the origin may be closing just now: what is asked can't be asked twice */
	bool h1;          /* HTTP/1.1, whatever else it speaks */
	struct prefix terminal; /* for whom */
	const char *groups;     /* of its user */
	origin_ready ready;
	void *user;
};

/* An idle or shared one (ready isn't called), or a new one on its way: *ret_now says which. For a new
 * one ready may be called before this returns (*ret is set before that): whoever called must not look at
 * what ready may have freed. 0 or -E_NOMEM. */
int origin_get(struct org_rt *org, const struct origin_want *want, struct origin **ret, bool *ret_now);
/* Done with it, all of the answer was read: into the pool. */
void origin_release(struct origin *o);
void origin_close(struct origin *o);
/* It was given out and isn't wanted: closed, unless others share it. */
void origin_forget(struct origin *o);
/* SHARED: a stream came or went. Closes it when it is of no more use. */
void origin_shared(struct origin *o);
void origin_leave(struct origin *o); /* SHARED: those on it go on, nobody new comes */
/* x: what it shows; NULL is fine. tls.c calls it for one that is refused: OpenSSL doesn't keep that. */
void origin_keep_cert(struct origin *o, const X509 *x);
/* What revocation_look() said it would wait for (enum revocation_word). */
void origin_told(struct origin *o, int word);
/* Its owner calls this each 250 ms while it isn't ready: time-outs. May call ready. */
void origin_tick(struct origin *o);
/* Idle ones: too old, or all of them. */
void origin_pool_sweep(struct org_rt *org, bool all);

#endif
