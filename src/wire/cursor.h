/* Reading and writing the fixed binary messages between our own processes (big endian).
 *
 * A reader keeps its first error: ten reads, then one rd_end(), which also refuses leftovers. A writer
 * goes into a struct buf, which keeps its first error too. Texts are u16 length + bytes, and hold neither
 * NUL nor newline. */
#ifndef WIRE_CURSOR_H
#define WIRE_CURSOR_H

#include "base/buf.h"

struct rd {
	const unsigned char *p, *end;
	bool bad;
};

static inline struct rd rd_from(const void *p, size_t n)
{
	return (struct rd){ p, (const unsigned char *)p + n, false };
}
uint8_t rd_u8(struct rd *r);
uint16_t rd_u16(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);
void rd_bytes(struct rd *r, void *dst, size_t n);
struct str rd_blob(struct rd *r);               /* u32 length + bytes, borrowed */
void rd_text(struct rd *r, char *dst, size_t size); /* u16 length + text; ends dst by NUL */
int rd_end(const struct rd *r);                 /* 0 or -E_INVALID */

void wr_u8(struct buf *b, uint8_t v);
void wr_u16(struct buf *b, uint16_t v);
void wr_u32(struct buf *b, uint32_t v);
void wr_u64(struct buf *b, uint64_t v);
void wr_blob(struct buf *b, struct str s);
/* Of a message whose length goes before it: wr_u32(b, 0), the message, then this with where the length stands. */
void wr_length(struct buf *b, size_t at);
void wr_text(struct buf *b, struct str s); /* sets b->failed to -E_INVALID on NUL, newline or > 65,535 bytes */

#endif
