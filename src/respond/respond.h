/* What the parts of the desk share: one process, one thread, one connection to the store.
 *
 * findings (watch.c) → respond_finding(): one transaction makes incident, notices and block orders; only then the
 * finding is acknowledged. respond_work() then carries out what the tables say is due: blocks to torided, mails to
 * the relay, escalations, expiries, checks. All of it is in PostgreSQL, so a restart goes on where it stopped. */
#ifndef RESPOND_RESPOND_H
#define RESPOND_RESPOND_H

#include "base/clock.h"
#include "incident/incident.h"
#include "wire/order.h"

struct events;
struct stats;
struct mailer;
struct orders;
struct asker;

#define RESPOND_ACTOR "toride"

struct respond {
	struct store *store;
	struct desk *desk;      /* replaced on reload */
	struct events *events;  /* NULL in tests */
	struct stats *stats;    /* NULL in tests */
	struct mailer *mailer;
	struct orders *orders;
	struct asker *courier;  /* NULL: nothing goes through gateways */
	struct asker *asker;    /* NULL: the log isn't asked */
	int64_t witness_ms;     /* no earlier is the log asked for its signature */
	int64_t work_ms;        /* next look at the tables; 0: at once */
	struct clock_watch clock;
	char boot[CLOCK_BOOT];  /* before confinement; "" in tests */
	bool watch_stale;       /* detectd's list of what is blocked isn't the table's */
	int64_t stage_put, stage_kept; /* stage.c: ids of lines handed to intaked, and kept by it */
	uint64_t stage_dropped;
	int64_t handover_ms;           /* the change of shifts that is written */
	char stuck[FINDING_UID_LEN + 1]; /* the finding the store refuses again and again, and how often it did */
	int stuck_times;
};

/* First thing in whatever looks at the time: what the desk waits for (the 15 minutes, escalations, retries, ends of blocks) are
 * durations kept as times of day. When the wall clock was set, they are moved along, in one transaction with the note of it, so
 * that each keeps the length it was given. -E_CLOSED etc. of the store: nothing was moved, again later; until then the caller
 * must not act. */
int respond_clock(struct respond *r, struct err *err);
/* Everything one finding sets off, committed. -E_CLOSED and other failures of the store: not committed, again later. */
int respond_finding(struct respond *r, const struct finding *f, struct err *err);
/* Opens the state for this configuration: names, consents. Also after a reload. */
int respond_configure(struct respond *r, struct err *err);
/* Carries out what is due. Errors are logged and tried again; never waits for torided or a relay. */
void respond_work(struct respond *r);
/* When respond_work() should be called next, in ms from now (at most 1,000). */
int respond_wait_ms(const struct respond *r);
/* Counters of `toride status`: incidents_open and blocks_active of each body. */
void respond_count(struct respond *r);

/* 6003 API Activity: who did what, with which result. */
void respond_audit(struct respond *r, const char *org, const char *user, const char *operation, bool ok,
                   const char *fmt, ...) __attribute__((format(printf, 6, 7)));
void respond_stat(struct respond *r, const char *name, int64_t value, bool add);

#endif
