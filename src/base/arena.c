/* See arena.h. Blocks double up to 1 MiB, so a large compile makes few of them. */
#include "base/arena.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

struct arena_block {
	struct arena_block *prev;
	size_t len, cap;
	char data[] __attribute__((aligned(16)));
};

void arena_init(struct arena *a, size_t max)
{
	*a = (struct arena){ .max = max };
}

void arena_done(struct arena *a)
{
	while (a->last) {
		struct arena_block *b = a->last;
		a->last = b->prev;
		mem_free(b);
	}
	a->used = 0;
}

static struct arena_block *block_add(struct arena *a, size_t need)
{
	size_t cap = a->last ? a->last->cap * 2 : 4 * KIB;
	if (cap > MIB)
		cap = MIB;
	if (cap < need)
		cap = need;
	struct arena_block *b = mem_alloc(sizeof *b + cap);
	if (!b)
		return NULL;
	b->cap = cap;
	b->prev = a->last;
	a->last = b;
	return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
	if (size > a->max || a->used > a->max - size)
		return NULL;
	size_t need = (size + 15) & ~(size_t)15;
	struct arena_block *b = a->last;
	if (!b || b->cap - b->len < need)
		b = block_add(a, need);
	if (!b)
		return NULL;
	void *p = b->data + b->len;
	b->len += need;
	a->used += size;
	return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	if (size && n > SIZE_MAX / size)
		return NULL;
	return arena_alloc(a, n * size);
}

char *arena_strdup(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.len + 1);
	if (p && s.len)
		memcpy(p, s.ptr, s.len);
	return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, ap2;
	va_start(ap, fmt);
	va_copy(ap2, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
	if (p)
		vsnprintf(p, (size_t)n + 1, fmt, ap2);
	va_end(ap2);
	return p;
}
