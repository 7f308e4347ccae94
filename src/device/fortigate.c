/* FortiGate (FortiOS log message reference): key=value pairs, values with blanks in quotes. type and subtype say what it is. The
 * original of action, and what no attribute holds, stay under `unmapped` by Fortinet's own names. */
#include "device/parsers.h"
#include "device/table.h"
#include "device/when.h"

#define BYTES "traffic.bytes_"
static const struct table_row rows[] = {
	{ "srcip", NULL, AS_SRC }, { "srcport", NULL, AS_SRC_PORT }, { "dstip", NULL, AS_DST }, { "dstport", NULL, AS_DST_PORT },
	{ "remip", NULL, AS_SRC }, { "srcintf", "src_endpoint.interface", AS_TEXT }, { "dstintf", "dst_endpoint.interface", AS_TEXT },
	{ "srcname", "src_endpoint.name", AS_TEXT }, { "proto", NULL, AS_PROTOCOL }, { "app", "connection_info.application", AS_TEXT },
	{ "policyid", "rule.uid", AS_TEXT }, { "policyname", "rule.name", AS_TEXT }, { "attackid", "rule.uid", AS_TEXT }, { "attack", "rule.name", AS_TEXT },
	{ "sentbyte", BYTES "out", AS_NUMBER }, { "rcvdbyte", BYTES "in", AS_NUMBER }, { "duration", "duration", AS_SECONDS },
	{ "hostname", "dst_endpoint.hostname", AS_TEXT }, { "url", NULL, AS_NOTHING }, { "agent", "http_request.user_agent", AS_TEXT },
	{ "httpmethod", "http_request.http_method", AS_TEXT }, { "referralurl", "http_request.referrer", AS_TEXT }, { "qname", "query.hostname", AS_TEXT },
	{ "qtype", "query.type", AS_TEXT }, { "user", "user.name", AS_TEXT }, { "virus", "malware.name", AS_TEXT }, { "msg", "message", AS_TEXT },
	{ "devname", "device.hostname", AS_TEXT }, { "reason", "status_detail", AS_TEXT }, { "group", "user.group", AS_TEXT }, { "filename", "file.name", AS_TEXT },
	{ "filesize", "file.size", AS_NUMBER }, { "date", NULL, AS_NOTHING }, { "time", NULL, AS_NOTHING }, { "tz", NULL, AS_NOTHING },
	{ "eventtime", NULL, AS_NOTHING }, { 0 },
};

bool fortigate_looks(struct str text)
{
	return (str_starts(text, STR("date=")) || str_starts(text, STR("devname=")) || str_starts(text, STR("logver="))) && memmem(text.ptr, text.len, " type=", 6);
}

struct words {
	struct str type, subtype, action, status, date, time, tz, eventtime, logid, ui, url;
	bool config, threat;
};

static void note(struct words *w, struct str key, struct str value)
{
	const struct {
		const char *key;
		struct str *at;
	} wanted[] = { { "type", &w->type }, { "subtype", &w->subtype }, { "action", &w->action }, { "status", &w->status }, { "date", &w->date },
		       { "time", &w->time }, { "tz", &w->tz }, { "eventtime", &w->eventtime }, { "logid", &w->logid }, { "ui", &w->ui }, { "url", &w->url } };
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (!wanted[i].at->ptr && str_eq(key, str_from(wanted[i].key)))
			*wanted[i].at = value;
	w->config = w->config || str_eq(key, STR("cfgpath"));
}

/* eventtime: seconds, or since FortiOS 6.2 nanoseconds; else date and time in the zone of tz, or the source's. */
static void put_time(const struct words *w, const struct device_line *l, struct record *r)
{
	char text[64];
	uint64_t n;
	int64_t ms;
	if (str_to_u64(w->eventtime, UINT64_MAX, &n) && n) {
		record_time(r, (int64_t)(n > 100000000000000000ull ? n / 1000000 : n > 100000000000000ull ? n / 1000 : n > 100000000000ull ? n : n * 1000));
		return;
	}
	if (w->date.len + w->time.len + w->tz.len + 2 > sizeof text || !w->date.len || !w->time.len)
		return;
	size_t at = 0;
	memcpy(text, w->date.ptr, w->date.len);
	at = w->date.len;
	text[at++] = 'T';
	memcpy(text + at, w->time.ptr, w->time.len);
	at += w->time.len;
	if (w->tz.len)
		memcpy(text + at, w->tz.ptr, w->tz.len);
	at += w->tz.len;
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

static void utm(struct words *w, struct record *r)
{
	if (str_eq(w->subtype, STR("webfilter"))) {
		r->class_uid = 4002;
		const struct record_field *host = record_get(r, "dst_endpoint.hostname");
		struct str path;
		if (host)
			record_text(r, "http_request.url.hostname", host->text);
		if (str_next(&w->url, '?', &path)) {
			record_text(r, "http_request.url.path", path);
			put_url(r, host ? host->text : STR(""), path);
		}
	} else if (str_eq(w->subtype, STR("dns"))) {
		r->class_uid = 4003;
	} else if (str_eq(w->subtype, STR("app-ctrl"))) {
		r->class_uid = 4001;
	} else if (str_eq(w->subtype, STR("ips")) || str_eq(w->subtype, STR("virus")) || str_eq(w->subtype, STR("anomaly"))) {
		r->class_uid = 2004;
		if (!record_get(r, "rule.uid"))
			record_text(r, "rule.uid", w->logid);
	}
	if (r->class_uid)
		record_allowed(r, !denied(w->action));
}

static void event(const struct words *w, struct record *r)
{
	static const struct table_word logons[] = { { "login", "Logon" },          { "logout", "Logoff" },       { "ssl-login-fail", "Logon" },
		                                    { "authentication", "Logon" }, { "auth-logon", "Logon" },    { "auth-logout", "Logoff" },
		                                    { "FSSO-logon", "Logon" },     { "FSSO-logoff", "Logoff" },  { 0 } };
	static const struct table_word tunnels[] = { { "tunnel-up", "Open" }, { "tunnel-down", "Close" }, { "tunnel-stats", "Renew" }, { "phase2-up", "Open" }, { "phase2-down", "Close" }, { 0 } };
	const char *logon = table_word(logons, w->action), *tunnel = table_word(tunnels, w->action);
	if (w->config) {
		const struct record_field *user = record_get(r, "user.name");
		r->class_uid = 5019;
		if (user)
			record_text(r, "actor.user", user->text);
	} else if (logon) {
		bool failed = str_case_eq(w->status, STR("failed")) || str_case_eq(w->status, STR("failure")) || str_case_eq(w->action, STR("ssl-login-fail"));
		r->class_uid = 3002;
		record_word(r, "activity_name", logon);
		record_word(r, "status", failed ? "Failure" : "Success");
		if (str_eq(w->subtype, STR("vpn")))
			record_word(r, "service.name", "vpn");
		else
			record_text(r, "service.name", w->ui);
	} else if (tunnel && str_eq(w->subtype, STR("vpn"))) {
		r->class_uid = 4014;
		record_word(r, "activity_name", tunnel);
	}
}

int fortigate_read(const struct device_line *l, struct record *r)
{
	struct str rest = l->text, key, value;
	struct words w = { 0 };
	record_begin(r, "fortigate");
	while (kv_next(&rest, &key, &value)) {
		note(&w, key, value);
		table_put(r, rows, key, value);
	}
	if (!w.type.len || !w.subtype.len)
		return -E_INVALID;
	put_time(&w, l, r);
	if (str_eq(w.type, STR("traffic"))) {
		r->class_uid = 4001;
		record_allowed(r, !denied(w.action));
	} else if (str_eq(w.type, STR("utm"))) {
		utm(&w, r);
	} else if (str_eq(w.type, STR("event"))) {
		event(&w, r);
	}
	return 0;
}
