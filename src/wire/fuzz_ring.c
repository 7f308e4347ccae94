/* What a process that was killed, or taken over, left in its ring: read to its end, and gone on with. */
#include "wire/ring.h"

#include <stdlib.h>
#include <string.h>

#define SIZE 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ring r;
	struct str m;
	uint64_t span;
	if (size < sizeof span || ring_open(NULL, SIZE, &r, NULL) < 0)
		return 0;
	memcpy(&span, data, sizeof span);
	atomic_store(&r.head->span, span);
	size -= sizeof span;
	memcpy(r.data, data + sizeof span, size < SIZE ? size : SIZE);
	if (ring_whole(&r)) {
		uint32_t at = ring_first(&r);
		size_t bytes = 0;
		while (ring_next(&r, &at, &m))
			bytes += 4 + m.len;
		if (bytes != ring_used(&r))
			abort();
		for (int i = 0; i < 2 * SIZE; i++) { /* until all that was there is gone */
			char *room = ring_room(&r, 1 + (uint32_t)i % 20);
			if (room)
				ring_put(&r, room, 1 + (uint32_t)i % 20);
			at = ring_first(&r);
			if (ring_next(&r, &at, &m))
				ring_drop(&r, at);
			if (!ring_whole(&r))
				abort();
		}
	}
	ring_close(&r);
	return 0;
}
