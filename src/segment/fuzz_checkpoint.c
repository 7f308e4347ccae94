/* A checkpoint line from an export or a witness; and names of records. */
#include "segment/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct checkpoint c;
	struct segment_name n;
	struct str in = { (const char *)data, size };
	struct sha s;
	if (sha_open(&s) < 0)
		return 0;
	segment_name_parse(in, &n);
	if (checkpoint_parse(in, &c) == 0) {
		struct buf b;
		buf_init(&b, CHECKPOINT_LINE_MAX);
		checkpoint_check(&c, &s, NULL, NULL);
		checkpoint_format(&c, &b);
		checkpoint_done(&c);
		/* what we write, we read, and it means the same */
		if (!b.failed) {
			unsigned char h[SEGMENT_HASH];
			if (checkpoint_parse((struct str){ b.ptr, b.len - 1 }, &c) < 0 || checkpoint_hash(&c, &s, h) < 0)
				bug("a checkpoint can't be read back");
			checkpoint_done(&c);
		}
		buf_done(&b);
	}
	sha_close(&s);
	return 0;
}
