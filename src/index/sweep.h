/* Who met this destination, file or mail: counts by body and terminal, over the index or, where there is none, over the sealed
 * records themselves. For a suspicion somebody reports (S-10 ③: who else?) and for a block before it acts (whom would it have hit?).
 *
 *   type      hostname (and all below it) · ip (an address, or a prefix) · url · hash (SHA-256) · mail (an address or words of one)
 *             · terminal
 *   counted   web requests, packets and mails; a mere question to the resolver is no visit
 *   terminal  of a mail the mailbox it went to
 *   refused   action Denied or disposition Blocked; everything else passed
 *
 * Request (doc/interfaces/search.md, log.sweep): type, value, org, from, to, sealed (don't ask the index). Answer: source (index or
 * sealed), names[] (of an ip: the hosts it was met as, at most SWEEP_NAMES), hits[{org, terminal, passed, refused, first, last, record}], most first; more: there were others, or (sealed) the time
 * ran out. Requirements: S-10, M-082, M-088, M-090. */
#ifndef INDEX_SWEEP_H
#define INDEX_SWEEP_H

#include "index/client.h"
#include "normalise/event.h"
#include "segment/segment.h"

#define SWEEP_NAMES 20              /* two make an address shared (M-090) */
#define SWEEP_HITS 2000             /* terminals told */
#define SWEEP_SEALED_HITS 20000     /* terminals counted while reading the sealed records */
#define SWEEP_SEALED_MS 240000      /* then the reading ends */

enum sweep_type { SWEEP_HOSTNAME, SWEEP_IP, SWEEP_URL, SWEEP_HASH, SWEEP_MAIL, SWEEP_TERMINAL };

struct sweep {
	enum sweep_type type;
	char value[1025], org[8]; /* org "": every body */
	int64_t from_ms, to_ms;
};

struct sweep_hit { /* one terminal's */
	char org[8], terminal[128], record[SEGMENT_NAME_TEXT]; /* record: the first one's name */
	uint64_t passed, refused;
	int64_t first, last;
};
void sweep_hit_format(const struct sweep_hit *h, struct buf *b);

bool sweep_type_parse(struct str name, enum sweep_type *ret);
/* -E_INVALID when the value isn't of its type; folds names and hashes to small letters. */
int sweep_check(struct sweep *s, struct err *err);
int sweep_sql(const struct sweep *s, struct buf *b, struct err *err);
/* The host names an ip was met as. */
int sweep_names_sql(const struct sweep *s, struct buf *b, struct err *err);
struct str sweep_host(const struct event *e); /* "" when the event names none */
/* Does this event count? *ret_terminal borrows from the event, "" when it names none. */
bool sweep_matches(const struct sweep *s, const struct event *e, bool *ret_refused, struct str *ret_terminal);

struct sweep_sealed {
	const char *dir; /* of the segments */
	segment_key_fn key;
	void *user;
	const _Atomic bool *ended; /* it ends then, with -E_CLOSED; NULL: only by itself */
};
/* Fills `fields` with the answer's fields, each with a comma before it (wire/ctl.h). */
int sweep_index(struct client *c, const struct sweep *s, struct buf *fields, struct err *err);
int sweep_sealed(const struct sweep_sealed *o, const struct sweep *s, struct buf *fields, struct err *err);

#endif
