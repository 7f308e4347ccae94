/* Request targets and terminals; see target.h. Everything a decision is made on comes out of here, so it is
 * normalised here, once. */
#include "proxy/target.h"

#include "base/err.h"
#include "url/url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static bool is_address(const char *host)
{
	unsigned char a[16];
	return inet_pton(AF_INET, host, a) == 1 || inet_pton(AF_INET6, host, a) == 1;
}

static bool host_byte(unsigned char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' || c == '.' || c == '_';
}

/* Only plain names and addresses: no escapes, no user:password@, nothing that another program may read otherwise. */
static int parse_host(struct str s, struct target *t)
{
	bool v6 = s.len && s.ptr[0] == '[';
	for (size_t i = 0; !v6 && i < s.len; i++)
		if (!host_byte((unsigned char)s.ptr[i]))
			return -E_INVALID;
	if (s.len == 0 || url_host_normalise(s, t->host) < 0)
		return -E_INVALID;
	t->is_addr = is_address(t->host);
	return v6 && !t->is_addr ? -E_INVALID : 0;
}

int target_parse_authority(struct str s, uint16_t def_port, struct target *ret)
{
	struct str host = s, port = { NULL, 0 };
	const char *after = s.ptr;
	if (s.len && s.ptr[0] == '[') {
		const char *end = memchr(s.ptr, ']', s.len);
		if (!end)
			return -E_INVALID;
		after = end + 1;
	}
	const char *colon = memchr(after, ':', s.len - (size_t)(after - s.ptr));
	if (colon) {
		host.len = (size_t)(colon - s.ptr);
		port = (struct str){ colon + 1, s.len - host.len - 1 };
	} else if (after != s.ptr && after != s.ptr + s.len) {
		return -E_INVALID;
	}
	if (host.len && host.ptr[0] == '[' && host.ptr[host.len - 1] != ']')
		return -E_INVALID;
	uint64_t n = def_port;
	if ((port.ptr && !str_to_u64(port, 65535, &n)) || n == 0)
		return -E_INVALID;
	ret->port = (uint16_t)n;
	return parse_host(host, ret);
}

static int refuse(const char *why, const char **ret_why)
{
	*ret_why = why;
	return -E_INVALID;
}

static int check_path(struct str p)
{
	if (p.len == 0 || p.ptr[0] != '/')
		return -E_INVALID;
	for (size_t i = 0; i < p.len; i++)
		if ((unsigned char)p.ptr[i] <= 0x20 || (unsigned char)p.ptr[i] >= 0x7f || p.ptr[i] == '#')
			return -E_INVALID;
	return 0;
}

/* scheme://authority/path */
static int parse_absolute(struct str s, struct target *t)
{
	bool https = str_case_starts(s, STR("https://"));
	if (!https && !str_case_starts(s, STR("http://")))
		return -E_INVALID;
	size_t skip = https ? 8 : 7;
	s.ptr += skip, s.len -= skip;
	size_t n = 0;
	while (n < s.len && s.ptr[n] != '/' && s.ptr[n] != '?')
		n++;
	t->https = https;
	t->path = n < s.len ? (struct str){ s.ptr + n, s.len - n } : STR("/");
	if (check_path(t->path) < 0)
		return -E_INVALID;
	return target_parse_authority((struct str){ s.ptr, n }, https ? 443 : 80, t);
}

static int check_host(const struct http_head *h, const struct target *t, const char **ret_why)
{
	struct target host = { 0 };
	struct str v = http_get(h, H_HOST);
	if (!v.ptr)
		return 0; /* HTTP/1.0 */
	if (target_parse_authority(v, t->https ? 443 : 80, &host) < 0)
		return refuse("bad Host header", ret_why);
	if (strcmp(host.host, t->host) != 0 || host.port != t->port)
		return refuse("Host differs from the request target", ret_why);
	return 0;
}

int target_of_proxy_request(const struct http_head *h, struct target *ret, const char **ret_why)
{
	*ret = (struct target){ 0 };
	if (h->method == HTTP_CONNECT) {
		ret->https = true;
		ret->path = (struct str){ NULL, 0 };
		if (target_parse_authority(h->target, 0, ret) < 0)
			return refuse("CONNECT without a proper host:port", ret_why);
		struct target host = { 0 };
		struct str v = http_get(h, H_HOST);
		if (v.ptr && (target_parse_authority(v, 443, &host) < 0 || strcmp(host.host, ret->host) != 0))
			return refuse("Host differs from the request target", ret_why);
		return 0;
	}
	if (parse_absolute(h->target, ret) < 0 || ret->https)
		return refuse("the request target isn't an absolute http URL", ret_why);
	return check_host(h, ret, ret_why);
}

int target_of_plain_request(const struct http_head *h, struct target *ret, const char **ret_why)
{
	*ret = (struct target){ .path = h->target };
	if (check_path(ret->path) < 0)
		return refuse("bad byte in the path", ret_why);
	struct str v = http_get(h, H_HOST);
	if (!v.ptr || target_parse_authority(v, 80, ret) < 0)
		return refuse("no proper Host header", ret_why);
	return 0;
}

bool target_is_pac(const struct http_head *h)
{
	struct str rest = h->target, bare;
	if (h->method != HTTP_GET && h->method != HTTP_HEAD)
		return false;
	return str_next(&rest, '?', &bare) && (str_eq(bare, STR("/proxy.pac")) || str_eq(bare, STR("/wpad.dat")));
}

int target_of_tunnel_request(const struct http_head *h, const struct target *tunnel, const char *name,
                             struct target *ret, const char **ret_why)
{
	*ret = *tunnel;
	ret->https = true;
	if (h->target.len && h->target.ptr[0] == '/') {
		ret->path = h->target;
		if (check_path(ret->path) < 0)
			return refuse("bad byte in the path", ret_why);
	} else if (parse_absolute(h->target, ret) < 0 || !ret->https || ret->port != tunnel->port) {
		return refuse("the request target isn't a path", ret_why);
	}
	str_clip(name, ret->host, sizeof ret->host);
	ret->is_addr = is_address(ret->host);
	struct target host = *ret;
	struct str v = http_get(h, H_HOST);
	if (v.ptr && target_parse_authority(v, 443, &host) < 0)
		return refuse("bad Host header", ret_why);
	if (strcmp(host.host, name) != 0 || host.port != tunnel->port) {
		*ret_why = "Host differs from the tunnel's server name";
		return -E_NOT_FOUND;
	}
	return 0;
}

struct str target_bare_path(const struct target *t)
{
	struct str rest = t->path, bare = t->path;
	if (rest.ptr)
		str_next(&rest, '?', &bare);
	return bare;
}

void target_authority(const struct target *t, char dst[TARGET_AUTHORITY])
{
	size_t n = strlen(t->host);
	bool v6 = memchr(t->host, ':', n);
	if (v6)
		*dst++ = '[';
	memcpy(dst, t->host, n + 1);
	dst += n;
	if (v6)
		*dst++ = ']';
	*dst = 0;
	if (t->port != (t->https ? 443 : 80))
		snprintf(dst, sizeof ":65535", ":%u", t->port);
}

bool terminal_of(const struct prefix *peer, const struct conf_org *org, const struct http_head *h,
                 struct prefix *ret_terminal)
{
	*ret_terminal = *peer;
	if (!conf_is_child_proxy(org, peer))
		return false;
	for (size_t i = h->n; i > 0; i--) {
		if (h->h[i - 1].id != H_X_FORWARDED_FOR)
			continue;
		struct str rest = h->h[i - 1].value, one, last = { NULL, 0 };
		struct prefix p;
		while (str_next(&rest, ',', &one))
			last = str_trim(one);
		if (last.ptr && !memchr(last.ptr, '/', last.len) && prefix_parse(last, &p) == 0 &&
		    prefix_among(org->prefixes, org->n_prefixes, &p))
			*ret_terminal = p;
		return true;
	}
	return true;
}
