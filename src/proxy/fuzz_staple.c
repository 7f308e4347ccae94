/* A stapled answer about a certificate of a hundred years, and the same bytes as a certificate that may demand one. */
#include "proxy/fuzz_chain.h"
#include "proxy/staple.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const unsigned char *p = data;
	if (!chain)
		chain_begin();
	staple_judge(data, size, chain, store);
	X509 *x = size <= STAPLE_MAX ? d2i_X509(NULL, &p, (long)size) : NULL;
	if (x)
		staple_must(x);
	X509_free(x);
	return 0;
}
