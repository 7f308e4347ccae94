/* toride-proxyd's main thread: it owns the snapshots and hands them to the threads; see server.h. It touches no traffic.
 * An order (a generation, a block table) is answered when every thread has it in force. */
#include "proxy/server.h"

#include "proxy/conn.h"
#include "proxy/ends.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/h2.h"
#include "jail/jail.h"
#include "wire/cursor.h"
#include "wire/daemon.h"
#include "wire/place.h"
#include "wire/sock.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define PEERS_MAX 8
#define LISTS_MS 250 /* how often a new URL index is looked for */
#define EVENTS_RING (16 * MIB) /* of a thread */
#define LOOK_MS 5000 /* how often what ends by the clock is looked at */
#define TABLE_MS 20000 /* so long the first table is waited for */
#define SYSTEM_CA "/etc/ssl/certs/ca-certificates.crt"

struct server;

struct peer {
	uv_pipe_t pipe;
	struct server *s;
	struct buf in;
	uint64_t waits; /* the order whose end is told */
	bool ended;     /* it says no more, but may wait for its answer */
	char room[65536];
};

struct server {
	uv_loop_t loop;
	uv_async_t seen;
	uv_signal_t hup, term, stop;
	uv_timer_t slow, lists, table;
	uv_pipe_t listener;
	struct daemon d;
	struct conf *conf;
	struct blocks *blocks;
	struct url_index *index; /* NULL until there is one */
	char index_path[PLACE_MAX];
	struct stat index_seen;  /* the file looked at last, good or bad */
	STACK_OF(X509) *system_ca;
	EVP_PKEY *key;
	struct events *events;   /* of what concerns no request */
	struct events *rings[CONF_MAX_THREADS]; /* a thread's, until it has it; those of threads there were once stay */
	struct ends ends;
	struct worker *workers[CONF_MAX_THREADS];
	unsigned n;
	bool serving; /* not before the first table */
	int result;   /* of the whole */
	struct err *err;
	uint64_t order, ready_at; /* ready_at: daemon_ready() is due when this order is in force */
	struct peer *peers[PEERS_MAX];
};

/* ---- configuration ---- */

static STACK_OF(X509) *read_system_ca(void)
{
	STACK_OF(X509) *sk = sk_X509_new_null();
	BIO *b = BIO_new_file(SYSTEM_CA, "r");
	X509 *x;
	while (sk && b && (x = PEM_read_bio_X509(b, NULL, NULL, NULL)))
		sk_X509_push(sk, x);
	BIO_free(b);
	ERR_clear_error();
	return sk;
}

static int read_conf(struct server *s, struct conf **ret, struct err *err)
{
	struct buf b;
	buf_init(&b, CONF_MAX_JSON);
	int r = daemon_config(&s->d, &b, err);
	r = r < 0 ? r : conf_parse(buf_view(&b), s->system_ca, ret, err);
	if (r == 0)
		snprintf((*ret)->digest, sizeof (*ret)->digest, "%s", s->d.digest);
	if (r == 0 && (*ret)->categories && !s->index)
		log_warn("", s->index_path, "rules name categories, but there is no URL index: they hold for no list's entry until there is");
	buf_done(&b);
	return r;
}

static void give(struct server *s, struct conf *conf, struct blocks *blocks, struct url_index *index)
{
	s->order++;
	for (unsigned i = 0; i < s->n; i++)
		worker_order(s->workers[i], s->order, conf, blocks, index);
}

static void tell_end(const char *org, const char *message, void *user)
{
	struct server *s = user;
	events_app(s->events, str_from(org), "proxyd", "decrypt_exceptions", "Alarm", message);
	log_warn(org, "decrypt_exceptions", "%s", message);
}

static void look_at_ends(struct server *s)
{
	ends_look(&s->ends, s->conf, clock_now_ms(), tell_end, s);
}

static void on_hup(uv_signal_t *h, int number)
{
	struct server *s = h->data;
	struct conf *c = NULL;
	struct err err = { 0 };
	if (read_conf(s, &c, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "proxyd.json", &err);
		return;
	}
	if (c->threads != s->conf->threads)
		log_warn("", "threads", "the number of threads changes at the next start");
	conf_unref(&s->conf);
	s->conf = c;
	give(s, c, NULL, NULL);
	s->ready_at = s->order;
	look_at_ends(s);
	log_info("", s->d.digest, "generation read");
}

/* ---- the URL index ---- */

/* `toride url import` puts a new file in the old one's place by rename: another inode. A file that is no index, or gone,
 * leaves the last good one in force; what it denied stays denied. */
static void look_for_index(struct server *s)
{
	struct stat st;
	struct url_index *x = NULL;
	struct url_index_info info;
	struct err err = { 0 };
	if (stat(s->index_path, &st) < 0 || (st.st_ino == s->index_seen.st_ino && st.st_size == s->index_seen.st_size &&
	                                     memcmp(&st.st_mtim, &s->index_seen.st_mtim, sizeof st.st_mtim) == 0))
		return;
	s->index_seen = st;
	if (url_index_open(s->index_path, &x, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "the URL index isn't taken", &err);
		return;
	}
	url_index_info(x, &info);
	log_info("", s->index_path, "URL index of %llu entries", (unsigned long long)info.entries);
	url_index_unref(&s->index);
	s->index = x;
	give(s, NULL, NULL, x);
}

static void on_lists(uv_timer_t *h)
{
	struct server *s = h->data;
	look_for_index(s);
	events_work(s->events);
}

/* ---- the block table ---- */

static void peer_closed(uv_handle_t *h)
{
	struct peer *p = h->data;
	buf_done(&p->in);
	mem_free(p);
}

static void peer_drop(struct peer *p)
{
	for (int i = 0; i < PEERS_MAX; i++)
		if (p->s->peers[i] == p)
			p->s->peers[i] = NULL;
	if (!uv_is_closing((uv_handle_t *)&p->pipe))
		uv_close((uv_handle_t *)&p->pipe, peer_closed);
}

static void answer(struct peer *p, uint8_t code)
{
	char msg[5] = { 0, 0, 0, 1, (char)code };
	uv_buf_t b = uv_buf_init(msg, sizeof msg);
	p->waits = 0;
	if (uv_try_write((uv_stream_t *)&p->pipe, &b, 1) != (int)sizeof msg || p->ended)
		peer_drop(p);
}

/* The threads begin: with the first table, since a block holds also while a proxy that died starts again. Until then connections
 * wait in the kernel. */
static void serve(struct server *s)
{
	int r = 0;
	for (unsigned i = 0; r == 0 && i < s->n; i++)
		r = worker_start(s->workers[i], s->err);
	s->serving = r == 0;
	s->result = r;
	if (r < 0)
		uv_stop(&s->loop);
}

static void on_no_table(uv_timer_t *t)
{
	struct server *s = t->data;
	if (s->serving)
		return;
	s->result = err_set(s->err, E_TIMEOUT, SOCK_PROXY, "nobody says what is blocked");
	uv_stop(&s->loop);
}

/* One message is whole: the table. */
static void take_table(struct peer *p, struct str msg)
{
	struct server *s = p->s;
	struct blocks *b = NULL;
	int r = blocks_parse(msg.ptr, msg.len, &b);
	if (r < 0) {
		log_error("", "proxy.sock", "block table refused: %s", err_name(r));
		answer(p, (uint8_t)-r);
		return;
	}
	log_info("", "proxy.sock", "block table of %zu entries", b->n);
	blocks_unref(&s->blocks);
	s->blocks = b;
	give(s, NULL, b, NULL);
	p->waits = s->order;
	if (!s->serving)
		serve(s);
}

static void take_messages(struct peer *p)
{
	while (p->in.len >= 4 && !p->waits) {
		struct rd r = rd_from(p->in.ptr, p->in.len);
		uint32_t n = rd_u32(&r);
		if (n > BLOCKS_MAX_MESSAGE) {
			peer_drop(p);
			return;
		}
		if (p->in.len - 4 < n)
			return;
		take_table(p, (struct str){ p->in.ptr + 4, n });
		buf_drop(&p->in, 4 + (size_t)n);
	}
}

static void on_room(uv_handle_t *h, size_t want, uv_buf_t *b)
{
	struct peer *p = h->data;
	*b = uv_buf_init(p->room, sizeof p->room);
}

static void on_bytes(uv_stream_t *h, ssize_t n, const uv_buf_t *b)
{
	struct peer *p = h->data;
	if (n > 0)
		buf_put(&p->in, b->base, (size_t)n);
	if (n == UV_EOF && p->waits) {
		p->ended = true;
		uv_read_stop(h);
	} else if (n < 0 || p->in.failed) {
		peer_drop(p);
	} else {
		take_messages(p);
	}
}

static void on_peer(uv_stream_t *h, int status)
{
	struct server *s = h->data;
	struct peer *p = mem_alloc(sizeof *p);
	uid_t uid;
	int fd, slot = 0;
	if (!p)
		return;
	uv_pipe_init(&s->loop, &p->pipe, 0);
	p->s = s;
	p->pipe.data = p;
	buf_init(&p->in, BLOCKS_MAX_MESSAGE + 65536);
	while (slot < PEERS_MAX && s->peers[slot])
		slot++;
	if (uv_accept(h, (uv_stream_t *)&p->pipe) != 0 || slot == PEERS_MAX || uv_fileno((uv_handle_t *)&p->pipe, &fd) != 0 ||
	    sock_peer(fd, NULL, &uid) < 0 || (uid != geteuid() && !jail_peer_allowed(SOCK_PROXY, uid))) {
		peer_drop(p);
		return;
	}
	s->peers[slot] = p;
	uv_read_start((uv_stream_t *)&p->pipe, on_room, on_bytes);
}

/* A thread has taken an order: who waits for the slowest? */
static void on_seen(uv_async_t *h)
{
	struct server *s = h->data;
	uint64_t least = s->order;
	for (unsigned i = 0; i < s->n; i++) {
		uint64_t seen = atomic_load(&s->workers[i]->seen);
		least = seen < least ? seen : least;
	}
	for (int i = 0; i < PEERS_MAX; i++) {
		struct peer *p = s->peers[i];
		if (p && p->waits && p->waits <= least) {
			answer(p, 0);
			if (s->peers[i])
				take_messages(p);
		}
	}
	if (s->ready_at && s->ready_at <= least) {
		s->ready_at = 0;
		daemon_ready(&s->d);
	}
}

/* ---- life ---- */

static void on_stop(uv_signal_t *h, int number)
{
	uv_stop(h->loop);
}

static void on_slow(uv_timer_t *h)
{
	struct server *s = h->data;
	tls_tickets_rotate(clock_mono_ms());
	look_at_ends(s);
	for (unsigned i = 0; i < CONF_MAX_THREADS; i++)
		if (s->rings[i])
			events_work(s->rings[i]);
}

static int open_listener(struct server *s, struct err *err)
{
	char path[PLACE_MAX];
	int fd = -1;
	int r = sock_listen(place_in_run(path, sizeof path, SOCK_PROXY), 0600, &fd, err);
	if (r < 0)
		return r;
	s->listener.data = s;
	if (uv_pipe_init(&s->loop, &s->listener, 0) != 0 || uv_pipe_open(&s->listener, fd) != 0 ||
	    uv_listen((uv_stream_t *)&s->listener, 8, on_peer) != 0)
		return err_set(err, E_IO, path, "cannot listen");
	s->listener.data = s;
	return 0;
}

static void open_signals(struct server *s)
{
	s->seen.data = s->hup.data = s->term.data = s->stop.data = s;
	uv_signal_init(&s->loop, &s->hup);
	uv_signal_init(&s->loop, &s->term);
	uv_signal_init(&s->loop, &s->stop);
	uv_signal_start(&s->hup, on_hup, SIGHUP);
	uv_signal_start(&s->term, on_stop, SIGTERM);
	uv_signal_start(&s->stop, on_stop, SIGINT);
	s->slow.data = s;
	uv_timer_init(&s->loop, &s->slow);
	uv_timer_start(&s->slow, on_slow, LOOK_MS, LOOK_MS);
	s->lists.data = s;
	uv_timer_init(&s->loop, &s->lists);
	uv_timer_start(&s->lists, on_lists, LISTS_MS, LISTS_MS);
	s->table.data = s;
	uv_timer_init(&s->loop, &s->table);
	uv_timer_start(&s->table, on_no_table, TABLE_MS, 0);
}

/* What a thread answered is on record though we are killed the moment after: its events wait in a file, and whoever comes
 * next hands them over. A file that can't be had is worth a warning: pages go on. */
static int open_ring(struct server *s, unsigned i, struct err *err)
{
	char source[32], path[PLACE_MAX];
	snprintf(source, sizeof source, "proxyd/%u", i);
	place_in_run(path, sizeof path, "proxyd/events-%u", i);
	if (i >= s->conf->threads && !fs_exists(path))
		return 0;
	int r = events_open_kept(source, path, EVENTS_RING, &s->rings[i], err);
	if (r == 0 || i >= s->conf->threads)
		return 0;
	log_warn("", path, "%s: events wait in memory alone", err->msg);
	return events_open(source, EVENTS_RING, &s->rings[i], err);
}

static int open_rings(struct server *s, struct err *err)
{
	char dir[PLACE_MAX];
	int r = 0;
	if (!fs_exists(place_in_run(dir, sizeof dir, "proxyd"))) /* started by hand */
		fs_mkdirs(dir, 0700, NULL);
	for (unsigned i = 0; i < CONF_MAX_THREADS && r == 0; i++)
		r = open_ring(s, i, err);
	return r;
}

static int open_all(struct server *s, struct err *err)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (chan_global_init() < 0 || h2_global_init() < 0 || leaf_key_create(&s->key) < 0 || grant_init() < 0 || tls_tickets_init() < 0)
		return err_set(err, E_NOMEM, "", "OpenSSL can't begin");
	s->system_ca = read_system_ca();
	ends_init(&s->ends);
	place_in_state(s->index_path, sizeof s->index_path, "feeds/url/" URL_INDEX_FILE);
	look_for_index(s);
	int r = read_conf(s, &s->conf, err);
	r = r < 0 ? r : events_open("proxyd/main", 256 * KIB, &s->events, err);
	r = r < 0 ? r : open_rings(s, err);
	if (r < 0)
		return r;
	if (uv_loop_init(&s->loop) != 0 || uv_async_init(&s->loop, &s->seen, on_seen) != 0)
		return err_set(err, E_IO, "", "no event loop");
	s->seen.data = s;
	r = open_listener(s, err);
	if (r < 0)
		return r;
	open_signals(s);
	return daemon_confine(&s->d, err);
}

static int create_workers(struct server *s, struct err *err)
{
	for (unsigned i = 0; i < s->conf->threads; i++) {
		const struct worker_opts o = { i, s->conf, s->index, s->rings[i], s->d.stats, s->key, &s->seen };
		int r = worker_create(&o, &s->workers[i], err);
		if (r < 0)
			return r;
		s->rings[i] = NULL;
		s->n++;
	}
	return 0;
}

int server_run(struct err *err)
{
	static struct server s;
	jail_install();
	int r = daemon_begin("proxyd", &s.d, err);
	r = r < 0 ? r : open_all(&s, err);
	r = r < 0 ? r : create_workers(&s, err);
	if (r < 0)
		return r;
	s.err = err;
	if (s.conf->dev) {
		log_warn("", "dev", "development mode: loopback destinations are reachable, and no table of blocks is waited for");
		serve(&s);
	}
	daemon_ready(&s.d);
	uv_run(&s.loop, UV_RUN_DEFAULT);
	for (unsigned i = 0; i < s.n; i++)
		worker_halt(s.workers[i]);
	for (unsigned i = 0; i < s.n; i++)
		worker_stop(&s.workers[i]);
	events_close(&s.events);
	for (unsigned i = 0; i < CONF_MAX_THREADS; i++)
		events_close(&s.rings[i]);
	ends_done(&s.ends);
	conf_unref(&s.conf);
	blocks_unref(&s.blocks);
	url_index_unref(&s.index);
	EVP_PKEY_free(s.key);
	sk_X509_pop_free(s.system_ca, X509_free);
	stats_close(&s.d.stats);
	return s.result;
}
