/* See policy.h. */
#include "detect/policy.h"

#include "base/map.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void policy_init(struct policy *p)
{
	*p = (struct policy){ 0 };
	arena_init(&p->arena, 64 * MIB);
}

void policy_done(struct policy *p)
{
	arena_done(&p->arena);
	mem_free(p->list);
	*p = (struct policy){ 0 };
}

static bool grow(struct policy *p)
{
	size_t cap = p->cap ? 2 * p->cap : 256;
	struct policy_file *list = mem_array(cap, sizeof *list);
	if (!list)
		return false;
	if (p->n)
		memcpy(list, p->list, p->n * sizeof *list);
	mem_free(p->list);
	p->list = list;
	p->cap = cap;
	return true;
}

int policy_add(struct policy *p, struct str name, uint64_t sign)
{
	if (p->n >= POLICY_FILES)
		return -E_LIMIT;
	char *copy = arena_strdup(&p->arena, name);
	if (!copy || (p->n == p->cap && !grow(p)))
		return -E_NOMEM;
	for (char *c = copy; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	p->list[p->n++] = (struct policy_file){ copy, sign };
	return 0;
}

uint64_t policy_sign(struct str bytes)
{
	static const uint64_t fixed[2] = { 5, 6 };
	return hash_sip(fixed, bytes.ptr, bytes.len);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct policy_file *)a)->name, ((const struct policy_file *)b)->name);
}

static void sort(struct policy *p)
{
	if (p->n)
		qsort(p->list, p->n, sizeof *p->list, by_name);
}

void policy_format(struct policy *p, struct buf *b)
{
	sort(p);
	for (size_t i = 0; i < p->n; i++)
		buf_printf(b, "%llx %s\n", (unsigned long long)p->list[i].sign, p->list[i].name);
}

int policy_parse(struct str text, struct policy *ret)
{
	struct str line, sign;
	int r = 0;
	policy_init(ret);
	while (r == 0 && str_next(&text, '\n', &line)) {
		char digits[20];
		if (str_next(&line, ' ', &sign) && line.len && sign.len && str_copy(sign, digits, sizeof digits) && strspn(digits, "0123456789abcdef") == sign.len)
			r = policy_add(ret, line, strtoull(digits, NULL, 16));
	}
	if (r < 0)
		policy_done(ret);
	return r;
}

struct told {
	struct buf *b;
	const char *what;
	size_t n;
};

static void tell(struct told *t, const char *name)
{
	if (t->n == 0)
		buf_printf(t->b, "%s%s: %s", t->b->len ? "; " : "", t->what, name);
	else if (t->n < POLICY_TOLD)
		buf_printf(t->b, ", %s", name);
	t->n++;
}

static void end(struct told *t)
{
	if (t->n > POLICY_TOLD)
		buf_printf(t->b, " and %zu others", t->n - POLICY_TOLD);
}

enum kind { ADDED, CHANGED, REMOVED };

/* Both in order of names: what stands in one of them only, or in both and differs. */
static size_t tell_all(const struct policy *old, const struct policy *new, enum kind kind, struct buf *words)
{
	static const char *const names[] = { "added", "changed", "removed" };
	struct told t = { words, names[kind], 0 };
	size_t i = 0, k = 0;
	while (i < old->n || k < new->n) {
		int c = i == old->n ? 1 : k == new->n ? -1 : strcmp(old->list[i].name, new->list[k].name);
		if (c == 0 && kind == CHANGED && old->list[i].sign != new->list[k].sign)
			tell(&t, new->list[k].name);
		if (c < 0 && kind == REMOVED)
			tell(&t, old->list[i].name);
		if (c > 0 && kind == ADDED)
			tell(&t, new->list[k].name);
		i += c <= 0;
		k += c >= 0;
	}
	end(&t);
	return t.n;
}

bool policy_words(struct policy *old, struct policy *new, struct buf *words)
{
	sort(old);
	sort(new);
	size_t n = tell_all(old, new, ADDED, words);
	n += tell_all(old, new, CHANGED, words);
	n += tell_all(old, new, REMOVED, words);
	return n != 0;
}
