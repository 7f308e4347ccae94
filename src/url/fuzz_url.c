/* First line a pattern, second a host, the rest a path. What is normal stays as it is when normalised again,
 * and a host pattern that parses holds for the host it spells. */
#include "url/set.h"

#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char one[3 * URL_PATH_MAX + 2], two[3 * URL_PATH_MAX + 2];
	struct str rest = { (const char *)data, size }, pattern, host = { "", 0 };
	struct url_set *s = NULL;
	struct url_target t;
	char h1[256], h2[256];
	str_next(&rest, '\n', &pattern);
	str_next(&rest, '\n', &host);
	if (url_host_normalise(host, h1) == 0 && (url_host_normalise(str_from(h1), h2) < 0 || strcmp(h1, h2) != 0))
		bug("the host %s isn't stable", h1);
	size_t n = rest.len <= URL_PATH_MAX ? url_path_normalise(rest, true, one, sizeof one) : 0;
	if (n && (url_path_normalise((struct str){ one, n }, true, two, sizeof two) != n || memcmp(one, two, n) != 0))
		bug("the path isn't stable");
	if (url_set_build_list(&pattern, 1, "p", &s, NULL) < 0)
		return 0;
	struct url_query q = { .scheme = STR("https"), .host = host, .path = rest };
	if (url_target_from(&q, &t) == 0)
		url_set_match(s, &t, NULL);
	if (url_host_normalise(pattern, h1) == 0 && !url_set_match_host(s, pattern, NULL))
		bug("the pattern %s doesn't hold for itself", h1);
	url_set_destroy(&s);
	return 0;
}
