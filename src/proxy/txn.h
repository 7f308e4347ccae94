/* Between the files of one request: txn.c (life, pages), request.c (decided, sent on), answer.c (held), verdict.c (asked,
 * acted on). None of them knows how the messages are framed: down1.c and down2.c do towards the terminal, up1.c and up2.c
 * towards the origin, by struct txn_down and txn_up of conn.h. The rest of the proxy uses conn.h only.
 *
 * Each of these may end the request, and the connection with it: after a call t is looked at again only
 * where the function says that it is still there. */
#ifndef PROXY_TXN_H
#define PROXY_TXN_H

#include "proxy/conn.h"

#define TXN_INTERIM 8                     /* 1xx heads before an answer, and their bytes together: an origin may not keep */
#define TXN_INTERIM_BYTES HTTP_MAX_HEAD   /* a request, and us, busy with them for ever */

/* txn.c */
struct txn *txn_create(struct conn *c, const struct txn_down *down);
void txn_touch(struct txn *t, int64_t ms); /* deadline from now */
void txn_set_rule(struct txn *t, const char *rule);
void txn_forget_scan(struct txn *t);
void txn_drop_origin(struct txn *t, bool whole); /* in whatever state it is, if there is one */
enum share_limit txn_count_held(struct txn *t, uint64_t now); /* t holds `now` bytes of body */
bool txn_held_ok(struct txn *t); /* counts what the hold takes; false: over a ceiling, a page was sent */
void txn_deny(struct txn *t, enum page_kind kind, const char *rule, const char *detail); /* the rules refuse */
void txn_fail(struct txn *t, enum page_kind kind, const char *rule, const char *detail); /* it can't be done */
void txn_show(struct txn *t, const struct page *p); /* a page and nothing else: says nothing of how the request fared */
void txn_redirect(struct txn *t, const char *path); /* 303 to a path of this site */
void txn_own(struct txn *t, const char *rule, const char *type, struct str body); /* 200 with something of our own */
void txn_answer(struct txn *t, bool has_length, uint64_t length); /* t->head and the hold go to the terminal */
struct str txn_piece(const struct txn *t); /* what goes to the terminal next: of t->head, then of the body … */
struct str txn_body(const struct txn *t);  /* … which is this, from its beginning */
void txn_last(struct txn *t, size_t n);    /* n bytes are about to go: if that is all that is left, the event comes before them, */
#define TXN_LAST (256 * 1024)             /* unless they are more than a socket takes at once: then who reads them may yet go */
void txn_sent(struct txn *t, size_t n);    /* of it */

/* request.c */
int request_read(struct txn *t, const struct http_head *h, int r, const char **ret_why); /* r: of the parser; all of h that is needed is kept */
void request_go(struct txn *t, int r, const char *why);  /* decided, and sent on */
void request_decide(struct txn *t);            /* it is known whose it is (login.h) */
void request_start(struct txn *t, bool fresh); /* finds an origin; fresh: none from the pool */
bool request_again_ok(const struct txn *t); /* nobody is harmed if an origin gets it twice, and we have all of it */
void request_put(struct txn *t, struct str s);  /* by take(): a piece of content */
int request_take(struct txn *t);  /* what has come of the content, by request_put(): 0; -E_AGAIN; -E_CLOSED: t is gone or went on */
bool request_fill(struct txn *t); /* all of t->request was sent: what comes next is put there. False: t is gone or went on */
extern const struct txn_up up1;

/* answer.c, called by up1.c and up2.c, which set t->rs before */
bool answer_interim(struct txn *t, uint16_t status, size_t bytes, const char **ret_why); /* may there be a further one? */
bool answer_head(struct txn *t, const struct http_head *h); /* the final one. True: its content is to follow */
bool answer_content(struct txn *t, struct str s); /* false: t went on to something else; TXN_STREAM: down->send() it */
void answer_end(struct txn *t);               /* all of it is here */
void answer_broken(struct txn *t, const char *why); /* it can't be understood */
enum lost { LOST, LOST_UNSURE, LOST_UNTOUCHED }; /* UNSURE: a kept connection, and not a byte came; UNTOUCHED: the origin did nothing */
void answer_lost(struct txn *t, enum lost how); /* no more comes; but for LOST it may be asked anew, once */
void answer_drained(struct txn *t);           /* TXN_STREAM: the queue has gone out */
void answer_more(struct txn *t);              /* TXN_STREAM: it has; t may be gone afterwards */

/* trickle.c: a program gets a few bytes now and then, so that it doesn't give up */
bool trickle_due(const struct txn *t);
bool trickle(struct txn *t);                   /* false: something was sent, t may be gone */
void trickle_cut(struct txn *t);               /* t was refused after some had gone out: no page, the end; t is gone */
void trickle_key(const struct txn *t, char dst[80]); /* what of t may have gone out in part: a grant's rule */

/* wait.c: a person waits at a page instead of at a silent browser */
bool wait_wanted(const struct http_head *h);   /* did a person ask for this, by a browser that shows pages? */
bool wait_due(const struct txn *t);
void wait_begin(struct txn *t);                /* t lives on without its terminal, who gets the page */
bool wait_answer(struct txn *t);               /* the page's own requests. False: it isn't one */
void wait_form(struct txn *t, struct str content); /* its form */
bool wait_password(struct txn *t, const struct verdict *v); /* the person is asked. False: there is nobody to ask, or no use */

/* upload.c */
void upload_hold(struct txn *t);               /* its content is held, whatever the body's settings; t may be gone */
bool upload_begin(struct txn *t);              /* false: nothing of the request is held; true: it is, or was, t may be gone */
void upload_read(struct txn *t);               /* TXN_UPLOAD: more has come */
bool upload_put(struct txn *t, struct str s);  /* by request_put(): false: pass it on */
bool upload_next(struct txn *t);               /* the next piece of what was held into t->request; false: there is none */
void upload_keep_head(struct txn *t);          /* t->request is the head, and goes */
bool upload_again(struct txn *t);              /* t->request is the head again, all of the content is to follow. False: it isn't there any more */
void upload_sent(struct txn *t);               /* an answer has come: kept no longer, if all of it went out */
void upload_judged(struct txn *t, const struct verdict *v);
bool upload_waits(const struct txn *t);        /* for its verdict */
uint64_t upload_held(const struct txn *t);
bool upload_is_message(const struct hold *h); /* short fields of a form, or JSON: needn't be scanned */
void upload_free(struct txn *t);
uint64_t request_upload_max(const struct txn *t); /* request.c: bytes that one request may send */

/* verdict.c */
bool verdict_may_skip(struct txn *t, const char *why); /* it can't be scanned: may it pass all the same? False: a page was sent */
void verdict_passed(struct txn *t, unsigned inside); /* it may go, unless a hook (hook.h) is still to see it */
unsigned verdict_refused(const struct conf_org *o, const struct verdict *v); /* VERDICT_BITs of v->also that its settings don't let pass */
void verdict_again(struct txn *t); /* with t->password, which is forgotten */
void verdict_ask(struct txn *t); /* all of the answer is held */
void verdict_of_upload(struct txn *t, struct hold *h); /* upload_judged() is called, perhaps at once */

#endif
