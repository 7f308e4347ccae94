/* See dialect.h. */
#include "index/dialect.h"

#include "base/err.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <yyjson.h>

/* `from` begins with a word and is said as `to` to servers older than `until`. The first that fits. */
static const struct rule {
	unsigned until;
	const char *from, *to;
} rules[] = {
	{ DIALECT_TEXT, "INDEX words_index words TYPE text(tokenizer = 'splitByNonAlpha')", NULL }, /* words_index() */
	{ DIALECT_WHOLE, "LowCardinality(String)", "String" },
	{ DIALECT_WHOLE, "DateTime64(3, 'UTC')", "Int64" },
	{ DIALECT_WHOLE, "IPv6,", "FixedString(16)," },
	{ DIALECT_WHOLE, "CODEC(DoubleDelta, ZSTD(1))", "" },
	{ DIALECT_WHOLE, "CODEC(Delta, ZSTD(1))", "" },
	{ DIALECT_WHOLE, "CODEC(ZSTD(1))", "" },
	{ DIALECT_WHOLE, "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_bytes_for_wide_part = 268435456, merge_selector_base = 16", "" },
	{ DIALECT_TEXT, "min_bytes_for_wide_part = 268435456, merge_selector_base = 16", "min_bytes_for_wide_part = 268435456" }, /* since 2024 */
	{ DIALECT_WHOLE, "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1", "" },
	{ DIALECT_WHOLE, "fromUnixTimestamp64Milli(", "toInt64(" },
	{ DIALECT_WHOLE, "toUnixTimestamp64Milli(", "toInt64(" },
	{ DIALECT_WHOLE, "formatDateTime(time,", "formatDateTime(toDateTime(intDiv(time, 1000)),"  },
	{ DIALECT_WHOLE, "formatDateTime(arrival,", "formatDateTime(toDateTime(intDiv(arrival, 1000)),"  },
	{ DIALECT_WHOLE, "toYYYYMMDD(arrival,", "toYYYYMMDD(toDateTime(intDiv(arrival, 1000))," },
	{ DIALECT_WHOLE, "toIPv6(", "IPv6StringToNum(" },
	{ DIALECT_WHOLE, "simpleJSONExtractString(", "visitParamExtractString(" },
	{ DIALECT_WHOLE, "leftPad(toString(segment), 6, '0')", "if(segment < 1000000, substring(toString(segment + 1000000), 2), toString(segment))" },
	{ DIALECT_WHOLE, "DELETE FROM", NULL }, /* deletion() */
};

/* ---- words ---- */

struct said {
	const struct dialect *d;
	const char *p, *end;
	struct buf *b;
	struct str table; /* of the statement that makes or drops one */
	bool ddl, named;  /* it makes or drops; what it does has its name behind it */
	bool objects;
};

static bool starts_word(char c)
{
	return isalpha((unsigned char)c) || c == '_';
}

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static bool at(const struct said *s, struct str text)
{
	return (size_t)(s->end - s->p) >= text.len && memcmp(s->p, text.ptr, text.len) == 0;
}

static bool take(struct said *s, struct str text)
{
	if (!at(s, text))
		return false;
	s->p += text.len;
	return true;
}

/* In quotation marks of either kind, as it is. */
static int quoted(struct said *s, struct err *err)
{
	const char *from = s->p, q = *s->p++;
	while (s->p < s->end && *s->p != q)
		s->p += *s->p == '\\' ? 2 : 1;
	if (s->p >= s->end)
		return err_set(err, E_INVALID, "query", "a quotation mark is never closed");
	s->p++;
	buf_put(s->b, from, (size_t)(s->p - from));
	return 0;
}

/* hasAllTokens(words, ['a','b']): one hasToken() each; without an index it would only cost, and the exact condition stands beside it. */
static int tokens(struct said *s, struct err *err)
{
	bool any = false;
	buf_putc(s->b, '(');
	while (s->p < s->end && *s->p == '\'') {
		struct buf none;
		struct said skip = *s;
		buf_init(&none, 64 * KIB);
		if (dialect_is_old(s->d))
			skip.b = &none;
		else
			buf_puts(s->b, any ? " AND hasToken(words, " : "hasToken(words, ");
		int r = quoted(&skip, err);
		buf_done(&none);
		if (r < 0)
			return r;
		s->p = skip.p;
		if (!dialect_is_old(s->d))
			buf_putc(s->b, ')');
		any = true;
		take(s, STR(","));
	}
	if (!any || !take(s, STR("])")))
		return err_set(err, E_INVALID, "query", "tokens can't be read");
	buf_puts(s->b, dialect_is_old(s->d) ? "1)" : ")");
	return 0;
}

/* hasToken(words, 'a'), which very old ones don't know. */
static int token(struct said *s, struct err *err)
{
	if (s->p == s->end || *s->p != '\'')
		return err_set(err, E_INVALID, "query", "a token can't be read");
	const char *from = ++s->p;
	while (s->p < s->end && isalnum((unsigned char)*s->p))
		s->p++;
	struct str word = { from, (size_t)(s->p - from) };
	if (!word.len || !take(s, STR("')")))
		return err_set(err, E_INVALID, "query", "a token can't be read");
	buf_printf(s->b, "match(words, '(^|[^0-9a-z])" STR_FMT "([^0-9a-z]|$)')", STR_ARG(word));
	return 0;
}

static void words_index(struct said *s)
{
	if (dialect_is_old(s->d))
		take(s, STR(", "));
	else /* 32 KiB for the words of 8,192 rows */
		buf_puts(s->b, "INDEX words_index words TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 1");
}

/* "DELETE FROM toride.x WHERE …" */
static void deletion(struct said *s)
{
	const char *from = ++s->p;
	while (s->p < s->end && *s->p != ' ')
		s->p++;
	struct str name = { from, (size_t)(s->p - from) };
	buf_puts(s->b, "ALTER TABLE ");
	if (str_starts(name, STR("toride.")))
		buf_puts(s->b, s->d->database), name.ptr += 6, name.len -= 6;
	buf_str(s->b, name);
	buf_puts(s->b, " DELETE");
}

static bool by_rule(struct said *s)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		if (s->d->version >= rules[i].until || !take(s, str_from(rules[i].from)))
			continue;
		if (rules[i].to)
			buf_puts(s->b, rules[i].to);
		else if (rules[i].from[0] == 'I')
			words_index(s);
		else
			deletion(s);
		return true;
	}
	return false;
}

/* Settings stand before the format there, and a format of arrays there is none. */
static bool by_format(struct said *s)
{
	if (!dialect_is_old(s->d) || !take(s, STR("FORMAT JSONCompactEachRow ")))
		return false;
	s->objects = true;
	return true;
}

static bool by_engine(struct said *s)
{
	if (!*s->d->cluster || !take(s, STR("ENGINE = MergeTree")))
		return false;
	buf_printf(s->b, "ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/%s/" STR_FMT "', '{replica}')", s->d->database, STR_ARG(s->table));
	return true;
}

/* Unknown to older servers, which don't put off reading what isn't asked for, nor asking the indexes. */
static bool by_setting(struct said *s)
{
	if (s->d->version >= DIALECT_TEXT || (!take(s, STR("query_plan_max_limit_for_lazy_materialization = ")) && !take(s, STR("use_skip_indexes_on_data_read = "))))
		return false;
	while (s->p < s->end && *s->p != ',')
		s->p++;
	take(s, STR(", "));
	return true;
}

/* "toride", "toride.x": where the statement names what it makes or drops, on every server of the cluster. */
static void named(struct said *s)
{
	buf_puts(s->b, s->d->database);
	if (take(s, STR("."))) {
		const char *from = s->p;
		while (s->p < s->end && in_word(*s->p))
			s->p++;
		struct str name = { from, (size_t)(s->p - from) };
		buf_putc(s->b, '.');
		buf_str(s->b, name);
		if (!s->named)
			s->table = name;
	}
	if (s->ddl && !s->named && *s->d->cluster)
		buf_printf(s->b, " ON CLUSTER `%s`", s->d->cluster);
	s->named = true;
}

static int word(struct said *s, struct err *err)
{
	if (s->d->version < DIALECT_TEXT && take(s, STR("hasAllTokens(words, [")))
		return tokens(s, err);
	if (dialect_is_old(s->d) && take(s, STR("hasToken(words, ")))
		return token(s, err);
	if (by_rule(s) || by_format(s) || by_engine(s) || by_setting(s))
		return 0;
	if (take(s, STR("database = 'toride'"))) {
		buf_printf(s->b, "database = '%s'", s->d->database);
		return 0;
	}
	if (take(s, STR("Merge('toride'"))) {
		buf_printf(s->b, "Merge('%s'", s->d->database);
		return 0;
	}
	const char *from = s->p;
	while (s->p < s->end && in_word(*s->p))
		s->p++;
	struct str w = { from, (size_t)(s->p - from) };
	if (str_eq(w, STR("toride")))
		named(s);
	else
		buf_str(s->b, w);
	return 0;
}

int dialect_sql(const struct dialect *d, struct str sql, struct buf *b, bool *ret_objects, struct err *err)
{
	struct said s = { .d = d, .p = sql.ptr, .end = sql.ptr + sql.len, .b = b };
	int r = 0;
	while (s.p < s.end && isspace((unsigned char)*s.p))
		s.p++;
	bool drops = at(&s, STR("DROP TABLE"));
	s.ddl = drops || at(&s, STR("CREATE "));
	while (r == 0 && s.p < s.end)
		if (*s.p == '\'' || *s.p == '`')
			r = quoted(&s, err);
		else if (starts_word(*s.p))
			r = word(&s, err);
		else if (isdigit((unsigned char)*s.p)) /* 1e5 isn't a word */
			while (s.p < s.end && in_word(*s.p))
				buf_putc(b, *s.p++);
		else
			buf_putc(b, *s.p++);
	if (r == 0 && drops && *d->cluster && !dialect_is_old(d)) /* old ones drop at once, and don't know the word */
		buf_puts(b, " SYNC"); /* else its name in the keeper is taken for minutes */
	if (r == 0 && s.objects)
		buf_puts(b, " FORMAT JSONEachRow");
	*ret_objects = s.objects;
	return r < 0 ? r : b->failed ? err_set(err, (enum err_code)-b->failed, "query", "too long") : 0;
}

int dialect_version(struct str text, unsigned *ret, struct err *err)
{
	struct str rest = str_trim(text), part;
	uint64_t major, minor;
	while (rest.len && (rest.ptr[rest.len - 1] == '\n' || rest.ptr[rest.len - 1] == '\r'))
		rest.len--;
	struct str whole = rest;
	if (rest.len > 64 || !str_next(&rest, '.', &part) || !str_to_u64(part, 999, &major) || !str_next(&rest, '.', &part) || !str_to_u64(part, 99, &minor))
		return err_set(err, E_INVALID, "index", "it doesn't say a version of ClickHouse");
	*ret = (unsigned)(major * 100 + minor);
	return *ret >= DIALECT_OLDEST ? 0 : err_set(err, E_INVALID, "index", "its ClickHouse is " STR_FMT ": at least %u.%u is needed", STR_ARG(whole), DIALECT_OLDEST / 100, DIALECT_OLDEST % 100);
}

/* ---- answers ---- */

static int row(struct str line, struct buf *b, struct err *err)
{
	yyjson_doc *doc = yyjson_read(line.ptr, line.len, 0);
	yyjson_val *root = yyjson_doc_get_root(doc), *k, *v;
	size_t i, n;
	if (!yyjson_is_obj(root)) {
		yyjson_doc_free(doc);
		return err_set(err, E_CORRUPT, "index", "its answer can't be read");
	}
	buf_putc(b, '[');
	yyjson_obj_foreach(root, i, n, k, v) {
		char *text = yyjson_val_write(v, 0, NULL);
		buf_puts(b, i ? "," : "");
		buf_puts(b, text ? text : "null");
		free(text);
	}
	buf_puts(b, "]\n");
	yyjson_doc_free(doc);
	return 0;
}

int dialect_rows(struct str lines, struct buf *b, struct err *err)
{
	struct str line;
	int r = 0;
	while (r == 0 && str_next(&lines, '\n', &line))
		if (line.len)
			r = row(line, b, err);
	return r < 0 ? r : b->failed ? err_set(err, (enum err_code)-b->failed, "index", "the answer is too long") : 0;
}
