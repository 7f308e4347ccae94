/* The read-only page: / (the board) and /incident/NUMBER. Server-rendered HTML that needs no script; the database role
 * can only read. A worker answers one request at a time. Requirements: S-47 (screen for the desk), M-098. */
#ifndef PORTAL_PORTAL_H
#define PORTAL_PORTAL_H

#include "base/arena.h"
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
	/* the answer of controld's `status`, at most a second old; NULL when there is none */
	yyjson_doc *status;
	int64_t status_ms;
	bool (*fetch_status)(struct buf *b); /* portal_fetch_status; tests hold it */
};

/* Reads portald.json. store isn't touched. */
int portal_configure(struct portal *p, struct str json, struct err *err);
void portal_done(struct portal *p);
bool portal_fetch_status(struct buf *b);
/* The whole SCGI answer, headers first. err_code 0, or what scgi_parse said (then q is ignored). */
void portal_answer(struct portal *p, const struct scgi *q, int err_code, struct buf *out);
bool portal_japanese(const struct scgi *q);

/* The pages' middles; false: the database isn't there (said on the page). */
void page_board(struct portal *p, struct html *h);
/* 0, -E_NOT_FOUND, or another code. */
int page_incident(struct portal *p, struct html *h, const char *number);
const char *page_org_name(const struct portal *p, const char *code, bool ja);
enum word page_state(const char *state);
const char *page_check_class(const char *verdict); /* of a block: which colour it stands in */

#endif
