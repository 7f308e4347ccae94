/* See native.h. Two walks over the rows: the first counts what each column takes and makes the dictionaries, the second writes each value to
 * its place, so that nothing is copied twice. */
#include "index/native.h"

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"

#define COLUMNS 64
#define RECENT 16 /* words seen last are found without a hash */
/* Version of the dictionary's form; and of a block: its dictionary stands here, and is whole. */
#define DICT_VERSION 1ull
#define DICT_HERE 0x600ull

/* The different words of a column, each once, the empty one first: the engine takes that for what isn't there. */
struct dict {
	struct buf keys, at;       /* the words as texts; of each row, a uint32_t: which */
	struct map places;         /* word -> place + 1 */
	uint32_t n;
	struct { struct str word; uint32_t place; } recent[RECENT];
};

struct native_column {
	struct str name, type;
	size_t width; /* of a value; 0: a text */
	bool word;
	uint64_t bytes; /* of all its texts */
	struct dict dict;
	size_t start; /* of its values in the block */
	char *to;     /* the next one's place */
};

struct native {
	struct native_column columns[COLUMNS];
	size_t n_columns;
	uint64_t n_rows;
};

/* ---- reading ---- */

static bool take_number(struct str *s, uint64_t *ret)
{
	uint64_t n = 0;
	for (unsigned shift = 0; s->len && shift < 63; shift += 7) {
		unsigned char c = (unsigned char)*s->ptr++;
		s->len--;
		n |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80)) {
			*ret = n;
			return true;
		}
	}
	return false;
}

static bool take(struct str *s, uint64_t n, struct str *ret)
{
	if (n > s->len)
		return false;
	*ret = (struct str){ s->ptr, (size_t)n };
	s->ptr += n;
	s->len -= (size_t)n;
	return true;
}

static bool take_text(struct str *s, struct str *ret)
{
	uint64_t n;
	return take_number(s, &n) && take(s, n, ret);
}

/* 0: a text. */
static bool width_of(struct str type, size_t *ret)
{
	static const struct { const char *type; size_t width; } types[] = { { "String", 0 }, { "LowCardinality(String)", 0 }, { "UInt32", 4 }, { "UInt64", 8 }, { "IPv6", 16 } };
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_eq(type, str_from(types[i].type))) {
			*ret = types[i].width;
			return true;
		}
	*ret = 8;
	return str_starts(type, STR("DateTime64("));
}

static bool take_head(struct native *t, struct str *s)
{
	uint64_t n;
	bool ok = take_number(s, &n) && n && n <= COLUMNS;
	for (size_t i = 0; ok && i < n; i++)
		ok = take_text(s, &t->columns[i].name);
	for (size_t i = 0; ok && i < n; i++) {
		struct native_column *c = &t->columns[i];
		ok = take_text(s, &c->type) && width_of(c->type, &c->width);
		c->word = ok && str_starts(c->type, STR("LowCardinality("));
	}
	t->n_columns = ok ? (size_t)n : 0;
	return ok;
}

/* ---- dictionaries ---- */

static void put_number(struct buf *b, uint64_t n)
{
	for (; n >= 0x80; n >>= 7)
		buf_putc(b, (char)(n | 0x80));
	buf_putc(b, (char)n);
}

static void put_text(struct buf *b, struct str s)
{
	put_number(b, s.len);
	buf_put(b, s.ptr, s.len);
}

static void put_u64(struct buf *b, uint64_t n)
{
	buf_put(b, &n, sizeof n);
}

static void dict_init(struct dict *d, size_t max)
{
	buf_init(&d->keys, max);
	buf_init(&d->at, max);
	map_init(&d->places, UINT32_MAX);
	for (size_t i = 0; i < RECENT; i++)
		d->recent[i].word = STR("");
	buf_putc(&d->keys, 0);
	d->n = 1;
}

static void dict_done(struct dict *d)
{
	buf_done(&d->keys);
	buf_done(&d->at);
	map_done(&d->places);
}

/* -E_NOMEM, -E_LIMIT */
static int dict_place(struct dict *d, struct str word, uint32_t *ret)
{
	void *known = map_get(&d->places, word);
	*ret = known ? (uint32_t)((uintptr_t)known - 1) : d->n;
	if (known)
		return 0;
	put_text(&d->keys, word);
	d->n++;
	return d->keys.failed ? d->keys.failed : map_put(&d->places, word, (void *)((uintptr_t)*ret + 1));
}

static int dict_add(struct dict *d, struct str word)
{
	size_t i = word.len ? (word.len * 5 + (unsigned char)word.ptr[word.len - 1]) % RECENT : 0;
	uint32_t place = 0;
	int r = 0;
	if (word.len && str_eq(d->recent[i].word, word)) {
		place = d->recent[i].place;
	} else if (word.len) {
		r = dict_place(d, word, &place);
		d->recent[i].word = word;
		d->recent[i].place = place;
	}
	buf_put(&d->at, &place, sizeof place);
	return r < 0 ? r : d->at.failed;
}

static unsigned dict_width(const struct dict *d)
{
	return d->n <= 0x100 ? 0 : d->n <= 0x10000 ? 1 : 2; /* as the format says it: of 1, 2, 4 bytes */
}

/* ---- the first walk ---- */

static int count_value(struct native_column *c, struct str *s)
{
	struct str v;
	const char *from = s->ptr;
	if (c->width)
		return take(s, c->width, &v) ? 0 : -E_INVALID;
	if (!take_text(s, &v))
		return -E_INVALID;
	c->bytes += (uint64_t)(s->ptr - from);
	return c->word ? dict_add(&c->dict, v) : 0;
}

static int count(struct native *t, struct str s)
{
	int r = 0;
	for (; r == 0 && s.len; t->n_rows++)
		for (size_t i = 0; r == 0 && i < t->n_columns; i++)
			r = count_value(&t->columns[i], &s);
	return r;
}

/* ---- the second ---- */

static void put_dict(const struct dict *d, uint64_t rows, struct buf *b)
{
	put_u64(b, DICT_VERSION);
	put_u64(b, DICT_HERE | dict_width(d));
	put_u64(b, d->n);
	buf_str(b, buf_view(&d->keys));
	put_u64(b, rows);
	for (size_t i = 0; i < d->at.len; i += sizeof(uint32_t)) /* little endian, as the machines it runs on */
		buf_put(b, d->at.ptr + i, (size_t)1 << dict_width(d));
}

/* All but the values, for which room is left. */
static void lay_out(struct native *t, struct buf *b)
{
	put_number(b, t->n_columns);
	put_number(b, t->n_rows);
	for (size_t i = 0; i < t->n_columns; i++) {
		struct native_column *c = &t->columns[i];
		uint64_t room = c->width ? c->width * t->n_rows : c->bytes;
		put_text(b, c->name);
		put_text(b, c->type);
		if (c->word) {
			if (t->n_rows)
				put_dict(&c->dict, t->n_rows, b);
			continue;
		}
		c->start = b->len;
		if (buf_room(b, room))
			b->len += room;
	}
	for (size_t i = 0; !b->failed && i < t->n_columns; i++)
		t->columns[i].to = b->ptr + t->columns[i].start;
}

static void put_values(struct native *t, struct str s)
{
	struct str v = { 0 };
	while (s.len)
		for (size_t i = 0; i < t->n_columns; i++) {
			struct native_column *c = &t->columns[i];
			const char *from = s.ptr;
			if (c->width ? take(&s, c->width, &v) : take_text(&s, &v)) {
				size_t n = (size_t)(s.ptr - from);
				if (!c->word)
					c->to = (char *)memcpy(c->to, from, n) + n;
			}
		}
}

int native_block(struct str rows, struct buf *ret, struct err *err)
{
	struct native *t = mem_alloc(sizeof *t);
	if (!t)
		return err_set(err, E_NOMEM, "", "no memory");
	*t = (struct native){ 0 };
	int r = take_head(t, &rows) ? 0 : -E_INVALID;
	for (size_t i = 0; i < t->n_columns; i++)
		dict_init(&t->columns[i].dict, ret->max);
	r = r < 0 ? r : count(t, rows);
	buf_reset(ret);
	if (r == 0)
		lay_out(t, ret);
	r = r < 0 ? r : ret->failed;
	if (r == 0)
		put_values(t, rows);
	for (size_t i = 0; i < t->n_columns; i++)
		dict_done(&t->columns[i].dict);
	mem_free(t);
	return r < 0 ? err_set(err, (enum err_code)-r, "index", r == -E_INVALID ? "rows can't be read" : "a batch grew too large") : 0;
}
