/* See table.h. */
#include "device/table.h"

#include "base/err.h"
#include "base/mem.h"

static const struct {
	const char *name;
	uint8_t number;
} protocols[] = { { "tcp", 6 }, { "udp", 17 }, { "icmp", 1 }, { "igmp", 2 }, { "gre", 47 }, { "esp", 50 }, { "ah", 51 }, { "ipv6-icmp", 58 }, { "icmp6", 58 }, { "sctp", 132 } };

void record_protocol(struct record *r, struct str text)
{
	uint64_t n;
	if (str_to_u64(text, 255, &n)) {
		record_number(r, "connection_info.protocol_num", (int64_t)n);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
		if (str_case_eq(text, str_from(protocols[i].name)))
			record_number(r, "connection_info.protocol_num", protocols[i].number);
}

static bool put(struct record *r, const struct table_row *row, struct str value)
{
	uint64_t n;
	size_t before = r->n;
	switch (row->as) {
	case AS_TEXT: record_text(r, row->path, value); break;
	case AS_NUMBER: record_decimal(r, row->path, value); break;
	case AS_SECONDS:
		if (str_to_u64(value, INT64_MAX / 1000, &n))
			record_number(r, row->path, (int64_t)n * 1000);
		break;
	case AS_SRC: record_endpoint(r, "src_endpoint", value); break;
	case AS_DST: record_endpoint(r, "dst_endpoint", value); break;
	case AS_SRC_PORT: record_port(r, "src_endpoint", value); break;
	case AS_DST_PORT: record_port(r, "dst_endpoint", value); break;
	case AS_PROTOCOL: record_protocol(r, value); break;
	case AS_NOTHING: return true;
	case AS_UNMAPPED: return false;
	}
	return r->n > before;
}

/* Formats have some thirty names of their own, lines twenty: comparing each with each was a fifth of a line's price. */
static size_t slot_of(struct str key)
{
	const unsigned char *p = (const unsigned char *)key.ptr;
	size_t n = key.len;
	return n ? (n * 31 + p[0] * 7u + p[n - 1] * 59u + p[n / 2] * 113u) % TABLE_SLOTS : 0;
}

static void make(struct table *t)
{
	for (size_t i = 0; t->rows[i].key; i++) {
		size_t at = slot_of(str_from(t->rows[i].key));
		if (i >= TABLE_SLOTS / 2)
			bug("a format has too many names");
		while (t->slots[at])
			at = (at + 1) % TABLE_SLOTS;
		t->slots[at] = (uint8_t)(i + 1);
	}
	t->made = true;
}

const struct table_row *table_row_of(struct table *t, struct str key)
{
	if (!t->made)
		make(t);
	for (size_t at = slot_of(key); t->slots[at]; at = (at + 1) % TABLE_SLOTS) {
		const struct table_row *row = &t->rows[t->slots[at] - 1];
		if (str_eq(key, str_from(row->key)))
			return row;
	}
	return NULL;
}

void table_put_row(struct record *r, const struct table_row *row, struct str key, struct str value)
{
	if (value.len == 0 || str_eq(value, STR("-")) || str_eq(value, STR("N/A")))
		return;
	if (!row || !put(r, row, value))
		record_unmapped(r, key, value);
}

void table_put(struct record *r, struct table *t, struct str key, struct str value)
{
	table_put_row(r, table_row_of(t, key), key, value);
}

const char *table_word(const struct table_word *list, struct str word)
{
	for (; list->word; list++)
		if (str_case_eq(word, str_from(list->word)))
			return list->means;
	return NULL;
}

void record_allowed(struct record *r, bool allowed)
{
	record_word(r, "action", allowed ? "Allowed" : "Denied");
	record_word(r, "disposition", allowed ? "Allowed" : "Blocked");
}
