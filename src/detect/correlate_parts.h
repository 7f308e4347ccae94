/* What the files of the correlator share; nobody else includes it.
 *
 *   correlate.c         which correlations a fired rule is part of; made and unmade; time passing
 *   correlate_key.c     which group an event belongs to
 *   correlate_group.c   groups, their events, and the ceiling over all
 *   correlate_window.c  what a group's events amount to, by type of correlation
 *   correlate_state.c   saved and restored */
#ifndef DETECT_CORRELATE_PARTS_H
#define DETECT_CORRELATE_PARTS_H

#include "detect/correlate.h"

#include "base/map.h"

#define CORRELATE_GROUPS (1u << 20)
#define CORRELATE_KEY 4096 /* bytes of a group's key */

struct entry {
	int64_t time;
	uint64_t value; /* value_count: hash; temporal_ordered: start of the sequence that ends here */
	uint64_t salt;
	uint16_t slot; /* which of the correlation's rules */
	uint8_t action;
	char record[CORRELATE_RECORD];
};

struct group {
	struct group *newer, *older; /* by last touch */
	const struct rule *rule;
	char *key;
	size_t key_len;
	int64_t quiet_until;
	uint64_t seen; /* windows judged later: events of the window, beyond those kept */
	struct entry *list; /* by time */
	uint32_t n, cap;
	char *sample;
	size_t sample_len;
};

struct use { /* a rule is the slot-th of a correlation */
	const struct rule *correlation;
	unsigned slot;
};

struct correlator {
	const struct ruleset *s;
	correlate_fn fn;
	void *user;
	struct use *uses;
	uint32_t *use_from; /* by rule index; n_rules + 1 */
	uint64_t *digests;  /* by rule index: what the correlation says */
	struct map groups;
	struct group *newest, *oldest;
	size_t bytes, max;
	bool late_windows; /* any correlation is judged later */
	struct correlate_stats stats;
};

/* ---- correlate_group.c */

/* NULL without memory. The least recently touched goes when there are too many. */
struct group *group_make(struct correlator *c, const struct rule *r, struct str key);
void group_drop(struct correlator *c, struct group *g);
void group_touch(struct correlator *c, struct group *g);
/* In its place by time; NULL (counted) without memory. */
struct entry *group_insert(struct correlator *c, struct group *g, const struct entry *e);
void group_remove_first(struct group *g, uint32_t n);
void group_sample(struct correlator *c, struct group *g, struct str s); /* copied; the old one stays without memory */
void groups_make_room(struct correlator *c);
void groups_clear(struct correlator *c);

/* ---- correlate_key.c */

/* False: the event lacks a value to group by (counted), or to count. */
bool correlate_key(struct correlator *c, const struct rule *r, unsigned slot, const struct correlate_hit *hit, struct buf *b);
struct str correlate_org(const struct group *g); /* whose it is, read from its key */
bool correlate_value(const struct correlation *k, unsigned slot, const struct correlate_hit *hit, uint64_t *ret);

/* ---- correlate_window.c */

/* One event more in its group; may fire. depth: how many correlations above a rule this is. */
void window_take(struct correlator *c, struct group *g, const struct entry *e, const struct correlate_hit *hit, unsigned depth);
void window_judge(struct correlator *c, struct group *g); /* its time has passed */

/* ---- correlate_state.c */

uint64_t correlate_digest(const struct rule *r); /* what the correlation says: groups of another saying don't come back */

/* ---- correlate.c */

void correlate_chain(struct correlator *c, const struct rule *r, const struct correlate_hit *hit, unsigned depth);

#endif
