/* Frames of the jailed reader of `toride log import`: whatever it says, what is taken lies within what it said. */
#include "base/err.h"
#include "base/mem.h"
#include "cli/import_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = { (const char *)data, size };
	enum import_kind kind;
	struct str body;
	size_t used;
	while (import_frame(rest, &kind, &body, &used) == 0) {
		if (used < IMPORT_FRAME_HEAD || used > rest.len || body.len > IMPORT_FRAME_MAX || body.ptr < rest.ptr || body.ptr + body.len > rest.ptr + used)
			bug("a frame out of its bounds");
		rest.ptr += used;
		rest.len -= used;
	}
	return 0;
}
