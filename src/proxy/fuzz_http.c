/* Heads and bodies of both directions, and request targets: first byte chooses; bodies in two pieces. */
#include "proxy/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
	if (!(data[0] & 1) && target_of_proxy_request(&h, &t, &why) < 0)
		target_of_tunnel_request(&h, &tunnel, "a.example", &t, &why);
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
