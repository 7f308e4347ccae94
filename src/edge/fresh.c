/* See fresh.h. */
#include "edge/fresh.h"

#include "base/err.h"
#include "base/mem.h"

#define AGE_TOP 2147483648u /* RFC 9111 section 1.2.2: what is larger counts as this */

bool fresh_age(struct str value, int64_t *ret_s)
{
	uint64_t n;
	value = str_trim(value);
	for (size_t i = 0; i < value.len; i++)
		if (value.ptr[i] < '0' || value.ptr[i] > '9')
			return false;
	if (!value.len)
		return false;
	*ret_s = str_to_u64(value, AGE_TOP, &n) ? (int64_t)n : AGE_TOP;
	return true;
}

bool fresh_listed(struct str list, struct str name)
{
	struct str word;
	while (str_next(&list, ',', &word))
		if (name.len && str_case_eq(str_trim(word), name))
			return true;
	return false;
}

/* ---- merging ---- */

/* Of the body as it is kept, of the connection it came by, or of one visitor. */
static const char *const stays[] = { "Content-Length", "Content-Encoding", "Content-MD5", "Content-Range", "ETag", "Last-Modified", "Vary",
	"Set-Cookie", "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Authorization",
	"Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade" };

struct out {
	char *at, *end;
	bool full;
};

static void put(struct out *o, struct str s)
{
	if (s.len > (size_t)(o->end - o->at)) {
		o->full = true;
		return;
	}
	memcpy(o->at, s.ptr, s.len);
	o->at += s.len;
}

static bool may_replace(const struct fresh_field *f)
{
	for (size_t i = 0; i < ARRAY_LEN(stays); i++)
		if (str_case_eq(f->name, str_from(stays[i])))
			return false;
	return f->name.len > 0;
}

static bool replaced(struct str name, const struct fresh_field *news, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_case_eq(news[i].name, name) && may_replace(&news[i]))
			return true;
	return str_case_eq(name, STR("Age"));
}

static bool is_value(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] == '\r' || s.ptr[i] == '\n' || !s.ptr[i])
			return false;
	return true;
}

static bool is_name(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] == ':' || s.ptr[i] == 0x7f)
			return false;
	return s.len > 0;
}

static int put_news(struct out *o, const struct fresh_field *news, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!may_replace(&news[i]))
			continue;
		if (!is_name(news[i].name) || !is_value(news[i].value))
			return -E_INVALID;
		put(o, news[i].name);
		put(o, STR(": "));
		put(o, news[i].value);
		put(o, STR("\r\n"));
	}
	return 0;
}

int fresh_merge(struct str head, const struct fresh_field *news, size_t n, char *dst, size_t size)
{
	struct out o = { dst, dst + size, false };
	const char *end = memmem(head.ptr, head.len, "\r\n\r\n", 4);
	struct str rest = { head.ptr, end ? (size_t)(end + 2 - head.ptr) : 0 }, line;
	if (!end || !str_starts(head, STR("HTTP/1.")))
		return -E_INVALID;
	for (bool first = true, drop = false; rest.len && str_next(&rest, '\n', &line); first = false) {
		struct str text = line, name;
		bool folded = line.len && (*line.ptr == ' ' || *line.ptr == '\t');
		if (!first && !folded)
			drop = str_next(&text, ':', &name) && replaced(name, news, n);
		if (drop)
			continue;
		put(&o, line);
		put(&o, STR("\n"));
	}
	int r = put_news(&o, news, n);
	put(&o, STR("\r\n"));
	return r < 0 ? r : o.full ? -E_LIMIT : (int)(o.at - dst);
}

/* ---- what else is old ---- */

struct url {
	struct str site, path; /* "https://a.example", "/b?c" */
};

/* "https://a.example/b?c" or "//a.example/b?c" */
static bool split(struct str s, struct url *ret)
{
	const char *host = s.len ? memmem(s.ptr, s.len, "//", 2) : NULL, *end = s.ptr + s.len, *p;
	if (!host)
		return false;
	for (p = host + 2; p < end && *p != '/' && *p != '?';)
		p++;
	*ret = (struct url){ { s.ptr, (size_t)(p - s.ptr) }, { p, (size_t)(end - p) } };
	return p > host + 2;
}

/* "a.example" of "https://a.example:443": the port that says nothing is taken off. */
static struct str host_of(struct str site)
{
	const char *p = memmem(site.ptr, site.len, "//", 2);
	struct str h = { p + 2, (size_t)(site.ptr + site.len - p - 2) };
	if (str_ends(h, STR(":443")))
		h.len -= 4;
	else if (str_ends(h, STR(":80")))
		h.len -= 3;
	return h;
}

static bool has_site(struct str s)
{
	return str_case_starts(s, STR("http://")) || str_case_starts(s, STR("https://")) || str_starts(s, STR("//"));
}

static bool has_dots(struct str path)
{
	struct str segment;
	const char *q = memchr(path.ptr, '?', path.len);
	if (q)
		path.len = (size_t)(q - path.ptr);
	while (str_next(&path, '/', &segment))
		if (str_eq(segment, STR(".")) || str_eq(segment, STR("..")))
			return true;
	return false;
}

static bool is_printable(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f)
			return false;
	return s.len > 0;
}

/* What of the asked URL's path stands before a reference that is only part of one. */
static struct str before(struct str path, struct str reference)
{
	const char *q = memchr(path.ptr, '?', path.len);
	if (q)
		path.len = (size_t)(q - path.ptr);
	while (*reference.ptr != '?' && path.len && path.ptr[path.len - 1] != '/')
		path.len--;
	return path;
}

/* The reference's own path into *ret, and what of the asked one's stands ahead of it. */
static bool own_path(const struct url *asked, struct str s, struct str *ret_ahead, struct str *ret)
{
	struct url u;
	*ret_ahead = STR("");
	*ret = s;
	if (has_site(s)) {
		if (!split(s, &u))
			return false;
		*ret = u.path;
		return str_case_eq(host_of(u.site), host_of(asked->site));
	}
	const char *colon = memchr(s.ptr, ':', s.len), *slash = memchr(s.ptr, '/', s.len);
	if (colon && (!slash || colon < slash))
		return false; /* another scheme */
	if (*s.ptr != '/')
		*ret_ahead = before(asked->path, s);
	return true;
}

int fresh_target(struct str asked, struct str reference, char *dst, size_t size)
{
	struct url a;
	struct str ahead, path, s = str_trim(reference);
	struct out o = { dst, dst + size, false };
	const char *hash = memchr(s.ptr, '#', s.len);
	if (hash)
		s.len = (size_t)(hash - s.ptr);
	if (!is_printable(s) || !split(asked, &a) || !own_path(&a, s, &ahead, &path) || has_dots(path))
		return -E_INVALID;
	put(&o, a.site);
	put(&o, ahead);
	if (!ahead.len && (!path.len || *path.ptr != '/'))
		put(&o, STR("/"));
	put(&o, path);
	return o.full ? -E_LIMIT : (int)(o.at - dst);
}
