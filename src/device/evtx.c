/* See evtx.h. */
#include "device/evtx.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>

#define HEAD 4096
#define NAME 64
#define VALUES 512
#define JSON_MAX (256u * KIB)

/* A chunk, and a place in it; the first read beyond its end sticks. */
struct cur {
	const uint8_t *chunk;
	size_t at, end;
	bool bad;
};

static uint64_t get(struct cur *c, unsigned n)
{
	uint64_t v = 0;
	if (c->bad || c->end - c->at < n) {
		c->bad = true;
		return 0;
	}
	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)c->chunk[c->at + i] << 8 * i;
	c->at += n;
	return v;
}

static void skip(struct cur *c, size_t n)
{
	if (c->bad || c->end - c->at < n)
		c->bad = true;
	else
		c->at += n;
}

/* A value of a template's instance. */
struct value {
	size_t at, len;
	uint8_t type;
};
struct values {
	struct value list[VALUES];
	size_t n;
};

/* The element under way and those around it, and the object that grows. */
struct out {
	char names[EVTX_DEPTH][NAME];
	unsigned depth, nest, nodes;
	char data[NAME], attribute[NAME]; /* Data's Name; the attribute whose value comes */
	bool in_attribute;
	struct buf text, json;
};

/* ---- text ---- */

static void put_utf8(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_putc(b, (char)c);
	} else if (c < 0x800) {
		buf_putc(b, (char)(0xc0 | c >> 6));
		buf_putc(b, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_putc(b, (char)(0xe0 | c >> 12));
		buf_putc(b, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_putc(b, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_putc(b, (char)(0xf0 | c >> 18));
		buf_putc(b, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_putc(b, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_putc(b, (char)(0x80 | (c & 0x3f)));
	}
}

/* UTF-16LE up to n bytes, or a NUL at the end of it. */
static void put_utf16(struct buf *b, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2) {
		uint32_t c = p[i] | (uint32_t)p[i + 1] << 8;
		if (c >= 0xd800 && c < 0xdc00 && i + 3 < n) {
			uint32_t low = p[i + 2] | (uint32_t)p[i + 3] << 8;
			if (low >= 0xdc00 && low < 0xe000) {
				put_utf8(b, 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff)));
				i += 2;
				continue;
			}
		}
		if (c == 0) {
			if (i + 3 < n) /* between the texts of an array */
				buf_putc(b, ' ');
			continue;
		}
		put_utf8(b, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
	}
}

/* A name at an offset: u32, u16 hash, u16 letters, letters, NUL. Returns the bytes it takes; 0: it isn't one. */
static size_t read_name(const struct cur *c, size_t at, char dst[NAME])
{
	struct cur n = { c->chunk, at, EVTX_CHUNK, at > EVTX_CHUNK };
	struct buf b;
	skip(&n, 6);
	size_t letters = (size_t)get(&n, 2);
	size_t from = n.at;
	skip(&n, 2 * letters + 2);
	if (n.bad)
		return 0;
	buf_init(&b, NAME - 1);
	put_utf16(&b, c->chunk + from, 2 * letters);
	b.failed = 0; /* a long name is cut off */
	memcpy(dst, b.len ? b.ptr : "", b.len);
	dst[b.len] = 0;
	buf_done(&b);
	return n.at - at;
}

/* An offset to a name, which may stand right behind it. */
static void name(struct cur *c, char dst[NAME])
{
	size_t at = (size_t)get(c, 4);
	size_t n = c->bad ? 0 : read_name(c, at, dst);
	if (n == 0)
		c->bad = true;
	else if (at == c->at)
		skip(c, n);
}

/* ---- what comes out ---- */

static void put_field(struct out *o, const char *key)
{
	if (o->text.len && !o->text.failed && key[0])
		json_field(&o->json, key, buf_view(&o->text));
}

static bool inside(const struct out *o, unsigned depth, const char *what)
{
	return o->depth > depth && strcmp(o->names[depth], what) == 0;
}

static void end_attribute(struct out *o)
{
	const char *element = o->depth ? o->names[o->depth - 1] : "";
	if (!o->in_attribute)
		return;
	o->in_attribute = false;
	if (strcmp(element, "Data") == 0 && strcmp(o->attribute, "Name") == 0)
		str_copy(buf_view(&o->text), o->data, sizeof o->data);
	else if (strcmp(element, "Provider") == 0 && strcmp(o->attribute, "Name") == 0)
		put_field(o, "SourceName");
	else if (strcmp(element, "TimeCreated") == 0 && strcmp(o->attribute, "SystemTime") == 0)
		put_field(o, "EventTime");
	else if (strcmp(element, "Security") == 0 && strcmp(o->attribute, "UserID") == 0)
		put_field(o, "UserID");
	buf_reset(&o->text);
}

static bool open_element(struct out *o, const char *what)
{
	if (o->depth == EVTX_DEPTH)
		return false;
	snprintf(o->names[o->depth++], NAME, "%s", what);
	o->data[0] = 0;
	buf_reset(&o->text);
	return true;
}

static void close_element(struct out *o)
{
	if (o->depth == 0)
		return;
	const char *what = o->names[o->depth - 1];
	if (inside(o, 1, "System") && o->depth == 3)
		put_field(o, strcmp(what, "Computer") == 0 ? "Hostname" : what);
	else if (inside(o, 1, "EventData") && o->depth == 3)
		put_field(o, o->data[0] ? o->data : what);
	else if (inside(o, 1, "UserData") && o->depth > 3)
		put_field(o, what);
	buf_reset(&o->text);
	o->data[0] = 0;
	o->depth--;
}

/* ---- values ---- */

static void put_sid(struct buf *b, const uint8_t *p, size_t n)
{
	uint64_t authority = 0;
	if (n < 8 || n != 8 + 4u * p[1])
		return;
	for (int i = 2; i < 8; i++)
		authority = authority << 8 | p[i];
	buf_printf(b, "S-%u-%llu", p[0], (unsigned long long)authority);
	for (size_t i = 8; i < n; i += 4)
		buf_printf(b, "-%u", (unsigned)(p[i] | (uint32_t)p[i + 1] << 8 | (uint32_t)p[i + 2] << 16 | (uint32_t)p[i + 3] << 24));
}

static void put_guid(struct buf *b, const uint8_t *p, size_t n)
{
	if (n == 16)
		buf_printf(b, "{%02X%02X%02X%02X-%02X%02X-%02X%02X-%02X%02X-%02X%02X%02X%02X%02X%02X}", p[3], p[2], p[1], p[0], p[5], p[4], p[7], p[6], p[8], p[9],
		           p[10], p[11], p[12], p[13], p[14], p[15]);
}

/* 100 ns since 1601 */
static void put_filetime(struct buf *b, uint64_t v)
{
	char text[CLOCK_TEXT];
	const uint64_t epoch = 116444736000000000ull;
	if (v < epoch || v - epoch > 73000000000000000ull) /* 2201 */
		return;
	clock_format_utc((int64_t)((v - epoch) / 10000), text);
	buf_puts(b, text);
}

static int64_t sign(uint64_t v, size_t bytes)
{
	unsigned shift = 64 - 8 * (unsigned)bytes;
	return bytes == 0 || bytes > 8 ? 0 : (int64_t)(v << shift) >> shift;
}

static void put_value(struct buf *b, const struct cur *c, const struct value *v)
{
	const uint8_t *p = c->chunk + v->at;
	uint64_t n = 0;
	for (size_t i = 0; i < v->len && i < 8; i++)
		n |= (uint64_t)p[i] << 8 * i;
	switch (v->type) {
	case 0x01: case 0x81: put_utf16(b, p, v->len); break;
	case 0x02: buf_put(b, p, strnlen((const char *)p, v->len)); break;
	case 0x03: case 0x05: case 0x07: case 0x09: buf_printf(b, "%lld", (long long)sign(n, v->len)); break;
	case 0x04: case 0x06: case 0x08: case 0x0a: buf_u64(b, n); break;
	case 0x0d: buf_puts(b, n ? "true" : "false"); break;
	case 0x0e:
		for (size_t i = 0; i < v->len && i < 4096; i++)
			buf_printf(b, "%02x", p[i]);
		break;
	case 0x0f: put_guid(b, p, v->len); break;
	case 0x10: case 0x14: case 0x15: buf_printf(b, "0x%llx", (unsigned long long)n); break;
	case 0x11: put_filetime(b, n); break;
	case 0x13: put_sid(b, p, v->len); break;
	default: break;
	}
}

/* ---- BinXml ---- */

static void walk(struct cur *c, const struct values *v, struct out *o);

static void substitute(struct cur *c, const struct values *v, struct out *o)
{
	size_t index = (size_t)get(c, 2);
	skip(c, 1);
	if (c->bad || !v || index >= v->n)
		return;
	const struct value *one = &v->list[index];
	if (one->type == 0x21 && o->nest < EVTX_NEST) { /* XML of its own */
		struct cur in = { c->chunk, one->at, one->at + one->len, false };
		unsigned depth = o->depth;
		o->nest++;
		walk(&in, NULL, o);
		o->nest--;
		while (o->depth > depth)
			close_element(o);
		return;
	}
	put_value(&o->text, c, one);
}

/* u8, u32 id, u32 offset of the definition (which may stand right behind), then the values. */
static void template(struct cur *c, struct out *o)
{
	skip(c, 5);
	size_t at = (size_t)get(c, 4);
	struct cur def = { c->chunk, at, EVTX_CHUNK, at > EVTX_CHUNK };
	skip(&def, 20); /* the next one's offset, GUID */
	size_t size = (size_t)get(&def, 4);
	if (def.bad || EVTX_CHUNK - def.at < size) {
		c->bad = true;
		return;
	}
	def.end = def.at + size;
	if (at == c->at)
		skip(c, def.end - at);
	size_t n = (size_t)get(c, 4), from;
	struct values *v = n <= VALUES && !c->bad ? mem_alloc(sizeof *v) : NULL;
	if (!v) {
		c->bad = true;
		return;
	}
	for (v->n = 0; v->n < n; v->n++) {
		v->list[v->n].len = (size_t)get(c, 2);
		v->list[v->n].type = (uint8_t)get(c, 1);
		skip(c, 1);
	}
	for (size_t i = 0; i < n; i++) {
		from = c->at;
		skip(c, v->list[i].len);
		v->list[i].at = from;
	}
	if (o->nest >= EVTX_NEST) /* a definition may name itself */
		c->bad = true;
	o->nest++;
	if (!c->bad)
		walk(&def, v, o);
	o->nest--;
	c->bad = c->bad || def.bad;
	mem_free(v);
}

static void element(struct cur *c, uint8_t token, struct out *o)
{
	char what[NAME];
	skip(c, 2 + 4); /* dependency, size */
	name(c, what);
	if (token & 0x40)
		skip(c, 4); /* size of the attributes */
	if (!c->bad && !open_element(o, what))
		c->bad = true;
}

static void text(struct cur *c, struct out *o)
{
	uint8_t type = (uint8_t)get(c, 1);
	size_t n = 2 * (size_t)get(c, 2), from = c->at;
	skip(c, n);
	if (!c->bad && type == 0x01)
		put_utf16(&o->text, c->chunk + from, n);
}

/* [MS-EVEN6] 2.2.12: a token, then what belongs to it. */
static void walk(struct cur *c, const struct values *v, struct out *o)
{
	char ignored[NAME];
	while (!c->bad && c->at < c->end) {
		uint8_t token = (uint8_t)get(c, 1);
		if (++o->nodes > EVTX_NODES) {
			c->bad = true;
			return;
		}
		switch (token & 0xbf) {
		case 0x00: return;
		case 0x01: element(c, token, o); break;
		case 0x02: end_attribute(o); break;
		case 0x03: end_attribute(o); close_element(o); break;
		case 0x04: close_element(o); break;
		case 0x05: text(c, o); break;
		case 0x06:
			end_attribute(o);
			name(c, o->attribute);
			o->in_attribute = !c->bad;
			break;
		case 0x07: skip(c, 2 * (size_t)get(c, 2)); break;
		case 0x08: put_utf8(&o->text, (uint32_t)get(c, 2)); break;
		case 0x09: name(c, ignored); break;
		case 0x0a: name(c, ignored); break;
		case 0x0b: skip(c, 2 * (size_t)get(c, 2)); break;
		case 0x0c: template(c, o); break;
		case 0x0d: case 0x0e: substitute(c, v, o); break;
		case 0x0f: skip(c, 3); break;
		default: c->bad = true; break;
		}
	}
}

static bool record(const uint8_t *chunk, size_t at, size_t len, struct out *o, evtx_fn fn, void *user)
{
	struct cur c = { chunk, at, at + len, false };
	o->depth = o->nest = o->nodes = 0;
	o->in_attribute = false;
	o->data[0] = 0;
	buf_reset(&o->text);
	buf_reset(&o->json);
	buf_putc(&o->json, '{');
	walk(&c, NULL, o);
	buf_putc(&o->json, '}');
	if (c.bad || o->json.failed || o->json.len < 3)
		return false;
	fn(buf_view(&o->json), user);
	return true;
}

static uint32_t u32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Records: u32 0x2a2a, u32 size, u64 number, u64 time, XML, u32 size. len of the chunk's bytes are the file's, zeros follow. */
static size_t chunk(const uint8_t *p, size_t len, struct out *o, evtx_fn fn, void *user, size_t *n)
{
	size_t at = 512, bad = 0;
	while (at + 28 < len && u32(p + at) == 0x00002a2a) {
		size_t size = u32(p + at + 4);
		if (size < 28 || size > len - at)
			return bad + 1;
		(*n)++;
		bad += !record(p, at + 24, size - 28, o, fn, user);
		at += size;
	}
	return bad;
}

/* What is left of a chunk where the file breaks off, which counts as a record that can't be read: nobody knows what stood there. */
static size_t last_chunk(struct str rest, struct out *o, evtx_fn fn, void *user, size_t *n)
{
	size_t bad = 0;
	uint8_t *p = mem_alloc(EVTX_CHUNK); /* zeroed */
	if (p && rest.len > 512 && memcmp(rest.ptr, "ElfChnk", 8) == 0) {
		memcpy(p, rest.ptr, rest.len);
		bad = chunk(p, rest.len, o, fn, user, n);
	}
	mem_free(p);
	return bad ? bad : 1;
}

bool evtx_is(struct str file)
{
	return file.len >= HEAD && memcmp(file.ptr, "ElfFile", 8) == 0;
}

size_t evtx_each(struct str file, evtx_fn fn, void *user, size_t *ret_n)
{
	struct out *o = mem_alloc(sizeof *o);
	size_t bad = 0;
	*ret_n = 0;
	if (!o)
		return 1;
	buf_init(&o->text, 128 * KIB);
	buf_init(&o->json, JSON_MAX);
	size_t at = HEAD;
	for (; at <= file.len && file.len - at >= EVTX_CHUNK; at += EVTX_CHUNK)
		if (memcmp(file.ptr + at, "ElfChnk", 8) == 0)
			bad += chunk((const uint8_t *)file.ptr + at, EVTX_CHUNK, o, fn, user, ret_n);
	if (at < file.len)
		bad += last_chunk((struct str){ file.ptr + at, file.len - at }, o, fn, user, ret_n);
	buf_done(&o->text);
	buf_done(&o->json);
	mem_free(o);
	return bad;
}
