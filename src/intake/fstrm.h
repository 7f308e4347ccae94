/* Frame Streams, the framing dnstap comes in (farsightsec.com's fstrm, bidirectional over a UNIX socket): the reader's half.
 *
 *   data frame     u32 length > 0, bytes
 *   control frame  u32 0, u32 length, u32 type, fields of u32 type, u32 length, bytes; all big endian
 *   READY →  ← ACCEPT   START →  data … →   STOP →  ← FINISH
 * No socket in here: bytes in, frames and answers out. A writer that breaks the protocol is refused and can't go on. */
#ifndef INTAKE_FSTRM_H
#define INTAKE_FSTRM_H

#include "base/buf.h"
#include "base/err.h"

#define FSTRM_CONTROL_MAX 512
#define FSTRM_FRAME_MAX (192u * 1024) /* two DNS messages of 64 KiB and what stands around them */
#define FSTRM_TYPE "protobuf:dnstap.Dnstap"

enum fstrm_state { FSTRM_HELLO, FSTRM_ACCEPTED, FSTRM_DATA, FSTRM_STOPPED };
struct fstrm {
	enum fstrm_state state;
};

/* The bytes are borrowed until the function returns; false: stop for now, the frame itself was taken. */
typedef bool (*fstrm_fn)(struct str frame, void *user);
/* Takes what is whole out of `in`, calls fn for each data frame, appends answers to `out`. 0, or -E_INVALID with words. */
int fstrm_take(struct fstrm *f, struct buf *in, fstrm_fn fn, void *user, struct buf *out, struct err *err);

#endif
