/* Questions and answers between the two nodes, over a socket pair and byte by byte. */
#include "base/test.h"

#include "base/err.h"
#include "base/mem.h"
#include "pair/follow.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void test_forms(void **state)
{
	(void)state;
	struct follow_question q = { .digest = "sha256:abc", .blocks = { 1, 2, 3 } }, got;
	struct follow_answer a = { true, "sha256:def", STR("{}"), STR("{\"format\":1}"), true, STR("TBLK") }, back;
	struct buf b;
	buf_init(&b, KIB);
	follow_question_write(&b, &q);
	assert_int_equal(follow_question_parse(buf_view(&b), &got), 0);
	assert_string_equal(got.digest, q.digest);
	assert_memory_equal(got.blocks, q.blocks, 32);
	for (size_t cut = 0; cut < b.len; cut++)
		assert_int_equal(follow_question_parse((struct str){ b.ptr, cut }, &got), -E_INVALID);
	buf_reset(&b);
	follow_answer_write(&b, &a);
	assert_int_equal(follow_answer_parse(buf_view(&b), &back), 0);
	assert_true(back.active && back.blocks_differ);
	assert_str(back.description, "{\"format\":1}");
	assert_str(back.blocks, "TBLK");
	for (size_t cut = 0; cut < b.len; cut++)
		assert_int_equal(follow_answer_parse((struct str){ b.ptr, cut }, &back), -E_INVALID);
	buf_done(&b);
}

static void test_keys(void **state)
{
	(void)state;
	struct follow_keys k = { .active = true, .stamp = { 9, 8 } }, back;
	struct follow_item one = { FOLLOW_KEY, "acme.key", STR("box") }, two = { FOLLOW_CERTIFICATE, "www.city.example", STR("pem\npem") }, got;
	struct buf b;
	buf_init(&b, KIB);
	follow_keys_write(&b, &k);
	follow_item_write(&b, &one);
	follow_item_write(&b, &two);
	follow_item_write(&b, &(struct follow_item){ .kind = FOLLOW_END });
	assert_int_equal(follow_keys_parse(buf_view(&b), &back), 0);
	assert_true(back.active);
	assert_memory_equal(back.stamp, k.stamp, 32);
	assert_true(follow_item_next(&back.items, &got));
	assert_int_equal(got.kind, FOLLOW_KEY);
	assert_string_equal(got.name, "acme.key");
	assert_str(got.bytes, "box");
	assert_true(follow_item_next(&back.items, &got));
	assert_int_equal(got.kind, FOLLOW_CERTIFICATE);
	assert_str(got.bytes, "pem\npem");
	assert_false(follow_item_next(&back.items, &got));
	for (size_t cut = 0; cut < b.len; cut++)
		assert_int_equal(follow_keys_parse((struct str){ b.ptr, cut }, &back), -E_INVALID);
	buf_putc(&b, 0);
	assert_int_equal(follow_keys_parse(buf_view(&b), &back), -E_INVALID);
	/* An older node takes the question for one after a generation, and its answer isn't one of keys. */
	struct follow_answer a = { .active = true, .digest = "sha256:def" };
	buf_reset(&b);
	follow_answer_write(&b, &a);
	assert_int_equal(follow_keys_parse(buf_view(&b), &back), -E_INVALID);
	buf_done(&b);
}

static void test_holds(void **state)
{
	(void)state;
	struct follow_question q = { FOLLOW_HOLDS, { 1, 2 }, STR("{\"holds\":[]}") }, got;
	struct follow_holds h = { { 3, 4 }, STR("{}") }, back;
	struct buf b;
	buf_init(&b, KIB);
	follow_question_write(&b, &q);
	assert_int_equal(follow_question_parse(buf_view(&b), &got), 0);
	assert_str(got.holds, "{\"holds\":[]}");
	for (size_t cut = 0; cut < b.len; cut++)
		assert_int_equal(follow_question_parse((struct str){ b.ptr, cut }, &got), -E_INVALID);
	buf_reset(&b);
	follow_holds_write(&b, &h);
	assert_int_equal(follow_holds_parse(buf_view(&b), &back), 0);
	assert_memory_equal(back.sum, h.sum, 32);
	assert_str(back.known, "{}");
	for (size_t cut = 0; cut < b.len; cut++)
		assert_int_equal(follow_holds_parse((struct str){ b.ptr, cut }, &back), -E_INVALID);
	/* Keys aren't holds. */
	buf_reset(&b);
	follow_keys_write(&b, &(struct follow_keys){ .active = true });
	follow_item_write(&b, &(struct follow_item){ .kind = FOLLOW_END });
	assert_int_equal(follow_holds_parse(buf_view(&b), &back), -E_INVALID);
	buf_done(&b);
}

/* alter: which byte of the frame somebody on the cable changes; -1 none. */
static int passed(int alter, unsigned char other_key)
{
	struct follow_session a = { .key = { 7 } }, b = { .key = { (unsigned char)(7 + other_key) } };
	int s[2], t[2];
	struct err err = { 0 };
	struct buf got;
	unsigned char frame[4 + 5 + FOLLOW_MAC];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, t), 0);
	/* Each side's nonce is in the socket before the other one reads. */
	memset(a.caller, 1, FOLLOW_NONCE), memset(b.caller, 1, FOLLOW_NONCE);
	memset(a.answerer, 2, FOLLOW_NONCE), memset(b.answerer, 2, FOLLOW_NONCE);
	assert_int_equal(follow_send(s[0], &a, 'c', STR("hello"), &err), 0);
	assert_int_equal(read(s[1], frame, sizeof frame), sizeof frame);
	if (alter >= 0)
		frame[alter] ^= 1;
	assert_int_equal(write(t[0], frame, sizeof frame), sizeof frame);
	shutdown(t[0], SHUT_WR);
	buf_init(&got, KIB);
	int r = follow_receive(t[1], &b, 'c', &got, &err);
	buf_done(&got);
	close(s[0]), close(s[1]), close(t[0]), close(t[1]);
	return r;
}

static void test_frames(void **state)
{
	(void)state;
	assert_int_equal(passed(-1, 0), 0);
	assert_int_equal(passed(-1, 1), -E_DENIED);
	for (int i = 0; i < 4 + 5 + FOLLOW_MAC; i++)
		assert_true(passed(i, 0) < 0);
}

/* An answer to another question, or one's own question sent back, isn't an answer to this one. */
static void test_sessions(void **state)
{
	(void)state;
	struct follow_session s = { .key = { 7 } }, other = { .key = { 7 }, .caller = { 9 } };
	unsigned char a[FOLLOW_MAC], b[FOLLOW_MAC];
	follow_mac(&s, 's', STR("x"), a);
	follow_mac(&other, 's', STR("x"), b);
	assert_memory_not_equal(a, b, FOLLOW_MAC);
	follow_mac(&s, 'c', STR("x"), b);
	assert_memory_not_equal(a, b, FOLLOW_MAC);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_forms), cmocka_unit_test(test_keys), cmocka_unit_test(test_holds), cmocka_unit_test(test_frames), cmocka_unit_test(test_sessions) };
	return cmocka_run_group_tests_name("pair/follow", tests, NULL, NULL);
}
