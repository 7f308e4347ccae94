/* See table.h. */
#include "device/table.h"

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
	}
	return r->n > before;
}

void table_put(struct record *r, const struct table_row *rows, struct str key, struct str value)
{
	if (value.len == 0 || str_eq(value, STR("-")) || str_eq(value, STR("N/A")))
		return;
	for (const struct table_row *row = rows; row->key; row++)
		if (str_eq(key, str_from(row->key))) {
			if (!put(r, row, value))
				break;
			return;
		}
	record_unmapped(r, key, value);
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
