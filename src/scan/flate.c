/* See flate.h. */
#include "scan/flate.h"

#include <zlib.h>

bool flate_all(struct str in, int frame, struct buf *out)
{
	z_stream z = { .next_in = (unsigned char *)(uintptr_t)in.ptr, .avail_in = in.len < UINT32_MAX ? (unsigned)in.len : UINT32_MAX };
	unsigned char chunk[16384];
	int r = inflateInit2(&z, frame);
	while (r == Z_OK && !out->failed) {
		z.next_out = chunk;
		z.avail_out = sizeof chunk;
		r = inflate(&z, Z_NO_FLUSH);
		buf_put(out, chunk, sizeof chunk - z.avail_out);
		if (r == Z_OK && z.avail_out == sizeof chunk)
			break;
	}
	inflateEnd(&z);
	return r == Z_STREAM_END && !out->failed;
}
