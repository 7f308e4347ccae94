/* See schema.h. The table is the page in doc/interfaces, row by row. */
#include "normalise/schema.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdio.h>

enum kind { TEXT, NUMBER, BOOLEAN, OBJECT, HEX64, LIST };
struct row {
	uint32_t class_uid;
	bool required;
	enum kind kind;
	const char *path;
	const char *values; /* "Allowed|Denied"; NULL: any */
};

/* Of every class. Ours: put there by accept_event(), whatever came in. */
static const struct {
	struct row row;
	enum { SENDERS, OURS, OURS_IF_ABSENT } whose;
} common[] = {
	{ { 0, true, NUMBER, "class_uid", NULL }, SENDERS },
	{ { 0, true, NUMBER, "time", NULL }, OURS_IF_ABSENT },
	{ { 0, true, TEXT, "org", NULL }, OURS },
	{ { 0, true, TEXT, "product", NULL }, SENDERS },
	{ { 0, false, OBJECT, "device", NULL }, SENDERS },
	{ { 0, false, TEXT, "device.name", NULL }, SENDERS },
	{ { 0, false, TEXT, "device.ip", NULL }, SENDERS },
	{ { 0, false, TEXT, "device.hostname", NULL }, SENDERS },
	{ { 0, false, NUMBER, "severity_id", NULL }, SENDERS },
	{ { 0, false, OBJECT, "unmapped", NULL }, SENDERS },
	{ { 0, false, TEXT, "raw_data", NULL }, SENDERS },
	{ { 0, false, NUMBER, "ingest_time", NULL }, OURS },
	{ { 0, false, NUMBER, "clock_skew_ms", NULL }, OURS },
	{ { 0, false, OBJECT, "intake", NULL }, OURS },
};

static const struct row rows[] = { /* of one class */
	{ 0, false, TEXT, "message", NULL },
	{ 0, false, TEXT, "raw_data", NULL },
	{ 0, false, TEXT, "raw", NULL },
	{ 4002, false, TEXT, "ref", NULL },
	{ 4002, false, TEXT, "message", NULL },
	{ 4002, true, OBJECT, "src_endpoint", NULL },
	{ 4002, false, TEXT, "src_endpoint.ip", NULL },
	{ 4002, false, NUMBER, "src_endpoint.port", NULL },
	{ 4002, false, TEXT, "src_endpoint.name", NULL },
	{ 4002, false, TEXT, "src_endpoint.via", NULL },
	{ 4002, false, OBJECT, "dst_endpoint", NULL },
	{ 4002, false, TEXT, "dst_endpoint.hostname", NULL },
	{ 4002, false, TEXT, "dst_endpoint.ip", NULL },
	{ 4002, false, NUMBER, "dst_endpoint.port", NULL },
	{ 4002, false, OBJECT, "http_request", NULL },
	{ 4002, false, TEXT, "http_request.http_method", NULL },
	{ 4002, false, TEXT, "http_request.user_agent", NULL },
	{ 4002, false, TEXT, "http_request.referrer", NULL },
	{ 4002, false, OBJECT, "http_request.url", NULL },
	{ 4002, false, TEXT, "http_request.url.url_string", NULL },
	{ 4002, false, TEXT, "http_request.url.scheme", NULL },
	{ 4002, false, TEXT, "http_request.url.hostname", NULL },
	{ 4002, false, TEXT, "http_request.url.path", NULL },
	{ 4002, false, LIST, "http_request.url.categories", NULL },
	{ 4002, false, OBJECT, "http_response", NULL },
	{ 4002, false, NUMBER, "http_response.code", NULL },
	{ 4002, false, TEXT, "http_response.content_type", NULL },
	{ 4002, false, NUMBER, "http_response.length", NULL },
	{ 4002, false, OBJECT, "traffic", NULL },
	{ 4002, false, NUMBER, "traffic.bytes_in", NULL },
	{ 4002, false, NUMBER, "traffic.bytes_out", NULL },
	{ 4002, false, NUMBER, "duration", NULL },
	{ 4002, false, OBJECT, "tls", NULL },
	{ 4002, false, TEXT, "tls.version", NULL },
	{ 4002, false, TEXT, "tls.sni", NULL },
	{ 4002, false, TEXT, "tls.ja4", NULL },
	{ 4002, false, TEXT, "tls.proxy_ja4", NULL },
	{ 4002, false, TEXT, "user.name", NULL },
	{ 4002, false, BOOLEAN, "tls.intercepted", NULL },
	{ 4002, true, TEXT, "action", "Allowed|Denied" },
	{ 4002, true, TEXT, "disposition", "Allowed|Blocked|Reset|Error" },
	{ 4002, false, OBJECT, "rule", NULL },
	{ 4002, false, TEXT, "rule.uid", NULL },
	{ 4002, false, TEXT, "rule.name", NULL },
	{ 4002, false, TEXT, "site", NULL },
	{ 4002, false, TEXT, "cache_status", NULL },
	{ 4002, false, OBJECT, "waf", NULL },
	{ 4002, false, TEXT, "waf.mode", "block|detect" },
	{ 4002, false, LIST, "waf.rules", NULL },
	{ 4002, false, TEXT, "waf.data", NULL },
	{ 4002, false, OBJECT, "file", NULL },
	{ 4002, false, HEX64, "file.hash", NULL },
	{ 4002, false, TEXT, "file.type", NULL },
	{ 4002, false, TEXT, "file.path", NULL },
	{ 4002, false, NUMBER, "file.size", NULL },
	{ 4002, false, OBJECT, "file_result", NULL },
	{ 4002, false, HEX64, "file_result.hash", NULL },
	{ 4002, false, TEXT, "file_result.type", NULL },
	{ 4002, false, NUMBER, "file_result.size", NULL },
	{ 4002, false, TEXT, "verdict", "clean|malicious|unscannable|encrypted|error|skipped" },
	{ 4002, false, TEXT, "malware.name", NULL },
	{ 4001, true, OBJECT, "src_endpoint", NULL },
	{ 4001, false, TEXT, "src_endpoint.ip", NULL },
	{ 4001, false, NUMBER, "src_endpoint.port", NULL },
	{ 4001, false, TEXT, "src_endpoint.interface", NULL },
	{ 4001, true, OBJECT, "dst_endpoint", NULL },
	{ 4001, false, TEXT, "dst_endpoint.ip", NULL },
	{ 4001, false, NUMBER, "dst_endpoint.port", NULL },
	{ 4001, false, OBJECT, "connection_info", NULL },
	{ 4001, false, NUMBER, "connection_info.protocol_num", NULL },
	{ 4001, false, TEXT, "connection_info.direction", "Outbound|Inbound|Lateral" },
	{ 4001, false, TEXT, "action", "Allowed|Denied" }, /* not there: it tells of something beside the packet */
	{ 4001, false, TEXT, "rule.uid", NULL },
	{ 4003, true, OBJECT, "src_endpoint", NULL },
	{ 4003, false, TEXT, "src_endpoint.ip", NULL },
	{ 4003, false, NUMBER, "src_endpoint.port", NULL },
	{ 4003, false, OBJECT, "dst_endpoint", NULL },
	{ 4003, false, TEXT, "dst_endpoint.ip", NULL },
	{ 4003, false, NUMBER, "dst_endpoint.port", NULL },
	{ 4003, false, TEXT, "connection_info.protocol_name", "udp|tcp|dot|doh" },
	{ 4003, true, OBJECT, "query", NULL },
	{ 4003, false, TEXT, "query.hostname", NULL },
	{ 4003, false, TEXT, "query.type", NULL },
	{ 4003, false, TEXT, "query.zone", NULL },
	{ 4003, false, TEXT, "rcode", NULL },
	{ 4003, false, BOOLEAN, "truncated", NULL },
	{ 4003, false, LIST, "answers", NULL },
	{ 4003, false, NUMBER, "answers_untold", NULL },
	{ 4003, false, NUMBER, "traffic.bytes_in", NULL },
	{ 4003, false, NUMBER, "duration", NULL },
	{ 4003, false, NUMBER, "count", NULL },
	{ 4003, false, NUMBER, "untold", NULL },
	{ 4003, true, TEXT, "action", "Allowed|Denied" },
	{ 4003, true, TEXT, "disposition", "Allowed|Blocked|Dropped" },
	{ 4003, false, TEXT, "rule.uid", NULL },
	{ 3002, true, TEXT, "activity_name", "Logon|Logoff|Authentication Ticket|Service Ticket Request" },
	{ 3002, true, TEXT, "status", "Success|Failure|Other" },
	{ 3002, false, TEXT, "status_detail", NULL },
	{ 3002, false, TEXT, "user.name", NULL },
	{ 3002, false, TEXT, "user.domain", NULL },
	{ 3002, false, TEXT, "user.group", NULL },
	{ 3002, false, TEXT, "actor.user", NULL },
	{ 3002, false, TEXT, "src_endpoint.ip", NULL },
	{ 3002, false, NUMBER, "src_endpoint.port", NULL },
	{ 3002, false, TEXT, "src_endpoint.name", NULL },
	{ 3002, false, TEXT, "service.name", NULL },
	{ 3002, false, TEXT, "auth_protocol", NULL },
	{ 3002, false, TEXT, "logon_type", NULL },
	{ 3002, false, TEXT, "message", NULL },
	{ 3001, true, TEXT, "activity_name", "Create|Enable|Password Change|Password Reset|Disable|Delete|Lock|Unlock|Other" },
	{ 3001, true, TEXT, "user.name", NULL },
	{ 3001, false, TEXT, "actor.user", NULL },
	{ 3001, false, TEXT, "status", "Success|Failure" },
	{ 3006, true, TEXT, "activity_name", "Add User|Remove User" },
	{ 3006, true, TEXT, "group.name", NULL },
	{ 3006, false, TEXT, "user.name", NULL },
	{ 3006, false, TEXT, "actor.user", NULL },
	{ 1007, true, TEXT, "activity_name", "Launch|Terminate" },
	{ 1007, false, TEXT, "actor.user", NULL },
	{ 1007, false, TEXT, "process.file.path", NULL },
	{ 1007, false, TEXT, "process.cmd_line", NULL },
	{ 1008, true, TEXT, "activity_name", "Clear" },
	{ 4009, true, TEXT, "activity_name", "Send|Receive|Scan" },
	{ 4009, true, TEXT, "action", "Allowed|Denied" },
	{ 4009, false, TEXT, "email.from", NULL },
	{ 4009, false, TEXT, "email.to", NULL },
	{ 4009, false, TEXT, "email.uid", NULL },
	{ 4009, false, TEXT, "email.message_uid", NULL },
	{ 4009, false, NUMBER, "email.size", NULL },
	{ 4009, false, TEXT, "status_detail", NULL },
	{ 4014, true, TEXT, "activity_name", "Open|Close|Renew" },
	{ 4014, false, TEXT, "user.name", NULL },
	{ 4014, false, TEXT, "src_endpoint.ip", NULL },
	{ 5019, false, TEXT, "actor.user", NULL },
	{ 5019, false, TEXT, "api.operation", NULL },
	{ 5019, false, TEXT, "message", NULL },
	{ 6003, true, TEXT, "actor.user", NULL },
	{ 6003, true, TEXT, "api.operation", NULL },
	{ 6003, true, TEXT, "status", "Success|Failure" },
	{ 6003, false, TEXT, "message", NULL },
	{ 6003, false, HEX64, "file.hash", NULL }, /* of api.operation log.import.…: what was brought in */
	{ 6003, false, TEXT, "file.path", NULL },
	{ 6003, false, NUMBER, "file.size", NULL },
	{ 6003, false, TEXT, "incident.number", NULL }, /* of api.operation incident.stage: one line of its timeline */
	{ 6003, false, NUMBER, "incident.id", NULL },
	{ 6003, false, TEXT, "incident.stage", NULL },
	{ 6003, false, TEXT, "incident.values", NULL },
	{ 6003, false, NUMBER, "incident.severity", NULL },
	{ 6002, true, TEXT, "app.name", NULL },
	{ 6002, true, TEXT, "activity_name", "Start|Stop|Crash|Restart|Alarm" },
	{ 6002, false, TEXT, "message", NULL },
	{ 6002, false, TEXT, "action", "Allowed|Denied" }, /* of lookd: the visitor got it */
	{ 6002, false, TEXT, "status_detail", "replaced|removed|leads away|mocked|strange script|same" },
	{ 6002, false, OBJECT, "http_request", NULL },
	{ 6002, false, OBJECT, "http_request.url", NULL },
	{ 6002, false, TEXT, "http_request.url.url_string", NULL },
	{ 6002, false, TEXT, "http_request.url.hostname", NULL },
	{ 2004, true, TEXT, "product", "suricata|fortigate|paloalto|cef|leef" },
	{ 2004, true, TEXT, "src_endpoint.ip", NULL },
	{ 2004, false, NUMBER, "src_endpoint.port", NULL },
	{ 2004, true, TEXT, "dst_endpoint.ip", NULL },
	{ 2004, false, NUMBER, "dst_endpoint.port", NULL },
	{ 2004, false, TEXT, "dst_endpoint.hostname", NULL },
	{ 2004, false, OBJECT, "connection_info", NULL },
	{ 2004, false, TEXT, "connection_info.protocol_name", NULL },
	{ 2004, false, TEXT, "connection_info.application", NULL },
	{ 2004, false, TEXT, "connection_info.direction", "Outbound|Inbound|Lateral" },
	{ 2004, false, TEXT, "connection_info.community_uid", NULL },
	{ 2004, true, TEXT, "rule.uid", NULL },
	{ 2004, false, NUMBER, "rule.version", NULL },
	{ 2004, false, TEXT, "rule.name", NULL },
	{ 2004, false, TEXT, "rule.category", NULL },
	{ 2004, false, TEXT, "mode", "prevent|detect|trial" },
	{ 2004, false, NUMBER, "priority", NULL },
	{ 2004, true, TEXT, "action", "Allowed|Denied" },
	{ 2004, true, TEXT, "disposition", "Allowed|Blocked" },
	{ 2004, false, TEXT, "http_request.http_method", NULL },
	{ 2004, false, TEXT, "http_request.user_agent", NULL },
	{ 2004, false, TEXT, "http_request.url.hostname", NULL },
	{ 2004, false, TEXT, "http_request.url.path", NULL },
	{ 2004, false, NUMBER, "http_response.code", NULL },
	{ 2004, false, TEXT, "http_response.content_type", NULL },
};

static bool is_hex64(yyjson_val *v)
{
	unsigned char h[32];
	return yyjson_is_str(v) && hex_parse((struct str){ yyjson_get_str(v), yyjson_get_len(v) }, h, sizeof h);
}

static bool kind_ok(yyjson_val *v, enum kind k)
{
	switch (k) {
	case TEXT:
		return yyjson_is_str(v) && yyjson_get_len(v) > 0; /* unknown is absent, never "" */
	case NUMBER:
		return yyjson_is_int(v);
	case BOOLEAN:
		return yyjson_is_bool(v);
	case OBJECT:
		return yyjson_is_obj(v);
	case LIST:
		return yyjson_is_arr(v);
	case HEX64:
		return is_hex64(v);
	}
	return false;
}

static bool value_ok(yyjson_val *v, const char *values)
{
	struct str list = str_from(values), one, have = { yyjson_get_str(v), yyjson_get_len(v) };
	while (str_next(&list, '|', &one))
		if (str_eq(one, have))
			return true;
	return false;
}

static int row_check(const struct event *e, const struct row *row, struct err *err)
{
	yyjson_val *v = event_get(e, row->path);
	if (!v)
		return row->required ? err_set(err, E_INVALID, row->path, "is missing") : 0;
	if (!kind_ok(v, row->kind))
		return err_set(err, E_INVALID, row->path, "is of the wrong kind, or empty");
	if (row->values && !value_ok(v, row->values))
		return err_set(err, E_INVALID, row->path, "is none of %s", row->values);
	return 0;
}

static int check_common(const struct event *e, bool given, struct err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(common); i++) {
		bool ours = common[i].whose == OURS || (common[i].whose == OURS_IF_ABSENT && !event_get(e, common[i].row.path));
		if (!given || !ours)
			r = row_check(e, &common[i].row, err);
	}
	return r;
}

static int check(const struct event *e, bool given, struct err *err)
{
	uint64_t class_uid = yyjson_get_uint(yyjson_obj_get(e->root, "class_uid"));
	bool known = false;
	int r = check_common(e, given, err);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(rows); i++) {
		if (rows[i].class_uid != class_uid)
			continue;
		known = true;
		r = row_check(e, &rows[i], err);
	}
	if (r < 0)
		return r;
	return known ? 0 : err_set(err, E_INVALID, "class_uid", "%llu is none of ours", (unsigned long long)class_uid);
}

/* ---- the same in one pass ----
 *
 * Nearly all events are as they should be, and each row's path sought from the event's root again was an eighth of intaked's work. Here the
 * event is walked once, and each member asks for its rows. Who finds nothing wrong so is done; all others go through the rows one by one, which
 * says what is wrong and alone decides. */

#define NODES 1024u
#define CLASSES 32u
#define NODE_SLOTS 64u

struct node {
	struct str key;
	uint16_t next, child; /* of the same object, or slot; in it. 0: none */
	const struct row *rows[2];
	uint64_t required[2];
};
struct plan {
	uint64_t class_uid, required; /* bits of its required rows */
	uint16_t slots[NODE_SLOTS];   /* of the outermost object */
};
struct plans {
	struct node nodes[NODES];
	size_t n; /* of nodes; the first is none */
	struct plan list[CLASSES];
	size_t n_plans;
};

static size_t slot_of(struct str key)
{
	return key.len ? (key.len * 31 + (unsigned char)key.ptr[0] * 7u + (unsigned char)key.ptr[key.len - 1]) % NODE_SLOTS : 0;
}

static struct node *find_node(struct plans *all, uint16_t at, struct str key)
{
	while (at && !str_eq(all->nodes[at].key, key))
		at = all->nodes[at].next;
	return at ? &all->nodes[at] : NULL;
}

static struct node *make_node(struct plans *all, uint16_t *at, struct str key)
{
	struct node *n = find_node(all, *at, key);
	if (n)
		return n;
	if (all->n == NODES)
		bug("the schema has more members than %u", NODES);
	n = &all->nodes[all->n];
	*n = (struct node){ .key = key, .next = *at };
	*at = (uint16_t)all->n++;
	return n;
}

static void plan_row(struct plans *all, struct plan *p, const struct row *row, bool required, unsigned *bits)
{
	struct str path = str_from(row->path), key;
	struct node *n = NULL;
	for (uint16_t *at; str_next(&path, '.', &key);) {
		at = n ? &n->child : &p->slots[slot_of(key)];
		n = make_node(all, at, key);
	}
	size_t i = n->rows[0] ? 1 : 0;
	if (n->rows[i] || *bits == 64)
		bug("the schema says too much of %s", row->path);
	n->rows[i] = row;
	n->required[i] = required ? (uint64_t)1 << (*bits)++ : 0;
	p->required |= n->required[i];
}

static void plan_class(struct plans *all, uint64_t class_uid)
{
	struct plan *p = &all->list[all->n_plans++];
	unsigned bits = 0;
	*p = (struct plan){ .class_uid = class_uid };
	for (size_t i = 0; i < ARRAY_LEN(common); i++)
		if (common[i].whose != OURS)
			plan_row(all, p, &common[i].row, common[i].row.required && common[i].whose == SENDERS, &bits);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].class_uid == class_uid)
			plan_row(all, p, &rows[i], rows[i].required, &bits);
}

static struct plans plans = { .n = 1 };
static pthread_once_t planned = PTHREAD_ONCE_INIT;

static const struct plan *plan_of(uint64_t class_uid)
{
	for (size_t i = 0; i < plans.n_plans; i++)
		if (plans.list[i].class_uid == class_uid)
			return &plans.list[i];
	return NULL;
}

static void make_plans(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (plan_of(rows[i].class_uid))
			continue;
		if (plans.n_plans == CLASSES)
			bug("the schema has more classes than %u", CLASSES);
		plan_class(&plans, rows[i].class_uid);
	}
}

struct walk {
	const struct plan *plan;
	uint64_t found;            /* of the required ones */
	uint64_t seen[NODES / 64]; /* what stands there twice is left to the rows, which believe the first */
};

static bool node_ok(struct walk *w, const struct node *n, yyjson_val *v)
{
	size_t at = (size_t)(n - plans.nodes);
	if (w->seen[at / 64] >> at % 64 & 1)
		return false;
	w->seen[at / 64] |= (uint64_t)1 << at % 64;
	for (size_t i = 0; i < 2 && n->rows[i]; i++) {
		if (!kind_ok(v, n->rows[i]->kind) || (n->rows[i]->values && !value_ok(v, n->rows[i]->values)))
			return false;
		w->found |= n->required[i];
	}
	return true;
}

/* The members of an object in one that is on the plan; `first` of what may stand in it, NULL: it is the outermost. */
static bool members_ok(struct walk *w, const uint16_t *first, yyjson_val *object)
{
	yyjson_obj_iter it;
	yyjson_obj_iter_init(object, &it);
	for (yyjson_val *k; (k = yyjson_obj_iter_next(&it));) {
		struct str key = { yyjson_get_str(k), yyjson_get_len(k) };
		yyjson_val *v = yyjson_obj_iter_get_val(k);
		const struct node *n = find_node(&plans, first ? *first : w->plan->slots[slot_of(key)], key);
		if (n && !(node_ok(w, n, v) && (!n->child || !yyjson_is_obj(v) || members_ok(w, &n->child, v))))
			return false;
	}
	return true;
}

/* False: perhaps not. */
static bool surely_ok(const struct event *e, uint64_t class_uid)
{
	pthread_once(&planned, make_plans);
	struct walk w = { .plan = plan_of(class_uid) };
	return w.plan && members_ok(&w, NULL, e->root) && w.found == w.plan->required;
}

int schema_check(const struct event *e, struct err *err)
{
	return check(e, false, err);
}

int schema_check_given(const struct event *e, struct err *err)
{
	if (surely_ok(e, yyjson_get_uint(yyjson_obj_get(e->root, "class_uid"))))
		return 0;
	return check(e, true, err);
}

bool schema_is_ours(struct str key)
{
	for (size_t i = 0; i < ARRAY_LEN(common); i++)
		if (common[i].whose == OURS && key.len && *key.ptr == *common[i].row.path && str_eq(key, str_from(common[i].row.path)))
			return true;
	return false;
}
