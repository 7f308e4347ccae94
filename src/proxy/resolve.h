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

/* A lost datagram costs RESOLVE_RETRY_MS, then twice that, and so on; a resolver that is being started anew (its port refuses) is
 * asked again each tick for RESOLVE_PATIENCE_MS. */
#define RESOLVE_RETRY_MS 500
#define RESOLVE_TRIES 4
#define RESOLVE_PATIENCE_MS 8000

struct resolved {
	int code; /* 0, -E_NOT_FOUND (no such name, or no address), -E_TIMEOUT, -E_CLOSED (the resolver was closed: ask a new one), -E_IO */
	struct prefix addr[RESOLVE_MAX]; /* IPv4 first */
	size_t n;
};
typedef void (*resolve_fn)(const struct resolved *r, void *user);

/* server: address asked, port 53 (family 0: the system's own configuration); from: source address or family 0. */
int resolver_open(uv_loop_t *loop, const struct prefix *server, const struct prefix *from, struct resolver **ret);
void resolver_close(struct resolver **r); /* open questions are answered with -E_CLOSED: another may know */
void resolver_forget(struct resolver *r); /* what it was told before; open questions go on */
/* Was it opened for just these? */
bool resolver_is(const struct resolver *r, const struct prefix *server, const struct prefix *from);
/* Calls fn, perhaps at once. */
void resolver_ask(struct resolver *r, const char *name, resolve_fn fn, void *user);
void resolver_tick(struct resolver *r); /* every 250 ms: time-outs, and what is asked again */

#endif
