/* What torided (root) reads from other processes: orders, answers, blocks. */
#include "wire/order.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct order o;
	struct order_reply reply;
	unsigned char again[ORDER_SIZE];
	if (order_parse(data, size, &o) == 0 && order_format(&o, again) != 0)
		__builtin_trap(); /* what was accepted can be said again */
	order_reply_parse(data, size, &reply);
	struct rd r = rd_from(data, size);
	struct block k;
	block_read(&r, &k);
	return 0;
}
