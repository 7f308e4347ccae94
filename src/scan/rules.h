/* The files of our own rules (scan/yara.h): ours as shipped, then the operator's (STATE/feeds/yara). */
#ifndef SCAN_RULES_H
#define SCAN_RULES_H

#include "base/buf.h"

struct err;

#define RULES_DIRS 2
#define RULES_BYTES (64u * 1024 * 1024)

/* All *.yar and *.yara of these directories (one that isn't there holds none) as a bundle in a memfd the caller closes. */
int rules_bundle(const char *const *dirs, size_t n, int *ret_fd, struct err *err);
/* Another number when a file came, went or changed. */
uint64_t rules_mark(const char *const *dirs, size_t n);

#endif
