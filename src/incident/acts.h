/* What somebody at the body has to do now, for a clerk who is no specialist: the same in the notice, on the telephone and on the page. Requirement: M-092. */
#ifndef INCIDENT_ACTS_H
#define INCIDENT_ACTS_H

#include <stdbool.h>

#define ACTS_MAX 3

enum acts_about {
	ACTS_TERMINAL,
	ACTS_MAIL,   /* a mail: people it went to, and no terminal yet */
	ACTS_SERVER, /* what the body publishes */
};

struct incident;
enum acts_about acts_about(const struct incident *i);
/* ACTS_MAX sentences in the order in which they are done; NULL ends fewer. Static. */
const char *const *acts_of(enum acts_about about, int severity, bool japanese);

#endif
