/* Whatever toride-compile says: frame.c must take it or refuse it. */
#include "apply/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame f;
	struct str file;
	char path[FRAME_PATH_MAX + 1];
	uint32_t n = 0;
	if (frame_open((struct str){ (const char *)data, size }, &f, NULL) < 0)
		return 0;
	while (frame_next(&f, path, &file, NULL) > 0) {
		if (!frame_path_ok(path) || file.ptr < (const char *)data || file.ptr + file.len > (const char *)data + size)
			bug("a file outside the message");
		n++;
	}
	if (n > f.n)
		bug("more files than announced");
	return 0;
}
