/* See suffix.h. */
#include "model/suffix.h"

#include "base/mem.h"

#include <libpsl.h>
#include <string.h>

/* Hosts who give names to anybody and don't say so in the list. */
static const char *const hosts[] = { "amazonaws.com", "azureedge.net", "azurefd.net", "blob.core.windows.net", "core.windows.net", "fastly.net", "googleusercontent.com",
	"jimdo.com", "ngrok-free.app", "sakura.ne.jp", "sharepoint.com", "surge.sh", "trafficmanager.net", "weebly.com", "windows.net", "wordpress.com", "xsrv.jp" };

enum suffix suffix_of(struct str name)
{
	char lower[256];
	const psl_ctx_t *list = psl_builtin();
	if (!memchr(name.ptr, '.', name.len))
		return SUFFIX_REGISTRY;
	if (!str_copy(name, lower, sizeof lower))
		return SUFFIX_NONE;
	for (char *p = lower; *p; p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p);
	/* Without the rule that any last label is a registry's: of one that the list doesn't know, what stands below it isn't one. */
	if (psl_is_public_suffix2(list, lower, PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE))
		return SUFFIX_REGISTRY;
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
		if (strcmp(lower, hosts[i]) == 0)
			return SUFFIX_HOST;
	return psl_is_public_suffix2(list, lower, PSL_TYPE_PRIVATE | PSL_TYPE_NO_STAR_RULE) ? SUFFIX_HOST : SUFFIX_NONE;
}
