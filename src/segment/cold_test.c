/* Cold storage and holds: nothing is removed that didn't arrive, nothing is lost from sight that moved, and a disk that is away is no
 * record that was removed. The other disk is /dev/shm. */
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "segment/export.h"
#include "segment/fake_vault.h"
#include "segment/file.h"
#include "segment/hold.h"
#include "segment/reader.h"
#include "segment/series.h"
#include "segment/verify.h"
#include "segment/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

#define DAY (24LL * 3600 * 1000)
#define START (20000 * DAY)
#define HOT (10 * DAY)

static char root[64], dir[96], cold[160], disk[64];

static struct writer *open_writer(void)
{
	struct writer *w = NULL;
	struct err err = { 0 };
	struct writer_opts o = { dir, fake_key, fake_seal, NULL, 0, 0, 0, NULL, 0 };
	if (writer_open(&o, &w, &err) < 0)
		fail_msg("%s: %s", err.path, err.msg);
	return w;
}

static void mount_it(void)
{
	assert_int_equal(symlink(disk, cold), 0);
}

/* Three sealed segments on days 0 to 2 of 600 kB each, and an open one. */
static int setup(void **state)
{
	(void)state;
	char text[20000];
	snprintf(root, sizeof root, "/tmp/toride-cold-XXXXXX");
	snprintf(disk, sizeof disk, "/dev/shm/toride-cold-XXXXXX");
	if (!mkdtemp(root) || !mkdtemp(disk))
		return -1;
	snprintf(dir, sizeof dir, "%s/segments", root);
	snprintf(cold, sizeof cold, "%s-cold", dir);
	memset(text, 'x', sizeof text);
	clock_hold(START);
	struct writer *w = open_writer();
	for (int day = 0; day < 4; day++) {
		for (int i = 0; i < 30; i++)
			assert_int_equal(writer_append(w, "412015", "events", (struct str){ text, sizeof text }, NULL, NULL), 0);
		if (writer_commit(w, NULL) < 0 || (day < 3 && writer_rotate(w, true, NULL) < 0) || writer_checkpoint(w, false, NULL) < 0)
			return -1;
		clock_advance(DAY);
	}
	writer_close(&w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	clock_hold(0);
	fs_fail_at(0, 0);
	return fs_rmtree(root, NULL) | fs_rmtree(disk, NULL);
}

static int64_t all_the_same(const char *org, void *user)
{
	(void)org;
	return *(int64_t *)user;
}

static int64_t all_series(const char *org, const char *series, void *user)
{
	(void)series;
	return all_the_same(org, user);
}

static int step(struct writer *w, int64_t hot, struct segment_name *ret, struct err *err)
{
	return writer_cool(w, clock_now_ms(), all_the_same, &hot, ret, err);
}

static unsigned cool(struct writer *w)
{
	struct segment_name moved;
	struct err err = { 0 };
	unsigned n = 0;
	for (int i = 0; i < 60; i++) {
		if (step(w, HOT, &moved, &err) < 0)
			fail_msg("%s: %s", err.path, err.msg);
		n += moved.segment != 0;
	}
	return n;
}

static bool hot_there(uint32_t number)
{
	char path[256];
	return fs_exists(seg_path(dir, "412015", "events", number, path, sizeof path));
}

static bool cold_there(uint32_t number)
{
	char path[256];
	return fs_exists(seg_cold_path(dir, "412015", "events", number, path, sizeof path));
}

static unsigned records(void)
{
	struct reader *r = NULL;
	struct reader_record rec;
	unsigned n = 0;
	assert_int_equal(reader_open(&(struct reader_opts){ .dir = dir, .key = fake_key }, &r, NULL), 0);
	while (reader_next(r, &rec, NULL) == 0)
		n++;
	reader_close(&r);
	return n;
}

/* The first fault's words, or "". */
static const char *verify(uint64_t *ret_records)
{
	static char why[256];
	struct verify_report r;
	struct verify_opts o = { .dir = dir, .get_key = fake_key };
	assert_int_equal(verify_store(&o, &r, NULL), 0);
	snprintf(why, sizeof why, "%s", r.n ? r.faults[0].why : "");
	*ret_records = r.decrypted;
	verify_report_done(&r);
	return why;
}

static void expect_whole(void)
{
	uint64_t n;
	assert_string_equal(verify(&n), "");
	assert_int_equal(n, 120);
	assert_int_equal(records(), 120);
}

static void test_moves_what_is_old(void **state)
{
	(void)state;
	mount_it();
	struct writer *w = open_writer();
	clock_hold(START + HOT + DAY + 1); /* the segments of days 0 and 1 */
	assert_int_equal(cool(w), 2);
	assert_true(cold_there(1) && cold_there(2) && !hot_there(1) && !hot_there(2) && hot_there(3) && !cold_there(3));
	expect_whole();
	clock_hold(START + HOT + 30 * DAY);
	assert_int_equal(cool(w), 1); /* the newest stays */
	assert_true(hot_there(4) && !cold_there(4));
	writer_close(&w);
	w = open_writer();
	assert_int_equal(writer_append(w, "412015", "events", STR("{}"), NULL, NULL), 0);
	assert_int_equal(writer_checkpoint(w, false, NULL), 0);
	writer_close(&w);
	uint64_t n;
	assert_string_equal(verify(&n), "");
	assert_int_equal(n, 121);
}

static void test_an_export_has_them(void **state)
{
	(void)state;
	char out[96];
	struct export_report rep;
	struct verify_report r;
	mount_it();
	struct writer *w = open_writer();
	clock_hold(START + HOT + DAY + 1);
	assert_int_equal(cool(w), 2);
	writer_close(&w);
	snprintf(out, sizeof out, "%s/export", root);
	assert_int_equal(segment_export(&(struct export_opts){ .dir = dir, .org = "412015", .out = out, .key = fake_key }, &rep, NULL), 0);
	assert_int_equal(rep.records, 120);
	assert_int_equal(verify_export(&(struct verify_opts){ .dir = out }, &r, NULL), 0);
	assert_int_equal(r.n, 0);
	verify_report_done(&r);
}

/* A directory of the same disk is a mount that failed: it would fill, and then vanish under the mount. */
static void test_no_other_disk(void **state)
{
	(void)state;
	struct segment_name moved;
	struct err err = { 0 };
	struct writer *w = open_writer();
	clock_hold(START + HOT + DAY + 1);
	assert_int_equal(step(w, HOT, &moved, &err), -E_STATE);
	assert_int_equal(fs_mkdirs(cold, 0755, NULL), 0);
	clock_advance(2 * 3600000);
	assert_int_equal(step(w, HOT, &moved, &err), -E_STATE);
	assert_true(hot_there(1));
	assert_int_equal(step(w, 0, &moved, &err), 0); /* a body whose records stay */
	writer_close(&w);
	expect_whole();
}

/* The disk taken away: said as what it is, and all is there again with it. */
static void test_disk_away(void **state)
{
	(void)state;
	uint64_t n;
	mount_it();
	struct writer *w = open_writer();
	clock_hold(START + HOT + DAY + 1);
	assert_int_equal(cool(w), 2);
	writer_close(&w);
	assert_int_equal(unlink(cold), 0);
	assert_non_null(strstr(verify(&n), "is the second disk mounted"));
	w = open_writer(); /* the watch goes on */
	assert_int_equal(writer_append(w, "412015", "events", STR("{}"), NULL, NULL), 0);
	assert_int_equal(writer_commit(w, NULL), 0);
	writer_close(&w);
	mount_it();
	assert_string_equal(verify(&n), "");
	assert_int_equal(n, 121);
}

/* Altered while it lies there: named. */
static void test_altered_there(void **state)
{
	(void)state;
	char path[256], byte;
	uint64_t n;
	mount_it();
	struct writer *w = open_writer();
	clock_hold(START + HOT + 1);
	assert_int_equal(cool(w), 1);
	writer_close(&w);
	int fd = open(seg_cold_path(dir, "412015", "events", 1, path, sizeof path), O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, &byte, 1, 300000), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, 300000), 1);
	close(fd);
	assert_non_null(strstr(verify(&n), "altered"));
	assert_int_equal(unlink(path), 0);
	seg_mark_path(dir, "412015", "events", 1, path, sizeof path);
	assert_int_equal(unlink(path), 0);
	assert_non_null(strstr(verify(&n), "removed"));
}

/* A disk that others had in their hands: a link on it leads back to where the segments come from, a pipe stands where one lay. */
static void test_disk_of_others(void **state)
{
	(void)state;
	char there[200], path[256];
	uint64_t n;
	struct segment_name moved = { 0 };
	struct err err = { 0 };
	int64_t hot = HOT;
	int r = 0;
	mount_it();
	snprintf(there, sizeof there, "%s/412015", disk);
	snprintf(path, sizeof path, "%s/412015", dir);
	assert_int_equal(symlink(path, there), 0);
	struct writer *w = open_writer();
	clock_hold(START + HOT + 1);
	for (int i = 0; i < 20 && r == 0 && !moved.segment; i++)
		r = writer_cool(w, clock_now_ms(), all_the_same, &hot, &moved, &err);
	assert_int_equal(r, -E_STATE);
	assert_true(hot_there(1));
	expect_whole();
	assert_int_equal(unlink(there), 0);
	writer_look_again(w);
	assert_int_equal(cool(w), 1);
	writer_close(&w);
	seg_cold_path(dir, "412015", "events", 1, path, sizeof path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_non_null(strstr(verify(&n), "altered")); /* and it comes back */
}

/* Each system call fails once, and each time the process is killed there: never is a record in no place. */
static void test_faults(void **state)
{
	(void)state;
	mount_it();
	clock_hold(START + HOT + 1);
	bool done = false;
	long at = 1;
	for (; !done && at < 300; at++) {
		struct segment_name moved = { 0 };
		struct err err = { 0 };
		struct writer *w = open_writer();
		int64_t hot = HOT;
		int r = 0;
		fs_fail_at(at, at % 2 ? EIO : ENOSPC);
		for (int i = 0; i < 20 && r == 0 && !moved.segment; i++)
			r = writer_cool(w, clock_now_ms(), all_the_same, &hot, &moved, &err);
		fs_fail_at(0, 0);
		done = !hot_there(1);
		writer_close(&w);
		assert_true(hot_there(1) || cold_there(1));
		expect_whole();
	}
	assert_true(done && cold_there(1) && at > 15);
}

/* Retention reaches them. */
static void test_ended(void **state)
{
	(void)state;
	char mark[256];
	struct verify_report r;
	struct segment_name gone;
	struct err err = { 0 };
	int64_t keep = 20 * DAY;
	mount_it();
	struct writer *w = open_writer();
	clock_hold(START + HOT + DAY + 1);
	assert_int_equal(cool(w), 2);
	clock_hold(START + keep + DAY + 1);
	for (int i = 0; i < 20; i++) {
		if (writer_retain(w, clock_now_ms(), all_series, &keep, &gone, &err) < 0)
			fail_msg("%s: %s", err.path, err.msg);
		assert_int_equal(writer_checkpoint(w, false, NULL), 0);
	}
	assert_false(cold_there(1) || cold_there(2) || !hot_there(3));
	assert_false(fs_exists(seg_mark_path(dir, "412015", "events", 1, mark, sizeof mark)));
	writer_close(&w);
	assert_int_equal(verify_store(&(struct verify_opts){ .dir = dir, .get_key = fake_key }, &r, NULL), 0);
	assert_int_equal(r.n, 0);
	assert_int_equal(r.ended, 2);
	verify_report_done(&r);
}

/* What has gone on to a store of objects, or is on its way there: the order to delete it stays behind, whatever its name is just then. */
static void test_ended_in_a_store(void **state)
{
	(void)state;
	char end[256], going[256], ended[256];
	struct segment_name gone;
	int64_t keep = 20 * DAY;
	mount_it();
	struct writer *w = open_writer();
	clock_hold(START + HOT + DAY + 1);
	assert_int_equal(cool(w), 2);
	assert_int_equal(fs_write(seg_store_path(dir, "412015", "events", 1, SEG_GOING, going, sizeof going), STR("on its way"), 0644, NULL), 0);
	assert_int_equal(rename(seg_cold_path(dir, "412015", "events", 2, going, sizeof going), seg_store_path(dir, "412015", "events", 2, SEG_END, end, sizeof end)), 0);
	clock_hold(START + keep + DAY + 1);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(writer_retain(w, clock_now_ms(), all_series, &keep, &gone, NULL), 0);
		assert_int_equal(writer_checkpoint(w, false, NULL), 0);
	}
	for (uint32_t n = 1; n <= 2; n++) {
		assert_true(fs_exists(seg_store_path(dir, "412015", "events", n, SEG_ENDED, ended, sizeof ended)));
		assert_false(fs_exists(seg_store_path(dir, "412015", "events", n, SEG_END, end, sizeof end)));
		assert_false(fs_exists(seg_store_path(dir, "412015", "events", n, SEG_GOING, going, sizeof going)) || cold_there(n));
	}
	writer_close(&w);
}

/* Each system call of that fails once, and each time the process is killed there: what is left of one is cleared up. */
static void test_ended_in_parts(void **state)
{
	(void)state;
	char mark[256];
	uint64_t n;
	int64_t keep = 20 * DAY;
	mount_it();
	struct writer *w = open_writer();
	clock_hold(START + HOT + DAY + 1);
	assert_int_equal(cool(w), 2);
	writer_close(&w);
	clock_hold(START + keep + 1);
	seg_mark_path(dir, "412015", "events", 1, mark, sizeof mark);
	long at = 1;
	for (; fs_exists(mark) && at < 300; at++) {
		struct segment_name gone;
		struct err err = { 0 };
		int r = 0;
		w = open_writer();
		fs_fail_at(at, EIO);
		for (int i = 0; i < 20 && r == 0; i++)
			r = writer_retain(w, clock_now_ms(), all_series, &keep, &gone, &err) < 0 ? -1 : writer_checkpoint(w, false, &err);
		fs_fail_at(0, 0);
		writer_close(&w);
	}
	assert_true(!fs_exists(mark) && !cold_there(1) && cold_there(2) && at > 5);
	assert_string_equal(verify(&n), "");
}

/* Its end is signed, and then its disk is away: the mark stays, which is what finds it again. */
static void test_ended_while_away(void **state)
{
	(void)state;
	char mark[256];
	struct segment_name gone;
	struct err err = { 0 };
	int64_t keep = 20 * DAY;
	mount_it();
	struct writer *w = open_writer();
	clock_hold(START + HOT + DAY + 1);
	assert_int_equal(cool(w), 2);
	clock_hold(START + keep + 1);
	assert_int_equal(writer_retain(w, clock_now_ms(), all_series, &keep, &gone, NULL), 0);
	assert_int_equal(writer_checkpoint(w, false, NULL), 0);
	assert_int_equal(unlink(cold), 0);
	assert_int_equal(writer_retain(w, clock_now_ms(), all_series, &keep, &gone, &err), -E_IO);
	seg_mark_path(dir, "412015", "events", 1, mark, sizeof mark);
	assert_true(fs_exists(mark));
	mount_it();
	writer_look_again(w);
	assert_int_equal(writer_retain(w, clock_now_ms(), all_series, &keep, &gone, NULL), 0);
	assert_int_equal(gone.segment, 1);
	assert_false(fs_exists(mark) || cold_there(1));
	writer_close(&w);
}

static void put_file(const char *name)
{
	char path[256];
	snprintf(path, sizeof path, "%s/holds/%s", root, name);
	assert_int_equal(fs_write(path, STR("{}\n"), 0644, NULL), 0);
}

/* ---- a cold disk that doesn't answer: what was begun there ends when the test says so ---- */

static struct {
	void (*fn)(void *);
	void *arg;
	unsigned n;
} waits;

static int hung(void (*fn)(void *), void *arg, void *user, struct err *err)
{
	(void)user, (void)err;
	waits.fn = fn;
	waits.arg = arg;
	waits.n++;
	return 0;
}

static void answer(void)
{
	assert_non_null(waits.fn);
	waits.fn(waits.arg);
	waits.fn = NULL;
}

static struct writer *open_aside(void)
{
	struct writer *w = NULL;
	struct writer_opts o = { .dir = dir, .key = fake_key, .seal = fake_seal, .aside = hung };
	waits.fn = NULL;
	waits.n = 0;
	assert_int_equal(writer_open(&o, &w, NULL), 0);
	return w;
}

static void goes_on(struct writer *w)
{
	struct segment_name name = { 0 };
	assert_int_equal(writer_append(w, "412015", "events", STR("{}"), &name, NULL), 0);
	assert_int_equal(writer_commit(w, NULL), 0);
	assert_int_equal(writer_checkpoint(w, false, NULL), 0);
}

/* Once: nothing more is begun there meanwhile, records are taken and signed, and what is ended is only ended when it answers. */
static void test_a_disk_that_does_not_answer(void **state)
{
	struct segment_name moved, gone;
	int64_t keep = 20 * DAY;
	(void)state;
	mount_it();
	struct writer *w = open_aside();
	clock_hold(START + HOT + 1);
	assert_int_equal(writer_cold_silent_ms(w), 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(step(w, HOT, &moved, NULL), 0);
		assert_int_equal(moved.segment, 0);
		clock_advance(1000);
	}
	assert_int_equal(waits.n, 1);
	assert_in_range(writer_cold_silent_ms(w), 19000, 21000);
	assert_true(hot_there(1) && !cold_there(1));
	goes_on(w);
	/* its time is over while it is under way: it needn't arrive, and goes once the disk answers */
	clock_hold(START + keep + 1);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(writer_retain(w, clock_now_ms(), all_series, &keep, &gone, NULL), 0);
		assert_int_equal(gone.segment, 0);
		assert_int_equal(writer_checkpoint(w, false, NULL), 0);
	}
	assert_int_equal(waits.n, 1);
	assert_true(hot_there(1));
	answer();
	assert_false(cold_there(1)); /* it was told not to */
	assert_int_equal(step(w, HOT, &moved, NULL), 0);
	assert_int_equal(moved.segment, 0);
	if (waits.fn)
		answer();
	for (int i = 0; i < 20 && hot_there(1); i++) {
		assert_int_equal(writer_retain(w, clock_now_ms(), all_series, &keep, &gone, NULL), 0);
		assert_int_equal(step(w, HOT, &moved, NULL), 0);
		if (waits.fn)
			answer();
		clock_advance(1000);
	}
	assert_false(hot_there(1) || cold_there(1));
	writer_close(&w);
	uint64_t n;
	assert_string_equal(verify(&n), "");
}

/* Until it has an answer nothing has ended: who is held (all_series: 0) while the disk is silent loses nothing when it comes back. */
static void test_held_while_a_disk_does_not_answer(void **state)
{
	struct segment_name moved, gone;
	int64_t keep = 20 * DAY, held = 0;
	(void)state;
	mount_it();
	struct writer *w = open_aside();
	clock_hold(START + HOT + 1);
	for (int i = 0; i < 20 && !cold_there(1); i++) {
		assert_int_equal(step(w, HOT, &moved, NULL), 0);
		if (waits.fn)
			answer();
	}
	assert_int_equal(step(w, HOT, &moved, NULL), 0);
	assert_true(cold_there(1) && !hot_there(1));
	if (waits.fn)
		answer();
	assert_int_equal(step(w, HOT, &moved, NULL), 0);
	clock_hold(START + keep + 1);
	for (int round = 0; round < 2; round++) { /* its end mark is being read; it is being removed */
		for (int i = 0; i < 20 && !waits.fn; i++) {
			assert_int_equal(writer_retain(w, clock_now_ms(), all_series, &keep, &gone, NULL), 0);
			assert_int_equal(writer_checkpoint(w, false, NULL), 0);
			clock_advance(1000);
		}
		assert_non_null(waits.fn);
		assert_int_equal(writer_retain(w, clock_now_ms(), all_series, &held, &gone, NULL), 0);
		answer();
		assert_int_equal(writer_retain(w, clock_now_ms(), all_series, &held, &gone, NULL), 0);
		assert_int_equal(gone.segment, 0);
		assert_true(cold_there(1));
		assert_int_equal(w->all->ended.segment, round);
		writer_look_again(w);
		for (int i = 0; round == 0 && i < 20 && w->all->ended.segment == 0; i++) {
			assert_int_equal(writer_retain(w, clock_now_ms(), all_series, &keep, &gone, NULL), 0);
			if (waits.fn)
				answer();
		}
	}
	writer_close(&w);
	expect_whole();
}

/* Whoever ends meanwhile waits for nobody; what was begun ends by itself, and is moved once more. */
static void test_ended_beside_a_disk_that_does_not_answer(void **state)
{
	struct segment_name moved;
	(void)state;
	mount_it();
	clock_hold(START + HOT + 1);
	struct writer *w = open_aside();
	for (int i = 0; i < 5; i++)
		assert_int_equal(step(w, HOT, &moved, NULL), 0);
	writer_close(&w);
	answer(); /* frees itself: the sanitizer would say */
	assert_true(hot_there(1) && !cold_there(1));
	w = open_aside();
	for (int i = 0; i < 5; i++)
		assert_int_equal(step(w, HOT, &moved, NULL), 0);
	answer();
	assert_int_equal(step(w, HOT, &moved, NULL), 0);
	assert_int_equal(moved.segment, 1);
	if (waits.fn)
		answer();
	writer_close(&w);
	assert_true(!hot_there(1) && cold_there(1));
	expect_whole();
}

static void test_hold(void **state)
{
	(void)state;
	char holds[96];
	snprintf(holds, sizeof holds, "%s/holds", root);
	assert_false(hold_on(holds, "412015") || hold_any(holds)); /* no such directory */
	assert_int_equal(fs_mkdirs(holds, 0755, NULL), 0);
	put_file("readme");
	assert_false(hold_on(holds, "412015") || hold_any(holds));
	put_file("412015.0a1b2c3d.47.new"); /* whoever wrote it was killed */
	assert_false(hold_on(holds, "412015") || hold_any(holds));
	put_file("412015.0a1b2c3d");
	assert_true(hold_on(holds, "412015") && hold_on(holds, "service") && hold_any(holds));
	assert_false(hold_on(holds, "412023"));
	fs_fail_at(1, EIO);
	assert_true(hold_on(holds, "412023")); /* what can't be looked at holds everything */
	fs_fail_at(0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_moves_what_is_old, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_export_has_them, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_other_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_disk_away, setup, teardown),
		cmocka_unit_test_setup_teardown(test_altered_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_disk_of_others, setup, teardown),
		cmocka_unit_test_setup_teardown(test_faults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ended, setup, teardown), cmocka_unit_test_setup_teardown(test_ended_in_a_store, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ended_in_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ended_while_away, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_disk_that_does_not_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_held_while_a_disk_does_not_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ended_beside_a_disk_that_does_not_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hold, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
