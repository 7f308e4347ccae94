/* See row.h. */
#include "index/row.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <stdio.h>

#define NOWHERE UINT8_MAX /* no path leads there */
#define DEPTH 16

/* ---- the keys ---- */

static unsigned hash(unsigned above, struct str key)
{
	return (above * 57 + (unsigned char)key.ptr[0] * 31u + (unsigned char)key.ptr[key.len - 1] * 7u + (unsigned)key.len * 13) % ROW_PLACES;
}

/* 0: no such key stands there. */
static unsigned find(const struct row_maker *m, unsigned above, struct str key)
{
	if (above == NOWHERE || key.len == 0)
		return 0;
	for (unsigned h = hash(above, key), i; (i = m->place[h]); h = (h + 1) % ROW_PLACES)
		if (m->keys[i].above == above && str_eq(m->keys[i].key, key))
			return i;
	return 0;
}

static unsigned add_key(struct row_maker *m, unsigned above, struct str key)
{
	unsigned i = find(m, above, key), h = hash(above, key);
	if (i)
		return i;
	if (m->n_keys == ROW_KEYS)
		bug("more keys than ROW_KEYS");
	i = m->n_keys++;
	m->keys[i] = (struct row_key){ .key = key, .above = (uint8_t)above };
	while (m->place[h])
		h = (h + 1) % ROW_PLACES;
	m->place[h] = (uint8_t)i;
	return i;
}

static unsigned add_path(struct row_maker *m, const char *path)
{
	struct str rest = str_from(path), key;
	unsigned at = 0;
	while (str_next(&rest, '.', &key))
		at = add_key(m, at, key);
	return at;
}

void row_maker_init(struct row_maker *m)
{
	/* these say no word, but another number in each record */
	static const char *const silent[] = { "ingest_time", "time", "intake.sequence" };
	*m = (struct row_maker){ .n_keys = 1 };
	words_init(&m->words);
	buf_init(&m->later, EVENT_MAX * sizeof(yyjson_val *)); /* a value is two bytes at least, of EVENT_MAX * 2 */
	for (size_t i = 0; i < ARRAY_LEN(silent); i++)
		m->keys[add_path(m, silent[i])].silent = true;
	for (size_t i = 0; columns[i].name; i++) {
		if (i == ROW_COLUMNS)
			bug("more columns than ROW_COLUMNS");
		for (size_t k = 0; k < COLUMN_PATHS && columns[i].paths[k]; k++)
			m->paths[i][k] = (uint8_t)add_path(m, columns[i].paths[k]);
	}
}

void row_maker_done(struct row_maker *m)
{
	words_done(&m->words);
	buf_done(&m->later);
}

/* ---- the walk ---- */

static void walk(struct row_maker *m, yyjson_val *v, unsigned at, bool first, int depth);

/* Where a record has a key twice, the first counts. */
static void walk_member(struct row_maker *m, yyjson_val *k, yyjson_val *v, unsigned above, bool first, int depth)
{
	unsigned at = find(m, above, (struct str){ unsafe_yyjson_get_str(k), unsafe_yyjson_get_len(k) });
	struct row_key *key = &m->keys[at];
	if (!at) {
		walk(m, v, NOWHERE, false, depth);
		return;
	}
	first = first && key->turn != m->turn;
	if (first) {
		key->turn = m->turn;
		key->value = v;
	}
	if (!key->silent)
		walk(m, v, at, first, depth);
}

static void walk(struct row_maker *m, yyjson_val *v, unsigned at, bool first, int depth)
{
	size_t i, n;
	yyjson_val *k, *x;
	if (depth > DEPTH)
		return;
	if (yyjson_is_str(v) && yyjson_get_len(v) >= WORDS_LARGE) {
		words_add(&m->words, (struct str){ yyjson_get_str(v), yyjson_get_len(v) });
	} else if (yyjson_is_str(v) || yyjson_is_int(v)) {
		buf_put(&m->later, &v, sizeof v);
	} else if (yyjson_is_obj(v)) {
		yyjson_obj_foreach(v, i, n, k, x)
			walk_member(m, k, x, at, first, depth + 1);
	} else if (yyjson_is_arr(v)) {
		yyjson_arr_foreach(v, i, n, x)
			walk(m, x, NOWHERE, false, depth + 1);
	}
}

static struct str number_text(yyjson_val *v, char dst[24])
{
	bool below = yyjson_is_sint(v) && yyjson_get_sint(v) < 0;
	uint64_t left = below ? 0 - (uint64_t)yyjson_get_sint(v) : yyjson_get_uint(v);
	char *p = dst + 24;
	do
		*--p = (char)('0' + left % 10);
	while (left /= 10);
	if (below)
		*--p = '-';
	return (struct str){ p, (size_t)(dst + 24 - p) };
}

static void put_later(struct row_maker *m)
{
	char number[24];
	for (size_t i = 0; i < m->later.len; i += sizeof(yyjson_val *)) {
		yyjson_val *v;
		memcpy(&v, m->later.ptr + i, sizeof v);
		words_add(&m->words, yyjson_is_str(v) ? (struct str){ yyjson_get_str(v), yyjson_get_len(v) } : number_text(v, number));
	}
}

static void look(struct row_maker *m, yyjson_val *root)
{
	if (++m->turn == 0) { /* after four thousand million records */
		for (unsigned i = 0; i < m->n_keys; i++)
			m->keys[i].turn = 0;
		m->turn = 1;
	}
	words_begin(&m->words);
	buf_reset(&m->later);
	walk(m, root, 0, true, 0);
	put_later(m);
}

/* ---- the row ---- */

static yyjson_val *value_of(const struct row_maker *m, size_t column)
{
	for (size_t i = 0; i < COLUMN_PATHS && m->paths[column][i]; i++) {
		const struct row_key *k = &m->keys[m->paths[column][i]];
		if (k->turn == m->turn)
			return k->value;
	}
	return NULL;
}

static struct str text_of(yyjson_val *v)
{
	if (yyjson_is_obj(v)) /* OCSF: actor.user may be an object */
		v = yyjson_obj_get(v, "name");
	return yyjson_is_str(v) ? (struct str){ yyjson_get_str(v), yyjson_get_len(v) } : STR("");
}

static uint64_t number_of(yyjson_val *v)
{
	if (yyjson_is_uint(v))
		return yyjson_get_uint(v);
	double d = yyjson_is_num(v) ? yyjson_get_num(v) : 0;
	return d > 0 && d < 1e18 ? (uint64_t)d : 0;
}

static char *put(char *p, const void *from, size_t n)
{
	memcpy(p, from, n);
	return p + n;
}

static char *put_text(char *p, struct str s)
{
	uint64_t n = s.len;
	for (; n >= 0x80; n >>= 7)
		*p++ = (char)(n | 0x80);
	*p++ = (char)n;
	return put(p, s.ptr, s.len);
}

/* Little endian, as ClickHouse writes numbers; so are the machines it runs on. */
static char *put_u64(char *p, uint64_t n)
{
	return put(p, &n, sizeof n);
}

static char *put_ip(char *p, yyjson_val *v)
{
	unsigned char a[16] = { 0 };
	const char *s = yyjson_get_str(v);
	if (s && inet_pton(AF_INET, s, a + 12) == 1)
		a[10] = a[11] = 0xff;
	else if (!s || inet_pton(AF_INET6, s, a) != 1)
		memset(a, 0, sizeof a);
	return put(p, a, sizeof a);
}

static char *put_column(char *p, const struct column *c, yyjson_val *v, struct str text)
{
	switch (c->kind) {
	case COLUMN_WORD:
	case COLUMN_TEXT: return put_text(p, text);
	case COLUMN_NUMBER: return put_u64(p, number_of(v));
	case COLUMN_IP: return put_ip(p, v);
	case COLUMN_TIME: return put_u64(p, (uint64_t)index_time_ms(v));
	}
	return p;
}

#define TEXT_HEAD 10 /* its length, at most */

void row_put(struct row_maker *m, struct buf *b, const struct event *e, const struct segment_name *name, struct str raw)
{
	struct str texts[ROW_COLUMNS] = { str_from(name->org) }; /* the body is the series it was sealed in, whatever the record says */
	struct str series = str_from(name->series), words;
	uint32_t segment = name->segment;
	size_t n, need = (ROW_COLUMNS + 5) * (TEXT_HEAD + 16) + texts[0].len + series.len + raw.len;
	look(m, e->root);
	words = buf_view(&m->words.b);
	for (n = 1; columns[n].name; n++)
		if (columns[n].kind == COLUMN_WORD || columns[n].kind == COLUMN_TEXT)
			need += (texts[n] = text_of(value_of(m, n))).len;
	if (m->later.failed || m->words.b.failed == -E_NOMEM) /* no row that can't be found */
		b->failed = -E_NOMEM;
	if (!buf_room(b, need + words.len))
		return;
	char *p = b->ptr + b->len;
	for (size_t i = 0; i < n; i++)
		p = put_column(p, &columns[i], value_of(m, i), texts[i]);
	p = put_text(p, series);
	p = put(p, &segment, sizeof segment);
	p = put_u64(p, name->index);
	p = put_text(p, words);
	p = put_text(p, raw);
	b->len = (size_t)(p - b->ptr);
}
