/* bench-firewall: a city's FortiGate that hands in its traffic log through one TCP connection, for flow.sh. In C, since it shares the
 * processors with what is measured: a line costs it one copy and three numbers.
 *
 * PHASES are RATE:SECONDS, one after the other; rate 0 is as fast as it is taken. Who is late (TCP makes it wait) goes on as fast as it may until
 * the phase's lines are out or its time is. Ends well when the other side has closed after all was handed in: then all is safe there.
 * Writes to TOLD: "LINES SAFE CPU_SECONDS", then of each phase "RATE LINES SECONDS".
 * Usage: bench-firewall ADDRESS PORT FROM PHASES TOLD */
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define POOL 5000u
#define BATCH 1000u   /* lines of one send() at most */
#define TICK 100u     /* of them a second at least, so that a rate is one within a second too */
#define LINE 512u
#define PATIENCE_S 300
#define PHASES 16u
#define JST_S (9 * 3600)

struct line {
	char text[LINE];
	size_t len, session; /* where the session's number goes in */
};
struct phase {
	uint64_t rate, lines;
	double seconds, took;
};

static struct line pool[POOL];
static size_t date_at, time_at; /* in all of them */

static unsigned below(unsigned n)
{
	return (unsigned)(rnd_u64() % n);
}

static void make_pool(void)
{
	rnd_hold(1); /* the same lines each time */
	for (unsigned i = 0; i < POOL; i++) {
		struct line *l = &pool[i];
		int head = snprintf(l->text, LINE,
		                    "<189>date=YYYY-MM-DD time=hh:mm:ss devname=\"FG-CITY\" devid=\"FG100F0000000001\" logid=\"0000000013\" type=\"traffic\" "
		                    "subtype=\"forward\" level=\"notice\" vd=\"root\" srcip=10.1.%u.%u srcport=%u srcintf=\"lan\" dstip=203.0.113.%u dstport=443 "
		                    "dstintf=\"wan1\" policyid=%u sessionid=",
		                    below(256), below(256), 1024 + below(65536 - 1024), below(256), below(40));
		int tail = snprintf(l->text + head, LINE - (size_t)head, " proto=6 action=\"close\" service=\"HTTPS\" duration=%u sentbyte=%u rcvdbyte=%u\n",
		                    below(600), below(100000), below(1000000));
		l->session = (size_t)head;
		l->len = (size_t)(head + tail);
	}
	date_at = (size_t)(strstr(pool[0].text, "YYYY") - pool[0].text);
	time_at = (size_t)(strstr(pool[0].text, "hh:") - pool[0].text);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void wait_until(double when)
{
	double left = when - now();
	struct timespec t = { (time_t)left, (long)((left - (double)(time_t)left) * 1e9) };
	if (left > 0)
		nanosleep(&t, NULL);
}

static void put_line(struct buf *b, uint64_t n, const char date[11], const char hour[9])
{
	const struct line *l = &pool[n % POOL];
	size_t at = b->len;
	buf_put(b, l->text, l->session);
	memcpy(b->ptr + at + date_at, date, 10);
	memcpy(b->ptr + at + time_at, hour, 8);
	buf_u64(b, n);
	buf_put(b, l->text + l->session, l->len - l->session);
}

static void send_lines(int fd, uint64_t first, uint64_t count)
{
	static struct buf b;
	char date[11], hour[9];
	time_t t = time(NULL) + JST_S;
	struct tm tm;
	gmtime_r(&t, &tm);
	strftime(date, sizeof date, "%Y-%m-%d", &tm);
	strftime(hour, sizeof hour, "%H:%M:%S", &tm);
	if (!b.max)
		buf_init(&b, BATCH * (LINE + 20));
	buf_reset(&b);
	for (uint64_t i = 0; i < count; i++)
		put_line(&b, first + i, date, hour);
	for (size_t off = 0; off < b.len;) {
		ssize_t n = send(fd, b.ptr + off, b.len - off, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			bug("bench-firewall: cannot send: %s", strerror(errno));
		off += n > 0 ? (size_t)n : 0;
	}
}

static void run(int fd, struct phase *p, uint64_t first)
{
	double began = now();
	uint64_t all = (uint64_t)((double)p->rate * p->seconds), batch = p->rate && p->rate / TICK < BATCH ? p->rate / TICK : BATCH;
	batch = batch ? batch : 1;
	while (now() - began < p->seconds && (!p->rate || p->lines < all)) {
		if (p->rate)
			wait_until(began + (double)p->lines / (double)p->rate);
		uint64_t n = p->rate && all - p->lines < batch ? all - p->lines : batch;
		send_lines(fd, first + p->lines, n);
		p->lines += n;
	}
	p->took = now() - began;
}

static int connect_from(const char *from, const char *to, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET }, b = { .sin_family = AF_INET };
	uint64_t number = 0;
	struct timeval patience = { PATIENCE_S, 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || !str_to_u64(str_from(port), UINT16_MAX, &number) || inet_pton(AF_INET, from, &a.sin_addr) != 1 || inet_pton(AF_INET, to, &b.sin_addr) != 1)
		return -1;
	b.sin_port = htons((uint16_t)number);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	return bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && connect(fd, (struct sockaddr *)&b, sizeof b) == 0 ? fd : -1;
}

static size_t read_phases(char *text, struct phase *ret)
{
	size_t n = 0;
	for (char *save, *p = strtok_r(text, " ", &save); p && n < PHASES; p = strtok_r(NULL, " ", &save))
		if (sscanf(p, "%lu:%lf", &ret[n].rate, &ret[n].seconds) == 2)
			n++;
	return n;
}

int main(int argc, char **argv)
{
	struct phase phases[PHASES] = { 0 };
	uint64_t lines = 0;
	char end;
	size_t n = argc == 6 ? read_phases(argv[4], phases) : 0;
	int fd = n ? connect_from(argv[3], argv[1], argv[2]) : -1;
	FILE *told = fd < 0 ? NULL : fopen(argv[5], "we");
	if (!told) {
		fprintf(stderr, "bench-firewall: %s\n", n ? strerror(errno) : "usage: bench-firewall ADDRESS PORT FROM PHASES TOLD");
		return n ? 4 : 2;
	}
	make_pool();
	for (size_t i = 0; i < n; i++) {
		run(fd, &phases[i], lines);
		lines += phases[i].lines;
	}
	shutdown(fd, SHUT_WR);
	bool safe = recv(fd, &end, 1, 0) == 0;
	fprintf(told, "%lu %d %.2f\n", lines, safe, cpu());
	for (size_t i = 0; i < n; i++)
		fprintf(told, "%lu %lu %.3f\n", phases[i].rate, phases[i].lines, phases[i].took);
	return fclose(told) == 0 && safe ? 0 : 4;
}
