/* See columns.h. */
#include "index/columns.h"

#include "index/rollup.h"

#include <time.h>

#define ARRIVAL 2
const struct column columns[] = {
	{ "org", COLUMN_WORD, { "org" }, "団体コード", "body", "org:41*" },
	{ "time", COLUMN_TIME, { "time" }, "発生時刻", "when it happened", NULL },
	[ARRIVAL] = { "arrival", COLUMN_TIME, { "ingest_time", "time" }, "受信時刻", "when it arrived", NULL },
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

/* Behind the columns of the table above: the record's name, its values as words; of some itself (fill.c). */
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

/* ---- the head of rows ---- */

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

/* DateTime64 reaches from 1900 to 2299; what lies outside would be stored as something else. */
int64_t index_time_ms(yyjson_val *v)
{
	const int64_t last = 10413791999999; /* 2299-12-31 */
	int64_t ms = yyjson_is_int(v) ? yyjson_get_sint(v) : 0;
	return ms < 0 || ms > last ? 0 : ms;
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
	const struct column *c = &columns[ARRIVAL];
	yyjson_val *v = NULL;
	for (size_t i = 0; !v && i < COLUMN_PATHS && c->paths[i]; i++)
		v = event_get(e, c->paths[i]);
	return index_time_ms(v);
}
