/* Whatever may stand in a datagram from port 123. */
#include "probe/sntp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sntp_answer a;
	(void)sntp_read(data, size, 0, 1795386357000, &a);
	return 0;
}
