/* One pattern of the description into the key it is found by. Everything wrong is said in words: the authors
 * are people at town halls, and their lists come from spreadsheets. */
#include "url/set.h"

#include "base/err.h"

#include <stdio.h>

static int refuse(struct err *err, const char *words)
{
	return err_set(err, E_INVALID, "", "%s", words);
}

static bool cidr_parse(struct str s, struct url_pattern *p)
{
	struct str rest = s, addr, len;
	uint64_t n, shift;
	uint8_t a[16];
	str_next(&rest, '/', &addr);
	if (!str_next(&rest, '/', &len) || rest.ptr)
		return false;
	bool v6 = addr.len && memchr(addr.ptr, ':', addr.len);
	if (v6 ? url_addr6_parse(addr, a) < 0 : url_addr4_parse(addr, a) != 1)
		return false;
	shift = v6 ? 0 : 96;
	if (!str_to_u64(len, 128 - shift, &n))
		return false;
	n += shift;
	for (size_t bit = n; bit < 128; bit++)
		if (a[bit / 8] & (0x80u >> (bit % 8)))
			return false;
	p->kind = KEY_ADDR;
	memcpy(p->key, a, 16);
	p->key[16] = (char)n;
	p->key_len = 17;
	return true;
}

size_t url_key_write(char *dst, size_t size, bool https, const char *host, uint16_t port, struct str path, bool query)
{
	int n = snprintf(dst, size, "%s %s %u ", https ? "https" : "http", host, port);
	size_t k = url_path_normalise(path, query, dst + n, size - (size_t)n);
	return k ? (size_t)n + k : 0;
}

/* "host:port" or "[v6]:port" into its two halves. */
static bool split_port(struct str authority, struct str *host, uint16_t *port)
{
	size_t i = authority.len;
	uint64_t v;
	*host = authority;
	*port = 0;
	while (i && authority.ptr[i - 1] >= '0' && authority.ptr[i - 1] <= '9')
		i--;
	if (i == 0 || authority.ptr[i - 1] != ':')
		return true;
	struct str head = { authority.ptr, i - 1 };
	if (head.len && memchr(head.ptr, ':', head.len) && head.ptr[head.len - 1] != ']')
		return false;
	if (!str_to_u64((struct str){ authority.ptr + i, authority.len - i }, 65535, &v) || v == 0)
		return false;
	*host = head;
	*port = (uint16_t)v;
	return true;
}

int url_split(struct str url, struct url_query *ret)
{
	bool https = str_case_starts(url, STR("https://"));
	if (!https && !str_case_starts(url, STR("http://")))
		return -E_INVALID;
	struct str rest = { url.ptr + (https ? 8 : 7), url.len - (https ? 8 : 7) };
	size_t cut = 0;
	while (cut < rest.len && rest.ptr[cut] != '/' && rest.ptr[cut] != '?' && rest.ptr[cut] != '#')
		cut++;
	ret->scheme = https ? STR("https") : STR("http");
	ret->path = (struct str){ rest.ptr + cut, rest.len - cut };
	return split_port((struct str){ rest.ptr, cut }, &ret->host, &ret->port) ? 0 : -E_INVALID;
}

static int url_parse(struct str s, struct url_pattern *p, struct err *err)
{
	struct url_query q = { 0 };
	if (url_split(s, &q) < 0 || url_host_normalise(q.host, p->host) < 0)
		return refuse(err, "not a host in this URL");
	bool https = str_eq(q.scheme, STR("https"));
	p->kind = KEY_URL;
	p->key_len = url_key_write(p->key, sizeof p->key, https, p->host, q.port ? q.port : https ? 443 : 80, q.path, true);
	return p->key_len ? 0 : refuse(err, "the URL is too long");
}

static int host_parse(struct str s, struct url_pattern *p, struct err *err)
{
	struct url_target t = { 0 };
	bool below = s.ptr[0] == '.';
	struct url_query q = { .scheme = STR("http"), .host = below ? (struct str){ s.ptr + 1, s.len - 1 } : s };
	if (url_target_from(&q, &t) < 0)
		return refuse(err, "not a host, .domain, address or URL (write international names as xn--…)");
	if (t.is_addr && below)
		return refuse(err, "an address has nothing below it; write a CIDR prefix");
	if (t.is_addr) {
		p->kind = KEY_ADDR;
		memcpy(p->key, t.addr, 16);
		p->key[16] = (char)128;
		p->key_len = 17;
		return 0;
	}
	p->kind = KEY_HOST;
	p->chain = below ? CHAIN_BELOW : CHAIN_EXACT;
	memcpy(p->key, t.host, t.host_len);
	p->key_len = t.host_len;
	return 0;
}

int url_pattern_parse(struct str s, struct url_pattern *p, struct err *err)
{
	p->chain = CHAIN_EXACT;
	p->host[0] = 0;
	if (s.len == 0 || s.len > URL_PATTERN_MAX)
		return refuse(err, "empty, or longer than 2,048 bytes");
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] <= 0x20 || s.ptr[i] == 0x7f)
			return refuse(err, "blanks and control characters have no place in a pattern");
	if (str_case_starts(s, STR("http://")) || str_case_starts(s, STR("https://")))
		return url_parse(s, p, err);
	if (s.ptr[0] == '*')
		return refuse(err, "no wildcards: a domain and all below it is written .example.jp");
	if (memchr(s.ptr, '/', s.len))
		return cidr_parse(s, p) ? 0 : refuse(err, "not a CIDR prefix with its host bits 0; a URL begins with http:// or https://");
	return host_parse(s, p, err);
}

int url_pattern_check(struct str pattern, struct err *err)
{
	struct url_pattern p;
	return url_pattern_parse(pattern, &p, err);
}
