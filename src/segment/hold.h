/* Whose records are held: a case is under way, and nothing of that body's is ended, however old it is (S-23).
 *
 * STATE/holds/ORG.ID, one file a hold (controld's: daemon/holds.c). Of a pair both nodes have the same. Who ends records asks here, and only for the names: what can't be
 * looked at holds everything. */
#ifndef SEGMENT_HOLD_H
#define SEGMENT_HOLD_H

#include <stdbool.h>
#include <stdint.h>

/* dir: STATE/holds. org: a code or "service"; the service's records are held with anybody's, since they tell of all. */
bool hold_on(const char *dir, const char *org);
bool hold_any(const char *dir);

/* A node of a pair that was away doesn't know who is held since: who ends records begins with it so long after his start, and by then the node
 * has heard of them, where the other one is there. 0: of no pair. */
int64_t hold_unheard_ms(void);

#endif
