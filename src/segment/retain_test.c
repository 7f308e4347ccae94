/* Retention: what has had its time goes, what is left stays provable, and only a signature makes a missing file right. */
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "segment/export.h"
#include "segment/fake_vault.h"
#include "segment/file.h"
#include "segment/reader.h"
#include "segment/verify.h"
#include "segment/writer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define DAY (24LL * 3600 * 1000)
#define START (20000 * DAY)
#define KEEP (30 * DAY)

static char root[64], dir[96];

static struct writer *open_writer(void)
{
	struct writer *w = NULL;
	struct err err = { 0 };
	struct writer_opts o = { dir, fake_key, fake_seal, NULL, 0, 0, 0, NULL, 0 };
	if (writer_open(&o, &w, &err) < 0)
		fail_msg("%s: %s", err.path, err.msg);
	return w;
}

static void put(struct writer *w, const char *org, unsigned n)
{
	char t[64];
	for (unsigned i = 0; i < n; i++) {
		snprintf(t, sizeof t, "{\"n\":%u}", i);
		assert_int_equal(writer_append(w, org, "events", str_from(t), NULL, NULL), 0);
	}
}

/* Two bodies and the service, a sealed segment of 5 records each on days 0 to 2; 412023 wrote nothing since. */
static int setup(void **state)
{
	(void)state;
	snprintf(root, sizeof root, "/tmp/toride-retain-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	snprintf(dir, sizeof dir, "%s/segments", root);
	clock_hold(START);
	struct writer *w = open_writer();
	for (int day = 0; day < 3; day++) {
		put(w, "412015", 5);
		put(w, "412023", 5);
		put(w, "service", 5);
		if (writer_commit(w, NULL) < 0 || writer_rotate(w, true, NULL) < 0 || writer_checkpoint(w, false, NULL) < 0)
			return -1;
		clock_advance(DAY);
	}
	put(w, "412015", 5);
	put(w, "service", 5);
	int r = writer_checkpoint(w, false, NULL);
	writer_close(&w);
	return r;
}

static int teardown(void **state)
{
	(void)state;
	clock_hold(0);
	fs_fail_at(0, 0);
	return fs_rmtree(root, NULL);
}

static int64_t bodies_only(const char *org, const char *series, void *user)
{
	(void)user;
	(void)series;
	return strcmp(org, "service") == 0 ? 0 : KEEP;
}

static bool there(const char *org, uint32_t number)
{
	char path[256];
	return fs_exists(seg_path(dir, org, "events", number, path, sizeof path));
}

static int step(struct writer *w, struct err *err)
{
	struct segment_name gone;
	int r = writer_retain(w, clock_now_ms(), bodies_only, NULL, &gone, err);
	return r < 0 ? r : writer_checkpoint(w, false, err);
}

static void retain(struct writer *w)
{
	struct err err = { 0 };
	for (int i = 0; i < 40; i++)
		if (step(w, &err) < 0)
			fail_msg("%s: %s", err.path, err.msg);
}

static void report(struct verify_report *r)
{
	struct err err = { 0 };
	struct verify_opts o = { .dir = dir, .get_key = fake_key };
	if (verify_store(&o, r, &err) < 0)
		fail_msg("%s: %s", err.path, err.msg);
}

static void expect(uint64_t ended, const char *record, const char *why)
{
	struct verify_report r;
	report(&r);
	if (!why && r.n)
		fail_msg("expected nothing, got %s: %s", r.faults[0].record, r.faults[0].why);
	if (why && (!r.n || strcmp(r.faults[0].record, record) != 0 || !strstr(r.faults[0].why, why)))
		fail_msg("expected %s %s, got %s: %s", record, why, r.n ? r.faults[0].record : "", r.n ? r.faults[0].why : "nothing");
	assert_int_equal(r.ended, ended);
	assert_int_equal(r.ended_records, ended * 5);
	verify_report_done(&r);
}

static void test_nothing_before_its_time(void **state)
{
	(void)state;
	struct writer *w = open_writer();
	clock_hold(START + KEEP - 1);
	retain(w);
	writer_close(&w);
	expect(0, NULL, NULL);
}

/* Day by day, each body by its own time; the log stays whole for log verify, and tells how long was kept. */
static void test_ends_and_stays_provable(void **state)
{
	(void)state;
	struct verify_report r;
	struct writer *w = open_writer();
	clock_hold(START + KEEP + DAY + 1);
	retain(w);
	assert_false(there("412015", 1) || there("412015", 2) || there("412023", 1) || there("412023", 2));
	assert_true(there("412015", 3) && there("412015", 4) && there("412023", 3) && there("service", 1));
	report(&r);
	assert_int_equal(r.n, 0);
	assert_int_equal(r.ended, 4);
	assert_int_equal(r.ended_after_ms, KEEP + 1);
	verify_report_done(&r);
	struct writer_stats st;
	writer_stats(w, &st);
	assert_int_equal(st.ended, 4);
	assert_int_equal(st.damaged, 0);
	writer_close(&w);
}

/* Signed first, removed later: in between everything is there and right, also after a crash. */
static void test_signed_before_removed(void **state)
{
	(void)state;
	struct writer *w = open_writer();
	struct segment_name gone;
	clock_hold(START + KEEP + 1);
	assert_int_equal(writer_retain(w, clock_now_ms(), bodies_only, NULL, &gone, NULL), 0);
	assert_int_equal(gone.segment, 0);
	assert_true(there("412015", 1));
	assert_int_equal(writer_checkpoint(w, false, NULL), 0);
	writer_close(&w);
	assert_true(there("412015", 1));
	expect(0, NULL, NULL);
	w = open_writer();
	retain(w);
	assert_false(there("412015", 1));
	writer_close(&w);
	expect(2, NULL, NULL);
}

/* All of a body's segments, the last one too, and a start without any file: nothing is damaged, numbers go on. */
static void test_last_one_too(void **state)
{
	(void)state;
	struct writer_stats st;
	struct writer *w = open_writer();
	clock_hold(START + KEEP + 10 * DAY);
	retain(w);
	assert_false(there("412023", 3));
	assert_true(there("412015", 4)); /* open: never */
	writer_close(&w);
	w = open_writer();
	writer_stats(w, &st);
	assert_int_equal(st.damaged, 0);
	put(w, "412023", 5);
	assert_int_equal(writer_checkpoint(w, false, NULL), 0);
	writer_close(&w);
	assert_true(there("412023", 4));
	expect(6, NULL, NULL);
}

/* A file that goes without that signature, before or behind what was ended, is missed as ever. */
static void test_only_a_signature_excuses(void **state)
{
	(void)state;
	char path[256];
	struct writer *w = open_writer();
	clock_hold(START + KEEP + 1);
	retain(w);
	writer_close(&w);
	expect(2, NULL, NULL);
	assert_int_equal(unlink(seg_path(dir, "412015", "events", 2, path, sizeof path)), 0);
	expect(2, "412015/events/000002/0", "removed: the whole segment");
}

/* An old record altered, and its end waited for: what is ended must be what was sealed. */
static void test_no_washing(void **state)
{
	(void)state;
	char path[256];
	struct buf b;
	buf_init(&b, MIB);
	seg_path(dir, "412015", "events", 1, path, sizeof path);
	assert_int_equal(fs_read(path, &b, NULL), 0);
	b.ptr[b.len - SEGMENT_HASH - 1] ^= 1; /* the last byte of the root in the end mark */
	assert_int_equal(fs_write(path, buf_view(&b), 0644, NULL), 0);
	struct writer *w = open_writer();
	clock_hold(START + KEEP + 1);
	retain(w);
	writer_close(&w);
	assert_false(there("412015", 1));
	expect(1, "412015/events/000001/0", "altered before it was ended");
	buf_done(&b);
}

/* A segment that lost its end mark is evidence: it stays, and counts as damaged. */
static void test_damaged_stays(void **state)
{
	(void)state;
	char path[256];
	struct writer_stats st;
	struct buf b;
	buf_init(&b, MIB);
	seg_path(dir, "412015", "events", 1, path, sizeof path);
	assert_int_equal(fs_read(path, &b, NULL), 0);
	b.len -= SEGMENT_FOOTER_LEN;
	assert_int_equal(fs_write(path, buf_view(&b), 0644, NULL), 0);
	struct writer *w = open_writer();
	clock_hold(START + KEEP + 1);
	retain(w);
	writer_stats(w, &st);
	assert_true(st.damaged > 0);
	writer_close(&w);
	assert_true(there("412015", 1));
	buf_done(&b);
}

/* A reader without a place begins with what is still kept, and an export holds just that, provable elsewhere. */
static void test_reader_and_export(void **state)
{
	(void)state;
	char out[96];
	struct reader *r = NULL;
	struct reader_record rec;
	struct err err = { 0 };
	struct export_report rep;
	struct verify_report v;
	unsigned n = 0;
	int x;
	struct writer *w = open_writer();
	clock_hold(START + KEEP + DAY + 1);
	retain(w);
	writer_close(&w);
	assert_int_equal(reader_open(&(struct reader_opts){ .dir = dir, .key = fake_key, .org = "412015" }, &r, NULL), 0);
	while ((x = reader_next(r, &rec, &err)) == 0)
		assert_true(rec.name.segment == 3 + n++ / 5);
	assert_int_equal(x, -E_AGAIN); /* and no fault on the way */
	assert_int_equal(n, 10);
	reader_close(&r);
	snprintf(out, sizeof out, "%s/out", root);
	struct export_opts o = { .dir = dir, .out = out, .org = "412015", .key = fake_key };
	if (segment_export(&o, &rep, &err) < 0)
		fail_msg("%s: %s", err.path, err.msg);
	assert_int_equal(rep.records, 10);
	assert_int_equal(verify_export(&(struct verify_opts){ .dir = out }, &v, &err), 0);
	assert_int_equal(v.n, 0);
	verify_report_done(&v);
}

/* Whatever system call fails on the way, the next try ends it, and the log is whole at every moment. */
static void test_each_call_fails(void **state)
{
	bool failed = true;
	int n = 1;
	for (; failed && n < 200; n++) {
		struct writer *w = open_writer();
		struct err err;
		failed = false;
		clock_hold(START + KEEP + 1);
		fs_fail_at(n, EIO);
		for (int i = 0; i < 12; i++)
			failed |= step(w, &err) < 0;
		fs_fail_at(0, 0);
		struct verify_report r;
		report(&r);
		assert_int_equal(r.n, 0);
		verify_report_done(&r);
		clock_advance(3600 * 1000);
		retain(w);
		writer_close(&w);
		assert_false(there("412015", 1) || there("412023", 1));
		expect(2, NULL, NULL);
		assert_int_equal(teardown(state), 0);
		assert_int_equal(setup(state), 0);
	}
	assert_true(n > 8);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_nothing_before_its_time), T(test_ends_and_stays_provable), T(test_signed_before_removed), T(test_last_one_too),
		T(test_only_a_signature_excuses), T(test_no_washing), T(test_damaged_stays), T(test_reader_and_export),
		T(test_each_call_fails),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("retain", tests, NULL, NULL);
}
