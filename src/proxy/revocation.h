/* What an authority says of an origin's certificate, asked of it where the origin brings no word along (staple.h): its list of revoked
 * certificates where the certificate names one, else its OCSP server, else nobody. The authorities in between are asked about the same way, of
 * those above them (what is stapled is of the origin's own alone); a list of such certificates serves all origins that they stand behind.
 *
 *   handshake over, chain verified ─ known? ─ yes: at once
 *                                     └ no: asked beside; the connection waits REVOCATION_WAIT_MS at most, then goes on (`soft`) or not (`hard`)
 *
 * Asked as everything is for an organisation: by its own resolver and from its own address, in clear, on ports of the web, and never inside
 * (guard.h, on the address the name led to). Lists are asked first: they are the same for all of an authority's certificates and tell it nothing of who
 * goes where, and one is kept for all threads and organisations. Reading a list and its signature is another thread's work; a request that needs no
 * question waits for nothing. A certificate that is found revoked ends idle connections and kept sessions of the thread, so that what waited no longer isn't passed for an hour.
 *
 * Each thread for itself, and each organisation: what is known of REVOCATION_KNOWN certificates, and REVOCATION_ASKED_ORG questions at a time, which
 * leave room for others'. Requirements: F-09. */
#ifndef PROXY_REVOCATION_H
#define PROXY_REVOCATION_H

#include "proxy/origin.h"

#define REVOCATION_WAIT_MS 1500
#define REVOCATION_CHAIN 4 /* certificates of a chain that are asked about, from the origin's own on; the anchor is nobody's to revoke */
#define REVOCATION_ASKED_ORG 16 /* questions at a time, of one organisation … */
#define REVOCATION_ASKED 32     /* … and of all; one more of each that has none yet */
#define REVOCATION_KNOWN 16384
#define REVOCATION_LISTS (128u * 1024 * 1024) /* bytes of lists kept, of all threads */
#define REVOCATION_GOOD_MS (12 * 3600000ll)   /* so long a list is kept, and its word taken; or until the next one must come */
#define REVOCATION_LEAST_MS 600000            /* … and no shorter; and so long nobody is asked again who gave no answer */
#define REVOCATION_OCSP_MS 3600000

struct revocation;
int revocation_create(struct worker *w, struct revocation **ret);
void revocation_destroy(struct revocation **r);
void revocation_end(struct revocation *r);  /* nothing more is asked, nobody called back */
void revocation_forget(struct revocation *r); /* other authorities are trusted now */
void revocation_tick(struct revocation *r); /* each 250 ms */

enum revocation_word { REVOCATION_FINE, REVOCATION_REVOKED, REVOCATION_UNKNOWN, REVOCATION_WAITS };
/* The handshake is over. WAITS: origin_told() is called once, unless revocation_leave() comes before. */
enum revocation_word revocation_look(struct revocation *r, struct origin *o);
void revocation_leave(struct origin *o); /* it waits no longer; the question goes on for those who come */

#endif
