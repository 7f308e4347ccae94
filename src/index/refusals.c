/* See refusals.h. */
#include "index/refusals.h"

#include "base/err.h"
#include "base/mem.h"
#include "index/query.h"
#include "index/search.h"

#include <yyjson.h>

#define REFUSED "rule = 'tls.client' AND position(raw, '\"message\":\"the program refused the certificate: ') > 0"
#define ASKED "(rule = 'tls.client_certificate' OR code IN (400, 403, 495, 496)) AND position(raw, '\"client_certificate\":\"asked\"') > 0"
#define OPENED "position(raw, '\"intercepted\":true') > 0"
#define JA4 "simpleJSONExtractString(raw, 'ja4')"

static void from(const struct refusals_ask *s, const char *what, struct buf *b)
{
	buf_printf(b, " FROM toride.events WHERE time >= fromUnixTimestamp64Milli(%lld) AND time < fromUnixTimestamp64Milli(%lld)"
	              " AND _table = 'c4002_http_activity' AND product = 'proxyd'",
	           (long long)s->from_ms, (long long)s->to_ms);
	sql_scope(b, s->org);
	buf_printf(b, " AND %s", what);
}

/* Terminals that refused; of them, those that trust the authority elsewhere; terminals that the same program was opened for there. */
static void pinned_sql(const struct refusals_ask *s, struct buf *b)
{
	buf_puts(b, "SELECT org, host, " JA4 " AS program, uniqExact(src) AS n, uniqExactIf(src, (org, src) IN (SELECT DISTINCT org, src");
	from(s, OPENED " AND src IN (SELECT DISTINCT src", b);
	from(s, REFUSED, b);
	buf_puts(b, "))), count(), toUnixTimestamp64Milli(min(time)), toUnixTimestamp64Milli(max(time)), any(o.opened)");
	buf_puts(b, " FROM (SELECT org, host, src, time, raw");
	from(s, REFUSED, b);
	buf_puts(b, ") AS f LEFT JOIN (SELECT org, host, " JA4 " AS program, uniqExact(src) AS opened");
	from(s, OPENED " AND (org, host) IN (SELECT DISTINCT org, host", b);
	from(s, REFUSED, b);
	buf_puts(b, ") GROUP BY org, host, program) AS o ON f.org = o.org AND f.host = o.host AND " JA4 " = o.program"
	            " GROUP BY org, host, program");
}

static void client_sql(const struct refusals_ask *s, struct buf *b)
{
	buf_puts(b, "SELECT org, host, '' AS program, uniqExact(src) AS n, n, count(), toUnixTimestamp64Milli(min(time)), toUnixTimestamp64Milli(max(time)), 0");
	from(s, ASKED, b);
	buf_puts(b, " GROUP BY org, host");
}

int refusals_sql(const struct refusals_ask *s, bool pinned, struct buf *b, struct err *err)
{
	int r = sql_scope_check(s->org, err);
	if (r < 0)
		return r;
	if (s->from_ms >= s->to_ms)
		return err_set(err, E_INVALID, "from", "not before the end");
	if (pinned)
		pinned_sql(s, b);
	else
		client_sql(s, b);
	buf_printf(b, " ORDER BY n DESC, org, host, program LIMIT %d FORMAT JSONCompactEachRow SETTINGS max_execution_time = 60, max_memory_usage = %u,"
	              " output_format_json_quote_64bit_integers = 0",
	           REFUSALS_TOLD + 1, SEARCH_MEMORY);
	return b->failed ? err_set(err, E_LIMIT, "org", "too long") : 0;
}

enum { ORG, HOST, PROGRAM, TERMINALS, TRUSTING, TIMES, FIRST, LAST, OPENED_FOR, FIELDS };

bool refusals_row(struct str line, bool pinned, struct buf *b)
{
	static const char *const names[FIELDS] = { "org", "host", "ja4", "terminals", "trusting", "times", "first_ms", "last_ms", "opened" };
	yyjson_doc *doc = yyjson_read(line.ptr, line.len, 0);
	yyjson_val *row = yyjson_doc_get_root(doc), *v[FIELDS];
	bool ok = yyjson_arr_size(row) == FIELDS;
	for (size_t i = 0; ok && i < FIELDS; i++) {
		v[i] = yyjson_arr_get(row, i);
		ok = i <= PROGRAM ? yyjson_is_str(v[i]) : yyjson_is_uint(v[i]);
	}
	if (ok) {
		buf_putc(b, '{');
		json_field_s(b, "kind", pinned ? "pinned" : "client_certificate");
		for (size_t i = 0; i < FIELDS; i++)
			if (i > PROGRAM)
				json_field_u64(b, names[i], yyjson_get_uint(v[i]));
			else if (i != PROGRAM || pinned)
				json_field_s(b, names[i], yyjson_get_str(v[i]));
		json_field_bool(b, "strong", yyjson_get_uint(v[TRUSTING]) >= REFUSALS_STRONG && yyjson_get_uint(v[OPENED_FOR]) == 0);
		buf_putc(b, '}');
	}
	yyjson_doc_free(doc);
	return ok;
}

/* *n: objects of proposals[] so far; *more: one too many of this kind. */
static int kind(struct client *c, const struct refusals_ask *s, bool pinned, struct buf *fields, size_t *n, bool *more, struct err *err)
{
	struct buf sql, answer;
	struct str lines, line;
	size_t rows = 0;
	buf_init(&sql, 64 * KIB);
	buf_init(&answer, 4 * MIB);
	int r = refusals_sql(s, pinned, &sql, err);
	r = r < 0 ? r : client_query(c, buf_view(&sql), &answer, err);
	lines = buf_view(&answer);
	while (r == 0 && str_next(&lines, '\n', &line)) {
		if (line.len == 0) /* behind the last line break */
			continue;
		if (rows++ >= REFUSALS_TOLD) {
			*more = true;
			continue;
		}
		buf_puts(fields, (*n)++ ? "," : "");
		if (!refusals_row(line, pinned, fields))
			r = err_set(err, E_CORRUPT, "index", "its answer can't be read");
	}
	buf_done(&answer);
	buf_done(&sql);
	return r;
}

int refusals_run(struct client *c, const struct refusals_ask *s, struct buf *fields, struct err *err)
{
	bool more = false;
	size_t n = 0;
	buf_puts(fields, ",\"proposals\":["); /* the answer's head stands before it */
	int r = kind(c, s, true, fields, &n, &more, err);
	r = r < 0 ? r : kind(c, s, false, fields, &n, &more, err);
	buf_putc(fields, ']');
	json_field_bool(fields, "more", more);
	return r;
}
