/* Capabilities as bit masks (1 << CAP_…, capabilities(7)). */
#ifndef JAIL_CAPS_H
#define JAIL_CAPS_H

#include <stdint.h>

struct err;

/* Permitted and effective become what is held AND `keep`; inheritable, ambient and (where allowed) bounding the same. */
int jail_caps_keep(uint64_t keep, struct err *err);
/* For torided's children before exec, as root: bounding set, inheritable and ambient are `keep`, so that the program
 * holds exactly these under its own user. Call after setresuid() with PR_SET_KEEPCAPS set before. */
int jail_caps_pass(uint64_t keep, struct err *err);
/* Drops the bounding set to `keep`; needs CAP_SETPCAP. */
int jail_caps_bound(uint64_t keep, struct err *err);

#endif
