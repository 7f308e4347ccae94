/* The messages between our processes: cursors, orders, framing with a descriptor, counters. */
#include "base/test.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "wire/cursor.h"
#include "wire/order.h"
#include "wire/place.h"
#include "wire/sock.h"
#include "wire/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

static void test_cursor(void **state)
{
	struct buf b;
	char text[8];
	(void)state;
	buf_init(&b, 1024);
	wr_u8(&b, 7);
	wr_u16(&b, 0x1234);
	wr_u64(&b, UINT64_MAX - 1);
	wr_text(&b, STR("abc"));
	wr_blob(&b, STR("\0\n"));
	struct rd r = rd_from(b.ptr, b.len);
	assert_int_equal(rd_u8(&r), 7);
	assert_int_equal(rd_u16(&r), 0x1234);
	assert_true(rd_u64(&r) == UINT64_MAX - 1);
	rd_text(&r, text, sizeof text);
	assert_string_equal(text, "abc");
	assert_int_equal(rd_blob(&r).len, 2);
	assert_int_equal(rd_end(&r), 0);
	for (size_t n = 0; n < b.len; n++) { /* every truncation is seen at the end, whatever was read */
		r = rd_from(b.ptr, n);
		rd_u8(&r), rd_u16(&r), rd_u64(&r), rd_text(&r, text, sizeof text), rd_blob(&r);
		assert_int_equal(rd_end(&r), -E_INVALID);
	}
	r = rd_from(b.ptr, b.len);
	rd_u8(&r);
	assert_int_equal(rd_end(&r), -E_INVALID); /* leftovers */
	buf_reset(&b);
	wr_text(&b, STR("two\nlines"));
	assert_int_equal(b.failed, -E_INVALID);
	buf_reset(&b);
	wr_u16(&b, 3);
	buf_puts(&b, "a\nb");
	r = rd_from(b.ptr, b.len);
	rd_text(&r, text, sizeof text);
	assert_int_equal(rd_end(&r), -E_INVALID);
	buf_reset(&b);
	wr_u8(&b, 7);
	wr_u32(&b, 0);
	wr_text(&b, STR("abc"));
	wr_length(&b, 1);
	r = rd_from(b.ptr, b.len);
	assert_int_equal(rd_u8(&r), 7);
	assert_int_equal(rd_blob(&r).len, 5);
	assert_int_equal(rd_end(&r), 0);
	buf_done(&b);
	buf_init(&b, 3); /* there is no room for it: nothing is written */
	wr_u32(&b, 0);
	wr_length(&b, 0);
	assert_true(b.failed && b.len == 0);
	buf_done(&b);
}

static const struct order sample = {
	.op = ORDER_BLOCK_ADD,
	.block = { .id = "B-20261122-0001", .org = "412015", .kind = BLOCK_NAME, .value = "c2.example",
	           .incident = "I-20261122-0001", .author = "toride", .reason = "C&C通信", .created_ms = 1, .expires_ms = 2 },
};

static void test_order(void **state)
{
	unsigned char msg[ORDER_SIZE];
	struct order o;
	(void)state;
	assert_int_equal(order_format(&sample, msg), 0);
	assert_int_equal(order_parse(msg, sizeof msg, &o), 0);
	assert_string_equal(o.block.value, "c2.example");
	assert_string_equal(o.block.reason, "C&C通信");
	assert_true(o.block.expires_ms == 2);
	assert_int_equal(order_parse(msg, sizeof msg - 1, &o), -E_INVALID);
	msg[ORDER_SIZE - 1] = 1; /* padding must be zero */
	assert_int_equal(order_parse(msg, sizeof msg, &o), -E_INVALID);
	msg[ORDER_SIZE - 1] = 0;
	msg[0] = 99;
	assert_int_equal(order_parse(msg, sizeof msg, &o), -E_INVALID);
	struct order bad = sample;
	snprintf(bad.block.reason, sizeof bad.block.reason, "two\nlines");
	assert_int_equal(order_format(&bad, msg), -E_INVALID);
}

static void test_frames(void **state)
{
	int s[2], fd = -1;
	struct buf b;
	struct err err;
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	buf_init(&b, 64);
	assert_int_equal(sock_send(s[0], STR("with"), s[0], &err), 0);
	assert_int_equal(sock_recv(s[1], &b, &fd, 1000, &err), 0);
	assert_str(buf_view(&b), "with");
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(sock_recv(s[1], &b, NULL, 50, &err), -E_TIMEOUT);
	assert_int_equal(send(s[0], "\xff\xff\xff\xff", 4, 0), 4); /* 4 GiB are announced */
	assert_int_equal(sock_recv(s[1], &b, NULL, 1000, &err), -E_LIMIT);
	close(s[0]);
	assert_int_equal(sock_recv(s[1], &b, NULL, 1000, &err), -E_CLOSED);
	close(s[1]);
	buf_done(&b);
}

struct sum {
	uint64_t value;
	int rows;
};

static void add_row(const char *process, const char *org, const char *name, uint64_t value, void *user)
{
	struct sum *s = user;
	assert_string_equal(process, "unit");
	assert_string_equal(org, "412015");
	assert_string_equal(name, "requests");
	s->value = value;
	s->rows++;
}

static void test_stats(void **state)
{
	char dir[64] = "/tmp/toride-stats-XXXXXX", path[128];
	struct stats *s;
	struct sum sum = { 0 };
	(void)state;
	assert_non_null(mkdtemp(dir));
	setenv("TORIDE_RUN", dir, 1);
	snprintf(path, sizeof path, "%s/stats", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(stats_open("unit", &s, NULL), 0);
	_Atomic uint64_t *c = stats_counter(s, "412015", "requests");
	assert_ptr_equal(c, stats_counter(s, "412015", "requests"));
	stats_add(c, 3);
	stats_add(c, 4);
	assert_int_equal(stats_read_all(add_row, &sum, NULL), 0);
	assert_int_equal(sum.rows, 1);
	assert_int_equal(sum.value, 7);
	stats_close(&s);
	fs_rmtree(dir, NULL);
}

static void count_row(const char *process, const char *org, const char *name, uint64_t value, void *user)
{
	struct sum *s = user;
	(void)process, (void)org, (void)name;
	s->value += value;
	s->rows++;
}

/* A nation: 1,788 bodies with twenty counters each, every one of them its own and readable. */
static void test_stats_of_a_nation(void **state)
{
	char dir[64] = "/tmp/toride-stats-XXXXXX", path[128], org[12], name[16];
	struct stats *s;
	struct sum sum = { 0 };
	(void)state;
	assert_non_null(mkdtemp(dir));
	setenv("TORIDE_RUN", dir, 1);
	snprintf(path, sizeof path, "%s/stats", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(stats_open("unit", &s, NULL), 0);
	for (int round = 0; round < 2; round++)
		for (int o = 0; o < 1788; o++)
			for (int k = 0; k < 20; k++) {
				snprintf(org, sizeof org, "%06d", 10006 + o);
				snprintf(name, sizeof name, "counter_%d", k);
				stats_add(stats_counter(s, org, name), 1);
			}
	assert_int_equal(stats_read_all(count_row, &sum, NULL), 0);
	assert_int_equal(sum.rows, 1788 * 20);
	assert_int_equal(sum.value, 2 * 1788 * 20);
	stats_close(&s);
	fs_rmtree(dir, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cursor), cmocka_unit_test(test_order),
		                            cmocka_unit_test(test_frames), cmocka_unit_test(test_stats), cmocka_unit_test(test_stats_of_a_nation) };
	return cmocka_run_group_tests_name("wire/messages", tests, NULL, NULL);
}
