/* Sigma filters (filters specification 2.1): a document that narrows rules it names, for one body's own circumstances.
 *
 *   logsource: {…}
 *   filter: {rules: [id or name, …] | any, selection: {…}, condition: not selection}
 * The rule is then true when it was and the filter's condition is: as pySigma reads it, and as the schema says
 * ("selection or not selection"). Fields are those of the rule's log source. `any` (or `all`): every rule whose log
 * source is the filter's or narrower. A rule named that isn't there, is a correlation or has another log source is a
 * fault; the others are narrowed all the same. */
#ifndef DETECT_FILTER_H
#define DETECT_FILTER_H

#include "detect/rule.h"

struct filter {
	const char *file;
	const struct yml *doc; /* lives with the rules */
	struct filter *next;
};

/* 0, or the first fault (-E_INVALID, -E_NOMEM). rules: linked by next. */
int filter_apply(const struct filter *f, struct rule *rules, const struct rule_opts *o, struct arena *a, struct err *err);

#endif
