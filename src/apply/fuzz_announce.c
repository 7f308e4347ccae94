/* Whatever a person orders to be announced, and whatever stands in bird/may.bin and nft/breakout.bin: what is accepted is about one address of
 * the list, and nothing of the text reaches BIRD but what was read as a number. */
#include "apply/announce.h"
#include "apply/breakout.h"
#include "base/mem.h"
#include "wire/cursor.h"

#include <stdio.h>
#include <stdlib.h>

static int hold(unsigned number, const char *hex, void *user)
{
	(void)user;
	return number == 0 || strlen(hex) != 64 ? -E_CORRUPT : 0;
}

static void bug_unless(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct zone list[1] = { { .index = 1, .code = "412015", .interface = "o412015" } };
	struct rd r = rd_from(data, size);
	struct str list_bin = rd_blob(&r), may = rd_blob(&r);
	struct zones z = { .n = 0 };
	struct block k = { .org = "412015", .id = "B", .expires_ms = 2000 };
	struct buf out[4];
	if (r.bad || r.p == r.end)
		return 0;
	breakout_parse(list_bin, hold, NULL, NULL);
	k.kind = *r.p++ & 1 ? BLOCK_FLOW : BLOCK_BLACKHOLE;
	snprintf(k.value, sizeof k.value, "%.*s", (int)(r.end - r.p), (const char *)r.p);
	if (zones_parse_announced(may, &z, NULL) == 0) {
		z.list = list;
		z.n = 1;
		bool allowed = announce_check(&k, &z, 1000, NULL) == 0;
		struct blocks b = { &k, 1, 1 };
		size_t lines = 0;
		for (int i = 0; i < 4; i++)
			buf_init(&out[i], 64 * KIB);
		announce_routes(&b, &z, 1000, out);
		for (int i = 0; i < 4; i++) {
			for (size_t c = 0; c < out[i].len; c++)
				lines += out[i].ptr[c] == '\n';
			buf_done(&out[i]);
		}
		bug_unless(lines == (allowed ? 1 : 0));
		z.list = NULL;
	}
	zones_done(&z);
	return 0;
}
