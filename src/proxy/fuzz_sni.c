/* ClientHello, and the block table by its first byte. */
#include "proxy/blocks.h"
#include "proxy/sni.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct client_hello ch;
	struct blocks *b = NULL;
	if (size && data[0] == 1 && blocks_parse(data, size, &b) == 0) {
		const struct block_query q = { .org = "412015", .host = "a.b.example", .path = STR("/") };
		blocks_find(b, &q);
		blocks_unref(&b);
	}
	client_hello_parse(data, size, &ch);
	return 0;
}
