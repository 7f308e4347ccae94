/* What a person may open for himself: a rule by category with the action coach (after a warning) or override (with a reason).
 *
 * The page he gets holds a form that leads to GRANT_PATH on the same site, with a token: an HMAC-SHA-256 by a key of this
 * process over organisation, terminal, rule and end. Only the page for this terminal holds it, so no other site can make a
 * browser open anything. The proxy answers that path itself; it never reaches an origin. What is opened is one rule for one
 * user of one terminal for GRANT_MS, in a table that all threads share without a lock; a restart forgets it. */
#ifndef PROXY_GRANT_H
#define PROXY_GRANT_H

#include "model/model.h"

#define GRANT_PATH "/.toride-open"
#define GRANT_MS 3600000       /* how long it stays open */
#define GRANT_TOKEN_MS 900000  /* how long the page's form is good for */
#define GRANT_TOKEN 96
#define GRANT_REASON 200       /* bytes of a reason */

int grant_init(void); /* once a process, before its threads */
struct grant_for {
	const char *org;
	const struct prefix *terminal;
	const char *rule; /* "url.categories[ID]" */
	const char *user; /* at that terminal; NULL or "": whoever sits there */
};
void grant_token(const struct grant_for *g, int64_t now_ms, char dst[GRANT_TOKEN]);
/* Is the token this one's, and in time? */
bool grant_token_ok(const struct grant_for *g, struct str token, int64_t now_ms);
void grant_open(const struct grant_for *g, int64_t now_ms);
bool grant_holds(const struct grant_for *g, int64_t now_ms);

/* A request to GRANT_PATH: its query's members. */
struct grant_request {
	char token[GRANT_TOKEN], rule[80], back[2048], reason[GRANT_REASON + 1]; /* back: a path on this site */
};
/* application/x-www-form-urlencoded; false: too long, or holding what a text may not. */
bool form_decode(struct str s, char *dst, size_t size);
/* 0; -E_NOT_FOUND: another path; -E_INVALID: not as our form writes it. */
int grant_request_parse(struct str path, struct grant_request *ret);

#endif
