/* An engine's part of a change. compile/X.c made its files; here is what is done with them. Each engine is one struct:
 *
 *   plan    which steps the difference of the two generations needs (none for a file that didn't change)
 *   run     one step; with the generations exchanged it is that step's undo
 *   verify  reads back whether the machine stands at the generation; runs in a child with CAP_NET_ADMIN only
 * The dry run before all that is check/check.h. */
#ifndef APPLY_ENGINE_H
#define APPLY_ENGINE_H

#include "apply/generation.h"
#include "apply/step.h"

struct change {
	const struct gen *from, *to; /* "" of either: nothing */
	bool opens, closes;          /* permissions of the packet filter that come or go (cut.h) */
};

/* Where in the plan a step stands. Opening goes engine first, firewall last; closing the reverse. A change that does both
 * goes as a closing one: what is revoked never outlives the order, and an engine behind a door opened early still serves
 * its old policy, which doesn't know the newcomer and refuses it. */
enum plan_place { PLACE_CLOSING, PLACE_ADD, PLACE_LINK, PLACE_ENGINE, PLACE_OPENING, PLACE_REMOVE, PLACE_VERIFY };

struct verify_input {
	const struct env *env;
	struct str rules, keys, canaries, classes, zones; /* nft/rules.json, net/keys, canary.json, shape/keys, zones.json; {NULL,0} when there is none */
	bool ips; /* lines are inspected (suricata/lines.bin) */
	struct str edge_ask, edge_expect; /* edge/canary.conf, edge/canary.expect */
};

struct engine {
	const char *name;
	void (*plan)(const struct change *c, enum plan_place place, struct plan *p);
	int (*run)(const struct env *e, const struct step *s, const struct gen *from, const struct gen *to, struct err *err);
	int (*verify)(const struct verify_input *in, struct err *err);
};

extern const struct engine engine_net, engine_nft, engine_shape, engine_unbound, engine_edge, engine_knot, engine_nsd, engine_daemons, engine_suricata;
extern const struct engine *const engines[]; /* in engine order, ended by NULL */

/* unbound-control with the configuration in force; words end by NULL. */
int unbound_control(const struct env *e, const char *const *words, struct str input, struct err *err);
/* The objects of net/keys and this node's own of a pair, appended to b. */
int net_keys(const struct gen *g, struct buf *b, struct err *err);
int net_verify(const struct verify_input *in, struct err *err);     /* verify_net.c */
int nft_verify(const struct verify_input *in, struct err *err);     /* verify_nft.c */
int shape_verify(const struct verify_input *in, struct err *err);   /* verify_shape.c */
int unbound_verify(const struct verify_input *in, struct err *err); /* canary.c */
void nsd_transfer(const struct env *e);                             /* both ask their primary now */
int edge_reload(struct err *err);                                   /* the public sites' server reads its certificates again */
int nsd_verify(const struct verify_input *in, struct err *err);     /* nsd.c: zones on all name servers */

/* RUN/pids/NAME ("PID START", START as in /proc/PID/stat): the process the supervisor runs under that name; 0 when it doesn't run. */
pid_t process_pid(const char *name);
/* Until a process of that name, another than `old` (0: any), answers. `old` is told to end (SIGTERM), and again each second: one
 * that is just starting may miss it. -E_TIMEOUT with what was last said. */
typedef int process_answers(const struct env *e, const char *name, struct err *err);
int process_wait(const struct env *e, const char *name, pid_t old, process_answers *answers, struct err *err);
/* Is the supervisor going to run it (RUN/ready/NAME or RUN/pids/NAME is there)? */
bool process_expected(const struct env *e, const char *name);

#endif
