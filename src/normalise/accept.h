/* What a sender handed in → the record that is stored: one JSON object without newline that says when it came in,
 * whose it is, and who sent it under which number.
 *
 *   {"ingest_time":…,"org":"412015","intake":{"source":"proxyd/0","boot":"0011223344556677","sequence":12}, …}
 *
 * `org` is the caller's word and replaces what the JSON says. An event's own ingest_time and intake are dropped.
 * `clock_skew_ms` (time − ingest_time) is added when they are more than ten minutes apart, but for what was brought in from a file. What isn't a JSON object
 * is kept as it came: {"class_uid":0, …, "raw":BASE64, "message":why}; so is what its sender may not say
 * (normalise/sender.h), and then it is the service's, whatever body it names. */
#ifndef NORMALISE_ACCEPT_H
#define NORMALISE_ACCEPT_H

#include "base/buf.h"
#include "normalise/event.h"
#include "normalise/sender.h"

#define ACCEPT_SKEW_MS (10 * 60 * 1000)

struct accept_from {
	const char *org; /* code or "service" */
	int64_t now_ms;
	const char *source; /* NULL: not from a sender (nflog) */
	uint64_t boot, sequence;
	const struct sender *sender; /* NULL: intaked itself, which may say everything */
};
struct accept_result {
	bool raw;          /* wasn't a JSON object, or was refused */
	bool refused;      /* not for its sender to say: org of the record is "service" */
	bool schema_fault; /* kept, but not what doc/interfaces says */
	bool skewed;
	uint32_t class_uid; /* of the record; 0 too when it is raw */
	char fault[160];   /* words about the first of these */
};
/* Appends the record to b (whose ceiling counts: b->failed). */
void accept_event(struct str json, const struct accept_from *from, struct buf *b, struct accept_result *ret);

#endif
