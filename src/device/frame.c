/* See frame.h. */
#include "device/frame.h"

#define LOOK 512u /* bytes at a time: of short lines the one end isn't looked for behind the other, again and again */

/* "123 ": the digits and the message's length; 0: it isn't one, -1: it may become one. */
static int length(struct str in, size_t *ret_n)
{
	size_t i = 0, v = 0;
	if (*in.ptr < '1' || *in.ptr > '9')
		return 0;
	for (; i < in.len && i < 8 && in.ptr[i] >= '0' && in.ptr[i] <= '9'; i++)
		v = v * 10 + (size_t)(in.ptr[i] - '0');
	if (i == in.len && i < 8)
		return -1;
	if (i == 8 || in.ptr[i] != ' ')
		return 0;
	*ret_n = v;
	return (int)i + 1;
}

static const char *line_end(struct str in)
{
	for (size_t at = 0; at < in.len; at += LOOK) {
		size_t n = in.len - at < LOOK ? in.len - at : LOOK;
		const char *end = memchr(in.ptr + at, '\n', n);
		const char *nul = memchr(in.ptr + at, 0, end ? (size_t)(end - in.ptr - at) : n);
		if (nul || end)
			return nul ? nul : end;
	}
	return NULL;
}

static enum frame_got line(struct frame *f, struct str in, size_t used, size_t *ret_used, struct str *ret_text)
{
	const char *end = line_end(in);
	*ret_used = used;
	if (!end && in.len < FRAME_MAX && !f->skipping)
		return FRAME_MORE;
	size_t n = end ? (size_t)(end - in.ptr) : in.len;
	bool was = f->skipping;
	*ret_used += end ? n + 1 : n;
	f->skipping = !end;
	if (was)
		return FRAME_MORE; /* the caller asks again while bytes are used */
	*ret_text = (struct str){ in.ptr, n > FRAME_MAX ? FRAME_MAX : n };
	return n >= FRAME_MAX ? FRAME_CUT : FRAME_WHOLE;
}

enum frame_got frame_next(struct frame *f, struct str in, size_t *ret_used, struct str *ret_text)
{
	size_t used = f->skip < in.len ? f->skip : in.len, n = 0;
	f->skip -= used;
	/* Between counted messages some senders put a newline. */
	while (!f->skipping && used < in.len && (in.ptr[used] == '\n' || in.ptr[used] == '\r' || in.ptr[used] == 0))
		used++;
	in = (struct str){ in.ptr + used, in.len - used };
	*ret_used = used;
	if (in.len == 0)
		return FRAME_MORE;
	int head = f->skipping ? 0 : length(in, &n);
	if (head < 0)
		return FRAME_MORE;
	if (head == 0)
		return f->counted ? FRAME_BROKEN : line(f, in, used, ret_used, ret_text);
	if (n > FRAME_LIE)
		return FRAME_BROKEN;
	f->counted = true;
	size_t want = n > FRAME_MAX ? FRAME_MAX : n;
	if (in.len - (size_t)head < want)
		return FRAME_MORE;
	*ret_text = (struct str){ in.ptr + head, want };
	*ret_used = used + (size_t)head + want;
	f->skip = n - want;
	return f->skip ? FRAME_CUT : FRAME_WHOLE;
}

enum frame_got frame_end(const struct frame *f, struct str in, struct str *ret_text)
{
	if (f->skipping || f->skip || in.len == 0)
		return FRAME_MORE;
	size_t n;
	*ret_text = (struct str){ in.ptr, in.len > FRAME_MAX ? FRAME_MAX : in.len };
	return f->counted || length(in, &n) > 0 ? FRAME_CUT : FRAME_WHOLE;
}
