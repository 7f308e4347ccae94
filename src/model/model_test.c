/* Descriptions as a whole: the example as it was planned, directories and their files, the canonical form and its digest. */
#include "base/test.h"

#include "base/clock.h"
#include "model/model_test.h"

#include <errno.h>
#include <unistd.h>
#include <yyjson.h>

static struct model *load_saga(void)
{
	char path[512];
	struct model *m = NULL;
	struct faults f = { 0 };
	struct err err = { 0 };
	if (model_load(test_path("examples/saga", path), &m, &f, &err) < 0)
		fail_msg("%s: %s", err.path, err.msg);
	faults_done(&f);
	return m;
}

static bool is(const struct prefix *p, const char *text)
{
	char got[PREFIX_TEXT];
	return strcmp(prefix_format(p, got), text) == 0;
}

/* What compiler and lab rely on. */
static void test_saga(void **state)
{
	struct model *m = load_saga();
	(void)state;
	assert_int_equal(m->n_orgs, 21);
	assert_string_equal(m->orgs[0].code, "410004");
	assert_null(model_org(m, "412016"));
	const struct org *saga = model_org(m, "412015"), *karatsu = model_org(m, "412023"), *taku = model_org(m, "412040");
	assert_non_null(saga);
	assert_non_null(karatsu);
	assert_non_null(taku);
	assert_int_equal(saga->index, 1);
	assert_true(is(&saga->prefixes[0], "10.1.0.0/16") && is(&karatsu->prefixes[0], "10.1.0.0/16"));
	assert_true(is(&saga->prefixes[1], "2001:db8:4101::/48") && is(&saga->global6, "2001:db8:100::65/128"));
	assert_true(is(&saga->router4, "100.64.1.2/32") && is(&saga->router6, "fd00:64:1::2/128"));
	assert_int_equal(saga->guaranteed_mbps, 60);
	assert_int_equal(saga->ceiling_mbps, 130);
	assert_int_equal(saga->users, 2219);
	assert_true(saga->options.tls_decryption && !saga->options.edr);
	assert_int_equal(saga->fw[0].action, FW_ALLOW);
	assert_int_equal(karatsu->fw[0].action, FW_DENY);
	assert_true(is(&saga->fw[0].to[0], "203.0.113.40/32") && is(&karatsu->fw[0].to[0], "203.0.113.40/32"));
	assert_true(saga->consent.given && !karatsu->consent.given);
	assert_true(is(&taku->child_proxies[0], "10.4.0.8/32"));
	assert_true(model_org(m, "413453")->registered_only);
	assert_int_equal(model_org(m, "414247")->url.mode, URL_WHITELIST_ONLY);
	assert_int_equal(m->orgs[0].index, 21);
	assert_ptr_equal(saga->prefecture, &m->prefectures[0]);
	assert_int_equal(saga->calendar.open_minute, 510);
	assert_int_equal(saga->calendar.close_minute, 1035);
	model_destroy(&m);
	assert_null(m);
	model_destroy(&m);
}

static void test_round_trip(void **state)
{
	struct model *m = load_saga(), *again = NULL;
	struct faults f = { 0 };
	(void)state;
	assert_int_equal(strlen(m->digest), 71);
	assert_int_equal(model_load_canonical((struct str){ m->canonical, m->canonical_len }, &again, &f, NULL), 0);
	assert_string_equal(again->digest, m->digest);
	assert_int_equal(again->canonical_len, m->canonical_len);
	assert_memory_equal(again->canonical, m->canonical, m->canonical_len);
	model_destroy(&again);
	model_destroy(&m);
	faults_done(&f);
}

/* The description's JSON, laid out otherwise: indented, organisations turned round. */
static char *shuffled(const struct model *m)
{
	yyjson_doc *doc = yyjson_read(m->canonical, m->canonical_len, 0);
	yyjson_mut_doc *mut = yyjson_doc_mut_copy(doc, NULL);
	assert_true(yyjson_mut_arr_rotate(yyjson_mut_obj_get(yyjson_mut_doc_get_root(mut), "orgs"), 1));
	char *text = yyjson_mut_write(mut, YYJSON_WRITE_PRETTY, NULL);
	yyjson_mut_doc_free(mut);
	yyjson_doc_free(doc);
	return text;
}

/* Spacing, order of organisations and left-out defaults say nothing; a value does. */
static void test_canonical(void **state)
{
	_cleanup_free_ char *text = test_read("src/model/seeds/model/two.json");
	struct model *a = NULL, *b = NULL;
	struct faults f = { 0 };
	(void)state;
	assert_int_equal(model_load_canonical(str_from(text), &a, &f, NULL), 0);
	assert_int_equal(a->orgs[0].contacts[0].order, 1);  /* sorted */
	assert_int_equal(a->orgs[0].fw[0].ports.port_high, 443); /* left out: the same as port_low */
	const struct org *o = &a->orgs[0];
	assert_int_equal(o->fw[3].match.n_to, 2); /* a group's members, by both families */
	assert_true(is(&o->fw[3].match.to[1], "2001:db8:77::44/128"));
	assert_int_equal(o->fw[3].match.ports[0].port_high, 3389);
	assert_string_equal(o->fw[3].match.when->name, "night");
	assert_int_equal(o->publish[0].match.n_from, 1);
	assert_int_equal(o->publish[1].server_port, 8443);
	assert_int_equal(o->n_publics, 3); /* global4, global6, and one published beside them */
	int64_t expires;
	assert_int_equal(clock_parse("2027-03-31T14:59:59Z", 20, &expires), 0);
	assert_true(a->orgs[0].fw[0].expires_ms == expires);
	assert_string_equal(a->orgs[1].name_en, "唐津市");
	assert_int_equal(a->orgs[1].retention_days, 396);
	assert_int_equal(a->orgs[1].calendar.open_minute, 510);
	char *other = shuffled(a);
	assert_int_equal(model_load_canonical(str_from(other), &b, &f, NULL), 0);
	assert_string_equal(b->digest, a->digest);
	model_destroy(&b);
	free(other);
	strstr(text, "\"staff\": 1305")[10] = '4';
	assert_int_equal(model_load_canonical(str_from(text), &b, &f, NULL), 0);
	assert_string_not_equal(b->digest, a->digest);
	model_destroy(&b);
	model_destroy(&a);
	faults_done(&f);
}

/* ---- directories */

static char work[256];

static void put(const char *name, const char *text)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", work, name);
	assert_int_equal(fs_write(path, str_from(text), 0644, NULL), 0);
}

/* A copy of examples/saga with one prefecture and two organisations. */
static int work_begin(void **state)
{
	static const char *const files[] = { "service.json", "prefectures/41.json", "orgs/412015.json", "orgs/412040.json" };
	char path[512];
	(void)state;
	snprintf(work, sizeof work, "/tmp/toride-model-test.%d", (int)getpid());
	snprintf(path, sizeof path, "%s/orgs", work);
	assert_int_equal(fs_mkdirs(path, 0755, NULL), 0);
	snprintf(path, sizeof path, "%s/prefectures", work);
	assert_int_equal(fs_mkdirs(path, 0755, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		snprintf(path, sizeof path, "examples/saga/%s", files[i]);
		_cleanup_free_ char *text = test_read(path);
		put(files[i], text);
	}
	return 0;
}

static int work_end(void **state)
{
	(void)state;
	return fs_rmtree(work, NULL);
}

static void expect(const char *path, const char *reason)
{
	struct model *m = NULL;
	struct faults f = { 0 };
	int r = model_load(work, &m, &f, NULL);
	if (!path) {
		assert_int_equal(r, 0);
		model_destroy(&m);
	} else {
		assert_int_equal(r, -E_INVALID);
		assert_int_equal(f.n, 1);
		assert_string_equal(f.list[0].path, path);
		assert_string_equal(f.list[0].msg, reason);
	}
	faults_done(&f);
}

static void test_comments(void **state)
{
	(void)state;
	put("prefectures/41.json", "// 佐賀県\n{\"code\": \"41\", /* name */ \"name\": \"佐賀県\",\n\"contacts\": [{\"order\": 1, \"name\": \"x\", "
	                           "\"mail\": \"a@b.example\",},],}\n");
	expect(NULL, NULL);
	put("orgs/.412058.json.swp", "not ours");
	expect(NULL, NULL);
}

static void test_syntax(void **state)
{
	(void)state;
	put("prefectures/41.json", "{\n  \"code\": \"41\",\n  \"name\" \"佐賀県\"\n}\n");
	expect("prefectures/41.json:3:10", "not JSON: unexpected character, expected a colon after object key");
	put("prefectures/41.json", "");
	expect("prefectures/41.json:1:1", "not JSON: input length is 0");
	put("prefectures/41.json", "{\"code\": \"41\"");
	expect("prefectures/41.json:1:14", "not JSON: unexpected end of data");
}

static void test_names(void **state)
{
	char path[512];
	(void)state;
	_cleanup_free_ char *text = test_read("examples/saga/orgs/412040.json");
	put("orgs/notes.txt", "x");
	expect("orgs/notes.txt", "no file of the description: its name must be the 6-digit code and .json");
	snprintf(path, sizeof path, "%s/orgs/notes.txt", work);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof path, "%s/orgs/412040.json", work);
	assert_int_equal(unlink(path), 0);
	put("orgs/412031.json", text);
	expect("orgs[412031].code", "is 412040, but the file's name says 412031");
}

static void test_missing(void **state)
{
	char path[512];
	struct model *m = NULL;
	struct faults f = { 0 };
	struct err err;
	(void)state;
	snprintf(path, sizeof path, "%s/service.json", work);
	assert_int_equal(unlink(path), 0);
	expect("service.json", "can't be read: cannot open: No such file or directory");
	assert_int_equal(model_load("/nonexistent/description", &m, &f, &err), -E_NOT_FOUND);
	assert_string_equal(err.path, "/nonexistent/description");
	assert_int_equal(f.n, 0);
	assert_null(m);
}

static void test_ceilings(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, 8 * MIB);
	while (b.len < 4 * MIB + 100)
		buf_puts(&b, "// a long comment is text too ------------------------------------------------\n");
	buf_puts(&b, "{}");
	put("prefectures/41.json", buf_cstr(&b));
	expect("prefectures/41.json", "is larger than 4 MiB");
	buf_reset(&b);
	for (int i = 0; i < 100000; i++)
		buf_putc(&b, '[');
	put("prefectures/41.json", buf_cstr(&b));
	expect("prefectures/41.json", "nests deeper than 12");
	buf_done(&b);
}

/* Each allocation fails once: an error, never half a model, never a wrong one. */
static void test_no_memory(void **state)
{
	_cleanup_free_ char *text = test_read("src/model/seeds/model/two.json");
	struct model *m = NULL;
	struct faults f = { 0 };
	struct err err;
	(void)state;
	mem_fail_at(0);
	assert_int_equal(model_load_canonical(str_from(text), &m, &f, &err), 0);
	long n = mem_count();
	char digest[72];
	snprintf(digest, sizeof digest, "%s", m->digest);
	model_destroy(&m);
	assert_true(n > 10);
	for (long i = 1; i <= n; i++) {
		mem_fail_at(i);
		int r = model_load_canonical(str_from(text), &m, &f, &err);
		mem_fail_at(0);
		assert_int_equal(r, -E_NOMEM);
		assert_null(m);
		assert_int_equal(f.n, 0);
		faults_done(&f);
	}
	strstr(text, "\"staff\": 1305")[9] = '-'; /* and a fault that finds no room is still one */
	for (long i = 1; i <= n; i++) {
		mem_fail_at(i);
		assert_true(model_load_canonical(str_from(text), &m, &f, &err) < 0);
		mem_fail_at(0);
		assert_null(m);
		faults_done(&f);
	}
}

/* Each system call fails once: never a model that lacks a file. */
static void test_no_disk(void **state)
{
	struct model *m = NULL;
	struct faults f = { 0 };
	struct err err;
	(void)state;
	fs_fail_at(0, 0);
	assert_int_equal(model_load(work, &m, &f, &err), 0);
	long n = fs_count();
	model_destroy(&m);
	assert_true(n >= 10); /* two lists, four files opened and read */
	for (long i = 1; i <= n; i++) {
		fs_fail_at(i, EIO);
		int r = model_load(work, &m, &f, &err);
		fs_fail_at(0, 0);
		assert_true(r == -E_IO || (r == -E_INVALID && f.n > 0));
		assert_null(m);
		faults_done(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_saga),
		                            cmocka_unit_test(test_round_trip),
		                            cmocka_unit_test(test_canonical),
		                            cmocka_unit_test_setup_teardown(test_comments, work_begin, work_end),
		                            cmocka_unit_test_setup_teardown(test_syntax, work_begin, work_end),
		                            cmocka_unit_test_setup_teardown(test_names, work_begin, work_end),
		                            cmocka_unit_test_setup_teardown(test_missing, work_begin, work_end),
		                            cmocka_unit_test_setup_teardown(test_ceilings, work_begin, work_end),
		                            cmocka_unit_test_setup_teardown(test_no_disk, work_begin, work_end),
		                            cmocka_unit_test(test_no_memory) };
	return cmocka_run_group_tests_name("model/model", tests, NULL, NULL);
}
