/* The desk's pages: server-rendered HTML that needs no script. A worker answers one request at a time.
 *
 * Who asks is said by authd, from the session that the browser's cookie names; what they may see by the database, from the same
 * session (store_begin_session); what they may do by controld, from the same session again. A worker that was taken over is none of these
 * three: it has what passes through it, and no more.
 * A request goes through portal_answer(): the table of pages says whom each is for; a POST is taken only from a page of ours (origin, and
 * a token of this session), before any page's own code runs. Requirements: S-31, S-32, S-47, M-087 (受領確認), M-098. */
#ifndef PORTAL_PORTAL_H
#define PORTAL_PORTAL_H

#include "account/role.h"
#include "account/stage.h"
#include "base/arena.h"
#include "base/err.h"
#include "portal/form.h"
#include "portal/html.h"
#include "portal/scgi.h"
#include "store/store.h"

#include <yyjson.h>

struct portal_org {
	char code[8];
	const char *name, *name_en, *state;
};

struct portal {
	struct arena arena;
	const char *service, *service_en;
	struct portal_org *orgs;
	size_t n_orgs;
	struct store *store;
	/* the answer of controld's `status`, at most a second old; NULL when there is none. Of nobody in particular: for those who may see it */
	yyjson_doc *status;
	int64_t status_ms;
	char status_scope[8]; /* whose bodies it counts: visit_scope() */
	int asker_fd; /* of one who only reads: nothing is waited for once they hung up; -1: of nobody */
	/* asks authd or controld: socket SOCK_…, as ctl_call(). portal_call; tests hold it */
	int (*call)(int asker_fd, const char *socket, struct str request, struct buf *reply, int timeout_ms, struct err *err);
};

#define TOKEN_MAX 65 /* hex of 32 bytes with its NUL: a session's name, and the form tokens */

struct visitor {
	enum session_stage stage; /* _ENROL, _KEY: may see that one page and nothing else */
	char token[TOKEN_MAX], form_token[TOKEN_MAX];
	char name[64], org[8], prefecture[4]; /* one of the two, or neither: all bodies */
	enum role role;
};

/* One request on its way to its answer. */
struct request {
	struct portal *p;
	const struct scgi *q;
	struct visitor who;
	struct html h;
	struct buf cookies; /* "Set-Cookie: …" lines of the answer */
	struct buf *out;
	bool script;        /* this page has our script */
	bool answered;      /* headers and all are in `out`: nothing of h goes out */
};

/* Reads portald.json. store isn't touched. */
int portal_configure(struct portal *p, struct str json, struct err *err);
void portal_done(struct portal *p);
int portal_call(int asker_fd, const char *socket, struct str request, struct buf *reply, int timeout_ms, struct err *err);
/* The whole SCGI answer, headers first. err_code 0, or what scgi_parse said (then q is ignored). */
void portal_answer(struct portal *p, const struct scgi *q, int err_code, struct buf *out);
bool portal_japanese(const struct scgi *q);

/* ---- for the pages ---- */

/* Begins the page: head, header, navigation. title stands before the service's name; refresh: the page loads itself again. */
void page_begin(struct request *rq, enum word title, const char *number, bool refresh);
void page_end(struct request *rq, const char *status, bool refresh);
/* 303: what was done is shown by a page of its own, so that loading it again does nothing again. to: a path of ours. */
void page_go(struct request *rq, const char *to);
/* A short page with one sentence. */
void page_plain(struct request *rq, const char *status, enum word sentence);
/* The hidden field every form of ours has. */
void page_form_token(struct request *rq);
const char *page_org_name(const struct portal *p, const char *code, bool ja);
enum word page_state(const char *state);
const char *page_check_class(const char *verdict); /* of a block: which colour it stands in */
/* Would this path be a page of ours (and no POST)? */
bool page_is_ours(const char *path);

/* ---- parts that several pages use ---- */

/* An incident's card with what may be done there; problem: what couldn't be done just now, NULL is fine. */
void page_card(struct request *rq, const char *number, const struct err *problem);
/* The work on an incident, inside the card's transaction (steps.c). */
int page_steps(struct request *rq, int64_t id, const char *number, struct err *err);
bool page_is_number(const char *s); /* of an incident */
/* What was done, as the address says ("done=ack"), or what couldn't be. */
void page_say_done(struct request *rq);
void page_say_problem(struct request *rq, const struct err *problem);
/* The head of a page that is a list: its title, what was done or couldn't be (problem: NULL is fine), and that there are none. */
void page_list_begin(struct request *rq, enum word title, const struct err *problem, bool none);
/* A text field filled with what was sent, where the form comes back. label stands above it. rows 0: one line. */
void page_text_field(struct request *rq, const char *id, const char *name, enum word label, const char *value, int rows, int max);
/* A block's buttons: undoing it, or the body's consent where it is asked for; nothing for who may not. back: where to go afterwards. */
void page_block_buttons(struct request *rq, const char *id, const char *state, const char *back);

/* ---- asking (visit.c) ---- */

/* Who the cookie says; who.stage SESSION_NONE when it is nobody. touch: a person did something. */
void visit_know(struct request *rq, bool touch);
/* Whose bodies they see: a code, a prefecture's number, "" for all; and whether that one is among them. The rows themselves are the database's
 * and controld's to keep: this is what the page offers. */
const char *visit_scope(const struct visitor *v);
bool visit_sees(const struct visitor *v, const char *code);
bool visit_over_tls(const struct request *rq);
/* A POST from a page of ours, of this session? */
bool visit_is_ours(const struct request *rq);
void visit_set_session(struct request *rq, const char *token); /* NULL: forget it */
/* Begins a request with its session; json_field… adds to it; visit_ask ends, sends and frees it. *ret_doc: the answer, to be freed; NULL is
 * fine. */
void visit_request(const struct request *rq, struct buf *b, const char *what);
int visit_ask(struct request *rq, const char *socket, struct buf *b, int timeout_ms, yyjson_doc **ret_doc, struct err *err);

/* ---- the pages; each begins and ends itself ---- */

void page_board(struct request *rq, const char *rest);
void page_incidents(struct request *rq, const char *rest);
void page_incident(struct request *rq, const char *rest);
void page_report(struct request *rq, const char *rest);
void page_blocks(struct request *rq, const char *rest);
void page_act(struct request *rq, const char *rest);        /* POST /incident/NUMBER/WHAT */
void page_ack_link(struct request *rq, const char *rest);   /* /ack/TOKEN */
void page_block_act(struct request *rq, const char *rest);  /* POST /block/ID/remove, …/consent */
void page_changes(struct request *rq, const char *rest);
void page_change(struct request *rq, const char *rest);
void page_approve(struct request *rq, const char *rest);
void page_sites(struct request *rq, const char *rest);
void page_looked(struct request *rq, const char *rest);
void page_decrypt(struct request *rq, const char *rest);
void page_log(struct request *rq, const char *rest);
void page_coverage(struct request *rq, const char *rest);
void page_counts(struct request *rq, const char *rest);
void page_holds(struct request *rq, const char *rest);
void page_handover(struct request *rq, const char *rest);
void page_login(struct request *rq, const char *rest);
void page_key(struct request *rq, const char *rest);         /* a passkey is asked for, at the door */
void page_account_key(struct request *rq, const char *rest); /* one more, or one less */
/* The part of one's own account; nothing where the page isn't reached by the desk's name. */
void page_keys(struct request *rq);
/* Can this page ask for a passkey? */
bool page_has_keys(const struct request *rq);
/* The session that an answer brings, into the browser and on to `next` ("": the board), or to what its stage is good for. */
void page_enter(struct request *rq, yyjson_val *root, const char *next);
void page_enrol(struct request *rq, const char *rest);
void page_account(struct request *rq, const char *rest);
void page_password(struct request *rq, const char *rest);
void page_logout(struct request *rq, const char *rest);

#endif
