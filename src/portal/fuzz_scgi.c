/* nginx is ours, and parses hostile bytes: what it hands on is not to be trusted either. The body is a browser's, or anybody's. */
#include "portal/form.h"
#include "portal/scgi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size };
	struct scgi q;
	size_t n;
	uint64_t number;
	char value[64];
	if (scgi_length(in, &n) == 0 && n <= size && scgi_parse((struct str){ in.ptr, n }, &q) == 0) {
		form_get(str_from(q.query), "lang", value, sizeof value);
		form_cookie(str_from(q.cookie), "toride", value, sizeof value);
		q.body = (struct str){ in.ptr + n, size - n };
		form_get(q.body, "password", value, sizeof value);
		form_number(q.body, "severity", 3, &number);
	}
	scgi_parse(in, &q);
	form_get(in, "a", value, sizeof value);
	form_cookie(in, "a", value, sizeof value);
	return 0;
}
