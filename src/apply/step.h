/* The typed steps of a change: all that torided ever does to the machine for a generation. A step names no file and holds
 * no text but a process name from a fixed table; what it works on follows from the pair of generations. */
#ifndef APPLY_STEP_H
#define APPLY_STEP_H

#include "apply/env.h"
#include "wire/cursor.h"

enum step_kind {
	STEP_NET_ADD = 1, /* sysctls; addresses, routes and rules that the new generation has and the old one hasn't */
	STEP_NET_DEL,     /* those that only the old one has */
	STEP_NFT,         /* table inet toride, replaced in one transaction; then the blocks, whose zones may have moved */
	STEP_CUT,         /* conntrack entries of permissions that are no more */
	STEP_LINK,        /* STATE/current */
	STEP_UNBOUND,     /* arg: enum unbound_how */
	STEP_DAEMON,      /* name; arg: enum daemon_how. Told to read its configuration again, waited for */
	STEP_VERIFY,      /* reads back from the kernel, the daemons and the canaries */
	STEP_SHAPE_ADD,   /* bandwidth classes that the new generation has, or has otherwise */
	STEP_SHAPE_DEL,   /* those that only the old one has */
	STEP_IPS_ADD,     /* virtual cables of inspected lines that the new generation has, and the door on their sockets */
	STEP_IPS_DEL,     /* those that only the old one has */
	STEP_IPS,         /* arg: enum ips_how */
	STEP_KNOT,        /* arg: enum knot_how */
	STEP_NSD,         /* name: of the process; arg: enum unbound_how */
	STEP_EDGE,        /* arg: enum edge_how. The public sites' server reads its configuration again; waited for */
	STEP_KINDS,
};
enum ips_how { IPS_RELOAD, IPS_RESTART };
enum unbound_how { UNBOUND_RELOAD, UNBOUND_RESTART };
enum daemon_how { DAEMON_RELOAD, DAEMON_RESTART };
enum edge_how { EDGE_RELOAD, EDGE_STAND_INS /* files for certificates that aren't there yet */ };
enum knot_how { KNOT_ZONES /* those whose file differs */, KNOT_RELOAD /* which zones there are */, KNOT_RESTART };

#define PLAN_MAX 64

struct step {
	uint8_t kind, arg;
	char name[32];
};

struct plan {
	struct step steps[PLAN_MAX];
	unsigned n;
};

/* Adds; dies past PLAN_MAX (the tables are ours). */
void plan_add(struct plan *p, enum step_kind kind, uint8_t arg, const char *name);
const char *step_name(const struct step *s, char dst[64]); /* "DAEMON proxyd" */
void plan_write(struct buf *b, const struct plan *p);
void plan_read(struct rd *r, struct plan *p); /* sets r->bad on what isn't a plan */

#endif
