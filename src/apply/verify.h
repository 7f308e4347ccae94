/* Reading back: does the machine stand at this generation? Runs in a child with CAP_NET_ADMIN and nothing else, since the
 * kernel's answers and the generation's rules are text. Each engine's verify is in its own file. */
#ifndef APPLY_VERIFY_H
#define APPLY_VERIFY_H

#include "apply/engine.h"

/* 0, or -E_CORRUPT with the object and what is missing or too much. */
int verify_generation(const struct env *e, const struct gen *g, struct err *err);

/* The comparisons alone, for tests: JSON of nft and ip against nft/rules.json and net/keys. */
int verify_rules(struct str rules, struct str kernel, struct err *err);
/* shape/keys against `tc class show dev DEV` of each device, in tc's words behind a line "DEV:". */
int verify_classes(struct str keys, struct str kernel, struct err *err);
struct kernel_net {
	struct str addr[2], rule[2], route[2]; /* `ip -4|-6 -j addr`, `rule`, `route show table all` */
};
int verify_keys(struct str keys, const struct kernel_net *k, struct err *err);

#endif
