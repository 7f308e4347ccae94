/* toride-intaked: what happens on the node → sealed segments. One thread, one loop: nflog, events.sock, dnstap.sock and eve.sock in,
 * the spool out. Commits 20 ms after the first record that waits, so that a burst shares one sync. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "intake/dnstap.h"
#include "intake/eve.h"
#include "intake/netlink.h"
#include "intake/server.h"
#include "intake/tail.h"
#include "jail/jail.h"
#include "normalise/edge.h"
#include "segment/hold.h"
#include "vault/vault_client.h"
#include "wire/daemon.h"
#include "wire/place.h"
#include "wire/sock.h"

#include <signal.h>
#include <stdio.h>

#define COMMIT_MS 20
#define REST_MS 10                     /* of a sender; within the wait for a commit */
#define COMMIT_BYTES (1024 * 1024)     /* no waiting beyond this */
#define NFLOG_BYTES (16u * 1024 * 1024) /* with more than this waiting, packets wait in the kernel */
#define NFLOG_TURN 32                  /* datagrams a turn, so that senders get theirs */
#define TAIL_MS 100                    /* how often the public sites' files are looked at */
#define TAIL_TURN 2000                 /* lines a look, each file */
#define RETRY_MS 1000                  /* after a failed commit */
#define VAULT_MS 1000

struct intaked {
	struct daemon d;
	uv_loop_t loop;
	uv_poll_t nflog, links_poll;
	uv_timer_t commit, second, look;
	uv_signal_t hup, term, intr;
	struct vault *vault;
	struct orgs *orgs;
	struct spool *spool;
	struct intake_server *server;
	struct dnstap_server *dnstap;
	struct eve_server *eve;
	struct links *links;
	struct tail *access, *waf; /* the public sites' records */
	struct nflog_feed feed, told;
	int nflog_fd;
	bool nflog_held, committing, retry;
	_Atomic uint64_t *packets, *drops, *bad, *refused, *web, *web_bad;
};

static int key(const char *org, const char *series, uint32_t number, unsigned char ret[SEGMENT_KEY], void *user,
               struct err *err)
{
	struct intaked *t = user;
	return vault_segkey(t->vault, org, series, number, ret, err);
}

static int seal(struct str message, unsigned char ret_sig[SEGMENT_SIGNATURE], unsigned char ret_pub[32], void *user,
                struct err *err)
{
	struct intaked *t = user;
	return vault_seal(t->vault, message, ret_sig, ret_pub, err);
}

static int read_config(struct intaked *t, struct err *err)
{
	struct buf b;
	struct orgs *fresh = NULL;
	buf_init(&b, 64 * MIB);
	int r = daemon_config(&t->d, &b, err);
	if (r == 0)
		r = orgs_parse(buf_view(&b), &fresh, err);
	buf_done(&b);
	if (r < 0)
		return r;
	if (t->spool)
		spool_orgs(t->spool, fresh);
	if (t->dnstap)
		dnstap_server_orgs(t->dnstap, fresh);
	if (t->eve)
		eve_server_orgs(t->eve, fresh);
	orgs_destroy(&t->orgs);
	t->orgs = fresh;
	return 0;
}

/* ---- in ---- */

static void commit_due(uv_timer_t *timer);

static void arm_commit(struct intaked *t)
{
	if (t->committing || spool_pending(t->spool) == 0)
		return;
	t->committing = true;
	uv_timer_start(&t->commit, commit_due, t->retry ? RETRY_MS : COMMIT_MS, 0);
}

static void packet(const struct nflog_packet *p, void *user)
{
	struct intaked *t = user;
	struct nflog_place where = { t->orgs, links_name, t->links, clock_now_ms() };
	struct buf b;
	buf_init(&b, 8 * KIB);
	const char *org = nflog_event(p, &where, &b);
	if (b.failed || spool_put(t->spool, str_from(org), buf_view(&b), NULL, NULL) < 0)
		stats_add(t->refused, 1);
	buf_done(&b);
}

/* status < 0: the kernel had more than the socket holds (ENOBUFS). libuv has stopped looking, which would be for good; the loss is counted below. */
static void packets_ready(uv_poll_t *h, int status, int events)
{
	struct intaked *t = h->data;
	(void)events;
	if (status < 0)
		uv_poll_start(h, UV_READABLE, packets_ready);
	links_work(t->links); /* a packet may come in by an interface that is a millisecond old */
	if (nflog_read(t->nflog_fd, &t->feed, NFLOG_TURN, packet, t) < 0)
		log_warn("", "nflog", "cannot read");
	if (spool_pending(t->spool) > NFLOG_BYTES) {
		t->nflog_held = true;
		uv_poll_stop(&t->nflog);
	}
	arm_commit(t);
}

static void links_ready(uv_poll_t *h, int status, int events)
{
	struct intaked *t = h->data;
	(void)events;
	if (status < 0) /* as above */
		uv_poll_start(h, UV_READABLE, links_ready);
	links_work(t->links);
}

/* ---- the public sites' files ---- */

typedef const char *(*edge_event)(struct str line, const struct orgs *orgs, struct buf *b);

static bool edge_line(struct intaked *t, struct str line, edge_event make)
{
	struct buf b;
	if (spool_pending(t->spool) > NFLOG_BYTES)
		return false;
	buf_init(&b, 2 * EDGE_LINE);
	const char *org = make(line, t->orgs, &b);
	bool ok = org && !b.failed;
	int r = ok ? spool_put(t->spool, str_from(org), buf_view(&b), NULL, NULL) : 0;
	buf_done(&b);
	if (r == -E_LIMIT)
		return false;
	stats_add(ok && r == 0 ? t->web : t->web_bad, 1);
	return true;
}

static bool access_line(struct str line, void *user)
{
	return edge_line(user, line, edge_access_event);
}

static bool waf_line(struct str line, void *user)
{
	return edge_line(user, line, edge_waf_event);
}

static void look(uv_timer_t *timer)
{
	struct intaked *t = timer->data;
	tail_work(t->access, TAIL_TURN, access_line, t);
	tail_work(t->waf, TAIL_TURN, waf_line, t);
	arm_commit(t);
}

/* ---- out ---- */

static void committed(struct intaked *t)
{
	intake_server_committed(t->server);
	dnstap_server_committed(t->dnstap);
	eve_server_committed(t->eve);
	tail_committed(t->access);
	tail_committed(t->waf);
}

static void commit_now(struct intaked *t)
{
	struct err err;
	int r = spool_commit(t->spool, &err);
	t->retry = r < 0;
	if (r < 0)
		return; /* said by the spool */
	committed(t);
	if (t->nflog_held) {
		t->nflog_held = false;
		uv_poll_start(&t->nflog, UV_READABLE, packets_ready);
	}
}

static void commit_due(uv_timer_t *timer)
{
	struct intaked *t = timer->data;
	t->committing = false;
	commit_now(t);
	arm_commit(t);
}

/* libuv calls this before it waits: senders' records were put by the server, which knows no timer. */
static void before_wait(uv_prepare_t *h)
{
	struct intaked *t = h->data;
	if (!t->retry && spool_pending(t->spool) > COMMIT_BYTES)
		commit_now(t);
	arm_commit(t);
}

static void tell_losses(struct intaked *t)
{
	stats_set(t->packets, t->feed.packets);
	stats_set(t->drops, t->feed.lost);
	stats_set(t->bad, t->feed.bad);
	if (t->feed.lost > t->told.lost || t->feed.overruns > t->told.overruns)
		spool_alarm(t->spool, "the kernel dropped %llu logged packets (%llu overruns): denials in this time are incomplete",
		            (unsigned long long)(t->feed.lost - t->told.lost),
		            (unsigned long long)(t->feed.overruns - t->told.overruns));
	t->told = t->feed;
}

static void every_second(uv_timer_t *timer)
{
	struct intaked *t = timer->data;
	struct err err = { 0 };
	static int64_t said_ms;
	tell_losses(t);
	if (spool_second(t->spool, &err) < 0 && clock_mono_ms() - said_ms > 10000) {
		said_ms = clock_mono_ms();
		log_err(LOG_LEVEL_WARN, "", "checkpoint", &err);
	}
	if (spool_pending(t->spool) == 0) { /* the checkpoint committed what was there, and held senders go on */
		t->retry = false;
		committed(t);
	}
	intake_server_tick(t->server);
	dnstap_server_tick(t->dnstap);
}

static void reload(uv_signal_t *h, int number)
{
	struct intaked *t = h->data;
	struct err err = { 0 };
	(void)number;
	if (read_config(t, &err) == 0) {
		daemon_ready(&t->d);
		log_info("", "intaked", "now of generation %s", t->d.digest);
		return;
	}
	log_err(LOG_LEVEL_ERROR, "", "intaked.json", &err);
	spool_alarm(t->spool, "the new generation can't be read, the old one stays in force: %.200s", err.msg);
}

static void stop(uv_signal_t *h, int number)
{
	(void)number;
	uv_stop(h->loop);
}

/* ---- start ---- */

struct listeners {
	int events, dnstap, eve;
};

static int open_all(struct intaked *t, struct listeners *ret, struct err *err)
{
	static const uint16_t groups[] = { 1, 2 };
	char path[PLACE_MAX];
	int r = read_config(t, err);
	if (r == 0)
		r = tail_open(place_in_state(path, sizeof path, "edge/log/access"), EDGE_LINE, &t->access, err);
	if (r == 0)
		r = tail_open(place_in_state(path, sizeof path, "edge/log/waf"), EDGE_LINE, &t->waf, err);
	if (r == 0)
		r = links_open(&t->links, err);
	if (r == 0)
		r = nflog_open(groups, ARRAY_LEN(groups), &t->nflog_fd, err);
	if (r == 0)
		r = sock_listen(place_in_run(path, sizeof path, SOCK_EVENTS), 0666, &ret->events, err);
	if (r == 0)
		r = sock_listen(place_in_run(path, sizeof path, SOCK_DNSTAP), 0666, &ret->dnstap, err);
	if (r == 0)
		r = sock_listen(place_in_run(path, sizeof path, SOCK_EVE), 0666, &ret->eve, err);
	if (r == 0)
		r = vault_open(NULL, VAULT_MS, &t->vault, err);
	return r;
}

/* At start the vault may be a moment later than we are; without keys nothing can be recovered. */
static int wait_for_vault(struct intaked *t, struct err *err)
{
	unsigned char pub[32];
	struct buf pem;
	int r = -E_TIMEOUT;
	buf_init(&pem, 64 * KIB);
	for (int i = 0; i < 50 && r < 0; i++) {
		buf_reset(&pem);
		r = vault_public(t->vault, &pem, pub, err);
		if (r < 0)
			uv_sleep(200);
	}
	buf_done(&pem);
	return r;
}

static int open_spool(struct intaked *t, struct err *err)
{
	static char segments[PLACE_MAX], state[PLACE_MAX], holds[PLACE_MAX];
	place_in_state(holds, sizeof holds, "holds");
	place_in_state(segments, sizeof segments, "segments");
	place_in_state(state, sizeof state, "intake");
	struct spool_opts o = { segments, state, holds, key, seal, t, t->orgs, t->d.stats, hold_unheard_ms(), spool_aside };
	return spool_open(&o, &t->spool, err);
}

static void counters(struct intaked *t)
{
	t->packets = stats_counter(t->d.stats, "", "nflog_packets");
	t->drops = stats_counter(t->d.stats, "", "nflog_drops");
	t->bad = stats_counter(t->d.stats, "", "nflog_bad");
	t->refused = stats_counter(t->d.stats, "", "nflog_refused");
	t->web = stats_counter(t->d.stats, "", "edge_records");
	t->web_bad = stats_counter(t->d.stats, "", "edge_bad");
}

static int start_loop(struct intaked *t, uv_prepare_t *prepare, const struct listeners *l, struct err *err)
{
	struct intake_server_opts o = { &t->loop, t->spool, t->d.stats, l->events, intake_allowed, 0, 0, REST_MS };
	struct dnstap_server_opts d = { &t->loop, t->spool, t->d.stats, t->orgs, l->dnstap, dnstap_allowed };
	int r = intake_server_start(&o, &t->server, err);
	if (r == 0)
		r = dnstap_server_start(&d, &t->dnstap, err);
	if (r == 0)
		r = eve_server_start(&(struct eve_server_opts){ &t->loop, t->spool, t->d.stats, t->orgs, l->eve, eve_allowed }, &t->eve, err);
	if (r < 0)
		return r;
	if (uv_timer_init(&t->loop, &t->commit) < 0 || uv_timer_init(&t->loop, &t->second) < 0 || uv_timer_init(&t->loop, &t->look) < 0 ||
	    uv_poll_init(&t->loop, &t->nflog, t->nflog_fd) < 0 || uv_poll_init(&t->loop, &t->links_poll, links_fd(t->links)) < 0 ||
	    uv_signal_init(&t->loop, &t->hup) < 0 || uv_signal_init(&t->loop, &t->term) < 0 ||
	    uv_signal_init(&t->loop, &t->intr) < 0 || uv_prepare_init(&t->loop, prepare) < 0)
		return err_set(err, E_IO, "", "cannot set up the event loop");
	t->look.data = t;
	uv_timer_start(&t->look, look, TAIL_MS, TAIL_MS);
	t->commit.data = t->second.data = t->nflog.data = t->links_poll.data = t->hup.data = prepare->data = t;
	uv_timer_start(&t->second, every_second, 1000, 1000);
	uv_prepare_start(prepare, before_wait);
	uv_signal_start(&t->hup, reload, SIGHUP);
	uv_signal_start(&t->term, stop, SIGTERM);
	uv_signal_start(&t->intr, stop, SIGINT);
	if (uv_poll_start(&t->nflog, UV_READABLE, packets_ready) < 0 || uv_poll_start(&t->links_poll, UV_READABLE, links_ready) < 0)
		return err_set(err, E_IO, "", "cannot poll netlink");
	return 0;
}

int main(void)
{
	static struct intaked t;
	static uv_prepare_t prepare;
	struct err err = { 0 };
	struct listeners listeners = { -1, -1, -1 };
	jail_install();
	int r = daemon_begin("intaked", &t.d, &err);
	if (r == 0)
		r = open_all(&t, &listeners, &err);
	if (r == 0 && uv_loop_init(&t.loop) < 0)
		r = err_set(&err, E_IO, "", "cannot make an event loop");
	if (r == 0)
		r = daemon_confine(&t.d, &err);
	if (r == 0)
		r = wait_for_vault(&t, &err);
	if (r == 0)
		r = open_spool(&t, &err);
	if (r == 0) {
		counters(&t);
		r = start_loop(&t, &prepare, &listeners, &err);
	}
	if (r < 0) {
		log_err(LOG_LEVEL_ERROR, "", "intaked", &err);
		return 1;
	}
	daemon_ready(&t.d);
	log_info("", "intaked", "ready: %zu organisations", orgs_count(t.orgs));
	uv_run(&t.loop, UV_RUN_DEFAULT);
	dnstap_server_stop(&t.dnstap); /* tells the questions that wait for their answers */
	eve_server_stop(&t.eve);
	spool_close(&t.spool);
	tail_close(&t.access);
	tail_close(&t.waf);
	return 0;
}
