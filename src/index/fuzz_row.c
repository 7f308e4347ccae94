/* A record on its way into the index: whatever stands in it, its row is what the block's head announces, column by column and to
 * the byte, since one that isn't would shift all rows behind it; and it ends with the record itself. */
#include "index/row.h"

#include "base/err.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t take_varint(struct str *rest)
{
	uint64_t n = 0;
	for (int shift = 0; rest->len && shift < 63; shift += 7) {
		unsigned char c = (unsigned char)*rest->ptr++;
		rest->len--;
		n |= (uint64_t)(c & 127) << shift;
		if (!(c & 128))
			return n;
	}
	bug("a length without an end");
}

static struct str take(struct str *rest, uint64_t n)
{
	if (n > rest->len)
		bug("%llu bytes of %zu", (unsigned long long)n, rest->len);
	struct str s = { rest->ptr, n };
	rest->ptr += n;
	rest->len -= n;
	return s;
}

static struct str take_column(struct str *row, struct str type)
{
	if (str_eq(type, STR("String")) || str_eq(type, STR("LowCardinality(String)")))
		return take(row, take_varint(row));
	if (str_eq(type, STR("UInt32")))
		return take(row, 4);
	if (str_eq(type, STR("UInt64")) || str_starts(type, STR("DateTime64(")))
		return take(row, 8);
	if (!str_eq(type, STR("IPv6")))
		bug("a type nobody knows: " STR_FMT, STR_ARG(type));
	return take(row, 16);
}

static void walk(struct str head, struct str row, struct str raw)
{
	struct str last = { NULL, 0 };
	uint64_t n = take_varint(&head);
	for (uint64_t i = 0; i < n; i++)
		take(&head, take_varint(&head));
	for (uint64_t i = 0; i < n; i++)
		last = take_column(&row, take(&head, take_varint(&head)));
	if (head.len || row.len || !str_eq(last, raw))
		bug("%zu and %zu bytes are left", head.len, row.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct event e;
	struct buf head, row;
	struct row_maker m;
	struct segment_name name = { .org = "412015", .series = "events", .segment = 1, .index = 2 };
	struct str raw = { (const char *)data, size };
	if (event_parse(raw, &e) < 0)
		return 0;
	buf_init(&head, MIB);
	buf_init(&row, 16 * EVENT_MAX);
	row_maker_init(&m);
	index_row_head(&head);
	row_put(&m, &row, &e, &name, raw);
	if (!head.failed && !row.failed)
		walk(buf_view(&head), buf_view(&row), raw);
	buf_done(&head);
	buf_done(&row);
	row_maker_done(&m);
	event_done(&e);
	return 0;
}
