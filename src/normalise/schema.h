/* Does an event hold what doc/interfaces/README.md says for its class? Used by intaked to count faults (an event with
 * one is kept all the same) and by tests on everything that is emitted. */
#ifndef NORMALISE_SCHEMA_H
#define NORMALISE_SCHEMA_H

#include "normalise/event.h"

/* 0, or -E_INVALID with the attribute as path. Attributes the table doesn't know are allowed. */
int schema_check(const struct event *e, struct err *err);
/* Of what came in, before accept_event() has put its own members beside: those aren't looked at. */
int schema_check_given(const struct event *e, struct err *err);
/* Is this member accept_event()'s to say, whatever the sender wrote? */
bool schema_is_ours(struct str key);

#endif
