/* Sigma's log sources and field names -> our events; see fields.h. New kinds of events get their rows here. */
#include "detect/fields.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

struct field_row {
	const char *sigma, *path; /* path NULL: `why` says why it can't be had */
	const char *why;
	enum field_kind kind;     /* 0: FIELD_PATH */
};

#define HOST "http_request.url.hostname|dst_endpoint.hostname"
static const struct field_row proxy_fields[] = {
	{ .sigma = "c-uri", .path = "http_request.url.url_string" },
	{ .sigma = "cs-uri", .path = "http_request.url.url_string" },
	{ .sigma = "c-uri-stem", .path = "http_request.url.path" },
	{ .sigma = "cs-uri-stem", .path = "http_request.url.path" },
	{ .sigma = "c-uri-extension", .path = "http_request.url.path", .kind = FIELD_EXTENSION },
	{ .sigma = "cs-host", .path = HOST },
	{ .sigma = "r-dns", .path = HOST },
	{ .sigma = "c-useragent", .path = "http_request.user_agent" },
	{ .sigma = "cs-user-agent", .path = "http_request.user_agent" },
	{ .sigma = "cs-method", .path = "http_request.http_method" },
	{ .sigma = "cs-referrer", .path = "http_request.referrer" },
	{ .sigma = "cs-referer", .path = "http_request.referrer" },
	{ .sigma = "sc-status", .path = "http_response.code" },
	{ .sigma = "sc-bytes", .path = "traffic.bytes_in" },
	{ .sigma = "cs-bytes", .path = "traffic.bytes_out" },
	{ .sigma = "time-taken", .path = "duration" },
	{ .sigma = "c-ip", .path = "src_endpoint.ip" },
	{ .sigma = "src_ip", .path = "src_endpoint.ip" },
	{ .sigma = "src_port", .path = "src_endpoint.port" },
	{ .sigma = "dst_ip", .path = "dst_endpoint.ip" },
	{ .sigma = "dst_port", .path = "dst_endpoint.port" },
	{ .sigma = "c-uri-query", .why = "the proxy's events hold no query string" },
	{ .sigma = "cs-uri-query", .why = "the proxy's events hold no query string" },
	{ .sigma = "cs-cookie", .why = "the proxy's events hold no cookies" },
	{ .sigma = "cs-version", .why = "the proxy's events don't hold the protocol version" },
	{ 0 },
};
static const struct field_row antivirus_fields[] = {
	{ .sigma = "Signature", .path = "malware.name" },
	{ .sigma = "Filename", .path = "http_request.url.path" },
	{ .sigma = "Action", .path = "disposition" },
	{ 0 },
};
static const struct field_row firewall_fields[] = {
	{ .sigma = "src_ip", .path = "src_endpoint.ip" },
	{ .sigma = "src_port", .path = "src_endpoint.port" },
	{ .sigma = "dst_ip", .path = "dst_endpoint.ip" },
	{ .sigma = "dst_port", .path = "dst_endpoint.port" },
	{ .sigma = "username", .path = "user.name" }, /* a device's; our own packets carry none */
	{ 0 },
};

/* A body's own devices. Their own names stand under `unmapped`, where FIELD_DEVICE looks first; these are the ones that became attributes. */
static const struct field_row device_fields[] = {
	{ .sigma = "srcip", .path = "src_endpoint.ip" }, { .sigma = "remip", .path = "src_endpoint.ip" }, { .sigma = "srcport", .path = "src_endpoint.port" },
	{ .sigma = "dstip", .path = "dst_endpoint.ip" }, { .sigma = "dstport", .path = "dst_endpoint.port" }, { .sigma = "src_ip", .path = "src_endpoint.ip" },
	{ .sigma = "dst_ip", .path = "dst_endpoint.ip" }, { .sigma = "src_port", .path = "src_endpoint.port" }, { .sigma = "dst_port", .path = "dst_endpoint.port" },
	{ .sigma = "user", .path = "user.name" }, { .sigma = "username", .path = "user.name" }, { .sigma = "msg", .path = "message" },
	{ .sigma = "policyid", .path = "rule.uid" }, { .sigma = "devname", .path = "device.hostname" }, { .sigma = "app", .path = "connection_info.application" },
	{ .sigma = "hostname", .path = "dst_endpoint.hostname" }, { .sigma = "attack", .path = "rule.name" }, { .sigma = "attackid", .path = "rule.uid" },
	{ 0 },
};

static const struct field_row dns_fields[] = {
	{ .sigma = "query", .path = "query.hostname" },
	{ .sigma = "QueryName", .path = "query.hostname" },
	{ .sigma = "record_type", .path = "query.type" },
	{ .sigma = "answer", .path = "answers", .kind = FIELD_BELOW },
	{ .sigma = "src_ip", .path = "src_endpoint.ip" },
	{ .sigma = "src_port", .path = "src_endpoint.port" },
	{ .sigma = "dst_ip", .path = "dst_endpoint.ip" },
	{ .sigma = "dst_port", .path = "dst_endpoint.port" },
	{ 0 },
};

/* EVE's own names, as its users write them. */
static const struct field_row ips_fields[] = {
	{ .sigma = "src_ip", .path = "src_endpoint.ip" },
	{ .sigma = "src_port", .path = "src_endpoint.port" },
	{ .sigma = "dest_ip", .path = "dst_endpoint.ip" },
	{ .sigma = "dest_port", .path = "dst_endpoint.port" },
	{ .sigma = "dst_ip", .path = "dst_endpoint.ip" },
	{ .sigma = "dst_port", .path = "dst_endpoint.port" },
	{ .sigma = "proto", .path = "connection_info.protocol_name" },
	{ .sigma = "app_proto", .path = "connection_info.application" },
	{ .sigma = "alert.signature_id", .path = "rule.uid" },
	{ .sigma = "alert.signature", .path = "rule.name" },
	{ .sigma = "alert.category", .path = "rule.category" },
	{ .sigma = "alert.severity", .path = "priority" },
	{ .sigma = "http.hostname", .path = "http_request.url.hostname" },
	{ .sigma = "http.url", .path = "http_request.url.path" },
	{ .sigma = "http.http_user_agent", .path = "http_request.user_agent" },
	{ .sigma = "http.http_method", .path = "http_request.http_method" },
	{ .sigma = "http.status", .path = "http_response.code" },
	{ .sigma = "tls.sni", .path = "dst_endpoint.hostname" },
	{ 0 },
};

static const struct field_row web_fields[] = {
	{ .sigma = "c-ip", .path = "src_endpoint.ip" },
	{ .sigma = "src_ip", .path = "src_endpoint.ip" },
	{ .sigma = "src_port", .path = "src_endpoint.port" },
	{ .sigma = "cs-host", .path = "site" },
	{ .sigma = "cs-method", .path = "http_request.http_method" },
	{ .sigma = "cs-uri-stem", .path = "http_request.url.path" },
	{ .sigma = "cs-user-agent", .path = "http_request.user_agent" },
	{ .sigma = "cs-referer", .path = "http_request.referrer" },
	{ .sigma = "sc-status", .path = "http_response.code" },
	{ .sigma = "time-taken", .path = "duration" },
	{ .sigma = "cs-uri-query", .why = "the public sites' events hold no query string" },
	{ .sigma = "cs-cookie", .why = "the public sites' events hold no cookies" },
	{ 0 },
};

#define COMMON "class_uid", "time", "ingest_time", "org", "product"
static const char *const http_paths[] = { COMMON, "ref", "src_endpoint.ip", "src_endpoint.port", "src_endpoint.name",
	"src_endpoint.via", "dst_endpoint.hostname", "dst_endpoint.ip", "dst_endpoint.port", "http_request.http_method",
	"http_request.user_agent", "http_request.referrer", "http_request.url.url_string", "http_request.url.scheme",
	"http_request.url.hostname", "http_request.url.path", "http_response.code", "http_response.content_type",
	"http_response.length", "traffic.bytes_in", "traffic.bytes_out", "duration", "tls.version", "tls.sni", "tls.ja4", "tls.proxy_ja4", "user.name",
	"tls.intercepted", "action", "disposition", "rule.uid", "rule.name", "file.hash", "file.type", "file.path", "file.size",
	"verdict", "malware.name", NULL };
static const char *const web_paths[] = { COMMON, "ref", "site", "src_endpoint.ip", "src_endpoint.port", "http_request.http_method",
	"http_request.user_agent", "http_request.referrer", "http_request.url.path", "http_response.code", "traffic.bytes_in",
	"traffic.bytes_out", "duration", "cache_status", "action", "disposition", "rule.uid", "rule.name", "waf.mode", "waf.data", NULL };
static const char *const network_paths[] = { COMMON, "src_endpoint.ip", "src_endpoint.port", "src_endpoint.interface",
	"dst_endpoint.ip", "dst_endpoint.port", "connection_info.protocol_num", "connection_info.direction", "action",
	"rule.uid", NULL };
static const char *const dns_paths[] = { COMMON, "src_endpoint.ip", "src_endpoint.port", "dst_endpoint.ip", "dst_endpoint.port",
	"connection_info.protocol_name", "query.hostname", "query.type", "query.zone", "rcode", "truncated", "traffic.bytes_in",
	"duration", "count", "untold", "action", "disposition", "rule.uid", NULL };
static const char *const ips_paths[] = { COMMON, "src_endpoint.ip", "src_endpoint.port", "dst_endpoint.ip", "dst_endpoint.port",
	"dst_endpoint.hostname", "connection_info.protocol_name", "connection_info.application", "connection_info.direction",
	"connection_info.community_uid", "rule.uid", "rule.version", "rule.name", "rule.category", "mode", "priority", "action",
	"disposition", "http_request.http_method", "http_request.user_agent", "http_request.url.hostname", "http_request.url.path",
	"http_response.code", "http_response.content_type", NULL };
static const char *const api_paths[] = { COMMON, "actor.user", "api.operation", "status", "message", NULL };
static const char *const desk_paths[] = { COMMON, "activity_name", "user.name", "user.group", "src_endpoint.ip", "status", "status_detail", NULL };
static const char *const life_paths[] = { COMMON, "app.name", "activity_name", "message", "status_detail", "action",
	"http_request.url.hostname", NULL };
#define DEVICE COMMON, "device.name", "device.ip", "device.hostname", "severity_id", "message", "app.name", "log_name", "user.name", "actor.user", \
	"src_endpoint.ip", "src_endpoint.port", "src_endpoint.name", "status", "activity_name", "action"
static const char *const auth_paths[] = { DEVICE, "status_detail", "service.name", "auth_protocol", "logon_type", "user.domain", "user.group", NULL };
static const char *const account_paths[] = { DEVICE, "user.domain", "group.name", NULL };
static const char *const change_paths[] = { DEVICE, "api.operation", NULL };
static const char *const mail_paths[] = { DEVICE, "email.from", "email.to", "email.uid", "email.message_uid", "email.size", "email.relay", "email.dsn",
	"email.delivery", "email.spam_score", "email.symbols", "verdict_action", "status_detail", NULL };
static const struct field_row no_fields[] = { { 0 } };

struct logsource_row {
	const char *category, *product, *service;
	unsigned class_uid;
	const char *event_product; /* one of these, between "|"; NULL: any */
	bool device;               /* of a body's device; with class 0: of any class, and lines that had no parser too */
	const char *log_names;     /* device: its log_name is one of these, between "|"; NULL: any */
	bool malware;              /* only with a verdict that isn't clean */
	const struct field_row *fields;
	const char *const *paths;
	const char *channel;       /* Windows: the end or the whole of the channel's name; NULL: any */
	unsigned ids[4];           /* Windows: EventID; none: any */
};
#define SYSMON "Microsoft-Windows-Sysmon/Operational"
#define W(cat, ch, ...) { cat, "windows", "", .channel = ch, .ids = { __VA_ARGS__ } }
#define D(product, svc, of, names) { "", product, svc, .device = true, .event_product = of, .log_names = names, .fields = device_fields }
#define S(svc, ch) { "", "windows", svc, .channel = ch }

static const struct logsource_row rows[] = {
	{ "proxy", "", "", 4002, "proxyd|squid|fortigate|paloalto|cef|leef", .fields = proxy_fields, .paths = http_paths },
	{ "antivirus", "", "", 4002, "proxyd", .malware = true, .fields = antivirus_fields, .paths = http_paths },
	{ "webserver", "", "", 4002, "edge", .fields = web_fields, .paths = web_paths },
	{ "", "modsecurity", "", 4002, "waf", .fields = web_fields, .paths = web_paths },
	{ "firewall", "", "", 4001, "nft|fortigate|paloalto|asa|cef|leef", .fields = firewall_fields, .paths = network_paths },
	{ "dns", "", "", 4003, NULL, .fields = dns_fields, .paths = dns_paths },
	{ "", "suricata", "", 2004, "suricata", .fields = ips_fields, .paths = ips_paths },
	{ "", "toride", "api", 6003, NULL, .fields = no_fields, .paths = api_paths },
	{ "", "toride", "authentication", 3002, "authd", .fields = no_fields, .paths = desk_paths },
	{ "", "toride", "lifecycle", 6002, NULL, .fields = no_fields, .paths = life_paths },
	{ "", "toride", "logon", 3002, NULL, .fields = no_fields, .paths = auth_paths },
	{ "", "toride", "account", 3001, NULL, .fields = no_fields, .paths = account_paths },
	{ "", "toride", "group", 3006, NULL, .fields = no_fields, .paths = account_paths },
	{ "", "toride", "tunnel", 4014, NULL, .fields = no_fields, .paths = auth_paths },
	{ "", "toride", "config", 5019, NULL, .fields = no_fields, .paths = change_paths },
	{ "", "toride", "mail", 4009, NULL, .fields = no_fields, .paths = mail_paths },
	D("fortigate", "", "fortigate", NULL), D("fortigate", "event", "fortigate", NULL), D("fortinet", "", "fortigate", NULL), D("paloalto", "", "paloalto", NULL), D("cisco", "asa", "asa", NULL),
	D("squid", "", "squid", NULL), D("postfix", "", "postfix", NULL), D("rspamd", "", "rspamd", NULL),
	D("linux", "", "linux|postfix|rspamd", NULL), D("linux", "syslog", "linux|postfix|rspamd", NULL), D("linux", "sshd", "linux", "sshd"), D("linux", "auth", "linux", "sshd|sudo|auth"),
	D("linux", "sudo", "linux", "sudo"), D("linux", "cron", "linux", "cron"), D("linux", "clamav", "linux", "clamav"), D("linux", "vsftpd", "linux", "vsftpd"),
	{ "", "windows", "", .channel = NULL },
	/* Taxonomy appendix, "Windows Folder". */
	W("process_creation", SYSMON, 1), W("file_change", SYSMON, 2), W("network_connection", SYSMON, 3),
	W("sysmon_status", SYSMON, 4, 16), W("process_termination", SYSMON, 5), W("driver_load", SYSMON, 6),
	W("image_load", SYSMON, 7), W("create_remote_thread", SYSMON, 8), W("raw_access_thread", SYSMON, 9),
	W("process_access", SYSMON, 10), W("file_event", SYSMON, 11), W("registry_event", SYSMON, 12, 13, 14),
	W("registry_add", SYSMON, 12), W("registry_delete", SYSMON, 12), W("registry_set", SYSMON, 13),
	W("registry_rename", SYSMON, 14), W("create_stream_hash", SYSMON, 15), W("pipe_created", SYSMON, 17, 18),
	W("wmi_event", SYSMON, 19, 20, 21), W("dns_query", SYSMON, 22), W("file_delete", SYSMON, 23, 26),
	W("clipboard_capture", SYSMON, 24), W("process_tampering", SYSMON, 25), W("file_delete_detected", SYSMON, 26),
	W("file_block_executable", SYSMON, 27), W("file_block_shredding", SYSMON, 28),
	W("file_executable_detected", SYSMON, 29), W("sysmon_error", SYSMON, 255),
	W("ps_classic_start", "Windows PowerShell", 400), W("ps_classic_provider_start", "Windows PowerShell", 600),
	W("ps_classic_script", "Windows PowerShell", 800), W("ps_module", "PowerShell/Operational", 4103),
	W("ps_script", "PowerShell/Operational", 4104),
	S("application", "Application"), S("security", "Security"), S("system", "System"), S("sysmon", SYSMON),
	S("powershell", "PowerShell/Operational"), S("powershell-classic", "Windows PowerShell"),
	S("windefend", "Microsoft-Windows-Windows Defender/Operational"),
	S("taskscheduler", "Microsoft-Windows-TaskScheduler/Operational"),
	S("wmi", "Microsoft-Windows-WMI-Activity/Operational"), S("ntlm", "Microsoft-Windows-NTLM/Operational"),
	S("firewall-as", "Microsoft-Windows-Windows Firewall With Advanced Security/Firewall"),
	S("bits-client", "Microsoft-Windows-Bits-Client/Operational"), S("dns-server", "DNS Server"),
	S("dns-client", "Microsoft-Windows-DNS Client Events/Operational"),
	S("codeintegrity-operational", "Microsoft-Windows-CodeIntegrity/Operational"),
	S("driver-framework", "Microsoft-Windows-DriverFrameworks-UserMode/Operational"),
	S("applocker", "AppLocker/"), S("appxdeployment-server", "Microsoft-Windows-AppXDeploymentServer/Operational"),
	S("terminalservices-localsessionmanager", "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational"),
	S("openssh", "OpenSSH/Operational"), S("ldap", "Microsoft-Windows-LDAP-Client/Debug"),
	S("security-mitigations", "Microsoft-Windows-Security-Mitigations/"),
	S("msexchange-management", "MSExchange Management"), S("vhdmp", "Microsoft-Windows-VHDMP/Operational"),
};

static bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

bool logsource_resolve(struct logsource *s)
{
	s->row = NULL;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (is(rows[i].category, s->category) && is(rows[i].product, s->product) && is(rows[i].service, s->service))
			s->row = &rows[i];
	return s->row || !is(s->product, "toride");
}

static bool windows(const struct logsource *s)
{
	return is(s->product, "windows");
}

/* Windows' channels are told apart by none of both: one name for all of them. */
void logsource_needs(const struct logsource *s, struct logsource_need *ret)
{
	const char *const parts[] = { s->product, s->category, s->service };
	size_t n = 0;
	*ret = (struct logsource_need){ .products = "?" };
	if (windows(s)) {
		snprintf(ret->name, sizeof ret->name, "windows");
		ret->products = "windows";
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (*parts[i] && n < sizeof ret->name)
			n += (size_t)snprintf(ret->name + n, sizeof ret->name - n, "%s%s", n ? "/" : "", parts[i]);
	if (!s->row)
		return;
	ret->products = "";
	if (is(s->product, "toride") && (s->row->class_uid == 6002 || s->row->class_uid == 6003 || (s->row->event_product && is(s->row->event_product, "authd")))) /* the cloud's own */
		return;
	ret->class_uid = s->row->class_uid;
	ret->products = s->row->event_product ? s->row->event_product : "";
}

const char *field_resolve(const struct logsource *s, const char *field, struct field_path *ret)
{
	if (windows(s) || !s->row) {
		*ret = (struct field_path){ windows(s) ? FIELD_WINDOWS : FIELD_LOOSE, field };
		return NULL;
	}
	if (s->row->device) {
		*ret = (struct field_path){ FIELD_DEVICE, field };
		return NULL;
	}
	for (const struct field_row *f = s->row->fields; f->sigma; f++)
		if (is(f->sigma, field)) {
			*ret = (struct field_path){ f->kind ? f->kind : FIELD_PATH, f->path };
			return f->path ? NULL : f->why;
		}
	for (const char *const *p = s->row->paths; *p; p++)
		if (is(*p, field)) {
			*ret = (struct field_path){ FIELD_PATH, *p };
			return NULL;
		}
	return "this log source has no such field";
}

static struct str text_of(yyjson_val *v)
{
	return yyjson_is_str(v) ? (struct str){ yyjson_get_str(v), yyjson_get_len(v) } : (struct str){ "", 0 };
}

static yyjson_val *get(yyjson_val *o, struct str key)
{
	return yyjson_obj_getn(o, key.ptr, key.len);
}

static yyjson_val *get_path(yyjson_val *v, struct str path)
{
	struct str part;
	for (int i = 0; v && i < FIELD_PARTS && str_next(&path, '.', &part); i++)
		v = get(v, part);
	return path.len ? NULL : v;
}

/* "Threat Name" is ThreatName in rules (rules specification 2.1, "Field Usage"). */
static bool same_without_blanks(struct str key, const char *name)
{
	for (size_t i = 0; i < key.len; i++)
		if (key.ptr[i] != ' ' && key.ptr[i] != *name++)
			return false;
	return *name == 0;
}

static yyjson_val *windows_value(yyjson_val *root, const char *name)
{
	yyjson_val *event = get(root, STR("Event")), *unmapped, *v;
	if (!event && (unmapped = get(root, STR("unmapped"))) && (v = get(unmapped, str_from(name)))) /* a device's (device/json.c) */
		return v;
	if (!event)
		return get(root, str_from(name));
	yyjson_val *system = get(event, STR("System"));
	if (is(name, "Provider_Name"))
		return get_path(system, STR("Provider.#attributes.Name"));
	if ((v = get(get(event, STR("EventData")), str_from(name))) || (v = get(system, str_from(name))))
		return v;
	size_t i, n;
	yyjson_val *key, *user;
	yyjson_obj_foreach(get(event, STR("UserData")), i, n, key, user)
		if ((v = get(user, str_from(name))))
			return v;
	yyjson_obj_foreach(get(event, STR("EventData")), i, n, key, v)
		if (same_without_blanks(text_of(key), name))
			return v;
	return NULL;
}

/* The device's own name as it stands; else the attribute it became, or is. A line kept flat (offline) has it at the top. */
static yyjson_val *device_value(yyjson_val *root, const char *name)
{
	yyjson_val *v = get(get(root, STR("unmapped")), str_from(name));
	for (const struct field_row *f = device_fields; !v && f->sigma; f++)
		if (is(f->sigma, name))
			v = get_path(root, str_from(f->path));
	if (!v)
		v = get(root, str_from(name));
	return v ? v : get_path(root, str_from(name));
}

yyjson_val *field_value(yyjson_val *root, const struct field_path *f)
{
	if (f->kind == FIELD_DEVICE)
		return device_value(root, f->name);
	struct str paths = str_from(f->name), one;
	if (f->kind == FIELD_WINDOWS)
		return windows_value(root, f->name);
	yyjson_val *v = NULL;
	while (!v && str_next(&paths, '|', &one)) {
		v = f->kind == FIELD_LOOSE ? get(root, one) : NULL;
		if (!v)
			v = get_path(root, one);
	}
	return v;
}

void field_steps(const struct field_path *f, struct field_steps *ret)
{
	struct str paths = str_from(f->name), one, part;
	unsigned alternatives = 0;
	*ret = (struct field_steps){ .simple = f->kind == FIELD_PATH || f->kind == FIELD_EXTENSION || f->kind == FIELD_BELOW };
	while (ret->simple && str_next(&paths, '|', &one)) {
		if (alternatives++ == 1)
			ret->second = ret->n;
		while (ret->simple && str_next(&one, '.', &part)) {
			ret->simple = ret->n < ARRAY_LEN(ret->parts) && alternatives <= 2;
			if (ret->simple)
				ret->parts[ret->n++] = part;
		}
	}
	if (alternatives < 2)
		ret->second = ret->n;
}

static yyjson_val *walk(yyjson_val *v, const struct str *parts, unsigned n)
{
	for (unsigned i = 0; v && i < n; i++)
		v = get(v, parts[i]);
	return v;
}

yyjson_val *field_get(yyjson_val *root, const struct field_path *f, const struct field_steps *s)
{
	if (!s->simple)
		return field_value(root, f);
	yyjson_val *v = walk(root, s->parts, s->second);
	return v || s->second == s->n ? v : walk(root, s->parts + s->second, s->n - s->second);
}

struct str field_extension(struct str path)
{
	const char *slash = path.len ? memrchr(path.ptr, '/', path.len) : NULL;
	if (slash)
		path = (struct str){ slash + 1, path.len - (size_t)(slash + 1 - path.ptr) };
	const char *dot = path.len ? memrchr(path.ptr, '.', path.len) : NULL;
	return dot ? (struct str){ dot + 1, path.len - (size_t)(dot + 1 - path.ptr) } : (struct str){ "", 0 };
}

void event_origin(yyjson_val *root, struct event_origin *ret)
{
	*ret = (struct event_origin){ .class_uid = yyjson_get_uint(get(root, STR("class_uid"))) };
	ret->product = text_of(get(root, STR("product")));
	ret->device = get(root, STR("device")) != NULL;
	if (ret->device)
		ret->service = text_of(get(root, STR("log_name")));
	if (ret->class_uid && !(ret->device && str_eq(ret->product, STR("windows")))) {
		ret->verdict = text_of(get(root, STR("verdict")));
		return;
	}
	if (ret->device && !str_eq(ret->product, STR("windows")))
		return;
	ret->category = text_of(get(root, STR("category")));
	if (!ret->device)
		ret->service = text_of(get(root, STR("service")));
	yyjson_val *channel = field_value(root, &(struct field_path){ FIELD_WINDOWS, "Channel" });
	yyjson_val *id = field_value(root, &(struct field_path){ FIELD_WINDOWS, "EventID" });
	ret->channel = text_of(channel);
	ret->event_id = yyjson_get_uint(id);
	if (yyjson_is_str(id))
		str_to_u64(text_of(id), UINT32_MAX, &ret->event_id);
	ret->windows = channel && id;
}

static bool id_in(const struct logsource_row *r, uint64_t id)
{
	if (!r->ids[0])
		return true;
	for (size_t i = 0; i < ARRAY_LEN(r->ids) && r->ids[i]; i++)
		if (r->ids[i] == id)
			return true;
	return false;
}

/* Several channels share an ending ("PowerShell/Operational", "PowerShellCore/Operational") or a stem ("AppLocker/"). */
static bool channel_is(const char *want, struct str have)
{
	size_t n = strlen(want);
	if (want[n - 1] == '/')
		return have.len > n && memmem(have.ptr, have.len, want, n) != NULL;
	if (strcmp(want, "PowerShell/Operational") == 0)
		return str_eq(have, STR("Microsoft-Windows-PowerShell/Operational")) ||
		       str_eq(have, STR("PowerShellCore/Operational"));
	return str_eq(have, str_from(want));
}

static bool among(const char *list, struct str have)
{
	struct str rest = str_from(list), one;
	while (list && str_next(&rest, '|', &one))
		if (str_eq(one, have))
			return true;
	return !list;
}

static bool equal_or_open(const char *want, struct str have)
{
	return !*want || str_eq(have, str_from(want));
}

bool logsource_applies(const struct logsource *s, const struct event_origin *o)
{
	const struct logsource_row *r = s->row;
	if (r && r->class_uid)
		return r->class_uid == o->class_uid && among(r->event_product, o->product) &&
		       (!r->malware || str_eq(o->verdict, STR("malicious")) || str_eq(o->verdict, STR("unscannable")));
	if (r && r->device && o->device)
		return among(r->event_product, o->product) && among(r->log_names, o->service);
	if (windows(s))
		return o->windows && r && (!r->channel || channel_is(r->channel, o->channel)) && id_in(r, o->event_id);
	return !o->class_uid && !o->windows && !o->device && equal_or_open(s->category, o->category) &&
	       equal_or_open(s->product, o->product) && equal_or_open(s->service, o->service);
}

bool logsource_is_ours(const struct logsource *s)
{
	return s->row && s->row->class_uid;
}

bool logsource_same(const struct logsource *a, const struct logsource *b)
{
	if (a->row || b->row)
		return a->row == b->row;
	return is(a->category, b->category) && is(a->product, b->product) && is(a->service, b->service);
}
