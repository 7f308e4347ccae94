/* A page as a TAXII server hands it out, twice, and what is kept of it read as a page again. */
#include "taxii/taxii.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct taxii_bundle b, again;
	char next[TAXII_NEXT];
	struct err err = { 0 };
	struct buf out;
	if (n > 256 * 1024)
		return 0;
	buf_init(&out, 16 * MIB);
	taxii_bundle_init(&b, 1795386357000);
	taxii_bundle_init(&again, 1795386357000);
	for (int i = 0; i < 2; i++)
		taxii_bundle_add(&b, (struct str){ (const char *)p, n }, next, &err);
	taxii_bundle_format(&b, &out);
	if (taxii_bundle_add(&again, buf_view(&out), next, &err) < 0 || again.by_id.len != b.by_id.len || *next)
		abort();
	buf_done(&out);
	taxii_bundle_done(&again);
	taxii_bundle_done(&b);
	return 0;
}
