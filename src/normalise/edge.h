/* What the public sites' server (nginx) and its WAF (ModSecurity 3) write, a JSON object a line → events of class 4002.
 *
 * access: the fields of compile/edge.c's log_format. WAF: ModSecurity's JSON audit log with parts A, B, H, Z. Whose it is stands
 * in what the server adds by itself (`org`; the WAF's unique_id is "CODE-…"), never in what the visitor sent. All the rest is
 * the visitor's word: bytes that aren't UTF-8 become U+FFFD, so that no spelling keeps a request out of the log. The query string
 * isn't kept (as with the proxy's events); what a WAF rule matched is, up to EDGE_MATCH bytes. F-14, M-080. */
#ifndef NORMALISE_EDGE_H
#define NORMALISE_EDGE_H

#include "normalise/orgs.h"

#define EDGE_LINE (256u * 1024)
#define EDGE_MATCH 256
#define EDGE_RULES 16 /* told in an event */

/* Appends the event to b. Returns the organisation's code ("service" where none), valid as long as orgs is; NULL: the line
 * isn't one of ours. */
const char *edge_access_event(struct str line, const struct orgs *orgs, struct buf *b);
const char *edge_waf_event(struct str line, const struct orgs *orgs, struct buf *b);

#endif
