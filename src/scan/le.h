/* Numbers as files hold them, least byte first. */
#ifndef SCAN_LE_H
#define SCAN_LE_H

#include "base/str.h"

/* n: bytes, 8 at most; those behind the end of s count as zeros. */
static inline uint64_t le(struct str s, size_t at, unsigned n)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < n && at + i < s.len; i++)
		v |= (uint64_t)(unsigned char)s.ptr[at + i] << (8 * i);
	return v;
}

#endif
