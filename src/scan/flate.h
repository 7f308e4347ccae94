/* DEFLATE (RFC 1951), bare or in zlib's frame (RFC 1950), all at once and in memory. */
#ifndef SCAN_FLATE_H
#define SCAN_FLATE_H

#include "base/buf.h"

#define FLATE_BARE (-15) /* zlib's windowBits */
#define FLATE_ZLIB 15

/* Appends what comes out, as far as it goes and `out`'s ceiling lets it. True: that is all of it. */
bool flate_all(struct str in, int frame, struct buf *out);

#endif
