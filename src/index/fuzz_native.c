/* Rows on their way to the engine (native.h): whatever they hold, and wherever they break off, they become a block or an error, and no block is larger than its
 * rows but for what it says of each column and for places in dictionaries. */
#include "index/native.h"

#include "base/err.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { 0 };
	struct buf b;
	struct str rows = { (const char *)data, size };
	buf_init(&b, 16 * MIB);
	if (native_block(rows, &b, &err) == 0 && b.len > 6 * size + 64 * 64)
		bug("%zu bytes out of %zu", b.len, size);
	buf_done(&b);
	return 0;
}
