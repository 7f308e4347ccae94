/* A small thing of the web fetched for ourselves, not for a terminal: in clear, by HTTP/1.1, whole, in memory, once. By the organisation's
 * resolver, from its address, past the same guard as everything (origin.h); no redirect is followed, no coding taken. */
#ifndef PROXY_FETCH_H
#define PROXY_FETCH_H

#include "http/http.h"
#include "proxy/origin.h"

struct fetch;
/* 0: all of it is in f->body; else -E_…. f is idle then, and may begin again. */
typedef void (*fetch_done)(struct fetch *f, int code, void *user);

struct fetch {
	struct origin *o;
	struct worker *w;
	struct buf request, body;
	struct http_stream rs;
	uint8_t method;
	bool running, head;
	int64_t deadline;
	fetch_done done;
	void *user;
};

struct fetch_opts {
	struct org_rt *org;
	struct prefix terminal; /* for whom, in the end */
	const char *url;
	struct str post, type;  /* post.ptr NULL: GET */
	size_t max;             /* bytes of content */
	int64_t ms;
	fetch_done done;
	void *user;
};

/* Zeroed before its first use. 0: done is called once, perhaps before this returns; else it isn't. */
int fetch_begin(struct fetch *f, const struct fetch_opts *o);
void fetch_tick(struct fetch *f); /* each 250 ms */
void fetch_end(struct fetch *f);  /* frees what it holds; done isn't called */

#endif
