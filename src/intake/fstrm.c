/* See fstrm.h. */
#include "intake/fstrm.h"

#include "wire/cursor.h"

enum control { ACCEPT = 1, START, STOP, READY, FINISH };
#define FIELD_CONTENT_TYPE 1

static void answer(struct buf *out, enum control type)
{
	struct str content = STR(FSTRM_TYPE);
	wr_u32(out, 0);
	wr_u32(out, type == ACCEPT ? 4 + 8 + (uint32_t)content.len : 4);
	wr_u32(out, type);
	if (type != ACCEPT)
		return;
	wr_u32(out, FIELD_CONTENT_TYPE);
	wr_blob(out, content);
}

static int control(struct fstrm *f, struct str bytes, struct buf *out, struct err *err)
{
	struct rd r = rd_from(bytes.ptr, bytes.len);
	bool dnstap = false;
	uint32_t type = rd_u32(&r);
	while (!r.bad && r.p < r.end) {
		uint32_t field = rd_u32(&r);
		struct str value = rd_blob(&r);
		dnstap |= field == FIELD_CONTENT_TYPE && str_eq(value, STR(FSTRM_TYPE));
	}
	if (r.bad)
		return err_set(err, E_INVALID, "dnstap", "a malformed control frame");
	if (type == READY && f->state == FSTRM_HELLO && dnstap) {
		f->state = FSTRM_ACCEPTED;
		answer(out, ACCEPT);
	} else if (type == START && f->state == FSTRM_ACCEPTED && dnstap) {
		f->state = FSTRM_DATA;
	} else if (type == STOP && f->state == FSTRM_DATA) {
		f->state = FSTRM_STOPPED;
		answer(out, FINISH);
	} else {
		return err_set(err, E_INVALID, "dnstap", "control frame %u out of turn, or of another content", type);
	}
	return 0;
}

/* How many bytes the frame at the front takes; 0: not all of it is there; negative: refused. Its body goes into *ret. */
static long next(const struct buf *in, size_t off, struct str *ret, bool *ret_control, struct err *err)
{
	struct rd r = rd_from(in->ptr + off, in->len - off);
	size_t head = 4, max = FSTRM_FRAME_MAX;
	uint32_t n = rd_u32(&r);
	*ret_control = n == 0;
	if (!r.bad && n == 0) {
		n = rd_u32(&r);
		head = 8;
		max = FSTRM_CONTROL_MAX;
	}
	if (r.bad)
		return 0;
	if (n > max || n == 0)
		return err_set(err, E_INVALID, "dnstap", "a frame of %u bytes", n);
	if ((size_t)(r.end - r.p) < n)
		return 0;
	*ret = (struct str){ (const char *)r.p, n };
	return (long)(head + n);
}

int fstrm_take(struct fstrm *f, struct buf *in, fstrm_fn fn, void *user, struct buf *out, struct err *err)
{
	size_t off = 0;
	bool go_on = true, is_control;
	struct str body;
	int r = 0;
	while (r == 0 && go_on && f->state != FSTRM_STOPPED) {
		long n = next(in, off, &body, &is_control, err);
		if (n <= 0) {
			r = (int)n;
			break;
		}
		if (is_control)
			r = control(f, body, out, err);
		else if (f->state != FSTRM_DATA)
			r = err_set(err, E_INVALID, "dnstap", "data before the start");
		else
			go_on = fn(body, user);
		off += (size_t)n;
	}
	buf_drop(in, off);
	return r;
}
