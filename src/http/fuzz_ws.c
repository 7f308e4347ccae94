/* WebSocket frames of either side: first byte chooses, then bytes as they come, in pieces; what is read is the same however it is cut. */
#include "http/ws.h"

#include "base/err.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t run(const uint8_t *data, size_t size, bool masked, size_t step)
{
	static char copy[65536];
	struct ws_reader r;
	const char *why;
	uint64_t sum = 0;
	memcpy(copy, data, size);
	ws_reader_init(&r, masked);
	for (size_t at = 0; at < size;) {
		long k = ws_read(&r, copy + at, size - at < step ? size - at : step, &why);
		if (k < 0)
			return sum ^ 1;
		if (k == 0)
			bug("nothing was taken");
		at += (size_t)k;
		for (size_t i = 0; i < r.piece.len; i++)
			sum = sum * 31 + (uint8_t)r.piece.ptr[i];
		if (r.found == WS_MESSAGE || r.found == WS_SINGLE)
			sum = sum * 31 + r.op_frame + 256;
	}
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > 65536)
		return 0;
	if (run(data + 1, size - 1, data[0] & 1, 3) != run(data + 1, size - 1, data[0] & 1, size))
		bug("it depends on how it is cut");
	return 0;
}
