/* Values of placeholders (`%Administrators%` with the modifier expand; rules specification 2.1, "Placeholders").
 *
 * placeholders.json beside the rules: {"Administrators": ["adm_*", "root"], …}. Values are Sigma strings: wildcards
 * count. Names are taken as written. Whoever loads the rules may know further ones (rule_opts) and is asked first. */
#ifndef DETECT_PLACEHOLDER_H
#define DETECT_PLACEHOLDER_H

#include "detect/rule.h"

#define PLACEHOLDERS_FILE "placeholders.json"
#define PLACEHOLDERS_BYTES (4u * 1024 * 1024)
#define PLACEHOLDERS_FILES 16

struct placeholders {
	struct rule_opts o; /* hand this to the rules; points at this struct: it may not move */
	const struct rule_opts *more;
	yyjson_doc *docs[PLACEHOLDERS_FILES];
	unsigned n;
};

void placeholders_init(struct placeholders *p, const struct rule_opts *more); /* more: NULL, or outlives p */
void placeholders_done(struct placeholders *p);
/* -E_INVALID: no object of lists of texts; -E_LIMIT; -E_NOMEM. Nothing of it counts then. */
int placeholders_parse(struct placeholders *p, struct str json, const char *file, struct err *err);

#endif
