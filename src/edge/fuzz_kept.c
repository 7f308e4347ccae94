/* A file of the cache: the URL is what a visitor asked for, the headers what any origin said. */
#include "edge/kept.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kept k;
	if (kept_read((struct str){ (const char *)data, size }, &k) < 0)
		return 0;
	if (k.url.len == 0 || memchr(k.url.ptr, '\n', k.url.len) || (k.keys.len && memchr(k.keys.ptr, '\n', k.keys.len)))
		abort();
	for (int kind = PURGE_ALL; kind <= PURGE_KEY; kind++)
		kept_matches(&k, (enum purge_kind)kind, STR("news"));
	if (!kept_matches(&k, PURGE_URL, k.url) && k.url.ptr[k.url.len - 1] != '*')
		abort();
	return 0;
}
