/* An export as one file: its directory as an uncompressed tar (POSIX.1-2017 pax, "ustar Interchange Format"; sizes of 8 GiB and more as GNU tar
 * has them, base 256), that any tar opens. Only regular files of the names an export has; owner, mode and time say nothing. */
#ifndef SEGMENT_BUNDLE_H
#define SEGMENT_BUNDLE_H

#include "segment/segment.h"

struct bundle_report {
	uint64_t bytes;
	unsigned char sha256[SEGMENT_HASH]; /* of the whole file, as sha256sum(1) says it */
};
/* dir → file, which must not exist. Synced; what failed is gone again. */
int bundle_write(const char *dir, const char *file, struct bundle_report *ret, struct err *err);
/* The way back, of whatever somebody hands in: dir is there and empty. Refused (E_CORRUPT): what isn't such a tar, a name that isn't an export's,
 * a name that comes twice, a file cut short. Writes no more bytes than the file has. */
int bundle_open(const char *file, const char *dir, struct err *err);

#endif
