/* Syslog messages out of a stream of bytes (RFC 6587, RFC 5425 section 4.3): octet counting "LENGTH SP MESSAGE", or lines ended by LF or
 * NUL. Which of them is told by each message's first byte, until one was counted: then all are.
 *
 * No socket in here. A message longer than FRAME_MAX is given up to there, and the rest is stepped over. */
#ifndef DEVICE_FRAME_H
#define DEVICE_FRAME_H

#include "base/str.h"

#define FRAME_MAX (64u * 1024)
#define FRAME_LIE (1024u * 1024) /* nobody's message is that long */

struct frame {
	bool counted;  /* a length was read once */
	bool skipping; /* in a line that was too long */
	size_t skip;   /* bytes of a counted message that was too long */
};
enum frame_got { FRAME_MORE, FRAME_WHOLE, FRAME_CUT /* too long: its first FRAME_MAX bytes */, FRAME_BROKEN /* it goes on otherwise than it began */ };
/* Looks at `in`; *ret_used bytes of it are done with. ret_text is borrowed from it. */
enum frame_got frame_next(struct frame *f, struct str in, size_t *ret_used, struct str *ret_text);
/* The sender has gone: what is left of it, if anything. FRAME_WHOLE for a line without its end, FRAME_CUT for a message shorter than its length. */
enum frame_got frame_end(const struct frame *f, struct str in, struct str *ret_text);

#endif
