/* A request to the opening form's path: what parses leads back to this site only, without a control character. */
#include "proxy/grant.h"

#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct grant_request g;
	struct prefix who = { .family = 4, .len = 32 };
	if (grant_request_parse((struct str){ (const char *)data, size }, &g) < 0)
		return 0;
	if (g.back[0] != '/' || g.back[1] == '/')
		bug("it leads elsewhere: %s", g.back);
	for (const char *c = g.back; *c; c++)
		if ((unsigned char)*c < 0x20)
			bug("a control character");
	const struct grant_for f = { "412015", &who, g.rule, g.reason };
	if (grant_token_ok(&f, str_from(g.token), 1000))
		bug("a token was guessed");
	return 0;
}
