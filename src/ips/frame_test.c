/* Frames of made-up conversations: checksums that hold, sequence numbers that join, and the clean captures made of them. */
#include "base/test.h"

#include "base/err.h"
#include "base/mem.h"
#include "ips/clean.h"
#include "ips/frame.h"

static uint32_t add(const uint8_t *p, size_t n, uint32_t s)
{
	for (size_t i = 0; i < n; i++)
		s += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* A receiver of both sides: whatever doesn't join the stream fails. */
struct receiver {
	struct buf said[2];
	uint32_t next[2];
	uint8_t client[16];
	size_t frames, ip6;
	uint16_t vlan, client_port;
	bool began[2], ended[2];
};

static void take_tcp(struct receiver *r, const uint8_t *tcp, size_t n)
{
	int who = (uint16_t)(tcp[0] << 8 | tcp[1]) == r->client_port ? 0 : 1;
	uint32_t seq = get32(tcp + 4);
	size_t head = (size_t)(tcp[12] >> 4) * 4;
	if (tcp[13] & FRAME_SYN) {
		assert_false(r->began[who]);
		r->began[who] = true;
		r->next[who] = seq;
	}
	assert_int_equal(seq, r->next[who]);
	if (tcp[13] & FRAME_ACK)
		assert_int_equal(get32(tcp + 8), r->next[!who]);
	buf_put(&r->said[who], tcp + head, n - head);
	r->next[who] += (uint32_t)(n - head) + !!(tcp[13] & (FRAME_SYN | FRAME_FIN));
	r->ended[who] |= tcp[13] & FRAME_FIN;
}

static void take(const uint8_t *f, size_t n, void *user)
{
	struct receiver *r = user;
	size_t at = 14;
	assert_true(n <= FRAME_MAX);
	r->frames++;
	if (f[12] == 0x81) {
		assert_int_equal(f[14] << 8 | f[15], r->vlan);
		at = 18;
	}
	const uint8_t *ip = f + at;
	bool six = ip[0] >> 4 == 6;
	size_t head = six ? 40 : 20, rest = n - at - head;
	r->ip6 += six;
	assert_int_equal(six ? (size_t)(ip[4] << 8 | ip[5]) + 40 : (size_t)(ip[2] << 8 | ip[3]), n - at);
	if (!six)
		assert_int_equal(add(ip, 20, 0), 0xffff);
	uint8_t protocol = six ? ip[6] : ip[9];
	uint32_t pseudo = add(ip + (six ? 8 : 12), six ? 32 : 8, (uint32_t)(protocol + rest));
	assert_int_equal(add(ip + head, rest, protocol == 1 ? 0 : pseudo), 0xffff);
	if (protocol == 6)
		take_tcp(r, ip + head, rest);
}

static void converse(struct frame_end a, struct frame_end b, uint16_t vlan, size_t ip6)
{
	static char data[5000];
	struct receiver r = { .vlan = vlan, .client_port = a.port };
	struct talk t = { .end = { a, b }, .vlan = vlan, .seq = { 0xfffffff0u, 5 }, .out = take, .user = &r };
	buf_init(&r.said[0], MIB);
	buf_init(&r.said[1], MIB);
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (char)(i * 7);
	talk_close(&t); /* not open yet */
	assert_int_equal(r.frames, 0);
	talk_open(&t);
	talk_say(&t, 0, "GET / HTTP/1.1\r\n\r\n", 18);
	talk_say(&t, 1, data, sizeof data);
	talk_say(&t, 1, data, 0);
	talk_say(&t, 1, data, 1401);
	talk_say(&t, 0, "x", 1);
	talk_close(&t);
	talk_close(&t);
	assert_int_equal(r.said[0].len, 19);
	assert_int_equal(r.said[1].len, sizeof data + 1401);
	assert_memory_equal(r.said[1].ptr, data, sizeof data);
	assert_memory_equal(r.said[1].ptr + sizeof data, data, 1401);
	assert_true(r.ended[0] && r.ended[1]);
	assert_int_equal(r.frames, 3 + 2 + 5 + 3 + 2 + 3);
	assert_int_equal(r.ip6, ip6 ? r.frames : 0);
	buf_done(&r.said[0]);
	buf_done(&r.said[1]);
}

static void test_talk(void **state)
{
	(void)state;
	const struct frame_end v4 = { { 10, 1, 0, 5 }, 4, 40000 }, web = { { 203, 0, 113, 66 }, 4, 443 },
	                       v6 = { { 0x20, 1, 0xd, 0xb8, [15] = 9 }, 6, 443 };
	converse(v4, web, 0, 0);
	converse(v4, web, 17, 0);
	converse(v4, v6, 4000, 1);
}

static uint32_t get_le32(const char *p)
{
	const uint8_t *u = (const uint8_t *)p;
	return (uint32_t)u[3] << 24 | (uint32_t)u[2] << 16 | (uint32_t)u[1] << 8 | u[0];
}

static void test_clean(void **state)
{
	(void)state;
	struct buf b, again;
	for (size_t i = 0; clean_names[i]; i++) {
		size_t frames = 0, at = 24;
		buf_init(&b, MIB);
		buf_init(&again, MIB);
		assert_int_equal(clean_capture(clean_names[i], &b), 0);
		assert_int_equal(clean_capture(clean_names[i], &again), 0);
		assert_true(str_eq(buf_view(&b), buf_view(&again)));
		for (; at + 16 <= b.len; frames++)
			at += 16 + get_le32(b.ptr + at + 8);
		assert_int_equal(at, b.len);
		assert_true(frames > 10);
		buf_done(&b);
		buf_done(&again);
	}
	buf_init(&b, 1000);
	assert_int_equal(clean_capture("browsing", &b), -E_LIMIT);
	buf_done(&b);
	buf_init(&b, MIB);
	assert_int_equal(clean_capture("nothing", &b), -E_NOT_FOUND);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_talk), cmocka_unit_test(test_clean) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
