/* What inspection doesn't get on with: programs that trust a certificate of their own choice only, and sites that want the terminal's.
 * Read from the proxy's own records; nothing is learnt into a table that somebody could fill, and nothing is excepted by itself.
 *
 *   pinned              a terminal's program ended the handshake with us by the alert unknown_ca, bad_certificate or certificate_unknown
 *   client_certificate  the server asked for a certificate and then refused (it closed, or answered 400, 403, 495 or 496)
 *
 * The evidence, by organisation, name and (pinned) JA4: how many terminals, how many of them let us look into anything else (who doesn't trust
 * the authority at all is no evidence), how many others the same program was opened for at the same name, how often, since when. `strong`: three
 * terminals or more that trust the authority, and none that the program was opened for. One terminal alone, whoever sits at it, is never that.
 *
 * Request (doc/interfaces/search.md, decrypt.proposals): org, from, to. Requirements: F-09. */
#ifndef INDEX_REFUSALS_H
#define INDEX_REFUSALS_H

#include "base/buf.h"
#include "index/client.h"

#include <stdbool.h>
#include <stdint.h>

#define REFUSALS_TOLD 200
#define REFUSALS_STRONG 3

struct refusals_ask {
	char org[8]; /* "": every one */
	int64_t from_ms, to_ms;
};
int refusals_sql(const struct refusals_ask *s, bool pinned, struct buf *b, struct err *err);
/* Fills `fields` with the answer's fields, each with a comma before it (wire/ctl.h). */
int refusals_run(struct client *c, const struct refusals_ask *s, struct buf *fields, struct err *err);
/* One line of the engine's answer as an object of proposals[]; false when it is none. */
bool refusals_row(struct str line, bool pinned, struct buf *b);

#endif
