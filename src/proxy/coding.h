/* Content-Encoding opened for inspection: gzip and deflate (RFC 1952, 1950, 1951), br (RFC 7932), zstd (RFC 8878, with the
 * 8 MiB of window that RFC 9659 leaves a web server). What a decoder may take is bounded by its format and told: br's window
 * is 16 MiB at most (large windows stay off).
 *
 * What one program opens and another doesn't is refused, since one of them would take what wasn't judged:
 *   a second gzip member, or anything behind the end: browsers drop it, most other programs read on (zstd's frames all read on through);
 *   a gzip header with more in it than a file's name: room for a file that who opens no coding would find (RFC 1952 2.3.1);
 *   deflate that is zlib's format and the bare one at once: browsers take it for the former, some programs only know the latter.
 * A frame of zstd's that says nothing of the content (RFC 8878 3.1.2) is skipped by all alike. */
#ifndef PROXY_CODING_H
#define PROXY_CODING_H

#include "base/str.h"

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

enum hold_coding { CODING_NONE, CODING_GZIP, CODING_DEFLATE, CODING_BROTLI, CODING_ZSTD, CODING_UNKNOWN };

struct decoder {
	enum hold_coding coding; /* CODING_NONE: closed */
	z_stream z;
	BrotliDecoderState *br;
	ZSTD_DStream *zstd;
	size_t br_held; /* bytes br has allocated */
	bool raw;       /* deflate without zlib's header */
	bool headed;    /* past gzip's header */
	bool end;       /* at the end: of a frame, or of all */
	unsigned char first[5]; /* deflate's first bytes … */
	size_t n_first;         /* … so many */
	gz_header gzip;
};

/* By the whole of Content-Encoding (http_combine()). `utf-8` and `none` are seen in the wild and mean nothing to anybody. More than one coding, or a list with an empty place, is CODING_UNKNOWN
 * even where `identity` makes it look harmless: programs differ in what they then open. */
enum hold_coding hold_coding(struct str content_encoding);
/* 0, or -E_NOMEM. CODING_NONE and _UNKNOWN open nothing. */
int decoder_open(struct decoder *d, enum hold_coding coding);
/* Takes from *in, makes up to `size` bytes. first: nothing was taken before *in. How many, or -E_INVALID: broken.
 * Fewer than `size` and *in used up: it wants more. */
ptrdiff_t decoder_step(struct decoder *d, struct str *in, char *out, size_t size, bool first);
size_t decoder_held(const struct decoder *d); /* memory it takes for its window */
void decoder_close(struct decoder *d);

#endif
