/* Writer, recovery and reader together: what was acknowledged is there once, in order, whatever fails. */
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "segment/fake_vault.h"
#include "segment/file.h"
#include "segment/pick.h"
#include "segment/reader.h"
#include "segment/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

static char dir[64];
static int vault_error;

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/toride-segment-XXXXXX");
	vault_error = 0;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	mem_fail_at(0);
	fs_fail_at(0, 0);
	return fs_rmtree(dir, NULL);
}

static struct writer *open_writer(uint64_t rotate_bytes)
{
	struct writer *w = NULL;
	struct err err = { 0 };
	struct writer_opts o = { dir, fake_key, fake_seal, &vault_error, rotate_bytes, 0, 0, NULL, 0 };
	if (writer_open(&o, &w, &err) < 0)
		fail_msg("%s: %s", err.path, err.msg);
	return w;
}

static int put(struct writer *w, const char *org, unsigned n)
{
	char t[64];
	snprintf(t, sizeof t, "{\"n\":%u}", n);
	return writer_append(w, org, "events", str_from(t), NULL, NULL);
}

/* Reads everything there is; returns how many, and checks that the numbers in the records are first, first+1, … */
static unsigned count_all(const char *org, unsigned first)
{
	struct reader *r = NULL;
	struct reader_record rec;
	struct err err = { 0 };
	unsigned n = 0;
	assert_int_equal(reader_open(&(struct reader_opts){ dir, fake_key, &vault_error, org, NULL, NULL, false }, &r, &err), 0);
	for (;;) {
		int x = reader_next(r, &rec, &err);
		if (x == -E_AGAIN)
			break;
		if (x < 0)
			fail_msg("%s: %s", err.path, err.msg);
		char t[64];
		snprintf(t, sizeof t, "{\"n\":%u}", first + n);
		if (!str_eq(rec.data, str_from(t)))
			fail_msg("record %u/%llu is " STR_FMT " in place of %s", rec.name.segment, (unsigned long long)rec.name.index,
			         STR_ARG(rec.data), t);
		n++;
	}
	reader_close(&r);
	return n;
}

static void test_round_trip(void **state)
{
	(void)state;
	struct writer *w = open_writer(0);
	struct segment_name name;
	for (unsigned i = 0; i < 5000; i++)
		assert_int_equal(put(w, "412015", i), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(put(w, "service", i), 0);
	assert_int_equal(count_all(NULL, 0), 0); /* nothing is seen before the commit */
	assert_int_equal(writer_commit(w, NULL), 0);
	assert_int_equal(writer_pending(w), 0);
	assert_int_equal(count_all("412015", 0), 5000);
	assert_int_equal(count_all("service", 0), 3);
	assert_int_equal(writer_append(w, "412015", "events", STR("x"), &name, NULL), 0);
	assert_int_equal(name.segment, 1);
	assert_int_equal(name.index, 5000);
	writer_close(&w); /* not committed: lost, as promised */
	w = open_writer(0);
	assert_int_equal(put(w, "412015", 5000), 0);
	assert_int_equal(writer_commit(w, NULL), 0);
	assert_int_equal(count_all("412015", 0), 5001);
	writer_close(&w);
}

static void test_names(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} cases[] = {
		{ "412015/events/000001/17", true },  { "service/events/000012/0", true }, { "41201/events/000001/17", false },
		{ "412015/events/1/17", false },      { "412015/events/000000/1", false }, { "412015/events/000001", false },
		{ "412015/../000001/1", false },      { "412015/events/000001/x", false }, { "412015/events/000001/1/2", false },
		{ "412015/Events/000001/1", false },  { "", false },                       { "412015/events/000001/-1", false },
		{ "412015/events/1234567/9", true },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct segment_name n;
		char t[SEGMENT_NAME_TEXT];
		int r = segment_name_parse(str_from(cases[i].text), &n);
		if ((r == 0) != cases[i].ok)
			fail_msg("%s: %d", cases[i].text, r);
		if (r == 0)
			assert_string_equal(segment_name_format(&n, t), cases[i].text);
	}
}

static void test_rotation_and_cursor(void **state)
{
	(void)state;
	struct writer *w = open_writer(4096);
	struct reader *r = NULL;
	struct reader_record rec;
	struct err err;
	struct buf saved;
	buf_init(&saved, 4096);
	struct reader_opts o = { dir, fake_key, NULL, NULL, NULL, NULL, false };
	assert_int_equal(reader_open(&o, &r, NULL), 0);
	unsigned seen = 0;
	for (unsigned i = 0; i < 900; i++) {
		assert_int_equal(put(w, "412015", i), 0);
		if (i % 7 == 0)
			assert_int_equal(writer_commit(w, NULL), 0);
		if (i % 100 == 0) {
			assert_int_equal(writer_checkpoint(w, false, NULL), 0);
			for (unsigned k = 0; k < 50 && reader_next(r, &rec, &err) == 0; k++) {
				char text[64];
				snprintf(text, sizeof text, "{\"n\":%u}", seen++);
				assert_true(str_eq(rec.data, str_from(text)));
			}
			/* stop in the middle of a block and go on with another reader from the saved place */
			buf_reset(&saved);
			reader_save(r, &saved);
			reader_close(&r);
			assert_int_equal(reader_open(&o, &r, NULL), 0);
			assert_int_equal(reader_restore(r, buf_view(&saved), NULL), 0);
		}
	}
	struct writer_stats st;
	writer_stats(w, &st);
	assert_true(st.sealed >= 4);
	assert_true(seen > 300);
	writer_close(&w);
	w = open_writer(4096);
	assert_int_equal(writer_commit(w, NULL), 0);
	writer_close(&w);
	/* 900 rows were appended; the last commit was at i = 896 */
	assert_int_equal(count_all("412015", 0), 897);
	reader_close(&r);
	buf_done(&saved);
}

/* How many of the records of a segment whose byte `at` was changed are told by a reader that goes by the tags; none is ever another one. */
static unsigned told_by_tags(int fd, const struct buf *whole, size_t at, unsigned *ret_faults)
{
	struct reader *r = NULL;
	struct reader_record rec;
	struct err err = { 0 };
	unsigned n = 0;
	int x = 0;
	char c = (char)(whole->ptr[at] ^ 1);
	assert_int_equal(pwrite(fd, &c, 1, (off_t)at), 1);
	*ret_faults = 0;
	assert_int_equal(reader_open(&(struct reader_opts){ .dir = dir, .key = fake_key, .tag_only = true }, &r, NULL), 0);
	while ((x = reader_next(r, &rec, &err)) != -E_AGAIN) {
		char t[64];
		snprintf(t, sizeof t, "{\"n\":%llu}", (unsigned long long)rec.name.index);
		if (x == 0)
			assert_true(str_eq(rec.data, str_from(t)));
		n += x == 0;
		*ret_faults += x < 0;
	}
	reader_close(&r);
	assert_int_equal(pwrite(fd, whole->ptr + at, 1, (off_t)at), 1);
	return n;
}

/* What the chain would find beyond: itself. Of a block in which anything else was changed no record is told, and none of another in its place. */
static void test_tags(void **state)
{
	(void)state;
	struct writer *w = open_writer(0);
	struct buf whole;
	char path[1024];
	unsigned faults, unseen = 0;
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(put(w, "412015", i), 0);
		if (i % 3 == 2)
			assert_int_equal(writer_commit(w, NULL), 0);
	}
	writer_close(&w);
	buf_init(&whole, MIB);
	assert_int_equal(fs_read(seg_path(dir, "412015", "events", 1, path, sizeof path), &whole, NULL), 0);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	for (size_t at = 0; at < whole.len; at++) {
		unsigned n = told_by_tags(fd, &whole, at, &faults);
		assert_true(n == 0 || n == 3 || n == 6);
		unseen += n == 6 && faults == 0;
	}
	assert_int_equal(unseen, 2 * SEGMENT_HASH); /* both chains */
	close(fd);
	buf_done(&whole);
}

/* A reader that is saved and restored after every record returns each exactly once. */
static void test_cursor_once(void **state)
{
	(void)state;
	struct writer *w = open_writer(2048);
	for (unsigned i = 0; i < 120; i++) {
		assert_int_equal(put(w, "412015", i), 0);
		if (i % 5 == 4)
			assert_int_equal(writer_commit(w, NULL), 0);
		if (i % 30 == 29)
			assert_int_equal(writer_checkpoint(w, false, NULL), 0);
	}
	struct buf saved;
	buf_init(&saved, 4096);
	unsigned n = 0;
	for (;; n++) {
		struct reader *r = NULL;
		struct reader_record rec;
		char t[64];
		assert_int_equal(reader_open(&(struct reader_opts){ dir, fake_key, NULL, NULL, NULL, NULL, false }, &r, NULL), 0);
		assert_int_equal(reader_restore(r, buf_view(&saved), NULL), 0);
		int x = reader_next(r, &rec, NULL);
		if (x == 0) {
			snprintf(t, sizeof t, "{\"n\":%u}", n);
			assert_true(str_eq(rec.data, str_from(t)));
			buf_reset(&saved);
			reader_save(r, &saved);
		}
		reader_close(&r);
		if (x < 0)
			break;
	}
	assert_int_equal(n, 120);
	buf_done(&saved);
	writer_close(&w);
}

static void test_reader_follows(void **state)
{
	(void)state;
	struct reader *r = NULL;
	struct reader_record rec;
	assert_int_equal(reader_open(&(struct reader_opts){ dir, fake_key, NULL, NULL, NULL, NULL, false }, &r, NULL), 0);
	assert_int_equal(reader_next(r, &rec, NULL), -E_AGAIN);
	struct writer *w = open_writer(0);
	for (unsigned i = 0; i < 10; i++) {
		char org[8];
		snprintf(org, sizeof org, "4120%02u", i);
		assert_int_equal(put(w, org, i), 0);
		assert_int_equal(writer_commit(w, NULL), 0);
		int x = -E_AGAIN;
		for (int tries = 0; tries < 300 && x == -E_AGAIN; tries++) {
			x = reader_next(r, &rec, NULL);
			if (x == -E_AGAIN)
				usleep(10000);
		}
		assert_int_equal(x, 0);
		assert_string_equal(rec.name.org, org);
	}
	writer_close(&w);
	reader_close(&r);
}

/* Five days, a segment and a record each; where reading begins for a time. One that can't be read stands in nobody's way. */
static void test_reader_since(void **state)
{
	static const struct {
		int64_t since_days;
		unsigned first;
	} cases[] = { { -3, 0 }, { 0, 0 }, { 1, 1 }, { 3, 3 }, { 4, 4 }, { 99, 4 } };
	const int64_t day = 86400000, start = 1795341600000;
	char path[1024];
	(void)state;
	clock_hold(start);
	struct writer *w = open_writer(0);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(put(w, "412015", i), 0);
		assert_int_equal(put(w, "412023", i), 0);
		assert_int_equal(writer_commit(w, NULL), 0);
		assert_int_equal(writer_rotate(w, true, NULL), 0);
		clock_advance(day);
	}
	writer_close(&w);
	seg_path(dir, "412023", "events", 3, path, sizeof path);
	assert_int_equal(fs_write(path, STR("no segment"), 0644, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct reader *r = NULL;
		struct reader_record rec;
		char want[32];
		assert_int_equal(reader_open(&(struct reader_opts){ dir, fake_key, NULL, "412015", NULL, NULL, false }, &r, NULL), 0);
		assert_int_equal(reader_since(r, start + cases[i].since_days * day + 1000, NULL), 0);
		assert_int_equal(reader_next(r, &rec, NULL), 0);
		snprintf(want, sizeof want, "{\"n\":%u}", cases[i].first);
		if (!str_eq(rec.data, str_from(want)))
			fail_msg("case %zu: " STR_FMT, i, STR_ARG(rec.data));
		reader_close(&r);
		assert_int_equal(reader_open(&(struct reader_opts){ dir, fake_key, NULL, "412023", NULL, NULL, false }, &r, NULL), 0);
		assert_int_equal(reader_since(r, start + cases[i].since_days * day + 1000, NULL), 0);
		assert_int_equal(reader_next(r, &rec, NULL), 0); /* not behind the one it asks for */
		assert_true(rec.name.segment <= cases[i].first + 1);
		reader_close(&r);
	}
	clock_hold(0);
}

/* Every prefix of the file that isn't whole blocks is cut back to whole ones, and the series goes on. */
static void test_torn_everywhere(void **state)
{
	(void)state;
	char path[1024];
	struct buf whole;
	buf_init(&whole, MIB);
	struct writer *w = open_writer(0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(put(w, "412015", i), 0);
		assert_int_equal(writer_commit(w, NULL), 0);
	}
	writer_close(&w);
	seg_path(dir, "412015", "events", 1, path, sizeof path);
	assert_int_equal(fs_read(path, &whole, NULL), 0);
	size_t block = 44 + 32 + (21 + 7) + 16 + 32, header = whole.len - 3 * block;
	for (size_t len = 0; len <= whole.len; len++) {
		assert_int_equal(fs_write(path, (struct str){ whole.ptr, len }, 0644, NULL), 0);
		unsigned left = len < header ? 0 : (unsigned)((len - header) / block);
		w = open_writer(0);
		assert_int_equal(put(w, "412015", left), 0);
		assert_int_equal(writer_commit(w, NULL), 0);
		struct writer_stats st;
		writer_stats(w, &st);
		assert_int_equal(st.damaged, 0);
		assert_int_equal(st.torn_bytes, len < header ? len : len - header - left * block);
		writer_close(&w);
		assert_int_equal(count_all("412015", 0), left + 1);
	}
	/* and a last block with any byte changed is cut off too: it was never whole */
	for (size_t at = header + 2 * block; at < whole.len; at++) {
		assert_int_equal(fs_write(path, buf_view(&whole), 0644, NULL), 0);
		int fd = open(path, O_RDWR);
		char c = (char)(whole.ptr[at] ^ 0x40);
		assert_int_equal(pwrite(fd, &c, 1, (off_t)at), 1);
		close(fd);
		w = open_writer(0);
		writer_close(&w);
		assert_int_equal(count_all("412015", 0), 2);
	}
	buf_done(&whole);
}

/* What a checkpoint covers is never cut: the damaged file stays as it is and the series goes on behind it. */
static void test_signed_is_not_cut(void **state)
{
	(void)state;
	char path[1024];
	struct stat before, after;
	struct writer *w = open_writer(0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(put(w, "412015", i), 0);
		assert_int_equal(writer_checkpoint(w, false, NULL), 0);
	}
	writer_close(&w);
	seg_path(dir, "412015", "events", 1, path, sizeof path);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(truncate(path, before.st_size - 1), 0);
	w = open_writer(0);
	struct writer_stats st;
	writer_stats(w, &st);
	assert_int_equal(st.damaged, 1);
	assert_int_equal(st.torn_bytes, 0);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_size, before.st_size - 1);
	assert_int_equal(put(w, "412015", 3), 0);
	assert_int_equal(writer_checkpoint(w, false, NULL), 0);
	writer_close(&w);
	seg_path(dir, "412015", "events", 2, path, sizeof path);
	assert_true(fs_exists(path));
}

/* Appends until something fails; returns how many records were acknowledged. The writer dies where it stands. */
static unsigned story(unsigned from)
{
	struct writer *w = NULL;
	struct writer_opts o = { dir, fake_key, fake_seal, &vault_error, 1024, 0, 0, NULL, 0 };
	unsigned acked = from, n = from;
	if (writer_open(&o, &w, NULL) < 0)
		return acked;
	for (unsigned round = 0; round < 6; round++) {
		for (unsigned i = 0; i < 3; i++)
			if (put(w, "412015", n) == 0)
				n++;
		if (writer_commit(w, NULL) == 0)
			acked = n;
		if (round % 2)
			writer_checkpoint(w, false, NULL);
	}
	writer_close(&w);
	return acked;
}

/* Each allocation and each system call fails once. Whatever was acknowledged is there, once, in order. */
static void faults(bool memory, int error)
{
	story(0);
	fs_rmtree(dir, NULL);
	long total = 0;
	for (long at = 1;; at++) {
		if (memory)
			mem_fail_at(at);
		else
			fs_fail_at(at, error);
		unsigned acked = story(0);
		total = memory ? mem_count() : fs_count();
		mem_fail_at(0);
		fs_fail_at(0, 0);
		struct writer *w = open_writer(1024); /* recovers */
		struct writer_stats st;
		writer_stats(w, &st);
		if (st.damaged)
			fail_msg("fault %ld: called damaged", at);
		writer_close(&w);
		unsigned there = count_all("412015", 0);
		if (there < acked || there > 18)
			fail_msg("fault %ld: %u records acknowledged, %u there", at, acked, there);
		unsigned more = story(there);
		assert_int_equal(more, there + 18);
		assert_int_equal(count_all("412015", 0), there + 18);
		fs_rmtree(dir, NULL);
		if (at > total)
			break;
	}
	print_message("# %ld points of failure\n", total);
	assert_true(total > 20);
}

static void test_memory_faults(void **state)
{
	(void)state;
	faults(true, 0);
}

static void test_call_faults(void **state)
{
	(void)state;
	faults(false, EIO);
}

static void test_disk_full_and_back(void **state)
{
	(void)state;
	struct writer *w = open_writer(0);
	struct err err = { 0 };
	struct writer_stats st;
	assert_int_equal(put(w, "412015", 0), 0);
	assert_int_equal(writer_commit(w, NULL), 0);
	for (unsigned i = 1; i < 60; i++) {
		assert_int_equal(put(w, "412015", i), 0);
		fs_fail_at(1, ENOSPC);
		assert_true(writer_commit(w, &err) < 0);
		assert_non_null(strstr(err.msg, "No space left"));
		assert_true(writer_pending(w) > 0);
	}
	fs_fail_at(0, 0);
	assert_int_equal(count_all("412015", 0), 1);
	assert_int_equal(writer_commit(w, NULL), 0);
	writer_stats(w, &st);
	assert_int_equal(st.failed_commits, 59);
	assert_int_equal(count_all("412015", 0), 60);
	writer_close(&w);
}

static void test_ceiling(void **state)
{
	(void)state;
	struct writer *w = NULL;
	struct writer_opts o = { dir, fake_key, fake_seal, NULL, 0, 0, 10000, NULL, 0 };
	assert_int_equal(writer_open(&o, &w, NULL), 0);
	unsigned n = 0;
	while (put(w, "412015", n) == 0)
		n++;
	assert_true(n > 100 && n < 1000);
	assert_int_equal(put(w, "service", 1000000), -E_LIMIT);
	assert_int_equal(writer_commit(w, NULL), 0);
	assert_int_equal(put(w, "412015", n), 0);
	struct buf big;
	buf_init(&big, 2 * MIB);
	buf_room(&big, SEGMENT_RECORD_MAX + 1);
	assert_int_equal(writer_append(w, "412015", "events", (struct str){ big.ptr, SEGMENT_RECORD_MAX + 1 }, NULL, NULL),
	                 -E_LIMIT);
	buf_done(&big);
	assert_int_equal(writer_append(w, "../etc", "events", STR("x"), NULL, NULL), -E_INVALID);
	assert_int_equal(writer_append(w, "412015", "../x", STR("x"), NULL, NULL), -E_INVALID);
	writer_close(&w);
}

static void test_vault_away(void **state)
{
	(void)state;
	struct writer *w = open_writer(0);
	struct writer_stats st;
	assert_int_equal(put(w, "412015", 0), 0);
	vault_error = -E_TIMEOUT;
	assert_int_equal(put(w, "412015", 1), 0);          /* its key is there already */
	assert_int_equal(put(w, "412021", 0), -E_TIMEOUT); /* this one's isn't */
	assert_int_equal(writer_commit(w, NULL), 0);       /* and writing needs none */
	assert_int_equal(writer_checkpoint(w, false, NULL), -E_TIMEOUT);
	writer_stats(w, &st);
	assert_int_equal(st.failed_checkpoints, 1);
	vault_error = 0;
	assert_int_equal(writer_checkpoint(w, false, NULL), 0);
	assert_int_equal(count_all("412015", 0), 2);
	writer_close(&w);
}

static void test_one_writer(void **state)
{
	(void)state;
	struct writer *w = open_writer(0), *second = NULL;
	struct writer_opts o = { dir, fake_key, fake_seal, NULL, 0, 0, 0, NULL, 0 };
	assert_int_equal(writer_open(&o, &second, NULL), -E_STATE);
	writer_close(&w);
}

/* The child tells over a pipe what was acknowledged, until it is killed in the middle of whatever it is doing. */
static void writing_child(int out, unsigned from)
{
	struct writer *w = open_writer(8192);
	for (unsigned n = from;; n++) {
		if (put(w, "412015", n) < 0)
			_exit(1);
		if (n % 3 == 0 && (writer_commit(w, NULL) < 0 || write(out, &n, sizeof n) != sizeof n))
			_exit(1);
		if (n % 40 == 0)
			writer_checkpoint(w, false, NULL);
	}
}

static void test_kill_loop(void **state)
{
	(void)state;
	unsigned there = 0;
	for (unsigned round = 0; round < 25; round++) {
		int p[2];
		assert_int_equal(pipe(p), 0);
		pid_t pid = fork();
		if (pid == 0) {
			close(p[0]);
			writing_child(p[1], there);
		}
		close(p[1]);
		unsigned acked = there, n;
		bool any = false;
		for (unsigned i = 0; i < 3 + round * 2 && read(p[0], &n, sizeof n) == sizeof n; i++)
			acked = n + 1, any = true;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		while (read(p[0], &n, sizeof n) == sizeof n)
			acked = n + 1;
		close(p[0]);
		assert_true(any);
		struct writer *w = open_writer(8192);
		struct writer_stats st;
		writer_stats(w, &st);
		assert_int_equal(st.damaged, 0);
		writer_close(&w);
		there = count_all("412015", 0);
		if (there < acked)
			fail_msg("round %u: %u acknowledged, %u there", round, acked, there);
	}
	assert_true(there > 500);
}

/* ---- one record by its name (pick.h) ---- */

static struct pick *open_pick(void)
{
	struct pick *p = NULL;
	struct err err = { 0 };
	if (pick_open(&(struct pick_opts){ dir, fake_key, &vault_error }, &p, &err) < 0)
		fail_msg("%s: %s", err.path, err.msg);
	return p;
}

static int picked(struct pick *p, const char *org, uint32_t segment, uint64_t index, struct str *ret)
{
	struct segment_name n = { .series = "events", .segment = segment, .index = index };
	struct err err = { 0 };
	snprintf(n.org, sizeof n.org, "%s", org);
	return pick_record(p, &n, ret, &err);
}

/* Records of all lengths, what looks like a block's mark among them. */
static size_t pickable(unsigned n, char dst[90000])
{
	size_t len = (size_t)snprintf(dst, 90000, "{\"n\":%u,\"x\":\"TBLK", n), more = n % 97 == 3 ? 80000 : n * 37 % 700;
	memset(dst + len, 'a', more);
	return len + more + (size_t)snprintf(dst + len + more, 8, "\"}");
}

static void assert_picked(struct pick *p, const char *org, uint32_t segment, unsigned n)
{
	static char want[90000];
	struct str s;
	size_t len = pickable(n, want);
	assert_int_equal(picked(p, org, segment, n, &s), 0);
	assert_int_equal(s.len, len);
	assert_memory_equal(s.ptr, want, len);
}

static void test_pick(void **state)
{
	(void)state;
	static char text[90000];
	enum { ALL = 3000 };
	struct writer *w = open_writer(64 * MIB);
	struct str s;
	unsigned many[] = { 0, 1, 2, 3, 100, 1499, 1500, ALL - 2, ALL - 1 };
	for (unsigned n = 0; n < ALL; n++) {
		struct str rec = { text, pickable(n, text) };
		assert_int_equal(writer_append(w, "412015", "events", rec, NULL, NULL), 0);
		if (n % 3 == 0)
			assert_int_equal(writer_append(w, "412023", "events", STR("{}"), NULL, NULL), 0);
		if (n % 100 == 99)
			assert_int_equal(writer_commit(w, NULL), 0);
	}
	struct pick *p = open_pick(); /* the segment is still being written */
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		assert_picked(p, "412015", 1, many[i]);
	assert_int_equal(picked(p, "412015", 1, ALL, &s), -E_NOT_FOUND);
	assert_int_equal(writer_append(w, "412015", "events", STR("{\"late\":1}"), NULL, NULL), 0);
	assert_int_equal(writer_commit(w, NULL), 0);
	assert_int_equal(picked(p, "412015", 1, ALL, &s), 0); /* it grew under the open file */
	assert_true(str_eq(s, STR("{\"late\":1}")));
	assert_int_equal(writer_rotate(w, true, NULL), 0);
	for (unsigned n = ALL; n-- > 0;) /* backwards, as a search tells them */
		assert_picked(p, "412015", 1, n);
	for (unsigned n = 0; n < ALL; n += 61)
		assert_picked(p, "412015", 1, n * 7919u % ALL);
	assert_int_equal(picked(p, "412023", 1, 999, &s), 0);
	assert_true(str_eq(s, STR("{}")));
	assert_int_equal(picked(p, "412015", 1, ALL + 1, &s), -E_NOT_FOUND);
	assert_int_equal(picked(p, "412015", 1, UINT64_MAX, &s), -E_NOT_FOUND);
	assert_int_equal(picked(p, "412015", 2, 0, &s), -E_NOT_FOUND);
	assert_int_equal(picked(p, "../x", 1, 0, &s), -E_INVALID);
	pick_close(&p);
	writer_close(&w);
}

/* What was altered isn't told; another's file under this name, a key that can't be had, a disk that is away are said. */
static void test_pick_refuses(void **state)
{
	(void)state;
	static char text[90000];
	char path[256], other[256], cold[256];
	struct writer *w = open_writer(64 * MIB);
	struct str s;
	for (unsigned n = 0; n < 300; n++) {
		struct str rec = { text, pickable(n, text) };
		assert_int_equal(writer_append(w, "412015", "events", rec, NULL, NULL), 0);
		assert_int_equal(writer_append(w, "412023", "events", rec, NULL, NULL), 0);
	}
	assert_int_equal(writer_commit(w, NULL), 0);
	assert_int_equal(writer_rotate(w, true, NULL), 0);
	writer_close(&w);
	vault_error = -E_CLOSED;
	struct pick *p = open_pick();
	assert_int_equal(picked(p, "412015", 1, 5, &s), -E_CLOSED);
	vault_error = -E_NOT_FOUND;
	assert_int_equal(picked(p, "412015", 1, 5, &s), -E_STATE);
	vault_error = 0;
	assert_picked(p, "412015", 1, 5);
	pick_close(&p);
	seg_path(dir, "412015", "events", 1, path, sizeof path);
	int fd = open(path, O_RDWR);
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	unsigned char c;
	assert_int_equal(pread(fd, &c, 1, st.st_size / 2), 1);
	c ^= 1;
	assert_int_equal(pwrite(fd, &c, 1, st.st_size / 2), 1);
	close(fd);
	p = open_pick();
	unsigned refused = 0;
	for (unsigned n = 0; n < 300; n++) {
		int r = picked(p, "412015", 1, n, &s);
		refused += r < 0;
		if (r == 0)
			assert_picked(p, "412015", 1, n);
	}
	assert_true(refused > 0 && refused < 300);
	assert_picked(p, "412023", 1, 299);
	pick_close(&p);
	seg_path(dir, "412023", "events", 1, other, sizeof other);
	assert_int_equal(rename(other, path), 0);
	p = open_pick();
	assert_int_equal(picked(p, "412015", 1, 5, &s), -E_CORRUPT);
	assert_int_equal(unlink(path), 0);
	int mark = open(seg_mark_path(dir, "412015", "events", 1, cold, sizeof cold), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	assert_true(mark >= 0);
	close(mark);
	assert_int_equal(picked(p, "412015", 1, 5, &s), -E_AGAIN);
	pick_close(&p);
}

/* Who reads there waits, here for a key; another one doesn't wait for ever, and has what lies elsewhere. */
static struct { sem_t asked, go; } slow;

static int slow_key(const char *org, const char *series, uint32_t number, unsigned char ret[SEGMENT_KEY], void *user, struct err *err)
{
	sem_post(&slow.asked);
	sem_wait(&slow.go);
	return fake_key(org, series, number, ret, user, err);
}

static void *pick_slowly(void *user)
{
	struct str s;
	return picked(user, "412015", 1, 5, &s) == 0 ? user : NULL;
}

static void test_pick_cold(void **state)
{
	(void)state;
	char path[256], cold[256], there[256], mark[256];
	struct writer *w = open_writer(64 * MIB);
	struct pick *waits = NULL, *p = open_pick();
	pthread_t t;
	void *ret;
	struct str s;
	for (unsigned n = 0; n < 10; n++) {
		assert_int_equal(put(w, "412015", n), 0);
		assert_int_equal(put(w, "412023", n), 0);
	}
	assert_int_equal(writer_commit(w, NULL), 0);
	writer_close(&w);
	snprintf(there, sizeof there, "%s" SEG_COLD, dir);
	snprintf(cold, sizeof cold, "%s/412015/events", there);
	assert_int_equal(fs_mkdirs(cold, 0755, NULL), 0);
	assert_int_equal(rename(seg_path(dir, "412015", "events", 1, path, sizeof path), seg_cold_path(dir, "412015", "events", 1, cold, sizeof cold)), 0);
	assert_int_equal(fs_write(seg_mark_path(dir, "412015", "events", 1, mark, sizeof mark), STR("1\n"), 0644, NULL), 0);
	sem_init(&slow.asked, 0, 0);
	sem_init(&slow.go, 0, 0);
	assert_int_equal(pick_open(&(struct pick_opts){ dir, slow_key, NULL }, &waits, NULL), 0);
	assert_int_equal(pthread_create(&t, NULL, pick_slowly, waits), 0);
	sem_wait(&slow.asked);
	assert_int_equal(picked(p, "412015", 1, 5, &s), -E_AGAIN);
	assert_int_equal(picked(p, "412015", 2, 0, &s), -E_NOT_FOUND); /* what isn't said to lie there isn't waited for */
	assert_int_equal(picked(p, "412023", 1, 5, &s), 0);
	sem_post(&slow.go);
	pthread_join(t, &ret);
	assert_ptr_equal(ret, waits);
	pick_close(&waits);
	pick_close(&p);
	p = open_pick();
	assert_int_equal(picked(p, "412015", 1, 5, &s), 0);
	assert_true(str_eq(s, STR("{\"n\":5}")));
	pick_close(&p);
	fs_rmtree(there, NULL);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_round_trip),  T(test_names),          T(test_rotation_and_cursor), T(test_cursor_once), T(test_tags),
		T(test_reader_follows), T(test_reader_since), T(test_torn_everywhere), T(test_signed_is_not_cut),  T(test_memory_faults),
		T(test_call_faults), T(test_disk_full_and_back), T(test_ceiling),          T(test_vault_away),
		T(test_one_writer),  T(test_kill_loop),     T(test_pick),             T(test_pick_refuses),   T(test_pick_cold),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("segment", tests, NULL, NULL);
}
