/* A QR code (ISO/IEC 18004) of a short text: bytes, error correction L, versions 1 to 10 (at most 271 bytes), mask by penalty. For the key of
 * an authenticator app, which is read from the screen. */
#ifndef PORTAL_QR_H
#define PORTAL_QR_H

#include "base/str.h"

#define QR_MAX 57 /* modules a side, of version 10 */

struct qr {
	int size;                      /* modules a side, without the quiet zone */
	bool dark[QR_MAX][QR_MAX];     /* [row][column] */
};

/* False when the text is too long. */
bool qr_make(struct str text, struct qr *ret);

#endif
