/* A stream: whatever comes, messages lie within it, and it goes on or ends. */
#include "base/err.h"
#include "device/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame f = { 0 };
	struct str in = { (const char *)data, size }, text;
	size_t used;
	for (;;) {
		enum frame_got got = frame_next(&f, in, &used, &text);
		if (used > in.len || (got != FRAME_MORE && got != FRAME_BROKEN && (text.ptr < in.ptr || text.ptr + text.len > in.ptr + in.len || text.len > FRAME_MAX)))
			bug("outside");
		if (got == FRAME_BROKEN || used == 0)
			break;
		in = (struct str){ in.ptr + used, in.len - used };
	}
	frame_end(&f, in, &text);
	return 0;
}
