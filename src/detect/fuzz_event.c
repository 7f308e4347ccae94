/* Events, one a line, through rules, correlations and the making of findings; then the state is saved and restored. */
#include "detect/engine.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdlib.h>

static const char rules[] =
	"title: c\nid: c\ncorrelation:\n    type: event_count\n    rules: [one]\n    group-by: [src_ip, cs-host]\n    timespan: 60s\n"
	"    condition:\n        gte: 2\n---\ntitle: l\nid: l\ncorrelation:\n    type: event_count\n    rules: [one]\n    group-by: [src_ip]\n"
	"    timespan: 60s\n    condition:\n        lt: 3\n---\ntitle: v\nid: v\ncorrelation:\n    type: value_count\n    rules: [one, two]\n"
	"    group-by: [src_ip]\n    timespan: 60s\n    condition:\n        field: cs-host\n        gte: 2\n---\ntitle: o\nid: o\ncorrelation:\n"
	"    type: temporal_ordered\n    rules: [one, two]\n    group-by: [src_ip]\n    timespan: 60s\n---\n"
	"title: s\nid: s\ncorrelation:\n    type: value_sum\n    rules: [one]\n    group-by: [src_ip]\n    timespan: 60s\n    condition:\n"
	"        field: sc-bytes\n        gte: 500\n---\ntitle: a\nid: a\nname: a\ncorrelation:\n    type: value_avg\n    rules: [one, two]\n"
	"    group-by: [src_ip]\n    timespan: 60s\n    condition:\n        field: sc-bytes\n        gt: 5\n---\ntitle: p\nid: p\ncorrelation:\n"
	"    type: value_percentile\n    rules: [one]\n    group-by: [src_ip]\n    timespan: 60s\n    condition:\n        field: sc-bytes\n"
	"        percentile: 95\n        lt: 5000\n---\ntitle: r\nid: r\ncorrelation:\n    type: value_percentile\n    rules: [one, two]\n"
	"    group-by: [src_ip]\n    timespan: 60s\n    condition:\n        field: cs-host\n        lt: 60\n---\ntitle: t\nid: t\ncorrelation:\n"
	"    type: temporal\n    rules: [one, a]\n    group-by: [src_ip]\n    timespan: 60s\n---\n"
	"title: one\nid: i1\nname: one\nlogsource:\n    category: proxy\ndetection:\n    s:\n        c-uri|contains: a\n    k:\n        - evil\n"
	"    condition: s or k\n---\ntitle: two\nid: i2\nname: two\nlogsource:\n    category: proxy\ndetection:\n    s:\n"
	"        cs-host|re|i: '^([a-z]+\\.)+example$'\n        src_ip|cidr: 10.0.0.0/8\n        dst_ip|fieldref|neq: src_ip\n    condition: s\n";

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct ruleset *s;
	struct engine *e;
	struct err err = { 0 };
	struct str rest = { (const char *)p, n }, line;
	if (!s && (ruleset_load_text(STR(rules), "r", NULL, &s, &err) < 0 || s->n_faults))
		abort();
	struct engine_opts o = { .rules = s, .correlation_bytes = 64 * KIB, .horizon_ms = n % 2 ? CORRELATE_AT_ONCE : 0 };
	if (n > 256 * 1024 || engine_create(&o, &e, &err) < 0)
		return 0;
	while (str_next(&rest, '\n', &line))
		engine_event(e, &(struct engine_event){ .json = line, .record = STR("412015/events/000001/1") }, &err);
	struct buf b;
	buf_init(&b, 16 * MIB);
	correlator_save(engine_correlator(e), &b);
	if (b.failed || correlator_restore(engine_correlator(e), buf_view(&b)) < 0)
		abort();
	engine_tick(e, INT64_MAX / 4);
	buf_done(&b);
	engine_destroy(&e);
	return 0;
}
