/* What comes back from a witness: a mail, a slip, a line. */
#include "segment/witness.h"

#include "base/err.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct witnesses w;
	if (n <= 256 * 1024 && witnesses_parse((struct str){ (const char *)p, n }, &w) == 0)
		witnesses_done(&w);
	return 0;
}
