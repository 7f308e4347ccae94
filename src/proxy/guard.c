/* Forbidden destinations; see guard.h. */
#include "proxy/guard.h"

#include "base/mem.h"

#include <string.h>

#define V4(a, b, c, d, n) { 4, n, { a, b, c, d } }
static const struct prefix special[] = {
	V4(0, 0, 0, 0, 8),      V4(10, 0, 0, 0, 8),     V4(100, 64, 0, 0, 10),  V4(127, 0, 0, 0, 8),
	V4(169, 254, 0, 0, 16), V4(172, 16, 0, 0, 12),  V4(192, 0, 0, 0, 24),   V4(192, 88, 99, 0, 24),
	V4(192, 168, 0, 0, 16), V4(198, 18, 0, 0, 15),  V4(224, 0, 0, 0, 4),    V4(240, 0, 0, 0, 4),
	{ 6, 96, { 0 } },                                  /* ::, ::1 and IPv4-compatible */
	{ 6, 64, { 0x01, 0 } },                            /* discard */
	{ 6, 48, { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 } }, /* local NAT64 */
	{ 6, 23, { 0x20, 0x01, 0x00, 0x00 } },             /* IETF: Teredo, ORCHID … */
	{ 6, 7, { 0xfc } },  { 6, 10, { 0xfe, 0x80 } }, { 6, 10, { 0xfe, 0xc0 } }, { 6, 8, { 0xff } },
};

/* The IPv4 address inside a mapped, NAT64 or 6to4 one, which is where packets would go in the end. */
static bool embedded4(const struct prefix *a, struct prefix *ret)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff }, nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
	const uint8_t *v4 = NULL;
	if (a->family != 6)
		return false;
	if (memcmp(a->addr, mapped, 12) == 0 || memcmp(a->addr, nat64, 12) == 0)
		v4 = a->addr + 12;
	else if (a->addr[0] == 0x20 && a->addr[1] == 0x02)
		v4 = a->addr + 2;
	if (!v4)
		return false;
	*ret = (struct prefix){ .family = 4, .len = 32 };
	memcpy(ret->addr, v4, 4);
	return true;
}

bool guard_special(const struct prefix *addr)
{
	struct prefix v4;
	if (embedded4(addr, &v4))
		return prefix_among(special, ARRAY_LEN(special), &v4);
	return prefix_among(special, ARRAY_LEN(special), addr);
}

bool guard_refuses(const struct prefix *addr, const struct prefix *refuse, size_t n_refuse, const struct prefix *except,
                   size_t n_except)
{
	struct prefix v4;
	bool bad = guard_special(addr) || prefix_among(refuse, n_refuse, addr);
	if (!bad && embedded4(addr, &v4))
		bad = prefix_among(refuse, n_refuse, &v4);
	return bad && !prefix_among(except, n_except, addr);
}
