/* The page on which a person, or a clerk in front of 12,500 terminals one by one, sees whether this terminal is set right: does it go by the
 * proxy, does it trust the authority, is its clock right? It works without scripts, by what the browser can load:
 *
 *   http://PROXY_NAME:PORT/check      the page; asked of the proxy directly, or through it
 *   http://via.PROXY_NAME/set.svg     there for who goes by the proxy alone: no resolver knows the name
 *   https://via.PROXY_NAME/trust.svg  the same behind a certificate as of any decrypted site: there for who trusts the authority
 *
 *   http://via.PROXY_NAME/user.svg    of bodies that take tickets: who the proxy takes him for; the one that is asked who it is
 *
 * A picture that doesn't come leaves its words: what is wrong, and what to do. Only the last needs a name. Each that is fetched is
 * an event of the terminal, with rule check.page, check.set, check.trust or check.user: who opened the page and fetched no check.trust doesn't trust it.
 * Counters of the body: check_page, check_trust. Requirements: F-09, issue 5. */
#ifndef PROXY_CHECK_H
#define PROXY_CHECK_H

#include "proxy/conf.h"
#include "proxy/target.h"

struct txn;
struct http_head;

/* Of a host that is ours: answered here, never resolved. */
bool check_is_ours(const struct conf *c, const struct target *t);
bool check_is_page(const struct http_head *h); /* in origin form, asked of the proxy itself */
void check_page(struct txn *t);
bool check_asks_who(const struct txn *t); /* of a host that is ours: its answer is for who has said who he is */
bool check_in_clear(const struct txn *t); /* of such a one: it came in clear, where the body asks nobody; the answer says so */
void check_answer(struct txn *t); /* of a host that is ours */

#endif
