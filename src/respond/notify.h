/* Who is told, when, and again: notices as rows of a queue, escalation until 受領確認.
 *
 * The first contact whose min_severity fits is told at once; silent for escalate1_s, the second; at escalate2_s (both
 * counted from the start) the third, or the first again when there are no more; then every escalate1_ms the next one round, until
 * NOTIFY_STEPS are through. The prefecture is told for
 * information from its contacts' own min_severity up. Each step has one reference, in the Message-ID and the text:
 * delivery is at least once, and a repeat is seen as one. A refused mail moves on to the next contact at once.
 * Requirements: M-087 M-091 M-092. */
#ifndef RESPOND_NOTIFY_H
#define RESPOND_NOTIFY_H

#include "respond/respond.h"

#define NOTIFY_FROM_SEVERITY 2   /* at once, with escalation */
#define NOTIFY_MEDIUM 1          /* one mail, where the description says so (notify_medium) */
#define NOTIFY_ATTEMPTS 20     /* then it has failed */
#define NOTIFY_STEPS 12        /* contacts asked for one incident: then the desk must know another way */
#define NOTIFY_REFUSALS 3      /* answers 5xx until it has failed */

/* Inside a transaction. severity: the one to act on. blocking: a block was ordered for this body. */
int notify_start(struct respond *r, const struct incident *i, int severity, bool blocking, int64_t now, struct err *err);
int notify_raised(struct respond *r, const struct incident *i, int was, int severity, bool blocking, int64_t now,
                  struct err *err);
int notify_judged(struct respond *r, const struct incident *i, int was, int64_t now, struct err *err);
/* An attack that failed: one mail to the first contact who is told of severity 1, and to those of the prefecture, when the office is open. Nobody
 * has to answer. Once an incident. */
int notify_medium(struct respond *r, const struct incident *i, int64_t now, struct err *err);
/* A block reached this body. kind: NOTICE_BLOCK, _OWN_BLOCK, _CONSENT, _UNBLOCK, _ISOLATE or _RELEASE (text.h). */
struct notice_block {
	const char *org, *block_id, *target, *reason, *number; /* number: of this body's own incident, or "" */
	int kind;
	int64_t expires_ms;
};
int notify_block(struct respond *r, const struct notice_block *n, int64_t now, struct err *err);
/* To the desk: the system's own block waits for a person. names: what a shared address was met as, or "". */
int notify_held(struct respond *r, const char *org, const char *block_id, const char *target, const char *names, int64_t orgs, int64_t terminals,
                int64_t now, struct err *err);
/* To the desk itself: traffic passes although a block stands against it. */
int notify_leak(struct respond *r, const char *org, const char *block_id, const char *target, int64_t passed, int64_t refused,
                int64_t now, struct err *err);
/* To the body's contact: the terminal goes on calling what is blocked; n calls were refused. With a line in the timeline. */
int notify_calls(struct respond *r, const struct incident *i, const char *block_id, int64_t n, int64_t now, struct err *err);
/* To the first contact of each prefecture: the log's signature of this morning, to be kept (witness.h). day: "2026-11-23…". Inside a transaction. */
int notify_witness(struct respond *r, const char *day, const char *slip, int64_t now, struct err *err);
/* What to say on the telephone and to whom, with what is known now, into b. Inside a transaction. */
int notify_sheet(struct respond *r, const struct incident *i, int severity, int64_t now, struct buf *b, struct err *err);
/* 受領確認: what hasn't gone out to further contacts doesn't. */
int notify_cancel(struct respond *r, const struct incident *i, int64_t now, struct err *err);

/* Outside a transaction. */
int notify_escalate_due(struct respond *r, int64_t now, struct err *err);
int notify_call_due(struct respond *r, int64_t now, struct err *err); /* SMS, voice and webhooks, through courierd */
void notify_collect(struct respond *r);                               /* what became of those */
int notify_send_due(struct respond *r, int64_t now, struct err *err);
void notify_mail_done(int64_t id, bool ok, int code, const char *words, void *respond); /* a mailer_done */
/* The next contact, whatever the clock says; inside a transaction. */
int notify_next(struct respond *r, const struct incident *i, int64_t now, struct err *err);

#endif
