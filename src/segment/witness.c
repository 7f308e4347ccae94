/* See witness.h. */
#include "segment/witness.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdlib.h>

#define FIRST_LINE "toride checkpoint v1"

void witness_format(const struct checkpoint *c, struct buf *b)
{
	char hex[2 * SEGMENT_SIGNATURE + 1];
	checkpoint_body(c, b);
	hex_format(c->key, sizeof c->key, hex);
	buf_printf(b, "key %s\n", hex);
	hex_format(c->sig, sizeof c->sig, hex);
	buf_printf(b, "sig %s\n", hex);
}

static struct str bare(struct str line)
{
	while (line.len && strchr("> \t", line.ptr[0]) && line.ptr[0])
		line.ptr++, line.len--;
	while (line.len && strchr(" \t\r", line.ptr[line.len - 1]) && line.ptr[line.len - 1])
		line.len--;
	return line;
}

static bool number_of(struct str s, uint64_t *ret)
{
	return str_to_u64(s, INT64_MAX, ret);
}

static bool tagged(struct str line, struct str tag, unsigned char *ret, size_t n)
{
	return str_starts(line, tag) && hex_parse((struct str){ line.ptr + tag.len, line.len - tag.len }, ret, n);
}

/* The lines behind the first. */
static bool read_short(struct str *rest, struct checkpoint *c)
{
	struct str line[7];
	uint64_t time;
	for (size_t i = 0; i < ARRAY_LEN(line); i++) {
		if (!str_next(rest, '\n', &line[i]))
			return false;
		line[i] = bare(line[i]);
	}
	*c = (struct checkpoint){ 0 };
	bool ok = number_of(line[0], &c->number) && number_of(line[1], &time) && hex_parse(line[2], c->prev, sizeof c->prev) &&
	          number_of(line[3], &c->n) && hex_parse(line[4], c->root, sizeof c->root) && tagged(line[5], STR("key "), c->key, sizeof c->key) &&
	          tagged(line[6], STR("sig "), c->sig, sizeof c->sig);
	if (ok)
		c->time_ms = (int64_t)time;
	return ok;
}

static int add(struct witnesses *w, size_t *cap, const struct checkpoint *c, struct sha *s)
{
	if (!checkpoint_signed(c)) {
		w->bad++;
		return 0;
	}
	if (w->n == WITNESSES_MAX)
		return -E_LIMIT;
	if (w->n == *cap) {
		struct witness *list = mem_grow(w->list, (*cap ? *cap * 2 : 16) * sizeof *list);
		if (!list)
			return -E_NOMEM;
		w->list = list;
		*cap = *cap ? *cap * 2 : 16;
	}
	struct witness *x = &w->list[w->n++];
	*x = (struct witness){ .number = c->number, .time_ms = c->time_ms };
	memcpy(x->key, c->key, sizeof x->key);
	return checkpoint_hash(c, s, x->hash);
}

static int by_number(const void *a, const void *b)
{
	const struct witness *x = a, *y = b;
	return (x->number > y->number) - (x->number < y->number);
}

int witnesses_parse(struct str text, struct witnesses *ret)
{
	struct sha s = { 0 };
	struct str line;
	size_t cap = 0;
	*ret = (struct witnesses){ 0 };
	int r = sha_open(&s);
	while (r == 0 && text.len && str_next(&text, '\n', &line)) {
		struct checkpoint c = { 0 };
		line = bare(line);
		if (str_eq(line, STR(FIRST_LINE))) {
			struct str rest = text;
			if (read_short(&rest, &c)) {
				text = rest;
				r = add(ret, &cap, &c, &s);
			} else {
				ret->bad++;
			}
		} else if (line.len && line.ptr[0] == '{' && checkpoint_parse(line, &c) == 0) {
			r = add(ret, &cap, &c, &s);
			checkpoint_done(&c);
		}
	}
	sha_close(&s);
	if (r < 0)
		witnesses_done(ret);
	else if (ret->n)
		qsort(ret->list, ret->n, sizeof *ret->list, by_number);
	return r;
}

void witnesses_done(struct witnesses *w)
{
	mem_free(w->list);
	*w = (struct witnesses){ 0 };
}

static int keep_last(struct str line, const char *file, uint64_t line_number, void *user)
{
	struct checkpoint *last = user, c;
	(void)file, (void)line_number;
	int r = checkpoint_parse(line, &c);
	if (r < 0)
		return r;
	checkpoint_done(last);
	*last = c;
	return 0;
}

int witness_last(const char *dir, struct checkpoint *ret, struct err *err)
{
	struct checkpoint last = { 0 };
	struct checkpoint_file f;
	int r = checkpoint_each(dir, true, keep_last, &last, &f, err);
	if (r == -E_CORRUPT)
		r = err_set(err, E_CORRUPT, dir, "a line of the checkpoints is none");
	if (r == 0 && !last.number)
		r = err_set(err, E_NOT_FOUND, dir, "there is no checkpoint yet");
	if (r == 0)
		*ret = last;
	else
		checkpoint_done(&last);
	return r;
}
