/* A thread of the proxy; see worker.h. All of it runs on its own loop; the main thread only leaves snapshots in the
 * mailboxes and wakes it. */
#include "proxy/conn.h"
#include "proxy/link2.h"
#include "proxy/revocation.h"
#include "proxy/undecrypted.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>

#define VERDICT_CACHE 65536
#define VERDICT_AGE_MS 3600000
#define AGAIN_MS 5000 /* tunnels are judged again this often: the exception that let them through may have run out */

static const char *const stat_names[STAT_COUNT] = {
	[STAT_REQUESTS] = "requests", [STAT_DENIED] = "denied", [STAT_MALICIOUS] = "malicious", [STAT_BYTES_IN] = "bytes_in",
	[STAT_BYTES_OUT] = "bytes_out", [STAT_INTERCEPTED] = "intercepted", [STAT_TUNNELS] = "tunnels",
	[STAT_ERRORS] = "errors", [STAT_CONNECTIONS] = "connections", [STAT_CACHE_HITS] = "verdict_cache_hits",
	[STAT_REFUSED] = "refused", [STAT_CUT] = "cut", [STAT_LISTENING] = "listening", [STAT_UNJUDGED] = "unjudged", [STAT_HOSTILE] = "hostile",
	[STAT_UNNAMED] = "unnamed", [STAT_TRICKLED] = "trickled", [STAT_LATE] = "late",
	[STAT_STAPLED] = "stapled", [STAT_UNSTAPLED] = "unstapled", [STAT_STAPLE_UNFIT] = "staple_unfit", [STAT_REVOKED] = "revoked", [STAT_REVOCATION_ASKED] = "revocation_asked", [STAT_REVOCATION_UNKNOWN] = "revocation_unknown",
	[STAT_CHECK_PAGE] = "check_page", [STAT_CHECK_TRUST] = "check_trust",
	[STAT_MIRRORED] = "mirrored", [STAT_UNMIRRORED] = "unmirrored",
};

/* ---- organisations ---- */

static struct org_rt *make_org(struct worker *w, const char *code)
{
	struct org_rt *o = mem_alloc(sizeof *o);
	if (!o)
		return NULL;
	o->w = w;
	snprintf(o->code, sizeof o->code, "%s", code);
	map_init(&o->pool, ORIGIN_IDLE_ORG);
	for (int i = 0; i < STAT_COUNT; i++)
		o->stat[i] = stats_counter(w->stats, code, stat_names[i]);
	if (map_put(&w->orgs, str_from(code), o) < 0) {
		mem_free(o);
		return NULL;
	}
	return o;
}

struct org_rt *worker_org(struct worker *w, const char *code)
{
	return map_get(&w->orgs, str_from(code));
}

static void take_conf(struct worker *w, struct conf *c)
{
	void *v;
	for (size_t i = 0; map_next(&w->orgs, &i, NULL, &v);)
		((struct org_rt *)v)->conf = NULL;
	for (size_t i = 0; i < c->n_orgs; i++) {
		struct org_rt *o = worker_org(w, c->orgs[i].code);
		o = o ? o : make_org(w, c->orgs[i].code);
		if (o)
			o->conf = &c->orgs[i];
	}
	struct conf *old = w->conf;
	w->conf = c;
	login_cache_forget(w->logins);
	tls_trust(w, c->store);
	undecrypted_forget(w);
	revocation_forget(w->revocation);
	for (size_t i = 0; map_next(&w->orgs, &i, NULL, &v);) {
		struct org_rt *o = v;
		origin_pool_sweep(o, true); /* verified under other authorities, bound to another address */
		/* A question under way isn't a change's business unless it goes elsewhere from now on: then it is asked there. */
		if (o->resolver && (!o->conf || !resolver_is(o->resolver, &o->conf->resolver, &o->conf->resolver_from)))
			resolver_close(&o->resolver);
		if (o->resolver)
			resolver_forget(o->resolver);
		listen_update(o);
	}
	conf_unref(&old);
}

static void each_conn(struct worker *w, void (*fn)(struct conn *))
{
	for (struct conn *c = w->conns, *next; c; c = next) {
		next = c->next;
		fn(c);
	}
}

/* ---- descriptors of vault, scand, userd and events ----
 *
 * Their descriptors come and go inside their libraries, and a new one often has the old one's number, which libuv
 * can't follow. So they sit in an epoll of their own, whose descriptor libuv polls. */

enum { PEER_VAULT, PEER_SCAN, PEER_USERS, PEER_EVENTS, PEERS };

static void work(struct worker *w, uint32_t which)
{
	if (which == PEER_VAULT)
		vault_async_work(w->vault);
	else if (which == PEER_SCAN)
		scan_client_work(w->scan);
	else if (which == PEER_USERS)
		users_client_work(w->users);
	else
		events_work(w->events);
}

static void set_peer(struct worker *w, uint32_t which, int fd, bool want_write)
{
	struct epoll_event e = { .events = EPOLLIN | (want_write ? EPOLLOUT : 0), .data.u32 = which };
	if (fd >= 0 && epoll_ctl(w->peers_fd, EPOLL_CTL_MOD, fd, &e) < 0 && errno == ENOENT)
		epoll_ctl(w->peers_fd, EPOLL_CTL_ADD, fd, &e);
}

static void watch_peers(struct worker *w)
{
	bool write = false;
	int fd = vault_async_fd(w->vault, &write);
	set_peer(w, PEER_VAULT, fd, write);
	write = false;
	fd = scan_client_fd(w->scan, &write);
	set_peer(w, PEER_SCAN, fd, write);
	write = false;
	fd = users_client_fd(w->users, &write);
	set_peer(w, PEER_USERS, fd, write);
	write = false;
	fd = events_fd(w->events, &write);
	set_peer(w, PEER_EVENTS, fd, write);
}

void worker_poke(struct worker *w)
{
	w->poked = true; /* looked at once at the end of this turn, however many submitted something */
}

static void ask_peers(struct worker *w)
{
	if (!w->poked)
		return;
	w->poked = false;
	work(w, PEER_VAULT);
	work(w, PEER_SCAN);
	work(w, PEER_USERS);
	watch_peers(w);
}

static void on_prepare(uv_prepare_t *h)
{
	struct worker *w = h->loop->data;
	while (w->links || w->poked) { /* either may bring the other: what was sent a request, an answer that was there already */
		link2_flush(w);
		ask_peers(w);
	}
	/* Before we sleep: what stands in the socket outlives us, what stands in the ring doesn't. */
	if (w->reported)
		events_send(w->events);
	w->reported = false;
}

static void on_peers(uv_poll_t *h, int status, int events)
{
	struct worker *w = h->loop->data;
	struct epoll_event e[PEERS];
	int n = epoll_wait(w->peers_fd, e, PEERS, 0);
	for (int i = 0; i < n; i++)
		work(w, e[i].data.u32);
	watch_peers(w);
}

/* ---- time ---- */

static void on_check(uv_check_t *h)
{
	struct worker *w = h->loop->data;
	w->now = clock_mono_ms();
}

static void on_flush(uv_timer_t *h)
{
	struct worker *w = h->loop->data;
	w->now = clock_mono_ms();
	work(w, PEER_EVENTS);
	work(w, PEER_VAULT);
	work(w, PEER_SCAN);
	work(w, PEER_USERS);
	watch_peers(w);
}

/* The counter is all threads' sum. */
static void count_on(_Atomic uint64_t *counter, uint64_t *told, uint64_t now)
{
	atomic_fetch_add_explicit(counter, now - *told, memory_order_relaxed);
	*told = now;
}

static void on_tick(uv_timer_t *h)
{
	struct worker *w = h->loop->data;
	bool second = ++w->ticks % (1000 / WORKER_TICK_MS) == 0;
	void *v;
	w->now = clock_mono_ms();
	conn_bury(w);
	each_conn(w, conn_tick);
	revocation_tick(w->revocation);
	if (w->ticks % (AGAIN_MS / WORKER_TICK_MS) == 0)
		each_conn(w, conn_check_conf);
	for (size_t i = 0; map_next(&w->orgs, &i, NULL, &v);) {
		struct org_rt *o = v;
		if (o->resolver)
			resolver_tick(o->resolver);
		if (!second)
			continue;
		origin_pool_sweep(o, false);
		listen_update(o);
	}
	if (!second)
		return;
	if (!w->generation && scan_generation_open(&w->generation, NULL) == 0 && w->generation)
		w->verdicts.generation = w->generation;
	count_on(w->stat_held, &w->held_told, w->shares.held);
	count_on(w->stat_dropped, &w->dropped_told, events_dropped(w->events));
}

/* ---- orders of the main thread ---- */

static void end_orgs(struct worker *w)
{
	void *v;
	for (size_t i = 0; map_next(&w->orgs, &i, NULL, &v);) {
		struct org_rt *o = v;
		origin_pool_sweep(o, true);
		listen_close(o);
		if (o->resolver)
			resolver_close(&o->resolver);
	}
}

static void end_conn(struct conn *c)
{
	conn_destroy(c, "Reset");
}

static void end_loop(struct worker *w)
{
	each_conn(w, end_conn);
	revocation_end(w->revocation);
	end_orgs(w);
	events_flush(w->events, 1000);
	uv_close((uv_handle_t *)&w->wake, NULL);
	uv_close((uv_handle_t *)&w->tick, NULL);
	uv_close((uv_handle_t *)&w->flush, NULL);
	uv_close((uv_handle_t *)&w->prepare, NULL);
	uv_close((uv_handle_t *)&w->check, NULL);
	uv_poll_stop(&w->peers);
	uv_close((uv_handle_t *)&w->peers, NULL);
}

static void take_index(struct worker *w, struct url_index *index)
{
	struct url_index *old = w->index;
	void *v;
	w->index = index;
	url_index_unref(&old);
	for (size_t i = 0; map_next(&w->orgs, &i, NULL, &v);)
		origin_pool_sweep(v, true); /* its addresses were judged by the old one */
	each_conn(w, conn_check_conf);
}

static void on_wake(uv_async_t *h)
{
	struct worker *w = h->loop->data;
	uint64_t order = atomic_load(&w->order);
	struct conf *conf = atomic_exchange(&w->next_conf, NULL);
	struct blocks *blocks = atomic_exchange(&w->next_blocks, NULL);
	struct url_index *index = atomic_exchange(&w->next_index, NULL);
	w->now = clock_mono_ms();
	if (atomic_load(&w->stop)) {
		conf_unref(&conf);
		blocks_unref(&blocks);
		url_index_unref(&index);
		end_loop(w);
		return;
	}
	if (conf) {
		take_conf(w, conf);
		each_conn(w, conn_check_conf);
	}
	if (blocks) {
		struct blocks *old = w->blocks;
		w->blocks = blocks;
		blocks_unref(&old);
		each_conn(w, conn_check_block);
	}
	if (index)
		take_index(w, index);
	atomic_store(&w->seen, order);
	uv_async_send(w->main_async);
}

void worker_order(struct worker *w, uint64_t order, struct conf *conf, struct blocks *blocks, struct url_index *index)
{
	if (index) {
		struct url_index *missed = atomic_exchange(&w->next_index, url_index_ref(index));
		url_index_unref(&missed);
	}
	if (conf) {
		struct conf *missed = atomic_exchange(&w->next_conf, conf_ref(conf));
		conf_unref(&missed);
	}
	if (blocks) {
		struct blocks *missed = atomic_exchange(&w->next_blocks, blocks_ref(blocks));
		blocks_unref(&missed);
	}
	atomic_store(&w->order, order);
	uv_async_send(&w->wake);
}

/* ---- life ---- */

static int open_peers(struct worker *w, struct err *err)
{
	int r = scan_client_open(NULL, 4096, &w->scan, err);
	r = r < 0 ? r : users_client_open(NULL, &w->users, err);
	r = r < 0 ? r : vault_async_open(NULL, 10000, &w->vault, err);
	if (r < 0)
		return r;
	w->peers_fd = epoll_create1(EPOLL_CLOEXEC);
	if (w->peers_fd < 0 || uv_poll_init(&w->loop, &w->peers, w->peers_fd) != 0)
		return err_errno(err, "", "cannot poll");
	scan_generation_open(&w->generation, NULL);
	if (leaf_cache_create(w, &w->leaves) < 0 || login_cache_create(&w->logins) < 0 || revocation_create(w, &w->revocation) < 0 ||
	    verdict_cache_init(&w->verdicts, VERDICT_CACHE, VERDICT_AGE_MS, w->generation) < 0)
		return err_set(err, E_NOMEM, "", "no memory");
	return 0;
}

static int start_handles(struct worker *w)
{
	return uv_async_init(&w->loop, &w->wake, on_wake) | uv_timer_init(&w->loop, &w->tick) |
	       uv_timer_init(&w->loop, &w->flush) | uv_prepare_init(&w->loop, &w->prepare) |
	       uv_check_init(&w->loop, &w->check) | uv_timer_start(&w->tick, on_tick, WORKER_TICK_MS, WORKER_TICK_MS) |
	       uv_timer_start(&w->flush, on_flush, WORKER_FLUSH_MS, WORKER_FLUSH_MS) |
	       uv_prepare_start(&w->prepare, on_prepare) | uv_check_start(&w->check, on_check) |
	       uv_poll_start(&w->peers, UV_READABLE, on_peers);
}

int worker_create(const struct worker_opts *o, struct worker **ret, struct err *err)
{
	struct worker *w = mem_alloc(sizeof *w);
	if (!w)
		return err_set(err, E_NOMEM, "", "no memory");
	w->id = o->id;
	w->stats = o->stats;
	w->main_async = o->main_async;
	w->leaf_key = o->leaf_key;
	w->now = clock_mono_ms();
	map_init(&w->orgs, CONF_MAX_ORGS * 4);
	map_init(&w->terminals, 1 << 20);
	map_init(&w->verified, UNDECRYPTED_MAX);
	shares_init(&w->shares);
	mirror_init(&w->mirror);
	buf_init(&w->json, EVENTS_MAX / 2);
	unsigned char *spki = NULL;
	int n = i2d_PUBKEY(w->leaf_key, &spki);
	w->rbuf = mem_alloc(WORKER_READ);
	w->tmp = mem_alloc(WORKER_READ);
	w->h2_in = mem_alloc(H2_OUT);
	w->h2_out = mem_alloc(H2_OUT);
	w->stat_held = stats_counter(w->stats, "", "held_bytes");
	w->stat_dropped = stats_counter(w->stats, "", "events_dropped");
	if (n <= 0 || !w->rbuf || !w->tmp || !w->h2_in || !w->h2_out || uv_loop_init(&w->loop) != 0 || chan_thread_init(&w->chan, &w->loop) < 0)
		return err_set(err, E_NOMEM, "", "no memory for a thread");
	w->leaf_spki = (struct str){ (char *)spki, (size_t)n };
	w->loop.data = w;
	int r = tls_contexts(w, err);
	r = r < 0 ? r : open_peers(w, err);
	if (r == 0 && start_handles(w) != 0)
		r = err_set(err, E_IO, "", "no event loop");
	if (r < 0)
		return r; /* the process ends on this */
	w->events = o->events;
	w->index = url_index_ref(o->index);
	take_conf(w, conf_ref(o->conf));
	*ret = w;
	return 0;
}

static void *run(void *user)
{
	struct worker *w = user;
	uv_run(&w->loop, UV_RUN_DEFAULT);
	return NULL;
}

int worker_start(struct worker *w, struct err *err)
{
	w->blocks = atomic_exchange(&w->next_blocks, NULL);
	w->started = pthread_create(&w->thread, NULL, run, w) == 0;
	return w->started ? 0 : err_set(err, E_IO, "", "cannot start a thread");
}

static void free_all(struct worker *w)
{
	void *v;
	for (size_t i = 0; map_next(&w->orgs, &i, NULL, &v);) {
		map_done(&((struct org_rt *)v)->pool);
		mem_free(v);
	}
	conn_bury(w);
	map_done(&w->orgs);
	map_done(&w->terminals);
	map_done(&w->verified);
	shares_done(&w->shares);
	while (w->spare) {
		struct txn *t = w->spare;
		w->spare = t->next_spare;
		txn_free(t);
	}
	leaf_cache_destroy(&w->leaves);
	revocation_destroy(&w->revocation);
	vault_async_close(&w->vault);
	scan_client_close(&w->scan);
	users_client_close(&w->users);
	login_cache_destroy(&w->logins);
	events_close(&w->events);
	verdict_cache_done(&w->verdicts);
	tls_trust(w, NULL);
	SSL_CTX_free(w->client_ctx);
	SSL_CTX_free(w->origin_ctx);
	OPENSSL_free((void *)(uintptr_t)w->leaf_spki.ptr);
	chan_thread_done(&w->chan);
	close(w->peers_fd);
	conf_unref(&w->conf);
	blocks_unref(&w->blocks);
	url_index_unref(&w->index);
	buf_done(&w->json);
	mem_free(w->rbuf);
	mem_free(w->tmp);
	mem_free(w->h2_in);
	mem_free(w->h2_out);
}

void worker_halt(struct worker *w)
{
	atomic_store(&w->stop, true);
	uv_async_send(&w->wake);
}

void worker_stop(struct worker **p)
{
	struct worker *w = *p;
	*p = NULL;
	if (!w)
		return;
	worker_halt(w);
	if (!w->started) /* its loop ends in it */
		return;
	pthread_join(w->thread, NULL);
	uv_loop_close(&w->loop);
	free_all(w);
	mem_free(w);
}
