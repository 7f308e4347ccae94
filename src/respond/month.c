/* See month.h. */
#include "respond/month.h"

#include "base/err.h"
#include "base/mem.h"
#include "respond/calendar.h"

#include <stdio.h>

#define DAY_MS 86400000LL
#define JST_MS (9 * 3600000LL)

int month_span(const char *month, int64_t *ret_from, int64_t *ret_to, struct err *err)
{
	uint64_t y, m;
	if (strlen(month) != 7 || month[4] != '-' || !str_to_u64((struct str){ month, 4 }, 9999, &y) || !str_to_u64((struct str){ month + 5, 2 }, 12, &m) ||
	    m < 1 || y < 1970)
		return err_set(err, E_INVALID, "month", "not a month like 2026-11");
	*ret_from = calendar_day((int)y, (int)m, 1) * DAY_MS - JST_MS;
	*ret_to = (m == 12 ? calendar_day((int)y + 1, 1, 1) : calendar_day((int)y, (int)m + 1, 1)) * DAY_MS - JST_MS;
	return 0;
}

struct month {
	struct respond *r;
	struct buf *b;
	int64_t from, to;
	bool detail;
	struct err *err;
};

/* $1 … $2: the month; $3: the body, '' all. */
#define OF_MONTH " FROM incident WHERE created_ms >= $1 AND created_ms < $2 AND ($3 = '' OR org = $3)"

static const struct store_sql counts = {
	"month_counts",
	"SELECT count(*), count(*) FILTER (WHERE s = 0), count(*) FILTER (WHERE s = 1), count(*) FILTER (WHERE s = 2), count(*) FILTER (WHERE s = 3),"
	" count(*) FILTER (WHERE state = 'closed'), count(*) FILTER (WHERE judged IS NOT NULL), count(*) FILTER (WHERE judged <> severity),"
	" count(*) FILTER (WHERE notice_late), coalesce(sum(findings), 0), coalesce(sum(events), 0), count(*) FILTER (WHERE acked_ms IS NOT NULL)"
	" FROM (SELECT *, coalesce(judged, severity) AS s" OF_MONTH ") i"
};
static const struct store_sql others = {
	"month_others", "SELECT (SELECT count(*) FROM block WHERE created_ms >= $1 AND created_ms < $2 AND ($3 = '' OR org = $3) AND acted_ms IS NOT NULL),"
			" (SELECT count(*) FROM notice WHERE created_ms >= $1 AND created_ms < $2 AND ($3 = '' OR org = $3) AND state = 'sent' AND step <> 'witness'),"
			" (SELECT count(*) FROM call WHERE at_ms >= $1 AND at_ms < $2 AND ($3 = '' OR org = $3)),"
			" (SELECT count(*) FROM report WHERE heard_ms >= $1 AND heard_ms < $2 AND ($3 = '' OR org = $3))"
};
static const struct store_sql times = {
	"month_times",
	"SELECT k, count(d), percentile_disc(0.5) WITHIN GROUP (ORDER BY d), percentile_disc(0.95) WITHIN GROUP (ORDER BY d), max(d) FROM"
	" (SELECT created_ms, first_judged_ms, judged_ms, found_ms, notice_sent_ms, notice_started_ms, report_first_ms, acked_ms" OF_MONTH ") i,"
	" LATERAL (VALUES (1, first_judged_ms - found_ms), (2, CASE WHEN notice_sent_ms >= judged_ms THEN notice_sent_ms - judged_ms END),"
	"  (3, report_first_ms - found_ms), (4, acked_ms - notice_started_ms)) v(k, d) WHERE d >= 0 GROUP BY k ORDER BY k"
};
static const struct store_sql days = {
	"month_days", "SELECT (created_ms - $1) / 86400000 AS d, count(*)" OF_MONTH " GROUP BY d ORDER BY d"
};
static const struct store_sql rules = {
	"month_rules", "SELECT rule, min(title), min(title_ja), count(*), sum(findings) FROM (SELECT *" OF_MONTH " AND rule <> '') i"
		       " GROUP BY rule ORDER BY 5 DESC, rule LIMIT 10"
};
static const struct store_sql list = {
	"month_list", "SELECT number, state, title, title_ja, terminal, observable, acked_by, coalesce(judged, severity), created_ms, notice_sent_ms, acked_ms,"
		      " closed_ms" OF_MONTH " ORDER BY id LIMIT 1000"
};

static int run(struct month *m, const struct store_sql *q, const char *org, struct store_rows *rows)
{
	struct store_args a = { 0 };
	store_int(&a, m->from), store_int(&a, m->to), store_text(&a, org);
	return store_run(m->r->store, q, &a, rows, m->err);
}

static void number(struct month *m, const char *key, const struct store_rows *rows, int i, int c)
{
	json_field_u64(m->b, key, (uint64_t)store_col_int(rows, i, c, 0));
}

static int put_counts(struct month *m, const char *org)
{
	static const char *const keys[] = { "closed", "judged", "changed", "late", "findings", "events", "acked" };
	static const char *const more[] = { "blocks", "notices", "calls", "reports" };
	struct store_rows rows = { 0 };
	int res = run(m, &counts, org, &rows);
	if (res == 0) {
		number(m, "incidents", &rows, 0, 0);
		json_key(m->b, "severity");
		for (int s = 0; s < 4; s++)
			buf_printf(m->b, "%c%lld", s ? ',' : '[', (long long)store_col_int(&rows, 0, 1 + s, 0));
		buf_putc(m->b, ']');
		for (int k = 0; k < (int)ARRAY_LEN(keys); k++)
			number(m, keys[k], &rows, 0, 5 + k);
	}
	store_rows_done(&rows);
	res = res < 0 ? res : run(m, &others, org, &rows);
	for (int k = 0; res == 0 && k < (int)ARRAY_LEN(more); k++)
		number(m, more[k], &rows, 0, k);
	store_rows_done(&rows);
	return res;
}

static int put_times(struct month *m, const char *org)
{
	static const char *const keys[] = { "", "found_to_judged", "judged_to_notice", "found_to_notice", "notice_to_ack" };
	static const char *const parts[] = { "n", "median", "p95", "max" };
	struct store_rows rows = { 0 };
	int res = run(m, &times, org, &rows);
	json_key(m->b, "times");
	buf_putc(m->b, '{');
	for (int i = 0; res == 0 && i < rows.n; i++) {
		json_key(m->b, keys[store_col_int(&rows, i, 0, 0) & 7]);
		buf_putc(m->b, '{');
		for (int k = 0; k < 4; k++)
			number(m, parts[k], &rows, i, 1 + k);
		buf_putc(m->b, '}');
	}
	buf_putc(m->b, '}');
	store_rows_done(&rows);
	return res;
}

static int put_days(struct month *m, const char *org)
{
	int64_t n[31] = { 0 };
	struct store_rows rows = { 0 };
	int res = run(m, &days, org, &rows), last = (int)((m->to - m->from) / DAY_MS);
	for (int i = 0; res == 0 && i < rows.n; i++) {
		int64_t d = store_col_int(&rows, i, 0, -1);
		if (d >= 0 && d < 31)
			n[d] = store_col_int(&rows, i, 1, 0);
	}
	store_rows_done(&rows);
	json_key(m->b, "days");
	buf_putc(m->b, '[');
	for (int d = 0; d < last; d++)
		buf_printf(m->b, "%s%lld", d ? "," : "", (long long)n[d]);
	buf_putc(m->b, ']');
	return res;
}

static int put_rules(struct month *m, const char *org)
{
	struct store_rows rows = { 0 };
	int res = run(m, &rules, org, &rows);
	json_key(m->b, "rules");
	buf_putc(m->b, '[');
	for (int i = 0; res == 0 && i < rows.n; i++) {
		buf_puts(m->b, i ? ",{" : "{");
		json_field_s(m->b, "rule", store_col(&rows, i, 0));
		json_field_s(m->b, "title", store_col(&rows, i, 1));
		json_field_s(m->b, "title_ja", store_col(&rows, i, 2));
		number(m, "incidents", &rows, i, 3);
		number(m, "findings", &rows, i, 4);
		buf_putc(m->b, '}');
	}
	buf_putc(m->b, ']');
	store_rows_done(&rows);
	return res;
}

static int put_list(struct month *m, const char *org)
{
	static const char *const texts[] = { "number", "state", "title", "title_ja", "terminal", "observable", "acked_by" };
	static const char *const numbers[] = { "created", "notified", "acked", "closed" };
	struct store_rows rows = { 0 };
	int res = run(m, &list, org, &rows);
	json_key(m->b, "list");
	buf_putc(m->b, '[');
	for (int i = 0; res == 0 && i < rows.n; i++) {
		buf_puts(m->b, i ? ",{" : "{");
		for (int k = 0; k < (int)ARRAY_LEN(texts); k++)
			if (store_col(&rows, i, k)[0])
				json_field_s(m->b, texts[k], store_col(&rows, i, k));
		number(m, "severity", &rows, i, 7);
		for (int k = 0; k < (int)ARRAY_LEN(numbers); k++)
			if (store_col_int(&rows, i, 8 + k, NO_TIME) != NO_TIME)
				number(m, numbers[k], &rows, i, 8 + k);
		buf_putc(m->b, '}');
	}
	buf_putc(m->b, ']');
	store_rows_done(&rows);
	return res;
}

static int put_part(struct month *m, const char *org)
{
	int res = put_counts(m, org);
	res = res < 0 ? res : put_times(m, org);
	res = res < 0 ? res : put_days(m, org);
	res = res < 0 ? res : put_rules(m, org);
	return res < 0 || !org[0] || !m->detail ? res : put_list(m, org);
}

/* The bodies this transaction may see: all of the description, or the one. */
static const struct store_sql seen = { "month_orgs", "SELECT code FROM org ORDER BY code" };

static int put_orgs(struct month *m)
{
	struct store_rows rows = { 0 };
	int res = store_run(m->r->store, &seen, NULL, &rows, m->err), n = 0;
	json_key(m->b, "orgs");
	buf_putc(m->b, '[');
	for (int i = 0; res == 0 && i < rows.n; i++) {
		const struct desk_org *o = desk_org(m->r->desk, store_col(&rows, i, 0));
		if (!o)
			continue;
		buf_puts(m->b, n++ ? ",{" : "{");
		json_field_s(m->b, "org", o->code);
		json_field_s(m->b, "name", o->name);
		json_field_s(m->b, "name_en", o->name_en);
		res = put_part(m, o->code);
		buf_putc(m->b, '}');
	}
	buf_putc(m->b, ']');
	store_rows_done(&rows);
	return res;
}

int month_format(struct respond *r, const char *month, bool detail, struct buf *b, struct err *err)
{
	struct month m = { .r = r, .b = b, .detail = detail, .err = err };
	int res = month_span(month, &m.from, &m.to, err);
	if (res < 0)
		return res;
	json_field_s(b, "month", month);
	json_field_u64(b, "from", (uint64_t)m.from);
	json_field_u64(b, "to", (uint64_t)m.to);
	json_key(b, "all");
	buf_putc(b, '{');
	res = put_part(&m, "");
	buf_putc(b, '}');
	return res < 0 ? res : put_orgs(&m);
}
