/* See parts.h. clamd looks into what is compressed; here it is told what is locked, and that nobody names the types inside. */
#include "scan/parts.h"

#include "base/mem.h"
#include "scan/le.h"

#define HEADERS 65536u

/* Past a header's extensions: each a size, its bytes and a CRC. */
static size_t skip_extensions(struct str s, size_t at)
{
	while (at + 2 <= s.len) {
		size_t n = le(s, at, 2);
		at += 2;
		if (n == 0)
			return at;
		at += n + 4;
	}
	return s.len;
}

static void read_one(struct walk *w, struct str s, size_t head, size_t body)
{
	unsigned flags = (unsigned)le(s, head + 4, 1), method = (unsigned)le(s, head + 5, 1);
	size_t size = le(s, head + 12, 4), name = head + le(s, head, 1);
	struct str text = { s.ptr + (name < s.len ? name : s.len), name < s.len ? strnlen(s.ptr + name, s.len - name) : 0 };
	char copy[128];
	str_copy((struct str){ text.ptr, text.len < 127 ? text.len : 127 }, copy, sizeof copy);
	if (flags & 1)
		walk_note(w, WALK_ENCRYPTED, "encrypted", copy);
	else if (method == 0 && body <= s.len && size <= s.len - body)
		walk_member(w, copy, (struct str){ s.ptr + body, size }, false);
	else
		walk_note(w, WALK_BEYOND, "arj", copy);
}

void arj_read(struct walk *w, struct str s)
{
	size_t at = 0;
	for (unsigned i = 0; i < HEADERS && !walk_over(w); i++) {
		size_t size = le(s, at + 2, 2), head = at + 4;
		if (head <= s.len && le(s, at, 2) == 0xea60 && size == 0)
			return; /* the end */
		if (le(s, at, 2) != 0xea60 || size > 2600 || head + size + 4 > s.len) {
			walk_note(w, WALK_BEYOND, "broken", NULL);
			return;
		}
		size_t body = skip_extensions(s, head + size + 4);
		if (i)
			read_one(w, s, head, body);
		at = body + (i ? le(s, head + 12, 4) : 0);
	}
}
