/* Squid's access log: native ("squid"), and "combined" as web servers write it (logformat directive, squid.conf.documented). The terminal's
 * address is the client's: a child proxy says it itself, so no X-Forwarded-For has to be believed. */
#include "device/parsers.h"
#include "device/table.h"
#include "device/when.h"

/* The next word; blanks between words may be many. */
static bool word(struct str *s, struct str *ret)
{
	*s = str_trim(*s);
	return s->len && str_next(s, ' ', ret);
}

static void address(struct record *r, struct str method, struct str url)
{
	struct str rest = url, host = { "", 0 }, before;
	const char *scheme = url.len ? memmem(url.ptr, url.len, "://", 3) : NULL;
	record_text(r, "http_request.http_method", method);
	if (scheme) {
		record_text(r, "http_request.url.scheme", (struct str){ url.ptr, (size_t)(scheme - url.ptr) });
		rest = (struct str){ scheme + 3, url.len - (size_t)(scheme + 3 - url.ptr) };
	}
	size_t n = 0;
	while (n < rest.len && rest.ptr[n] != '/' && rest.ptr[n] != '?')
		n++;
	host = (struct str){ rest.ptr, n };
	struct str path = { rest.ptr + n, rest.len - n };
	const char *colon = host.len && *host.ptr != '[' ? memchr(host.ptr, ':', host.len) : NULL;
	if (colon) {
		record_port(r, "dst_endpoint", (struct str){ colon + 1, host.len - (size_t)(colon + 1 - host.ptr) });
		host.len = (size_t)(colon - host.ptr);
	}
	record_text(r, "http_request.url.hostname", host);
	record_text(r, "dst_endpoint.hostname", host);
	rest = url;
	if (str_next(&rest, '?', &before)) /* no query string, as with the proxy's own events */
		record_text(r, "http_request.url.url_string", before);
	if (str_next(&path, '?', &before))
		record_text(r, "http_request.url.path", before);
}

/* "TCP_MISS/200" or "TCP_MISS:HIER_DIRECT" */
static void result(struct record *r, struct str code)
{
	struct str rest = code, what, status;
	if (!str_next(&rest, '/', &what))
		return;
	record_text(r, "cache_status", what);
	if (str_next(&rest, '/', &status))
		record_decimal(r, "http_response.code", status);
	record_allowed(r, !text_has(what, "DENIED"));
}

static void user(struct record *r, struct str name)
{
	if (!str_eq(name, STR("-")))
		record_text(r, "user.name", name);
}

/* time elapsed client code/status bytes method URL user hierarchy/peer type */
static int native(const struct device_line *l, struct record *r)
{
	struct str s = l->text, when, took, client, code, bytes, method, url, who, peer, type, sec;
	uint64_t seconds, ms;
	if (!word(&s, &when) || !word(&s, &took) || !word(&s, &client) || !word(&s, &code) || !word(&s, &bytes) || !word(&s, &method) || !word(&s, &url) ||
	    !word(&s, &who) || !word(&s, &peer) || !memchr(code.ptr, '/', code.len))
		return -E_INVALID;
	if (!str_next(&when, '.', &sec) || !str_to_u64(sec, 1ull << 36, &seconds) || !str_to_u64(when, 999, &ms))
		return -E_INVALID;
	record_begin(r, "squid");
	record_time(r, (int64_t)(seconds * 1000 + ms));
	record_decimal(r, "duration", took);
	record_endpoint(r, "src_endpoint", client);
	result(r, code);
	record_decimal(r, "traffic.bytes_in", bytes);
	address(r, method, url);
	user(r, who);
	if (str_next(&peer, '/', &sec) && peer.len)
		record_endpoint(r, "dst_endpoint", peer);
	if (word(&s, &type) && !str_eq(type, STR("-")))
		record_text(r, "http_response.content_type", type);
	r->class_uid = 4002;
	return 0;
}

static bool quoted(struct str *s, struct str *ret)
{
	*s = str_trim(*s);
	if (s->len < 2 || *s->ptr != '"')
		return false;
	const char *end = memchr(s->ptr + 1, '"', s->len - 1);
	if (!end)
		return false;
	*ret = (struct str){ s->ptr + 1, (size_t)(end - s->ptr) - 1 };
	*s = (struct str){ end + 1, s->len - ret->len - 2 };
	return true;
}

/* client ident user [time] "METHOD URL HTTP/1.1" status bytes "referrer" "agent" code:hierarchy */
static int combined(const struct device_line *l, struct record *r)
{
	struct str s = l->text, client, ident, who, request, status, bytes, referrer, agent, code = { "", 0 }, method, url;
	int64_t ms;
	if (!word(&s, &client) || !word(&s, &ident) || !word(&s, &who))
		return -E_INVALID;
	s = str_trim(s);
	if (s.len == 0 || *s.ptr != '[')
		return -E_INVALID;
	s = (struct str){ s.ptr + 1, s.len - 1 };
	if (when_clf(&s, l->zone_s, &ms) < 0 || s.len == 0 || *s.ptr != ']')
		return -E_INVALID;
	s = (struct str){ s.ptr + 1, s.len - 1 };
	if (!quoted(&s, &request) || !word(&s, &status) || !word(&s, &bytes) || !word(&request, &method) || !word(&request, &url))
		return -E_INVALID;
	record_begin(r, "squid");
	record_time(r, ms);
	record_endpoint(r, "src_endpoint", client);
	user(r, who);
	address(r, method, url);
	record_decimal(r, "http_response.code", status);
	record_decimal(r, "traffic.bytes_in", bytes);
	if (quoted(&s, &referrer) && !str_eq(referrer, STR("-")))
		record_text(r, "http_request.referrer", referrer);
	if (quoted(&s, &agent) && !str_eq(agent, STR("-")))
		record_text(r, "http_request.user_agent", agent);
	if (word(&s, &code)) {
		struct str rest = code, what;
		if (str_next(&rest, ':', &what))
			record_text(r, "cache_status", what);
	}
	record_allowed(r, !text_has(code, "DENIED"));
	r->class_uid = 4002;
	return 0;
}

int squid_read(const struct device_line *l, struct record *r)
{
	return native(l, r) == 0 ? 0 : combined(l, r);
}

bool squid_looks(struct str text)
{
	return text_has(text, " TCP_") || text_has(text, " HIER_") || text_has(text, ":HIER_");
}
