/* Names of records, each kept once however many events of a segment wait; see correlate_parts.h. */
#include "detect/correlate_parts.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>

#define NAMES_MAX (1u << 24)
#define NO_NUMBER UINT32_MAX

void names_init(struct names *n)
{
	*n = (struct names){ .free = NOBODY };
	map_init(&n->by_text, NAMES_MAX);
}

void names_done(struct names *n)
{
	for (uint32_t i = 0; i < n->n; i++)
		mem_free(n->list[i].text);
	mem_free(n->list);
	map_done(&n->by_text);
	*n = (struct names){ .free = NOBODY };
}

/* "…/17" -> "…" and 17, when that gives the same text again. */
static struct str split(struct str record, uint32_t *ret_number)
{
	const char *slash = record.len ? memrchr(record.ptr, '/', record.len) : NULL;
	*ret_number = NO_NUMBER;
	if (!slash)
		return record;
	struct str digits = { slash + 1, record.len - (size_t)(slash + 1 - record.ptr) };
	uint64_t v;
	if (!str_to_u64(digits, NO_NUMBER - 1, &v) || (digits.len > 1 && *digits.ptr == '0'))
		return record;
	*ret_number = (uint32_t)v;
	return (struct str){ record.ptr, (size_t)(slash - record.ptr) };
}

static uint32_t place(struct names *n)
{
	if (n->free != NOBODY) {
		uint32_t i = n->free;
		n->free = n->list[i].next_free;
		return i;
	}
	if (n->n == n->cap) {
		uint32_t cap = n->cap ? n->cap * 2 : 64;
		struct name *p = mem_grow(n->list, cap * sizeof *p);
		if (!p)
			return NOBODY;
		n->list = p;
		n->cap = cap;
	}
	n->list[n->n] = (struct name){ 0 };
	return n->n++;
}

static int take(struct names *n, struct str text, uint32_t number, struct record_name *ret)
{
	const char *last = n->last < n->n ? n->list[n->last].text : NULL;
	bool same = last && str_eq(str_from(last), text);
	uintptr_t was = same ? n->last + 1u : (uintptr_t)map_get(&n->by_text, text);
	if (was) {
		n->last = (uint32_t)was - 1;
		*ret = (struct record_name){ (uint32_t)was - 1, number };
		n->list[was - 1].refs++;
		return 0;
	}
	uint32_t i = place(n);
	if (i == NOBODY)
		return -E_NOMEM;
	char *copy = mem_strndup(text.ptr, text.len);
	if (!copy || map_put(&n->by_text, text, (void *)(uintptr_t)(i + 1)) < 0) {
		mem_free(copy);
		n->list[i] = (struct name){ .next_free = n->free };
		n->free = i;
		return -E_NOMEM;
	}
	n->list[i] = (struct name){ .text = copy, .refs = 1 };
	n->bytes += 2 * text.len + 64;
	*ret = (struct record_name){ i, number };
	return 0;
}

int names_take(struct names *n, struct str record, struct record_name *ret)
{
	uint32_t number;
	struct str text = split(record, &number);
	return take(n, text, number, ret);
}

int names_whole(struct names *n, struct str text, struct record_name *ret)
{
	return take(n, text, NO_NUMBER, ret);
}

void names_keep(struct names *n, struct record_name r)
{
	n->list[r.name].refs++;
}

void names_drop(struct names *n, struct record_name r)
{
	struct name *x = &n->list[r.name];
	if (--x->refs)
		return;
	struct str text = str_from(x->text);
	map_del(&n->by_text, text);
	n->bytes -= 2 * text.len + 64;
	mem_free(x->text);
	*x = (struct name){ .next_free = n->free };
	n->free = r.name;
}

void names_text(const struct names *n, struct record_name r, char dst[CORRELATE_RECORD])
{
	if (r.number == NO_NUMBER)
		snprintf(dst, CORRELATE_RECORD, "%s", n->list[r.name].text);
	else
		snprintf(dst, CORRELATE_RECORD, "%s/%u", n->list[r.name].text, r.number);
}
