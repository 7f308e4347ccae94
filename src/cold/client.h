/* Bringing back a segment that lies in the S3 store: asked of toride-coldd by whoever reads segments (segment/file.h, seg_fetch_by()). */
#ifndef COLD_CLIENT_H
#define COLD_CLIENT_H

#include <stdint.h>

struct err;
#define COLD_WAIT_MS 600000

/* Blocks until the segment lies on the cold disk, whole. -E_CLOSED: no such store is in use, or coldd is away. */
int cold_fetch(const char *org, const char *series, uint32_t number, struct err *err);

#endif
