/* See rollup.h. */
#include "index/rollup.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "index/columns.h"
#include "index/query.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <yyjson.h>

#define HOUR_MS 3600000ll
#define DAY_MS 86400000ll
#define JST_MS (9 * HOUR_MS)
#define CLOSED_MS (10 * 60000ll) /* a day is over so long after its end: what came in its last moment is sealed and filled by then, or late */

/* As in the tables of records (columns.c), in the order of the key. */
static const char *const words[] = { "product", "action", "disposition", "status", "rule" };

void rollup_schema(struct buf *b)
{
	static const char *const tables[] = { "rollup", "rollup_new" };
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		buf_printf(b, "CREATE TABLE IF NOT EXISTS toride.%s (day UInt32, hour DateTime('UTC'), org LowCardinality(String), series LowCardinality(String),"
		              " class UInt64", tables[i]);
		for (size_t k = 0; k < ARRAY_LEN(words); k++)
			buf_printf(b, ", %s LowCardinality(String)", words[k]);
		buf_puts(b, ", n UInt64, `in` UInt64, out UInt64, made DateTime('UTC')) ENGINE = MergeTree PARTITION BY day ORDER BY (org, hour, class)"
		            " SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;\n");
	}
}

/* ---- counting a day ---- */

/* The frequent ones of a body by name, the others together. */
static void named(struct buf *b, uint32_t day, const char *column, const char *mark)
{
	buf_printf(b, ", if((org, %s) IN (SELECT org, %s FROM toride.events WHERE toYYYYMMDD(arrival, 'Asia/Tokyo') = %u GROUP BY org, %s"
	              " ORDER BY count() DESC, %s LIMIT %d BY org), %s, '…') AS %s",
	           column, column, day, column, column, ROLLUP_NAMES, column, mark);
}

/* Series of which the index holds all that was ever counted. */
static void whole_series(struct buf *b, uint32_t day)
{
	buf_printf(b, "(SELECT org, series FROM (SELECT org, series, count() AS c, 0 AS k FROM toride.events WHERE toYYYYMMDD(arrival, 'Asia/Tokyo') = %u GROUP BY org, series"
	              " UNION ALL SELECT org, series, 0, sum(n) FROM toride.rollup WHERE day = %u GROUP BY org, series) GROUP BY org, series HAVING sum(c) >= sum(k))",
	           day, day);
}

static void count_sql(struct buf *b, uint32_t day)
{
	buf_printf(b, "INSERT INTO toride.rollup_new SELECT %u, toStartOfHour(arrival, 'UTC') AS h, org, series, class", day);
	named(b, day, "product", "p");
	buf_puts(b, ", action");
	named(b, day, "disposition", "d");
	buf_puts(b, ", status");
	named(b, day, "rule", "r");
	buf_printf(b, ", count(), sum(`in`), sum(out), now('UTC') FROM toride.events WHERE toYYYYMMDD(arrival, 'Asia/Tokyo') = %u AND (org, series) IN ", day);
	whole_series(b, day);
	buf_puts(b, " GROUP BY h, org, series, class, p, action, d, status, r SETTINGS max_threads = 1, max_memory_usage = 1073741824");
}

static void keep_sql(struct buf *b, uint32_t day)
{
	buf_printf(b, "INSERT INTO toride.rollup_new SELECT * REPLACE (now('UTC') AS made) FROM toride.rollup WHERE day = %u AND (org, series) NOT IN ", day);
	whole_series(b, day);
	buf_puts(b, " SETTINGS max_threads = 1");
}

/* The statement is run, and emptied for the next one. */
static int run(struct client *c, struct buf *sql, struct err *err)
{
	struct buf answer;
	buf_init(&answer, MIB);
	int r = sql->failed ? err_set(err, E_NOMEM, "", "no memory") : client_query(c, buf_view(sql), &answer, err);
	buf_done(&answer);
	buf_reset(sql);
	return r;
}

static int count_day(struct client *c, uint32_t day, struct err *err)
{
	struct buf sql;
	buf_init(&sql, 64 * KIB);
	buf_puts(&sql, "TRUNCATE TABLE toride.rollup_new");
	int r = run(c, &sql, err);
	count_sql(&sql, day);
	r = r < 0 ? r : run(c, &sql, err);
	keep_sql(&sql, day);
	r = r < 0 ? r : run(c, &sql, err);
	buf_printf(&sql, "ALTER TABLE toride.rollup REPLACE PARTITION %u FROM toride.rollup_new", day);
	r = r < 0 ? r : run(c, &sql, err);
	buf_done(&sql);
	return r;
}

/* Each line's number. */
static int each(struct client *c, struct str sql, int (*fn)(struct client *c, uint32_t day, struct err *err), unsigned *ret_n, struct err *err)
{
	struct buf answer;
	struct str rest, line;
	uint64_t day;
	buf_init(&answer, MIB);
	int r = client_query(c, sql, &answer, err);
	for (rest = buf_view(&answer); r == 0 && str_next(&rest, '\n', &line);)
		if (str_to_u64(line, 99999999, &day)) {
			r = fn(c, (uint32_t)day, err);
			*ret_n += r == 0;
		}
	buf_done(&answer);
	return r;
}

static int drop_day(struct client *c, uint32_t day, struct err *err)
{
	struct buf sql;
	buf_init(&sql, KIB);
	buf_printf(&sql, "ALTER TABLE toride.rollup DROP PARTITION %u", day);
	int r = run(c, &sql, err);
	buf_done(&sql);
	return r;
}

static int last_counted(struct client *c, uint32_t *ret, struct err *err)
{
	struct buf answer;
	uint64_t day = 0;
	buf_init(&answer, KIB);
	int r = client_query(c, STR("SELECT max(day) FROM toride.rollup"), &answer, err);
	struct str line, rest = buf_view(&answer);
	if (r == 0 && (!str_next(&rest, '\n', &line) || !str_to_u64(line, 99999999, &day)))
		r = err_set(err, E_CORRUPT, "index", "its answer can't be read");
	*ret = (uint32_t)day;
	buf_done(&answer);
	return r;
}

uint32_t rollup_kept_from(int64_t now_ms, uint32_t newest)
{
	if (!newest)
		return 0;
	struct tm tm = { .tm_year = (int)(newest / 10000) - 1900, .tm_mon = (int)(newest / 100 % 100) - 1, .tm_mday = (int)(newest % 100) };
	int64_t known = (int64_t)timegm(&tm) * 1000 + 2 * DAY_MS - JST_MS;
	return index_day((now_ms < known ? now_ms : known) - ROLLUP_DAYS * DAY_MS);
}

int rollup_pass(struct client *c, int64_t now_ms, unsigned *ret_days, struct err *err)
{
	struct buf sql;
	unsigned dropped = 0;
	uint32_t newest = 0;
	*ret_days = 0;
	bool old = false;
	int r = client_is_old(c, &old, err);
	if (r < 0 || old) /* it lacks what counting needs: questions read the rows */
		return r;
	buf_init(&sql, 4 * KIB);
	buf_printf(&sql, "SELECT p FROM (SELECT partition AS p, max(modification_time) AS m FROM system.parts WHERE database = 'toride' AND active AND match(table, '^c[0-9]+_')"
	                 " GROUP BY p) AS a LEFT JOIN (SELECT toString(day) AS d, max(made) AS made FROM toride.rollup GROUP BY d) AS b ON a.p = b.d"
	                 " WHERE toUInt32OrZero(p) >= %u AND toUInt32OrZero(p) < %u AND toUnixTimestamp(m) >= toUnixTimestamp(made) ORDER BY p LIMIT %d",
	           index_day(now_ms - ROLLUP_DAYS * DAY_MS), index_day(now_ms - CLOSED_MS), ROLLUP_TURN);
	r = each(c, buf_view(&sql), count_day, ret_days, err);
	r = r < 0 ? r : last_counted(c, &newest, err);
	buf_reset(&sql);
	buf_printf(&sql, "SELECT DISTINCT day FROM toride.rollup WHERE day < %u", rollup_kept_from(now_ms, newest));
	r = r < 0 ? r : each(c, buf_view(&sql), drop_day, &dropped, err);
	buf_done(&sql);
	return r;
}

/* ---- asking ---- */

const char *const rollup_only_names[ROLLUP_ONLY] = { "class", "product", "action", "disposition", "status", "rule" };

static int only_one(yyjson_val *key, yyjson_val *v, struct rollup_ask *a, struct err *err)
{
	uint64_t number;
	for (size_t i = 0; i < ROLLUP_ONLY; i++) {
		if (!yyjson_equals_str(key, rollup_only_names[i]))
			continue;
		struct str s = { yyjson_get_str(v), yyjson_get_len(v) };
		if (!yyjson_is_str(v) || !str_copy(s, a->only[i].value, sizeof a->only[i].value) || (i == 0 && !str_to_u64(s, UINT32_MAX, &number)))
			return err_set(err, E_INVALID, "only", "%s: not a value of it", rollup_only_names[i]);
		a->only[i].set = true;
		return 0;
	}
	return err_set(err, E_INVALID, "only", "not counted: %.40s", yyjson_get_str(key));
}

int rollup_only(yyjson_val *only, struct rollup_ask *a, struct err *err)
{
	size_t i, n;
	yyjson_val *key, *v;
	int r = !only || yyjson_is_obj(only) ? 0 : err_set(err, E_INVALID, "only", "not an object");
	yyjson_obj_foreach(only, i, n, key, v)
		r = r < 0 ? r : only_one(key, v, a, err);
	return r;
}

/* " AND …" of each; values go out as literals, a class as its number. */
static void only_sql(const struct rollup_ask *a, struct buf *b)
{
	for (size_t i = 0; i < ROLLUP_ONLY; i++) {
		if (!a->only[i].set)
			continue;
		buf_printf(b, " AND %s = ", rollup_only_names[i]);
		if (i == 0)
			buf_puts(b, a->only[i].value);
		else
			sql_text(b, str_from(a->only[i].value));
	}
}

static bool known(const char *by)
{
	static const char *const others[] = { "", "org", "series", "class", "hour", "day" };
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (strcmp(by, others[i]) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(by, words[i]) == 0)
			return true;
	return false;
}

/* time: the column that tells the hour. */
static void value_sql(const char *by, const char *time, struct buf *b)
{
	if (!*by)
		buf_puts(b, "''");
	else if (strcmp(by, "hour") == 0 || strcmp(by, "day") == 0)
		buf_printf(b, "formatDateTime(%s, '%s', 'Asia/Tokyo')", time, *by == 'h' ? "%Y-%m-%d %H:00" : "%Y-%m-%d");
	else
		buf_printf(b, "toString(%s)", by);
}

/* The counts' half. from, to: s. */
static void counted_sql(const struct rollup_ask *a, int64_t from, int64_t to, struct buf *b)
{
	value_sql(a->by, "hour", b);
	buf_puts(b, " AS v, ");
	value_sql(a->beside, "hour", b);
	buf_printf(b, " AS w, n, `in` AS i, out AS o FROM toride.rollup WHERE hour >= toDateTime(%lld, 'UTC') AND hour < toDateTime(%lld, 'UTC')", (long long)from, (long long)to);
	sql_scope(b, a->org);
	only_sql(a, b);
}

/* The rows' half: of the days after `counted`. */
static void uncounted_sql(const struct rollup_ask *a, int64_t from, int64_t to, uint32_t counted, struct buf *b)
{
	buf_puts(b, " UNION ALL SELECT ");
	value_sql(a->by, "arrival", b);
	buf_puts(b, ", ");
	value_sql(a->beside, "arrival", b);
	buf_printf(b, ", 1, `in`, out FROM toride.events WHERE arrival >= fromUnixTimestamp64Milli(%lld) AND arrival < fromUnixTimestamp64Milli(%lld)"
	              " AND toYYYYMMDD(arrival, 'Asia/Tokyo') > %u", (long long)from * 1000, (long long)to * 1000, counted);
	sql_scope(b, a->org);
	only_sql(a, b);
}

int rollup_sql(const struct rollup_ask *a, uint32_t counted, struct buf *b, struct err *err)
{
	int64_t from = a->from_ms / HOUR_MS * HOUR_MS / 1000, to = (a->to_ms + HOUR_MS - 1) / HOUR_MS * HOUR_MS / 1000;
	int r = sql_scope_check(a->org, err);
	if (r == 0 && (!known(a->by) || !known(a->beside)))
		r = err_set(err, E_INVALID, "by", "not counted: %s", known(a->by) ? a->beside : a->by);
	if (r == 0 && (from >= to || from < 0 || to > UINT32_MAX))
		r = err_set(err, E_INVALID, "from", "not before the end");
	if (r < 0)
		return r;
	buf_puts(b, "SELECT v, w, sum(n) AS s, sum(i), sum(o) FROM (SELECT ");
	counted_sql(a, from, to, b);
	if (!a->counted_only)
		uncounted_sql(a, from, to, counted, b);
	buf_printf(b, ") GROUP BY v, w HAVING s > 0 ORDER BY s DESC, v, w LIMIT %d FORMAT JSONCompactEachRow SETTINGS max_execution_time = 30, max_memory_usage = 1073741824,"
	              " output_format_json_quote_64bit_integers = 0", ROLLUP_TOLD + 1);
	return b->failed ? err_set(err, E_LIMIT, "by", "too long") : 0;
}

static int put_row(struct str line, bool beside, bool first, struct buf *b, struct err *err)
{
	static const char *const names[] = { "records", "bytes_in", "bytes_out" };
	yyjson_doc *doc = yyjson_read(line.ptr, line.len, 0);
	yyjson_val *row = yyjson_doc_get_root(doc), *v = yyjson_arr_get(row, 0), *w = yyjson_arr_get(row, 1);
	bool ok = yyjson_is_str(v) && yyjson_is_str(w);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		ok = ok && yyjson_is_uint(yyjson_arr_get(row, 2 + i));
	if (ok) {
		buf_puts(b, first ? "{" : ",{");
		json_field(b, "value", (struct str){ yyjson_get_str(v), yyjson_get_len(v) });
		if (beside)
			json_field(b, "value2", (struct str){ yyjson_get_str(w), yyjson_get_len(w) });
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			json_field_u64(b, names[i], yyjson_get_uint(yyjson_arr_get(row, 2 + i)));
		buf_putc(b, '}');
	}
	yyjson_doc_free(doc);
	return ok ? 0 : err_set(err, E_CORRUPT, "index", "its answer can't be read");
}

int rollup_run(struct client *c, const struct rollup_ask *a, struct buf *fields, struct err *err)
{
	struct buf sql, answer;
	struct str lines, line;
	uint32_t counted = 0;
	size_t n = 0;
	buf_init(&sql, 64 * KIB);
	buf_init(&answer, 4 * MIB);
	int r = last_counted(c, &counted, err);
	r = r < 0 ? r : rollup_sql(a, counted, &sql, err);
	r = r < 0 ? r : client_query(c, buf_view(&sql), &answer, err);
	buf_puts(fields, ",\"counts\":["); /* the answer's head stands before it */
	for (lines = buf_view(&answer); r == 0 && str_next(&lines, '\n', &line);)
		if (line.len && n++ < ROLLUP_TOLD)
			r = put_row(line, a->beside[0], n == 1, fields, err);
	buf_putc(fields, ']');
	json_field_bool(fields, "more", n > ROLLUP_TOLD);
	json_field_u64(fields, "counted_up_to", counted);
	buf_done(&answer);
	buf_done(&sql);
	return r;
}
