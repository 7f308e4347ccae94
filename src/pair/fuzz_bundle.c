/* A bundle's inside, as if its key were known. */
#include "pair/bundle.h"

#include <stdint.h>

static int take(const char *name, struct str bytes, void *user)
{
	(void)bytes, (void)user;
	if (!bundle_name_ok(name))
		__builtin_trap();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	(void)bundle_each((struct str){ (const char *)data, size }, take, NULL);
	return 0;
}
