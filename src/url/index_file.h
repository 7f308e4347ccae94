/* Inside src/url: the index's file, little-endian.
 *
 *   header (4096 bytes) · sources · sets (64-bit masks of categories) · filter, table: from a multiple of 4096 each
 *
 * Table: buckets of four slots; a slot with kind 0 is empty, and empty ones are a bucket's last. An entry stands in its
 * home bucket, (hi * homes) >> 64, or in a later one when all between are full, at most INDEX_REACH further. There are
 * INDEX_REACH more buckets than homes, so that none begins again at the front.
 *
 * Filter: 64-bit words, one for five entries or so; an entry sets four bits of word (hi * words) >> 64. Nineteen of twenty names
 * are on no list, and the filter is small enough to stay near the processor: most questions never touch the table. */
#ifndef URL_INDEX_FILE_H
#define URL_INDEX_FILE_H

#include "url/index.h"
#include "url/key.h"

#define INDEX_MAGIC "TORIDEU2"
#define INDEX_PAGE 4096u
#define INDEX_REACH 32u
#define INDEX_SETS 65535u
#define INDEX_SOURCES 4096u
#define INDEX_SIZE_MAX (64ull << 30)

enum { SLOT_EXEMPT = 1, SLOT_PATHS = 2, SLOT_SELF = 4, SLOT_FLAGS = 7 };
/* EXEMPT: nothing above holds. PATHS (of hosts): there are paths below it. SELF (of domains): the name itself too. */

struct slot {
	uint64_t hi;
	uint32_t lo;
	uint16_t set;
	uint8_t kind, flags;
};

struct bucket {
	struct slot slot[4];
};

struct index_header {
	char magic[8];
	uint64_t size, crc; /* crc32 of all bytes, this member counted as 0 */
	uint64_t secret[2], id;
	int64_t built_ms;
	uint64_t entries, homes, words, at_sources, at_sets, at_filter, at_table;
	uint32_t n_sources, n_sets, n_categories, any_top; /* any_top: some domain entry has one label only */
	uint8_t lens[136];                                 /* 1: address prefixes of this length exist */
	char category[URL_CATEGORIES][URL_CATEGORY_NAME];
};

static inline uint64_t index_home(uint64_t hi, uint64_t homes)
{
	return (uint64_t)((unsigned __int128)hi * homes >> 64);
}
static inline uint64_t index_filter_bits(uint32_t lo)
{
	return 1ull << (lo & 63) | 1ull << (lo >> 6 & 63) | 1ull << (lo >> 12 & 63) | 1ull << (lo >> 18 & 63);
}
bool index_category_ok(struct str name); /* a-z 0-9 and "-", 1 to 31 bytes */

#endif
