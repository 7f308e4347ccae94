/* The reader: JSON in, structs out, by the table. Stands between load.c, which finds the files, and check.c, which looks
 * at what is read as a whole. It never stops at a fault: a wrong value gets its default and the rest is read on. */
#include "model/read.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>

#define FAULT(r, en, ...) fault_add((r)->faults, (r)->path.s, en, __VA_ARGS__)

static struct str text_of(yyjson_val *v)
{
	return (struct str){ yyjson_get_str(v), yyjson_get_len(v) };
}

static bool want_text(struct reader *r, yyjson_val *v)
{
	if (!yyjson_is_str(v))
		FAULT(r, "must be a text in quotes", "引用符で囲んだ文字列で書いてください");
	return yyjson_is_str(v);
}

static bool text_ok(struct reader *r, const struct field *f, struct str s)
{
	size_t max = f->max ? f->max : TEXT_MAX;
	const struct text2 *why = form_line.check(s);
	if (s.len == 0 && (f->required || f->def) && !f->list) {
		FAULT(r, "must not be empty", "空にはできません");
		return false;
	}
	if (s.len > max) {
		FAULT(r, "is longer than %zu bytes", "%zu バイトを超えています", max);
		return false;
	}
	if (!why && f->form && (s.len || f->list))
		why = f->form->check(s);
	if (why)
		fault_add2(r->faults, r->path.s, why);
	return !why;
}

static void read_text(struct reader *r, const struct field *f, yyjson_val *v, char *at)
{
	*(const char **)at = "";
	if (!want_text(r, v) || !text_ok(r, f, text_of(v)))
		return;
	char *p = arena_strdup(r->arena, text_of(v));
	if (p)
		*(const char **)at = p;
	else
		r->failed = -E_NOMEM;
}

/* Kept even with a wrong check digit, so that the checks that follow can name the organisation. */
static void read_code(struct reader *r, const struct field *f, yyjson_val *v, char *at)
{
	if (!want_text(r, v))
		return;
	struct str s = text_of(v);
	(void)text_ok(r, f, s);
	bool digits = s.len == f->size - 1u;
	for (size_t i = 0; digits && i < s.len; i++)
		digits = s.ptr[i] >= '0' && s.ptr[i] <= '9';
	if (digits)
		memcpy(at, s.ptr, s.len);
}

static void read_uint(struct reader *r, const struct field *f, yyjson_val *v, char *at)
{
	if (!yyjson_is_uint(v) || yyjson_get_uint(v) < f->min || yyjson_get_uint(v) > f->max)
		FAULT(r, "must be a whole number from %u to %u", "%u から %u までの整数で書いてください", f->min, f->max);
	else
		uint_set(f, at, (uint32_t)yyjson_get_uint(v));
}

static void read_enum(struct reader *r, const struct field *f, yyjson_val *v, char *at)
{
	char words[160];
	size_t n = 0;
	words[0] = 0;
	for (const struct word *w = f->words; w->word; w++) {
		if (yyjson_is_str(v) && str_eq(text_of(v), str_from(w->word))) {
			uint_set(f, at, (uint32_t)w->value);
			return;
		}
		int k = snprintf(words + n, sizeof words - n, "%s%s", n ? ", " : "", w->word);
		n += k > 0 && n + (size_t)k < sizeof words ? (size_t)k : 0;
	}
	FAULT(r, "must be one of %s", "次のいずれかで書いてください: %s", words);
}

static void read_prefix(struct reader *r, const struct field *f, yyjson_val *v, char *at)
{
	struct prefix p;
	char text[PREFIX_TEXT];
	if (!want_text(r, v))
		return;
	struct str s = text_of(v);
	if (s.len == 0 && !f->required && !f->list)
		return;
	bool ok = prefix_parse_host(s, &p) == 0;
	bool slash = s.len && memchr(s.ptr, '/', s.len);
	if (f->type == FIELD_ADDRESS && (!ok || slash)) {
		FAULT(r, "isn't an IPv4 or IPv6 address", "IPv4 または IPv6 アドレスとして正しくありません");
	} else if (f->type == FIELD_HOST && (!ok || !slash || p.len == 0)) {
		FAULT(r, "isn't an address with its network's length, like 192.0.2.1/24",
		      "192.0.2.1/24 のように、アドレスとネットワーク長で書いてください");
	} else if (!ok) {
		FAULT(r, "isn't a prefix, like 10.1.0.0/16 or 2001:db8::/32", "10.1.0.0/16 や 2001:db8::/32 のように書いてください");
	} else if (f->type == FIELD_PREFIX && prefix_parse(s, &p) < 0) {
		for (unsigned bit = p.len; bit < (p.family == 4 ? 32 : 128); bit++)
			p.addr[bit / 8] &= (uint8_t)~(0x80u >> bit % 8);
		FAULT(r, "has host bits set; the network is %s", "ホスト部が 0 ではありません (ネットワークは %s)", prefix_format(&p, text));
	} else if (f->family && f->family != p.family) {
		FAULT(r, "must be of IPv%u", "IPv%u で書いてください", f->family);
	} else {
		*(struct prefix *)at = p;
	}
}

static void read_time(struct reader *r, const struct field *f, yyjson_val *v, char *at)
{
	int64_t ms;
	if (!want_text(r, v))
		return;
	struct str s = text_of(v);
	if (s.len == 0 && !f->required)
		return;
	if (s.len < 20 || form_date.check((struct str){ s.ptr, 10 }) || clock_parse(s.ptr, s.len, &ms) < 0)
		FAULT(r, "isn't a time by RFC 3339, like 2027-03-31T23:59:59+09:00",
		      "RFC 3339 の時刻 (例 2027-03-31T23:59:59+09:00) で書いてください");
	else
		*(int64_t *)at = ms;
}

static void read_minute(struct reader *r, const struct field *f, yyjson_val *v, char *at)
{
	struct str rest = yyjson_is_str(v) ? text_of(v) : (struct str){ NULL, 0 }, hour = { 0 };
	uint64_t h = 0, m = 0;
	bool ok = str_next(&rest, ':', &hour) && rest.ptr && hour.len <= 2 && rest.len == 2 && str_to_u64(hour, 24, &h) &&
	          str_to_u64(rest, 59, &m) && h * 60 + m <= 1440;
	if (ok)
		uint_set(f, at, (uint32_t)(h * 60 + m));
	else
		FAULT(r, "must be a time of day, like \"8:30\"", "\"8:30\" のように時刻で書いてください");
}

static void read_prefecture(struct reader *r, const struct field *f, yyjson_val *v, char *at)
{
	if (!want_text(r, v))
		return;
	for (size_t i = 0; i < r->model->n_prefectures; i++)
		if (str_eq(text_of(v), str_from(r->model->prefectures[i].code))) {
			*(const struct prefecture **)at = &r->model->prefectures[i];
			return;
		}
	if (!fault_under(r->faults, "prefectures"))
		FAULT(r, "no such prefecture in the description", "この都道府県は記述の中にありません");
}

static void read_value(struct reader *r, const struct field *f, yyjson_val *v, char *at)
{
	switch (f->type) {
	case FIELD_TEXT: read_text(r, f, v, at); break;
	case FIELD_CODE: read_code(r, f, v, at); break;
	case FIELD_UINT: read_uint(r, f, v, at); break;
	case FIELD_ENUM: read_enum(r, f, v, at); break;
	case FIELD_PREFIX: case FIELD_ADDRESS: case FIELD_HOST: read_prefix(r, f, v, at); break;
	case FIELD_TIME: read_time(r, f, v, at); break;
	case FIELD_MINUTE: read_minute(r, f, v, at); break;
	case FIELD_PREFECTURE: read_prefecture(r, f, v, at); break;
	case FIELD_OBJECT: read_object(r, f->sub, v, at); break;
	case FIELD_BOOL:
		if (yyjson_is_bool(v))
			*(bool *)at = yyjson_get_bool(v);
		else
			FAULT(r, "must be true or false", "true または false で書いてください");
		break;
	}
}

static void read_list(struct reader *r, const struct field *f, yyjson_val *v, void *dst)
{
	size_t n = yyjson_arr_size(v), max = f->max_entries ? f->max_entries : LIST_MAX, i, count;
	yyjson_val *item;
	if (!yyjson_is_arr(v)) {
		FAULT(r, "must be a list […]", "リスト […] で書いてください");
		return;
	}
	if (n > max) {
		FAULT(r, "holds more than %zu entries", "%zu 件を超えています", max);
		return;
	}
	if (n == 0 && f->required)
		FAULT(r, "must hold at least one entry", "1 件以上必要です");
	char *items = n ? arena_array(r->arena, n, f->size) : NULL;
	if (n && !items) {
		r->failed = -E_NOMEM;
		return;
	}
	yyjson_arr_foreach(v, i, count, item) {
		size_t before = path_push(&r->path, "[%zu]", i);
		read_value(r, f, item, items + i * f->size);
		path_pop(&r->path, before);
	}
	*(char **)field_at(f, dst) = items;
	*(size_t *)((char *)dst + f->count_offset) = n;
}

static void read_default(struct reader *r, const struct field *f, char *at)
{
	if (f->type == FIELD_TEXT)
		*(const char **)at = "";
	if (f->type == FIELD_OBJECT)
		read_object(r, f->sub, NULL, at);
	if (!f->def)
		return;
	yyjson_doc *doc = yyjson_read(f->def, strlen(f->def), 0);
	if (doc)
		read_value(r, f, yyjson_doc_get_root(doc), at);
	else
		r->failed = -E_NOMEM;
	yyjson_doc_free(doc);
}

/* A member's name is outside text: what could confuse in a path becomes "?". */
static size_t push_unknown(struct reader *r, struct str name)
{
	char text[41];
	size_t n = name.len < sizeof text - 1 ? name.len : sizeof text - 1;
	for (size_t i = 0; i < n; i++) {
		char c = name.ptr[i];
		bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
		text[i] = ok ? c : '?';
	}
	text[n] = 0;
	return path_push(&r->path, "%s%s", r->path.n ? "." : "", text);
}

static void unknown_member(struct reader *r, struct str name, const struct field *near)
{
	size_t before = push_unknown(r, name);
	if (near)
		FAULT(r, "unknown member; did you mean \"%s\"?", "知らない項目です。\"%s\" のことでしょうか", near->name);
	else
		FAULT(r, "unknown member", "知らない項目です");
	path_pop(&r->path, before);
}

#define FIELDS_MAX 64
struct members {
	yyjson_val *value[FIELDS_MAX]; /* by the table's order */
	bool meant[FIELDS_MAX];        /* misspelt: not missing too */
};

/* Sorts the JSON's members into the table's order; unknown and repeated ones are faults. */
static void find_members(struct reader *r, const struct object *o, yyjson_val *v, struct members *found)
{
	size_t i, n;
	yyjson_val *key, *val;
	if (!v)
		return; /* defaults only */
	if (!yyjson_is_obj(v)) {
		FAULT(r, "must be an object {…}", "オブジェクト {…} で書いてください");
		return;
	}
	yyjson_obj_foreach(v, i, n, key, val) {
		const struct field *f = schema_field(o, text_of(key));
		if (!f) {
			f = schema_nearest(o, text_of(key));
			unknown_member(r, text_of(key), f);
			if (f)
				found->meant[f - o->fields] = true;
		} else if (found->value[f - o->fields]) {
			size_t before = path_push(&r->path, "%s%s", r->path.n ? "." : "", f->name);
			FAULT(r, "stands here twice", "同じ項目が 2 回あります");
			path_pop(&r->path, before);
		} else {
			found->value[f - o->fields] = val;
		}
	}
}

void read_object(struct reader *r, const struct object *o, yyjson_val *v, void *dst)
{
	struct members found = { 0 };
	find_members(r, o, v, &found);
	SCHEMA_EACH(f, o) {
		yyjson_val *item = found.value[f - o->fields];
		size_t before = path_push(&r->path, "%s%s", r->path.n ? "." : "", f->name);
		if (!item && f->required && !found.meant[f - o->fields] && yyjson_is_obj(v))
			FAULT(r, "is missing", "必要な項目がありません");
		if (!f->list)
			read_default(r, f, field_at(f, dst));
		if (item && f->list)
			read_list(r, f, item, dst);
		else if (item)
			read_value(r, f, item, field_at(f, dst));
		path_pop(&r->path, before);
	}
}

/* How deep brackets nest outside of strings and comments. */
static size_t nesting(struct str s)
{
	size_t depth = 0, most = 0;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i], next = i + 1 < s.len ? s.ptr[i + 1] : 0;
		if (c == '"') {
			for (i++; i < s.len && s.ptr[i] != '"'; i++)
				i += s.ptr[i] == '\\';
		} else if (c == '/' && next == '/') {
			while (i < s.len && s.ptr[i] != '\n')
				i++;
		} else if (c == '/' && next == '*') {
			for (i += 2; i + 1 < s.len && (s.ptr[i] != '*' || s.ptr[i + 1] != '/'); i++)
				;
		} else if (c == '{' || c == '[') {
			most = ++depth > most ? depth : most;
		} else if ((c == '}' || c == ']') && depth) {
			depth--;
		}
	}
	return most;
}

static void syntax_fault(struct reader *r, const char *name, struct str text, const yyjson_read_err *e)
{
	size_t line = 1, from = 0, pos = e->pos < text.len ? e->pos : text.len;
	char path[256];
	for (size_t i = 0; i < pos; i++)
		if (text.ptr[i] == '\n') {
			line++;
			from = i + 1;
		}
	snprintf(path, sizeof path, "%s:%zu:%zu", name, line, pos - from + 1);
	fault_add(r->faults, path, "not JSON: %s", "JSON として読めません: %s", e->msg ? e->msg : "?");
}

yyjson_doc *read_parse(struct reader *r, const char *name, struct str text, bool strict)
{
	yyjson_read_err e = { 0 };
	yyjson_read_flag flags = strict ? 0 : YYJSON_READ_ALLOW_COMMENTS | YYJSON_READ_ALLOW_TRAILING_COMMAS;
	if (nesting(text) > NESTING_MAX) {
		fault_add(r->faults, name, "nests deeper than %d", "入れ子が %d 段を超えています", NESTING_MAX);
		return NULL;
	}
	yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)text.ptr, text.len, flags, NULL, &e);
	if (!doc && e.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
		r->failed = -E_NOMEM;
	else if (!doc)
		syntax_fault(r, name, text, &e);
	return doc;
}
