/* See capture.h. */
#include "segment/capture.h"

#include "base/err.h"
#include "base/mem.h"

#include <openssl/evp.h>
#include <yyjson.h>

#define BYTES_MAX (64u * 1024)
#define SECTION 0x0a0d0d0au
#define INTERFACE 1u
#define PACKET 6u
#define OPT_COMMENT 1u

/* In the order of a little-endian machine, whichever makes it: the same records, the same bytes. */
static void u16(struct buf *b, uint32_t v)
{
	buf_putc(b, (char)v);
	buf_putc(b, (char)(v >> 8));
}

static void u32(struct buf *b, uint32_t v)
{
	u16(b, v);
	u16(b, v >> 16);
}

static void padded(struct buf *b, const void *p, size_t n)
{
	buf_put(b, p, n);
	buf_put(b, "\0\0\0", (4 - n % 4) % 4);
}

static size_t pad(size_t n)
{
	return n + (4 - n % 4) % 4;
}

static void section(struct buf *b)
{
	u32(b, SECTION);
	u32(b, 28);
	u32(b, 0x1a2b3c4du);
	u16(b, 1); /* 1.0 */
	u16(b, 0);
	u32(b, 0xffffffffu); /* its length: not said */
	u32(b, 0xffffffffu);
	u32(b, 28);
}

static void interface(struct buf *b, uint32_t link)
{
	u32(b, INTERFACE);
	u32(b, 20);
	u16(b, link);
	u16(b, 0);
	u32(b, BYTES_MAX);
	u32(b, 20);
}

static void packet(struct buf *b, uint32_t interface_number, uint64_t us, struct str data, uint64_t length, const char *name)
{
	size_t comment = strlen(name), total = 32 + pad(data.len) + 4 + pad(comment) + 4;
	u32(b, PACKET);
	u32(b, (uint32_t)total);
	u32(b, interface_number);
	u32(b, (uint32_t)(us >> 32));
	u32(b, (uint32_t)us);
	u32(b, (uint32_t)data.len);
	u32(b, (uint32_t)length);
	padded(b, data.ptr, data.len);
	u16(b, OPT_COMMENT);
	u16(b, (uint32_t)comment);
	padded(b, name, comment);
	u32(b, 0); /* no more options */
	u32(b, (uint32_t)total);
}

static int interface_of(struct capture *c, uint32_t link, struct buf *b)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->link[i] == link)
			return (int)i;
	if (c->n == CAPTURE_LINKS)
		return -E_LIMIT;
	if (c->n == 0)
		section(b);
	interface(b, link);
	c->link[c->n] = link;
	return (int)c->n++;
}

/* base64 → bytes; its length, or 0. */
static size_t decode(struct str text, unsigned char *dst)
{
	int n = text.len && text.len % 4 == 0 && text.len / 4 * 3 <= BYTES_MAX ? EVP_DecodeBlock(dst, (const unsigned char *)text.ptr, (int)text.len) : -1;
	if (n <= 0 || text.ptr[text.len - 3] == '=')
		return 0;
	return (size_t)n - (text.ptr[text.len - 1] == '=') - (text.ptr[text.len - 2] == '=');
}

static int add(struct capture *c, const char *name, yyjson_val *v, unsigned char *bytes, struct buf *b)
{
	yyjson_val *data = yyjson_obj_get(v, "data");
	uint64_t link = yyjson_get_uint(yyjson_obj_get(v, "linktype")), length = yyjson_get_uint(yyjson_obj_get(v, "length"));
	size_t n = yyjson_is_str(data) ? decode((struct str){ yyjson_get_str(data), yyjson_get_len(data) }, bytes) : 0;
	if (!n || link > UINT16_MAX)
		return 0;
	int i = interface_of(c, (uint32_t)link, b);
	if (i < 0)
		return i;
	packet(b, (uint32_t)i, yyjson_get_uint(yyjson_obj_get(v, "time_us")), (struct str){ (char *)bytes, n }, length >= n && length <= UINT32_MAX ? length : n, name);
	c->packets++;
	return b->failed ? b->failed : 0;
}

int capture_add(struct capture *c, const char *name, struct str record, struct buf *b)
{
	if (record.len == 0 || !memmem(record.ptr, record.len, "\"packet\":{", 10))
		return 0;
	_cleanup_free_ unsigned char *bytes = mem_alloc(BYTES_MAX + 4);
	yyjson_doc *doc = bytes ? yyjson_read(record.ptr, record.len, 0) : NULL;
	yyjson_val *v = yyjson_obj_get(yyjson_doc_get_root(doc), "packet");
	int r = !bytes ? -E_NOMEM : yyjson_is_obj(v) ? add(c, name, v, bytes, b) : 0;
	yyjson_doc_free(doc);
	return r;
}
