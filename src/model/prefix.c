/* IPv4 and IPv6 prefixes: text in, text out, containment. See model.h. */
#include "model/model.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static uint8_t full_len(const struct prefix *p)
{
	return p->family == 4 ? 32 : 128;
}

static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned n)
{
	if (memcmp(a, b, n / 8) != 0)
		return false;
	uint8_t mask = (uint8_t)(0xff00u >> (n % 8));
	return n % 8 == 0 || ((a[n / 8] ^ b[n / 8]) & mask) == 0;
}

int prefix_parse_host(struct str s, struct prefix *ret)
{
	char text[PREFIX_TEXT];
	struct prefix p = { 0 };
	struct str rest = s, addr, len;
	uint64_t n;
	if (!str_next(&rest, '/', &addr) || !str_copy(addr, text, sizeof text))
		return -E_INVALID;
	p.family = memchr(addr.ptr, ':', addr.len) ? 6 : 4;
	if (inet_pton(p.family == 4 ? AF_INET : AF_INET6, text, p.addr) != 1)
		return -E_INVALID;
	p.len = full_len(&p);
	if (str_next(&rest, '/', &len)) {
		if (rest.ptr || !str_to_u64(len, p.len, &n))
			return -E_INVALID;
		p.len = (uint8_t)n;
	}
	*ret = p;
	return 0;
}

int prefix_parse(struct str s, struct prefix *ret)
{
	struct prefix p;
	static const uint8_t zero[16];
	if (prefix_parse_host(s, &p) < 0)
		return -E_INVALID;
	for (unsigned bit = p.len; bit < full_len(&p); bit++)
		if (p.addr[bit / 8] & (0x80u >> (bit % 8)))
			return -E_INVALID;
	if (p.family == 4 && memcmp(p.addr + 4, zero, 12) != 0)
		return -E_INVALID;
	*ret = p;
	return 0;
}

const char *prefix_format_addr(const struct prefix *p, char dst[PREFIX_TEXT])
{
	dst[0] = 0;
	if (p->family == 4)
		ip4_format(p->addr, dst);
	else if (p->family)
		inet_ntop(AF_INET6, p->addr, dst, PREFIX_TEXT);
	return dst;
}

const char *prefix_format(const struct prefix *p, char dst[PREFIX_TEXT])
{
	size_t n = strlen(prefix_format_addr(p, dst));
	if (p->family)
		snprintf(dst + n, PREFIX_TEXT - n, "/%u", p->len);
	return dst;
}

bool prefix_contains(const struct prefix *outer, const struct prefix *inner)
{
	return outer->family == inner->family && outer->len <= inner->len && bits_equal(outer->addr, inner->addr, outer->len);
}

bool prefix_among(const struct prefix *list, size_t n, const struct prefix *inner)
{
	for (size_t i = 0; i < n; i++)
		if (prefix_contains(&list[i], inner))
			return true;
	return false;
}

bool prefix_is_set(const struct prefix *p)
{
	return p->family != 0;
}

int prefix_from_sockaddr(const struct sockaddr_storage *sa, struct prefix *ret)
{
	*ret = (struct prefix){ 0 };
	if (sa->ss_family == AF_INET) {
		*ret = (struct prefix){ .family = 4, .len = 32 };
		memcpy(ret->addr, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
		return 0;
	}
	if (sa->ss_family != AF_INET6)
		return -1;
	*ret = (struct prefix){ .family = 6, .len = 128 };
	memcpy(ret->addr, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
	return 0;
}

socklen_t prefix_to_sockaddr(const struct prefix *p, uint16_t port, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof *ret);
	if (p->family == 4) {
		struct sockaddr_in *s = (void *)ret;
		s->sin_family = AF_INET;
		s->sin_port = htons(port);
		memcpy(&s->sin_addr, p->addr, 4);
		return sizeof *s;
	}
	struct sockaddr_in6 *s = (void *)ret;
	s->sin6_family = AF_INET6;
	s->sin6_port = htons(port);
	memcpy(&s->sin6_addr, p->addr, 16);
	return sizeof *s;
}
