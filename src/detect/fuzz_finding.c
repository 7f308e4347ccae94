/* What comes over findings.sock: a message and the finding in it; and what comes from the state file. */
#include "detect/correlate.h"
#include "detect/facts.h"
#include "detect/finding.h"

#include "base/mem.h"

#include <stdlib.h>

static void nothing(const struct correlate_result *res, void *user)
{
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct ruleset *s;
	struct finding_msg m;
	struct finding f, g;
	struct arena a;
	struct buf b;
	struct correlator *c;
	struct facts facts;
	struct str json = { (const char *)p, n };
	if (finding_msg_parse(p, n, &m) == 0 && m.type == FINDING_MSG_FINDING)
		json = m.json;
	arena_init(&a, 4 * MIB);
	buf_init(&b, 4 * MIB);
	if (finding_parse(json, &a, &f, NULL) == 0) { /* what was taken is taken again as it is written */
		finding_format(&f, &b);
		if (b.len <= FINDING_JSON_MAX && finding_parse(buf_view(&b), &a, &g, NULL) < 0)
			abort();
	}
	buf_done(&b);
	arena_done(&a);
	facts_parse(json, &facts, NULL);
	facts_done(&facts);
	if ((s || ruleset_load_text(STR("title: c\nid: c\ncorrelation:\n    type: event_count\n    rules: [b]\n    group-by: [G]\n    timespan: 1m\n"
	                                "    condition:\n        lt: 5\n---\ntitle: b\nid: b\nlogsource:\n    category: t\ndetection:\n    s:\n"
	                                "        K: one\n    condition: s\n"), "r", NULL, &s, NULL) == 0) &&
	    correlator_create(&(struct correlate_opts){ .rules = s, .max_bytes = MIB, .fn = nothing }, &c, NULL) == 0) {
		correlator_restore(c, (struct str){ (const char *)p, n });
		correlator_tick(c, INT64_MAX / 4);
		correlator_destroy(&c);
	}
	return 0;
}
