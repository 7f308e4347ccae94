/* See scgi.h. */
#include "portal/scgi.h"

#include "base/err.h"
#include "base/mem.h"

int scgi_length(struct str in, size_t *ret)
{
	uint64_t n;
	size_t digits = 0;
	while (digits < in.len && in.ptr[digits] >= '0' && in.ptr[digits] <= '9')
		digits++;
	if (digits > 5)
		return -E_LIMIT;
	if (digits == in.len)
		return -E_AGAIN;
	if (in.ptr[digits] != ':' || !str_to_u64((struct str){ in.ptr, digits }, 99999, &n))
		return -E_INVALID;
	if (n > SCGI_MAX)
		return -E_LIMIT;
	*ret = digits + 1 + n + 1;
	return 0;
}

/* The next NUL-ended piece. */
static bool take(struct str *rest, struct str *ret)
{
	const char *nul = rest->len ? memchr(rest->ptr, 0, rest->len) : NULL;
	if (!nul)
		return false;
	*ret = (struct str){ rest->ptr, (size_t)(nul - rest->ptr) };
	rest->len -= ret->len + 1;
	rest->ptr = nul + 1;
	return true;
}

static int keep_method(struct scgi *q, struct str value)
{
	q->head = str_eq(value, STR("HEAD"));
	q->post = str_eq(value, STR("POST"));
	return q->head || q->post || str_eq(value, STR("GET")) ? 0 : -E_DENIED;
}

static int keep_length(struct scgi *q, struct str value)
{
	uint64_t n = 0;
	if (value.len && !str_to_u64(value, UINT64_MAX, &n))
		return -E_INVALID;
	q->length = n;
	return n > SCGI_BODY_MAX ? -E_LIMIT : 0;
}

/* What a browser may leave out. Too long is as if it weren't there: none of it makes a request more than it is. */
static void keep_wish(struct scgi *q, struct str name, struct str value)
{
	struct {
		struct str name;
		char *dst;
		size_t size;
	} wishes[] = { { STR("HTTP_ACCEPT_LANGUAGE"), q->language, sizeof q->language }, { STR("HTTP_COOKIE"), q->cookie, sizeof q->cookie },
		       { STR("HTTP_HOST"), q->host, sizeof q->host },                   { STR("HTTP_ORIGIN"), q->origin, sizeof q->origin },
		       { STR("HTTP_SEC_FETCH_SITE"), q->site, sizeof q->site },         { STR("CONTENT_TYPE"), q->type, sizeof q->type },
		       { STR("REMOTE_ADDR"), q->address, sizeof q->address },
		       { STR("TORIDE_WAY"), q->way, sizeof q->way },                     { STR("HTTPS"), q->https, sizeof q->https } };
	for (size_t i = 0; i < ARRAY_LEN(wishes); i++)
		if (str_eq(name, wishes[i].name) && (!str_is_utf8(value) || !str_copy(value, wishes[i].dst, wishes[i].size)))
			wishes[i].dst[0] = 0;
}

static int keep(struct scgi *q, struct str name, struct str value)
{
	if (str_eq(name, STR("REQUEST_METHOD")))
		return keep_method(q, value);
	if (str_eq(name, STR("DOCUMENT_URI")))
		return str_copy(value, q->path, sizeof q->path) ? 0 : -E_LIMIT;
	if (str_eq(name, STR("QUERY_STRING")))
		return str_copy(value, q->query, sizeof q->query) ? 0 : -E_LIMIT;
	if (str_eq(name, STR("CONTENT_LENGTH")))
		return keep_length(q, value);
	keep_wish(q, name, value);
	return 0;
}

int scgi_parse(struct str in, struct scgi *ret)
{
	struct scgi q = { 0 };
	struct str name, value;
	size_t n, colon = 0;
	bool method = false;
	int r = scgi_length(in, &n);
	if (r < 0 || n != in.len || in.ptr[in.len - 1] != ',')
		return r < 0 ? r : -E_INVALID;
	while (in.ptr[colon] != ':')
		colon++;
	struct str rest = { in.ptr + colon + 1, in.len - colon - 2 };
	while (rest.len) {
		if (!take(&rest, &name) || !name.len || !take(&rest, &value))
			return -E_INVALID;
		method = method || str_eq(name, STR("REQUEST_METHOD"));
		if ((r = keep(&q, name, value)) < 0)
			return r;
	}
	if (!method || (q.length && !q.post) || q.path[0] != '/' || !str_is_utf8(str_from(q.path)))
		return -E_INVALID;
	*ret = q;
	return 0;
}
