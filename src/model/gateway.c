/* See gateway.h. */
#include "model/gateway.h"

#include "base/mem.h"

static const char *const names[GATEWAY_VALUES] = { "to", "text", "reference", "org", "severity" };

int gateway_placeholder(const char *p, const char **ret_end, struct str *ret_name)
{
	const char *end = p[0] == '{' && p[1] == '{' ? strstr(p + 2, "}}") : NULL;
	if (!end)
		return -1;
	*ret_name = (struct str){ p + 2, (size_t)(end - p - 2) };
	*ret_end = end + 2;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(*ret_name, str_from(names[i])))
			return (int)i;
	/* "{{" of JSON is an object within an object */
	return ret_name->len && strspn(p + 2, "abcdefghijklmnopqrstuvwxyz_") == ret_name->len ? -2 : -1;
}

bool gateway_template_ok(const char *body, struct str *ret_unknown)
{
	const char *end;
	for (const char *p = body; *p; p++)
		if (gateway_placeholder(p, &end, ret_unknown) == -2)
			return false;
	return true;
}
