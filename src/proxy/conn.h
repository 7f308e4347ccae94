/* A client's connection and the request on it. */
#ifndef PROXY_CONN_H
#define PROXY_CONN_H

#include "proxy/grant.h"
#include "proxy/hold.h"
#include "proxy/leaf.h"
#include "proxy/login.h"
#include "proxy/origin.h"
#include "proxy/page.h"
#include "proxy/sni.h"
#include "proxy/target.h"
#include "proxy/upgrade.h"
#include "proxy/worker.h"

#define CONN_IN_MAX (2 * HTTP_MAX_HEAD)
#define TXN_UPLOAD_MAX (4ull * 1024 * 1024 * 1024)
#define TXN_SPARE 64

enum conn_state {
	CONN_HEAD,      /* waiting for a request, or reading its head */
	CONN_BUSY,      /* txn runs */
	CONN_FRONT,     /* TLS to the proxy itself: its certificate is fetched, handshake */
	CONN_PEEK,      /* CONNECT was answered: waiting for the ClientHello */
	CONN_PREPARE,   /* origin is verified, leaf is fetched */
	CONN_HANDSHAKE, /* TLS with the terminal */
	CONN_TUNNEL,
	CONN_H2,        /* many requests at a time: down2.c */
	CONN_PARKED,    /* no terminal: wait.c; no channel either */
	CONN_LINGER,    /* all is said: reading away what comes so that the last words arrive */
	CONN_DEAD,
};

enum txn_state {
	TXN_LOGIN,   /* userd is asked who it is */
	TXN_UPLOAD,  /* the request's content is held */
	TXN_ORIGIN,  /* waiting for an origin */
	TXN_WAIT,    /* request goes out, answer's head comes in */
	TXN_BODY,    /* answer's body is held */
	TXN_VERDICT,
	TXN_HOOK,    /* a sanitiser or a sandbox has it: hook.c */
	TXN_DELIVER, /* head and body go to the terminal */
	TXN_STREAM,  /* body passes through (unscannable, allowed) */
	TXN_LOCKED,  /* it waits for a password: wait.c */
	TXN_PARKED,  /* whole and judged, waits to be fetched: wait.c */
};

struct txn;

/* How a request comes from its terminal and its answer goes back: HTTP/1.1 (down1.c) or a stream of HTTP/2 (down2.c). */
struct txn_down {
	/* Moves what has come of the request's content, by request_put(); t->rq_done at its end. 0; -E_AGAIN: nothing yet,
	 * t->up->push() is called when there is; -E_INVALID: bad framing; -E_CLOSED: the terminal is gone. */
	int (*take)(struct txn *t);
	bool (*go_on)(struct txn *t);   /* 100 Continue. False: t is gone */
	/* The head, its status and fields in t->head, begins the answer. What follows: t->head, then the hold (txn_piece()). */
	void (*answer)(struct txn *t, bool has_length, uint64_t length);
	void (*content)(struct txn *t, struct str s); /* TXN_STREAM: queued in t->head; empty: that was the end */
	/* Sends what there is. True: t is there and all has gone out. False: it is gone, or waits; then answer_more(). */
	bool (*send)(struct txn *t);
	void (*hand_over)(struct txn *t, struct txn *to); /* to answers in t's stead; t is nobody's */
	void (*abort)(struct txn *t);   /* nothing more can be said: t is destroyed, and what it stood on with it */
};

/* How it goes to the origin and the answer comes back: up1.c, up2.c. They call answer.c. */
struct txn_up {
	void (*begin)(struct txn *t);   /* the head in t->request goes out; t may be gone afterwards */
	bool (*push)(struct txn *t);    /* more content may be had. False: t is gone or went on */
	void (*pause)(struct txn *t);   /* no more of the answer, until … */
	void (*resume)(struct txn *t);  /* … now; t may be gone afterwards */
	void (*drop)(struct txn *t, bool whole); /* t->origin is given back; whole: all of the answer was read */
};

struct txn {
	struct txn *next_spare;
	struct conn *c;
	const struct txn_down *down;
	const struct txn_up *up;       /* once the origin is ready */
	void *down_stream, *up_stream; /* down2.c's and up2.c's own */
	int64_t deadline;
	struct conf *conf;             /* a reference: the generation this request was decided by */
	const struct conf_org *org;
	enum txn_state state;
	struct origin *origin;
	struct http_stream rq, rs;
	bool rq_done, rq_chunked, chunk_up, rs_done, rs_has_length, retried, keep, head_only, close_delimited, chunk_out, expect;
	bool drips;                    /* trickle.c: the answer has begun, and `dripped` of its body may go out before the verdict */
	struct buf dripped;
	bool navigates;                /* a person waits for it, wait_wanted(), and got no page yet */
	bool person;                   /* a person waits for it */
	bool form;                     /* its content is our own page's */
	unsigned tries;                /* passwords that were tried */
	char password[VERDICT_PASSWORD];
	bool upgrade, switched;        /* asks for a WebSocket; has it: the connection is a tunnel */
	char accept[UPGRADE_ACCEPT];
	bool silent;                   /* no event: its inner requests have theirs, or it had it */
	struct buf trailers;           /* of the answer (http/trailer.h); a request's go nowhere */
	bool asks_dns;                 /* it is a question to a resolver on the web */
	bool te;                       /* the terminal takes trailers (RFC 9110 10.1.4) */
	unsigned interim;              /* 1xx heads read past … */
	size_t interim_bytes;          /* … and their bytes */
	uint64_t rs_length, body_size, file_size;
	uint8_t method, minor;
	struct target target;          /* path points into text */
	char name[256];                /* server name asked, for TLS */
	struct prefix terminal;
	bool via;
	struct user user;              /* who it is; "" nobody said, or needed to … */
	bool unnamed;                  /* … or no directory answered, and the organisation lets it pass then */
	struct users_request *credential; /* login.c's own */
	bool by_ticket;                /* it came with one */
	bool ticket_refused;           /* its ticket was: another would be */
	uint64_t asking;               /* number of the question to userd; 0: none */
	struct buf text;               /* copies that outlive the head: url, path, user agent, referrer, type */
	struct str url, path, user_agent, referrer, type;
	struct buf request;            /* for the origin: head as HTTP/1.1 writes it, then pieces of the content */
	size_t request_sent;
	bool replay;                   /* it still holds all that was taken of the request */
	struct upload *upload;         /* upload.c's own: its content, held; NULL: none, or gone out */
	enum hold_coding rq_coding;
	int upload_error;
	uint16_t status;
	struct buf head;               /* answer's head for the terminal; TXN_STREAM: the queue of its content too */
	struct hold hold;
	struct buf tail;               /* down1.c's own: goes behind the body */
	uint64_t held;                 /* counted in worker.shares … */
	int64_t held_since;            /* … while it comes in, and again while it goes out */
	size_t sent;                   /* of head and body together */
	uint64_t scan_id;
	bool scanning;
	bool asks_raw;                 /* the verdict is about the answer's bytes as they came; then about their content */
	unsigned codings;              /* bits of enum hold_coding that the origin was asked for */
	unsigned char asked[32];       /* the digest that was submitted */
	int scan_fd;                   /* owned, or -1 */
	uint64_t bytes_in, bytes_out;
	int64_t begin_ms, begin_wall;
	/* for the event */
	char ref[PAGE_REF], rule[80], rule_name[80], malware[72], file_type[16], file_member[128]; /* what in it was found */
	char category[32], categories[128]; /* what decided, and all that is known of the URL: names, commas between */
	char grant[80], reason[GRANT_REASON + 1]; /* what may be opened by the page; why it was */
	const char *action, *disposition, *verdict;
	struct buf mirrored;           /* mirror.c's own: the request as it was sent … */
	size_t mirror_split;           /* … and from here on the answer's head; 0: none yet */
	struct hook *hook;             /* hook.c's own */
	size_t hooks;                  /* of the organisation's inspections: done */
	unsigned inside;               /* the verdict's: groups of what is contained */
	bool replaced;                 /* the hold is what a sanitiser made of it; it was … */
	unsigned char original[32];    /* … this */
	uint64_t original_size;
	char original_type[16];
	bool hashed, cache_hit, tunnel;
	uint16_t tls_version;          /* of the origin's side, 0x0304 */
	bool wants_cert;               /* the origin asked for a certificate */
	struct prefix origin_addr;
};

struct conn {
	struct chan ch; /* first: the channel is the connection */
	struct worker *w;
	struct org_rt *org;
	struct conn *next, *prev;
	enum conn_state state;
	struct prefix peer;
	uint16_t peer_port;
	struct buf in;
	size_t seen;        /* of in: looked through for a head's end */
	int64_t deadline;   /* while no request runs: those have their own */
	struct txn *txn;    /* of HTTP/1.1, or CONNECT itself */
	struct down2 *h2;
	bool offer_h2;      /* the origin speaks it: so may the terminal */
	bool intercepted;
	bool fronted;       /* it is spoken over TLS to the proxy itself */
	bool ended;         /* the client has closed its side */
	bool looping;       /* read_head() runs further up the stack */
	/* CONNECT */
	struct target tunnel;
	char name[256];     /* server name: SNI, or CONNECT's host */
	char ja4[JA4_TEXT]; /* of the terminal's ClientHello (ja4.h); "" none came */
	char proxy_ja4[JA4_TEXT]; /* of its TLS to the proxy itself: front.c */
	struct prefix terminal;
	bool via;
	struct user user;   /* who asked for the tunnel */
	bool unnamed;
	struct user ticket_user; /* login.c's own: whose ticket came on it, until when, and of which generation */
	int64_t ticket_until;
	uint64_t ticket_epoch;
	enum page_kind gate; /* gate_rule: each request in it gets this page */
	char gate_rule[80]; /* "": none */
	struct origin *origin; /* being verified, or the tunnel's other end */
	enum origin_fail fail; /* verification failed: each request gets its page */
	char fail_detail[160];
	struct origin_cert cert; /* the origin's */
	X509 *leaf;
	bool passes;        /* its category isn't looked into: once the origin is verified, bytes go both ways */
	bool leaf_wait, verify_wait;
	uint64_t bytes_up, bytes_down;
	struct socket *socket; /* TUNNEL: a WebSocket, socket.c */
	struct parcel *parcel; /* PARKED */
};

/* conn.c */
void conn_accept(struct org_rt *org, int fd, const struct prefix *peer, uint16_t port);
void conn_destroy(struct conn *c, const char *disposition); /* NULL: quietly; else the running request's event says so */
/* A connection without a terminal, which counts as one of c's terminal; NULL: it has enough. */
struct conn *conn_park(const struct conn *c);
void conn_bury(struct worker *w); /* parked ones that were destroyed: freed */
void conn_tick(struct conn *c);
void conn_next(struct conn *c, bool keep);      /* the request is over */
void conn_touch(struct conn *c, int64_t ms);    /* deadline from now */
int conn_fill(struct conn *c);                  /* reads once into c->in: 0, -E_AGAIN, -E_CLOSED (end too) */
bool conn_stream_add(struct conn *c);           /* one more request of its terminal over HTTP/2; false: too many */
void conn_stream_remove(struct conn *c);
void conn_check_block(struct conn *c);          /* cut when the block table says so */
void conn_check_conf(struct conn *c);           /* a new generation, or a new URL index */

/* connect.c */
void connect_begin(struct conn *c);             /* CONNECT was granted and answered */
void connect_event(struct conn *c, int what);   /* PEEK, PREPARE, HANDSHAKE, TUNNEL */
void connect_abort(struct conn *c);

/* front.c */
void front_begin(struct conn *c);               /* in holds TLS of who speaks it to the proxy itself */
void front_event(struct conn *c);

/* txn.c */
void txn_destroy(struct txn *t);                /* reports it; frees */
void txn_free(struct txn *t);                   /* a spare one */
void txn_abort(struct txn *t, const char *disposition); /* gone; NULL: quietly, as in conn_destroy() */
void txn_tick(struct txn *t);
struct decision;
void txn_decided(struct txn *t, const struct decision *d); /* rule and categories, for event and page */
void txn_origin_page(struct txn *t, enum origin_fail fail, const char *detail);

void connect_transparent(struct conn *c);       /* in holds TLS of who takes us for the origin */

/* down1.c */
struct txn *down1_txn(struct conn *c);
void down1_begin(struct conn *c, size_t head_len); /* c->in holds a whole head */
void down1_event(struct txn *t, int what);

/* wait.c */
void wait_tick(struct conn *c);
void wait_leave(struct conn *c);

/* rewrite.c: heads as they are passed on */
void rewrite_request(struct txn *t, const struct http_head *h);
void rewrite_response(struct txn *t, const struct http_head *h); /* without framing and end */
void rewrite_replaced(struct buf *head, const char *type, const char *disposition); /* of an answer whose content is another now; "": as it was */
void rewrite_end(struct txn *t, bool has_length, uint64_t length); /* framing, Connection, empty line */
enum hold_coding rewrite_coding(const struct http_head *h); /* of its content */
bool rewrite_asked(const struct txn *t, enum hold_coding coding); /* was the origin told that the terminal takes it? */

/* decide.c */
static inline struct asker conn_asker(const struct conn *c)
{
	return (struct asker){ &c->terminal, c->user.name, c->user.groups };
}
static inline struct asker txn_asker(const struct txn *t)
{
	return (struct asker){ &t->terminal, t->user.name, t->user.groups };
}
struct decision {
	bool allow, wants_path;
	enum page_kind page;
	char rule[80], name[80];
	char category[32], categories[128]; /* as in url_decision */
	char grant[80]; /* what the terminal's user may open (proxy/grant.h): "coach ID" or "override ID"; "" nothing */
};
/* block table → terminal registered → url policy (url/url.h: lists, then categories by w's index). */
void decide(const struct worker *w, const struct conf_org *org, const struct target *t, const struct asker *who, struct decision *ret);
/* By t's host and by the tunnel's other name ("": none): what either refuses is refused. */
void decide_both(const struct worker *w, const struct conf_org *org, const struct target *t, const char *other, const struct asker *who,
                 struct decision *ret);
enum page_kind decide_origin_page(enum origin_fail fail);

/* report.c */
void report_txn(struct txn *t); /* once */

#endif
