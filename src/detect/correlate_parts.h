/* What the files of the correlator share; nobody else includes it.
 *
 *   correlate.c         which correlations a fired rule is part of; made and unmade
 *   correlate_time.c    what is held until its time has come, windows that are due, by organisation
 *   correlate_key.c     which group an event belongs to, and its value
 *   correlate_group.c   shards, groups, their events, and the ceiling over all
 *   correlate_name.c    names of records, each kept once
 *   correlate_window.c  what a group's events amount to, by type of correlation
 *   correlate_state.c   saved and restored */
#ifndef DETECT_CORRELATE_PARTS_H
#define DETECT_CORRELATE_PARTS_H

#include "detect/correlate.h"

#include "base/map.h"

#define CORRELATE_KEY 4096      /* bytes of a group's key */
#define CORRELATE_ORGS 4096u    /* organisations with clocks of their own; further ones share the last */
#define NOBODY UINT32_MAX
#define CORRELATE_TIME_MAX ((INT64_C(1) << 48) - 2 * 31 * 86400000LL) /* ms; the year 10,889, less two timespans at their longest */
#define LIST_CLASSES 15         /* an event list holds 1, 2, 4 … 16,384 */

/* ---- correlate_name.c */

struct name {
	char *text;
	uint32_t refs, next_free;
};
struct names {
	struct map by_text;
	struct name *list;
	uint32_t n, cap, free;
	size_t bytes;
	uint32_t last; /* most often it is the one before */
};
struct record_name { /* "412015/events/000001/17" is a name and a number; without a number UINT32_MAX */
	uint32_t name, number;
};
void names_init(struct names *n);
void names_done(struct names *n);
int names_take(struct names *n, struct str record, struct record_name *ret); /* a reference; -E_NOMEM */
int names_whole(struct names *n, struct str text, struct record_name *ret); /* the same, of a name without its number */
void names_keep(struct names *n, struct record_name r); /* one more */
void names_drop(struct names *n, struct record_name r);
void names_text(const struct names *n, struct record_name r, char dst[CORRELATE_RECORD]);

/* ---- correlate_group.c */

struct entry { /* one event of a group */
	int64_t time;
	union {
		uint64_t hash;  /* value_count, shares: of the value */
		double number;  /* sums */
		int64_t start;  /* temporal_ordered: when the sequence that ends here began */
	} v;
	uint64_t salt;
	struct record_name record;
	uint32_t weight; /* events it stands for; 0: superseded by a later one of the same value */
	uint8_t slot;    /* which of the correlation's rules */
	uint8_t action;
};

struct group_more { /* what few groups need */
	uint64_t seen;      /* windows judged later: their events, beyond those kept */
	double sum;
	bool sums;          /* values are numbers */
	uint32_t dead;      /* entries of weight 0 */
	uint32_t *index;    /* value -> place in list + 1; open addressing */
	uint32_t index_cap, index_used;
	char *sample;       /* the last event's JSON, where the window is judged later */
	size_t sample_len;
	uint8_t sample_slot;
};

/* One line of the cache: an update of one among millions waits for it once. Hence times of 49 bits (CORRELATE_TIME_MAX), numbers of 15. */
struct group {
	uint64_t id[2];          /* hash of its key; the seed is random and secret */
	struct entry *list;      /* by time: list[first … first + n) */
	struct group_more *more;
	int64_t quiet_until : 49;
	uint64_t first : 15;
	int64_t oldest : 49;     /* times of its first and last event; here, so that most hits only write to the list */
	uint64_t n : 15;         /* a full list's 16,384 fit */
	int64_t newest : 49;
	uint64_t org : 15;       /* below CORRELATE_ORGS */
	uint32_t rule;           /* of one that isn't used: the next of those */
	uint8_t cap_class;       /* list holds 1 << cap_class - 1; 0: no list */
	bool used, touched, incomplete; /* touched: since the hand came by */
};
_Static_assert(sizeof(struct group) == 64, "a group is one line of the cache");

struct shard {
	struct group **chunks;   /* of CHUNK groups */
	uint32_t n_chunks, n_made, free, n_groups;
	uint64_t *table;         /* upper half: of the id; lower: place + 1, UINT32_MAX where one was taken out */
	uint32_t table_cap, table_used;
	uint32_t hand, swept;    /* next place to look at for room; for what can't count any more */
	size_t bytes;
};

struct list_pool { /* event lists of one size that wait for use */
	void *free;
};

struct slab { /* where groups and small lists come from; given back as a whole */
	struct slab *before;
	size_t size, used;
};

/* ---- correlate_time.c */

struct held {
	int64_t time;
	char *text; /* record, then JSON */
	uint32_t rule, record_len, json_len;
	uint64_t salt;
	uint8_t action;
};
struct due {
	int64_t time;
	uint32_t shard, group, rule, number; /* number and salt: of the event it began with */
	uint64_t salt;
	uint64_t id[2]; /* another group may have the place by then */
};
struct timeline { /* of one organisation and horizon */
	struct held *held;
	uint32_t n_held, cap_held;
	struct due *due;
	uint32_t n_due, cap_due;
	int64_t done; /* everything before this has been taken */
};
struct org_clock {
	char code[CORRELATE_RECORD];
	int64_t clock;
	struct timeline lines[2]; /* soon, late */
};

struct use { /* a rule is the slot-th of a correlation */
	const struct rule *correlation;
	unsigned slot;
};

struct correlator {
	struct correlate_opts o;
	const struct ruleset *s;
	struct use *uses;
	uint32_t *use_from; /* by rule index; n_rules + 1 */
	uint64_t *digests;  /* by rule index: what the correlation says */
	uint8_t *line_of;   /* by rule index: which timeline a correlation is on */
	uint8_t *used_on;   /* by rule index: bit set of the timelines of its correlations */
	struct shard shards[CORRELATE_SHARDS];
	struct list_pool pools[LIST_CLASSES];
	struct slab *slab;
	size_t slab_bytes;
	struct names names;
	uint64_t seed[2][2];
	struct map orgs_by_code;
	struct org_clock **orgs;
	uint32_t n_orgs, cap_orgs;
	struct buf key;     /* of the hit at hand */
	uint64_t waiting;   /* held and due, over all */
	size_t held_bytes;
	void *json;         /* yyjson's memory for what was held */
	size_t json_size;
	struct correlate_stats stats;
};

struct taken { /* a hit on its way into groups */
	const struct correlate_hit *hit;
	struct record_name record;
	uint32_t org;
	bool late;
	bool named; /* record is a reference of its own, dropped with the last of its correlations */
};

/* ---- correlate_group.c */

struct group_at {
	uint32_t shard, place;
};
struct group *group_of(const struct correlator *c, struct group_at at);
void group_soon(const struct correlator *c, const uint64_t id[2]); /* it is looked for in a moment */
bool group_find(struct correlator *c, const uint64_t id[2], struct group_at *ret);
/* False without memory. */
bool group_make(struct correlator *c, const struct rule *r, uint32_t org, const uint64_t id[2], struct group_at *ret);
struct group_more *group_more(struct correlator *c, struct group_at at); /* made when it isn't there; NULL without memory */
/* In its place by time, with a reference to the record's name; NULL (counted) without memory. */
struct entry *group_insert(struct correlator *c, struct group_at at, const struct entry *e);
void group_remove(struct correlator *c, struct group_at at, uint32_t i); /* the i-th */
void group_remove_first(struct correlator *c, struct group_at at, uint32_t n);
void group_compact(struct correlator *c, struct group_at at); /* those of weight 0 go */
void group_empty(struct correlator *c, struct group_at at);
void group_sample(struct correlator *c, struct group_at at, struct str json, unsigned slot); /* copied; the old one stays without memory */
bool correlate_put_value(struct buf *b, yyjson_val *v); /* a field's value as part of a key; false: there is none */
struct entry *group_by_value(struct correlator *c, struct group_at at, uint64_t hash); /* a living one; NULL: none */
void groups_make_room(struct correlator *c, uint32_t shard);
void groups_expire(struct correlator *c); /* those that can't count any more */
void groups_shift(struct correlator *c, uint32_t org, int64_t by_ms);
void groups_clear(struct correlator *c);
static inline struct entry *group_entry(const struct group *g, uint32_t i)
{
	return &g->list[g->first + i];
}

/* ---- correlate_key.c */

/* False: the event lacks a value to group by (counted), or to count. */
bool correlate_key(struct correlator *c, const struct rule *r, unsigned slot, struct str org, yyjson_val *root, struct buf *b);
void correlate_id(const struct correlator *c, const struct buf *key, uint64_t ret[2]);
bool correlate_value(struct correlator *c, const struct correlation *k, unsigned slot, yyjson_val *root, struct entry *e);

/* ---- correlate_window.c */

/* One event more in its group; may fire. depth: how many correlations above a rule this is. */
void window_take(struct correlator *c, struct group_at at, const struct entry *e, const struct taken *t, unsigned depth);
void window_judge(struct correlator *c, struct group_at at); /* its time has passed */

/* ---- correlate_time.c */

uint32_t time_org(struct correlator *c, struct str code); /* made when it isn't there; NOBODY without memory */
/* To the correlations of this timeline: held, or taken at once when it is late or nothing is to be held. */
void time_take(struct correlator *c, const struct correlate_hit *hit, uint32_t org, unsigned line);
bool time_hold(struct correlator *c, const struct correlate_hit *hit, uint32_t org, unsigned line); /* false: no memory */
void time_hurry(struct correlator *c, uint32_t org, unsigned line); /* too much is held: the oldest go first */
void time_window(struct correlator *c, struct group_at at); /* a window opened: it is judged when its time has passed */
void time_advance(struct correlator *c, uint32_t org, int64_t clock_ms);
void time_back(struct correlator *c, uint32_t org, int64_t clock_ms);  /* it goes back to there; all that waits is taken first */
void time_shift(struct correlator *c, uint32_t org, int64_t by_ms); /* its clock was set */
void time_clear(struct correlator *c);

/* ---- correlate_state.c */

uint64_t correlate_digest(const struct rule *r); /* what the correlation says: groups of another saying don't come back */

/* ---- correlate.c */

/* Into the correlations of `r` on this timeline, and on to those above them. */
void correlate_chain(struct correlator *c, const struct rule *r, unsigned line, struct taken *t, unsigned depth);

#endif
