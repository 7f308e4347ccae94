/* One form for each host and path, so that comparing is comparing bytes. Done once a request, before all sets. */
#include "url/set.h"

#include "base/clock.h"
#include "base/err.h"

#include <pthread.h>
#include <stdio.h>

#define HOST_MAX 253  /* RFC 1035 2.3.4, without the root's dot */
#define LABEL_MAX 63

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte behind %XX at s.ptr[i], or -1. */
static int escaped(struct str s, size_t i)
{
	if (s.ptr[i] != '%' || i + 2 >= s.len)
		return -1;
	int high = hex(s.ptr[i + 1]), low = hex(s.ptr[i + 2]);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* ---- host ---- */

/* A byte of a name in lower case; 0: no name holds it. */
static const unsigned char host_byte[256] = {
#define SELF(c) [c] = c
#define LOW(c) [c] = (c) + 32
	SELF('-'), SELF('.'), SELF('_'), SELF('0'), SELF('1'), SELF('2'), SELF('3'), SELF('4'), SELF('5'), SELF('6'), SELF('7'), SELF('8'),
	SELF('9'), SELF('a'), SELF('b'), SELF('c'), SELF('d'), SELF('e'), SELF('f'), SELF('g'), SELF('h'), SELF('i'), SELF('j'), SELF('k'),
	SELF('l'), SELF('m'), SELF('n'), SELF('o'), SELF('p'), SELF('q'), SELF('r'), SELF('s'), SELF('t'), SELF('u'), SELF('v'), SELF('w'),
	SELF('x'), SELF('y'), SELF('z'), LOW('A'), LOW('B'), LOW('C'), LOW('D'), LOW('E'), LOW('F'), LOW('G'), LOW('H'), LOW('I'), LOW('J'),
	LOW('K'), LOW('L'), LOW('M'), LOW('N'), LOW('O'), LOW('P'), LOW('Q'), LOW('R'), LOW('S'), LOW('T'), LOW('U'), LOW('V'), LOW('W'),
	LOW('X'), LOW('Y'), LOW('Z'),
#undef SELF
#undef LOW
};

/* Escapes undone and in lower case; only what stands in names may come out. */
static bool host_bytes(struct str s, char *dst, size_t *ret_len)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = host_byte[(unsigned char)s.ptr[i]];
		if (!c) {
			int e = escaped(s, i);
			c = e >= 0 ? host_byte[e] : 0;
			i += 2;
		}
		if (!c || n > HOST_MAX)
			return false;
		dst[n++] = (char)c;
	}
	if (n && dst[n - 1] == '.')
		n--;
	*ret_len = n;
	return n > 0 && n <= HOST_MAX;
}

static bool labels_ok(struct str s)
{
	struct str label;
	while (str_next(&s, '.', &label))
		if (label.len == 0 || label.len > LABEL_MAX)
			return false;
	return true;
}

static int set_addr(struct url_target *t)
{
	char text[64];
	t->is_addr = true;
	url_addr_format(t->addr, text);
	t->host_len = strlen(text);
	memcpy(t->host, text, t->host_len + 1);
	return 0;
}

static int host_from(struct str s, struct url_target *t)
{
	bool bracket = s.len >= 2 && s.ptr[0] == '[' && s.ptr[s.len - 1] == ']';
	if (bracket)
		s = (struct str){ s.ptr + 1, s.len - 2 };
	if (bracket || (s.len && memchr(s.ptr, ':', s.len)))
		return url_addr6_parse(s, t->addr) < 0 ? -E_INVALID : set_addr(t);
	if (!host_bytes(s, t->host, &t->host_len))
		return -E_INVALID;
	t->host[t->host_len] = 0;
	struct str host = { t->host, t->host_len };
	int r = url_addr4_parse(host, t->addr);
	if (r != 0)
		return r < 0 ? r : set_addr(t);
	return labels_ok(host) ? 0 : -E_INVALID;
}

int url_host_normalise(struct str host, char dst[256])
{
	struct url_target t = { 0 };
	if (host_from(host, &t) < 0)
		return -E_INVALID;
	memcpy(dst, t.host, t.host_len + 1);
	return 0;
}

/* ---- hashes of suffixes ---- */

static uint64_t seed;
static pthread_once_t seeded = PTHREAD_ONCE_INIT;

static void make_seed(void)
{
	seed = rnd_u64();
}

/* A label joins what stands to its right, eight bytes at a time; its length keeps "a.bc" and "ab.c" apart. */
static inline uint64_t join_label(uint64_t h, const char *p, size_t n)
{
	h ^= n << 56;
	do {
		size_t k = n < 8 ? n : 8;
		h = (h ^ url_word(p, k)) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
		p += k;
		n -= k;
	} while (n);
	return h;
}

/* Where the label that ends before `end` begins. */
static size_t label_start(const char *host, size_t end)
{
	while (end && host[end - 1] != '.')
		end--;
	return end;
}

uint64_t url_suffix_hash(const char *host, size_t len)
{
	pthread_once(&seeded, make_seed);
	uint64_t h = seed;
	for (size_t end = len; end;) {
		size_t at = label_start(host, end);
		h = join_label(h, host + at, end - at);
		end = at ? at - 1 : 0;
	}
	return h;
}

/* One pass from the right; a name of 253 bytes has at most 127 labels. */
void url_target_labels(struct url_target *t)
{
	pthread_once(&seeded, make_seed);
	uint64_t h = seed;
	t->n_labels = 0;
	for (size_t end = t->host_len; end;) {
		size_t at = label_start(t->host, end);
		h = join_label(h, t->host + at, end - at);
		end = at ? at - 1 : 0;
		if (t->is_addr && end) /* an address is one name */
			continue;
		t->hash[t->n_labels] = h;
		t->at[t->n_labels++] = (uint8_t)at;
	}
}

/* ---- path ---- */

static bool unreserved(int c) /* RFC 3986 2.3 */
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
	       c == '_' || c == '~';
}

/* Escapes in one form; a '%' that begins none becomes "%25", or else decoding what follows could make it one.
 * dst has room for three times the input. */
static size_t put_escapes(struct str s, char *dst)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		int e = escaped(s, i), c = e >= 0 ? e : (unsigned char)s.ptr[i];
		if (e >= 0)
			i += 2;
		if (e >= 0 ? unreserved(e) : c != '%') {
			dst[n++] = (char)c;
			continue;
		}
		dst[n++] = '%';
		dst[n++] = "0123456789ABCDEF"[c >> 4];
		dst[n++] = "0123456789ABCDEF"[c & 15];
	}
	return n;
}

/* RFC 3986 5.2.4 in place, on a path that begins with '/'. */
static size_t drop_dots(char *p, size_t len)
{
	size_t out = 0, i = 0;
	while (i < len) {
		size_t end = i + 1;
		while (end < len && p[end] != '/')
			end++;
		struct str seg = { p + i + 1, end - i - 1 };
		bool last = end == len;
		if (str_eq(seg, STR("."))) {
			if (last)
				p[out++] = '/';
		} else if (str_eq(seg, STR(".."))) {
			while (out > 0 && p[--out] != '/')
				;
			if (last)
				p[out++] = '/';
		} else {
			memmove(p + out, p + i, end - i);
			out += end - i;
		}
		i = end;
	}
	return out;
}

/* The most bytes put_escapes() may make of it. */
static size_t grown(struct str s)
{
	size_t n = s.len;
	for (size_t i = 0; i < s.len; i++)
		n += s.ptr[i] == '%' ? 2 : 0;
	return n;
}

size_t url_path_normalise(struct str path, bool with_query, char *dst, size_t size)
{
	const char *hash = path.len ? memchr(path.ptr, '#', path.len) : NULL;
	if (hash)
		path.len = (size_t)(hash - path.ptr);
	const char *mark = path.len ? memchr(path.ptr, '?', path.len) : NULL;
	struct str query = mark ? (struct str){ mark, (size_t)(path.ptr + path.len - mark) } : (struct str){ "", 0 };
	path.len -= query.len;
	if (grown(path) + grown(query) + 1 > size)
		return 0;
	size_t n = 0;
	if (path.len == 0 || path.ptr[0] != '/')
		dst[n++] = '/';
	n += put_escapes(path, dst + n);
	n = drop_dots(dst, n);
	return with_query ? n + put_escapes(query, dst + n) : n;
}

/* Everything undone that a server may undo; dst has room for s.len + 1. What one server joins and another doesn't
 * ("//" before ".."), both forms of an entry and a request are joined alike. */
size_t url_path_loose(struct str s, char *dst)
{
	size_t n = 0;
	dst[n++] = '/';
	for (size_t i = 0; i < s.len && s.ptr[i] != '?' && s.ptr[i] != '#'; i++) {
		int e = escaped(s, i), c = e >= 0 ? e : (unsigned char)s.ptr[i];
		if (e >= 0)
			i += 2;
		if (c == '\\')
			c = '/';
		if (c != '/' || dst[n - 1] != '/')
			dst[n++] = (char)c;
	}
	return drop_dots(dst, n);
}

/* ---- the whole query ---- */

static bool path_ok(struct str s)
{
	if (s.len > URL_PATH_MAX)
		return false;
	unsigned bad = 0;
	for (size_t i = 0; i < s.len; i++) /* without a branch: the compiler makes it wide */
		bad |= (unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f;
	return !bad;
}

int url_target_from(const struct url_query *q, struct url_target *ret)
{
	ret->is_addr = false;
	ret->https = str_case_eq(q->scheme, STR("https"));
	if ((!ret->https && !str_case_eq(q->scheme, STR("http"))) || !path_ok(q->path) || host_from(q->host, ret) < 0)
		return -E_INVALID;
	ret->port = q->port ? q->port : ret->https ? 443 : 80;
	ret->path = q->path;
	url_target_labels(ret);
	return 0;
}

size_t url_loose_key(const struct url_query *q, char *dst, size_t size)
{
	bool https = str_case_eq(q->scheme, STR("https"));
	char host[256];
	if ((!https && !str_case_eq(q->scheme, STR("http"))) || !path_ok(q->path) || url_host_normalise(q->host, host) < 0)
		return 0;
	unsigned port = q->port ? q->port : https ? 443 : 80;
	int n = snprintf(dst, size, "%s %s %u ", https ? "https" : "http", host, port);
	if ((size_t)n + q->path.len + 1 > size)
		return 0;
	return (size_t)n + url_path_loose(q->path, dst + n);
}
