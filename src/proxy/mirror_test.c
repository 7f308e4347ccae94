/* What the proxy writes out of a request for the inspection: put together again by a receiver it is that request and its answer, between
 * the true ends; and what the cable doesn't take is dropped and counted, never waited for. */
#include "base/test.h"

#include "base/mem.h"
#include "ips/frame.h"
#include "proxy/mirror.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static int far; /* the cable's other end */

static struct mirror cable(void)
{
	struct mirror m;
	int fd[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fd), 0);
	mirror_init(&m);
	m.fd = fd[0];
	far = fd[1];
	return m;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

struct seen {
	struct buf said[2];
	uint32_t next[2];
	unsigned frames;
	uint16_t vlan;
	uint32_t vni;
	bool six;
	uint8_t ends[2][16];
	uint16_t ports[2];
};

/* One datagram; what doesn't join its stream fails. */
static void take(struct seen *s, const uint8_t *d, size_t n)
{
	assert_int_equal(d[0], 8);
	s->vni = get32(d + 4) >> 8;
	const uint8_t *f = d + 8, *ip = f + (f[12] == 0x81 ? 18 : 14);
	s->vlan = f[12] == 0x81 ? (uint16_t)(f[14] << 8 | f[15]) : 0;
	s->six = ip[0] >> 4 == 6;
	const uint8_t *tcp = ip + (s->six ? 40 : 20);
	size_t addr = s->six ? 16 : 4, at = s->six ? 8 : 12, head = (size_t)(tcp[12] >> 4) * 4, payload = n - (size_t)(tcp + head - d);
	uint16_t from = (uint16_t)(tcp[0] << 8 | tcp[1]);
	if (!s->frames++) {
		memcpy(s->ends[0], ip + at, addr);
		memcpy(s->ends[1], ip + at + addr, addr);
		s->ports[0] = from;
		s->ports[1] = (uint16_t)(tcp[2] << 8 | tcp[3]);
	}
	int who = from == s->ports[0] ? 0 : 1;
	assert_memory_equal(s->ends[who], ip + at, addr);
	if (tcp[13] & FRAME_SYN)
		s->next[who] = get32(tcp + 4);
	assert_int_equal(get32(tcp + 4), s->next[who]);
	buf_put(&s->said[who], tcp + head, payload);
	s->next[who] += (uint32_t)payload + !!(tcp[13] & (FRAME_SYN | FRAME_FIN));
}

static struct seen read_all(void)
{
	struct seen s = { .frames = 0 };
	uint8_t d[2048];
	ssize_t n;
	buf_init(&s.said[0], MIB);
	buf_init(&s.said[1], MIB);
	while ((n = recv(far, d, sizeof d, MSG_DONTWAIT)) > 0)
		take(&s, d, (size_t)n);
	return s;
}

static void seen_done(struct seen *s)
{
	buf_done(&s->said[0]);
	buf_done(&s->said[1]);
}

#define REQUEST "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=1"
#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"

static struct mirror_talk talk_of(struct str body)
{
	return (struct mirror_talk){ .client = { .family = 4, .len = 32, .addr = { 10, 1, 0, 5 } }, .server = { .family = 4, .len = 32, .addr = { 203, 0, 113, 66 } },
		                     .client_port = 40000, .server_port = 443, .vlan = 7, .request = STR(REQUEST), .head = STR(HEAD), .body = body,
		                     .length = body.len, .has_body = true };
}

static void test_whole(void **state)
{
	(void)state;
	static char body[3000];
	struct mirror m = cable();
	unsigned dropped;
	memset(body, 'b', sizeof body);
	struct mirror_talk t = talk_of((struct str){ body, sizeof body });
	unsigned sent = mirror_send(&m, &t, 1000, &dropped);
	struct seen s = read_all();
	assert_int_equal(sent, s.frames);
	assert_int_equal(dropped, 0);
	assert_int_equal(s.vlan, 7);
	assert_int_equal(s.ports[0], 40000);
	assert_int_equal(s.ports[1], 443);
	assert_memory_equal(s.ends[0], ((uint8_t[]){ 10, 1, 0, 5 }), 4);
	assert_memory_equal(s.ends[1], ((uint8_t[]){ 203, 0, 113, 66 }), 4);
	assert_str(buf_view(&s.said[0]), REQUEST);
	assert_true(str_starts(buf_view(&s.said[1]), STR(HEAD "Content-Length: 3000\r\n\r\nbbb")));
	assert_int_equal(s.said[1].len, strlen(HEAD "Content-Length: 3000\r\n\r\n") + sizeof body);
	uint32_t vni = s.vni;
	seen_done(&s);
	/* the next one of the same ends is another; no answer; by IPv6 an IPv4 terminal is written as mapped */
	t.head = STR("");
	t.server = (struct prefix){ .family = 6, .len = 128, .addr = { 0x20, 1, 0xd, 0xb8, [15] = 1 } };
	mirror_send(&m, &t, 1000, &dropped);
	s = read_all();
	assert_true(s.six && s.vni != vni);
	assert_memory_equal(s.ends[0], ((uint8_t[]){ [10] = 0xff, 0xff, 10, 1, 0, 5 }), 16);
	assert_str(buf_view(&s.said[0]), REQUEST);
	assert_int_equal(s.said[1].len, 0);
	seen_done(&s);
	mirror_done(&m);
	close(far);
}

static void test_limits(void **state)
{
	(void)state;
	struct mirror m = cable();
	char *body = mem_alloc(MIB);
	unsigned dropped, sent, all = 0;
	struct mirror_talk t = talk_of((struct str){ body, MIB }), few = talk_of(STR(""));
	few.head = STR("");
	assert_non_null(body);
	int room = 16 * KIB;
	assert_int_equal(setsockopt(m.fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
	/* nobody reads: the kernel takes some, the rest is dropped at once */
	sent = mirror_send(&m, &t, 1000, &dropped);
	assert_true(sent > 0 && dropped > 0 && sent + dropped < 70);
	struct seen s = read_all();
	assert_int_equal(s.frames, sent);
	seen_done(&s);
	/* of time: what is over the rate is dropped, however fast it is read */
	for (int i = 0; i < 2000; i++) {
		all += mirror_send(&m, &few, 1000, &dropped);
		s = read_all();
		seen_done(&s);
	}
	assert_int_equal(all + sent, MIRROR_BURST);
	assert_int_equal(mirror_send(&m, &few, 1001, &dropped), 8);
	/* no cable: nothing is sent, and it is looked for once a second */
	mirror_done(&m);
	assert_int_equal(mirror_send(&m, &t, 5000, &dropped), 0);
	assert_true(dropped > 0);
	assert_int_equal(m.tried_ms, 5000);
	mirror_send(&m, &t, 5999, &dropped);
	assert_int_equal(m.tried_ms, 5000);
	mirror_send(&m, &t, 6000, &dropped);
	assert_int_equal(m.tried_ms, 6000);
	mirror_done(&m);
	mem_free(body);
	close(far);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_whole), cmocka_unit_test(test_limits) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
