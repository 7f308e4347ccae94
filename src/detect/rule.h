/* A Sigma rule as read from its file (Sigma rules specification 2.1, modifiers appendix 2.1, correlation 2.1):
 * a tree of conditions over predicates. match.h turns many of them into something quick.
 *
 * What isn't supported is refused with file, line and name, never passed over: old aggregations (`| count()`),
 * timeframe, `action: global`, unknown modifiers, placeholders without a value, fields that
 * the log source doesn't have. Filters (filter.h) are put into the rules they name.
 * Own keys beside the standard's (custom attributes are allowed by the specification): `x-toride: {title_ja: …}`, and of an
 * event_count `x-toride: {jitter: 0.1}`: true only when the events come as regularly as that (correlate_window.c).
 * Memory: everything lives in the arena given; rule_release() frees the compiled regular expressions. */
#ifndef DETECT_RULE_H
#define DETECT_RULE_H

#include "detect/datepart.h"
#include "detect/fields.h"
#include "detect/finding.h"
#include "detect/pattern.h"
#include "detect/yml.h"
#include "model/model.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define RULE_EXPR_DEPTH 64
#define RULE_PLACEHOLDERS 4    /* of one value */
#define RULE_VALUES 20000      /* values of one rule, after placeholders and encodings */
#define CORRELATION_RULES 16
#define CORRELATION_GROUP_BY 8
#define CORRELATION_VALUES 4
#define CORRELATION_COUNT 10000 /* largest threshold */
#define CORRELATION_SPAN_MS (30LL * 86400 * 1000)

enum pred_op {
	PRED_MATCH,    /* pattern */
	PRED_REGEX,    /* found anywhere */
	PRED_CIDR,
	PRED_COMPARE,  /* number <, <=, >, >= */
	PRED_EXISTS,   /* flag: should be there */
	PRED_NULL,     /* absent or null */
	PRED_FIELDREF, /* equals, starts with, ends with or holds the other field's value */
};
enum compare { COMPARE_LT, COMPARE_LTE, COMPARE_GT, COMPARE_GTE, COMPARE_EQ, COMPARE_NEQ };

struct pred {
	enum pred_op op;
	const char *field; /* Sigma's name; NULL: any text of the event (keywords) */
	unsigned line;
	bool flag, cased, open_start, open_end; /* EXISTS; FIELDREF */
	enum compare compare;
	enum date_part part; /* COMPARE: of the value taken as a date */
	double number;
	struct pattern pattern;
	struct prefix prefix;
	pcre2_code *re;
	struct field_path path, other; /* by the rule's log source; other: FIELDREF's */
	uint32_t index;    /* given by match.c */
	struct pred *next; /* of the rule */
};

enum expr_kind { EXPR_PRED, EXPR_AND, EXPR_OR, EXPR_NOT };
struct expr {
	enum expr_kind kind;
	struct pred *pred;
	struct expr **kids; /* may be shared between conditions */
	unsigned n;         /* AND of none is true, OR of none is false */
};

enum correlation_type {
	CORRELATION_EVENT_COUNT,
	CORRELATION_VALUE_COUNT,
	CORRELATION_TEMPORAL,
	CORRELATION_ORDERED,
	CORRELATION_SUM,
	CORRELATION_AVG,
	CORRELATION_PERCENTILE, /* value_percentile with `percentile`, as pySigma has it: of the values */
	CORRELATION_SHARE,      /* without, as in the specification's example: how many percent of all events have the value */
};

struct rule;
struct correlation {
	enum correlation_type type;
	struct str names[CORRELATION_RULES]; /* as written: id or name */
	unsigned lines[CORRELATION_RULES];
	struct rule *rules[CORRELATION_RULES]; /* by ruleset_load() */
	unsigned n_rules;
	/* [rule][i]: Sigma field of the i-th group value in events of that rule (aliases resolved) */
	const char *group_by[CORRELATION_GROUP_BY];
	const struct yml *aliases;
	unsigned n_group;
	const char *values[CORRELATION_VALUES]; /* condition.field; several count as one value made of all */
	unsigned n_value;
	double percentile;
	double jitter; /* event_count: at most; 0: doesn't matter */
	struct field_path paths[CORRELATION_RULES][CORRELATION_GROUP_BY], value_paths[CORRELATION_RULES][CORRELATION_VALUES];
	int64_t timespan_ms;
	struct {
		enum compare op;
		double value;
	} cond[2];
	unsigned n_cond;
	bool eager; /* only lower bounds: decided as soon as they are reached */
	uint64_t threshold; /* of counts: the least that satisfies all lower bounds */
};
static inline bool correlation_is_numeric(const struct correlation *k)
{
	return k->type == CORRELATION_SUM || k->type == CORRELATION_AVG || k->type == CORRELATION_PERCENTILE;
}

#define FIRST_SEEN_FIELDS 4
#define FIRST_SEEN_SPAN_MS (60 * 86400000LL)
struct first_seen { /* x-toride's: the rule matches only while these values are new to the organisation (baseline.h) */
	const char *fields[FIRST_SEEN_FIELDS];
	struct field_path paths[FIRST_SEEN_FIELDS];
	unsigned n, line; /* n 0: no such condition */
	int64_t learn_ms, new_ms;
};

struct rule {
	const char *file;
	unsigned line;
	const char *id, *name, *title, *title_ja; /* "" when absent; id never is */
	double jitter; /* x-toride's */
	struct first_seen first_seen;
	enum finding_level level;
	const char *attacks[FINDING_ATTACKS];
	size_t n_attacks;
	const char *cves[FINDING_CVES];
	size_t n_cves;
	struct logsource source; /* not of a correlation */
	struct expr *condition;
	struct pred *preds;
	struct correlation *correlation;
	bool referenced; /* no finding of its own: a step by x-toride's word, or part of a correlation that doesn't ask for single findings */
	bool correlated; /* part of a correlation */
	bool generate;
	bool regex_only; /* no text that must be there: asked for every event of its log source */
	uint32_t index;
	struct rule *next;
};

struct rule_opts {
	/* Values of a placeholder (`%name%` with expand): calls add for each; false when there is none of that name. */
	bool (*placeholder)(struct str name, void (*add)(struct str value, void *to), void *to, void *user);
	void *user;
};

/* One document. err's path is "file:line". */
int rule_parse(const struct yml *doc, const char *file, const struct rule_opts *o, struct arena *a, struct rule **ret,
               struct err *err);
void rule_release(struct rule *r);

/* "30s", "5m", "1h", "2d"; false when it isn't one. */
bool rule_timespan(struct str s, int64_t *ret_ms);

/* Parts, for their own tests. `at` gives file and arena. */
struct rule_parser {
	const char *file;
	struct arena *arena;
	const struct rule_opts *opts;
	struct rule *rule;
	struct err *err;
	unsigned values;
};
int rule_fault(struct rule_parser *p, unsigned line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* "field|modifier…" and its value(s) -> expression. key "" or "|all": keywords. */
int value_parse(struct rule_parser *p, struct str key, const struct yml *y, struct expr **ret);
/* The `logsource` of a document. */
int logsource_parse(struct rule_parser *p, const struct yml *doc, struct logsource *ret);
/* Search identifiers and condition of a map; `beside` is a key of it that is neither. Fields aren't resolved yet. */
int detection_parse(struct rule_parser *p, const struct yml *d, const struct yml *beside, struct expr **ret);
/* Finds the fields of the rule's predicates, those put in front of `until`, in its log source. */
int rule_resolve(struct rule_parser *p, const struct pred *until);
struct expr *expr_new(struct rule_parser *p, enum expr_kind kind, unsigned n);
struct named_expr {
	struct str name;
	struct expr *expr;
};
int condition_parse(struct rule_parser *p, struct str text, unsigned line, const struct named_expr *names, unsigned n,
                    struct expr **ret);
int correlation_parse(struct rule_parser *p, const struct yml *doc, const struct yml *c);

#endif
