/* See scgi.h. */
#include "portal/scgi.h"

#include "base/err.h"

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

static int keep(struct scgi *q, struct str name, struct str value)
{
	if (str_eq(name, STR("REQUEST_METHOD"))) {
		q->head = str_eq(value, STR("HEAD"));
		return q->head || str_eq(value, STR("GET")) ? 0 : -E_DENIED;
	}
	if (str_eq(name, STR("DOCUMENT_URI")))
		return str_copy(value, q->path, sizeof q->path) ? 0 : -E_LIMIT;
	if (str_eq(name, STR("QUERY_STRING")))
		return str_copy(value, q->query, sizeof q->query) ? 0 : -E_LIMIT;
	if (str_eq(name, STR("CONTENT_LENGTH")) && value.len && !str_eq(value, STR("0")))
		return -E_DENIED;
	if (str_eq(name, STR("HTTP_ACCEPT_LANGUAGE")) && !str_copy(value, q->language, sizeof q->language))
		q->language[0] = 0; /* a wish, not worth a refusal */
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
	if (!method || q.path[0] != '/' || !str_is_utf8(str_from(q.path)))
		return -E_INVALID;
	*ret = q;
	return 0;
}

bool scgi_query(const char *query, const char *name, char *dst, size_t size)
{
	struct str rest = str_from(query), pair;
	size_t n = strlen(name);
	while (str_next(&rest, '&', &pair))
		if (pair.len > n && pair.ptr[n] == '=' && memcmp(pair.ptr, name, n) == 0)
			return str_copy((struct str){ pair.ptr + n + 1, pair.len - n - 1 }, dst, size);
	return false;
}
