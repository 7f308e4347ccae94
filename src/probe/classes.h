/* What each bandwidth class of an interface has carried, as the kernel counts it (rtnetlink RTM_GETTCLASS). */
#ifndef PROBE_CLASSES_H
#define PROBE_CLASSES_H

#include "base/err.h"

#include <stdint.h>

struct class_count {
	uint32_t handle; /* "1:5" is 0x10005 */
	uint64_t bytes;
	uint32_t dropped; /* packets; the kernel's counter has 32 bits */
};

/* Calls fn for each class of the interface. -E_NOT_FOUND: no such interface. */
int classes_read(const char *interface, void (*fn)(const struct class_count *c, void *user), void *user, struct err *err);

#endif
