/* A 304 of any origin merged into any stored head, and where its Location leads: "FIELD: VALUE" lines, an empty line, the head. */
#include "base/err.h"
#include "edge/fresh.h"

#include <stdlib.h>

#define FIELDS 16

static bool ends_once(struct str head)
{
	const char *end = memmem(head.ptr, head.len, "\r\n\r\n", 4);
	return end && end + 4 == head.ptr + head.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = { (const char *)data, size }, line, site = STR("https://a.example/");
	struct fresh_field news[FIELDS];
	size_t n = 0;
	char out[4096];
	int64_t s;
	while (n < FIELDS && str_next(&rest, '\n', &line) && line.len) {
		news[n].value = line;
		str_next(&news[n].value, ':', &news[n].name);
		int r = fresh_target(STR("https://a.example/b/c?d"), line, out, sizeof out);
		if (r > 0 && !str_starts((struct str){ out, (size_t)r }, site))
			abort();
		if (fresh_age(line, &s) && s < 0)
			abort();
		fresh_listed(line, news[n].name);
		n++;
	}
	int r = rest.ptr ? fresh_merge(rest, news, n, out, sizeof out) : -E_INVALID;
	if (r > 0 && !ends_once((struct str){ out, (size_t)r }))
		abort(); /* what follows would be taken for the body */
	return 0;
}
