/* Names to addresses, by each organisation's own address of the resolver (its view, its block list), asked from
 * the organisation's own inside address. One per organisation and thread, made at the first question. */
#ifndef PROXY_RESOLVE_H
#define PROXY_RESOLVE_H

#include "model/model.h"

#include <uv.h>

#define RESOLVE_MAX 8 /* addresses of one name that are tried */
#define RESOLVE_CACHE 4096
#define RESOLVE_TTL_MAX_S 60

struct resolver;

struct resolved {
	int code; /* 0, -E_NOT_FOUND (no such name, or no address), -E_TIMEOUT, -E_CLOSED (the resolver was closed: ask a new one), -E_IO */
	struct prefix addr[RESOLVE_MAX]; /* IPv4 first */
	size_t n;
};
typedef void (*resolve_fn)(const struct resolved *r, void *user);

/* server: address asked, port 53 (family 0: the system's own configuration); from: source address or family 0. */
int resolver_open(uv_loop_t *loop, const struct prefix *server, const struct prefix *from, struct resolver **ret);
void resolver_close(struct resolver **r); /* open questions are answered with -E_CLOSED */
/* Calls fn, perhaps at once. */
void resolver_ask(struct resolver *r, const char *name, resolve_fn fn, void *user);
void resolver_tick(struct resolver *r); /* every 250 ms: time-outs */

#endif
