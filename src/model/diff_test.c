/* Differences in words: each edit of two.json with the whole text that must come out, in both languages. */
#include "base/test.h"

#include "model/diff.h"
#include "model/model_test.h"

#include <yyjson.h>

static const struct {
	const char *find, *replace, *en, *ja;
} cases[] = {
	{ "\"staff\": 1305", "\"staff\":1305", "", "" },
	{ "\"guaranteed_mbps\": 60", "\"guaranteed_mbps\": 70", "412015 Saga City\n  guaranteed mbps: 60 → 70\n",
	  "412015 佐賀市\n  保証帯域 (Mbps): 60 → 70\n" },
	{ "\"tls_decryption\": true", "\"edr\": true", "412015 Saga City\n  options tls decryption: yes → no\n  options edr: no → yes\n",
	  "412015 佐賀市\n  オプション TLS 復号: あり → なし\n  オプション EDR: なし → あり\n" },
	{ "\"sns.example\"", "\"video.example\"", "412015 Saga City\n  url black: added video.example\n  url black: removed sns.example\n",
	  "412015 佐賀市\n  URL フィルタ ブラックリスト: 追加 video.example\n  URL フィルタ ブラックリスト: 削除 sns.example\n" },
	{ "\"203.0.113.41\", \"10.0.0.0/8\"", "\"10.0.0.0/8\", \"203.0.113.41\"", "412023 唐津市\n  fw r1 to: the order changes\n",
	  "412023 唐津市\n  ファイアウォール r1 宛先: 順序が変わります\n" },
	{ "\"id\": \"r2\"", "\"id\": \"r9\"",
	  "412015 Saga City\n  fw r9: added direction outbound, action allow, protocol UDP, port low 123, port high 124, comment 時刻, owner 情報係\n"
	  "  fw r2: removed direction outbound, action allow, protocol UDP, port low 123, port high 124, comment 時刻, owner 情報係\n",
	  "412015 佐賀市\n"
	  "  ファイアウォール r9: 追加 方向 外向き、動作 許可、プロトコル UDP、ポート(始) 123、ポート(終) 124、目的 時刻、責任者 情報係\n"
	  "  ファイアウォール r2: 削除 方向 外向き、動作 許可、プロトコル UDP、ポート(始) 123、ポート(終) 124、目的 時刻、責任者 情報係\n" },
	{ "\"state\": \"migrating\"", "\"state\": \"live\"", "412023 唐津市\n  state: migrating → live\n", "412023 唐津市\n  状態: 移行中 → 稼働中\n" },
	{ "\"expires\": \"2027-03-31T23:59:59+09:00\"", "\"expires\": \"\"", "412015 Saga City\n  fw r1 expires: 2027-03-31T14:59:59.000Z → (none)\n",
	  "412015 佐賀市\n  ファイアウォール r1 期限: 2027-03-31T14:59:59.000Z → (なし)\n" },
	{ "\"mail\": \"soc-ken@", "\"mail\": \"soc@",
	  "41 佐賀県\n  contacts soc@pref.lg.example: added order 1, name 県担当, min severity 2\n"
	  "  contacts soc-ken@pref.lg.example: removed order 1, name 県担当, min severity 2\n",
	  "41 佐賀県\n  連絡先 soc@pref.lg.example: 追加 順位 1、氏名・部署 県担当、通報する危険度 2\n"
	  "  連絡先 soc-ken@pref.lg.example: 削除 順位 1、氏名・部署 県担当、通報する危険度 2\n" },
	{ "\"198.51.100.25\"", "\"198.51.100.26\"", "412015 Saga City\n  zones city.saga.lg.example records mx data: 198.51.100.25 → 198.51.100.26\n",
	  "412015 佐賀市\n  DNS ゾーン city.saga.lg.example レコード mx 値: 198.51.100.25 → 198.51.100.26\n" },
	{ "\"198.51.100.81\"", "\"198.51.100.82\"",
	  "412015 Saga City\n  zones school.city.saga.lg.example records * data: 198.51.100.81 → 198.51.100.82\n"
	  "  notice: school.city.saga.lg.example * (A) moves, but its old value 198.51.100.81 may be used for 3600 seconds yet; lower the TTL to 300 "
	  "first, wait 3600 seconds, then move\n",
	  "412015 佐賀市\n  DNS ゾーン school.city.saga.lg.example レコード * 値: 198.51.100.81 → 198.51.100.82\n"
	  "  注意: school.city.saga.lg.example の * (A) は移動後も最長 3600 秒、古い値 198.51.100.81 が使われます。先に TTL を 300 に下げ、3600 秒待ってから移してください\n" },
	{ "\"retention_days\": 400", "\"retention_days\": 365, \"retention\": [{\"class\": \"network\", \"days\": 90}, {\"class\": \"finding\", \"days\": 1830}]",
	  "412015 Saga City\n  retention days: 400 → 365\n  retention network: added days 90\n  retention finding: added days 1830\n"
	  "  notice: records are kept 365 days in place of 400; older ones are destroyed from within an hour of the apply on, for good (what is held stays)\n"
	  "  notice: network records that come from now on are destroyed after 90 days; those that are there keep their 365\n",
	  "412015 佐賀市\n  保存日数: 400 → 365\n  種別ごとの保存日数 network: 追加 日数 90\n  種別ごとの保存日数 finding: 追加 日数 1830\n"
	  "  注意: 記録の保存が 400 日から 365 日になります。365 日より古いものは適用から 1 時間以内に消え始め、戻せません (保全中のものは残ります)\n"
	  "  注意: これから取り込む記録 (network) は 90 日で消え、戻せません。これまでのものは 365 日のままです\n" },
	{ "\"proxy_threads\": 2", "\"proxy_threads\": 4", "Test Cloud\n  proxy threads: 2 → 4\n", "試験クラウド\n  プロキシのスレッド数: 2 → 4\n" },
	{ "\"code\": \"412023\"", "\"code\": \"412031\"", "412023 唐津市\n  organisation is removed\n412031 唐津市\n  organisation is added\n",
	  "412023 唐津市\n  団体がなくなります\n412031 唐津市\n  団体が加わります\n" },
};

static struct model *parse(struct str text)
{
	struct model *m = NULL;
	struct faults f = { 0 };
	struct err err = { 0 };
	if (model_load_canonical(text, &m, &f, &err) < 0)
		fail_msg("%s: %s", err.path, err.msg);
	faults_done(&f);
	return m;
}

static void edit(const char *text, const char *find, const char *replace, struct buf *b)
{
	const char *at = strstr(text, find);
	assert_non_null(at);
	buf_reset(b);
	buf_put(b, text, (size_t)(at - text));
	buf_puts(b, replace);
	buf_puts(b, at + strlen(find));
}

static void expect(const struct model *old, const struct model *new, bool ja, const char *want)
{
	struct buf out;
	buf_init(&out, MIB);
	assert_int_equal(model_diff(old, new, &out, ja, false, NULL), 0);
	assert_string_equal(buf_cstr(&out), want);
	buf_done(&out);
}

/* Every line an object whose members are what diff.h says. */
static void json_lines(const struct model *old, const struct model *new, bool some)
{
	struct buf out;
	struct str rest, line;
	size_t n = 0;
	buf_init(&out, MIB);
	assert_int_equal(model_diff(old, new, &out, true, true, NULL), 0);
	rest = buf_view(&out);
	while (str_next(&rest, '\n', &line) && line.len) {
		yyjson_doc *doc = yyjson_read(line.ptr, line.len, 0);
		assert_non_null(doc);
		yyjson_val *root = yyjson_doc_get_root(doc);
		static const char *const names[] = { "scope", "code", "name", "path", "change", "text" };
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			assert_true(yyjson_is_str(yyjson_obj_get(root, names[i])));
		const char *change = yyjson_get_str(yyjson_obj_get(root, "change"));
		bool order = strcmp(change, "order") == 0 || strcmp(change, "notice") == 0; /* no value changes */
		assert_int_equal(yyjson_obj_get(root, "old") != NULL, !order && strcmp(change, "add") != 0);
		assert_int_equal(yyjson_obj_get(root, "new") != NULL, !order && strcmp(change, "remove") != 0);
		yyjson_doc_free(doc);
		n++;
	}
	assert_int_equal(n > 0, some);
	buf_done(&out);
}

/* Whoever is of one prefecture reads of its own bodies, and that there are others. */
static void test_of_one_prefecture(void **state)
{
	_cleanup_free_ char *text = test_read("src/model/seeds/model/two.json");
	static const struct {
		const char *find, *replace, *prefecture, *want;
		bool elsewhere;
	} edits[] = {
		{ "\"guaranteed_mbps\": 60", "\"guaranteed_mbps\": 70", "41", "412015 Saga City\n  guaranteed mbps: 60 → 70\n", false },
		{ "\"guaranteed_mbps\": 60", "\"guaranteed_mbps\": 70", "42", "", true },
		{ "\"mail\": \"soc-ken@", "\"mail\": \"soc@", "42", "", true },
		{ "\"proxy_threads\": 2", "\"proxy_threads\": 4", "42", "Test Cloud\n  proxy threads: 2 → 4\n", false },
		{ "\"code\": \"412023\"", "\"code\": \"412031\"", "42", "", true },
	};
	struct buf b, out;
	(void)state;
	buf_init(&b, MIB);
	buf_init(&out, MIB);
	struct model *old = parse(str_from(text));
	for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
		bool elsewhere = false;
		edit(text, edits[i].find, edits[i].replace, &b);
		struct model *new = parse(buf_view(&b));
		buf_reset(&out);
		assert_int_equal(model_diff_of(old, new, edits[i].prefecture, &out, false, false, NULL), 0);
		assert_string_equal(buf_cstr(&out), edits[i].want);
		assert_int_equal(model_diff_elsewhere(old, new, edits[i].prefecture, &elsewhere, NULL), 0);
		assert_int_equal(elsewhere, edits[i].elsewhere);
		model_destroy(&new);
	}
	model_destroy(&old);
	buf_done(&b);
	buf_done(&out);
}

static void test_words(void **state)
{
	_cleanup_free_ char *text = test_read("src/model/seeds/model/two.json");
	struct buf b;
	(void)state;
	buf_init(&b, MIB);
	struct model *old = parse(str_from(text));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		edit(text, cases[i].find, cases[i].replace, &b);
		struct model *new = parse(buf_view(&b));
		expect(old, new, false, cases[i].en);
		expect(old, new, true, cases[i].ja);
		json_lines(old, new, cases[i].en[0] != 0);
		json_lines(new, old, cases[i].en[0] != 0);
		model_destroy(&new);
	}
	expect(NULL, old, false,
	       "Test Cloud\n  service is added\n41 佐賀県\n  prefecture is added\n412015 Saga City\n  organisation is added\n412023 唐津市\n  organisation is added\n");
	json_lines(NULL, old, true);
	model_destroy(&old);
	buf_done(&b);
}

static void change_number(yyjson_mut_doc *doc, yyjson_mut_val *v)
{
	if (yyjson_mut_is_bool(v))
		yyjson_mut_set_bool(v, !yyjson_mut_get_bool(v));
	else if (yyjson_mut_is_uint(v))
		yyjson_mut_set_uint(v, yyjson_mut_get_uint(v) + 1);
	(void)doc;
}

/* An approver must see every change: each number and each switch of an organisation, changed alone, shows at its path. */
static void test_nothing_unseen(void **state)
{
	_cleanup_free_ char *text = test_read("src/model/seeds/model/two.json");
	struct model *old = parse(str_from(text));
	yyjson_doc *doc = yyjson_read(old->canonical, old->canonical_len, 0);
	yyjson_val *org = yyjson_arr_get_first(yyjson_obj_get(yyjson_doc_get_root(doc), "orgs")), *key, *val;
	size_t i, n, seen = 0;
	(void)state;
	yyjson_obj_foreach(org, i, n, key, val) {
		yyjson_mut_doc *mut = yyjson_doc_mut_copy(doc, NULL);
		yyjson_mut_val *list = yyjson_mut_obj_get(yyjson_mut_doc_get_root(mut), "orgs");
		yyjson_mut_val *item = yyjson_mut_obj_get(yyjson_mut_arr_get_first(list), yyjson_get_str(key));
		struct model *new = NULL;
		struct faults f = { 0 };
		struct buf out;
		size_t len;
		change_number(mut, item);
		char *changed = yyjson_mut_write(mut, 0, &len);
		if (model_load_canonical((struct str){ changed, len }, &new, &f, NULL) == 0 && strcmp(new->digest, old->digest) != 0) {
			buf_init(&out, MIB);
			assert_int_equal(model_diff(old, new, &out, false, true, NULL), 0);
			char want[128];
			snprintf(want, sizeof want, "\"path\":\"orgs[412015].%s\",\"change\":\"set\"", yyjson_get_str(key));
			assert_non_null(strstr(buf_cstr(&out), want));
			buf_done(&out);
			seen++;
		}
		model_destroy(&new);
		faults_done(&f);
		free(changed);
		yyjson_mut_doc_free(mut);
	}
	assert_true(seen >= 8); /* bandwidths, staff, users, registered_only, scan_max_mib, unscannable_allow, retention_days */
	yyjson_doc_free(doc);
	model_destroy(&old);
}

/* A store of records that isn't used any more: what happens to those that lie there. Another key or lock is no other store. */
static void test_a_store_is_left(void **state)
{
	_cleanup_free_ char *text = test_read("src/model/seeds/model/two.json");
	static const char with[] = "\"proxy_threads\": 2, \"cold\": {\"url\": \"https://s3.example/\", \"bucket\": \"log\", \"key_id\": \"k\"}";
	static const char other[] = "\"proxy_threads\": 2, \"cold\": {\"url\": \"https://s3.example/\", \"bucket\": \"log\", \"key_id\": \"k2\"}";
	struct buf b;
	(void)state;
	buf_init(&b, MIB);
	edit(text, "\"proxy_threads\": 2", with, &b);
	struct model *old = parse(buf_view(&b)), *none = parse(str_from(text));
	edit(text, "\"proxy_threads\": 2", other, &b);
	struct model *key = parse(buf_view(&b));
	expect(old, none, false,
	       "Test Cloud\n  cold url: https://s3.example/ → (none)\n  cold bucket: log → (none)\n  cold key id: k → (none)\n"
	       "  notice: the store https://s3.example/log isn't used any more; what lies there can't be searched or verified, and isn't deleted there when its days are over. "
	       "While records lie there this is put in force only with that name in cold_left\n");
	expect(old, none, true,
	       "試験クラウド\n  古い記録の保管先 URL: https://s3.example/ → (なし)\n  古い記録の保管先 バケット: log → (なし)\n  古い記録の保管先 鍵の番号: k → (なし)\n"
	       "  注意: 保管先 https://s3.example/log を使わなくなります。そこにある記録は検索も検証もできなくなり、保存日数が過ぎても消されません。記録が残るあいだは、この名前を cold_left に書くまで適用されません\n");
	expect(old, key, false, "Test Cloud\n  cold key id: k → k2\n");
	expect(none, old, false, "Test Cloud\n  cold url: (none) → https://s3.example/\n  cold bucket: (none) → log\n  cold key id: (none) → k\n");
	model_destroy(&old);
	model_destroy(&none);
	model_destroy(&key);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_words), cmocka_unit_test(test_nothing_unseen), cmocka_unit_test(test_a_store_is_left), cmocka_unit_test(test_of_one_prefecture) };
	return cmocka_run_group_tests_name("model/diff", tests, NULL, NULL);
}
