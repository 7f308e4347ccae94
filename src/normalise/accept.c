/* See accept.h. The one place through which every record passes on its way to a segment. */
#include "normalise/accept.h"

#include "base/mem.h"
#include "normalise/orgs.h"
#include "normalise/schema.h"

#include <endian.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

/* Most events are read and written within these, without asking for memory. */
static _Thread_local char read_room[EVENT_ROOM], write_room[EVENT_ROOM];

static void put_head(const struct accept_from *from, struct buf *b)
{
	buf_puts(b, "\"ingest_time\":");
	buf_u64(b, (uint64_t)from->now_ms);
	buf_puts(b, ",\"org\":");
	json_str(b, str_from(from->org));
	if (!from->source)
		return;
	char boot[17];
	const uint64_t big = htobe64(from->boot);
	hex_format(&big, sizeof big, boot);
	buf_puts(b, ",\"intake\":{\"source\":");
	json_str(b, str_from(from->source));
	buf_puts(b, ",\"boot\":\"");
	buf_puts(b, boot);
	buf_puts(b, "\",\"sequence\":");
	buf_u64(b, from->sequence);
	buf_putc(b, '}');
}

static void put_skew(const struct event *e, const struct accept_from *from, struct buf *b, struct accept_result *ret)
{
	yyjson_val *t = yyjson_obj_get(e->root, "time");
	if (!t) {
		json_field_u64(b, "time", (uint64_t)from->now_ms);
		return;
	}
	int64_t skew;
	if (!yyjson_is_int(t) || __builtin_sub_overflow(yyjson_get_sint(t), from->now_ms, &skew))
		return;
	if ((skew > -ACCEPT_SKEW_MS && skew < ACCEPT_SKEW_MS) || (from->sender && from->sender->series))
		return;
	json_key(b, "clock_skew_ms");
	buf_i64(b, skew);
	ret->skewed = true;
}

/* May what came in stand in the record as it is? It is JSON, so a newline in it stands between two values: none is let through, nor is a member that is
 * ours to say. Our own daemons write neither, and their events are copied in one piece: to write each value anew took as long as reading them. */
static bool stands(const struct event *e, struct str json)
{
	yyjson_obj_iter it;
	if (*json.ptr != '{' || json.ptr[json.len - 1] != '}' || yyjson_obj_size(e->root) == 0 || memchr(json.ptr, '\n', json.len) || memchr(json.ptr, '\r', json.len))
		return false;
	yyjson_obj_iter_init(e->root, &it);
	for (yyjson_val *key; (key = yyjson_obj_iter_next(&it));)
		if (schema_is_ours((struct str){ yyjson_get_str(key), yyjson_get_len(key) }))
			return false;
	return true;
}

/* Member by member, so that neither a newline nor a second "org" gets through. */
static int put_members(const struct event *e, struct buf *b)
{
	yyjson_obj_iter it;
	yyjson_obj_iter_init(e->root, &it);
	for (yyjson_val *key; (key = yyjson_obj_iter_next(&it));) {
		struct str name = { yyjson_get_str(key), yyjson_get_len(key) };
		if (schema_is_ours(name))
			continue;
		size_t n;
		yyjson_alc alc;
		yyjson_val *v = yyjson_obj_iter_get_val(key);
		yyjson_alc_pool_init(&alc, write_room, sizeof write_room);
		char *text = yyjson_val_write_opts(v, YYJSON_WRITE_NOFLAG, &alc, &n, NULL), *large = NULL;
		if (!text)
			text = large = yyjson_val_write(v, YYJSON_WRITE_NOFLAG, &n);
		if (!text)
			return -E_NOMEM;
		buf_putc(b, ',');
		json_str(b, name);
		buf_putc(b, ':');
		buf_put(b, text, n);
		free(large); /* yyjson's own allocator */
	}
	return 0;
}

static void put_base64(struct buf *b, struct str raw)
{
	size_t n = (raw.len + 2) / 3 * 4;
	buf_putc(b, '"');
	if (buf_room(b, n + 2)) /* EVP_EncodeBlock ends with a NUL */
		b->len += (size_t)EVP_EncodeBlock((unsigned char *)b->ptr + b->len, (const unsigned char *)raw.ptr, (int)raw.len);
	buf_putc(b, '"');
}

static void keep_raw(struct str json, const struct accept_from *from, struct buf *b, struct accept_result *ret)
{
	struct accept_from head = *from;
	if (ret->refused)
		head.org = ORGS_SERVICE;
	ret->raw = true;
	buf_putc(b, '{');
	put_head(&head, b);
	json_field_u64(b, "class_uid", 0);
	json_field_u64(b, "time", (uint64_t)from->now_ms);
	json_field_s(b, "product", from->source ? from->source : "intaked");
	json_field_s(b, "message", ret->fault);
	json_key(b, "raw");
	put_base64(b, json);
	buf_putc(b, '}');
}

void accept_event(struct str json, const struct accept_from *from, struct buf *b, struct accept_result *ret)
{
	struct event e;
	struct err err = { 0 };
	*ret = (struct accept_result){ 0 };
	int r = json.len > EVENT_MAX ? -E_LIMIT : event_parse_in(json, read_room, sizeof read_room, &e);
	if (r < 0) {
		snprintf(ret->fault, sizeof ret->fault, "%s", r == -E_LIMIT ? "too large" : "not a JSON object");
		ret->refused = from->sender && sender_check_org(from->sender, from->org, NULL) < 0;
		keep_raw(json, from, b, ret);
		return;
	}
	if (from->sender && sender_check(from->sender, &e, from->org, &err) < 0) {
		snprintf(ret->fault, sizeof ret->fault, "%.40s: %.90s", err.path, err.msg);
		ret->refused = true;
		event_done(&e);
		keep_raw(json, from, b, ret);
		return;
	}
	ret->class_uid = (uint32_t)yyjson_get_uint(yyjson_obj_get(e.root, "class_uid"));
	buf_putc(b, '{');
	put_head(from, b);
	put_skew(&e, from, b, ret);
	if (stands(&e, json)) {
		buf_putc(b, ',');
		buf_put(b, json.ptr + 1, json.len - 2);
	} else {
		r = put_members(&e, b);
	}
	ret->schema_fault = schema_check_given(&e, &err) < 0;
	if (ret->schema_fault)
		snprintf(ret->fault, sizeof ret->fault, "%.60s: %.90s", err.path, err.msg);
	buf_putc(b, '}');
	if (r < 0 && !b->failed)
		b->failed = r;
	event_done(&e);
}
