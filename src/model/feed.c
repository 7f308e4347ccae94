/* See feed.h. */
#include "model/feed.h"

#include "base/mem.h"

#include <stdlib.h>


_Static_assert(sizeof(struct prefix) == 18, "a prefix is 18 bytes in the file");

void feed_done(struct feed *f)
{
	mem_free(f->list);
	*f = (struct feed){ 0 };
}

static int add(struct feed *f, const struct prefix *p)
{
	if (f->n == FEED_MAX)
		return -E_LIMIT;
	if (f->n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 1024;
		struct prefix *list = mem_grow(f->list, cap * sizeof *list);
		if (!list)
			return -E_NOMEM;
		f->list = list;
		f->cap = cap;
	}
	f->list[f->n++] = *p;
	return 0;
}

/* ---- text */

static void cut_host_bits(struct prefix *p)
{
	for (unsigned bit = p->len; bit < 128; bit++)
		p->addr[bit / 8] &= (uint8_t)~(0x80u >> bit % 8);
}

static bool too_wide(const struct prefix *p)
{
	return p->len < (p->family == 4 ? 8 : 16);
}

static uint32_t number(const struct prefix *p)
{
	return (uint32_t)p->addr[0] << 24 | (uint32_t)p->addr[1] << 16 | (uint32_t)p->addr[2] << 8 | p->addr[3];
}

/* "192.0.2.0-192.0.2.255", of IPv4 only: the prefixes that make it up. */
static int add_range(struct feed *f, const struct prefix *from, const struct prefix *to, bool *ret_wide)
{
	uint64_t at = number(from), end = (uint64_t)number(to) + 1;
	*ret_wide = end - at > 1u << 24;
	while (at < end && !*ret_wide) {
		uint8_t len = 32;
		while (len > 8 && at % (UINT64_C(1) << (33 - len)) == 0 && at + (UINT64_C(1) << (33 - len)) <= end)
			len--;
		struct prefix p = { 4, len, { (uint8_t)(at >> 24), (uint8_t)(at >> 16), (uint8_t)(at >> 8), (uint8_t)at } };
		int r = add(f, &p);
		if (r < 0)
			return r;
		at += UINT64_C(1) << (32 - len);
	}
	return 0;
}

static struct str first_word(struct str line)
{
	size_t n = 0;
	while (n < line.len && !strchr(" \t,;\r", line.ptr[n]))
		n++;
	return (struct str){ line.ptr, n };
}

/* NULL, or what is wrong with the line; *ret < 0 when reading must end. */
static const char *read_line(struct feed_text *t, struct str line, int *ret)
{
	struct prefix p = { 0 }, to = { 0 };
	struct str word = first_word(str_trim(line)), rest, from;
	bool wide = false;
	if (word.len == 0 || word.ptr[0] == '#')
		return NULL;
	t->lines++;
	if (memchr(word.ptr, '-', word.len)) {
		rest = word;
		str_next(&rest, '-', &from);
		if (prefix_parse_host(from, &p) < 0 || prefix_parse_host(rest, &to) < 0 || memchr(word.ptr, '/', word.len) || p.family != 4 ||
		    to.family != 4 || number(&p) > number(&to))
			return "isn't a range of IPv4 addresses";
		*ret = add_range(&t->feed, &p, &to, &wide);
	} else {
		if (prefix_parse_host(word, &p) < 0)
			return "isn't an address, a prefix or a range";
		wide = too_wide(&p);
		cut_host_bits(&p);
		*ret = wide ? 0 : add(&t->feed, &p);
	}
	return wide ? "is wider than a /8 (IPv6: /16)" : NULL;
}

int feed_read(struct feed_text *t, const char *name, struct str text)
{
	int r = 0;
	struct str line;
	for (uint64_t at = 1; r == 0 && text.len; at++) {
		str_next(&text, '\n', &line);
		const char *why = read_line(t, line, &r);
		t->bad += why != NULL;
		if (why && t->on_bad)
			t->on_bad(name, at, why, t->user);
	}
	return r;
}

/* ---- lists */

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct prefix));
}

void feed_sort(struct feed *f)
{
	size_t kept = 0;
	if (f->n)
		qsort(f->list, f->n, sizeof *f->list, by_bytes);
	for (size_t i = 0; i < f->n; i++)
		if (kept == 0 || by_bytes(&f->list[kept - 1], &f->list[i]) != 0)
			f->list[kept++] = f->list[i];
	f->n = kept;
}

int feed_format(const struct feed *f, struct buf *out)
{
	const unsigned char head[8] = { 'T', 'A', 'D', 'R', (unsigned char)(f->n >> 24), (unsigned char)(f->n >> 16), (unsigned char)(f->n >> 8),
		                        (unsigned char)f->n };
	buf_put(out, head, sizeof head);
	buf_put(out, f->list ? (const void *)f->list : "", f->n * sizeof *f->list);
	return out->failed;
}

static bool is_prefix(const struct prefix *p)
{
	struct prefix q = *p;
	if ((p->family != 4 && p->family != 6) || p->len > (p->family == 4 ? 32 : 128) || too_wide(p))
		return false;
	cut_host_bits(&q);
	return memcmp(&q, p, sizeof q) == 0;
}

int feed_parse(struct str data, struct feed *ret, struct err *err)
{
	const unsigned char *p = (const unsigned char *)data.ptr;
	struct feed f = { 0 };
	size_t n = data.len >= 8 ? (size_t)p[4] << 24 | (size_t)p[5] << 16 | (size_t)p[6] << 8 | p[7] : 0;
	*ret = f;
	if (data.len < 8 || memcmp(p, "TADR", 4) != 0 || n > FEED_MAX || data.len != 8 + n * sizeof *f.list)
		return err_set(err, E_CORRUPT, "feed", "not a file of addresses");
	f.list = mem_array(n + 1, sizeof *f.list);
	if (!f.list)
		return err_set(err, E_NOMEM, "feed", "no memory");
	memcpy(f.list, p + 8, n * sizeof *f.list);
	f.n = f.cap = n;
	for (size_t i = 0; i < n; i++)
		if (!is_prefix(&f.list[i]) || (i && by_bytes(&f.list[i - 1], &f.list[i]) >= 0)) {
			feed_done(&f);
			return err_set(err, E_CORRUPT, "feed", "entry %zu isn't a prefix in its place", i);
		}
	*ret = f;
	return 0;
}

int feed_diff(const struct feed *old, const struct feed *new, int (*fn)(bool add, const struct prefix *p, void *user), void *user)
{
	size_t i = 0, k = 0;
	int r = 0;
	while (r == 0 && (i < old->n || k < new->n)) {
		int c = i == old->n ? 1 : k == new->n ? -1 : by_bytes(&old->list[i], &new->list[k]);
		if (c < 0)
			r = fn(false, &old->list[i++], user);
		else if (c > 0)
			r = fn(true, &new->list[k++], user);
		else
			i++, k++;
	}
	return r;
}
