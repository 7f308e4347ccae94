/* The real unbound-checkconf and a stand-in: as whom they run, and what of their words comes back. */
#include "check/check.h"
#include "check/left.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "wire/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char root[64];
static const char *says;
static uid_t unbound_uid;
static gid_t unbound_gid;

static void put(const char *name, const char *text, mode_t mode)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", root, name);
	assert_int_equal(fs_write(path, str_from(text), mode, NULL), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void move(const char *from, const char *to)
{
	char old[256], new[256];
	snprintf(old, sizeof old, "%s/%s", root, from);
	snprintf(new, sizeof new, "%s/%s", root, to);
	assert_int_equal(rename(old, new), 0);
}

static int setup(void **state)
{
	char path[256];
	(void)state;
	snprintf(root, sizeof root, "/tmp/toride-check-XXXXXX");
	if (!mkdtemp(root) || chmod(root, 0755) < 0)
		return -1;
	setenv("TORIDE_STATE", root, 1);
	snprintf(path, sizeof path, "%s/gen/unbound", root);
	return fs_mkdirs(path, 0755, NULL);
}

static int teardown(void **state)
{
	(void)state;
	return fs_rmtree(root, NULL);
}

static int check(struct err *err, int (*run)(const struct proc_opts *o, struct err *err))
{
	char dir[256];
	snprintf(dir, sizeof dir, "%s/gen", root);
	*err = (struct err){ 0 };
	return check_generation(dir, run, err);
}

static int stand_in(const struct proc_opts *o, struct err *err)
{
	(void)err;
	unbound_uid = o->uid;
	unbound_gid = o->gid;
	buf_puts(o->out, says);
	*o->ret_status = 1;
	return 0;
}

static void test_words(void **state)
{
	static const struct {
		const char *says, *told;
	} cases[] = {
		{ "/x/unbound.conf:3: error: unknown keyword 'root:$y$j9T$secret'\nread failed", "/x/unbound.conf:3: error: unknown keyword " },
		{ "/x/unbound.conf:4: error: \"secret\" is no number", "/x/unbound.conf:4: error: " },
		{ "\n", "" },
		{ "", "" },
		{ "first\nsecret", "first" },
		{ "first\rsecret", "first" },
	};
	struct err err;
	char want[300], longer[1000];
	(void)state;
	put("gen/unbound/unbound.conf", "server:\n", 0644);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		says = cases[i].says;
		assert_int_equal(check(&err, stand_in), -E_INVALID);
		snprintf(want, sizeof want, "the engine refuses its configuration: %s", cases[i].told);
		assert_string_equal(err.msg, want);
		assert_string_equal(err.path, "unbound");
	}
	assert_int_equal(unbound_uid, geteuid() == 0 ? USER_UNBOUND : 0);
	assert_int_equal(unbound_gid, geteuid() == 0 ? USER_UNBOUND : 0);
	memset(longer, 'x', sizeof longer);
	longer[sizeof longer - 1] = 0;
	says = longer;
	assert_int_equal(check(&err, stand_in), -E_INVALID);
	assert_true(strlen(err.msg) < 220);
}

/* A configuration that makes the engine read what only root may: the engine can't, and none of it comes back. */
static void test_reads_nothing_of_roots(void **state)
{
	char conf[512];
	struct err err;
	(void)state;
	if (geteuid() != 0 || !fs_exists("/usr/sbin/unbound-checkconf"))
		skip();
	put("secret", "topsecretword another\n", 0600);
	snprintf(conf, sizeof conf, "include: \"%s/secret\"\n", root);
	put("gen/unbound/unbound.conf", conf, 0644);
	check(&err, proc_run);
	assert_null(strstr(err.msg, "secretword"));
	put("secret", "topsecretword another\n", 0644); /* what it may read it does: the test isn't blind */
	assert_int_equal(check(&err, proc_run), -E_INVALID);
	assert_null(strstr(err.msg, "secretword"));
	assert_non_null(strstr(err.msg, "secret:1"));
	put("secret", "topsecretword another\n", 0600);
	check(&err, proc_run);
	assert_null(strstr(err.msg, "secret:1"));
	/* and a sound one is sound, through STATE/current too, which isn't there yet */
	snprintf(conf, sizeof conf, "server:\n  directory: \"%s/current/unbound\"\n  username: \"\"\n  chroot: \"\"\n"
	         "include: \"%s/current/unbound/views.conf\"\n", root, root);
	put("gen/unbound/unbound.conf", conf, 0644);
	put("gen/unbound/views.conf", "view:\n  name: \"a\"\n", 0644);
	if (check(&err, proc_run) < 0)
		fail_msg("%s: %s", err.path, err.msg);
}

static int calls, answer;
static int counted(const struct proc_opts *o, struct err *err)
{
	(void)err;
	calls++;
	*o->ret_status = answer;
	return 0;
}

static int asked(struct err *err)
{
	calls = 0;
	check(err, counted);
	return calls;
}

/* What has passed isn't asked again; whatever of it is another is. */
static void test_once(void **state)
{
	struct err err;
	char path[256];
	(void)state;
	if (!fs_exists("/usr/sbin/unbound-checkconf") || !fs_exists("/usr/share/dns/root.key") || !fs_exists("/var/lib/dpkg/status"))
		skip();
	put("gen/unbound/unbound.conf", "server:\n", 0644);
	put("gen/unbound/views.conf", "view:\n", 0644);
	answer = 1;
	assert_int_equal(asked(&err), 1);
	assert_int_equal(asked(&err), 1); /* what was refused is asked again */
	answer = 0;
	assert_int_equal(asked(&err), 1);
	assert_int_equal(asked(&err), 0);
	put("gen/unbound/views.conf", "view: \n", 0644);
	assert_int_equal(asked(&err), 1);
	assert_int_equal(asked(&err), 0);
	put("gen/unbound/more.conf", "", 0644);
	assert_int_equal(asked(&err), 1);
	assert_int_equal(asked(&err), 0);
	move("gen/unbound/more.conf", "gen/unbound/other.conf");
	assert_int_equal(asked(&err), 1);
	/* as is a file that lies elsewhere, with all names and the order as they were */
	snprintf(path, sizeof path, "%s/gen/unbound/a", root);
	assert_int_equal(mkdir(path, 0755), 0);
	put("gen/unbound/a/a", "1", 0644);
	put("gen/unbound/a/b", "2", 0644);
	assert_int_equal(asked(&err), 1);
	assert_int_equal(asked(&err), 0);
	move("gen/unbound/a/b", "gen/unbound/b");
	assert_int_equal(asked(&err), 1);
	assert_int_equal(asked(&err), 0);
	put("check/unbound.passed", "0", 0600); /* a record of something else */
	assert_int_equal(asked(&err), 1);
	assert_int_equal(asked(&err), 0);
	/* another generation with the same files is the same */
	move("gen", "gen2");
	snprintf(path, sizeof path, "%s/gen2", root);
	calls = 0;
	assert_int_equal(check_generation(path, counted, &err), 0);
	assert_int_equal(calls, 0);
}

/* The name servers' include a secret that is made when they start: the dry run is shown another in its place. */
static void test_name_servers(void **state)
{
	static const char knot[] = "server:\n    listen: [ 127.0.0.1@5300 ]\ninclude: \"/nonexistent/run/knot/tsig.conf\"\nacl:\n  - id: a\n    key: transfer\n"
				   "    action: transfer\ninclude: \"%s/current/knot/zones.conf\"\n";
	static const char nsd[] = "server:\n  zonesdir: \"\"\n  database: \"\"\ninclude: \"/nonexistent/run/nsd1/tsig.conf\"\nzone:\n  name: \"a.example\"\n"
				  "  request-xfr: 127.0.0.1@5300 transfer\n";
	char conf[512], path[256];
	struct err err;
	(void)state;
	if (geteuid() != 0 || !fs_exists("/usr/sbin/knotc") || !fs_exists("/usr/sbin/nsd-checkconf"))
		skip();
	setenv("TORIDE_RUN", "/nonexistent/run", 1);
	snprintf(path, sizeof path, "%s/gen/knot", root);
	assert_int_equal(fs_mkdirs(path, 0755, NULL), 0);
	snprintf(path, sizeof path, "%s/gen/nsd1", root);
	assert_int_equal(fs_mkdirs(path, 0755, NULL), 0);
	snprintf(conf, sizeof conf, knot, root);
	put("gen/knot/knot.conf", conf, 0644);
	put("gen/knot/zones.conf", "zone:\n  - domain: a.example\n", 0644);
	put("gen/nsd1/nsd.conf", nsd, 0644);
	if (check(&err, proc_run) < 0)
		fail_msg("%s: %s", err.path, err.msg);
	put("gen/knot/zones.conf", "zone:\n  - domain: a.example\n    acl: nobody\n", 0644);
	assert_int_equal(check(&err, proc_run), -E_INVALID);
	assert_string_equal(err.path, "knot");
	put("gen/knot/zones.conf", "zone:\n  - domain: a.example\n", 0644);
	put("gen/nsd1/nsd.conf", "server:\n  no-such-word: yes\n", 0644);
	assert_int_equal(check(&err, proc_run), -E_INVALID);
	assert_string_equal(err.path, "nsd1");
	unsetenv("TORIDE_RUN");
}

/* What only this node's administrator can bring is asked for by name, before anything is touched. */
static void test_key_of_the_cold_store(void **state)
{
	struct err err = { 0 };
	char path[128];
	(void)state;
	assert_int_equal(check(&err, proc_run), 0);
	put("gen/coldd.json", "{\"v\":1}\n", 0644);
	assert_int_equal(check(&err, proc_run), -E_NOT_FOUND);
	assert_string_equal(err.path, "service.cold");
	assert_non_null(strstr(err.msg, "cold/secret"));
	snprintf(path, sizeof path, "%s/cold", root);
	assert_int_equal(mkdir(path, 0755), 0);
	put("cold/secret", "key\n", 0600);
	assert_int_equal(check(&err, proc_run), 0);
}

static void test_key_of_the_cluster(void **state)
{
	struct err err = { 0 };
	char path[128];
	(void)state;
	put("gen/clusterd.json", "{\"v\":1}\n", 0644);
	assert_int_equal(check(&err, proc_run), -E_NOT_FOUND);
	assert_string_equal(err.path, "service.store");
	assert_non_null(strstr(err.msg, "cluster/secret"));
	snprintf(path, sizeof path, "%s/cluster", root);
	assert_int_equal(mkdir(path, 0755), 0);
	put("cluster/secret", "key\n", 0600);
	assert_int_equal(check(&err, proc_run), 0);
}

static int leaves(struct err *err)
{
	char from[128], to[128];
	snprintf(from, sizeof from, "%s/from", root);
	snprintf(to, sizeof to, "%s/gen", root);
	return check_left(from, to, err);
}

/* Records that lie in a store of objects are left there only by its name; where none lies there it may go as it came. */
static void test_a_store_that_is_left(void **state)
{
	static const char *const dirs[] = { "from", "segments", "segments/412015", "segments/412015/events", "segments-cold" };
	static const char store[] = "https://s3.example/log\n";
	struct err err = { 0 };
	char path[128];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		snprintf(path, sizeof path, "%s/%s", root, dirs[i]);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	assert_int_equal(leaves(&err), 0); /* there was none */
	put("from/cold-store", store, 0644);
	assert_int_equal(leaves(&err), 0); /* nothing lies there */
	put("segments/412015/events/000001.cold", "{}\n", 0644); /* and the disk that would say where it lies isn't mounted */
	assert_int_equal(leaves(&err), -E_STATE);
	assert_string_equal(err.path, "service.cold");
	assert_non_null(strstr(err.msg, "1 segments of records lie in https://s3.example/log, and"));
	put("gen/cold-left", "https://s3.example/lo\nhttps://s3.example/log/\n", 0644);
	assert_int_equal(leaves(&err), -E_STATE);
	put("gen/cold-left", "https://other.example/log\nhttps://s3.example/log\n", 0644);
	assert_int_equal(leaves(&err), 0);
	put("gen/cold-left", "", 0644);
	put("gen/cold-store", "https://s3.example/log2\n", 0644);
	assert_int_equal(leaves(&err), -E_STATE); /* another bucket is another store */
	put("gen/cold-store", store, 0644);
	assert_int_equal(leaves(&err), 0); /* the same, whatever else changes */
}

/* By what lies on the disk, where it is there: /dev/shm is another one. */
static void test_a_store_by_its_marks(void **state)
{
	static const char *const stages[] = { "going", "end", "ended" };
	char disk[64] = "/dev/shm/toride-check-XXXXXX", cold[128], path[256];
	struct err err = { 0 };
	(void)state;
	assert_non_null(mkdtemp(disk));
	snprintf(path, sizeof path, "%s/from", root);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof path, "%s/segments", root);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(cold, sizeof cold, "%s/segments-cold", root);
	assert_int_equal(symlink(disk, cold), 0);
	snprintf(path, sizeof path, "%s/412015/events", disk);
	assert_int_equal(fs_mkdirs(path, 0755, NULL), 0);
	put("from/cold-store", "https://s3.example/log\n", 0644);
	put("segments-cold/412015/events/000001.seg", "x", 0644); /* on the disk, and not yet in the store */
	assert_int_equal(leaves(&err), 0);
	for (size_t i = 0; i < ARRAY_LEN(stages); i++) {
		snprintf(path, sizeof path, "segments-cold/412015/events/000001.%s", stages[i]);
		put(path, "x", 0644);
		assert_int_equal(leaves(&err), -E_STATE);
		snprintf(path, sizeof path, "%s/412015/events/000001.%s", disk, stages[i]);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(leaves(&err), 0);
	assert_int_equal(fs_rmtree(disk, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_key_of_the_cold_store, setup, teardown),
		cmocka_unit_test_setup_teardown(test_key_of_the_cluster, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_store_that_is_left, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_store_by_its_marks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_words, setup, teardown),
		cmocka_unit_test_setup_teardown(test_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_name_servers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reads_nothing_of_roots, setup, teardown),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
