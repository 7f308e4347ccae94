/* What has to be done about an incident, as data: the three cases of unlawful traffic (M-083), each with its steps in order, and the
 * six duties of whoever runs the service (S-10). Steps become rows of `task` when the incident opens; each is done by somebody, when,
 * with which result. Some are done by the system itself, when what they stand for happens (life.h).
 * Requirements: M-083 M-086 M-090 M-091 M-092 M-098 S-10. */
#ifndef INCIDENT_PLAYBOOK_H
#define INCIDENT_PLAYBOOK_H

#include "detect/finding.h"

struct playbook_step {
	const char *code;
	const char *role; /* whose work: soc noc org prefecture */
	const char *ja, *en;
};

struct playbook {
	const char *code; /* infection · inbound · outbound */
	const char *ja, *en;
	const struct playbook_step *steps;
	size_t n;
};

extern const struct playbook playbooks[];
extern const size_t playbooks_n;
extern const struct playbook_step duties[]; /* ①…⑥ */
extern const size_t duties_n;

const struct playbook *playbook_find(const char *code); /* NULL when unknown */
/* Which case a finding is: by its technique, then by whether the body's own terminal called. */
const struct playbook *playbook_of(const struct finding *f);
/* A step, duty, kind of task, playbook or role by its code; what isn't in the tables is returned as it is. */
const char *playbook_words(const char *code, bool ja);
/* Kinds of further tasks: dispatch (現地対応) · stop (サービスの停止) · restore · ask · other. */
bool task_kind_known(const char *kind);
bool task_role_known(const char *role);

#endif
