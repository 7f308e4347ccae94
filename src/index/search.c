/* See search.h. */
#include "index/search.h"

#include "base/clock.h"
#include "base/err.h"
#include "index/query.h"

#include <stdio.h>
#include <stdlib.h>

/* Only tables that can hold it are read: class:4002, where nothing else is allowed beside it. */
static const struct query_node *class_of(const struct query_node *n)
{
	if (n->kind == QUERY_NUMBER && n->op == OP_EQ && strcmp(n->column->name, "class") == 0)
		return n;
	if (n->kind != QUERY_AND)
		return NULL;
	const struct query_node *a = class_of(n->a);
	return a ? a : class_of(n->b);
}

static void where(const struct search *s, const struct query *q, struct buf *b)
{
	const struct query_node *class = class_of(q->root);
	buf_printf(b, " FROM toride.events WHERE time >= fromUnixTimestamp64Milli(%lld) AND time < fromUnixTimestamp64Milli(%lld)",
	           (long long)s->from_ms, (long long)s->to_ms);
	sql_scope(b, s->org);
	if (class)
		buf_printf(b, " AND _table = '%s'", index_table_of((uint32_t)class->number)->name);
	buf_puts(b, " AND ");
	query_sql(q->root, b);
}

static int by_sql(const struct search *s, struct buf *b, struct err *err)
{
	static const struct { const char *name, *sql; } times[] = {
		{ "minute", "formatDateTime(time, '%Y-%m-%d %H:%i', 'Asia/Tokyo')" },
		{ "hour", "formatDateTime(time, '%Y-%m-%d %H:00', 'Asia/Tokyo')" },
		{ "day", "formatDateTime(time, '%Y-%m-%d', 'Asia/Tokyo')" },
	};
	for (size_t i = 0; i < sizeof times / sizeof *times; i++)
		if (strcmp(times[i].name, s->by) == 0) {
			buf_puts(b, times[i].sql);
			return 0;
		}
	const struct column *c = column_find(str_from(s->by));
	if (!c || c->kind == COLUMN_TIME)
		return err_set(err, E_INVALID, "by", "no such column: %s", s->by);
	if (c->kind == COLUMN_IP) /* ::ffff:10.1.0.5 is 10.1.0.5 to a person, and :: is none */
		buf_printf(b, "if(`%s` = toIPv6('::'), '', replaceOne(IPv6NumToString(`%s`), '::ffff:', ''))", c->name, c->name);
	else
		buf_printf(b, "toString(`%s`)", c->name);
	return 0;
}

int search_sql(const struct search *s, struct buf *b, struct err *err)
{
	static _Thread_local struct query q;
	int r = query_parse(str_from(s->query), &q, err);
	if (r == 0 && (s->limit == 0 || s->limit > SEARCH_LIMIT))
		r = err_set(err, E_INVALID, "limit", "from 1 to %d", SEARCH_LIMIT);
	r = r < 0 ? r : sql_scope_check(s->org, err);
	if (r == 0 && s->from_ms >= s->to_ms)
		r = err_set(err, E_INVALID, "from", "not before the end");
	if (r < 0)
		return r;
	buf_puts(b, "SELECT ");
	if (*s->by) {
		r = by_sql(s, b, err);
		buf_puts(b, " AS v, count() AS n, toUnixTimestamp64Milli(max(time))");
	} else {
		buf_puts(b, "org, series, segment, idx, raw");
	}
	where(s, &q, b);
	buf_printf(b, "%s LIMIT %u FORMAT JSONCompactEachRow SETTINGS max_execution_time = %d, max_memory_usage = %u,"
	              " output_format_json_quote_64bit_integers = 0",
	           *s->by ? " GROUP BY v ORDER BY n DESC, v" : " ORDER BY time DESC, org DESC, segment DESC, idx DESC", s->limit + 1,
	           SEARCH_SECONDS, SEARCH_MEMORY);
	return r < 0 ? r : b->failed ? err_set(err, E_LIMIT, "query", "too long") : 0;
}

static struct str text_at(yyjson_val *row, size_t i)
{
	yyjson_val *v = yyjson_arr_get(row, i);
	return yyjson_is_str(v) ? (struct str){ yyjson_get_str(v), yyjson_get_len(v) } : STR("");
}

static void put_record(yyjson_val *row, struct buf *b)
{
	struct segment_name n = { .segment = (uint32_t)yyjson_get_uint(yyjson_arr_get(row, 2)),
		                  .index = yyjson_get_uint(yyjson_arr_get(row, 3)) };
	char name[SEGMENT_NAME_TEXT];
	str_copy(text_at(row, 0), n.org, sizeof n.org);
	str_copy(text_at(row, 1), n.series, sizeof n.series);
	buf_putc(b, '{');
	json_field_s(b, "name", segment_name_format(&n, name));
	json_key(b, "record");
	struct str raw = text_at(row, 4);
	yyjson_doc *doc = yyjson_read(raw.ptr, raw.len, 0);
	if (doc)
		buf_str(b, raw);
	else
		json_str(b, raw);
	yyjson_doc_free(doc);
	buf_putc(b, '}');
}

static void put_count(yyjson_val *row, struct buf *b)
{
	buf_putc(b, '{');
	json_field(b, "value", text_at(row, 0));
	json_field_u64(b, "count", yyjson_get_uint(yyjson_arr_get(row, 1)));
	json_field_u64(b, "last", yyjson_get_uint(yyjson_arr_get(row, 2)));
	buf_putc(b, '}');
}

static int put_rows(const struct search *s, struct str lines, struct buf *b, struct err *err)
{
	struct str line;
	uint32_t n = 0;
	buf_puts(b, *s->by ? ",\"counts\":[" : ",\"records\":["); /* the answer's head stands before it */
	while (str_next(&lines, '\n', &line)) {
		if (line.len == 0) /* behind the last line break */
			continue;
		yyjson_doc *doc = n < s->limit ? yyjson_read(line.ptr, line.len, 0) : NULL;
		if (n < s->limit && !doc)
			return err_set(err, E_CORRUPT, "index", "its answer can't be read");
		if (doc && n)
			buf_putc(b, ',');
		if (doc)
			(*s->by ? put_count : put_record)(yyjson_doc_get_root(doc), b);
		yyjson_doc_free(doc);
		n++;
	}
	buf_putc(b, ']');
	json_field_bool(b, "more", n > s->limit);
	return 0;
}

int search_run(struct client *c, const struct search *s, struct buf *fields, struct err *err)
{
	struct buf sql, answer;
	int64_t began = clock_mono_ms();
	buf_init(&sql, 256 * KIB);
	buf_init(&answer, 64 * MIB);
	int r = search_sql(s, &sql, err);
	if (r == 0)
		r = client_query(c, buf_view(&sql), &answer, err);
	if (r == 0)
		r = put_rows(s, buf_view(&answer), fields, err);
	json_field_u64(fields, "took_ms", (uint64_t)(clock_mono_ms() - began));
	if (r == 0 && fields->failed)
		r = err_set(err, E_LIMIT, "limit", "the answer is too long: ask for fewer records");
	buf_done(&answer);
	buf_done(&sql);
	return r;
}
