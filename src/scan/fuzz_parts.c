/* Any bytes given to each of our own readers by force, whatever they look like, under a small budget; then as a compressed macro. */
#include "scan/parts.h"

#include "base/err.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the walk would have chosen by type is chosen by the first byte. */
static const char *const heads[] = { "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "%PDF-1.7\n", "<html>", "\x60\xea", "From: a\n", "--x\r\nContent-Disposition: form-data\r\n\r\n" };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct walk_limits limits = { .depth = 3, .files = 50, .bytes = 4 << 20, .ratio = 1000 };
	const struct walk_ops ops = { 0 };
	const struct walk_about about = { "", "" };
	struct walk_result r;
	struct buf b;
	if (size == 0)
		return 0;
	walk_prepare();
	buf_init(&b, 4 * MIB);
	const char *head = heads[data[0] % 6];
	buf_puts(&b, head);
	if (size > 1 + b.len)
		buf_put(&b, data + 1 + b.len, size - 1 - b.len);
	walk(buf_view(&b), &about, &limits, &ops, &r);
	if (r.files > limits.files + 1 || (r.found && !r.reason[0]))
		bug("over the budget, or without a reason");
	buf_reset(&b);
	ovba_decompress((struct str){ (const char *)data, size }, &b);
	buf_done(&b);
	return 0;
}
