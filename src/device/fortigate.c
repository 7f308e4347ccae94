/* FortiGate (FortiOS log message reference): key=value pairs, values with blanks in quotes. type and subtype say what it is. The
 * original of action, and what no attribute holds, stay under `unmapped` by Fortinet's own names. */
#include "device/parsers.h"
#include "device/table.h"
#include "device/when.h"

#define BYTES "traffic.bytes_"
/* What the parser itself asks for; the first of the table's rows, in this order. */
enum { TYPE, SUBTYPE, ACTION, STATUS, DATE, TIME, TZ, EVENTTIME, LOGID, UI, URL, CFGPATH, WORDS };
static const struct table_row rows[] = {
	[TYPE] = { "type", NULL, AS_UNMAPPED },   [SUBTYPE] = { "subtype", NULL, AS_UNMAPPED }, [ACTION] = { "action", NULL, AS_UNMAPPED },
	[STATUS] = { "status", NULL, AS_UNMAPPED }, [DATE] = { "date", NULL, AS_NOTHING },      [TIME] = { "time", NULL, AS_NOTHING },
	[TZ] = { "tz", NULL, AS_NOTHING },        [EVENTTIME] = { "eventtime", NULL, AS_NOTHING }, [LOGID] = { "logid", NULL, AS_UNMAPPED },
	[UI] = { "ui", NULL, AS_UNMAPPED },       [URL] = { "url", NULL, AS_NOTHING },          [CFGPATH] = { "cfgpath", NULL, AS_UNMAPPED },
	{ "srcip", NULL, AS_SRC }, { "srcport", NULL, AS_SRC_PORT }, { "dstip", NULL, AS_DST }, { "dstport", NULL, AS_DST_PORT },
	{ "remip", NULL, AS_SRC }, { "srcintf", "src_endpoint.interface", AS_TEXT }, { "dstintf", "dst_endpoint.interface", AS_TEXT },
	{ "srcname", "src_endpoint.name", AS_TEXT }, { "proto", NULL, AS_PROTOCOL }, { "app", "connection_info.application", AS_TEXT },
	{ "policyid", "rule.uid", AS_TEXT }, { "policyname", "rule.name", AS_TEXT }, { "attackid", "rule.uid", AS_TEXT }, { "attack", "rule.name", AS_TEXT },
	{ "sentbyte", BYTES "out", AS_NUMBER }, { "rcvdbyte", BYTES "in", AS_NUMBER }, { "duration", "duration", AS_SECONDS },
	{ "hostname", "dst_endpoint.hostname", AS_TEXT }, { "agent", "http_request.user_agent", AS_TEXT },
	{ "httpmethod", "http_request.http_method", AS_TEXT }, { "referralurl", "http_request.referrer", AS_TEXT }, { "qname", "query.hostname", AS_TEXT },
	{ "qtype", "query.type", AS_TEXT }, { "user", "user.name", AS_TEXT }, { "virus", "malware.name", AS_TEXT }, { "msg", "message", AS_TEXT },
	{ "devname", "device.hostname", AS_TEXT }, { "reason", "status_detail", AS_TEXT }, { "group", "user.group", AS_TEXT }, { "filename", "file.name", AS_TEXT },
	{ "filesize", "file.size", AS_NUMBER }, { 0 },
};
static struct table table = { .rows = rows };

bool fortigate_looks(struct str text)
{
	return (str_starts(text, STR("date=")) || str_starts(text, STR("devname=")) || str_starts(text, STR("logver="))) && memmem(text.ptr, text.len, " type=", 6);
}

/* eventtime: seconds, or since FortiOS 6.2 nanoseconds; else date and time in the zone of tz, or the source's. */
static void put_time(const struct str w[WORDS], const struct device_line *l, struct record *r)
{
	char text[64];
	uint64_t n;
	int64_t ms;
	if (str_to_u64(w[EVENTTIME], UINT64_MAX, &n) && n) {
		record_time(r, (int64_t)(n > 100000000000000000ull ? n / 1000000 : n > 100000000000000ull ? n / 1000 : n > 100000000000ull ? n : n * 1000));
		return;
	}
	if (w[DATE].len + w[TIME].len + w[TZ].len + 2 > sizeof text || !w[DATE].len || !w[TIME].len)
		return;
	size_t at = 0;
	memcpy(text, w[DATE].ptr, w[DATE].len);
	at = w[DATE].len;
	text[at++] = 'T';
	memcpy(text + at, w[TIME].ptr, w[TIME].len);
	at += w[TIME].len;
	if (w[TZ].len)
		memcpy(text + at, w[TZ].ptr, w[TZ].len);
	at += w[TZ].len;
	struct str s = { text, at };
	if (when_iso(&s, l->zone_s, &ms) == 0)
		record_time(r, ms);
}

static bool denied(struct str action)
{
	static const struct table_word words[] = { { "deny", "" }, { "denied", "" }, { "blocked", "" }, { "block", "" }, { "dropped", "" }, { "reset", "" },
		                                   { "reset_client", "" }, { "reset_server", "" }, { "drop_session", "" }, { "clear_session", "" }, { 0 } };
	return table_word(words, action) != NULL;
}

/* As a proxy's rules ask for it; the scheme isn't told. */
static void put_url(struct record *r, struct str host, struct str path)
{
	char *to = record_keep(r, host.len + path.len);
	if (!to || !host.len)
		return;
	memcpy(to, host.ptr, host.len);
	memcpy(to + host.len, path.ptr, path.len);
	record_kept(r, host.len + path.len);
	record_text(r, "http_request.url.url_string", (struct str){ to, host.len + path.len });
}

static void utm(struct str w[WORDS], struct record *r)
{
	if (str_eq(w[SUBTYPE], STR("webfilter"))) {
		r->class_uid = 4002;
		const struct record_field *host = record_get(r, "dst_endpoint.hostname");
		struct str path;
		if (host)
			record_text(r, "http_request.url.hostname", host->text);
		if (str_next(&w[URL], '?', &path)) {
			record_text(r, "http_request.url.path", path);
			put_url(r, host ? host->text : STR(""), path);
		}
	} else if (str_eq(w[SUBTYPE], STR("dns"))) {
		r->class_uid = 4003;
	} else if (str_eq(w[SUBTYPE], STR("app-ctrl"))) {
		r->class_uid = 4001;
	} else if (str_eq(w[SUBTYPE], STR("ips")) || str_eq(w[SUBTYPE], STR("virus")) || str_eq(w[SUBTYPE], STR("anomaly"))) {
		r->class_uid = 2004;
		if (!record_get(r, "rule.uid"))
			record_text(r, "rule.uid", w[LOGID]);
	}
	if (r->class_uid)
		record_allowed(r, !denied(w[ACTION]));
}

static void event(const struct str w[WORDS], struct record *r)
{
	static const struct table_word logons[] = { { "login", "Logon" },          { "logout", "Logoff" },       { "ssl-login-fail", "Logon" },
		                                    { "authentication", "Logon" }, { "auth-logon", "Logon" },    { "auth-logout", "Logoff" },
		                                    { "FSSO-logon", "Logon" },     { "FSSO-logoff", "Logoff" },  { 0 } };
	static const struct table_word tunnels[] = { { "tunnel-up", "Open" }, { "tunnel-down", "Close" }, { "tunnel-stats", "Renew" }, { "phase2-up", "Open" }, { "phase2-down", "Close" }, { 0 } };
	const char *logon = table_word(logons, w[ACTION]), *tunnel = table_word(tunnels, w[ACTION]);
	if (w[CFGPATH].ptr) {
		const struct record_field *user = record_get(r, "user.name");
		r->class_uid = 5019;
		if (user)
			record_text(r, "actor.user", user->text);
	} else if (logon) {
		bool failed = str_case_eq(w[STATUS], STR("failed")) || str_case_eq(w[STATUS], STR("failure")) || str_case_eq(w[ACTION], STR("ssl-login-fail"));
		r->class_uid = 3002;
		record_word(r, "activity_name", logon);
		record_word(r, "status", failed ? "Failure" : "Success");
		if (str_eq(w[SUBTYPE], STR("vpn")))
			record_word(r, "service.name", "vpn");
		else
			record_text(r, "service.name", w[UI]);
	} else if (tunnel && str_eq(w[SUBTYPE], STR("vpn"))) {
		r->class_uid = 4014;
		record_word(r, "activity_name", tunnel);
	}
}

int fortigate_read(const struct device_line *l, struct record *r)
{
	struct str rest = l->text, key, value, w[WORDS] = { 0 };
	record_begin(r, "fortigate");
	while (kv_next(&rest, &key, &value)) {
		const struct table_row *row = table_row_of(&table, key);
		size_t i = row ? (size_t)(row - rows) : WORDS;
		if (i < WORDS && !w[i].ptr)
			w[i] = value;
		table_put_row(r, row, key, value);
	}
	if (!w[TYPE].len || !w[SUBTYPE].len)
		return -E_INVALID;
	put_time(w, l, r);
	if (str_eq(w[TYPE], STR("traffic"))) {
		r->class_uid = 4001;
		record_allowed(r, !denied(w[ACTION]));
	} else if (str_eq(w[TYPE], STR("utm"))) {
		utm(w, r);
	} else if (str_eq(w[TYPE], STR("event"))) {
		event(w, r);
	}
	return 0;
}
