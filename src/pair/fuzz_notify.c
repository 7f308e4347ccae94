/* keepalived's words, cut anywhere. */
#include "pair/notify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct notify n = { 0 };
	size_t half = size / 2;
	notify_take(&n, (struct str){ (const char *)data, half }, 1);
	notify_take(&n, (struct str){ (const char *)data + half, size - half }, 2);
	notify_active(&n, true, 1, 3);
	return 0;
}
