/* Packets that were kept as records (normalise/eve.h) as a capture that any tool reads: pcapng (draft-ietf-opsawg-pcapng), each packet with the name of
 * its record as comment. Made of the records alone, and so proven with them: who verifies makes it again and compares. */
#ifndef SEGMENT_CAPTURE_H
#define SEGMENT_CAPTURE_H

#include "base/buf.h"

#define CAPTURE_NAME "packets.pcapng"
#define CAPTURE_LINKS 8 /* kinds of link in one capture */

struct capture {
	uint32_t link[CAPTURE_LINKS]; /* of each interface that was written */
	size_t n;
	uint64_t packets;
};
/* Appends what the record adds: nothing, unless it holds a packet. record: its text, hostile; name: "ORG/SERIES/SEGMENT/INDEX". 0, -E_NOMEM, or
 * -E_LIMIT for a further kind of link. */
int capture_add(struct capture *c, const char *name, struct str record, struct buf *b);

#endif
