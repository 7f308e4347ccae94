/* IP addresses as senders disguise them: a black list of 127.0.0.1 must also hold for 0x7f.1 and 2130706433,
 * because the name resolver of some client or library behind us would understand those. */
#include "url/set.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <stdio.h>

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

bool url_addr_is4(const uint8_t addr[16])
{
	return memcmp(addr, mapped, sizeof mapped) == 0;
}

static int digit(char c, unsigned base)
{
	unsigned v = c >= '0' && c <= '9' ? (unsigned)(c - '0') : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : 99;
	return v < base ? (int)v : -1;
}

/* One part: decimal, 0octal or 0xhex; "0x" alone is 0, as browsers read it. Values past 32 bits are clamped. */
static bool part_number(struct str s, uint64_t *ret)
{
	unsigned base = 10;
	if (s.len == 0)
		return false;
	if (s.len >= 2 && s.ptr[0] == '0' && s.ptr[1] == 'x') {
		base = 16;
		s.ptr += 2, s.len -= 2;
	} else if (s.len >= 2 && s.ptr[0] == '0') {
		base = 8;
		s.ptr++, s.len--;
	}
	uint64_t v = 0;
	for (size_t i = 0; i < s.len; i++) {
		int d = digit(s.ptr[i], base);
		if (d < 0)
			return false;
		v = v > UINT32_MAX ? v : v * base + (unsigned)d;
	}
	*ret = v;
	return true;
}

static bool all_digits(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	return s.len > 0;
}

int url_addr4_parse(struct str s, uint8_t ret[16])
{
	struct str rest = s, part[5], last = s;
	size_t n = 0;
	uint64_t v, sum = 0;
	for (size_t i = s.len; i > 0 && s.ptr[i - 1] != '.'; i--)
		last = (struct str){ s.ptr + i - 1, s.len - i + 1 };
	if (!all_digits(last) && !(str_starts(last, STR("0x")) && part_number(last, &v)))
		return 0;
	while (n < 5 && str_next(&rest, '.', &part[n]))
		n++;
	if (n > 4)
		return -E_INVALID;
	for (size_t i = 0; i < n; i++) {
		uint64_t ceiling = i + 1 < n ? 255 : UINT32_MAX >> (8 * (n - 1));
		if (!part_number(part[i], &v) || v > ceiling)
			return -E_INVALID;
		sum |= i + 1 < n ? v << (8 * (3 - i)) : v;
	}
	memcpy(ret, mapped, sizeof mapped);
	for (size_t i = 0; i < 4; i++)
		ret[12 + i] = (uint8_t)(sum >> (8 * (3 - i)));
	return 1;
}

int url_addr6_parse(struct str s, uint8_t ret[16])
{
	char text[64];
	return str_copy(s, text, sizeof text) && inet_pton(AF_INET6, text, ret) == 1 ? 0 : -E_INVALID;
}

void url_addr_format(const uint8_t addr[16], char dst[64])
{
	if (url_addr_is4(addr))
		ip4_format(addr + 12, dst);
	else
		inet_ntop(AF_INET6, addr, dst, 64);
}
