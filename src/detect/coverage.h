/* What the rules could find: techniques of ATT&CK, the sources of records each rule needs, and which rules can't fire for want of records.
 *
 * coverage_format() writes what there is to say of a set of rules as JSON: for `toride rules coverage`, and by detectd for the desk (RUN/detect/coverage.json):
 *   [{"id", "title", "title_ja", "attacks": ["T1110", …], "every": true, "needs": [{"source", "class", "products"}]}]
 * One entry a rule that tells by itself. needs: its sources (of a correlation, those of its rules): `source` names it, `products` ("a|b") are who may record it ("": any),
 * `class` is OCSF's of those records (0: any). every: all of them are needed (a correlation of several steps), else one of them is enough.
 *
 * What a body sends is known by product and class (log.counts), so a Windows log is there or it isn't: Sysmon's is taken to be there where Security's is. Requirement: F-18. */
#ifndef DETECT_COVERAGE_H
#define DETECT_COVERAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "detect/ruleset.h"

#include <yyjson.h>

#define COVERAGE_SOURCES 200
#define COVERAGE_TECHNIQUES 2000

void coverage_format(const struct ruleset *s, struct buf *b);

struct coverage_source {
	struct str key, products;
	uint64_t class_uid;
	unsigned rules, blind; /* that need it; that can't fire because it isn't there */
	bool there;
};
struct coverage_technique {
	struct str id; /* "T1071.001" */
	unsigned rules, blind;
};
struct coverage {
	struct arena arena;
	struct map names;   /* of techniques */
	struct coverage_source sources[COVERAGE_SOURCES];
	struct coverage_technique techniques[COVERAGE_TECHNIQUES];
	size_t n_sources, n_techniques;
	unsigned rules, blind, untagged; /* all; that can't fire; without a technique */
	bool known;                      /* what is there was said */
	bool *rule_blind;                /* by rule, in the order of `rules` */
};
/* What one body, or anybody, sends: counts[] of log.counts by product and by class; with org those beside it (value2). Both NULL: it isn't known. */
struct coverage_seen {
	yyjson_val *products, *classes;
	const char *org; /* NULL: of all */
};
/* rules: coverage_format()'s array, which must outlive it. Techniques and sources in order of their names. -E_INVALID, -E_LIMIT, -E_NOMEM; coverage_done() always. */
int coverage_count(yyjson_val *rules, const struct coverage_seen *seen, struct coverage *ret, struct err *err);
void coverage_done(struct coverage *c);
/* A layer for MITRE's ATT&CK Navigator (layer format 4.5): score is how many rules can fire, the comment says which. */
void coverage_layer(yyjson_val *rules, const struct coverage *c, const char *name, bool japanese, struct buf *b);

#endif
