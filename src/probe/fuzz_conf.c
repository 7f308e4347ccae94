/* probed.json as somebody else might write it. */
#include "probe/conf.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf c;
	(void)conf_parse((struct str){ (const char *)data, size }, &c, NULL);
	conf_done(&c);
	return 0;
}
