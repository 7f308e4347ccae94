/* Whatever stands in STATE/blocks, nft/zones.bin and nft/never.bin; what could be read must make a table. */
#include "apply/blocks.h"
#include "base/mem.h"
#include "wire/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_from(data, size);
	struct str zones = rd_blob(&r), never = rd_blob(&r);
	struct zones z = { 0 };
	struct blocks b = { 0 };
	struct buf out;
	if (r.bad)
		return 0;
	/* The file's checksum would stop everything: its entries are read straight. */
	for (int i = 0; i < 64 && r.p < r.end; i++) {
		struct block k = { 0 };
		block_read(&r, &k);
		if (r.bad || blocks_put(&b, &k, NULL) < 0)
			break;
	}
	struct blocks whole;
	if (blocks_parse((struct str){ (const char *)data, size }, &whole, NULL) == 0)
		blocks_done(&whole);
	if (zones_parse(zones, never, &z, NULL) == 0) {
		for (size_t i = 0; i < b.n; i++)
			block_check(&b.list[i], &z, 1, NULL);
		buf_init(&out, MIB);
		blocks_nft(&b, &z, 1, &out);
		buf_done(&out);
	}
	zones_done(&z);
	blocks_done(&b);
	return 0;
}
