/* The load generator's parts: what a run is asked for, its connections, and how latencies are counted. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "base/str.h"

#include <openssl/ssl.h>
#include <stdio.h>

struct load_opts {
	const char *proxy;      /* "127.0.0.1:3128", or NULL: straight to the origin */
	const char *connect;    /* where to connect without a proxy: "127.0.0.1:8443" */
	const char *host;       /* name asked for and verified; with hosts > 1: hN.NAME */
	unsigned port;
	const char *path;       /* "/10k/" + number */
	const char *ca;         /* PEM file the peer's certificate must be signed by */
	bool tls;
	unsigned objects, hosts, connections;
	double zipf;            /* exponent of the popularity; 0: even */
	double rate;            /* requests a second at fixed times; 0: as fast as possible */
	double seconds;
	uint64_t requests;      /* end after so many; 0: by time only */
	uint64_t size;          /* bytes a body must have; 0: any */
	bool fresh, resume;     /* a new connection for each request; resuming the TLS session */
	bool each;              /* every object once, in order: warms caches */
	unsigned sources;       /* so many terminals: connection i comes from 127.1.0.1 + i % sources; 0: from wherever */
	bool park;              /* one request on each connection, which then stays open, idle, until stdin ends */
	FILE *trace;            /* a line a request as it ends: when it fell due (CLOCK_MONOTONIC, µs), how long it took (µs), 1: well */
};

struct load_stats {
	uint64_t requests, errors, bytes, handshakes, resumed, late; /* late: arrivals still waiting at the end */
	uint64_t buckets[64 * 64];
	char why[160];           /* the first error */
};

void stats_latency(struct load_stats *s, uint64_t us);
double stats_percentile(const struct load_stats *s, double p); /* milliseconds */

enum conn_state { CONN_IDLE, CONN_TCP, CONN_PROXY, CONN_TLS, CONN_REQUEST, CONN_HEAD, CONN_BODY };

struct conn {
	const struct load_opts *o;
	struct load_stats *stats;
	SSL_CTX *ctx;
	SSL_SESSION *session;
	int ep, fd;
	unsigned n;              /* which of all */
	SSL *ssl;
	enum conn_state state;
	bool open;               /* kept alive from an earlier request */
	bool want_write;         /* what epoll waits for */
	unsigned host, object;
	uint64_t due_us;         /* when this request should have begun */
	char out[1024];
	size_t out_len, out_off;
	char in[64 * 1024];
	size_t in_len;
	uint64_t body_left, body_got;
	bool chunked, until_close, close_after;
};

uint64_t now_us(void);
/* Begins a request on an idle connection. */
void conn_begin(struct conn *c, unsigned host, unsigned object, uint64_t due_us);
/* Goes on as far as it can; afterwards the state is CONN_IDLE when the request is over. */
void conn_work(struct conn *c);
void conn_close(struct conn *c);
void conn_trace(const struct conn *c, bool well);

#endif
