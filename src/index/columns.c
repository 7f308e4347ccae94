/* See columns.h. */
#include "index/columns.h"

#include "base/mem.h"
#include "index/rollup.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <time.h>

const struct column columns[] = {
	{ "org", COLUMN_WORD, { "org" }, "団体コード", "body", "org:41*" },
	{ "time", COLUMN_TIME, { "time" }, "発生時刻", "when it happened", NULL },
	{ "arrival", COLUMN_TIME, { "ingest_time", "time" }, "受信時刻", "when it arrived", NULL },
	{ "class", COLUMN_NUMBER, { "class_uid" }, "種別", "OCSF class", "class:dns" },
	{ "product", COLUMN_WORD, { "product" }, "記録した機能", "who recorded it", "product:proxyd" },
	{ "action", COLUMN_WORD, { "action" }, "許可・拒否", "Allowed or Denied", "action:Denied" },
	{ "disposition", COLUMN_WORD, { "disposition" }, "処置", "what was done", "disposition:Blocked" },
	{ "status", COLUMN_WORD, { "status" }, "結果", "Success or Failure", "status:Failure" },
	{ "src", COLUMN_IP, { "src_endpoint.ip" }, "送信元(端末)", "source, the terminal", "src:10.1.0.0/16" },
	{ "srcport", COLUMN_NUMBER, { "src_endpoint.port" }, "送信元ポート", "source port", "srcport<1024" },
	{ "via", COLUMN_IP, { "src_endpoint.via" }, "経由した庁内プロキシ", "child proxy it came by", "via:10.1.0.80" },
	{ "dst", COLUMN_IP, { "dst_endpoint.ip" }, "宛先アドレス", "destination address", "dst:203.0.113.7" },
	{ "dstport", COLUMN_NUMBER, { "dst_endpoint.port" }, "宛先ポート", "destination port", "dstport:3389" },
	{ "host", COLUMN_TEXT, { "http_request.url.hostname", "query.hostname", "dst_endpoint.hostname", "tls.sni" },
	  "宛先のホスト名", "host name asked for", "host:*.example.jp" },
	{ "url", COLUMN_TEXT, { "http_request.url.url_string" }, "URL", "URL", "url:*/login*" },
	{ "method", COLUMN_WORD, { "http_request.http_method" }, "メソッド", "HTTP method", "method:POST" },
	{ "code", COLUMN_NUMBER, { "http_response.code" }, "HTTPの応答", "HTTP status", "code>=500" },
	{ "agent", COLUMN_TEXT, { "http_request.user_agent" }, "ブラウザ", "user agent", "agent:*curl*" },
	{ "qtype", COLUMN_WORD, { "query.type" }, "DNSの種別", "type of a DNS question", "qtype:TXT" },
	{ "rcode", COLUMN_WORD, { "rcode" }, "DNSの応答", "answer of a DNS server", "rcode:NXDOMAIN" },
	{ "rule", COLUMN_TEXT, { "rule.uid", "rule.id" }, "決めた規則", "the rule that decided", "rule:default-out" },
	{ "verdict", COLUMN_WORD, { "verdict" }, "検査の判定", "verdict on the file", "verdict:malicious" },
	{ "malware", COLUMN_WORD, { "malware.name" }, "マルウェア名", "name of the malware", "malware:*" },
	{ "hash", COLUMN_TEXT, { "file.hash" }, "ファイルのハッシュ", "SHA-256 of the file", "hash:275a021b*" },
	{ "user", COLUMN_TEXT, { "email.to", "user.name", "actor.user" }, "利用者、メールの宛先", "user, whom a mail went to", "user:yamada" },
	{ "operation", COLUMN_WORD, { "api.operation", "activity_name" }, "操作", "operation", "operation:approve" },
	{ "app", COLUMN_WORD, { "app.name" }, "プログラム", "program", "app:sshd" },
	{ "ref", COLUMN_TEXT, { "ref" }, "受付番号", "number on the block page", "ref:P-*" },
	{ "in", COLUMN_NUMBER, { "traffic.bytes_in" }, "受信バイト", "bytes towards the terminal", "in>100000000" },
	{ "out", COLUMN_NUMBER, { "traffic.bytes_out" }, "送信バイト", "bytes from the terminal", "out>10000000" },
	{ "ms", COLUMN_NUMBER, { "duration" }, "所要ミリ秒", "duration in ms", "ms>10000" },
	{ 0 },
};

const struct column column_ja4 = { "ja4", COLUMN_TEXT, { "tls.ja4", "tls.proxy_ja4" }, "プログラムの指紋(TLS)", "program's fingerprint (TLS)", "ja4:t13d1516h2_8daaf6152771_e5627efa2ab1" };

const struct index_table index_tables[] = {
	{ 4002, "c4002_http_activity" },
	{ 4003, "c4003_dns_activity" },
	{ 4001, "c4001_network_activity" },
	{ 4009, "c4009_email_activity" },
	{ 2004, "c2004_detection_finding" },
	{ 3002, "c3002_authentication" },
	{ 1007, "c1007_process_activity" },
	{ 6003, "c6003_api_activity" },
	{ 6002, "c6002_application_lifecycle" },
	{ 0, "c0_other" },
};

const struct column *column_find(struct str name)
{
	for (const struct column *c = columns; c->name; c++)
		if (str_eq(name, str_from(c->name)))
			return c;
	return NULL;
}

const struct index_table *index_table_of(uint32_t class_uid)
{
	const struct index_table *t = index_tables;
	while (t->class_uid && t->class_uid != class_uid)
		t++;
	return t;
}

size_t index_table_count(void)
{
	return (size_t)(index_table_of(0) - index_tables) + 1;
}

static const char *type_of(enum column_kind kind)
{
	switch (kind) {
	case COLUMN_WORD: return "LowCardinality(String)";
	case COLUMN_TEXT: return "String";
	case COLUMN_NUMBER: return "UInt64";
	case COLUMN_IP: return "IPv6";
	case COLUMN_TIME: return "DateTime64(3, 'UTC')";
	}
	return "String";
}

/* Behind the columns of the table above: the record's name, its values as words, itself. */
static const struct { const char *name, *type, *codec; } rest[] = {
	{ "series", "LowCardinality(String)", "" },
	{ "segment", "UInt32", " CODEC(Delta, ZSTD(1))" },
	{ "idx", "UInt64", " CODEC(Delta, ZSTD(1))" },
	{ "words", "String", " CODEC(ZSTD(1))" },
	{ "raw", "String", " CODEC(ZSTD(1))" },
};
#define WORDS_INDEX "INDEX words_index words TYPE text(tokenizer = 'splitByNonAlpha'), " /* dialect.c knows it */

static const char *codec_of(const struct column *c)
{
	return c->kind == COLUMN_TIME ? " CODEC(DoubleDelta, ZSTD(1))" : c->kind == COLUMN_TEXT ? " CODEC(ZSTD(1))" : "";
}

static void table_columns(struct buf *b)
{
	for (const struct column *c = columns; c->name; c++)
		buf_printf(b, "`%s` %s%s, ", c->name, type_of(c->kind), codec_of(c));
	buf_puts(b, WORDS_INDEX);
	for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
		buf_printf(b, "`%s` %s%s, ", rest[i].name, rest[i].type, rest[i].codec);
}

/* A partition is a day of arrival. `time` is in its key for nothing but the engine's keeping the first and the last of each part in memory: by the order alone no part
 * is ever left out of a search, since what follows a body's last row is another body's, and every question would open all parts of the year.
 * merge_selector_base: 15 parts of one size become one in place of 5, so that a record is written anew half as often.
 * fsync: the place up to which the index is filled is written down after an insert, and a power cut must not prove it wrong. */
void index_schema(struct buf *b)
{
	buf_puts(b, "CREATE DATABASE IF NOT EXISTS toride;\n");
	for (size_t i = 0; i < index_table_count(); i++) {
		buf_printf(b, "CREATE TABLE IF NOT EXISTS toride.%s (", index_tables[i].name);
		table_columns(b);
		b->len -= 2; /* the last comma */
		buf_puts(b, ") ENGINE = MergeTree"
		            " PARTITION BY toYYYYMMDD(arrival, 'Asia/Tokyo') + 0 * toUnixTimestamp64Milli(time) ORDER BY (org, time)"
		            " SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_bytes_for_wide_part = 268435456, merge_selector_base = 16;\n");
	}
	buf_printf(b, "CREATE TABLE IF NOT EXISTS toride.events AS toride.%s ENGINE = Merge('toride', '^c[0-9]+_');\n",
	           index_table_of(0)->name);
	rollup_schema(b);
}

void index_owner_schema(struct buf *b)
{
	buf_puts(b, "CREATE DATABASE IF NOT EXISTS toride;\n"
	            "CREATE TABLE IF NOT EXISTS toride.owner (id String, made UInt64) ENGINE = MergeTree ORDER BY id;\n");
}

/* ---- rows ---- */

static void put_varint(struct buf *b, uint64_t n)
{
	for (; n >= 0x80; n >>= 7)
		buf_putc(b, (char)(n | 0x80));
	buf_putc(b, (char)n);
}

static void put_text(struct buf *b, struct str s)
{
	put_varint(b, s.len);
	buf_put(b, s.ptr, s.len);
}

/* Little endian, as ClickHouse writes numbers; so are the machines it runs on. */
static void put_u64(struct buf *b, uint64_t n)
{
	buf_put(b, &n, sizeof n);
}

void index_row_head(struct buf *b)
{
	size_t n = 0;
	while (columns[n].name)
		n++;
	put_varint(b, n + sizeof rest / sizeof *rest);
	for (size_t i = 0; i < n; i++)
		put_text(b, str_from(columns[i].name));
	for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
		put_text(b, str_from(rest[i].name));
	for (size_t i = 0; i < n; i++)
		put_text(b, str_from(type_of(columns[i].kind)));
	for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
		put_text(b, str_from(rest[i].type));
}

static yyjson_val *value_of(const struct event *e, const struct column *c)
{
	yyjson_val *v = NULL;
	for (size_t i = 0; !v && i < COLUMN_PATHS && c->paths[i]; i++)
		v = event_get(e, c->paths[i]);
	return v;
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

static void put_ip(struct buf *b, yyjson_val *v)
{
	unsigned char a[16] = { 0 };
	const char *s = yyjson_get_str(v);
	if (s && inet_pton(AF_INET, s, a + 12) == 1)
		a[10] = a[11] = 0xff;
	else if (!s || inet_pton(AF_INET6, s, a) != 1)
		memset(a, 0, sizeof a);
	buf_put(b, a, sizeof a);
}

/* DateTime64 reaches from 1900 to 2299; what lies outside would be stored as something else. */
static int64_t time_of(yyjson_val *v)
{
	const int64_t last = 10413791999999; /* 2299-12-31 */
	int64_t ms = yyjson_is_int(v) ? yyjson_get_sint(v) : 0;
	return ms < 0 || ms > last ? 0 : ms;
}

/* 0: not of a word, 1: of a word in ASCII, 2: of one in other letters */
static int word_kind(unsigned char c)
{
	return c >= 0x80 ? 2 : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void words_fold(struct buf *b, struct str s)
{
	int before = 0;
	if (s.len == 0 || !buf_room(b, 2 * s.len))
		return;
	char *to = b->ptr + b->len;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		int kind = word_kind((unsigned char)c);
		if (kind && before && kind != before)
			*to++ = '\x1f';
		*to++ = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
		before = kind;
	}
	b->len = (size_t)(to - b->ptr);
}

#define WORDS_LARGE 48  /* bytes: such a value may hold others */
#define WORDS_STARTS 512
#define WORDS_LOOK 16   /* places looked at for a value: a record may be hostile */
#define WORDS_BUCKETS 256

/* The words of a record as they are put together, and where in them a word begins. */
struct words {
	struct buf *b;
	bool large; /* this turn: texts of WORDS_LARGE and more; behind them all other values */
	uint16_t n, bucket[WORDS_BUCKETS]; /* the last start of such a word + 1; 0: none */
	uint16_t at[WORDS_STARTS], before[WORDS_STARTS];
};

/* The word that begins at or behind i: its bucket; where it begins and ends. False: there is none. */
static bool next_word(struct str s, size_t i, size_t *ret_from, size_t *ret_to, uint32_t *ret_bucket)
{
	uint32_t h = 2166136261u; /* FNV-1a */
	while (i < s.len && !word_kind((unsigned char)s.ptr[i]))
		i++;
	*ret_from = i;
	for (; i < s.len && word_kind((unsigned char)s.ptr[i]); i++)
		h = (h ^ (unsigned char)s.ptr[i]) * 16777619u;
	*ret_to = i;
	*ret_bucket = (h ^ h >> 15) % WORDS_BUCKETS;
	return *ret_from < i;
}

static void note_words(struct words *w, size_t from)
{
	size_t start, end;
	uint32_t bucket;
	for (size_t i = from; w->n < WORDS_STARTS && next_word(buf_view(w->b), i, &start, &end, &bucket) && end <= UINT16_MAX; i = end) {
		w->at[w->n] = (uint16_t)start;
		w->before[w->n] = w->bucket[bucket];
		w->bucket[bucket] = ++w->n;
	}
}

/* Does what begins there stand before it already, as words of its own? */
static bool stands(const struct words *w, size_t from)
{
	struct str all = buf_view(w->b), s = { all.ptr + from, all.len - from };
	size_t start, end;
	uint32_t bucket;
	if (!next_word(s, 0, &start, &end, &bucket) || start != 0)
		return false;
	unsigned left = WORDS_LOOK;
	for (uint16_t i = w->bucket[bucket]; i && left--; i = w->before[i - 1]) {
		size_t at = w->at[i - 1];
		if (at + s.len < from && memcmp(all.ptr + at, s.ptr, s.len) == 0 && !word_kind((unsigned char)all.ptr[at + s.len]))
			return true;
	}
	return false;
}

/* What stands there already isn't written again: a device's line holds most of what was read out of it, a URL its host. No query tells the difference, since none
 * reaches over the end of a value. */
static void put_value(struct words *w, struct str s)
{
	size_t from = w->b->len;
	words_fold(w->b, s);
	if (w->b->len == from)
		return;
	if (stands(w, from)) {
		w->b->len = from;
		return;
	}
	note_words(w, from);
	buf_putc(w->b, '\n');
}

/* These say no word, but another number in each record: at its top, and within `intake`. */
static const char *const numbers_of_ours[] = { "ingest_time", "time", NULL }, *const numbers_of_intake[] = { "sequence", NULL };

static void put_words(struct words *w, yyjson_val *v, int depth);

static void put_members(struct words *w, yyjson_val *o, int depth, const char *const *but)
{
	size_t i, n;
	yyjson_val *k, *x;
	yyjson_obj_foreach(o, i, n, k, x) {
		bool out = false;
		for (const char *const *p = but; p && *p; p++)
			out = out || yyjson_equals_str(k, *p);
		if (!out && depth == 0 && yyjson_is_obj(x) && yyjson_equals_str(k, "intake"))
			put_members(w, x, 1, numbers_of_intake);
		else if (!out)
			put_words(w, x, depth + 1);
	}
}

/* Every value, no key: what a word of a query is looked for in. */
static void put_words(struct words *w, yyjson_val *v, int depth)
{
	size_t i, n;
	yyjson_val *x;
	char number[24];
	if (depth > 16)
		return;
	if (yyjson_is_obj(v)) {
		put_members(w, v, depth, depth == 0 ? numbers_of_ours : NULL);
	} else if (yyjson_is_arr(v)) {
		yyjson_arr_foreach(v, i, n, x)
			put_words(w, x, depth + 1);
	} else if (yyjson_is_str(v)) {
		if ((yyjson_get_len(v) >= WORDS_LARGE) == w->large)
			put_value(w, (struct str){ yyjson_get_str(v), yyjson_get_len(v) });
	} else if (yyjson_is_int(v) && !w->large) {
		put_value(w, (struct str){ number, (size_t)snprintf(number, sizeof number, "%lld", (long long)yyjson_get_sint(v)) });
	}
}

uint32_t index_day(int64_t ms)
{
	time_t t = (time_t)(ms / 1000 + 9 * 3600);
	struct tm tm;
	gmtime_r(&t, &tm);
	return (uint32_t)((tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday);
}

int64_t index_arrival_ms(const struct event *e)
{
	return time_of(value_of(e, column_find(STR("arrival"))));
}

static void put_column(struct buf *b, const struct column *c, yyjson_val *v)
{
	switch (c->kind) {
	case COLUMN_WORD:
	case COLUMN_TEXT: put_text(b, text_of(v)); break;
	case COLUMN_NUMBER: put_u64(b, number_of(v)); break;
	case COLUMN_IP: put_ip(b, v); break;
	case COLUMN_TIME: put_u64(b, (uint64_t)time_of(v)); break;
	}
}

void index_row(struct buf *b, const struct event *e, const struct segment_name *name, struct str raw, struct buf *words)
{
	for (const struct column *c = columns; c->name; c++) {
		/* the body is the series it was sealed in, whatever the record says */
		if (c == columns)
			put_text(b, str_from(name->org));
		else
			put_column(b, c, value_of(e, c));
	}
	uint32_t segment = name->segment;
	put_text(b, str_from(name->series));
	buf_put(b, &segment, sizeof segment);
	put_u64(b, name->index);
	buf_reset(words);
	struct words w = { .b = words, .large = true };
	put_words(&w, e->root, 0);
	w.large = false;
	put_words(&w, e->root, 0);
	put_text(b, buf_view(words));
	put_text(b, raw);
}
