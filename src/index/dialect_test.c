/* What a server is asked in its own words; that it takes them is test/system/cluster.t. */
#include "base/test.h"

#include "base/err.h"
#include "base/mem.h"
#include "index/columns.h"
#include "index/dialect.h"
#include "index/query.h"

#include <stdlib.h>

static const struct dialect today = { 2605, "toride_log", "" }, year_ago = { 2508, "toride_log", "" }, old = { 1816, "toride_log", "" },
                            replicas = { 2605, "toride_log", "logs" }, old_replicas = { 1816, "toride_log", "logs" };

static void test_words(void **state)
{
	(void)state;
	static const struct { const struct dialect *d; const char *sql, *said; } cases[] = {
		{ &today, "SELECT 1 FROM toride.events WHERE words = 'toride.events'", "SELECT 1 FROM toride_log.events WHERE words = 'toride.events'" },
		{ &today, "SELECT toride FROM x WHERE database = 'toride' AND `user` = 'toride'", "SELECT toride_log FROM x WHERE database = 'toride_log' AND `user` = 'toride'" },
		{ &today, "SELECT hasAllTokens(words, ['a','b']) AND 1", "SELECT hasAllTokens(words, ['a','b']) AND 1" },
		{ &year_ago, "SELECT hasAllTokens(words, ['a','b']) AND 1", "SELECT (hasToken(words, 'a') AND hasToken(words, 'b')) AND 1" },
		{ &old, "SELECT hasAllTokens(words, ['a','b']) AND 1", "SELECT (1) AND 1" },
		{ &year_ago, "SELECT hasToken(words, 'ab1')", "SELECT hasToken(words, 'ab1')" },
		{ &old, "SELECT hasToken(words, 'ab1') AND 1", "SELECT match(words, '(^|[^0-9a-z])ab1([^0-9a-z]|$)') AND 1" },
		{ &old, "SELECT hasToken(words, 'a b')", NULL },
		{ &year_ago, "x SETTINGS a = 1, query_plan_max_limit_for_lazy_materialization = 10001, use_skip_indexes_on_data_read = 0, b = 2", "x SETTINGS a = 1, b = 2" },
		{ &today, "x SETTINGS query_plan_max_limit_for_lazy_materialization = 10001, b = 2", "x SETTINGS query_plan_max_limit_for_lazy_materialization = 10001, b = 2" },
		{ &old, "SELECT time >= fromUnixTimestamp64Milli(5), `src` >= toIPv6('::1') FROM toride.events LIMIT 2 FORMAT JSONCompactEachRow SETTINGS a = 1",
		  "SELECT time >= toInt64(5), `src` >= IPv6StringToNum('::1') FROM toride_log.events LIMIT 2 SETTINGS a = 1 FORMAT JSONEachRow" },
		{ &old, "DELETE FROM toride.c0_other WHERE arrival < fromUnixTimestamp64Milli(5)", "ALTER TABLE toride_log.c0_other DELETE WHERE arrival < toInt64(5)" },
		{ &year_ago, "DELETE FROM toride.c0_other WHERE 1", "DELETE FROM toride_log.c0_other WHERE 1" },
		{ &old, "formatDateTime(time, '%Y', 'Asia/Tokyo')", "formatDateTime(toDateTime(intDiv(time, 1000)), '%Y', 'Asia/Tokyo')" },
		{ &replicas, "CREATE DATABASE IF NOT EXISTS toride", "CREATE DATABASE IF NOT EXISTS toride_log ON CLUSTER `logs`" },
		{ &replicas, "DROP TABLE IF EXISTS toride.c0_other ", "DROP TABLE IF EXISTS toride_log.c0_other ON CLUSTER `logs`  SYNC" },
		{ &old_replicas, "DROP TABLE IF EXISTS toride.c0_other", "DROP TABLE IF EXISTS toride_log.c0_other ON CLUSTER `logs`" },
		{ &replicas, "CREATE TABLE IF NOT EXISTS toride.events AS toride.c0_other ENGINE = Merge('toride', '^c')",
		  "CREATE TABLE IF NOT EXISTS toride_log.events ON CLUSTER `logs` AS toride_log.c0_other ENGINE = Merge('toride_log', '^c')" },
		{ &replicas, "CREATE TABLE IF NOT EXISTS toride.owner (id String) ENGINE = MergeTree ORDER BY id",
		  "CREATE TABLE IF NOT EXISTS toride_log.owner ON CLUSTER `logs` (id String) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/toride_log/owner', '{replica}') ORDER BY id" },
		{ &replicas, "ALTER TABLE toride.c0_other DROP PARTITION 20261128", "ALTER TABLE toride_log.c0_other DROP PARTITION 20261128" },
		{ &old, "SELECT 'a\\'b DELETE FROM toride.x', `time`", "SELECT 'a\\'b DELETE FROM toride.x', `time`" },
		{ &old, "SELECT 'open", NULL },
		{ &old, "SELECT hasAllTokens(words, ['a'", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;
		struct err err = { 0 };
		bool objects;
		buf_init(&b, 64 * KIB);
		int r = dialect_sql(cases[i].d, str_from(cases[i].sql), &b, &objects, &err);
		if (r != (cases[i].said ? 0 : -E_INVALID) || (cases[i].said && strcmp(buf_cstr(&b), cases[i].said) != 0))
			fail_msg("%s\n  got  %s\n  want %s", cases[i].sql, buf_cstr(&b), cases[i].said);
		buf_done(&b);
	}
}

/* No word of the newest is left in what an old server is told to make. */
static void test_tables(void **state)
{
	(void)state;
	static const char *const newer[] = { "DateTime64", "LowCardinality", "IPv6", "CODEC", "INDEX", "SETTINGS", "merge_selector", "toride." };
	struct buf schema, said;
	struct str rest, one;
	struct err err = { 0 };
	bool objects;
	buf_init(&schema, MIB);
	buf_init(&said, MIB);
	index_schema(&schema);
	for (rest = buf_view(&schema); str_next(&rest, ';', &one);)
		assert_int_equal(dialect_sql(&old, one, &said, &objects, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(newer); i++)
		if (strstr(buf_cstr(&said), newer[i]))
			fail_msg("%s: %s", newer[i], strstr(buf_cstr(&said), newer[i]));
	buf_reset(&said);
	for (rest = buf_view(&schema); str_next(&rest, ';', &one);)
		assert_int_equal(dialect_sql(&year_ago, one, &said, &objects, &err), 0);
	assert_non_null(strstr(buf_cstr(&said), "INDEX words_index words TYPE tokenbf_v1("));
	assert_null(strstr(buf_cstr(&said), "TYPE text"));
	buf_done(&said);
	buf_done(&schema);
}

/* What a person asks for stays between its quotation marks, and the body beside it, whatever either holds. */
static void test_values(void **state)
{
	(void)state;
	static struct query q;
	static const char *const asked[] = { "\"database = 'toride'\"", "user:\"DELETE FROM toride.x\"", "url:\"formatDateTime(time,\"", "\"hasAllTokens(words, ['a'])\"", "FORMAT-x" };
	struct err err = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
		struct buf sql, said;
		bool objects;
		buf_init(&sql, MIB);
		buf_init(&said, MIB);
		assert_int_equal(query_parse(str_from(asked[i]), &q, &err), 0);
		buf_puts(&sql, "SELECT 1 FROM t WHERE org = ('412015') AND ");
		query_sql(q.root, &sql);
		assert_int_equal(dialect_sql(&old, buf_view(&sql), &said, &objects, &err), 0);
		assert_non_null(strstr(buf_cstr(&said), " WHERE org = ('412015') AND ("));
		const char *value = strchr(strstr(buf_cstr(&sql), "AND (") + 5, '\''); /* the last quoted text is the value, or ends it */
		const char *last = strrchr(buf_cstr(&sql), '\'');
		assert_non_null(value);
		while (last > value && last[-1] != '\'' && last[-1] != ' ')
			last--;
		assert_non_null(strstr(buf_cstr(&said), last));
		assert_false(objects);
		buf_done(&said);
		buf_done(&sql);
	}
}

static void test_version(void **state)
{
	(void)state;
	static const struct { const char *text; unsigned version; } cases[] = {
		{ "26.5.3.1\n", 2605 }, { "18.16.1\n", 1816 }, { "23.3.1.2823", 2303 }, { "26.10.4.207-stable\n", 2610 }, { "1.1.54390", 0 }, { "", 0 },
		{ "<html>", 0 }, { "26", 0 }, { "26.x", 0 }, { "99999.1.1", 0 }, { "18.15.0", 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = { 0 };
		unsigned v = 0;
		int r = dialect_version(str_from(cases[i].text), &v, &err);
		assert_int_equal(r, cases[i].version ? 0 : -E_INVALID);
		if (cases[i].version)
			assert_int_equal(v, cases[i].version);
	}
}

static void test_rows(void **state)
{
	(void)state;
	struct buf b;
	struct err err = { 0 };
	buf_init(&b, KIB);
	assert_int_equal(dialect_rows(STR("{\"a\":\"x\\u0001\",\"b\":5}\n{\"a\":\"\xe8\xab\x8b\",\"b\":18446744073709551615}\n"), &b, &err), 0);
	assert_string_equal(buf_cstr(&b), "[\"x\\u0001\",5]\n[\"\xe8\xab\x8b\",18446744073709551615]\n");
	buf_reset(&b);
	assert_int_equal(dialect_rows(STR("<html>\n"), &b, &err), -E_CORRUPT);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words), cmocka_unit_test(test_tables), cmocka_unit_test(test_values), cmocka_unit_test(test_version), cmocka_unit_test(test_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
