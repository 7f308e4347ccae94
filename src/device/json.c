/* A JSON object of no format we know more of: its members under `unmapped` as they are; time, message and addresses where their usual
 * names stand at the top. And Windows events (windows.c), which are such an object. */
#include "device/parsers.h"
#include "device/table.h"
#include "device/when.h"

#include <yyjson.h>

#define TOP 160

static const struct table_row rows[] = {
	{ "message", "message", AS_TEXT }, { "msg", "message", AS_TEXT }, { "src_ip", NULL, AS_SRC }, { "source_ip", NULL, AS_SRC }, { "client_ip", NULL, AS_SRC },
	{ "src_port", NULL, AS_SRC_PORT }, { "dst_ip", NULL, AS_DST }, { "dest_ip", NULL, AS_DST }, { "destination_ip", NULL, AS_DST },
	{ "dst_port", NULL, AS_DST_PORT }, { "dest_port", NULL, AS_DST_PORT }, { "user", "user.name", AS_TEXT }, { "username", "user.name", AS_TEXT }, { 0 },
};
static struct table table = { .rows = rows };

bool json_looks(struct str text)
{
	return text.len > 1 && *text.ptr == '{' && text.ptr[text.len - 1] == '}';
}

static struct str text_of(yyjson_val *v)
{
	return yyjson_is_str(v) ? (struct str){ yyjson_get_str(v), yyjson_get_len(v) } : (struct str){ "", 0 };
}

static void put_time(const struct device_line *l, struct record *r, yyjson_val *root)
{
	static const char *const names[] = { "@timestamp", "timestamp", "time", "EventTime", "eventtime", "date", NULL };
	int64_t ms;
	for (const char *const *n = names; *n && !r->has_time; n++) {
		yyjson_val *v = yyjson_obj_get(root, *n);
		struct str s = text_of(v);
		if (s.len && when_iso(&s, l->zone_s, &ms) == 0)
			record_time(r, ms);
		else if (yyjson_is_num(v) && yyjson_get_num(v) > 1e9 && yyjson_get_num(v) < 1e13)
			record_time(r, (int64_t)(yyjson_get_num(v) < 1e11 ? yyjson_get_num(v) * 1000 : yyjson_get_num(v)));
	}
}

/* A value that isn't text is written anew, so that nothing but one JSON value can stand there. */
static void put_value(struct record *r, struct str key, yyjson_val *v)
{
	if (yyjson_is_str(v)) {
		table_put(r, &table, key, text_of(v));
		return;
	}
	if (yyjson_is_null(v))
		return;
	yyjson_alc alc;
	size_t n, room = RECORD_ROOM - r->used;
	char *to = record_keep(r, room);
	if (!to || !yyjson_alc_pool_init(&alc, to, room))
		return;
	char *text = yyjson_val_write_opts(v, YYJSON_WRITE_NOFLAG, &alc, &n, NULL);
	if (!text) {
		r->lost++;
		return;
	}
	memmove(to, text, n);
	record_kept(r, n);
	record_unmapped_json(r, key, (struct str){ to, n });
}

#define LINE_MAX_BYTES (128u * 1024) /* what no receiver lets past */

/* Bytes that aren't UTF-8 become U+FFFD: values are written out as they were read. */
static struct str clean(struct str s)
{
	static char room[3 * LINE_MAX_BYTES];
	size_t out = 0;
	if (str_is_utf8(s))
		return s;
	for (size_t i = 0; i < s.len;) {
		unsigned char c = (unsigned char)s.ptr[i];
		size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
		bool ok = n <= s.len - i && str_is_utf8((struct str){ s.ptr + i, n });
		memcpy(room + out, ok ? s.ptr + i : "\xef\xbf\xbd", ok ? n : 3);
		out += ok ? n : 3;
		i += ok ? n : 1;
	}
	return (struct str){ room, out };
}

/* The texts are the document's: it is kept until the next line. */
static yyjson_val *read_object(struct str line)
{
	static char room[1u << 20];
	yyjson_alc alc;
	if (line.len > LINE_MAX_BYTES)
		return NULL;
	struct str text = clean(line);
	yyjson_alc_pool_init(&alc, room, sizeof room);
	yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)text.ptr, text.len, YYJSON_READ_NOFLAG, &alc, NULL);
	yyjson_val *root = yyjson_doc_get_root(doc);
	return yyjson_is_obj(root) ? root : NULL;
}

int json_read(const struct device_line *l, struct record *r)
{
	yyjson_val *root = read_object(l->text), *key, *v;
	size_t i, n;
	if (!root)
		return -E_INVALID;
	record_begin(r, "json");
	put_time(l, r, root);
	yyjson_obj_foreach(root, i, n, key, v)
		put_value(r, text_of(key), v);
	return 0;
}

/* ---- Windows ---- */

#define AUDIT "Security"
#define SYSMON "Microsoft-Windows-Sysmon/Operational"
/* Microsoft, "Appendix L: Events to Monitor" and the pages of each event; Sysmon's manual. */
static const struct {
	const char *channel;
	unsigned id, class_uid;
	const char *activity, *status;
} known[] = {
	{ AUDIT, 4624, 3002, "Logon", "Success" },          { AUDIT, 4625, 3002, "Logon", "Failure" },         { AUDIT, 4634, 3002, "Logoff", "Success" },
	{ AUDIT, 4647, 3002, "Logoff", "Success" },         { AUDIT, 4648, 3002, "Logon", NULL },              { AUDIT, 4768, 3002, "Authentication Ticket", NULL },
	{ AUDIT, 4769, 3002, "Service Ticket Request", NULL }, { AUDIT, 4771, 3002, "Authentication Ticket", "Failure" }, { AUDIT, 4776, 3002, "Logon", NULL },
	{ AUDIT, 4778, 3002, "Logon", "Success" },          { AUDIT, 4720, 3001, "Create", "Success" },        { AUDIT, 4722, 3001, "Enable", "Success" },
	{ AUDIT, 4723, 3001, "Password Change", NULL },     { AUDIT, 4724, 3001, "Password Reset", NULL },     { AUDIT, 4725, 3001, "Disable", "Success" },
	{ AUDIT, 4726, 3001, "Delete", "Success" },         { AUDIT, 4738, 3001, "Other", "Success" },         { AUDIT, 4740, 3001, "Lock", "Success" },
	{ AUDIT, 4767, 3001, "Unlock", "Success" },         { AUDIT, 4728, 3006, "Add User", "Success" },      { AUDIT, 4732, 3006, "Add User", "Success" },
	{ AUDIT, 4756, 3006, "Add User", "Success" },       { AUDIT, 4729, 3006, "Remove User", "Success" },   { AUDIT, 4733, 3006, "Remove User", "Success" },
	{ AUDIT, 4757, 3006, "Remove User", "Success" },    { AUDIT, 4688, 1007, "Launch", NULL },             { AUDIT, 4689, 1007, "Terminate", NULL },
	{ SYSMON, 1, 1007, "Launch", NULL },                { SYSMON, 5, 1007, "Terminate", NULL },            { AUDIT, 1102, 1008, "Clear", NULL },
	{ "System", 104, 1008, "Clear", NULL },
};

static const struct table_row windows_rows[] = {
	{ "TargetUserName", "user.name", AS_TEXT }, { "TargetDomainName", "user.domain", AS_TEXT }, { "SubjectUserName", "actor.user", AS_TEXT },
	{ "IpAddress", NULL, AS_SRC }, { "IpPort", NULL, AS_SRC_PORT }, { "WorkstationName", "src_endpoint.name", AS_TEXT }, { "Workstation", "src_endpoint.name", AS_TEXT },
	{ "LogonType", "logon_type", AS_TEXT }, { "NewProcessName", "process.file.path", AS_TEXT }, { "Image", "process.file.path", AS_TEXT },
	{ "CommandLine", "process.cmd_line", AS_TEXT }, { "User", "actor.user", AS_TEXT }, { "ProcessName", "process.file.path", AS_TEXT }, { 0 },
};

bool windows_looks(struct str text)
{
	return json_looks(text) && ((text_has(text, "\"winlog\"") && text_has(text, "\"event_id\"")) || (text_has(text, "\"EventID\"") && text_has(text, "\"Channel\"")));
}

/* What a rule asks for by Windows' own name stays there as it is; attributes are put beside. */
static void windows_value(struct record *r, struct str key, yyjson_val *v)
{
	struct str text = text_of(v);
	if (yyjson_is_str(v))
		record_unmapped(r, key, text);
	else
		put_value(r, key, v);
	for (const struct table_row *row = windows_rows; row->key; row++)
		if (text.len && !str_eq(text, STR("-")) && str_eq(key, str_from(row->key))) {
			if (row->as == AS_SRC)
				record_endpoint(r, "src_endpoint", text);
			else if (row->as == AS_SRC_PORT)
				record_port(r, "src_endpoint", text);
			else
				record_text(r, row->path, text);
		}
}

static void put_number(struct record *r, struct str key, uint64_t n)
{
	char *to = record_keep(r, 24);
	if (!to)
		return;
	struct buf b;
	buf_init(&b, 24);
	buf_u64(&b, n);
	memcpy(to, b.ptr, b.len);
	record_kept(r, b.len);
	record_unmapped_json(r, key, (struct str){ to, b.len });
	buf_done(&b);
}

/* A Kerberos or NTLM answer says by its code whether it was a success. */
static const char *by_code(yyjson_val *data)
{
	struct str s = text_of(yyjson_obj_get(data, "Status"));
	uint64_t n;
	if (s.len == 0)
		s = text_of(yyjson_obj_get(data, "status"));
	if (s.len == 0)
		return "Success";
	return str_case_eq(s, STR("0x0")) || (str_to_u64(s, UINT64_MAX, &n) && n == 0) ? "Success" : "Failure";
}

static void classify(struct record *r, struct str channel, uint64_t id, yyjson_val *data)
{
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (known[i].id != id || !str_eq(channel, str_from(known[i].channel)))
			continue;
		r->class_uid = known[i].class_uid;
		record_word(r, "activity_name", known[i].activity);
		record_word(r, "status", known[i].status ? known[i].status : r->class_uid == 3002 || r->class_uid == 3001 ? by_code(data) : NULL);
		if (r->class_uid == 3006)
			record_text(r, "group.name", text_of(yyjson_obj_get(data, "TargetUserName")));
		return;
	}
}

static uint64_t number_of(yyjson_val *v)
{
	uint64_t n = yyjson_get_uint(v);
	if (yyjson_is_str(v))
		str_to_u64(text_of(v), UINT32_MAX, &n);
	return n;
}

static void put_data(struct record *r, yyjson_val *data)
{
	size_t i, n;
	yyjson_val *key, *v;
	if (!yyjson_is_obj(data))
		return;
	yyjson_obj_foreach(data, i, n, key, v)
		windows_value(r, text_of(key), v);
}

/* Winlogbeat, in ECS: winlog{channel,event_id,provider_name,computer_name,event_data{}}. */
static void winlogbeat(struct record *r, yyjson_val *root, yyjson_val *winlog)
{
	yyjson_val *data = yyjson_obj_get(winlog, "event_data");
	uint64_t id = number_of(yyjson_obj_get(winlog, "event_id"));
	struct str channel = text_of(yyjson_obj_get(winlog, "channel"));
	record_unmapped(r, STR("Channel"), channel);
	put_number(r, STR("EventID"), id);
	record_unmapped(r, STR("Provider_Name"), text_of(yyjson_obj_get(winlog, "provider_name")));
	record_unmapped(r, STR("Computer"), text_of(yyjson_obj_get(winlog, "computer_name")));
	record_text(r, "device.hostname", text_of(yyjson_obj_get(winlog, "computer_name")));
	put_data(r, data);
	put_data(r, yyjson_obj_get(winlog, "user_data"));
	record_text(r, "message", text_of(yyjson_obj_get(root, "message")));
	classify(r, channel, id, data);
}

/* NXLog's to_json(): the event's data beside its head. */
static void nxlog(struct record *r, yyjson_val *root)
{
	yyjson_val *key, *v;
	uint64_t id = number_of(yyjson_obj_get(root, "EventID"));
	struct str channel = text_of(yyjson_obj_get(root, "Channel"));
	size_t i, n;
	put_number(r, STR("EventID"), id);
	record_unmapped(r, STR("Provider_Name"), text_of(yyjson_obj_get(root, "SourceName")));
	record_unmapped(r, STR("Computer"), text_of(yyjson_obj_get(root, "Hostname")));
	record_text(r, "device.hostname", text_of(yyjson_obj_get(root, "Hostname")));
	record_text(r, "message", text_of(yyjson_obj_get(root, "Message")));
	yyjson_obj_foreach(root, i, n, key, v) {
		struct str k = text_of(key);
		if (!str_eq(k, STR("EventID")) && !str_eq(k, STR("Message")))
			windows_value(r, k, v);
	}
	classify(r, channel, id, root);
}

int windows_read(const struct device_line *l, struct record *r)
{
	yyjson_val *root = read_object(l->text), *winlog = yyjson_obj_get(root, "winlog");
	if (!root || (!yyjson_obj_get(winlog, "event_id") && !yyjson_obj_get(root, "EventID")))
		return -E_INVALID;
	record_begin(r, "windows");
	put_time(l, r, root);
	if (winlog)
		winlogbeat(r, root, winlog);
	else
		nxlog(r, root);
	return 0;
}
