/* See parts.h. The parts of a multipart body (RFC 7578, RFC 2046 5.1) as it is uploaded: each is a file of its own. */
#include "scan/parts.h"

#include "base/mem.h"

#include <stdio.h>
#include <strings.h>

#define PARTS 10000u
#define HEADERS 8192

static const char *find(const char *p, const char *end, struct str what)
{
	return p < end ? memmem(p, (size_t)(end - p), what.ptr, what.len) : NULL;
}

/* filename="…" of the part's headers, or how many it is. */
static void name_of(struct str headers, unsigned number, char dst[128])
{
	static const char key[] = "filename=\"";
	for (size_t i = 0; i + sizeof key - 1 < headers.len; i++) {
		if (strncasecmp(headers.ptr + i, key, sizeof key - 1) != 0)
			continue;
		struct str rest = { headers.ptr + i + sizeof key - 1, headers.len - i - (sizeof key - 1) }, name;
		if (str_next(&rest, '"', &name) && name.len && str_copy((struct str){ name.ptr, name.len < 127 ? name.len : 127 }, dst, 128))
			return;
	}
	snprintf(dst, 128, "part %u", number);
}

void form_read(struct walk *w, struct str s)
{
	const char *end = s.ptr + s.len, *line = memmem(s.ptr, s.len < 256 ? s.len : 256, "\r\n", 2), *p = line;
	char mark[260];
	if (!line)
		return;
	struct str between = { mark, (size_t)snprintf(mark, sizeof mark, "\r\n" STR_FMT, (int)(line - s.ptr), s.ptr) };
	for (unsigned i = 1; p && i <= PARTS && !walk_over(w); i++) {
		char name[128];
		const char *content = find(p, end < p + HEADERS ? end : p + HEADERS, STR("\r\n\r\n"));
		if (!content) /* "--" behind the last, or no part at all */
			return;
		name_of((struct str){ p, (size_t)(content - p) }, i, name);
		content += 4;
		const char *stop = find(content - 2, end, between); /* an empty part ends where its headers do */
		struct str part = { content, (size_t)((stop ? stop : end) - content) };
		if (stop && stop < content)
			part.len = 0;
		if (part.len)
			walk_member(w, name, part, true);
		p = stop ? stop + between.len : NULL;
	}
}
