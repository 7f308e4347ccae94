/* CEF (ArcSight Common Event Format, revision 25) and LEEF 1.0/2.0 (QRadar): a header between bars, then key=value. In CEF a value
 * ends where the next key begins, and "=" and "\" in it are escaped; in LEEF pairs stand between tabs, or what the header names. */
#include "device/parsers.h"
#include "device/table.h"
#include "device/when.h"

static const struct table_row rows[] = {
	{ "src", NULL, AS_SRC }, { "spt", NULL, AS_SRC_PORT }, { "dst", NULL, AS_DST }, { "dpt", NULL, AS_DST_PORT }, { "shost", "src_endpoint.hostname", AS_TEXT },
	{ "dhost", "dst_endpoint.hostname", AS_TEXT }, { "srcPort", NULL, AS_SRC_PORT }, { "dstPort", NULL, AS_DST_PORT }, { "proto", NULL, AS_PROTOCOL },
	{ "app", "connection_info.application", AS_TEXT }, { "suser", "actor.user", AS_TEXT }, { "duser", "user.name", AS_TEXT }, { "usrName", "user.name", AS_TEXT },
	{ "msg", "message", AS_TEXT }, { "request", "http_request.url.url_string", AS_TEXT }, { "url", "http_request.url.url_string", AS_TEXT },
	{ "requestMethod", "http_request.http_method", AS_TEXT }, { "requestClientApplication", "http_request.user_agent", AS_TEXT }, { "in", "traffic.bytes_in", AS_NUMBER },
	{ "out", "traffic.bytes_out", AS_NUMBER }, { "srcBytes", "traffic.bytes_out", AS_NUMBER }, { "dstBytes", "traffic.bytes_in", AS_NUMBER },
	{ "deviceInboundInterface", "src_endpoint.interface", AS_TEXT }, { "deviceOutboundInterface", "dst_endpoint.interface", AS_TEXT },
	{ "fname", "file.name", AS_TEXT }, { "reason", "status_detail", AS_TEXT }, { "dvchost", "device.hostname", AS_TEXT }, { "rt", NULL, AS_NOTHING },
	{ "devTime", NULL, AS_NOTHING }, { 0 },
};
static struct table table = { .rows = rows };

bool cef_looks(struct str text)
{
	return str_starts(text, STR("CEF:"));
}

bool leef_looks(struct str text)
{
	return str_starts(text, STR("LEEF:"));
}

/* A field of the header; "\|" is a bar in it. False at the line's end. */
static bool bar(struct str *s, struct str *ret)
{
	size_t i = 0;
	while (i < s->len && s->ptr[i] != '|')
		i += s->ptr[i] == '\\' && i + 1 < s->len ? 2 : 1;
	if (i >= s->len)
		return false;
	*ret = (struct str){ s->ptr, i };
	*s = (struct str){ s->ptr + i + 1, s->len - i - 1 };
	return true;
}

static struct str unescape(struct record *r, struct str s)
{
	if (s.len == 0 || !memchr(s.ptr, '\\', s.len))
		return s;
	char *to = record_keep(r, s.len);
	size_t n = 0;
	for (size_t i = 0; to && i < s.len; i++) {
		char c = s.ptr[i];
		if (c == '\\' && i + 1 < s.len) {
			c = s.ptr[++i];
			c = c == 'n' ? '\n' : c == 'r' ? '\r' : c;
		}
		to[n++] = c;
	}
	if (!to)
		return s;
	record_kept(r, n);
	return (struct str){ to, n };
}

static bool key_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '-';
}

/* The pair at the front: the value goes up to the blank before the next " KEY=". */
static bool cef_next(struct str *s, struct str *key, struct str *value)
{
	size_t n = 0, end;
	*s = str_trim(*s);
	while (n < s->len && key_char(s->ptr[n]))
		n++;
	if (n == 0 || n == s->len || s->ptr[n] != '=')
		return false;
	*key = (struct str){ s->ptr, n };
	size_t from = n + 1, blank = 0;
	for (end = from; end < s->len; end++) {
		if (s->ptr[end] == '\\' && end + 1 < s->len) {
			end++;
		} else if (s->ptr[end] == ' ') {
			blank = end;
		} else if (s->ptr[end] == '=' && blank) {
			size_t k = blank + 1;
			while (k < end && key_char(s->ptr[k]))
				k++;
			if (k == end && end > blank + 1) {
				end = blank;
				break;
			}
		}
	}
	end = end > s->len ? s->len : end;
	*value = (struct str){ s->ptr + from, end - from };
	*s = (struct str){ s->ptr + end, s->len - end };
	return true;
}

static void put_time(struct record *r, const struct device_line *l, struct str value)
{
	uint64_t ms;
	int64_t t;
	struct str s = value;
	if (str_to_u64(value, 1ull << 50, &ms))
		record_time(r, (int64_t)ms);
	else if (when_bsd(&s, l->zone_s, l->now_ms, &t) == 0 || when_iso(&s, l->zone_s, &t) == 0)
		record_time(r, t);
}

/* What it tells of: an authentication, a signature's alert, traffic; else nothing of ours. */
static void class_of(struct record *r, struct str category, struct str name, struct str act)
{
	static const struct table_word refused[] = { { "deny", "" }, { "denied", "" }, { "block", "" }, { "blocked", "" }, { "drop", "" }, { "dropped", "" },
		                                     { "reject", "" }, { "rejected", "" }, { "reset", "" }, { 0 } };
	bool ends = record_get(r, "src_endpoint.ip") && record_get(r, "dst_endpoint.ip");
	bool logon = text_has(category, "uthentication") || text_has(name, "ogin") || text_has(name, "ogon");
	bool failed = text_has(name, "ail") || text_has(name, "nvalid") || text_has(name, "enied");
	if (logon && record_get(r, "user.name")) {
		r->class_uid = 3002;
		record_word(r, "activity_name", "Logon");
		record_word(r, "status", failed || table_word(refused, act) ? "Failure" : "Success");
	} else if (act.len && record_get(r, "http_request.url.url_string")) {
		r->class_uid = 4002;
		record_allowed(r, !table_word(refused, act));
	} else if (act.len && ends) {
		r->class_uid = 4001;
		record_allowed(r, !table_word(refused, act));
	}
}

static void header(struct record *r, struct str vendor, struct str product, struct str version, struct str id, struct str name)
{
	record_text(r, "device.vendor_name", unescape(r, vendor));
	record_text(r, "device.product", unescape(r, product));
	record_text(r, "device.version", unescape(r, version));
	record_text(r, "rule.uid", unescape(r, id));
	record_text(r, "rule.name", unescape(r, name));
}

int cef_read(const struct device_line *l, struct record *r)
{
	struct str s = l->text, v, f[6], key, value, act = { "", 0 }, category = { "", 0 };
	const char *at = s.len ? memmem(s.ptr, s.len, "CEF:", 4) : NULL;
	if (!at)
		return -E_INVALID;
	s = (struct str){ at, s.len - (size_t)(at - s.ptr) };
	if (!bar(&s, &v))
		return -E_INVALID;
	for (int i = 0; i < 6; i++)
		if (!bar(&s, &f[i]))
			return -E_INVALID;
	record_begin(r, "cef");
	header(r, f[0], f[1], f[2], f[3], f[4]);
	record_unmapped(r, STR("severity"), f[5]);
	while (cef_next(&s, &key, &value)) {
		value = unescape(r, str_trim(value));
		if (str_eq(key, STR("rt")))
			put_time(r, l, value);
		if (str_eq(key, STR("act")))
			act = value;
		if (str_eq(key, STR("cat")))
			category = value;
		table_put(r, &table, key, value);
	}
	class_of(r, category, f[4], act);
	return 0;
}

/* LEEF:2.0|…|^| names what stands between the pairs: a letter, or "x09". */
static char delimiter(struct str text)
{
	unsigned char c;
	if (text.len == 1)
		return *text.ptr;
	if (str_case_starts(text, STR("0x")))
		text = (struct str){ text.ptr + 2, text.len - 2 };
	else if (str_case_starts(text, STR("x")))
		text = (struct str){ text.ptr + 1, text.len - 1 };
	return text.len == 2 && hex_parse(text, &c, 1) && c ? (char)c : '\t';
}

int leef_read(const struct device_line *l, struct record *r)
{
	struct str s = l->text, v, f[4], mark, pair, key, act = { "", 0 }, category = { "", 0 };
	char between = '\t';
	const char *at = s.len ? memmem(s.ptr, s.len, "LEEF:", 5) : NULL;
	if (!at)
		return -E_INVALID;
	s = (struct str){ at, s.len - (size_t)(at - s.ptr) };
	if (!bar(&s, &v))
		return -E_INVALID;
	for (int i = 0; i < 4; i++)
		if (!bar(&s, &f[i]))
			return -E_INVALID;
	if (str_starts(v, STR("LEEF:2")) && bar(&s, &mark))
		between = delimiter(mark);
	record_begin(r, "leef");
	header(r, f[0], f[1], f[2], f[3], STR(""));
	while (str_next(&s, between, &pair)) {
		if (!str_next(&pair, '=', &key) || !pair.ptr)
			continue;
		struct str value = str_trim(pair);
		if (str_eq(key, STR("devTime")))
			put_time(r, l, value);
		if (str_eq(key, STR("action")))
			act = value;
		if (str_eq(key, STR("cat")))
			category = value;
		table_put(r, &table, key, value);
	}
	class_of(r, category, f[3], act);
	return 0;
}
