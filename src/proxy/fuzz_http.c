/* Heads and bodies of both directions, request targets, whom a child proxy names, and what is changed of a path: first byte
 * chooses; bodies in two pieces. */
#include "proxy/target.h"

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A head whose last hop may name terminals of 10.1.0.0/16, and a search engine's path. */
static void judge(const struct http_head *h, const struct target *t)
{
	static const char *const hosts[] = { "www.google.com", "www.bing.com", "duckduckgo.com", "search.yahoo.com" };
	static const struct adjust strict = { .safe_search = true };
	struct prefix own[1], child[1], terminal;
	char line[256];
	struct str combined;
	if (prefix_parse(STR("10.1.0.0/16"), own) < 0 || prefix_parse(STR("10.1.0.8"), child) < 0)
		return;
	struct conf_org org = { .child_proxies = child, .n_child_proxies = 1, .prefixes = own, .n_prefixes = 1 };
	if (!terminal_of(child, &org, h, &terminal) || (!prefix_contains(child, &terminal) && !prefix_contains(own, &terminal)))
		bug("a terminal of nobody's");
	http_combine(h, H_CONTENT_ENCODING, line, sizeof line, &combined);
	for (size_t i = 0; t->path.ptr && i < ARRAY_LEN(hosts); i++) {
		struct buf b;
		buf_init(&b, MIB);
		adjust_path(&strict, hosts[i], t->path, &b);
		if (!b.failed && (memchr(b.ptr, '\r', b.len) || memchr(b.ptr, '\n', b.len)))
			bug("a line more: " STR_FMT, STR_ARG(buf_view(&b)));
		buf_done(&b);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_head h;
	struct http_stream s;
	struct target t, tunnel = { .https = true, .port = 443, .host = "a.example" };
	const char *why, *p = (const char *)data + 1;
	if (size < 2)
		return 0;
	long end = http_head_end(p, size - 1, 0);
	if (end <= 0)
		return 0;
	int r = data[0] & 1 ? http_parse_response(&s, p, (size_t)end, data[0] & 2 ? HTTP_HEAD : HTTP_GET, &h, &why) :
		              http_parse_request(&s, p, (size_t)end, &h, &why);
	if (r < 0)
		return 0;
	if (!(data[0] & 1) && (target_of_proxy_request(&h, &t, &why) == 0 || target_of_tunnel_request(&h, &tunnel, "a.example", &t, &why) == 0))
		judge(&h, &t);
	size_t left = size - 1 - (size_t)end, half = left / 2;
	p += end;
	while (left && !s.done) {
		long n = http_feed(&s, p, half && left > half ? half : left);
		if (n <= 0)
			break;
		p += n;
		left -= (size_t)n;
	}
	return 0;
}
