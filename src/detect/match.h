/* One event against all rules of a set. A matcher is the scratch memory of one thread; the set is shared.
 *
 *   matcher_event(m, json, &ev, &err)      parses and looks; ev.fired[] are the single rules that are true
 * The event's tree (ev.root) and fired[] are valid until the next call. Regular expressions have a match limit:
 * one that passes it counts as silent and in stats.regex_limit. */
#ifndef DETECT_MATCH_H
#define DETECT_MATCH_H

#include "detect/ruleset.h"

#define MATCH_EVENT_MAX (512u * 1024) /* bytes of one event: SEGMENT_RECORD_MAX */
#define MATCH_VALUES 8192             /* texts of one event looked at, over all fields */
#define MATCH_SAMPLE 64               /* every n-th event is timed for the cost of rules, if nobody says otherwise */

struct matcher;
struct match_event {
	yyjson_val *root;
	const struct rule **fired;
	uint32_t n_fired;
};
struct match_stats {
	uint64_t events, bad, fired, asked, regex_limit, values_cut;
};
struct rule_cost {
	uint64_t asked, fired, ns; /* ns: of the timed events, times what they stand for */
};

int matcher_create(const struct ruleset *s, struct matcher **ret, struct err *err);
void matcher_destroy(struct matcher **m);
/* 0, or -E_INVALID: no JSON object, or too large (counted). */
int matcher_event(struct matcher *m, struct str json, struct match_event *ret, struct err *err);
void matcher_stats(const struct matcher *m, struct match_stats *ret);
/* Every n-th event is timed from now on (0: MATCH_SAMPLE). Timing each one slows all down. */
void matcher_sample(struct matcher *m, unsigned n);
const struct rule_cost *matcher_costs(const struct matcher *m); /* by rule index */

#endif
