/* A list of revoked certificates from the certificate's own place, and the same bytes as a certificate that says where to ask. */
#include "proxy/crl.h"
#include "proxy/fuzz_chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const unsigned char *p = data;
	struct crl_sources from;
	int64_t until;
	if (!chain)
		chain_begin();
	crl_judge(data, size, "http://crl.example/1.crl", chain, &until);
	X509 *x = size <= STAPLE_MAX ? d2i_X509(NULL, &p, (long)size) : NULL;
	if (x && crl_sources(x, &from) && !from.n && !from.ask[0])
		abort();
	X509_free(x);
	return 0;
}
