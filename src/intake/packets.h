/* How many packets are kept as evidence (normalise/eve.h): so many a second, so many bytes a day, of each body. Who floods the line, or a signature that speaks
 * of everything, fills nobody's disk; the alerts themselves are all kept. */
#ifndef INTAKE_PACKETS_H
#define INTAKE_PACKETS_H

#include "base/map.h"

#define PACKETS_A_SECOND 100
#define PACKETS_A_DAY (64u * 1024 * 1024) /* bytes of records */

struct packets {
	struct map bodies;
};
void packets_init(struct packets *p);
void packets_done(struct packets *p);
/* May one more of so many bytes be kept? Then it counts. mono_ms: a clock nobody sets. */
bool packets_may(struct packets *p, const char *org, size_t bytes, int64_t mono_ms);

#endif
