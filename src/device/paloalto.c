/* PAN-OS (syslog field descriptions, PAN-OS 9.1 and later): values between commas, in an order that the fourth of them, the type, says. */
#include "device/parsers.h"
#include "device/table.h"
#include "device/when.h"

#define FIELDS 120

static const struct table_row rows[] = {
	{ "src", NULL, AS_SRC }, { "dst", NULL, AS_DST }, { "sport", NULL, AS_SRC_PORT }, { "dport", NULL, AS_DST_PORT }, { "rule", "rule.name", AS_TEXT },
	{ "srcuser", "user.name", AS_TEXT }, { "app", "connection_info.application", AS_TEXT }, { "inbound_if", "src_endpoint.interface", AS_TEXT },
	{ "outbound_if", "dst_endpoint.interface", AS_TEXT }, { "proto", NULL, AS_PROTOCOL }, { "bytes_sent", "traffic.bytes_out", AS_NUMBER },
	{ "bytes_received", "traffic.bytes_in", AS_NUMBER }, { "elapsed", "duration", AS_SECONDS }, { "user_agent", "http_request.user_agent", AS_TEXT },
	{ "referer", "http_request.referrer", AS_TEXT }, { "http_method", "http_request.http_method", AS_TEXT }, { "opaque", "message", AS_TEXT },
	{ "public_ip", NULL, AS_SRC }, { "machine_name", "src_endpoint.name", AS_TEXT }, { "admin", "actor.user", AS_TEXT }, { "host", NULL, AS_SRC },
	{ "error", "status_detail", AS_TEXT }, { "receive_time", NULL, AS_NOTHING }, { "time_generated", NULL, AS_NOTHING },
	{ "type", NULL, AS_NOTHING }, { "misc", NULL, AS_NOTHING }, { "cmd", "api.operation", AS_TEXT }, { 0 },
};
static struct table table = { .rows = rows };

#define HEAD "", "receive_time", "serial", "type", "subtype", "", "time_generated"
#define SESSION "src", "dst", "natsrc", "natdst", "rule", "srcuser", "dstuser", "app", "vsys", "from", "to", "inbound_if", "outbound_if", \
	"logset", "", "sessionid", "repeatcnt", "sport", "dport", "natsport", "natdport", "flags", "proto", "action"
static const char *const traffic[] = { HEAD, SESSION, "bytes", "bytes_sent", "bytes_received", "packets", "start", "elapsed", "category", "",
	"seqno", "actionflags", "srcloc", "dstloc", "", "pkts_sent", "pkts_received", "session_end_reason", NULL };
static const char *const threat[] = { HEAD, SESSION, "misc", "threatid", "category", "severity", "direction", "seqno", "actionflags", "srcloc", "dstloc", "",
	"contenttype", "pcap_id", "filedigest", "cloud", "url_idx", "user_agent", "filetype", "xff", "referer", "sender", "subject", "recipient", "reportid",
	"", "", "", "", "", "", "", "", "", "", "", "", "", "http_method", NULL };
static const char *const systems[] = { HEAD, "vsys", "eventid", "object", "", "", "module", "severity", "opaque", "seqno", NULL };
static const char *const config[] = { HEAD, "host", "vsys", "cmd", "admin", "client", "result", "path", NULL };
static const char *const globalprotect[] = { HEAD, "vsys", "eventid", "stage", "auth_method", "tunnel_type", "srcuser", "srcregion", "machine_name",
	"public_ip", "public_ipv6", "private_ip", "private_ipv6", "hostid", "serialnumber", "client_ver", "client_os", "client_os_ver", "repeatcnt",
	"reason", "error", "opaque", "status", "location", "login_duration", "connect_method", "error_code", "portal", NULL };

static const struct {
	const char *type;
	const char *const *names;
} types[] = { { "TRAFFIC", traffic }, { "THREAT", threat }, { "SYSTEM", systems }, { "CONFIG", config }, { "GLOBALPROTECT", globalprotect } };

bool paloalto_looks(struct str text)
{
	struct str rest = text, f;
	if (text.len < 20 || text.ptr[0] < '0' || text.ptr[0] > '9')
		return false;
	for (int i = 0; i < 4; i++)
		if (!csv_next(&rest, &f))
			return false;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (str_eq(f, str_from(types[i].type)))
			return true;
	return false;
}

static struct str field(const struct str *f, const char *const *names, const char *name)
{
	for (size_t i = 0; names[i]; i++)
		if (strcmp(names[i], name) == 0)
			return f[i];
	return (struct str){ "", 0 };
}

/* "EICAR Test File(39040)" → the number and the name */
static void threat_id(struct record *r, struct str id)
{
	const char *open = id.len ? memrchr(id.ptr, '(', id.len) : NULL;
	if (open && id.ptr[id.len - 1] == ')') {
		record_text(r, "rule.uid", (struct str){ open + 1, (size_t)(id.ptr + id.len - open) - 2 });
		record_text(r, "threat.name", (struct str){ id.ptr, (size_t)(open - id.ptr) });
	} else {
		record_text(r, "rule.uid", id);
	}
}

/* "host.example:443/path" or "host.example/path?query" */
static void web_address(struct record *r, struct str url)
{
	size_t n = 0;
	while (n < url.len && url.ptr[n] != '/' && url.ptr[n] != ':' && url.ptr[n] != '?')
		n++;
	record_text(r, "http_request.url.hostname", (struct str){ url.ptr, n });
	struct str rest = url, whole;
	if (str_next(&rest, '?', &whole)) /* no query string, as of our own proxy's */
		record_text(r, "http_request.url.url_string", whole);
	while (n < url.len && url.ptr[n] != '/' && url.ptr[n] != '?')
		n++;
	struct str path = { url.ptr + n, url.len - n }, before;
	if (str_next(&path, '?', &before))
		record_text(r, "http_request.url.path", before);
}

/* "… From: 203.0.113.9." */
static void from_address(struct record *r, struct str text)
{
	struct str s;
	if (!text_after(text, "From: ", " ", &s))
		return;
	while (s.len && (s.ptr[s.len - 1] == '.' || s.ptr[s.len - 1] == ','))
		s.len--;
	record_endpoint(r, "src_endpoint", s);
}

static void class_of(struct record *r, const struct str *f, const char *const *names)
{
	struct str action = field(f, names, "action"), subtype = f[4], status = field(f, names, "status"), event = field(f, names, "eventid");
	bool allowed = str_eq(action, STR("allow")) || str_eq(action, STR("alert")) || str_eq(action, STR("continue")) || str_eq(action, STR("override"));
	if (names == traffic) {
		r->class_uid = 4001;
		record_allowed(r, allowed);
	} else if (names == threat && str_eq(subtype, STR("url"))) {
		r->class_uid = 4002;
		web_address(r, field(f, names, "misc"));
		record_allowed(r, allowed);
	} else if (names == threat) {
		r->class_uid = 2004;
		record_text(r, "file.name", field(f, names, "misc"));
		threat_id(r, field(f, names, "threatid"));
		record_allowed(r, allowed);
	} else if (names == config) {
		r->class_uid = 5019;
	} else if (names == globalprotect) {
		bool up = str_eq(event, STR("gateway-connected")), down = str_eq(event, STR("gateway-logout"));
		r->class_uid = up || down ? 4014 : 3002;
		record_word(r, "activity_name", up ? "Open" : down ? "Close" : "Logon");
		record_word(r, "status", str_eq(status, STR("success")) ? "Success" : "Failure");
		record_word(r, "service.name", "vpn");
	} else if (names == systems && str_starts(event, STR("auth-"))) {
		r->class_uid = 3002;
		record_word(r, "activity_name", "Logon");
		record_word(r, "status", str_eq(event, STR("auth-success")) ? "Success" : "Failure");
		from_address(r, field(f, names, "opaque"));
		text_user(r, field(f, names, "opaque"));
	}
}

/* HIPMATCH, USERID, …: a type that no class of ours is for. */
static bool other_type(const struct str *f, size_t n)
{
	for (size_t i = 0; n > 6 && i < f[3].len; i++)
		if (f[3].ptr[i] < 'A' || f[3].ptr[i] > 'Z')
			return false;
	return n > 6 && f[3].len > 2;
}

int paloalto_read(const struct device_line *l, struct record *r)
{
	static const struct str none = { "", 0 };
	struct str f[FIELDS], rest = l->text, s;
	const char *const *names = NULL;
	size_t n = 0;
	int64_t ms;
	for (size_t i = 0; i < FIELDS; i++)
		f[i] = none;
	while (n < FIELDS && csv_next(&rest, &f[n]))
		n++;
	for (size_t i = 0; n > 6 && i < sizeof types / sizeof *types; i++)
		if (str_eq(f[3], str_from(types[i].type)))
			names = types[i].names;
	if (!names && !other_type(f, n))
		return -E_INVALID;
	record_begin(r, "paloalto");
	record_text(r, "log_name", f[3]);
	if (!names)
		record_text(r, "message", l->text);
	for (size_t i = 0; names && names[i] && i < n; i++)
		if (names[i][0])
			table_put(r, &table, str_from(names[i]), f[i]);
	s = f[6];
	if (when_iso(&s, l->zone_s, &ms) == 0)
		record_time(r, ms);
	if (names)
		class_of(r, f, names);
	return 0;
}
