/* A writer's bytes in two halves, cut where the first byte says. */
#include "base/mem.h"
#include "intake/fstrm.h"

static bool frame(struct str bytes, void *user)
{
	*(size_t *)user += bytes.len;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fstrm f = { 0 };
	struct buf in, out;
	struct err err;
	size_t total = 0, cut = size ? data[0] % size : 0;
	buf_init(&in, FSTRM_FRAME_MAX + 64 * KIB);
	buf_init(&out, 4 * KIB);
	for (int half = 0; half < 2; half++) {
		buf_put(&in, data + (half ? cut : 0), half ? size - cut : cut);
		if (fstrm_take(&f, &in, frame, &total, &out, &err) < 0)
			break;
	}
	buf_done(&in);
	buf_done(&out);
	return 0;
}
