/* Between the files of one request: txn.c (life, pages, delivery), request.c (decided, sent on), answer.c (held),
 * verdict.c (asked, acted on). The rest of the proxy uses conn.h only.
 *
 * Each of these may end the request, and the connection with it: after a call t is looked at again only
 * where the function says that it is still there. */
#ifndef PROXY_TXN_H
#define PROXY_TXN_H

#include "proxy/conn.h"

#define TXN_INTERIM 8                     /* 1xx heads before an answer, and their bytes together: an origin may not keep */
#define TXN_INTERIM_BYTES HTTP_MAX_HEAD   /* a request, and us, busy with them for ever */

/* txn.c */
void txn_set_rule(struct txn *t, const char *rule);
void txn_forget_scan(struct txn *t);
enum share_limit txn_count_held(struct txn *t, uint64_t now); /* t holds `now` bytes of body */
bool txn_held_ok(struct txn *t); /* counts what the hold takes; false: over a ceiling, a page was sent */
void txn_deny(struct txn *t, enum page_kind kind, const char *rule, const char *detail); /* the rules refuse */
void txn_fail(struct txn *t, enum page_kind kind, const char *rule, const char *detail); /* it can't be done */
void txn_redirect(struct txn *t, const char *path); /* 303 to a path of this site */
void txn_own(struct txn *t, const char *type, struct str body); /* 200 with something of our own */
void txn_deliver(struct txn *t); /* head and hold to the terminal, as far as it takes them */
void txn_finish(struct txn *t);  /* all is said */

/* request.c */
void request_start(struct txn *t, bool fresh); /* finds an origin; fresh: none from the pool */
bool request_push(struct txn *t);                /* sends what there is for the origin; false: t is gone or went on */
void request_event(struct origin *o, int what);

/* answer.c */
void answer_read(struct txn *t);               /* its head */
void answer_read_body(struct txn *t);
void answer_closed(struct txn *t, long code);  /* the origin closed: 0 properly, else -E_… */
void answer_flush(struct txn *t);              /* TXN_STREAM: on to the terminal */

/* verdict.c */
void verdict_ask(struct txn *t); /* all of the answer is held */

#endif
