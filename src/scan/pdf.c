/* See parts.h. Objects are found by their words, not by the cross-reference table: what a reader would repair is found too. */
#include "scan/parts.h"

#include "base/mem.h"

#include <stdio.h>
#include <zlib.h>

#define STREAM_MAX (64u * MIB)
#define DICTIONARY 4096 /* bytes before "stream" that are looked through for its filter */
#define STREAMS 100000u

static bool has(struct str s, const char *what)
{
	return memmem(s.ptr, s.len, what, strlen(what)) != NULL;
}

/* As far as it goes: what is broken behind may be meant so. */
static void inflate_all(struct str in, struct buf *out)
{
	z_stream z = { .next_in = (unsigned char *)(uintptr_t)in.ptr, .avail_in = in.len < UINT32_MAX ? (unsigned)in.len : UINT32_MAX };
	unsigned char chunk[16384];
	int r = inflateInit(&z);
	while (r == Z_OK && out->len < STREAM_MAX - sizeof chunk) {
		z.next_out = chunk;
		z.avail_out = sizeof chunk;
		r = inflate(&z, Z_NO_FLUSH);
		buf_put(out, chunk, sizeof chunk - z.avail_out);
		if (r == Z_OK && z.avail_out == sizeof chunk)
			break;
	}
	inflateEnd(&z);
}

static void look_at(struct walk *w, struct str dictionary, struct str content, unsigned number)
{
	char name[32];
	struct buf b;
	buf_init(&b, STREAM_MAX);
	if (has(dictionary, "/FlateDecode") || has(dictionary, "/Fl ") || has(dictionary, "/Fl/")) {
		inflate_all(content, &b);
		content = buf_view(&b);
	}
	snprintf(name, sizeof name, "stream %u", number);
	if (part_matters(part_type(content)))
		walk_member(w, name, content, false);
	buf_done(&b);
}

void pdf_read(struct walk *w, struct str s)
{
	const char *at = s.ptr, *end = s.ptr + s.len;
	for (unsigned i = 1; i < STREAMS && !walk_over(w); i++) {
		const char *p = memmem(at, (size_t)(end - at), "stream", 6);
		if (!p)
			return;
		size_t back = (size_t)(p - at) < DICTIONARY ? (size_t)(p - at) : DICTIONARY;
		const char *from = p + 6;
		if (from < end && *from == '\r')
			from++;
		if (from < end && *from == '\n')
			from++;
		const char *stop = memmem(from, (size_t)(end - from), "endstream", 9);
		stop = stop ? stop : end;
		look_at(w, (struct str){ p - back, back }, (struct str){ from, (size_t)(stop - from) }, i);
		if (end - stop < 9)
			return;
		at = stop + 9;
	}
}
