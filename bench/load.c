/* bench-load: an HTTP client that measures. Open loop by default: requests fall due at fixed times and their latency
 * counts from then, so a peer that stalls can't hide it by making the client wait. --closed asks as fast as it can.
 *
 * Prints one JSON object. One thread: two cores are shared with the peer, and the load must not be what is measured. */
#include "load.h"

#include "base/mem.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define PARK_AT_ONCE 64 /* connections that are being opened */

uint64_t now_us(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Buckets of 1/64 of a power of two: within 1.6 %. */
void stats_latency(struct load_stats *s, uint64_t us)
{
	unsigned top = us < 64 ? 0 : 63 - (unsigned)__builtin_clzll(us) - 5;
	s->buckets[top * 64 + (us >> top) % 64]++;
}

double stats_percentile(const struct load_stats *s, double p)
{
	uint64_t total = 0, seen = 0;
	for (size_t i = 0; i < ARRAY_LEN(s->buckets); i++)
		total += s->buckets[i];
	for (size_t i = 0; i < ARRAY_LEN(s->buckets); i++) {
		seen += s->buckets[i];
		if (seen && (double)seen >= p * (double)total) {
			unsigned top = (unsigned)(i / 64);
			uint64_t low = top == 0 ? i : (i % 64) << top;
			return (double)low / 1000;
		}
	}
	return 0;
}

/* ---- what is asked for ---- */

static uint64_t seed = 0x9e3779b97f4a7c15u;

static double uniform(void)
{
	seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
	return (double)(seed >> 11) / 9007199254740992.0;
}

static double *zipf_table(unsigned n, double s)
{
	double *t = mem_array(n, sizeof *t), sum = 0;
	for (unsigned i = 0; t && i < n; i++)
		t[i] = sum += pow(i + 1, -s);
	for (unsigned i = 0; t && i < n; i++)
		t[i] /= sum;
	return t;
}

static unsigned zipf_pick(const double *t, unsigned n)
{
	double u = uniform();
	unsigned low = 0, high = n - 1;
	while (low < high) {
		unsigned mid = (low + high) / 2;
		if (t[mid] < u)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* ---- the run ---- */

struct run {
	struct load_opts o;
	struct load_stats stats;
	struct conn *conns;
	unsigned busy;
	int ep;
	double *zipf;
	uint64_t begun, end, issued;
	unsigned next_host;
};

static struct conn *idle_conn(struct run *r)
{
	unsigned busy = 0;
	for (unsigned i = 0; i < r->o.connections; i++) {
		if (r->conns[i].state == CONN_IDLE && !(r->o.park && r->conns[i].open))
			return &r->conns[i];
		busy += r->conns[i].state != CONN_IDLE;
		if (r->o.park && busy == PARK_AT_ONCE)
			return NULL;
	}
	return NULL;
}

static bool more(const struct run *r, uint64_t now)
{
	if (r->o.park)
		return r->issued < r->o.connections && r->stats.errors == 0;
	if (r->o.each)
		return r->issued < (uint64_t)r->o.objects * r->o.hosts;
	return now < r->end && (!r->o.requests || r->issued < r->o.requests);
}

static uint64_t due(const struct run *r)
{
	return r->begun + (uint64_t)((double)r->issued * 1e6 / r->o.rate);
}

static void begin_one(struct run *r, struct conn *c, uint64_t due_us)
{
	unsigned object = r->o.each ? (unsigned)(r->issued % r->o.objects) : zipf_pick(r->zipf, r->o.objects);
	/* Kept-alive connections stay with their host; fresh ones go round. */
	unsigned host = r->o.hosts == 1 ? 0 : r->next_host++ % r->o.hosts;
	r->issued++;
	conn_begin(c, host, object, due_us);
}

static void issue(struct run *r)
{
	struct conn *c;
	uint64_t now = now_us();
	while (more(r, now) && (r->o.rate == 0 || due(r) <= now) && (c = idle_conn(r)))
		begin_one(r, c, r->o.rate == 0 ? now : due(r));
}

static unsigned count_busy(const struct run *r)
{
	unsigned n = 0;
	for (unsigned i = 0; i < r->o.connections; i++)
		n += r->conns[i].state != CONN_IDLE;
	return n;
}

static void loop(struct run *r)
{
	struct epoll_event ev[256];
	uint64_t give_up = r->end + 10000000;
	for (;;) {
		issue(r);
		uint64_t now = now_us();
		bool going = more(r, now);
		if ((!going && count_busy(r) == 0) || now > give_up)
			break;
		uint64_t next = going && r->o.rate > 0 ? due(r) : now + 100000;
		struct timespec wait = { 0, next > now ? (long)(next - now > 100000 ? 100000 : next - now) * 1000 : 0 };
		if (going && r->o.rate > 0 && next <= now)
			wait.tv_nsec = 100000000; /* late already: only an answer helps */
		int n = epoll_pwait2(r->ep, ev, ARRAY_LEN(ev), &wait, NULL);
		for (int i = 0; i < n; i++)
			conn_work(ev[i].data.ptr);
	}
	if (r->o.rate > 0 && !r->o.requests) {
		uint64_t should = (uint64_t)(r->o.rate * r->o.seconds);
		r->stats.late = should > r->issued ? should - r->issued : 0;
	}
	r->stats.errors += count_busy(r);
	for (unsigned i = 0; i < r->o.connections; i++)
		if (r->conns[i].state != CONN_IDLE)
			conn_trace(&r->conns[i], false);
}

static unsigned count_open(const struct run *r)
{
	unsigned n = 0;
	for (unsigned i = 0; i < r->o.connections; i++)
		n += r->conns[i].open;
	return n;
}

/* Says how many connections are open and idle, and keeps them so until stdin ends; then asks once more on each. */
static void park(struct run *r)
{
	struct epoll_event ev[256], in = { .events = EPOLLIN };
	char byte;
	bool told = false;
	epoll_ctl(r->ep, EPOLL_CTL_ADD, 0, &in);
	printf("parked %u\n", count_open(r));
	fflush(stdout);
	while (!told) {
		int n = epoll_wait(r->ep, ev, ARRAY_LEN(ev), -1);
		for (int i = 0; i < n; i++)
			if (ev[i].data.ptr)
				conn_work(ev[i].data.ptr);
			else
				told = told || read(0, &byte, 1) <= 0;
	}
	epoll_ctl(r->ep, EPOLL_CTL_DEL, 0, NULL);
	for (unsigned i = 0; i < r->o.connections; i++) {
		struct conn *c = &r->conns[i];
		if (!c->open)
			continue;
		conn_begin(c, c->host, 0, now_us());
		while (c->state != CONN_IDLE) {
			int n = epoll_wait(r->ep, ev, ARRAY_LEN(ev), 10000);
			if (n == 0)
				return; /* an answer that doesn't come: the count says so */
			for (int k = 0; k < n; k++)
				conn_work(ev[k].data.ptr);
		}
	}
}

static int new_session(SSL *ssl, SSL_SESSION *session)
{
	struct conn *c = SSL_get_ex_data(ssl, 0);
	SSL_SESSION_free(c->session);
	c->session = session;
	return 1;
}

static SSL_CTX *tls_context(const struct load_opts *o)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	if (!ctx || (o->ca && SSL_CTX_load_verify_file(ctx, o->ca) != 1))
		return NULL;
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, new_session);
	SSL_CTX_set_read_ahead(ctx, 1);
	/* One cipher for all peers: AES-256, which some would choose, costs a third more on bodies. */
	SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256");
	SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES128-GCM-SHA256");
	return ctx;
}

static bool prepare(struct run *r)
{
	SSL_CTX *ctx = tls_context(&r->o);
	r->ep = epoll_create1(EPOLL_CLOEXEC);
	r->zipf = zipf_table(r->o.objects, r->o.zipf);
	r->conns = mem_array(r->o.connections, sizeof *r->conns);
	if (!ctx || r->ep < 0 || !r->zipf || !r->conns)
		return false;
	for (unsigned i = 0; i < r->o.connections; i++) {
		struct conn *c = &r->conns[i];
		c->o = &r->o;
		c->stats = &r->stats;
		c->ctx = ctx;
		c->ep = r->ep;
		c->fd = -1;
		c->n = i;
	}
	return true;
}

static void report(const struct run *r, double took)
{
	const struct load_stats *s = &r->stats;
	printf("{\"requests\":%llu,\"errors\":%llu,\"bytes\":%llu,\"seconds\":%.3f,\"rps\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
	       "\"handshakes\":%llu,\"resumed\":%llu,\"late\":%llu,\"why\":\"",
	       (unsigned long long)s->requests, (unsigned long long)s->errors, (unsigned long long)s->bytes, took,
	       (double)s->requests / took, stats_percentile(s, 0.5), stats_percentile(s, 0.99), (unsigned long long)s->handshakes,
	       (unsigned long long)s->resumed, (unsigned long long)s->late);
	for (const char *p = s->why; *p; p++)
		putchar(*p < 0x20 || *p == '"' || *p == '\\' ? ' ' : *p);
	printf("\"}\n");
}

static bool options(struct load_opts *o, int argc, char **argv)
{
	static const struct option names[] = {
		{ "proxy", 1, NULL, 'p' }, { "connect", 1, NULL, 'c' }, { "host", 1, NULL, 'h' }, { "port", 1, NULL, 'P' },
		{ "path", 1, NULL, 'a' }, { "ca", 1, NULL, 'A' }, { "plain", 0, NULL, 'l' }, { "objects", 1, NULL, 'n' },
		{ "hosts", 1, NULL, 'H' }, { "connections", 1, NULL, 'k' }, { "zipf", 1, NULL, 'z' }, { "rate", 1, NULL, 'r' },
		{ "closed", 0, NULL, 'C' }, { "seconds", 1, NULL, 's' }, { "requests", 1, NULL, 'R' }, { "size", 1, NULL, 'S' },
		{ "fresh", 0, NULL, 'f' }, { "trace", 1, NULL, 't' }, { "resume", 0, NULL, 'u' }, { "each", 0, NULL, 'e' }, { "park", 0, NULL, 'K' }, { "sources", 1, NULL, 'O' }, { 0 } };
	*o = (struct load_opts){ .host = "www.bench.test", .path = "/", .tls = true, .objects = 1, .hosts = 1, .connections = 16,
		                 .zipf = 1, .rate = 100, .seconds = 10 };
	for (int k; (k = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		switch (k) {
		case 'p': o->proxy = optarg; break;
		case 'c': o->connect = optarg; break;
		case 'h': o->host = optarg; break;
		case 'P': o->port = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'a': o->path = optarg; break;
		case 'A': o->ca = optarg; break;
		case 'l': o->tls = false; break;
		case 'n': o->objects = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'H': o->hosts = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'k': o->connections = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'z': o->zipf = strtod(optarg, NULL); break;
		case 'r': o->rate = strtod(optarg, NULL); break;
		case 'C': o->rate = 0; break;
		case 's': o->seconds = strtod(optarg, NULL); break;
		case 'R': o->requests = strtoull(optarg, NULL, 10); break;
		case 'S': o->size = strtoull(optarg, NULL, 10); break;
		case 'f': o->fresh = true; break;
		case 't':
			if (!(o->trace = fopen(optarg, "we")))
				return false;
			break;
		case 'u': o->resume = true; break;
		case 'e': o->each = true; o->rate = 0; break;
		case 'O': o->sources = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'K': o->park = true; o->rate = 0; break;
		default: return false;
		}
	}
	const char *where = o->proxy ? o->proxy : o->connect;
	return where && strchr(where, ':') && o->port && o->objects && o->hosts && o->connections && o->connections <= 16384;
}

int main(int argc, char **argv)
{
	static struct run r;
	signal(SIGPIPE, SIG_IGN);
	if (!options(&r.o, argc, argv)) {
		fprintf(stderr, "usage: bench-load --proxy|--connect ADDR:PORT --host NAME --port N --path P [--ca PEM] [--plain]\n"
		                "  [--objects N] [--hosts N] [--connections N] [--zipf S] [--rate R | --closed | --each] [--seconds S]\n"
		                "  [--requests N] [--size BYTES] [--fresh [--resume]] [--trace FILE] [--park] [--sources N]\n");
		return 2;
	}
	if (!prepare(&r)) {
		fprintf(stderr, "bench-load: cannot prepare (memory, descriptors, or the CA file)\n");
		return 4;
	}
	r.begun = now_us();
	r.end = r.begun + (uint64_t)(r.o.seconds * 1e6);
	loop(&r);
	if (r.o.park)
		park(&r);
	report(&r, (double)(now_us() - r.begun) / 1e6);
	return r.stats.requests == 0;
}
