/* All rules together: read from directories, linked (correlations find their rules), compiled for matching.
 *
 * Filters (filter.h) are put into the rules they name; a directory may hold placeholders.json (placeholder.h).
 * A rule that is wrong is told to on_fault and left out; so is every correlation that needs it. A set may be
 * empty. Read-only once made: any number of matchers (match.h) may share it. */
#ifndef DETECT_RULESET_H
#define DETECT_RULESET_H

#include "detect/rule.h"

#include "base/map.h"

#include <hs/hs.h>

#define RULESET_RULES 50000
#define RULESET_BYTES (512u * 1024 * 1024)

struct ruleset_opts {
	struct rule_opts rule;
	void (*on_fault)(const struct err *err, void *user); /* NULL: nobody hears */
	void (*on_file)(const char *path, struct str text, void *user); /* each file that is read, of placeholders too; NULL: nobody asks */
	void *user;
};

struct pred_list {
	struct pred **list;
	uint32_t n, cap;
};

/* One place in events that predicates look at. */
struct match_field {
	struct field_path path;
	struct field_steps steps;
	hs_database_t *db;         /* longest literal of each pattern; NULL when there is none */
	struct pred_list *literals;/* by Hyperscan's id */
	uint32_t n_literals;
	struct pred_list *exact;   /* patterns without wildcard, by lower-case text */
	uint32_t n_exact;
	struct map by_text;        /* lower-case text -> &exact[i] */
};

struct match_source {
	struct logsource source;
	uint32_t *fields, n_fields;   /* the fields whose texts wake its rules */
	struct rule **always;         /* rules without a literal that must be there */
	uint32_t n_always;
};

struct rule_list {
	struct rule **list;
	uint32_t n, cap;
};

struct ruleset {
	struct arena arena;
	struct rule *first, **last;
	struct rule **rules; /* by index; files in sorted order */
	uint32_t n_rules, n_correlations, n_filters, n_faults, n_files;
	struct match_field *fields;
	uint32_t n_fields;
	struct match_source *sources;
	uint32_t n_sources;
	uint32_t *rule_source;       /* by rule index; UINT32_MAX for correlations */
	struct pred **preds;         /* by index */
	uint32_t *pred_field;        /* by pred index */
	unsigned char *pred_kind;    /* by pred index; enum pred_found */
	struct rule_list *triggers;  /* by pred index: rules to be asked when it is found */
	uint32_t n_preds;
	hs_scratch_t *scratch;       /* prototype, cloned by matchers; NULL when no database */
};

enum pred_found {
	PRED_ASK,   /* nothing is looked for: evaluate when needed */
	PRED_VERIFY,/* found means: the pattern may match */
	PRED_SURE,  /* found means: it matches */
};

/* Directories are walked for *.yml and *.yaml, in sorted order; a path may also be one file. */
int ruleset_load(const char *const *paths, size_t n, const struct ruleset_opts *o, struct ruleset **ret, struct err *err);
/* From memory, for tests; file is the name in errors. */
int ruleset_load_text(struct str text, const char *file, const struct ruleset_opts *o, struct ruleset **ret, struct err *err);
void ruleset_destroy(struct ruleset **s);
const struct rule *ruleset_find(const struct ruleset *s, struct str id_or_name);

/* ruleset_compile.c */
int ruleset_compile(struct ruleset *s, struct err *err);

#endif
