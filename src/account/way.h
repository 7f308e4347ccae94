/* From where somebody may sign in: the description says it for each body's network (authd.json), and nginx says by which one a request came.
 * "node" is the node's own loopback, behind a tunnel or a console: whoever gets there has been let in by other means. */
#ifndef ACCOUNT_WAY_H
#define ACCOUNT_WAY_H

#include "account/role.h"
#include "base/str.h"

struct err;

#define WAY_NODE "node"
#define WAYS_MAX 4096

struct ways; /* immutable */

/* {"ways":[{"org":"412015","people":"off|own|all"}]}. -E_INVALID, -E_LIMIT, -E_NOMEM. */
int ways_parse(struct str json, struct ways **ret, struct err *err);
void ways_destroy(struct ways **w);

enum way_people {
	WAY_NOBODY, /* also for a way that nobody knows */
	WAY_OWN,    /* clerks of `org` */
	WAY_STAFF,  /* they, and all roles that aren't of one body */
	WAY_ANYBODY,
};
/* A way as it is judged by: small enough to be handed on. */
struct way {
	enum way_people people;
	char org[8]; /* of the network; "" for the node's own */
};
/* name: "node", a body's code, anything else. w may be NULL: nobody but by the node. */
struct way way_of(const struct ways *w, const char *name);
/* May somebody of this role and body ("" for none) come by it? */
bool way_lets(const struct way *way, enum role role, const char *org);

#endif
