/* Changes to requests and kinds of contents; see adjust.h. All of it is tables. */
#include "proxy/adjust.h"

#include "base/err.h"
#include "base/mem.h"
#include "scan/type.h"

#include <stdio.h>

/* ---- the configuration ---- */

static int join(yyjson_val *array, struct arena *a, const char **ret)
{
	size_t i, max;
	yyjson_val *v;
	struct buf b;
	buf_init(&b, 16 * KIB);
	if (array && !yyjson_is_arr(array))
		return -E_INVALID;
	yyjson_arr_foreach(array, i, max, v) {
		if (!yyjson_is_str(v) || memchr(yyjson_get_str(v), '\r', yyjson_get_len(v)) || memchr(yyjson_get_str(v), '\n', yyjson_get_len(v)))
			b.failed = -E_INVALID;
		if (i)
			buf_putc(&b, ',');
		buf_puts(&b, yyjson_is_str(v) ? yyjson_get_str(v) : "");
	}
	*ret = b.failed ? NULL : arena_strdup(a, buf_view(&b));
	int r = b.failed ? b.failed : *ret ? 0 : -E_NOMEM;
	buf_done(&b);
	return r;
}

static int text(yyjson_val *v, struct arena *a, const char **ret)
{
	struct str s = yyjson_is_str(v) ? (struct str){ yyjson_get_str(v), yyjson_get_len(v) } : STR("");
	if (s.len && (memchr(s.ptr, '\r', s.len) || memchr(s.ptr, '\n', s.len)))
		return -E_INVALID;
	*ret = arena_strdup(a, s);
	return *ret ? 0 : -E_NOMEM;
}

static int groups(yyjson_val *array, unsigned *ret)
{
	size_t i, max;
	yyjson_val *v;
	*ret = 0;
	yyjson_arr_foreach(array, i, max, v) {
		unsigned k = 0;
		while (k < GROUP_COUNT && !yyjson_equals_str(v, file_group_name((enum file_group)k)))
			k++;
		if (k == GROUP_COUNT)
			return -E_INVALID;
		*ret |= 1u << k;
	}
	return 0;
}

int adjust_parse(yyjson_val *org, struct arena *a, struct adjust *ret)
{
	yyjson_val *t = yyjson_obj_get(org, "tenants");
	uint64_t mib = yyjson_get_uint(yyjson_obj_get(org, "upload_max_mib"));
	if (mib > 4096)
		return -E_INVALID;
	*ret = (struct adjust){ .safe_search = yyjson_get_bool(yyjson_obj_get(org, "safe_search")), .upload_max = mib * MIB };
	int r = join(yyjson_obj_get(t, "microsoft"), a, &ret->microsoft);
	r = r < 0 ? r : text(yyjson_obj_get(t, "microsoft_context"), a, &ret->microsoft_context);
	r = r < 0 ? r : join(yyjson_obj_get(t, "google"), a, &ret->google);
	r = r < 0 ? r : join(yyjson_obj_get(t, "slack"), a, &ret->slack);
	r = r < 0 ? r : text(yyjson_obj_get(t, "slack_requester"), a, &ret->slack_requester);
	r = r < 0 ? r : groups(yyjson_obj_get(org, "deny_downloads"), &ret->deny_groups);
	return r < 0 ? r : groups(yyjson_obj_get(org, "deny_uploads"), &ret->deny_uploads);
}

/* ---- whose host it is ---- */

static bool under(const char *host, const char *domain)
{
	size_t n = strlen(host), m = strlen(domain);
	return n >= m && strcmp(host + n - m, domain) == 0 && (n == m || host[n - m - 1] == '.');
}

static bool among(const char *host, const char *const *domains)
{
	for (; *domains; domains++)
		if (under(host, *domains))
			return true;
	return false;
}

/* Google has a domain in each country: google.co.jp, google.de, google.com.au, with anything before it. */
static bool is_google(const char *host)
{
	const char *at = strncmp(host, "google.", 7) == 0 ? host : NULL;
	for (const char *p = host; !at && (p = strstr(p, ".google.")); p++)
		at = p + 1;
	if (!at)
		return false;
	const char *tail = at + 7, *dot = strchr(tail, '.');
	if (!dot)
		return strlen(tail) <= 3; /* com, cat, jp */
	return (strncmp(tail, "co.", 3) == 0 || strncmp(tail, "com.", 4) == 0) && strlen(dot + 1) == 2;
}

static const char *const microsoft_login[] = { "login.microsoftonline.com", "login.microsoft.com", "login.windows.net", NULL };
static const char *const microsoft_live[] = { "login.live.com", NULL };
static const char *const google_more[] = { "youtube.com", "googleapis.com", "googleusercontent.com", "gmail.com", "ggpht.com",
	                                   "googlevideo.com", "gstatic.com", "youtube-nocookie.com", NULL };
static const char *const slack_hosts[] = { "slack.com", "slack-msgs.com", "slack-files.com", NULL };
static const char *const youtube[] = { "youtube.com", "youtube-nocookie.com", "youtubei.googleapis.com", "youtube.googleapis.com", NULL };

/* ---- headers ---- */

bool adjust_reserved(struct str name)
{
	static const char *const names[] = { "restrict-access-to-tenants", "restrict-access-context", "sec-restrict-tenant-access-policy",
		                             "x-googapps-allowed-domains", "x-slack-allowed-workspaces",
		                             "x-slack-allowed-workspaces-requester", "youtube-restrict" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_case_eq(name, str_from(names[i])))
			return true;
	return false;
}

static void put(struct buf *b, const char *name, const char *value)
{
	if (value[0])
		buf_printf(b, "%s: %s\r\n", name, value);
}

void adjust_headers(const struct adjust *a, const char *host, struct buf *b)
{
	if (a->microsoft[0] && among(host, microsoft_login)) {
		put(b, "Restrict-Access-To-Tenants", a->microsoft);
		put(b, "Restrict-Access-Context", a->microsoft_context);
	}
	if (a->microsoft[0] && among(host, microsoft_live))
		put(b, "sec-Restrict-Tenant-Access-Policy", "restrict-msa");
	if (a->google[0] && (is_google(host) || among(host, google_more)))
		put(b, "X-GoogApps-Allowed-Domains", a->google);
	if (a->slack[0] && among(host, slack_hosts)) {
		put(b, "X-Slack-Allowed-Workspaces-Requester", a->slack_requester);
		put(b, "X-Slack-Allowed-Workspaces", a->slack);
	}
	if (a->safe_search && among(host, youtube))
		put(b, "YouTube-Restrict", "Strict");
}

/* ---- search ---- */

struct engine {
	const char *domain; /* NULL: Google's */
	const char *paths[4];
	const char *drop[3]; /* members of the query that would say otherwise */
	const char *add;
};

static const struct engine engines[] = {
	{ NULL, { "/search", "/images", "/imgres", NULL }, { "safe", "ssui", NULL }, "safe=active&ssui=on" },
	{ "bing.com", { "/search", "/images/", "/videos/", NULL }, { "adlt", "safesearch", NULL }, "adlt=strict" },
	{ "duckduckgo.com", { "/", NULL }, { "kp", NULL }, "kp=1" },
	{ "search.yahoo.com", { "/", NULL }, { "vm", NULL }, "vm=r" },
};

/* The byte at *i of s, escapes undone; *i moves on. */
static unsigned char next_byte(struct str s, size_t *i)
{
	unsigned char c = (unsigned char)s.ptr[(*i)++], byte;
	if (c != '%' || *i + 2 > s.len || !hex_parse((struct str){ s.ptr + *i, 2 }, &byte, 1))
		return c;
	*i += 2;
	return byte;
}

/* However it is written: "//%73earch?" begins with "/search" too. */
static bool path_begins(struct str path, const char *with)
{
	size_t i = 0, k = 1;
	while (i < path.len && path.ptr[i] == '/')
		i++;
	while (with[k] && i < path.len && (next_byte(path, &i) | 0x20) == (unsigned char)(with[k] | 0x20))
		k++;
	return i && !with[k];
}

/* A name in a query may be written with escapes: "%73afe" is "safe" too. */
static bool named(struct str member, const char *name)
{
	size_t i = 0;
	for (; *name && i < member.len && member.ptr[i] != '='; name++)
		if ((next_byte(member, &i) | 0x20) != (unsigned char)*name)
			return false;
	return !*name && (i == member.len || member.ptr[i] == '=');
}

static const struct engine *engine_of(const char *host, struct str path)
{
	for (size_t i = 0; i < ARRAY_LEN(engines); i++) {
		const struct engine *e = &engines[i];
		if (e->domain ? !under(host, e->domain) : !is_google(host))
			continue;
		for (size_t k = 0; e->paths[k]; k++)
			if (path_begins(path, e->paths[k]))
				return e;
	}
	return NULL;
}

static bool dropped(const struct engine *e, struct str member)
{
	for (size_t i = 0; e->drop[i]; i++)
		if (named(member, e->drop[i]))
			return true;
	return false;
}

void adjust_path(const struct adjust *a, const char *host, struct str path, struct buf *b)
{
	struct str rest = path, bare, member;
	const struct engine *e = a->safe_search ? engine_of(host, path) : NULL;
	if (!e) {
		buf_str(b, path);
		return;
	}
	str_next(&rest, '?', &bare);
	buf_str(b, bare);
	char sep = '?';
	while (rest.ptr && str_next(&rest, '&', &member)) {
		if (member.len == 0 || dropped(e, member))
			continue;
		buf_putc(b, sep);
		buf_str(b, member);
		sep = '&';
	}
	buf_putc(b, sep);
	buf_puts(b, e->add);
}

/* ---- contents ---- */

const char *adjust_denied(unsigned denied_groups, const char *type, unsigned inside)
{
	unsigned denied = denied_groups & (file_name_groups(type) | inside);
	for (unsigned g = 0; g < GROUP_COUNT; g++)
		if (denied & (1u << g))
			return file_group_name((enum file_group)g);
	return NULL;
}
