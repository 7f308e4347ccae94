/* See sites.h. */
#include "index/sites.h"

#include "base/err.h"
#include "base/mem.h"
#include "index/query.h"
#include "index/search.h"

#include <string.h>
#include <yyjson.h>

/* In the order of the engine's columns: behind org and site. */
static const char *const counts[] = { "requests", "from_cache", "ok", "redirected", "refused", "failed", "bytes_out", "bytes_in",
	                              "waf_told", "waf_blocked", "limited", "p50_ms", "p95_ms" };

static void between(const struct sites_ask *s, const char *product, struct buf *b)
{
	buf_printf(b, " FROM toride.events WHERE time >= fromUnixTimestamp64Milli(%lld) AND time < fromUnixTimestamp64Milli(%lld)"
	              " AND _table = 'c4002_http_activity' AND product = '%s'",
	           (long long)s->from_ms, (long long)s->to_ms, product);
	sql_scope(b, s->org);
}

static int check(const struct sites_ask *s, struct err *err)
{
	int r = sql_scope_check(s->org, err);
	if (r < 0)
		return r;
	if (strspn(s->site, "abcdefghijklmnopqrstuvwxyz0123456789.-") != strlen(s->site))
		return err_set(err, E_INVALID, "site", "not a host name in small letters");
	return s->from_ms < s->to_ms ? 0 : err_set(err, E_INVALID, "from", "not before the end");
}

/* The names in a record are looked for as they stand in it: no value can hold a quotation mark that isn't escaped. */
int sites_sql(const struct sites_ask *s, struct buf *b, struct err *err)
{
	int r = check(s, err);
	if (r < 0)
		return r;
	buf_puts(b, "SELECT org, simpleJSONExtractString(raw, 'site') AS s, count() AS n,"
	            " countIf(simpleJSONExtractString(raw, 'cache_status') IN ('HIT', 'STALE', 'UPDATING', 'REVALIDATED')),"
	            " countIf(code >= 200 AND code < 300), countIf(code >= 300 AND code < 400), countIf(code >= 400 AND code < 500), countIf(code >= 500),"
	            " sum(`out`), sum(`in`), countIf(ref IN (SELECT ref");
	between(s, "waf", b);
	buf_puts(b, ")), countIf(rule = 'waf'), countIf(rule = 'limit'),"
	            " toUInt64(quantileTDigest(0.5)(ms)), toUInt64(quantileTDigest(0.95)(ms))");
	between(s, "edge", b);
	buf_puts(b, " AND s != ''");
	if (*s->site) {
		buf_puts(b, " AND s = ");
		sql_text(b, str_from(s->site));
	}
	buf_printf(b, " GROUP BY org, s ORDER BY n DESC, org, s LIMIT %d FORMAT JSONCompactEachRow SETTINGS max_execution_time = 30, max_memory_usage = %u,"
	              " output_format_json_quote_64bit_integers = 0",
	           SITES_TOLD + 1, SEARCH_MEMORY);
	return b->failed ? err_set(err, E_LIMIT, "site", "too long") : 0;
}

bool sites_row(struct str line, struct buf *b)
{
	yyjson_doc *doc = yyjson_read(line.ptr, line.len, 0);
	yyjson_val *row = yyjson_doc_get_root(doc), *org = yyjson_arr_get(row, 0), *site = yyjson_arr_get(row, 1);
	bool ok = yyjson_is_str(org) && yyjson_is_str(site) && yyjson_arr_size(row) == 2 + ARRAY_LEN(counts);
	for (size_t i = 0; ok && i < ARRAY_LEN(counts); i++)
		ok = yyjson_is_uint(yyjson_arr_get(row, 2 + i));
	if (ok) {
		buf_putc(b, '{');
		json_field_s(b, "org", yyjson_get_str(org));
		json_field_s(b, "site", yyjson_get_str(site));
		for (size_t i = 0; i < ARRAY_LEN(counts); i++)
			json_field_u64(b, counts[i], yyjson_get_uint(yyjson_arr_get(row, 2 + i)));
		buf_putc(b, '}');
	}
	yyjson_doc_free(doc);
	return ok;
}

int sites_run(struct client *c, const struct sites_ask *s, struct buf *fields, struct err *err)
{
	struct buf sql, answer;
	struct str lines, line;
	size_t n = 0;
	buf_init(&sql, 64 * KIB);
	buf_init(&answer, 4 * MIB);
	int r = sites_sql(s, &sql, err);
	r = r < 0 ? r : client_query(c, buf_view(&sql), &answer, err);
	lines = buf_view(&answer);
	buf_puts(fields, ",\"sites\":["); /* the answer's head stands before it */
	while (r == 0 && str_next(&lines, '\n', &line)) {
		if (line.len == 0 || n++ >= SITES_TOLD) /* behind the last line break; one too many */
			continue;
		buf_puts(fields, n > 1 ? "," : "");
		if (!sites_row(line, fields))
			r = err_set(err, E_CORRUPT, "index", "its answer can't be read");
	}
	buf_putc(fields, ']');
	json_field_bool(fields, "more", n > SITES_TOLD);
	buf_done(&answer);
	buf_done(&sql);
	return r;
}
