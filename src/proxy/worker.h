/* One thread of the proxy: its loop, its listeners, its connections, its caches. Threads share only immutable
 * snapshots (conf, blocks), counters, and the process's leaf key; nothing on a request's way takes a lock.
 *
 *   worker.c   thread, loop, snapshots, timers        listen.c   listeners of the organisations
 *   conn.c     a client's connection                  txn.c      one request and its answer, with txn.h:
 *   request.c  decided and sent on                    answer.c   held · verdict.c asked, acted on
 *   down1.c    HTTP/1.1 to the terminal, up1.c to       down2.c    the same in HTTP/2, up2.c, over link2.c
 *              the origin
 *   connect.c  CONNECT: peek, interception, tunnel    origin.c   connections to origins and their pool
 *   revocation.c what authorities say of certificates, fetch.c how they are asked
 *   leaf.c     certificates from the vault            hold.c     a body held until its verdict, share.c by whom
 *   page.c     what people see                        report.c   events and counters
 *   wait.c     a page while a file comes              parcel.c   what all threads know of it
 *   trickle.c  a few bytes while a file comes
 *   mirror.c   what was decrypted, for the intrusion prevention */
#ifndef PROXY_WORKER_H
#define PROXY_WORKER_H

#include "proxy/blocks.h"
#include "http/chan.h"
#include "proxy/conf.h"
#include "http/http.h"
#include "proxy/mirror.h"
#include "proxy/share.h"
#include "scan/cache.h"
#include "scan/client.h"
#include "url/index.h"
#include "vault/vault_client.h"
#include "wire/events.h"
#include "wire/stats.h"

#include <pthread.h>

#define WORKER_TICK_MS 250
#define WORKER_FLUSH_MS 50         /* lost connections to the peers are noticed and made again so often */
#define WORKER_READ (256 * 1024u)
#define WORKER_CONNS_ORG 8192      /* connections of one organisation in one thread */
#define WORKER_CONNS_TERMINAL 256  /* of one terminal in one thread */
#define WORKER_STREAMS_TERMINAL 1024 /* its requests over HTTP/2 at a time */
#define WORKER_STREAMS_ORG 16384
#define WORKER_IDLE_MS 60000       /* kept-alive client without a request */
#define WORKER_HEAD_MS 20000       /* for a whole request head, handshake or ClientHello */
#define WORKER_STALL_MS 60000      /* no progress while a body moves */
#define WORKER_TUNNEL_MS 600000    /* a tunnel without a byte */

struct conn;
struct login_cache;
struct origin;
struct resolver;
struct revocation;
struct users_client;
struct txn;

enum stat_id {
	STAT_REQUESTS, STAT_DENIED, STAT_MALICIOUS, STAT_BYTES_IN, STAT_BYTES_OUT, STAT_INTERCEPTED, STAT_TUNNELS,
	STAT_ERRORS, STAT_CONNECTIONS, STAT_CACHE_HITS, STAT_REFUSED, STAT_CUT, STAT_LISTENING,
	STAT_HOSTILE,  /* connections given up for what they sent: floods, bombs */
	STAT_MIRRORED, STAT_UNMIRRORED, /* frames for the intrusion prevention (mirror.h), and those that were dropped */
	STAT_UNJUDGED, /* no verdict could be had: refused or delivered, as scan_fail says */
	STAT_TRICKLED, /* answers of which some went out before their verdict … */
	STAT_LATE,     /* … and whose verdict was bad */
	STAT_UNNAMED,  /* requests whose user isn't known because no directory answered */
	STAT_STAPLED, STAT_UNSTAPLED, /* origins whose authority's word (staple.h) came along, and those without one … */
	STAT_STAPLE_UNFIT, STAT_REVOKED, STAT_REVOCATION_ASKED, STAT_REVOCATION_UNKNOWN, /* … or with one from which nothing could be taken; and those that it called revoked */
	STAT_CHECK_PAGE, STAT_CHECK_TRUST, /* terminals that look whether they are set right (check.h) */
	STAT_COUNT,
};

/* What lives as long as the organisation does, over generations. */
struct org_rt {
	struct worker *w;
	char code[8];
	const struct conf_org *conf; /* of w->conf; NULL: the organisation is gone */
	struct resolver *resolver;
	struct map pool;             /* origin key -> first idle origin */
	size_t n_idle, n_conns;
	uint64_t held;               /* bytes of bodies, see share.h */
	_Atomic uint64_t *stat[STAT_COUNT];
	struct listener *listeners;
	bool listening;
};

struct worker {
	unsigned id;
	uv_loop_t loop;
	pthread_t thread;
	bool started;
	uv_async_t wake;
	uv_timer_t tick, flush;
	uv_prepare_t prepare;
	uv_check_t check;
	unsigned ticks;
	struct chan_thread chan;
	struct conf *conf;
	struct blocks *blocks;
	struct url_index *index; /* NULL: none is installed */
	_Atomic(struct conf *) next_conf;     /* mailboxes: each holds a reference */
	_Atomic(struct blocks *) next_blocks;
	_Atomic(struct url_index *) next_index;
	_Atomic uint64_t seen;                /* the last order of the main thread that is in force here */
	_Atomic uint64_t order;
	_Atomic bool stop;
	uv_async_t *main_async;
	struct stats *stats;
	struct map orgs;                      /* code -> struct org_rt */
	struct map terminals;                 /* organisation and address -> count + 1 as a pointer */
	struct conn *conns, *buried;
	SSL_CTX *client_ctx, *origin_ctx;
	EVP_PKEY *leaf_key;
	struct str leaf_spki;
	struct leaf_cache *leaves;
	struct revocation *revocation;
	struct map verified;                  /* undecrypted.h */
	struct map sessions;                  /* origin key -> SSL_SESSION */
	uint64_t trust;                       /* how often what we believe changed: tls_trust() */
	struct vault_async *vault;
	struct scan_client *scan;
	struct users_client *users;
	struct login_cache *logins;
	struct events *events;
	uv_poll_t peers;                      /* these four, by an epoll of their own */
	int peers_fd;
	bool poked, reported;
	const _Atomic uint64_t *generation;   /* of the signatures */
	struct verdict_cache verdicts;
	struct http_head head;                /* scratch: valid while one message is looked at */
	char *rbuf, *tmp;                     /* scratch: WORKER_READ bytes each */
	char *h2_in, *h2_out;                 /* H2_OUT bytes each */
	struct link2 *links;                  /* HTTP/2 connections with something to say */
	struct buf json;
	struct mirror mirror;
	struct txn *spare;                    /* for use again */
	size_t n_spare;
	struct shares shares;                 /* bytes of bodies held now, by whom */
	_Atomic uint64_t *stat_held, *stat_dropped;
	uint64_t held_told, dropped_told;
	int64_t now;                          /* clock_mono_ms() of this turn of the loop */
};

struct worker_opts {
	unsigned id;
	struct conf *conf;       /* a reference is taken, */
	struct url_index *index; /* of this too; may be NULL */
	struct events *events;   /* taken, on success */
	struct stats *stats;
	EVP_PKEY *leaf_key;
	uv_async_t *main_async;
};

int worker_create(const struct worker_opts *o, struct worker **ret, struct err *err);
int worker_start(struct worker *w, struct err *err); /* with the blocks of an order before it */
void worker_halt(struct worker *w);  /* tells it to end; several end at the same time then */
void worker_stop(struct worker **w); /* joins and frees; one that never started stays as it is, for the process to end with */
/* From the main thread; `order` is a growing number, worker.seen reaches it when it is in force. NULL: unchanged. */
void worker_order(struct worker *w, uint64_t order, struct conf *conf, struct blocks *blocks, struct url_index *index);

struct org_rt *worker_org(struct worker *w, const char *code);
void worker_poke(struct worker *w); /* something was submitted to vault, scand or events: look at their descriptors */
static inline void org_count(struct org_rt *o, enum stat_id id, uint64_t n)
{
	atomic_fetch_add_explicit(o->stat[id], n, memory_order_relaxed);
}

/* Who asks: the terminal, and its user's name and groups (users/users.h), "" where nobody said. */
struct asker {
	const struct prefix *terminal;
	const char *user, *groups;
};

/* decide.c: may this terminal have what stands at this address, to which that name led? False: rule says why not. */
struct decide_place {
	const char *host;
	bool https;
	uint16_t port;
	const struct prefix *address;
	struct asker who;
};
bool decide_address(const struct worker *w, const struct conf_org *org, const struct decide_place *p, char rule[80]);

/* listen.c */
void listen_update(struct org_rt *o); /* opens what is missing, closes what isn't wanted any more; each second */
void listen_close(struct org_rt *o);

/* tls.c: contexts, tickets, trust, stapled answers */
int tls_contexts(struct worker *w, struct err *err);
void tls_trust(struct worker *w, X509_STORE *store);
/* An earlier session of this origin, unless its certificate was verified too long ago. */
void tls_resume(struct origin *o, SSL *ssl);
/* Towards a terminal, by this certificate; NULL: it can't be. A ticket of it holds for the organisation and name it was given for, no other. */
SSL *tls_accept(const struct worker *w, X509 *leaf, const char *org, const char *name);
int tls_tickets_init(void);
void tls_tickets_rotate(int64_t now_ms);

#endif
