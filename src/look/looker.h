/* Visits a page, in a process of its own for each visit: that process has the network and nothing else, no file and no socket of ours; HTTP
 * and HTML are read there. What comes back is of a fixed form, and looked at as a stranger's. */
#ifndef LOOK_LOOKER_H
#define LOOK_LOOKER_H

#include "base/buf.h"
#include "look/conf.h"
#include "look/judge.h"

struct err;

#define LOOKER_MS 15000 /* of a visit, redirects included */

struct look_visit {
	char address[64];   /* where the site is served */
	char site[256], path[1024], names[LOOK_NAMES];
	bool tls;
};
struct look_answer {
	struct look_seen seen;
	char why[200];      /* there was none: in English */
	uint32_t n;         /* bytes of the page behind it */
};

/* Is the place that the site leads its visitor to one of its own pages? Else *away says whose it is: another's host, or a port of its own
 * name that isn't a public site's. Both texts end; away is left alone where url can't be read. */
bool looker_own(const char *url, const char *names, char away[256]);

struct looker;
/* Makes the nursery of those processes: before there are threads, and before the caller is confined. */
int looker_open(struct looker **ret, struct err *err);
void looker_close(struct looker **l);
int looker_fd(const struct looker *l); /* readable: there is something of the answer. Non-blocking */
int looker_ask(struct looker *l, const struct look_visit *v, struct err *err); /* one at a time */
/* 1: the answer is there, and the page's bytes in looker_body() until the next visit. 0: not yet. -E_CLOSED: the nursery is gone. */
int looker_take(struct looker *l, struct look_answer *ret, struct err *err);
struct str looker_body(const struct looker *l);

#endif
