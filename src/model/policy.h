/* The order in which the packet filter decides for an organisation: Toride's own denials, its rules, its published servers,
 * what is left. The compiler writes chains from it, `toride check --packet` answers from it, the check for hidden rules
 * compares along it: one order, read once. F-06. */
#ifndef MODEL_POLICY_H
#define MODEL_POLICY_H

#include "model/model.h"

enum policy_chain {
	POLICY_OUT,   /* from the organisation, through the node */
	POLICY_IN,    /* from the Internet to the organisation; destination and port are the server's */
	POLICY_LOCAL, /* from the organisation to the node itself, when no service was meant */
};

/* Named networks of the whole service; a set's name in the filter is policy_set_names[] and the family. */
enum policy_set { SET_NONE, SET_MANAGEMENT, SET_LGWAN, SET_INSIDE, SET_BOGON, SET_DOH, SET_KINDS };
extern const char *const policy_set_names[SET_KINDS];

struct policy_sets {
	struct prefix *list[SET_KINDS]; /* either family; may overlap */
	size_t n[SET_KINDS];
};
/* -E_NOMEM. The lists are the arena's. */
int policy_sets(const struct model *m, struct arena *a, struct policy_sets *ret);

struct policy_rule {
	const char *id;
	enum fw_action action;
	enum policy_set set;          /* the destination lies in it; SET_NONE: that isn't asked */
	bool not_uplink;              /* it doesn't leave by a line to the Internet */
	const struct fw_match *match; /* NULL: everything */
	const struct limits *limits;  /* NULL: none */
	int64_t expires_ms;           /* void from then on; 0: never */
	const struct fw_rule *rule;   /* where it comes from; both NULL: Toride's own */
	const struct publish *publish;
	size_t at; /* which of the organisation's rules or published servers */
};

/* Calls fn for each rule in order until it returns other than 0, which is returned. The last decides everything. */
int policy_each(const struct model *m, const struct org *o, enum policy_chain chain,
                int (*fn)(const struct policy_rule *r, void *user), void *user);

/* The filter's name for a rule in a family, "412015/r1/4": the comment of its lines in the kernel. */
void policy_comment(const char *code, const struct policy_rule *r, int family, char *dst, size_t size);
/* Of a denial: is it dropped, not refused with an answer? What comes from the Internet and nobody asked for is. */
bool policy_drops(const struct policy_rule *r, enum policy_chain chain);

/* A stretch of the week in UTC, as the kernel compares it (it knows no time zones; Asia/Tokyo is UTC+9 all year). */
struct utc_window {
	uint8_t days; /* bit 0 = Sunday … 6 */
	uint32_t from_s, to_s; /* of the day, [from, to) */
};
#define UTC_WINDOWS_MAX 2
size_t window_utc(const struct window *w, struct utc_window ret[UTC_WINDOWS_MAX]);
bool schedule_holds(const struct schedule *s, int64_t ms); /* NULL: always */

#endif
