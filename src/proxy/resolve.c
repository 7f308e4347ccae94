/* Name resolution on the loop by c-ares; see resolve.h. A small cache with short lives spares the resolver's socket,
 * not its work: Unbound caches behind it. */
#include "proxy/resolve.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"

#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>

struct watch {
	uv_poll_t poll;
	struct resolver *r;
	struct watch *next;
	ares_socket_t fd;
};

struct entry {
	struct resolved answer;
	int64_t until_ms;
};

struct resolver {
	uv_loop_t *loop;
	struct prefix server, from;
	ares_channel channel;
	struct watch *watches;
	struct map cache;
	size_t asking;
	struct question *again; /* the resolver's port refused them */
};

struct question {
	struct question *next;
	struct resolver *r;
	int64_t until_ms;
	resolve_fn fn;
	void *user;
	char name[256];
};

static void on_poll(uv_poll_t *h, int status, int events)
{
	struct watch *w = h->data;
	ares_process_fd(w->r->channel, (events & UV_READABLE) || status < 0 ? w->fd : ARES_SOCKET_BAD,
	                (events & UV_WRITABLE) || status < 0 ? w->fd : ARES_SOCKET_BAD);
}

static void free_watch(uv_handle_t *h)
{
	mem_free(h->data);
}

static void on_socket(void *user, ares_socket_t fd, int readable, int writable)
{
	struct resolver *r = user;
	struct watch **p = &r->watches;
	while (*p && (*p)->fd != fd)
		p = &(*p)->next;
	struct watch *w = *p;
	if (!readable && !writable) {
		if (!w)
			return;
		*p = w->next;
		uv_poll_stop(&w->poll);
		uv_close((uv_handle_t *)&w->poll, free_watch);
		return;
	}
	if (!w) {
		w = mem_alloc(sizeof *w);
		if (!w || uv_poll_init(r->loop, &w->poll, fd) != 0) {
			mem_free(w);
			return; /* the question runs into its time-out */
		}
		*w = (struct watch){ .poll = w->poll, .r = r, .next = r->watches, .fd = fd };
		w->poll.data = w;
		r->watches = w;
	}
	uv_poll_start(&w->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0), on_poll);
}

static void set_from(struct resolver *r, const struct prefix *from)
{
	if (from->family == 4)
		ares_set_local_ip4(r->channel, (unsigned)from->addr[0] << 24 | (unsigned)from->addr[1] << 16 |
		                                       (unsigned)from->addr[2] << 8 | from->addr[3]);
	else if (from->family == 6)
		ares_set_local_ip6(r->channel, from->addr);
}

int resolver_open(uv_loop_t *loop, const struct prefix *server, const struct prefix *from, struct resolver **ret)
{
	struct resolver *r = mem_alloc(sizeof *r);
	if (!r)
		return -E_NOMEM;
	r->loop = loop;
	r->server = *server;
	r->from = *from;
	map_init(&r->cache, RESOLVE_CACHE);
	static char lookups[] = "b"; /* DNS only: /etc/hosts is no business of a proxy for others */
	struct ares_options o = { .flags = ARES_FLAG_NOSEARCH, .timeout = RESOLVE_RETRY_MS, .tries = RESOLVE_TRIES, .lookups = lookups,
		                  .sock_state_cb = on_socket, .sock_state_cb_data = r };
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
	int e = ares_init_options(&r->channel, &o, mask);
	if (e != ARES_SUCCESS) {
		mem_free(r);
		return -E_IO;
	}
	char addr[PREFIX_TEXT], csv[PREFIX_TEXT + 8];
	if (server->family) {
		prefix_format_addr(server, addr);
		snprintf(csv, sizeof csv, server->family == 6 ? "[%s]:53" : "%s:53", addr);
		if (ares_set_servers_ports_csv(r->channel, csv) != ARES_SUCCESS) {
			resolver_close(&r);
			return -E_INVALID;
		}
	}
	set_from(r, from);
	*ret = r;
	return 0;
}

static void cache_drop_all(struct resolver *r)
{
	void *e;
	for (size_t i = 0; map_next(&r->cache, &i, NULL, &e);)
		mem_free(e);
	map_done(&r->cache);
}

void resolver_forget(struct resolver *r)
{
	cache_drop_all(r);
	map_init(&r->cache, RESOLVE_CACHE);
}

static bool same(const struct prefix *a, const struct prefix *b)
{
	return a->family == b->family && memcmp(a->addr, b->addr, sizeof a->addr) == 0;
}

bool resolver_is(const struct resolver *r, const struct prefix *server, const struct prefix *from)
{
	return same(&r->server, server) && same(&r->from, from);
}

/* Answers, and forgets the question. */
static void settle(struct question *q, const struct resolved *a)
{
	q->fn(a, q->user);
	mem_free(q);
}

void resolver_close(struct resolver **p)
{
	struct resolver *r = *p;
	*p = NULL;
	if (!r)
		return;
	ares_destroy(r->channel); /* calls back each open question, and on_socket for each socket */
	while (r->again) {
		struct question *q = r->again;
		r->again = q->next;
		settle(q, &(struct resolved){ .code = -E_CLOSED });
	}
	while (r->watches) {
		struct watch *w = r->watches;
		r->watches = w->next;
		uv_close((uv_handle_t *)&w->poll, free_watch);
	}
	cache_drop_all(r);
	mem_free(r);
}

static int code_of(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return 0;
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
		return -E_NOT_FOUND;
	case ARES_ETIMEOUT:
		return -E_TIMEOUT;
	case ARES_EDESTRUCTION:
		return -E_CLOSED;
	default:
		return -E_IO;
	}
}

static void collect(const struct ares_addrinfo *ai, int family, struct resolved *out, int *ttl)
{
	for (const struct ares_addrinfo_node *n = ai->nodes; n && out->n < RESOLVE_MAX; n = n->ai_next) {
		struct sockaddr_storage ss = { 0 };
		if (n->ai_family != family || n->ai_addrlen > sizeof ss)
			continue;
		memcpy(&ss, n->ai_addr, n->ai_addrlen);
		if (prefix_from_sockaddr(&ss, &out->addr[out->n]) < 0)
			continue;
		out->n++;
		*ttl = n->ai_ttl < *ttl ? n->ai_ttl : *ttl;
	}
}

static void keep(struct resolver *r, const char *name, const struct resolved *a, int ttl)
{
	struct entry *e = map_get(&r->cache, str_from(name));
	if (!e) {
		if (r->cache.len >= RESOLVE_CACHE)
			resolver_forget(r); /* rare, and everything in it is a minute old at most */
		e = mem_alloc(sizeof *e);
		if (!e || map_put(&r->cache, str_from(name), e) < 0) {
			mem_free(e);
			return;
		}
	}
	*e = (struct entry){ *a, clock_mono_ms() + ttl * 1000LL };
}

static void on_answer(void *user, int status, int timeouts, struct ares_addrinfo *ai)
{
	struct question *q = user;
	struct resolved a = { .code = code_of(status) };
	int ttl = RESOLVE_TTL_MAX_S;
	if (ai) {
		collect(ai, AF_INET, &a, &ttl);
		collect(ai, AF_INET6, &a, &ttl);
		ares_freeaddrinfo(ai);
	}
	if (a.code == 0 && a.n == 0)
		a.code = -E_NOT_FOUND;
	q->r->asking--;
	if (status == ARES_ECONNREFUSED && clock_mono_ms() < q->until_ms) {
		q->next = q->r->again;
		q->r->again = q;
		return;
	}
	if (a.code == 0 && ttl > 0)
		keep(q->r, q->name, &a, ttl);
	settle(q, &a);
}

static void ask(struct question *q)
{
	struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC, .ai_flags = ARES_AI_NOSORT, .ai_socktype = SOCK_STREAM };
	q->r->asking++;
	ares_getaddrinfo(q->r->channel, q->name, NULL, &hints, on_answer, q);
}

void resolver_ask(struct resolver *r, const char *name, resolve_fn fn, void *user)
{
	const struct entry *e = map_get(&r->cache, str_from(name));
	if (e && e->until_ms > clock_mono_ms()) {
		struct resolved copy = e->answer;
		fn(&copy, user);
		return;
	}
	struct question *q = mem_alloc(sizeof *q);
	if (!q) {
		fn(&(struct resolved){ .code = -E_NOMEM }, user);
		return;
	}
	*q = (struct question){ .r = r, .fn = fn, .user = user, .until_ms = clock_mono_ms() + RESOLVE_PATIENCE_MS };
	snprintf(q->name, sizeof q->name, "%s", name);
	ask(q);
}

void resolver_tick(struct resolver *r)
{
	struct question *again = r->again;
	r->again = NULL;
	while (again) {
		struct question *q = again;
		again = q->next;
		ask(q);
	}
	if (r->asking)
		ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}
