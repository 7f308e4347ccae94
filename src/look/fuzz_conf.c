#include "look/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct look_conf c;
	look_conf_parse((struct str){ (const char *)data, size }, &c, NULL);
	look_conf_done(&c);
	return 0;
}
