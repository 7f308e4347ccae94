/* See eve.h. */
#include "normalise/eve.h"

#include "base/clock.h"
#include "base/mem.h"
#include "ips/leg.h"
#include "ips/mirror.h"

#include <stdio.h>
#include <yyjson.h>

#define TEXT_CUT 512 /* bytes of a text that is kept */

static struct str text(yyjson_val *o, const char *key)
{
	yyjson_val *v = yyjson_obj_get(o, key);
	struct str s = { yyjson_is_str(v) ? yyjson_get_str(v) : NULL, yyjson_is_str(v) ? yyjson_get_len(v) : 0 };
	if (s.len <= TEXT_CUT)
		return s;
	s.len = TEXT_CUT;
	while (s.len && ((unsigned char)s.ptr[s.len] & 0xc0) == 0x80) /* not in the middle of a character */
		s.len--;
	return s;
}

static uint64_t number(yyjson_val *o, const char *key)
{
	return yyjson_get_uint(yyjson_obj_get(o, key));
}

static void put(struct buf *b, const char *key, struct str s)
{
	if (s.len)
		json_field(b, key, s);
}

/* "2026-11-28T22:00:06.780123+0900": RFC 3339 but for the colon in its offset. */
static int64_t time_of(struct str s, int64_t otherwise)
{
	char copy[48];
	int64_t ms;
	if (s.len < 25 || s.len > 40)
		return otherwise;
	snprintf(copy, sizeof copy, "%.*s:%.2s", (int)s.len - 2, s.ptr, s.ptr + s.len - 2);
	return clock_parse(copy, strlen(copy), &ms) == 0 && ms > 0 ? ms : otherwise;
}

/* ---- between whom */

struct ends {
	struct str src, dst;
	uint64_t src_port, dst_port;
	const struct orgs_one *from, *to; /* whose address it is; NULL: nobody's */
};

/* What one object tells of both ends. False: not two addresses. */
static bool read_pair(yyjson_val *from, const struct orgs *o, struct ends *e)
{
	uint8_t src[16], dst[16];
	*e = (struct ends){ text(from, "src_ip"), text(from, "dest_ip"), number(from, "src_port"), number(from, "dest_port"), NULL, NULL };
	int src_family = orgs_address(e->src, src), dst_family = orgs_address(e->dst, dst);
	if (!src_family || !dst_family)
		return false;
	e->from = orgs_by_address(o, src_family, src);
	e->to = orgs_by_address(o, dst_family, dst);
	return true;
}

/* What the proxy decrypted comes by its own cable: the terminal is the source, whose it is the VLAN says. */
static void read_mirror(yyjson_val *root, const struct orgs *o, struct ends *e)
{
	yyjson_val *vlan = yyjson_arr_get_first(yyjson_obj_get(root, "vlan"));
	if (!str_eq(text(root, "in_iface"), STR(MIRROR_INNER)))
		return;
	e->from = orgs_by_index(o, (uint32_t)yyjson_get_uint(vlan));
	e->to = NULL;
}

/* What the public sites' server asks an origin: the origin's place says whose it is (on the leg alone; the same address may be
 * somebody's elsewhere), and the server itself has written for whom it asks. */
static void read_leg(yyjson_val *root, const struct orgs *o, struct ends *e)
{
	struct str in = text(root, "in_iface"), visitor = text(yyjson_obj_get(root, "alert"), "xff"), origin;
	uint8_t dst[16], who[16];
	const struct orgs_one *one = NULL;
	int family = orgs_address(e->dst, dst);
	bool leg = str_eq(in, STR(LEG_INNER)) || str_eq(in, STR(LEG_PORT));
	if (leg)
		one = orgs_by_leg(o, family, dst, &origin);
	if (!one && leg && (one = orgs_by_leg(o, orgs_address(e->src, dst), dst, &origin))) {
		e->from = one; /* a packet by itself, on its way back */
		e->to = NULL;
		e->src = origin;
		return;
	}
	if (!one)
		return;
	e->from = NULL;
	e->to = one;
	e->dst = origin;
	if (orgs_address(visitor, who)) {
		e->src = visitor;
		e->src_port = 0; /* the server's own says nothing */
	}
}

/* "flow" tells who opened the connection; a packet without one tells where it came from. */
static bool read_ends(yyjson_val *root, const struct orgs *o, struct ends *e)
{
	if (!read_pair(yyjson_obj_get(root, "flow"), o, e) && !read_pair(root, o, e))
		return false;
	read_mirror(root, o, e);
	read_leg(root, o, e);
	return true;
}

static void put_end(struct buf *b, const char *key, struct str ip, uint64_t port, struct str host)
{
	json_key(b, key);
	buf_putc(b, '{');
	json_field(b, "ip", ip);
	if (port && port < 65536)
		json_field_u64(b, "port", port);
	put(b, "hostname", host);
	buf_putc(b, '}');
}

static void put_connection(struct buf *b, yyjson_val *root, const struct ends *e)
{
	json_key(b, "connection_info");
	buf_putc(b, '{');
	put(b, "protocol_name", text(root, "proto"));
	put(b, "application", text(root, "app_proto"));
	if (e->from || e->to)
		json_field_s(b, "direction", e->from && e->to ? "Lateral" : e->from ? "Outbound" : "Inbound");
	put(b, "community_uid", text(root, "community_id"));
	if (number(root, "flow_id")) {
		json_key(b, "uid");
		buf_printf(b, "\"%llu\"", (unsigned long long)number(root, "flow_id"));
	}
	buf_putc(b, '}');
}

static const char *head(struct buf *b, yyjson_val *root, const struct eve_place *where, unsigned class_uid, const struct ends *e)
{
	const char *org = e->from ? e->from->code : e->to ? e->to->code : ORGS_SERVICE;
	yyjson_val *http = yyjson_obj_get(root, "http"), *tls = yyjson_obj_get(root, "tls");
	struct str host = text(http, "hostname");
	buf_printf(b, "{\"class_uid\":%u", class_uid);
	json_field_u64(b, "time", (uint64_t)time_of(text(root, "timestamp"), where->now_ms));
	json_field_s(b, "org", org);
	json_field_s(b, "product", "suricata");
	put_end(b, "src_endpoint", e->src, e->src_port, (struct str){ NULL, 0 });
	put_end(b, "dst_endpoint", e->dst, e->dst_port, host.len ? host : text(tls, "sni"));
	put_connection(b, root, e);
	return org;
}

/* ---- alert */

/* The query may hold what people typed: left out, as in the proxy's events. */
static void put_http(struct buf *b, yyjson_val *http)
{
	struct str url = text(http, "url"), path = { NULL, 0 }, host = text(http, "hostname");
	if (!yyjson_is_obj(http))
		return;
	if (url.len)
		str_next(&url, '?', &path);
	json_key(b, "http_request");
	buf_putc(b, '{');
	put(b, "http_method", text(http, "http_method"));
	put(b, "user_agent", text(http, "http_user_agent"));
	json_key(b, "url");
	buf_putc(b, '{');
	put(b, "hostname", host);
	put(b, "path", path);
	buf_puts(b, "}}");
	if (number(http, "status")) {
		json_key(b, "http_response");
		buf_putc(b, '{');
		json_field_u64(b, "code", number(http, "status"));
		put(b, "content_type", text(http, "http_content_type"));
		buf_putc(b, '}');
	}
}

static void put_rule(struct buf *b, yyjson_val *alert)
{
	char uid[24];
	snprintf(uid, sizeof uid, "%llu", (unsigned long long)number(alert, "signature_id"));
	json_key(b, "rule");
	buf_putc(b, '{');
	json_field_s(b, "uid", uid);
	json_field_u64(b, "version", number(alert, "rev"));
	put(b, "name", text(alert, "signature"));
	put(b, "category", text(alert, "category"));
	buf_putc(b, '}');
}

/* ips/rule.h: generator ids 1 to 3, and 4 to 6 for the other way round. */
static const char *mode_of(uint64_t gid)
{
	static const char *const modes[] = { "prevent", "detect", "trial" };
	return gid >= 1 && gid <= 6 ? modes[(gid - 1) % 3] : NULL;
}

static const char *put_alert(struct buf *b, yyjson_val *root, const struct eve_place *where, const struct ends *e)
{
	yyjson_val *alert = yyjson_obj_get(root, "alert");
	bool blocked = yyjson_equals_str(yyjson_obj_get(alert, "action"), "blocked");
	const char *org = head(b, root, where, 2004, e), *mode = mode_of(number(alert, "gid"));
	put_rule(b, alert);
	if (mode)
		json_field_s(b, "mode", mode);
	if (number(alert, "severity") >= 1 && number(alert, "severity") <= 255)
		json_field_u64(b, "priority", number(alert, "severity"));
	json_field_s(b, "action", blocked ? "Denied" : "Allowed");
	json_field_s(b, "disposition", blocked ? "Blocked" : "Allowed");
	put_http(b, yyjson_obj_get(root, "http"));
	buf_putc(b, '}');
	return org;
}

/* ---- packets */

static bool base64_ok(struct str s)
{
	size_t pad = 0;
	while (pad < 2 && pad < s.len && s.ptr[s.len - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i + pad < s.len; i++) {
		char c = s.ptr[i];
		if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '+' && c != '/')
			return false;
	}
	return s.len && s.len % 4 == 0;
}

/* Microseconds: what a capture counts in. */
static uint64_t time_us(struct str when, int64_t ms)
{
	const char *dot = when.len ? memchr(when.ptr, '.', when.len) : NULL;
	uint64_t us = 0;
	if (!dot || !str_to_u64((struct str){ dot + 1, when.ptr + when.len - dot > 6 ? 6 : 0 }, 999999, &us))
		us = 0;
	return (uint64_t)ms * 1000 + us % 1000;
}

/* A whole record of it, if it is one's who keeps packets. */
static void put_packet(yyjson_val *root, const struct eve_place *where, const struct ends *e)
{
	const struct orgs_one *one = e->from ? e->from : e->to;
	yyjson_val *v = yyjson_obj_get(root, "packet");
	struct str data = { yyjson_get_str(v), yyjson_is_str(v) ? yyjson_get_len(v) : 0 }, when = text(root, "timestamp");
	struct buf *b = where->packet;
	if (!b || !one || !one->packet_days || !base64_ok(data))
		return;
	size_t whole = data.len / 4 * 3 - (data.ptr[data.len - 1] == '=') - (data.ptr[data.len - 2] == '=');
	data.len = data.len > EVE_PACKET_MAX / 3 * 4 ? EVE_PACKET_MAX / 3 * 4 : data.len;
	head(b, root, where, 4001, e);
	json_key(b, "packet");
	buf_putc(b, '{');
	json_field_u64(b, "time_us", time_us(when, time_of(when, where->now_ms)));
	json_field_u64(b, "linktype", number(yyjson_obj_get(root, "packet_info"), "linktype"));
	json_field_u64(b, "length", whole);
	json_field(b, "data", data);
	buf_puts(b, "}}");
}

/* ---- drop */

static const char *put_drop(struct buf *b, yyjson_val *root, const struct eve_place *where, const struct ends *e, struct str reason)
{
	char uid[64];
	const char *org = head(b, root, where, 4001, e);
	snprintf(uid, sizeof uid, "ips-" STR_FMT, (int)(reason.len < 40 ? reason.len : 40), reason.ptr ? reason.ptr : "");
	for (char *c = uid; *c; c++)
		if (*c == ' ')
			*c = '-';
	json_field_s(b, "action", "Denied");
	json_field_s(b, "disposition", "Blocked");
	json_key(b, "rule");
	buf_putc(b, '{');
	json_field_s(b, "uid", uid);
	buf_puts(b, "}}");
	return org;
}

static void read_stats(yyjson_val *stats, struct eve_stats *ret)
{
	yyjson_val *capture = yyjson_obj_get(stats, "capture"), *ips = yyjson_obj_get(stats, "ips");
	*ret = (struct eve_stats){ number(capture, "kernel_packets"), number(capture, "kernel_drops"), number(ips, "blocked") };
}

static int take(yyjson_val *root, const struct eve_place *where, struct buf *b, enum eve_kind *ret_kind, const char **ret_org,
                struct eve_stats *ret_stats)
{
	struct str type = text(root, "event_type"), reason = text(yyjson_obj_get(root, "drop"), "reason");
	struct ends e;
	*ret_kind = EVE_IGNORED;
	if (str_eq(type, STR("stats")) && yyjson_is_obj(yyjson_obj_get(root, "stats"))) {
		read_stats(yyjson_obj_get(root, "stats"), ret_stats);
		*ret_kind = EVE_STATS;
		return 0;
	}
	bool alert = str_eq(type, STR("alert")), drop = str_eq(type, STR("drop")), packet = str_eq(type, STR("packet"));
	if (!alert && !drop && !packet)
		return type.len ? 0 : -E_INVALID;
	if (!read_ends(root, where->orgs, &e) || (alert && !number(yyjson_obj_get(root, "alert"), "signature_id")))
		return -E_INVALID;
	if (drop && (str_eq(reason, STR("rules")) || str_eq(reason, STR("flow drop")) || !reason.len))
		return 0; /* an alert tells of it */
	const char *mode = alert ? mode_of(number(yyjson_obj_get(root, "alert"), "gid")) : NULL;
	if (packet || (alert && (!mode || strcmp(mode, "trial") != 0)))
		put_packet(root, where, &e);
	if (packet) {
		*ret_org = e.from ? e.from->code : e.to ? e.to->code : ORGS_SERVICE;
		*ret_kind = EVE_PACKET;
		return where->packet && where->packet->failed ? where->packet->failed : 0;
	}
	*ret_org = alert ? put_alert(b, root, where, &e) : put_drop(b, root, where, &e, reason);
	*ret_kind = EVE_EVENT;
	return b->failed ? b->failed : 0;
}

int eve_line(struct str line, const struct eve_place *where, struct buf *b, enum eve_kind *ret_kind, const char **ret_org,
             struct eve_stats *ret_stats)
{
	if (line.len > EVE_LINE_MAX)
		return -E_INVALID;
	yyjson_doc *doc = yyjson_read(line.ptr, line.len, 0);
	yyjson_val *root = yyjson_doc_get_root(doc);
	int r = yyjson_is_obj(root) ? take(root, where, b, ret_kind, ret_org, ret_stats) : -E_INVALID;
	yyjson_doc_free(doc);
	return r;
}
