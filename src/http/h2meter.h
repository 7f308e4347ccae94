/* What a peer of HTTP/2 may make us do that costs it nothing: counted frame by frame, before nghttp2 sees them.
 *
 * A flood is legal traffic in illegal amounts (CVE-2023-44487 rapid reset, CVE-2024-27316 CONTINUATION, CVE-2019-9512 PING,
 * -9515 SETTINGS, -9518 empty frames, -9511 tiny windows), so each kind has a bucket that fills again with
 * time. Bytes are looked at for their frame headers only (RFC 9113 4.1); a fault there is nghttp2's to find. */
#ifndef HTTP_H2METER_H
#define HTTP_H2METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define H2_BLOCK_MAX (128 * 1024u) /* bytes of one header block, compressed */
#define H2_BLOCK_FRAMES 16         /* and its CONTINUATION frames */

enum h2_kind {
	H2_RESETS,   /* streams ended by RST_STREAM, or by us for what was sent on them */
	H2_SETTINGS, H2_PINGS, H2_PRIORITIES, H2_WINDOWS, H2_EMPTIES,
	H2_OTHERS,   /* GOAWAY, PUSH_PROMISE, unknown types */
	H2_KINDS,
};

struct h2_meter {
	unsigned char head[9];
	uint8_t have;           /* bytes of head */
	uint32_t skip;          /* of a payload, or of the preface */
	uint32_t block_bytes, block_frames;
	int64_t tokens[H2_KINDS]; /* thousandths */
	int64_t at;
	const char *why;        /* which flood: "resets" …; NULL: none */
};

/* skip: bytes before the first frame (the client's preface). */
void h2_meter_init(struct h2_meter *m, uint32_t skip, int64_t now_ms);
/* 0, or -E_LIMIT with m->why; stays so. */
int h2_meter_feed(struct h2_meter *m, const void *p, size_t n, int64_t now_ms);
/* One more of a kind, seen elsewhere. */
int h2_meter_charge(struct h2_meter *m, enum h2_kind kind);
/* So many bytes of content were sent: the peer's WINDOW_UPDATE frames are worth something. */
void h2_meter_sent(struct h2_meter *m, size_t n);

#endif
