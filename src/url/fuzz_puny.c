/* What decodes encodes to something that decodes to the same; a name as people write it comes out in ASCII. */
#include "url/puny.h"

#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = { (const char *)data, size };
	uint32_t one[64], two[64];
	char text[1024], host[256];
	int n = puny_decode(s, one, 64);
	int len = n > 0 ? puny_encode(one, n, text, sizeof text) : -1;
	if (len > 0 && (puny_decode((struct str){ text, (size_t)len }, two, 64) != n || memcmp(one, two, (size_t)n * sizeof *one) != 0))
		bug("it doesn't come back");
	if (url_host_from_utf8(s, host) == 0)
		for (const char *c = host; *c; c++)
			if ((unsigned char)*c >= 0x80)
				bug("not ASCII: %s", host);
	url_lookalike(s);
	return 0;
}
