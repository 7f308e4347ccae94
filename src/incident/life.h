/* The work on an incident: the steps of its playbook and the duties (playbook.h), further tasks with an owner, what a person
 * reported, and files attached by their hash. All functions run inside the caller's store transaction and write the timeline with
 * the change itself.
 * Requirements: M-083 M-092 M-098 M-100 S-10 S-24. */
#ifndef INCIDENT_LIFE_H
#define INCIDENT_LIFE_H

#include "incident/incident.h"

/* Rows for the steps and duties; harmless when they are there. */
int life_begin(struct store *s, int64_t incident, const char *org, const char *playbook, const char *by, int64_t now_ms, struct err *err);
/* Another case than the system took it for: its steps are added, those of the former that aren't done go. */
int life_playbook(struct store *s, const struct incident *i, const char *playbook, const char *by, int64_t now_ms, struct err *err);
/* What the step stands for happened: it is done, wherever it stands and isn't yet. result: words or "". */
int life_happened(struct store *s, int64_t incident, const char *org, const char *step, const char *by, const char *result, int64_t now_ms,
                  struct err *err);

struct task_new {
	const char *kind, *title, *role, *owner, *by, *ordered_by; /* a dispatch names who of the prefecture ordered it */
	int64_t now_ms;
};
int life_add_task(struct store *s, const struct incident *i, const struct task_new *n, int64_t *ret_id, struct err *err);
/* -E_STATE when it is done already, or must not be yet: a service isn't stopped before the body was told (S-10 ⑤). */
int life_task_done(struct store *s, const struct incident *i, int64_t task, const char *by, const char *result, int64_t now_ms, struct err *err);
int life_task_owner(struct store *s, const struct incident *i, int64_t task, const char *owner, const char *by, int64_t now_ms, struct err *err);
/* A step or duty by its code instead of its number: its row; -E_NOT_FOUND. */
int life_task_find(struct store *s, const struct incident *i, const char *step, int64_t *ret_id, struct err *err);

struct suspicion { /* reported by a person, no alert behind it (S-10 ③) */
	const char *kind; /* page mail file call other */
	const char *reporter, *phone, *words, *by;
	int64_t happened_ms, now_ms;
};
int life_report(struct store *s, const struct incident *i, const struct suspicion *r, struct err *err);

struct attachment {
	const char *sha256; /* 64 hex digits in small letters */
	const char *name, *kind, *place, *by;
	int64_t bytes, now_ms;
};
/* kind: log mail file image packets other. -E_EXISTS when this hash is attached. */
int life_attach(struct store *s, const struct incident *i, const struct attachment *t, struct err *err);

/* "playbook", "tasks", "report", "attachments", "judgements" as further keys of the object begun in b. */
int life_format(struct store *s, const struct incident *i, struct buf *b, struct err *err);

#endif
