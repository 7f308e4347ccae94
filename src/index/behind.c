/* See behind.h. */
#include "index/behind.h"

#include "base/err.h"
#include "base/mem.h"
#include "segment/segment.h"

#include <stdio.h>
#include <stdlib.h>

struct behind_series {
	char key[40]; /* "412015/events" */
	struct segment_name from, to; /* to: of those that are bounded */
};

static int by_key(const void *a, const void *b)
{
	const struct behind_series *x = a, *y = b;
	return strcmp(x->key, y->key);
}

/* Each line of a place. */
static int read_place(struct str place, struct behind_series **ret, size_t *ret_n, struct err *err)
{
	struct str rest = place, line;
	size_t n = 0, max = 1;
	for (size_t i = 0; i < place.len; i++)
		max += place.ptr[i] == '\n';
	struct behind_series *list = mem_array(max, sizeof *list);
	if (!list)
		return err_set(err, E_NOMEM, "", "no memory");
	while (str_next(&rest, '\n', &line)) {
		struct behind_series *s = &list[n];
		if (n == max || segment_name_parse(line, &s->from) < 0)
			continue;
		snprintf(s->key, sizeof s->key, "%s/%s", s->from.org, s->from.series);
		n++;
	}
	if (n)
		qsort(list, n, sizeof *list, by_key);
	*ret = list;
	*ret_n = n;
	return 0;
}

/* What `until` names, from where `from` says. */
static void bound(struct behind *b, struct behind_series *from, size_t n_from)
{
	for (size_t i = 0; i < b->n; i++) {
		struct behind_series *s = &b->list[i], *f = n_from ? bsearch(s, from, n_from, sizeof *from, by_key) : NULL;
		s->to = s->from;
		if (f)
			s->from = f->from;
		else
			s->from.segment = 0, s->from.index = 0;
	}
	b->bounded = true;
}

int behind_open(struct behind *b, struct str place, const struct str *until, struct err *err)
{
	struct behind_series *from = NULL;
	size_t n_from = 0;
	*b = (struct behind){ 0 };
	int r = read_place(until ? *until : place, &b->list, &b->n, err);
	if (r == 0 && until)
		r = read_place(place, &from, &n_from, err);
	if (r == 0 && until)
		bound(b, from, n_from);
	mem_free(from);
	return r;
}

void behind_done(struct behind *b)
{
	mem_free(b->list);
	*b = (struct behind){ 0 };
}

#define KEY "concat(org, '/', series)"

/* All series up to the last of these, the first piece from the beginning, the last to the end. Keys are of [a-z0-9/-]: segment_name_parse(). */
static void span(const struct behind *b, size_t from, size_t to, struct buf *sql)
{
	if (from)
		buf_printf(sql, " AND " KEY " > '%s'", b->list[from - 1].key);
	if (to < b->n)
		buf_printf(sql, " AND " KEY " <= '%s'", b->list[to - 1].key);
}

static void series(const struct behind *b, const struct behind_series *s, struct buf *sql)
{
	buf_printf(sql, "(org = '%s' AND series = '%s' AND (segment, idx) %s (%u, %llu)", s->from.org, s->from.series, b->bounded ? ">=" : "<", s->from.segment, (unsigned long long)s->from.index);
	if (b->bounded)
		buf_printf(sql, " AND (segment, idx) < (%u, %llu)", s->to.segment, (unsigned long long)s->to.index);
	buf_putc(sql, ')');
}

bool behind_next(struct behind *b, int64_t low, int64_t high, unsigned rows, struct buf *sql)
{
	size_t from = b->at, to = b->n - from > BEHIND_PIECE ? from + BEHIND_PIECE : b->n;
	if (b->over || (b->bounded && from == to))
		return false;
	buf_printf(sql, "SELECT concat(org, '/', series, '/', toString(segment), '/', toString(idx)) FROM toride.events"
	                " WHERE arrival >= fromUnixTimestamp64Milli(%lld) AND arrival <= fromUnixTimestamp64Milli(%lld)", (long long)low, (long long)high);
	if (!b->bounded)
		span(b, from, to, sql);
	for (size_t i = from; i < to; i++) {
		buf_puts(sql, i > from ? " OR " : b->bounded ? " AND (" : " AND NOT (");
		series(b, &b->list[i], sql);
	}
	buf_printf(sql, "%s LIMIT %u", to > from ? ")" : "", rows);
	b->at = to;
	b->over = to == b->n;
	return true;
}
