/* Lists from outside: vulnerabilities in two forms, assets in CSV. Whatever is taken has its parts and compares with itself. */
#include "asset/asset.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena a;
	struct err err;
	struct vuln *v;
	struct asset *s;
	size_t count, out;
	arena_init(&a, 256 * MIB);
	if (vuln_parse((struct str){ (const char *)p, n }, &a, &v, &count, &out, &err) == 0)
		for (size_t i = 0; i < count; i++)
			if (!v[i].product[0] || version_compare(v[i].from, v[i].from) != 0)
				abort();
	if (asset_parse((struct str){ (const char *)p, n }, &a, &s, &count, &out, &err) == 0)
		for (size_t i = 0; i < count; i++)
			if (!s[i].product[0] || (!s[i].address[0] && !s[i].name[0]))
				abort();
	arena_done(&a);
	return 0;
}
