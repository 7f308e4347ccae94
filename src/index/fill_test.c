/* Filling and a day's rebuild against an engine that takes rows and fails when it is told to; what a real one makes of it is test/system/search.t
 * and cluster.t. The records say in themselves which they are, so that the engine counts how often it has each. */
#include "base/test.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "index/behind.h"
#include "index/columns.h"
#include "index/fill.h"
#include "index/serve.h"
#include "segment/fake_vault.h"
#include "segment/writer.h"
#include "wire/sock.h"

#include <curl/curl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH 2000u
#define RECORDS (2 * BATCH + 700u)
#define ARRIVAL 1795338000000ll
#define SLOW_MS 1000

static struct engine {
	unsigned char has[RECORDS]; /* how often */
	_Atomic unsigned dropped;
	unsigned asked_existing;
	unsigned dies_at; /* the insert of rows, from 1, that is taken, and never answered */
	_Atomic unsigned slow_at; /* the insert that waits until a day is dropped, or SLOW_MS */
	unsigned inserts;
	bool unbounded; /* a question for what it has named no end */
} engine;

/* ---- the engine ---- */

static int engine_open_conn(void *user, void **ret, struct err *err)
{
	*ret = user;
	return 0;
}

static void engine_close_conn(void *conn)
{
}

static int engine_end(void *conn, const char *id, struct err *err)
{
	return 0;
}

static void take_rows(struct str rows)
{
	static const char mark[] = "\"message\":\"R";
	const char *p = rows.ptr, *end = rows.ptr + rows.len;
	bool any = false;
	while ((p = memmem(p, (size_t)(end - p), mark, sizeof mark - 1))) {
		p += sizeof mark - 1;
		unsigned long n = strtoul(p, NULL, 10);
		if (n < RECORDS)
			engine.has[n]++;
		any = true;
	}
	engine.inserts += any;
}

/* They stand in the sender's memory (rows.h). */
static void take_memory(int fd)
{
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	char *p = mem_alloc((size_t)st.st_size + 1);
	assert_non_null(p);
	assert_int_equal(pread(fd, p, (size_t)st.st_size, 0), st.st_size);
	take_rows((struct str){ p, (size_t)st.st_size });
	mem_free(p);
}

static void be_slow(void)
{
	unsigned before = engine.dropped;
	engine.slow_at = 0;
	for (int ms = 0; ms < SLOW_MS && engine.dropped == before; ms++)
		poll(NULL, 0, 1);
}

static int take(const struct serve_ask *a, struct err *err)
{
	if (engine.slow_at && engine.slow_at == engine.inserts + 1)
		be_slow();
	if (a->in_memory)
		take_memory(a->rows_fd);
	else
		take_rows(a->rows);
	return engine.dies_at && engine.inserts == engine.dies_at ? err_set(err, E_CLOSED, "", "it died") : 0;
}

/* All records are of one segment. */
static void names(struct str sql, struct buf *ret)
{
	unsigned segment, from = 0, to = RECORDS;
	char text[1024];
	str_copy(sql, text, sizeof text);
	const char *low = strstr(text, "(segment, idx) >= ("), *high = strstr(text, "AND (segment, idx) < (");
	engine.asked_existing++;
	engine.unbounded = !low || !high;
	if (low)
		sscanf(low, "(segment, idx) >= (%u, %u)", &segment, &from);
	if (high)
		sscanf(high, "AND (segment, idx) < (%u, %u)", &segment, &to);
	for (unsigned i = from; i < to && i < RECORDS; i++)
		if (engine.has[i])
			buf_printf(ret, "412015/events/1/%u\n", i);
}

static int engine_ask(void *conn, const struct serve_ask *a, struct buf *ret, struct err *err)
{
	buf_reset(ret);
	if (a->insert)
		return take(a, err);
	if (str_starts(a->sql, STR("SELECT count() FROM system.tables")))
		buf_puts(ret, "1\n");
	else if (str_starts(a->sql, STR("SELECT concat(org, '/', series")))
		names(a->sql, ret);
	else if (str_starts(a->sql, STR("ALTER TABLE toride.c0_other DROP PARTITION"))) {
		engine.dropped++;
		memset(engine.has, 0, sizeof engine.has);
	}
	return 0;
}

static bool anybody(unsigned uid)
{
	return true;
}

static const struct serve_ops ops = { engine_open_conn, NULL, engine_close_conn, engine_ask, engine_end, 0 };
static int listen_fd, stop_fd;

static void *run_engine(void *user)
{
	struct err err;
	serve_run(&ops, &engine, listen_fd, stop_fd, anybody, &err);
	return NULL;
}

/* ---- the log ---- */

static void write_log(const char *dir)
{
	struct writer *w;
	struct err err = { 0 };
	char line[200]; /* with a fingerprint of TLS: such a row has the record itself (fill.c) */
	assert_int_equal(writer_open(&(struct writer_opts){ .dir = dir, .key = fake_key, .seal = fake_seal }, &w, &err), 0);
	for (unsigned i = 0; i < RECORDS; i++) {
		snprintf(line, sizeof line, "{\"class_uid\":0,\"time\":%lld,\"ingest_time\":%lld,\"message\":\"R%u\",\"tls\":{\"ja4\":\"t\"}}", ARRIVAL, ARRIVAL, i);
		assert_int_equal(writer_append(w, "412015", "events", str_from(line), NULL, &err), 0);
	}
	assert_int_equal(writer_commit(w, &err), 0);
	writer_close(&w);
}

/* Filled until there is nothing more, or it fails; *ret_records: how many were put in. */
static int fill_up(const struct fill_opts *o, uint64_t *ret_records)
{
	struct fill *f;
	struct err err = { 0 };
	*ret_records = 0;
	int r = fill_open(o, &f, &err);
	if (r < 0)
		return r;
	while ((r = fill_step(f, &err)) > 0)
		;
	r = r == 0 ? fill_flush(f, &err) : r;
	*ret_records = fill_stats(f)->records;
	fill_close(&f); /* what a killed one leaves is the same: all it keeps is written before */
	return r;
}

static void each_once(void)
{
	for (unsigned i = 0; i < RECORDS; i++)
		if (engine.has[i] != 1)
			fail_msg("record %u is there %u times", i, engine.has[i]);
}

static bool key_away;

static int late_key(const char *org, const char *series, uint32_t segment, unsigned char key[SEGMENT_KEY], void *user, struct err *err)
{
	return key_away ? err_set(err, E_CLOSED, "", "the vault isn't there") : fake_key(org, series, segment, key, user, err);
}

/* After a kill the index has a batch whose place nobody kept, and the records can't be read until the vault is there again. */
static void read_later(const struct fill_opts *o, const char *keep)
{
	struct fill_opts late = *o;
	struct fill *f;
	struct err err = { 0 };
	char path[PATH_MAX];
	uint64_t n;
	late.key = late_key;
	memset(engine.has, 0, sizeof engine.has);
	snprintf(path, sizeof path, "%s/place", keep);
	assert_int_equal(unlink(path), 0);
	engine.dies_at = engine.inserts + 1;
	assert_true(fill_up(o, &n) < 0);
	assert_int_equal(n, 0);
	engine.dies_at = 0;
	key_away = true;
	assert_int_equal(fill_open(&late, &f, &err), 0);
	assert_int_equal(fill_step(f, &err), 0);
	assert_int_equal(fill_stats(f)->faults, 1);
	key_away = false;
	while (fill_stats(f)->records < RECORDS - BATCH) {
		assert_true(fill_step(f, &err) >= 0);
		poll(NULL, 0, 10);
	}
	fill_close(&f);
	each_once();
}

/* Of a day's rebuild that gave up, or was killed, a batch is still being written when the day is ordered anew: it doesn't come behind the day's being dropped. */
static void written_later(const struct fill_opts *o, const char *keep)
{
	struct fill_opts hasty = *o;
	struct err err = { 0 };
	uint64_t n;
	hasty.client.timeout_ms = SLOW_MS / 2;
	assert_int_equal(fill_order_rebuild(keep, index_day(ARRIVAL), &err), 0);
	engine.slow_at = engine.inserts + 2;
	while (engine.slow_at) /* on a busy machine another one may take long, too */
		fill_up(&hasty, &n);
	assert_int_equal(fill_order_rebuild(keep, index_day(ARRIVAL), &err), 0);
	assert_int_equal(fill_up(o, &n), -E_AGAIN);
	assert_int_equal(n, RECORDS);
	each_once();
}

static void test_day(void **state)
{
	char dir[] = "/tmp/fill-test.XXXXXX", segments[64], keep[64], socket[64];
	struct err err = { 0 };
	pthread_t t;
	uint64_t n;
	assert_non_null(mkdtemp(dir));
	snprintf(segments, sizeof segments, "%s/segments", dir);
	snprintf(keep, sizeof keep, "%s/fill", dir);
	snprintf(socket, sizeof socket, "%s/s", dir);
	assert_int_equal(fs_mkdirs(segments, 0700, &err), 0);
	assert_int_equal(fs_mkdirs(keep, 0700, &err), 0);
	write_log(segments);
	stop_fd = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(sock_listen(socket, 0600, &listen_fd, &err), 0);
	assert_int_equal(pthread_create(&t, NULL, run_engine, NULL), 0);
	struct fill_opts o = { .segments = segments, .state = keep, .key = fake_key, .client = { .socket_path = socket }, .rows = BATCH };

	assert_int_equal(fill_up(&o, &n), 0);
	assert_int_equal(n, RECORDS);
	each_once();

	/* the day again: the first batch goes in; the second too, but nobody learns of it */
	assert_int_equal(fill_order_rebuild(keep, index_day(ARRIVAL), &err), 0);
	engine.dies_at = engine.inserts + 2;
	assert_true(fill_up(&o, &n) < 0);
	assert_int_equal(n, BATCH);
	assert_int_equal(engine.dropped, 1);
	engine.dies_at = 0;
	assert_int_equal(fill_up(&o, &n), -E_AGAIN);
	assert_int_equal(n, RECORDS - 2 * BATCH); /* it went on: neither from the start, nor with what was there */
	assert_int_equal(engine.dropped, 1);
	assert_false(engine.unbounded);
	each_once();

	/* over, and nothing is left of it */
	assert_int_equal(fill_up(&o, &n), 0);
	assert_int_equal(n, 0);
	each_once();

	/* ordered anew in the middle: from the start */
	assert_int_equal(fill_order_rebuild(keep, index_day(ARRIVAL), &err), 0);
	engine.dies_at = engine.inserts + 2;
	assert_true(fill_up(&o, &n) < 0);
	engine.dies_at = 0;
	assert_int_equal(fill_order_rebuild(keep, index_day(ARRIVAL), &err), 0);
	assert_int_equal(fill_up(&o, &n), -E_AGAIN);
	assert_int_equal(n, RECORDS);
	assert_int_equal(engine.dropped, 3);
	each_once();

	written_later(&o, keep);
	read_later(&o, keep);

	eventfd_write(stop_fd, 1);
	pthread_join(t, NULL);
	close(listen_fd);
	fs_rmtree(dir, NULL);
}

/* However many series: no question is longer than an engine reads, and each series is named in one of them. */
static void test_pieces(void **state)
{
	enum { SERIES = 5000 };
	static unsigned char named[SERIES];
	struct behind b;
	struct buf place, sql;
	struct err err = { 0 };
	struct str until;
	buf_init(&place, MIB);
	buf_init(&sql, MIB);
	for (int i = SERIES - 1; i >= 0; i--) /* in no order */
		buf_printf(&place, "%06d/events-%d/%06d/%d\n", 100000 + i / 20, i % 20 + 1, 999999, i);
	until = buf_view(&place);
	for (int bounded = 0; bounded < 2; bounded++) {
		unsigned questions = 0;
		char last[64] = "";
		memset(named, 0, sizeof named);
		assert_int_equal(behind_open(&b, bounded ? STR("") : until, bounded ? &until : NULL, &err), 0);
		for (; behind_next(&b, 1, 2, 10, &sql); questions++, buf_reset(&sql)) {
			assert_true(sql.len < 200 * KIB);
			const char *text = buf_cstr(&sql), *p = text, *above = strstr(text, "concat(org, '/', series) > '"), *upto = strstr(text, "concat(org, '/', series) <= '");
			if (!bounded) { /* from where the one before ended, to the end of all */
				assert_int_equal(above != NULL, questions > 0);
				assert_true(!above || strncmp(above + 28, last, strlen(last)) == 0);
				snprintf(last, sizeof last, "%.*s", upto ? (int)strcspn(upto + 29, "'") : 0, upto ? upto + 29 : "");
			}
			while ((p = strstr(p, "(org = '"))) {
				int org, series;
				assert_int_equal(sscanf(p, "(org = '%d' AND series = 'events-%d'", &org, &series), 2);
				named[(org - 100000) * 20 + series - 1]++;
				p++;
			}
		}
		assert_string_equal(last, "");
		assert_int_equal(questions, SERIES / BEHIND_PIECE);
		for (int i = 0; i < SERIES; i++)
			assert_int_equal(named[i], 1);
		behind_done(&b);
	}
	/* no series at all: all there is; or nothing */
	assert_int_equal(behind_open(&b, STR(""), NULL, &err), 0);
	assert_true(behind_next(&b, 1, 2, 10, &sql));
	assert_null(strstr(buf_cstr(&sql), "NOT"));
	assert_false(behind_next(&b, 1, 2, 10, &sql));
	behind_done(&b);
	until = STR("");
	assert_int_equal(behind_open(&b, STR(""), &until, &err), 0);
	assert_false(behind_next(&b, 1, 2, 10, &sql));
	behind_done(&b);
	buf_done(&sql);
	buf_done(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_day), cmocka_unit_test(test_pieces) };
	curl_global_init(CURL_GLOBAL_NOTHING);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
