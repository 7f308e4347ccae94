/* See search.h. */
#include "index/search.h"

#include "base/clock.h"
#include "base/err.h"
#include "index/original.h"
#include "index/query.h"

#include <stdio.h>
#include <stdlib.h>

#define STEP_FIRST_MS 3600000 /* of time searched, not of time spent */
#define STEP_MIN_MS 60000
#define TIME_LAST_MS 10413792000000 /* 2300: no record's time reaches it (columns.c), nor goes before 1970 */
#define TOO_MUCH "this needs more memory than one search may have: ask for a shorter span, narrower words or fewer records (使えるメモリの上限を超えました。期間を短くするか、言葉や件数を絞ってください)"
#define TOO_LONG "counting took longer than %d s: ask for a shorter span (集計が%d秒で終わりませんでした。期間を短くしてください)"
#define GROW_MOST 16
#define GROW_LEAST 4
#define GROW_CAREFUL 2 /* once a span was too long */

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

static void where(const struct search *s, const struct query *q, const char *table, struct buf *b)
{
	buf_printf(b, " FROM toride.%s WHERE time >= fromUnixTimestamp64Milli(%lld) AND time < fromUnixTimestamp64Milli(%lld)", table,
	           (long long)s->from_ms, (long long)s->to_ms);
	sql_scope(b, s->org);
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
	if (strcmp(s->by, column_ja4.name) == 0) {
		buf_puts(b, "if(simpleJSONExtractString(raw, 'ja4') != '', simpleJSONExtractString(raw, 'ja4'), simpleJSONExtractString(raw, 'proxy_ja4'))");
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

#define NEWEST " ORDER BY time DESC, org DESC, segment DESC, idx DESC"
#define TABLES_BYTES (200 * KIB) /* the engine reads 256 KiB of a query */

/* Newest first, table by table, and the newest of those: only so does the engine read a body's rows in the order of their key, newest first,
 * until there are enough, and `raw` of those alone. Over toride.events it reads every match whole, and sorts. */
static void records_sql(const struct search *s, const struct query *q, unsigned rows, struct buf *b)
{
	const struct query_node *class = class_of(q->root);
	const struct index_table *only = class ? index_table_of((uint32_t)class->number) : NULL;
	buf_puts(b, "SELECT " ORIGINAL_ROW " FROM (");
	size_t from = b->len;
	for (size_t i = 0; i < index_table_count(); i++) {
		if (only && only != &index_tables[i])
			continue;
		size_t one = b->len;
		buf_puts(b, only || i == 0 ? "(SELECT time, org, series, segment, idx, raw" : " UNION ALL (SELECT time, org, series, segment, idx, raw");
		where(s, q, index_tables[i].name, b);
		buf_printf(b, NEWEST " LIMIT %u)", rows);
		if (!only && (b->len - one) * index_table_count() > TABLES_BYTES) { /* a query as long as a book: as it is, but in one piece */
			b->len = from;
			buf_puts(b, "SELECT time, org, series, segment, idx, raw");
			where(s, q, "events", b);
			break;
		}
	}
	buf_printf(b, ")" NEWEST " LIMIT %u", rows);
}

/* rows: at most so many; seconds: the engine ends it then. */
static int sql_of(const struct search *s, unsigned rows, int64_t seconds, struct buf *b, struct err *err)
{
	static _Thread_local struct query q;
	int r = query_parse(str_from(s->query), &q, err);
	r = r < 0 ? r : sql_scope_check(s->org, err);
	if (r == 0 && s->from_ms >= s->to_ms)
		r = err_set(err, E_INVALID, "from", "not before the end");
	if (r < 0)
		return r;
	buf_reset(b);
	if (*s->by) {
		const struct query_node *class = class_of(q.root);
		buf_puts(b, "SELECT ");
		r = by_sql(s, b, err);
		buf_puts(b, " AS v, count() AS n, toUnixTimestamp64Milli(max(time))");
		where(s, &q, class ? index_table_of((uint32_t)class->number)->name : "events", b);
		buf_printf(b, " GROUP BY v ORDER BY n DESC, v LIMIT %u", rows);
	} else {
		records_sql(s, &q, rows, b);
	}
	buf_printf(b, " FORMAT JSONCompactEachRow SETTINGS max_execution_time = %lld, max_memory_usage = %u, query_plan_max_limit_for_lazy_materialization = %d,"
	              " use_skip_indexes_on_data_read = 0, output_format_json_quote_64bit_integers = 0",
	           (long long)seconds, SEARCH_MEMORY, SEARCH_LIMIT + 1);
	return r < 0 ? r : b->failed ? err_set(err, E_LIMIT, "query", "too long") : 0;
}

static int limit_ok(const struct search *s, struct err *err)
{
	return s->limit && s->limit <= SEARCH_LIMIT ? 0 : err_set(err, E_INVALID, "limit", "from 1 to %d", SEARCH_LIMIT);
}

int search_sql(const struct search *s, struct buf *b, struct err *err)
{
	int r = limit_ok(s, err);
	return r < 0 ? r : sql_of(s, s->limit + 1, SEARCH_SECONDS, b, err);
}

/* A span of a search, as long as the last one suggests: what is asked for is mostly near the end, and nobody knows how much of it. */
struct walk {
	struct originals originals;
	int64_t hi, step, deadline; /* from `hi` on everything was searched */
	int64_t ahead;              /* of the span: still to come, and mostly nothing */
	int64_t most, least;        /* times the last span */
	bool whole;
	struct buf sql, answer;
};

static void put_record(const struct original *x, struct str record, struct buf *b)
{
	char name[SEGMENT_NAME_TEXT];
	buf_putc(b, '{');
	json_field_s(b, "name", segment_name_format(&x->name, name));
	if (x->why)
		json_field_bool(b, "whole", false);
	json_key(b, "record");
	yyjson_doc *doc = yyjson_read(record.ptr, record.len, 0);
	if (doc)
		buf_str(b, record);
	else
		json_str(b, record);
	yyjson_doc_free(doc);
	buf_putc(b, '}');
}

static void put_count(yyjson_val *row, struct buf *b)
{
	const char *value = yyjson_get_str(yyjson_arr_get(row, 0));
	buf_putc(b, '{');
	json_field_s(b, "value", value ? value : "");
	json_field_u64(b, "count", yyjson_get_uint(yyjson_arr_get(row, 1)));
	json_field_u64(b, "last", yyjson_get_uint(yyjson_arr_get(row, 2)));
	buf_putc(b, '}');
}

/* n: rows so far; those beyond the limit are counted, and left out. Of records the rows are taken up, and told once their texts are read. */
static int put_rows(const struct search *s, struct originals *o, struct str lines, uint32_t *n, struct buf *b, struct err *err)
{
	struct str line;
	int r = 0;
	while (r == 0 && str_next(&lines, '\n', &line)) {
		if (line.len == 0) /* behind the last line break */
			continue;
		yyjson_doc *doc = *n < s->limit ? yyjson_read(line.ptr, line.len, 0) : NULL;
		if (*n < s->limit && !doc)
			return err_set(err, E_CORRUPT, "index", "its answer can't be read");
		if (doc && *n && *s->by)
			buf_putc(b, ',');
		if (doc && *s->by)
			put_count(yyjson_doc_get_root(doc), b);
		else if (doc)
			r = originals_add(o, yyjson_doc_get_root(doc), err);
		yyjson_doc_free(doc);
		++*n;
	}
	return r;
}

static int put_records(struct client *c, const struct search *s, struct walk *w, uint32_t *n, struct buf *b, struct err *err)
{
	struct originals *o = &w->originals;
	bool any = *n;
	originals_begin(o);
	int r = put_rows(s, o, buf_view(&w->answer), n, b, err);
	r = r < 0 ? r : originals_read(o, c, err);
	for (size_t i = 0; r == 0 && i < o->n; i++) {
		if (any || i)
			buf_putc(b, ',');
		put_record(&o->rows[i], originals_text(o, i), b);
	}
	return r;
}

/* As long as what is still wanted needs, were there as much of it as in the last span; and as the time that is left allows. But that goes up to `least` for
 * nothing: much of what a span takes is its being asked (on a busy machine a second), and spans of an hour, each as dear as a year, were all that
 * a search of a week got to. One that is too long after all costs half of the time that is left. */
static int64_t step_next(const struct walk *w, int64_t step, int64_t took, uint32_t got, uint32_t wanted)
{
	int64_t half = (w->deadline - clock_mono_ms()) / 2, by = half / (took > 0 ? took : 1);
	by = by > w->most ? w->most : by < w->least ? w->least : by;
	int64_t enough = got ? step + step * 2 / got * wanted : INT64_MAX;
	return step * by < enough ? step * by : enough;
}

/* One span before w->hi. -E_AGAIN: it was too long, or too much for the engine: the next one is shorter. */
static int walk_step(struct client *c, const struct search *s, struct walk *w, uint32_t *n, struct buf *fields, struct err *err)
{
	struct search part = *s;
	int64_t began = clock_mono_ms(), left = w->deadline - began;
	uint32_t before = *n;
	part.to_ms = w->hi;
	part.from_ms = w->hi - s->from_ms > w->step ? w->hi - w->step : s->from_ms;
	int64_t span = part.to_ms - part.from_ms;
	int r = sql_of(&part, s->limit + 1 - *n, left / 2000 + 1, &w->sql, err); /* half of what is left: another, shorter one has to fit in */
	if (r < 0)
		return r;
	client_timeout(c, (unsigned)left + 2000);
	r = client_query(c, buf_view(&w->sql), &w->answer, err);
	if (r == -E_TIMEOUT || (r == -E_LIMIT && span > STEP_MIN_MS)) {
		w->step = span > 8 * STEP_MIN_MS ? span / 8 : STEP_MIN_MS;
		w->most = w->least = GROW_CAREFUL;
		w->ahead = 0;
		return -E_AGAIN;
	}
	if (r == -E_LIMIT)
		return err_set(err, E_LIMIT, "from", TOO_MUCH);
	int64_t took = clock_mono_ms() - began; /* what its records take, the next one's may not */
	if (r == 0)
		r = put_records(c, s, w, n, fields, err);
	if (r == 0) {
		w->hi = part.from_ms;
		w->step = step_next(w, w->step - w->ahead, took, *n - before, s->limit + 1 - *n);
		w->ahead = 0;
	}
	return r;
}

/* From the newest to the oldest, until there are enough or the time has run out: then what was found up to there, and where that is. */
static int walk(struct client *c, const struct search *asked, struct walk *w, struct buf *fields, struct err *err)
{
	struct search in = *asked, *s = &in;
	int64_t now = clock_now_ms();
	uint32_t n = 0;
	s->from_ms = s->from_ms < 0 ? 0 : s->from_ms;
	s->to_ms = s->to_ms > TIME_LAST_MS ? TIME_LAST_MS : s->to_ms;
	w->hi = s->to_ms;
	w->ahead = s->to_ms > now ? s->to_ms - now : 0;
	w->step = STEP_FIRST_MS + w->ahead;
	int r = asked->from_ms < asked->to_ms && s->from_ms < s->to_ms ? 0 : err_set(err, E_INVALID, "from", "not before the end");
	buf_puts(fields, ",\"records\":["); /* the answer's head stands before it */
	while (r == 0 && w->hi > s->from_ms && n <= s->limit && clock_mono_ms() + 1000 <= w->deadline) {
		r = walk_step(c, s, w, &n, fields, err);
		r = r == -E_AGAIN ? 0 : r;
	}
	buf_putc(fields, ']');
	json_field_bool(fields, "more", n > s->limit);
	w->whole = n > s->limit || w->hi <= s->from_ms;
	if (!w->whole) {
		json_field_bool(fields, "incomplete", true);
		json_field_u64(fields, "searched_from", (uint64_t)w->hi);
	}
	return r;
}

static int count(struct client *c, const struct search *s, struct walk *w, struct buf *fields, struct err *err)
{
	uint32_t n = 0;
	int r = sql_of(s, s->limit + 1, SEARCH_SECONDS, &w->sql, err);
	if (r < 0)
		return r;
	r = client_query(c, buf_view(&w->sql), &w->answer, err);
	if (r == -E_LIMIT)
		return err_set(err, E_LIMIT, "from", TOO_MUCH);
	if (r == -E_TIMEOUT)
		return err_set(err, E_TIMEOUT, "from", TOO_LONG, SEARCH_SECONDS, SEARCH_SECONDS);
	buf_puts(fields, ",\"counts\":[");
	if (r == 0)
		r = put_rows(s, &w->originals, buf_view(&w->answer), &n, fields, err);
	buf_putc(fields, ']');
	json_field_bool(fields, "more", n > s->limit);
	return r;
}

int search_run(struct client *c, const struct search *s, const struct pick_opts *sealed, struct buf *fields, bool *ret_whole, struct err *err)
{
	int64_t began = clock_mono_ms();
	struct walk w = { .whole = true, .deadline = began + SEARCH_SECONDS * 1000, .most = GROW_MOST, .least = GROW_LEAST };
	struct pick *pick = NULL;
	buf_init(&w.sql, 256 * KIB);
	buf_init(&w.answer, 64 * MIB);
	int r = limit_ok(s, err);
	if (r == 0 && sealed)
		r = pick_open(sealed, &pick, err);
	originals_init(&w.originals, pick, s->org, w.deadline);
	if (r == 0)
		r = (*s->by ? count : walk)(c, s, &w, fields, err);
	json_field_u64(fields, "took_ms", (uint64_t)(clock_mono_ms() - began));
	if (r == 0 && fields->failed)
		r = err_set(err, E_LIMIT, "limit", "the answer is too long: ask for fewer records");
	*ret_whole = w.whole && r == 0;
	originals_done(&w.originals);
	pick_close(&pick);
	buf_done(&w.answer);
	buf_done(&w.sql);
	return r;
}
