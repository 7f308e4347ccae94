/* See original.h. */
#include "index/original.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "index/client.h"
#include "index/columns.h"
#include "index/query.h"
#include "index/search.h"

#include <stdlib.h>

#define HEAD 4 /* org, series, segment, idx; then columns[1] and on */
#define ASKED_AT_ONCE 500
#define LEAST_MS 1000 /* less than this isn't worth a question */

void originals_init(struct originals *o, struct pick *pick, const char *org, int64_t deadline)
{
	*o = (struct originals){ .pick = pick, .org = org, .deadline = deadline };
	buf_init(&o->texts, 64 * MIB);
}

void originals_done(struct originals *o)
{
	mem_free(o->rows);
	buf_done(&o->texts);
	*o = (struct originals){ 0 };
}

void originals_begin(struct originals *o)
{
	o->n = 0;
	buf_reset(&o->texts);
}

struct str originals_text(const struct originals *o, size_t i)
{
	return (struct str){ o->texts.ptr + o->rows[i].at, o->rows[i].len };
}

/* ---- rows ---- */

static struct str text_at(yyjson_val *row, size_t i)
{
	yyjson_val *v = yyjson_arr_get(row, i);
	return yyjson_is_str(v) ? (struct str){ yyjson_get_str(v), yyjson_get_len(v) } : STR("");
}

static bool name_of(yyjson_val *row, struct segment_name *ret)
{
	uint64_t segment = yyjson_get_uint(yyjson_arr_get(row, 2));
	ret->segment = (uint32_t)segment;
	ret->index = yyjson_get_uint(yyjson_arr_get(row, 3));
	return segment <= UINT32_MAX && str_copy(text_at(row, 0), ret->org, sizeof ret->org) && str_copy(text_at(row, 1), ret->series, sizeof ret->series) &&
	       segment_org_ok(ret->org) && segment_series_ok(ret->series);
}

static int cmp_name(const struct segment_name *a, const struct segment_name *b)
{
	int r = strcmp(a->org, b->org);
	r = r ? r : strcmp(a->series, b->series);
	r = r ? r : (a->segment > b->segment) - (a->segment < b->segment);
	return r ? r : (a->index > b->index) - (a->index < b->index);
}

static void told(struct originals *o, struct original *x, struct str text)
{
	x->at = o->texts.len;
	x->len = text.len;
	x->told = true;
	buf_str(&o->texts, text);
}

static bool has_room(struct originals *o)
{
	if (o->n < o->cap)
		return true;
	size_t cap = o->cap ? 2 * o->cap : 64;
	struct original *rows = mem_array(cap, sizeof *rows);
	if (!rows)
		return false;
	if (o->n)
		memcpy(rows, o->rows, o->n * sizeof *rows);
	mem_free(o->rows);
	o->rows = rows;
	o->cap = cap;
	return true;
}

static int too_long(struct err *err)
{
	return err_set(err, E_LIMIT, "limit", "the answer is too long: ask for fewer records");
}

int originals_add(struct originals *o, yyjson_val *row, struct err *err)
{
	if (!has_room(o))
		return err_set(err, E_NOMEM, "", "no memory");
	struct original *x = &o->rows[o->n];
	*x = (struct original){ .time_ms = yyjson_get_sint(yyjson_arr_get(row, HEAD + 1)) };
	if (!name_of(row, &x->name))
		return err_set(err, E_CORRUPT, "index", "its answer can't be read");
	if (text_at(row, HEAD).len) /* one of those that are kept there (fill.c), or an index made before */
		told(o, x, text_at(row, HEAD));
	o->n++;
	return o->texts.failed ? too_long(err) : 0;
}

/* ---- from the segments ---- */

static int by_name(const void *a, const void *b)
{
	const struct original *const *x = a, *const *y = b;
	return cmp_name(&(*x)->name, &(*y)->name);
}

static bool same_segment(const struct segment_name *a, const struct segment_name *b)
{
	return a->segment == b->segment && strcmp(a->series, b->series) == 0 && strcmp(a->org, b->org) == 0;
}

/* Is this true of a row as well, once it was of the one before? Of a segment: where it lies, whose it is. Of all: who gives the keys, and may keep who asks for seconds. */
static bool holds_too(const struct original *before, const struct original *x)
{
	if (!before)
		return false;
	switch (before->why) {
	case -E_CLOSED:
	case -E_TIMEOUT:
	case -E_LIMIT: return true;
	case -E_AGAIN:
	case -E_STATE:
	case -E_DENIED: return same_segment(&before->name, &x->name);
	}
	return false;
}

static int read_it(struct originals *o, const struct segment_name *n, struct str *ret)
{
	struct err err = { 0 };
	if (!o->pick)
		return -E_CLOSED;
	if (strncmp(n->org, o->org, strlen(o->org)) != 0)
		return -E_CORRUPT;
	return clock_mono_ms() >= o->deadline ? -E_TIMEOUT : pick_record(o->pick, n, ret, &err);
}

/* In the order of their names, so that those of one block are read together. */
static int read_all(struct originals *o, struct err *err)
{
	struct original **order = mem_array(o->n + 1, sizeof *order);
	struct str text;
	size_t n = 0;
	if (!order)
		return err_set(err, E_NOMEM, "", "no memory");
	for (size_t i = 0; i < o->n; i++)
		if (!o->rows[i].told)
			order[n++] = &o->rows[i];
	qsort(order, n, sizeof *order, by_name);
	for (size_t i = 0; i < n; i++) {
		const struct original *before = i ? order[i - 1] : NULL;
		order[i]->why = holds_too(before, order[i]) ? before->why : read_it(o, &order[i]->name, &text);
		if (order[i]->why == 0)
			told(o, order[i], text);
	}
	mem_free(order);
	return o->texts.failed ? too_long(err) : 0;
}

/* ---- from the columns ---- */

static const char *why_not(int r)
{
	switch (r) {
	case -E_AGAIN: return "この記録の全体はコールドストレージにあります: toride log show で取り寄せられます。ここには検索用の項目だけがあります "
		              "(the whole record is in cold storage: toride log show brings it back; here are the index's columns alone)";
	case -E_NOT_FOUND: return "この記録の本体は保管されている中にありません(あるべきものかは toride log verify で確かめられます)。ここには検索用の項目だけがあります "
		                  "(the record itself isn't among what is kept: toride log verify says whether it should be; here are the index's columns alone)";
	case -E_STATE: return "この団体の鍵は廃棄されました: 記録はもう読めません (the body's key was destroyed: the record can't be read any more)";
	case -E_TIMEOUT: return "時間内に記録の本体を読めませんでした: 期間か件数を減らすか、toride log show で見てください "
		                "(there was no time to read the record itself: ask for a shorter span or fewer, or see toride log show)";
	}
	return "記録の本体を読めませんでした: toride log verify で確かめてください。ここには検索用の項目だけがあります "
	       "(the record itself can't be read: toride log verify says why; here are the index's columns alone)";
}

/* Of several paths of a column the one that this class has: a name that was asked for stands elsewhere in a page's record, a question's, a connection's. */
static const char *path_of(const struct column *c, uint64_t class)
{
	static const struct { const char *column; uint64_t class; size_t path; } in[] = {
		{ "host", 4002, 0 }, { "host", 4003, 1 }, { "host", 0, 2 }, { "user", 4009, 0 }, { "user", 0, 1 }, { "operation", 6003, 0 }, { "operation", 0, 1 },
	};
	for (size_t i = 0; i < ARRAY_LEN(in); i++)
		if (strcmp(in[i].column, c->name) == 0 && (in[i].class == class || in[i].class == 0))
			return c->paths[in[i].path];
	return c->paths[0];
}

static bool empty(yyjson_val *v)
{
	return yyjson_is_str(v) ? yyjson_get_len(v) == 0 || yyjson_equals_str(v, "::") : !yyjson_is_uint(v) || yyjson_get_uint(v) == 0;
}

static void put_at(yyjson_mut_doc *d, const char *path, yyjson_val *v)
{
	yyjson_mut_val *at = yyjson_mut_doc_get_root(d);
	struct str rest = str_from(path), key;
	while (str_next(&rest, '.', &key)) {
		if (rest.len == 0) {
			const char *text = yyjson_get_str(v);
			if (text && strncmp(text, "::ffff:", 7) == 0)
				text += 7;
			yyjson_mut_obj_add(at, yyjson_mut_strncpy(d, key.ptr, key.len), text ? yyjson_mut_strcpy(d, text) : yyjson_mut_uint(d, yyjson_get_uint(v)));
			return;
		}
		yyjson_mut_val *in = yyjson_mut_obj_getn(at, key.ptr, key.len);
		if (!in) {
			in = yyjson_mut_obj(d);
			yyjson_mut_obj_add(at, yyjson_mut_strncpy(d, key.ptr, key.len), in);
		}
		at = in;
	}
}

static void put_columns(yyjson_mut_doc *d, yyjson_val *row)
{
	uint64_t class = 0;
	for (size_t i = 1; columns[i].name; i++)
		if (strcmp(columns[i].name, "class") == 0)
			class = yyjson_get_uint(yyjson_arr_get(row, HEAD - 1 + i));
	for (size_t i = 1; columns[i].name; i++) {
		yyjson_val *v = yyjson_arr_get(row, HEAD - 1 + i);
		if (!empty(v))
			put_at(d, path_of(&columns[i], class), v);
	}
}

/* row: NULL where its columns can't be had either. */
static void tell_columns(struct originals *o, struct original *x, yyjson_val *row)
{
	yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = d ? yyjson_mut_obj(d) : NULL;
	size_t n = 0;
	yyjson_mut_doc_set_root(d, root);
	yyjson_mut_obj_add_str(d, root, "message", why_not(x->why));
	yyjson_mut_obj_add_str(d, root, "org", x->name.org);
	if (root && row)
		put_columns(d, row);
	char *text = yyjson_mut_write(d, 0, &n);
	told(o, x, text ? (struct str){ text, n } : STR("{}"));
	free(text);
	yyjson_mut_doc_free(d);
}

static bool is_wanted(const struct original *x)
{
	return !x->told && x->why != -E_STATE;
}

/* The columns of up to ASKED_AT_ONCE rows from *at on, which goes behind them. False: there are none. */
static bool question(struct originals *o, size_t *at, struct buf *b)
{
	struct buf names;
	int64_t first = INT64_MAX, last = INT64_MIN;
	size_t n = 0;
	buf_init(&names, 64 * KIB);
	for (; *at < o->n && n < ASKED_AT_ONCE; ++*at) {
		const struct original *x = &o->rows[*at];
		if (!is_wanted(x))
			continue;
		buf_printf(&names, "%s('%s', '%s', %u, %llu)", n++ ? ", " : "", x->name.org, x->name.series, x->name.segment, (unsigned long long)x->name.index);
		first = x->time_ms < first ? x->time_ms : first;
		last = x->time_ms > last ? x->time_ms : last;
	}
	buf_puts(b, "SELECT org, series, segment, idx");
	for (const struct column *c = columns + 1; c->name; c++)
		buf_printf(b, c->kind == COLUMN_TIME ? ", toUnixTimestamp64Milli(`%s`)" : c->kind == COLUMN_IP ? ", IPv6NumToString(`%s`)" : ", `%s`", c->name);
	buf_printf(b, " FROM toride.events WHERE time >= fromUnixTimestamp64Milli(%lld) AND time <= fromUnixTimestamp64Milli(%lld)", (long long)first, (long long)last);
	sql_scope(b, o->org);
	buf_printf(b, " AND (org, series, segment, idx) IN (" STR_FMT ")", STR_ARG(buf_view(&names)));
	b->failed = b->failed ? b->failed : names.failed;
	buf_done(&names);
	return n;
}

/* A row that nobody asked for changes nothing. */
static void take_row(struct originals *o, size_t from, size_t to, yyjson_val *row)
{
	struct segment_name name;
	if (!name_of(row, &name))
		return;
	for (size_t i = from; i < to; i++)
		if (is_wanted(&o->rows[i]) && cmp_name(&o->rows[i].name, &name) == 0) {
			tell_columns(o, &o->rows[i], row);
			return;
		}
}

static int ask(struct originals *o, struct client *c, size_t *at, struct buf *sql, struct buf *answer)
{
	size_t from = *at;
	int64_t left = o->deadline - clock_mono_ms();
	struct str rest, line;
	buf_reset(sql);
	if (!question(o, at, sql))
		return -E_NOT_FOUND;
	if (left < LEAST_MS)
		return -E_TIMEOUT;
	buf_printf(sql, " LIMIT %d FORMAT JSONCompactEachRow SETTINGS max_execution_time = %lld, max_memory_usage = %u, output_format_json_quote_64bit_integers = 0",
	           ASKED_AT_ONCE, (long long)(left / 1000), SEARCH_MEMORY);
	client_timeout(c, left < 60000 ? (unsigned)left + 2000 : 60000);
	int r = sql->failed ? sql->failed : client_query(c, buf_view(sql), answer, NULL);
	for (rest = buf_view(answer); r == 0 && str_next(&rest, '\n', &line);) {
		yyjson_doc *doc = yyjson_read(line.ptr, line.len, 0);
		take_row(o, from, *at, yyjson_doc_get_root(doc));
		yyjson_doc_free(doc);
	}
	return r;
}

int originals_read(struct originals *o, struct client *c, struct err *err)
{
	struct buf sql, answer;
	size_t at = 0;
	int r = read_all(o, err);
	if (r < 0)
		return r;
	buf_init(&sql, 256 * KIB);
	buf_init(&answer, 16 * MIB);
	while (at < o->n && r == 0)
		r = ask(o, c, &at, &sql, &answer);
	buf_done(&answer);
	buf_done(&sql);
	for (size_t i = 0; i < o->n; i++)
		if (!o->rows[i].told)
			tell_columns(o, &o->rows[i], NULL);
	return o->texts.failed ? too_long(err) : 0;
}
