/* See record.h. Between every parser of devices' logs and the receiver. */
#include "device/record.h"

#include "base/mem.h"
#include "device/shape.h"
#include "normalise/orgs.h"

#include <arpa/inet.h>

void record_begin(struct record *r, const char *product)
{
	r->class_uid = 0;
	r->product = product;
	r->has_time = false;
	r->n = r->n_rest = r->used = r->lost = 0;
	r->shape = 0;
	memset(r->there, 0, sizeof r->there);
	memset(r->above, 0, sizeof r->above);
}

static bool has(const uint64_t bits[PATHS / 64], uint8_t id)
{
	return bits[id / 64] >> id % 64 & 1;
}

static void note(uint64_t bits[PATHS / 64], uint8_t id)
{
	bits[id / 64] |= (uint64_t)1 << id % 64;
}

const struct record_field *record_get(const struct record *r, const char *path)
{
	const struct path *p = path_known(path);
	for (size_t i = 0; has(r->there, p->id) && i < r->n; i++)
		if (r->ids[i] == p->id)
			return &r->fields[i];
	return NULL;
}

bool record_holds(const struct record *r, const char *path)
{
	return has(r->above, path_known(path)->id);
}

static void put(struct record *r, const char *path, struct record_field f)
{
	const struct path *p = f.path = path_known(path);
	if (has(r->there, p->id))
		return;
	if (r->n == RECORD_FIELDS) {
		r->lost++;
		return;
	}
	note(r->there, p->id);
	note(r->above, p->id);
	for (size_t i = 0; i < p->n_heads; i++)
		note(r->above, p->heads[i]);
	r->shape = r->shape * 31 + p->id + 1;
	r->ids[r->n] = p->id;
	r->fields[r->n++] = f;
}

void record_text(struct record *r, const char *path, struct str text)
{
	if (text.len)
		put(r, path, (struct record_field){ .kind = RECORD_TEXT_VALUE, .text = text });
}

void record_word(struct record *r, const char *path, const char *text)
{
	if (text)
		record_text(r, path, str_from(text));
}

void record_number(struct record *r, const char *path, int64_t n)
{
	put(r, path, (struct record_field){ .kind = RECORD_NUMBER, .number = n });
}

void record_decimal(struct record *r, const char *path, struct str digits)
{
	uint64_t v;
	if (str_to_u64(digits, INT64_MAX, &v))
		record_number(r, path, (int64_t)v);
}

void record_bool(struct record *r, const char *path, bool v)
{
	put(r, path, (struct record_field){ .kind = RECORD_BOOL, .number = v });
}

/* An endpoint's attributes; paths are static texts. */
static const struct {
	const char *path, *ip, *port, *hostname;
} endpoints[] = {
	{ "src_endpoint", "src_endpoint.ip", "src_endpoint.port", "src_endpoint.hostname" },
	{ "dst_endpoint", "dst_endpoint.ip", "dst_endpoint.port", "dst_endpoint.hostname" },
};

static size_t endpoint_of(const char *path)
{
	return strcmp(path, endpoints[0].path) == 0 ? 0 : 1;
}

void record_port(struct record *r, const char *path, struct str digits)
{
	uint64_t v;
	if (str_to_u64(digits, 65535, &v) && v)
		record_number(r, endpoints[endpoint_of(path)].port, (int64_t)v);
}

void record_endpoint(struct record *r, const char *path, struct str text)
{
	size_t e = endpoint_of(path);
	uint8_t addr[16];
	struct str host = text, port = { NULL, 0 };
	if (text.len == 0 || str_eq(text, STR("-")))
		return;
	if (*text.ptr == '[') {
		const char *end = memchr(text.ptr, ']', text.len);
		if (end) {
			host = (struct str){ text.ptr + 1, (size_t)(end - text.ptr) - 1 };
			port = (struct str){ end + 1, text.len - host.len - 2 };
		}
	} else {
		const char *colon = memchr(text.ptr, ':', text.len);
		if (colon && !memchr(colon + 1, ':', text.len - (size_t)(colon + 1 - text.ptr))) {
			host.len = (size_t)(colon - text.ptr);
			port = (struct str){ colon, text.len - host.len };
		}
	}
	if (port.len > 1 && *port.ptr == ':')
		record_port(r, path, (struct str){ port.ptr + 1, port.len - 1 });
	if (str_case_starts(host, STR("::ffff:")) && memchr(host.ptr, '.', host.len))
		host = (struct str){ host.ptr + 7, host.len - 7 };
	record_text(r, orgs_address(host, addr) ? endpoints[e].ip : endpoints[e].hostname, host);
}

void record_time(struct record *r, int64_t ms)
{
	r->time_ms = ms;
	r->has_time = true;
}

static void put_rest(struct record *r, struct record_rest rest)
{
	if (rest.key.len == 0 || rest.text.len == 0)
		return;
	for (size_t i = 0; i < r->n_rest; i++) /* readers differ in which of two they believe: the first stays */
		if (str_eq(r->rest[i].key, rest.key))
			return;
	if (r->n_rest == RECORD_REST)
		r->lost++;
	else
		r->rest[r->n_rest++] = rest;
}

void record_unmapped(struct record *r, struct str key, struct str text)
{
	put_rest(r, (struct record_rest){ key, RECORD_TEXT_VALUE, text });
}

void record_unmapped_json(struct record *r, struct str key, struct str json)
{
	put_rest(r, (struct record_rest){ key, RECORD_JSON, json });
}

char *record_keep(struct record *r, size_t n)
{
	return n <= RECORD_ROOM - r->used ? r->room + r->used : NULL;
}

void record_kept(struct record *r, size_t n)
{
	r->used += n;
}

/* ---- out ---- */

static struct str cut(struct str s, size_t max)
{
	if (s.len <= max)
		return s;
	s.len = max;
	while (s.len && ((unsigned char)s.ptr[s.len] & 0xc0) == 0x80) /* not within a letter */
		s.len--;
	return s;
}

static void put_value(struct buf *b, const struct record_field *f)
{
	bool whole = f->text.len > RECORD_TEXT && str_eq(f->path->text, STR("raw_data"));
	switch (f->kind) {
	case RECORD_TEXT_VALUE: json_str(b, cut(f->text, whole ? RECORD_REST_TEXT : RECORD_TEXT)); break;
	case RECORD_NUMBER: buf_i64(b, f->number); break;
	case RECORD_BOOL: buf_puts(b, f->number ? "true" : "false"); break;
	case RECORD_JSON: buf_str(b, f->text); break;
	}
}

static void put_fields(const struct record *r, struct buf *b)
{
	const struct shape *s = shape_of(r);
	size_t from = 0;
	for (size_t i = 0; i < s->n; i++) {
		buf_put(b, s->text + from, s->end[i] - from);
		put_value(b, &r->fields[s->order[i]]);
		from = s->end[i];
	}
	buf_put(b, s->text + from, s->len - from);
}

static void put_unmapped(const struct record *r, struct buf *b)
{
	buf_puts(b, ",\"unmapped\":{");
	for (size_t i = 0; i < r->n_rest; i++) {
		if (i)
			buf_putc(b, ',');
		json_str(b, cut(r->rest[i].key, 128));
		buf_putc(b, ':');
		if (r->rest[i].kind == RECORD_JSON)
			buf_str(b, r->rest[i].text);
		else
			json_str(b, cut(r->rest[i].text, RECORD_REST_TEXT));
	}
	buf_putc(b, '}');
}

void record_write(const struct record *r, struct buf *b)
{
	buf_puts(b, "{\"class_uid\":");
	buf_u64(b, r->class_uid);
	if (r->has_time) {
		buf_puts(b, ",\"time\":");
		buf_i64(b, r->time_ms);
	}
	json_field_s(b, "product", r->product);
	put_fields(r, b);
	if (r->n_rest)
		put_unmapped(r, b);
	buf_putc(b, '}');
}
