/* Events for the benches of detection, as they come in: from a fixed seed, hosts with Zipf popularity, one in a thousand
 * made to fire a rule. */
#ifndef BENCH_EVENTS_H
#define BENCH_EVENTS_H

#include "base/buf.h"

#define EVENTS 20000

enum events_kind { EVENTS_PROXY, EVENTS_DNS, EVENTS_SYSMON, EVENTS_KINDS };

struct events {
	enum events_kind kind;
	struct orgs *orgs;
	struct str in[EVENTS]; /* proxy: JSON of proxyd; dns: a dnstap frame of the resolver; sysmon: JSON as evtx dumps */
	size_t bytes;          /* of all */
};

extern const char *const events_names[EVENTS_KINDS];
struct events *events_make(enum events_kind kind);
void events_free(struct events *e);
/* What intaked makes of one: the record as it is stored. Empty: refused. */
struct str events_record(const struct events *e, unsigned i, struct buf *b, struct buf *scratch);

#endif
