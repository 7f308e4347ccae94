/* An incident: findings of one body that belong together, from receipt to closing.
 *
 * state        received → analysing → handling → recovering → closed (incident_may_go() says which steps there are)
 * reports      速報 first · 続報 follow-up · 確報 final: times beside the state, not states
 * severity     provisional (by the system, with reasons as data) beside judged (by a named person, with a reason);
 *              the judged one counts once there is one. The signature's level is kept and never counts.
 * evidence     names of records in the sealed segments
 * All functions run inside the caller's store transaction, and write the timeline with the change itself.
 * Requirements: F-24 M-083 M-084 M-085 M-087 X-27 X-37. */
#ifndef INCIDENT_INCIDENT_H
#define INCIDENT_INCIDENT_H

#include "base/arena.h"
#include "base/buf.h"
#include "detect/finding.h"
#include "incident/config.h"
#include "store/store.h"

#define INCIDENT_WINDOW_MS (24 * 3600 * 1000LL) /* findings of the same entity within it belong together */
#define INCIDENT_CAMPAIGN_MS (3600 * 1000LL)    /* so do mails that one rule found within it of each other */
#define INCIDENT_FINDINGS_MAX 10000             /* then the next finding opens another incident */
#define INCIDENT_NUMBER 24                      /* bytes of "I-20261122-0001" with room */
#define NO_TIME 0                               /* in all …_ms fields */

/* Strings belong to the arena of the load. */
struct incident {
	int64_t id;
	const char *number, *org, *state, *title, *title_ja, *rule, *opened_by;
	int severity;         /* provisional */
	const char *reasons;  /* JSON list, severity.h */
	const char *signature_level;
	const char *terminal; /* "" unknown */
	const char *observable_type, *observable; /* the main one, or "" */
	int64_t findings, events;
	int64_t created_ms, first_ms, last_ms, found_ms; /* found: when the event that raised it happened */
	int judged; /* -1: not yet */
	const char *judged_by, *judged_reason;
	int64_t judged_ms, notice_due_ms, notice_started_ms, notice_sent_ms;
	bool notice_late;
	int escalation; /* contacts asked so far */
	int64_t acked_ms;
	const char *acked_by, *call_sheet;
	int64_t report_first_ms, report_follow_ms, report_final_ms, closed_ms;
	const char *closed_by;
	const char *playbook; /* "" for one of an earlier Toride */
	int64_t first_judged_ms, blocked_ms; /* blocked: when the first block at its own body acted */
};

/* What counts: the person's word, else the system's. */
static inline int incident_severity(const struct incident *i)
{
	return i->judged >= 0 ? i->judged : i->severity;
}

struct incident_taken {
	int64_t id; /* 0: the finding was known already (same uid), nothing was done */
	bool opened;
	int was, severity; /* provisional before (-1 when opened) and after */
	int finding_severity; /* of this finding alone, by its own outcome */
	int number_of_repeats;
};

/* finding → incident: by uid once; same fingerprint or same entity joins, else a new one is opened. */
int incident_take(struct store *s, const struct desk *d, const struct finding *f, int64_t now_ms,
                  struct incident_taken *ret, struct err *err);
/* The observable that names it best: mail, hostname, url, ip, hash, terminal, in this order; NULL when there is none. */
const struct observable *finding_main(const struct finding *f);
/* SHA-256 over rule, organisation, terminal and main observable. */
void finding_fingerprint(const struct finding *f, char dst[FINDING_UID_LEN + 1]);

struct incident_new {
	const char *org, *title, *by, *terminal, *observable_type, *observable;
	const char *reason;   /* code of a reason that severity.c knows: by_hand, reported, met_elsewhere */
	const char *playbook; /* playbook.h */
	int severity;
	int64_t now_ms;
};
int incident_open(struct store *s, const struct incident_new *n, char ret_number[INCIDENT_NUMBER], struct err *err);

int incident_load(struct store *s, const char *number, struct arena *a, struct incident *ret, struct err *err);
int incident_load_id(struct store *s, int64_t id, struct arena *a, struct incident *ret, struct err *err);
/* Newest first. open_only leaves the closed out. *ret is an array in the arena. */
int incident_list(struct store *s, bool open_only, int limit, struct arena *a, struct incident **ret, size_t *ret_n,
                  struct err *err);

bool incident_may_go(const char *from, const char *to);
int incident_set_state(struct store *s, const struct incident *i, const char *to, const char *by, int64_t now_ms,
                       struct err *err);
int incident_judge(struct store *s, const struct incident *i, const char *by, int severity, const char *reason,
                   int64_t notice_due_ms, int64_t now_ms, struct err *err);
int incident_ack(struct store *s, const struct incident *i, const char *by, int64_t now_ms, struct err *err);
int incident_close(struct store *s, const struct incident *i, const char *by, const char *reason, int64_t now_ms,
                   struct err *err);
/* which: "first" "follow" "final". A second time keeps the first's time for "first". */
int incident_report(struct store *s, const struct incident *i, const char *which, const char *by, int64_t now_ms,
                    struct err *err);

/* "I"/"B" + day in Japan + running number. */
int incident_next_number(struct store *s, const char *kind, int64_t now_ms, char ret[INCIDENT_NUMBER], struct err *err);
/* {…} as doc/interfaces/incident.json (without the lists that incident_format_lists adds). */
void incident_format(const struct incident *i, struct buf *b);
/* "observables", "evidence", "timeline", "notices" as further keys of the object begun in b. */
int incident_format_lists(struct store *s, int64_t id, struct buf *b, struct err *err);
/* "key":[…] with an object a row of q ($1: id), or the first column as text where row is NULL. */
int incident_format_rows(struct store *s, const struct store_sql *q, int64_t id, const char *key,
                         void (*row)(const struct store_rows *, int, struct buf *), struct buf *b, struct err *err);

#endif
