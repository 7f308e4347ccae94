/* nginx is ours, and parses hostile bytes: what it hands on is not to be trusted either. */
#include "portal/scgi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size };
	struct scgi q;
	size_t n;
	char lang[8];
	if (scgi_length(in, &n) == 0 && n <= size && scgi_parse((struct str){ in.ptr, n }, &q) == 0)
		scgi_query(q.query, "lang", lang, sizeof lang);
	scgi_parse(in, &q);
	return 0;
}
