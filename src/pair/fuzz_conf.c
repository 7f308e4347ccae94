/* paird.json as somebody else might write it. */
#include "pair/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pair_conf c;
	(void)pair_conf_parse((struct str){ (const char *)data, size }, &c, NULL);
	pair_conf_done(&c);
	struct pair_nodes n;
	(void)pair_nodes_parse((struct str){ (const char *)data, size }, &n, NULL);
	return 0;
}
