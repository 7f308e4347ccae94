/* See shape.h. */
#include "device/shape.h"

#include "base/buf.h"
#include "base/err.h"

#define SHAPES 32u /* what falls on another's place is made anew */

static struct str part(struct str path, size_t at)
{
	const char *dot = memchr(path.ptr + at, '.', path.len - at);
	return (struct str){ path.ptr + at, dot ? (size_t)(dot - path.ptr) - at : path.len - at };
}

/* The fields from `first` on whose paths begin with the same `at` bytes as its own, as members of one object. */
static void put_members(const struct record *r, struct shape *s, size_t first, size_t at, bool done[RECORD_FIELDS], struct buf *b, bool comma)
{
	const char *prefix = r->fields[first].path->text.ptr;
	for (size_t i = first; i < r->n; i++) {
		struct str path = r->fields[i].path->text;
		if (done[i] || path.len < at || memcmp(path.ptr, prefix, at) != 0)
			continue;
		struct str name = part(path, at);
		if (comma)
			buf_putc(b, ',');
		comma = true;
		json_str(b, name);
		buf_putc(b, ':');
		if (at + name.len == path.len) {
			done[i] = true;
			s->order[s->n] = (uint8_t)i;
			s->end[s->n++] = (uint16_t)b->len;
		} else {
			buf_putc(b, '{');
			put_members(r, s, i, at + name.len + 1, done, b, false);
			buf_putc(b, '}');
		}
	}
}

static void make(const struct record *r, struct shape *s)
{
	bool done[RECORD_FIELDS] = { false };
	struct buf b = { .ptr = s->text, .cap = sizeof s->text, .max = sizeof s->text };
	s->n = 0;
	memcpy(s->ids, r->ids, r->n);
	if (r->n)
		put_members(r, s, 0, 0, done, &b, true);
	if (b.failed || s->n != r->n)
		bug("a record's shape has no room");
	s->len = (uint16_t)b.len;
}

const struct shape *shape_of(const struct record *r)
{
	static struct shape shapes[SHAPES];
	struct shape *s = &shapes[r->shape * 0x9e3779b1u >> 27];
	if (s->n != r->n || memcmp(s->ids, r->ids, r->n) != 0)
		make(r, s);
	return s;
}
