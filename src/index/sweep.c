/* See sweep.h. The condition stands here twice: as a query of the index, made of the same tree a person's is, and as a look at one
 * event. index_test.c holds both to the same cases. */
#include "index/sweep.h"

#include "base/mem.h"
#include "index/query.h"
#include "index/search.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const type_names[] = { "hostname", "ip", "url", "hash", "mail", "terminal" };

bool sweep_type_parse(struct str name, enum sweep_type *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(type_names); i++)
		if (str_eq(name, str_from(type_names[i]))) {
			*ret = (enum sweep_type)i;
			return true;
		}
	return false;
}

static void fold(char *s)
{
	for (; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s | 0x20);
}

static bool only(const char *s, const char *signs)
{
	return *s && strspn(s, signs) == strlen(s);
}

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyz"

/* What would end a quoted text of the query, or isn't one line. */
static bool quotable(const char *s)
{
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == '"' || *p == 0x7f)
			return false;
	return *s && str_is_utf8(str_from(s));
}

int sweep_check(struct sweep *s, struct err *err)
{
	bool ok;
	if (s->type == SWEEP_HOSTNAME || s->type == SWEEP_HASH)
		fold(s->value);
	if (s->type == SWEEP_URL) /* no record keeps what stands behind the question mark */
		s->value[strcspn(s->value, "?#")] = 0;
	switch (s->type) {
	case SWEEP_HOSTNAME: ok = only(s->value, LETTERS DIGITS "-_.") && s->value[0] != '.'; break;
	case SWEEP_HASH: ok = strlen(s->value) == 64 && only(s->value, "abcdef" DIGITS); break;
	case SWEEP_IP:
	case SWEEP_TERMINAL: ok = only(s->value, "abcdefABCDEF" DIGITS ".:/"); break;
	default: ok = quotable(s->value); break;
	}
	if (!ok)
		return err_set(err, E_INVALID, "value", "not a %s", type_names[s->type]);
	if (s->org[0] && !segment_org_ok(s->org))
		return err_set(err, E_INVALID, "org", "not a body's code of six digits");
	return s->from_ms < s->to_ms ? 0 : err_set(err, E_INVALID, "from", "not before the end");
}

/* ---- by the index ---- */

static void query_text(const struct sweep *s, char *dst, size_t size)
{
	const char *v = s->value;
	switch (s->type) {
	case SWEEP_HOSTNAME: snprintf(dst, size, "class:http,network,email (host:\"%s\" or host:*.%s)", v, v); break;
	case SWEEP_IP: snprintf(dst, size, "class:http,network,email dst:%s", v); break;
	case SWEEP_URL: snprintf(dst, size, "class:http url:\"%s\"", v); break;
	case SWEEP_HASH: snprintf(dst, size, "class:http,email hash:\"%s\"", v); break;
	case SWEEP_MAIL: snprintf(dst, size, "class:email \"%s\"", v); break;
	case SWEEP_TERMINAL: snprintf(dst, size, "class:http,network src:%s", v); break;
	}
}

/* " FROM … WHERE …" of what counts. */
static int where(const struct sweep *s, struct buf *b, struct err *err)
{
	static _Thread_local struct query q;
	char text[2 * sizeof s->value + 64];
	query_text(s, text, sizeof text);
	if (query_parse(str_from(text), &q, err) < 0)
		return err_set(err, E_INVALID, "value", "not a %s", type_names[s->type]);
	buf_printf(b, " FROM toride.events WHERE time >= fromUnixTimestamp64Milli(%lld) AND time < fromUnixTimestamp64Milli(%lld) AND ",
	           (long long)s->from_ms, (long long)s->to_ms);
	if (s->org[0])
		buf_printf(b, "org = '%s' AND ", s->org); /* six digits: sweep_check() */
	query_sql(q.root, b);
	return 0;
}

#define ENDING " FORMAT JSONCompactEachRow SETTINGS max_execution_time = 60, max_memory_usage = %u, output_format_json_quote_64bit_integers = 0"

int sweep_names_sql(const struct sweep *s, struct buf *b, struct err *err)
{
	buf_puts(b, "SELECT lower(host) AS h");
	int r = where(s, b, err);
	buf_printf(b, " AND host != '' GROUP BY h ORDER BY count() DESC, h LIMIT %d" ENDING, SWEEP_NAMES, SEARCH_MEMORY);
	return r < 0 ? r : b->failed ? err_set(err, E_LIMIT, "value", "too long") : 0;
}

int sweep_sql(const struct sweep *s, struct buf *b, struct err *err)
{
	buf_printf(b, "SELECT org, %s AS t,", s->type == SWEEP_MAIL ? "`user`" : "if(src = toIPv6('::'), `user`, replaceOne(IPv6NumToString(src), '::ffff:', ''))");
	buf_puts(b, " countIf(action != 'Denied' AND disposition != 'Blocked'), countIf(action = 'Denied' OR disposition = 'Blocked'),"
	            " toUnixTimestamp64Milli(min(time)), toUnixTimestamp64Milli(max(time)),"
	            " argMin(concat(org, '/', series, '/', leftPad(toString(segment), 6, '0'), '/', toString(idx)), (time, segment, idx))");
	int r = where(s, b, err);
	buf_puts(b, s->type == SWEEP_MAIL ? " AND `user` != ''" : "");
	buf_printf(b, " GROUP BY org, t ORDER BY count() DESC, org, t LIMIT %d" ENDING, SWEEP_HITS + 1, SEARCH_MEMORY);
	return r < 0 ? r : b->failed ? err_set(err, E_LIMIT, "value", "too long") : 0;
}

void sweep_hit_format(const struct sweep_hit *h, struct buf *b)
{
	buf_putc(b, '{');
	json_field_s(b, "org", h->org);
	json_field_s(b, "terminal", h->terminal);
	json_field_u64(b, "passed", h->passed);
	json_field_u64(b, "refused", h->refused);
	json_field_u64(b, "first", (uint64_t)h->first);
	json_field_u64(b, "last", (uint64_t)h->last);
	json_field_s(b, "record", h->record);
	buf_putc(b, '}');
}

static bool read_row(struct str line, struct sweep_hit *h)
{
	yyjson_doc *doc = yyjson_read(line.ptr, line.len, 0);
	yyjson_val *row = yyjson_doc_get_root(doc), *t[3] = { yyjson_arr_get(row, 0), yyjson_arr_get(row, 1), yyjson_arr_get(row, 6) };
	*h = (struct sweep_hit){ .passed = yyjson_get_uint(yyjson_arr_get(row, 2)), .refused = yyjson_get_uint(yyjson_arr_get(row, 3)),
		           .first = (int64_t)yyjson_get_uint(yyjson_arr_get(row, 4)), .last = (int64_t)yyjson_get_uint(yyjson_arr_get(row, 5)) };
	bool ok = yyjson_is_str(t[0]) && yyjson_is_str(t[1]) && yyjson_is_str(t[2]);
	if (ok) {
		snprintf(h->org, sizeof h->org, "%s", yyjson_get_str(t[0]));
		snprintf(h->terminal, sizeof h->terminal, "%s", yyjson_get_str(t[1]));
		snprintf(h->record, sizeof h->record, "%s", yyjson_get_str(t[2]));
	}
	yyjson_doc_free(doc);
	return ok;
}

static int put_names(struct client *c, const struct sweep *s, struct buf *fields, struct err *err)
{
	struct buf sql, answer;
	size_t n = 0;
	buf_init(&sql, 64 * KIB);
	buf_init(&answer, MIB);
	int r = sweep_names_sql(s, &sql, err);
	r = r < 0 ? r : client_query(c, buf_view(&sql), &answer, err);
	struct str lines = buf_view(&answer), line;
	buf_puts(fields, ",\"names\":[");
	while (r == 0 && str_next(&lines, '\n', &line)) {
		yyjson_doc *doc = line.len ? yyjson_read(line.ptr, line.len, 0) : NULL;
		yyjson_val *v = yyjson_arr_get_first(yyjson_doc_get_root(doc));
		if (yyjson_is_str(v)) {
			buf_puts(fields, n++ ? "," : "");
			json_str(fields, str_from(yyjson_get_str(v)));
		}
		yyjson_doc_free(doc);
	}
	buf_putc(fields, ']');
	buf_done(&answer);
	buf_done(&sql);
	return r;
}

int sweep_index(struct client *c, const struct sweep *s, struct buf *fields, struct err *err)
{
	struct buf sql, answer;
	struct sweep_hit h;
	size_t n = 0;
	buf_init(&sql, 64 * KIB);
	buf_init(&answer, 4 * MIB);
	int r = sweep_sql(s, &sql, err);
	if (r == 0)
		r = client_query(c, buf_view(&sql), &answer, err);
	struct str lines = buf_view(&answer), line;
	if (r == 0)
		buf_puts(fields, ",\"source\":\"index\",\"hits\":["); /* the answer's head stands before it */
	while (r == 0 && str_next(&lines, '\n', &line)) {
		if (line.len == 0 || n++ >= SWEEP_HITS)
			continue;
		if (!read_row(line, &h)) {
			r = err_set(err, E_CORRUPT, "index", "its answer can't be read");
			break;
		}
		buf_puts(fields, n > 1 ? "," : "");
		sweep_hit_format(&h, fields);
	}
	buf_putc(fields, ']');
	json_field_bool(fields, "more", n > SWEEP_HITS);
	if (r == 0 && s->type == SWEEP_IP)
		r = put_names(c, s, fields, err);
	buf_done(&answer);
	buf_done(&sql);
	return r;
}

/* ---- by an event ---- */

static struct str first_of(const struct event *e, const char *const *paths)
{
	for (; *paths; paths++) {
		struct str s = event_str(e, *paths);
		if (s.len)
			return s;
	}
	return STR("");
}

static bool in_prefix(struct str address, const char *prefix)
{
	char text[64], base[64];
	unsigned char a[16], p[16];
	const char *slash = strchr(prefix, '/');
	if (!str_copy(address, text, sizeof text) || !str_copy((struct str){ prefix, slash ? (size_t)(slash - prefix) : strlen(prefix) }, base, sizeof base))
		return false;
	int family = strchr(base, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(family, text, a) != 1 || inet_pton(family, base, p) != 1)
		return false;
	unsigned bits = family == AF_INET ? 32 : 128;
	if (slash) {
		unsigned long n = strtoul(slash + 1, NULL, 10);
		bits = n < bits ? (unsigned)n : bits;
	}
	for (unsigned i = 0; i < bits; i++)
		if ((a[i / 8] ^ p[i / 8]) & (0x80 >> i % 8))
			return false;
	return true;
}

static bool is_at_or_below(struct str host, struct str name)
{
	return str_case_ends(host, name) && (host.len == name.len || host.ptr[host.len - name.len - 1] == '.');
}

/* Anywhere in a value of the record, small and capital letters alike. */
static bool holds(yyjson_val *v, const char *words)
{
	size_t i, n;
	yyjson_val *k, *e;
	if (yyjson_is_str(v))
		return strcasestr(yyjson_get_str(v), words);
	if (yyjson_is_arr(v))
		yyjson_arr_foreach(v, i, n, e)
			if (holds(e, words))
				return true;
	if (yyjson_is_obj(v))
		yyjson_obj_foreach(v, i, n, k, e)
			if (holds(e, words))
				return true;
	return false;
}

static bool of_class(const struct sweep *s, uint64_t class_uid)
{
	switch (s->type) {
	case SWEEP_URL: return class_uid == 4002;
	case SWEEP_HASH: return class_uid == 4002 || class_uid == 4009;
	case SWEEP_MAIL: return class_uid == 4009;
	case SWEEP_TERMINAL: return class_uid == 4002 || class_uid == 4001;
	default: return class_uid == 4002 || class_uid == 4001 || class_uid == 4009;
	}
}

struct str sweep_host(const struct event *e)
{
	static const char *const host[] = { "http_request.url.hostname", "query.hostname", "dst_endpoint.hostname", "tls.sni", NULL };
	return first_of(e, host);
}

static bool meets(const struct sweep *s, const struct event *e)
{
	struct str v = str_from(s->value);
	switch (s->type) {
	case SWEEP_HOSTNAME: return is_at_or_below(sweep_host(e), v);
	case SWEEP_IP: return in_prefix(event_str(e, "dst_endpoint.ip"), s->value);
	case SWEEP_URL: return str_case_eq(event_str(e, "http_request.url.url_string"), v);
	case SWEEP_HASH: return str_case_eq(event_str(e, "file.hash"), v);
	case SWEEP_MAIL: return holds(e->root, s->value);
	case SWEEP_TERMINAL: return in_prefix(event_str(e, "src_endpoint.ip"), s->value);
	}
	return false;
}

bool sweep_matches(const struct sweep *s, const struct event *e, bool *ret_refused, struct str *ret_terminal)
{
	static const char *const terminal[] = { "src_endpoint.ip", "actor.user", NULL }, *const mailbox[] = { "email.to", "user.name", "actor.user", NULL };
	if (!of_class(s, yyjson_get_uint(event_get(e, "class_uid"))) || !meets(s, e))
		return false;
	int64_t t = (int64_t)yyjson_get_uint(event_get(e, "time"));
	if (t < s->from_ms || t >= s->to_ms)
		return false;
	*ret_refused = str_eq(event_str(e, "action"), STR("Denied")) || str_eq(event_str(e, "disposition"), STR("Blocked"));
	*ret_terminal = first_of(e, s->type == SWEEP_MAIL ? mailbox : terminal);
	return s->type != SWEEP_MAIL || ret_terminal->len; /* that a mail came is told once it is known to whom */
}
