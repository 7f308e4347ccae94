/* See edge.h. Stands in intaked between the files of the public sites' server and the segments. */
#include "normalise/edge.h"

#include "base/mem.h"

#include <stdlib.h>
#include <yyjson.h>

static yyjson_doc *parse(struct str line)
{
	if (line.len == 0 || line.len > EDGE_LINE)
		return NULL;
	yyjson_doc *doc = yyjson_read((char *)(uintptr_t)line.ptr, line.len, YYJSON_READ_ALLOW_INVALID_UNICODE);
	if (yyjson_is_obj(yyjson_doc_get_root(doc)))
		return doc;
	yyjson_doc_free(doc);
	return NULL;
}

static struct str text(yyjson_val *obj, const char *key)
{
	yyjson_val *v = yyjson_obj_get(obj, key);
	return yyjson_is_str(v) ? (struct str){ yyjson_get_str(v), yyjson_get_len(v) } : (struct str){ "", 0 };
}

static struct str cut(struct str s, size_t max)
{
	return s.len > max ? (struct str){ s.ptr, max } : s;
}

static void put_text(struct buf *b, const char *key, struct str s, size_t max)
{
	if (s.len && !str_eq(s, STR("-")))
		json_field(b, key, cut(s, max));
}

/* Numbers come as numbers or in quotes. */
static bool number(yyjson_val *obj, const char *key, uint64_t max, uint64_t *ret)
{
	yyjson_val *v = yyjson_obj_get(obj, key);
	if (yyjson_is_uint(v)) {
		*ret = yyjson_get_uint(v);
		return *ret <= max;
	}
	return yyjson_is_str(v) && str_to_u64(text(obj, key), max, ret);
}

/* Seconds with three decimals → milliseconds. */
static bool millis(struct str s, uint64_t *ret)
{
	struct str rest = s, whole;
	uint64_t sec, ms = 0;
	if (!str_next(&rest, '.', &whole) || !str_to_u64(whole, 1ull << 40, &sec))
		return false;
	if (rest.len == 3 && !str_to_u64(rest, 999, &ms))
		return false;
	*ret = sec * 1000 + ms;
	return true;
}

static void put_source(struct buf *b, struct str ip, yyjson_val *obj, const char *port_key)
{
	uint64_t port;
	uint8_t addr[16];
	json_key(b, "src_endpoint");
	buf_putc(b, '{');
	if (orgs_address(ip, addr))
		json_field(b, "ip", ip);
	if (number(obj, port_key, 65535, &port) && port)
		json_field_u64(b, "port", port);
	buf_putc(b, '}');
}

static void put_request(struct buf *b, struct str method, struct str uri, struct str agent, struct str referrer)
{
	struct str path, rest = uri;
	json_key(b, "http_request");
	buf_putc(b, '{');
	put_text(b, "http_method", method, 32);
	put_text(b, "user_agent", agent, 512);
	put_text(b, "referrer", referrer, 512);
	if (str_next(&rest, '?', &path) && path.len) {
		json_key(b, "url");
		buf_putc(b, '{');
		json_field(b, "path", cut(path, 2000));
		buf_putc(b, '}');
	}
	buf_putc(b, '}');
}

static const char *known(const struct orgs *orgs, struct str code)
{
	const struct orgs_one *o = code.len == 6 ? orgs_by_code(orgs, code) : NULL;
	return o ? o->code : ORGS_SERVICE;
}

/* ---- access ---- */

static void put_outcome(struct buf *b, yyjson_val *v, uint64_t status)
{
	bool asked = text(v, "ustatus").len && !str_eq(text(v, "ustatus"), STR("-")), kept = str_eq(text(v, "cache"), STR("HIT"));
	const char *rule = status == 421 || text(v, "site").len == 0 ? "unknown-site" :
	                   status == 429                             ? "limit" :
	                   status == 403 || status == 400            ? "waf" :
	                   status == 413                             ? "size" :
	                   str_eq(text(v, "cache"), STR("HELD"))     ? "crowd" : NULL; /* compile/edge.c, held() */
	if (asked || kept)
		rule = NULL; /* the origin's own word */
	json_field_s(b, "action", rule ? "Denied" : "Allowed");
	json_field_s(b, "disposition", rule ? "Blocked" : status == 408 || status == 499 ? "Reset" : status >= 500 ? "Error" : "Allowed");
	if (rule) {
		json_key(b, "rule");
		buf_putc(b, '{');
		json_field_s(b, "uid", rule);
		buf_putc(b, '}');
	}
}

static void put_sizes(struct buf *b, yyjson_val *v)
{
	uint64_t in = 0, out = 0, ms;
	number(v, "in", UINT64_MAX >> 1, &in);
	number(v, "out", UINT64_MAX >> 1, &out);
	json_key(b, "traffic");
	buf_putc(b, '{');
	json_field_u64(b, "bytes_in", in);
	json_field_u64(b, "bytes_out", out);
	buf_putc(b, '}');
	if (millis(text(v, "took"), &ms))
		json_field_u64(b, "duration", ms);
}

const char *edge_access_event(struct str line, const struct orgs *orgs, struct buf *b)
{
	yyjson_doc *doc = parse(line);
	yyjson_val *v = yyjson_doc_get_root(doc);
	uint64_t status, ms;
	if (!doc || !number(v, "status", 999, &status)) {
		yyjson_doc_free(doc);
		return NULL;
	}
	buf_puts(b, "{\"class_uid\":4002,\"product\":\"edge\"");
	if (millis(text(v, "t"), &ms))
		json_field_u64(b, "time", ms);
	put_text(b, "ref", text(v, "ref"), 64);
	put_text(b, "site", text(v, "site"), 253);
	put_source(b, text(v, "src"), v, "port");
	put_request(b, text(v, "method"), text(v, "uri"), text(v, "ua"), text(v, "referrer"));
	json_key(b, "http_response");
	buf_putc(b, '{');
	json_field_u64(b, "code", status);
	buf_putc(b, '}');
	put_sizes(b, v);
	put_text(b, "cache_status", text(v, "cache"), 32);
	put_outcome(b, v, status);
	buf_putc(b, '}');
	const char *org = known(orgs, text(v, "org"));
	yyjson_doc_free(doc);
	return org;
}

/* ---- WAF ---- */

/* 949, 959 and 980 add up what the others found; 901 and 905 set up. */
static bool decides(struct str id)
{
	return str_starts(id, STR("949")) || str_starts(id, STR("959")) || str_starts(id, STR("980")) || str_starts(id, STR("90"));
}

static struct str rule_id(yyjson_val *message)
{
	return text(yyjson_obj_get(message, "details"), "ruleId");
}

static void put_rules(struct buf *b, yyjson_val *messages, bool blocked)
{
	size_t i, n, told = 0;
	yyjson_val *m, *first = NULL;
	json_key(b, "waf");
	buf_putc(b, '{');
	json_field_s(b, "mode", blocked ? "block" : "detect");
	json_key(b, "rules");
	buf_putc(b, '[');
	yyjson_arr_foreach(messages, i, n, m) {
		struct str id = rule_id(m);
		if (id.len == 0 || decides(id) || told == EDGE_RULES)
			continue;
		first = first ? first : m;
		buf_puts(b, told++ ? "," : "");
		json_str(b, cut(id, 16));
	}
	buf_putc(b, ']');
	put_text(b, "data", text(yyjson_obj_get(first, "details"), "data"), EDGE_MATCH);
	buf_putc(b, '}');
	first = first ? first : yyjson_arr_get_first(messages);
	json_key(b, "rule");
	buf_putc(b, '{');
	put_text(b, "uid", rule_id(first), 16);
	put_text(b, "name", text(first, "message"), 200);
	buf_putc(b, '}');
}

/* Host names compare without case, port and the dot at the end (RFC 3986 section 3.2.2). */
static void put_site(struct buf *b, struct str host)
{
	char name[256];
	struct str rest = host, label;
	if (!str_next(&rest, ':', &label))
		return;
	while (label.len && label.ptr[label.len - 1] == '.')
		label.len--;
	if (label.len == 0 || !str_copy(label, name, sizeof name))
		return;
	for (char *c = name; *c; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
	json_field_s(b, "site", name);
}

static struct str header(yyjson_val *headers, const char *name)
{
	size_t i, n;
	yyjson_val *k, *v;
	yyjson_obj_foreach(headers, i, n, k, v)
		if (yyjson_is_str(v) && str_case_eq((struct str){ yyjson_get_str(k), yyjson_get_len(k) }, str_from(name)))
			return (struct str){ yyjson_get_str(v), yyjson_get_len(v) };
	return (struct str){ "", 0 };
}

const char *edge_waf_event(struct str line, const struct orgs *orgs, struct buf *b)
{
	yyjson_doc *doc = parse(line);
	yyjson_val *t = yyjson_obj_get(yyjson_doc_get_root(doc), "transaction"), *rq = yyjson_obj_get(t, "request");
	yyjson_val *messages = yyjson_obj_get(t, "messages"), *headers = yyjson_obj_get(rq, "headers");
	struct str id = text(t, "unique_id");
	uint64_t status = 0;
	if (!yyjson_is_obj(t) || !yyjson_is_arr(messages) || yyjson_arr_size(messages) == 0) {
		yyjson_doc_free(doc);
		return NULL;
	}
	number(yyjson_obj_get(t, "response"), "http_code", 999, &status);
	bool blocking = str_eq(text(yyjson_obj_get(t, "producer"), "secrules_engine"), STR("Enabled"));
	bool denied = blocking && (status == 403 || status == 400 || status == 413);
	buf_puts(b, "{\"class_uid\":4002,\"product\":\"waf\"");
	put_text(b, "ref", id.len > 7 ? (struct str){ id.ptr + 7, id.len - 7 } : id, 64);
	put_site(b, header(headers, "host"));
	put_source(b, text(t, "client_ip"), t, "client_port");
	put_request(b, text(rq, "method"), text(rq, "uri"), header(headers, "user-agent"), header(headers, "referer"));
	put_rules(b, messages, blocking);
	json_field_s(b, "action", denied ? "Denied" : "Allowed");
	json_field_s(b, "disposition", denied ? "Blocked" : "Allowed");
	buf_putc(b, '}');
	const char *org = known(orgs, id.len > 7 && id.ptr[6] == '-' ? (struct str){ id.ptr, 6 } : STR(""));
	yyjson_doc_free(doc);
	return org;
}
