/* See suffix.h. */
#include "model/suffix.h"

#include "base/mem.h"

#include <string.h>

/* Second labels of registries, below two letters. */
static const char *const second[] = { "co", "or", "ne", "ac", "go", "lg", "ed", "gr", "ad", "com", "net", "org", "gov", "edu" };

/* JPRS: the prefectures, and the seven cities that have a name of their own beside them. */
static const char *const places[] = { "aichi", "akita", "aomori", "chiba", "ehime", "fukui", "fukuoka", "fukushima", "gifu", "gunma", "hiroshima", "hokkaido", "hyogo",
	"ibaraki", "ishikawa", "iwate", "kagawa", "kagoshima", "kanagawa", "kochi", "kumamoto", "kyoto", "mie", "miyagi", "miyazaki", "nagano", "nagasaki", "nara", "niigata",
	"oita", "okayama", "okinawa", "osaka", "saga", "saitama", "shiga", "shimane", "shizuoka", "tochigi", "tokushima", "tokyo", "tottori", "toyama", "wakayama", "yamagata",
	"yamaguchi", "yamanashi", "kawasaki", "kitakyushu", "kobe", "nagoya", "sapporo", "sendai", "yokohama" };

static const char *const hosts[] = { "akadns.net", "akamaihd.net", "akamaized.net", "amazonaws.com", "appspot.com", "azureedge.net", "azurefd.net", "azurewebsites.net",
	"blob.core.windows.net", "blogspot.com", "cloudapp.net", "cloudfront.net", "core.windows.net", "duckdns.org", "edgekey.net", "edgesuite.net", "fastly.net", "firebaseapp.com",
	"fly.dev", "github.io", "githubusercontent.com", "gitlab.io", "glitch.me", "googleusercontent.com", "herokuapp.com", "jimdo.com", "netlify.app", "ngrok-free.app", "ngrok.io",
	"onrender.com", "pages.dev", "r2.dev", "repl.co", "sakura.ne.jp", "sharepoint.com", "surge.sh", "trafficmanager.net", "trycloudflare.com", "vercel.app", "web.app",
	"weebly.com", "windows.net", "wixsite.com", "wordpress.com", "workers.dev", "xsrv.jp" };

static bool one_of(struct str s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_case_eq(s, str_from(list[i])))
			return true;
	return false;
}

enum suffix suffix_of(struct str name)
{
	struct str first, top, below = name;
	str_next(&below, '.', &first);
	top = below;
	if (!below.len)
		return SUFFIX_REGISTRY;
	if (one_of(name, hosts, ARRAY_LEN(hosts)))
		return SUFFIX_HOST;
	if (!memchr(below.ptr, '.', below.len))
		return (below.len == 2 && one_of(first, second, ARRAY_LEN(second))) || (str_case_eq(below, STR("jp")) && one_of(first, places, ARRAY_LEN(places)))
		               ? SUFFIX_REGISTRY
		               : SUFFIX_NONE;
	str_next(&top, '.', &first);
	return str_case_eq(top, STR("jp")) && one_of(first, places, ARRAY_LEN(places)) ? SUFFIX_PLACE : SUFFIX_NONE;
}
