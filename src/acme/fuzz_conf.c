#include "acme/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct acme_conf c;
	acme_conf_parse((struct str){ (const char *)data, size }, &c, NULL);
	acme_conf_done(&c);
	return 0;
}
