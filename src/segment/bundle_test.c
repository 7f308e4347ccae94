/* An export as one file: what goes in comes out, any tar opens it, and what somebody made up is refused with its place. */
#include "base/test.h"

#include "base/fs.h"
#include "base/mem.h"
#include "segment/bundle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64], dir[96], file[96], out[96];

static void put(const char *name, struct str text)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	assert_int_equal(fs_write(path, text, 0600, NULL), 0);
}

static int setup(void **state)
{
	(void)state;
	char leaves[128];
	snprintf(root, sizeof root, "/tmp/toride-bundle-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	snprintf(dir, sizeof dir, "%s/export", root);
	snprintf(file, sizeof file, "%s/x.tar", root);
	snprintf(out, sizeof out, "%s/out", root);
	snprintf(leaves, sizeof leaves, "%s/leaves", dir);
	if (fs_mkdirs(leaves, 0700, NULL) < 0 || fs_mkdirs(out, 0700, NULL) < 0)
		return -1;
	put("manifest.json", STR("{}\n"));
	put("records.jsonl", STR(""));
	put("leaves/events-000001.txt", STR("0123456789abcdef\n"));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return fs_rmtree(root, NULL);
}

static void expect(const char *name, const char *text)
{
	char path[256];
	struct buf b;
	snprintf(path, sizeof path, "%s/%s", out, name);
	buf_init(&b, MIB);
	assert_int_equal(fs_read(path, &b, NULL), 0);
	assert_string_equal(buf_cstr(&b), text);
	buf_done(&b);
}

static void test_there_and_back(void **state)
{
	(void)state;
	struct bundle_report r;
	struct stat st;
	char big[3 * 512 + 1];
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = 0;
	put("README.md", str_from(big)); /* whole blocks */
	assert_int_equal(bundle_write(dir, file, &r, NULL), 0);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_size, r.bytes);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size % 512, 0);
	assert_int_equal(bundle_write(dir, file, &r, NULL), -E_IO); /* never over another */
	assert_int_equal(bundle_open(file, out, NULL), 0);
	expect("manifest.json", "{}\n");
	expect("records.jsonl", "");
	expect("leaves/events-000001.txt", "0123456789abcdef\n");
	expect("README.md", big);
}

/* The tar with one thing changed. */
static void changed(size_t at, const char *bytes, size_t n, bool sum, off_t cut, const char *why)
{
	struct bundle_report r;
	struct err err = { 0 };
	struct buf b;
	unlink(file);
	assert_int_equal(bundle_write(dir, file, &r, NULL), 0);
	buf_init(&b, MIB);
	assert_int_equal(fs_read(file, &b, NULL), 0);
	memcpy(b.ptr + at, bytes, n);
	if (sum) { /* made up by somebody who knows how */
		unsigned s = 0;
		char text[8];
		for (size_t i = at / 512 * 512, end = i + 512; i < end; i++)
			s += i % 512 >= 148 && i % 512 < 156 ? ' ' : (unsigned char)b.ptr[i];
		snprintf(text, sizeof text, "%06o", s);
		memcpy(b.ptr + at / 512 * 512 + 148, text, 7);
	}
	b.len = cut ? (size_t)cut : b.len;
	assert_int_equal(fs_write(file, buf_view(&b), 0600, NULL), 0);
	buf_done(&b);
	assert_int_equal(fs_rmtree(out, NULL), 0);
	assert_int_equal(fs_mkdirs(out, 0700, NULL), 0);
	assert_true(bundle_open(file, out, &err) < 0);
	if (!strstr(err.msg, why))
		fail_msg("%s: expected \"%s\"", err.msg, why);
}

/* The first file is leaves/events-000001.txt (names are sorted): header, one block, then manifest.json. */
static void test_made_up(void **state)
{
	(void)state;
	static const struct {
		const char *name;
	} names[] = { { "../x" }, { "/etc/passwd" }, { "leaves/../../x" }, { "leaves/.x" }, { "other/x" }, { "" }, { "a b" } };
	char name[100];
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		memset(name, 0, sizeof name);
		memcpy(name, names[i].name, strlen(names[i].name));
		changed(0, name, sizeof name, true, 0, "no export holds");
	}
	changed(156, "2", 1, true, 0, "no export holds");      /* a link */
	changed(156, "5", 1, true, 0, "no export holds");      /* a directory */
	changed(345, "x", 1, true, 0, "no export holds");      /* the name's other half */
	changed(0, "x", 1, false, 0, "not a tar");             /* its own sum */
	changed(257, "xxxxx", 5, true, 0, "not a tar");
	changed(124, "77777777777", 11, true, 0, "cut short"); /* says it is larger than the file */
	changed(124, "\x80\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12, true, 0, "cut short");
	changed(124, "8", 1, true, 0, "cut short");
	changed(0, "l", 1, false, 700, "cut short");           /* in a file, */
	changed(0, "l", 1, false, 1024, "cut short");          /* behind one, */
	changed(0, "l", 1, false, 3 * 512 - 1, "cut short");   /* in a header */
	memset(name, 0, sizeof name);
	memcpy(name, "manifest.json", 13);
	changed(0, name, sizeof name, true, 0, "twice");
}

/* Each call and each allocation fails once: it says so, and nothing half is left. */
static void test_faults(void **state)
{
	(void)state;
	for (int memory = 0; memory < 2; memory++)
		for (long at = 1;; at++) {
			struct bundle_report r;
			struct err err = { 0 };
			unlink(file);
			memory ? mem_fail_at(at) : fs_fail_at(at, ENOSPC);
			int x = bundle_write(dir, file, &r, &err);
			bool over = (memory ? mem_count() : fs_count()) < at;
			mem_fail_at(0);
			fs_fail_at(0, 0);
			assert_true(x == 0 || (err.code != E_OK && !fs_exists(file)));
			if (over)
				break;
		}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = { T(test_there_and_back), T(test_made_up), T(test_faults) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("bundle", tests, NULL, NULL);
}
