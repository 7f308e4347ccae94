/* An answer's body as an origin codes it (gzip, deflate, br, zstd, or none; first byte), in two pieces: held, opened, and its bytes
 * delivered as they came. What could be opened is never more than the limits allow. Then the bytes as Content-Encoding. */
#include "proxy/hold.h"

#include "base/err.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hold h;
	static const enum hold_coding codings[] = { CODING_GZIP, CODING_DEFLATE, CODING_NONE, CODING_UNKNOWN, CODING_BROTLI, CODING_ZSTD };
	const uint64_t max = 4 * MIB;
	if (size < 2)
		return 0;
	struct str body = { (const char *)data + 1, size - 1 };
	size_t half = body.len / 2;
	if (hold_begin(&h, codings[data[0] % 6], max, data[0] & 64 ? body.len : 0) < 0)
		return 0;
	if (hold_put(&h, body.ptr, half) == 0 && hold_put(&h, body.ptr + half, body.len - half) == 0 && hold_end(&h) == 0) {
		if (!str_eq(hold_bytes(&h), body))
			bug("not delivered as it came");
		if (h.plain.size > max || (h.plain.size > HOLD_RATIO_FROM + MIB && h.plain.size > (uint64_t)(HOLD_RATIO + 1) * size + MIB))
			bug("%llu bytes of %zu", (unsigned long long)h.plain.size, size);
	}
	hold_reset(&h);
	if (hold_held(&h) > HOLD_MEMORY + MIB)
		bug("a reset one still holds %llu", (unsigned long long)hold_held(&h));
	hold_coding(body);
	return 0;
}
