/* toride-respondd: incidents, clocks, notices, block orders. Reads findings (RUN/findings.sock) and requests
 * (RUN/respond.sock), keeps its state in PostgreSQL, speaks SMTP to one relay and binary orders to torided. It parses
 * no log and starts without its database: it waits for it. One loop, one thread. */
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "jail/jail.h"
#include "detect/indicators.h"
#include "respond/asker.h"
#include "respond/block.h"
#include "respond/desk.h"
#include "respond/respond.h"
#include "respond/notify.h"
#include "respond/orders.h"
#include "respond/smtp.h"
#include "respond/watch.h"
#include "wire/ctl.h"
#include "wire/daemon.h"
#include "wire/events.h"
#include "wire/place.h"

#include <signal.h>
#include <stdlib.h>
#include <uv.h>

#define TICK_MS 100
#define STORED_MS 300000
#define COURIER_MS 30000 /* longer than it waits for a gateway */
#define EVENTS_RING (4 * MIB)

struct respondd {
	struct daemon d;
	struct respond r;
	uv_loop_t loop;
	uv_timer_t work, tick;
	uv_signal_t hup, term, intr;
	struct watch *watch;
	struct ctl_server *ctl;
	bool configured; /* the store knows this configuration */
	bool stands_by;  /* this node of a pair does, and the store takes no changes: it can be read */
	unsigned ticks;
};

static bool may_hand_in(uid_t uid)
{
	return jail_peer_allowed(SOCK_FINDINGS, uid);
}

static int handle(const struct ctl_request *rq, const char *what, struct buf *b, void *user, struct err *err)
{
	struct respondd *x = user;
	if (!jail_peer_allowed(SOCK_RESPOND, rq->uid))
		return err_set(err, E_DENIED, "", "this socket isn't for you");
	if (!x->configured && !x->stands_by)
		return err_set(err, E_STATE, "pg", "the database isn't there yet");
	int r = desk_handle(rq, what, b, &x->r, err);
	return r == -E_CLOSED && x->stands_by ? err_set(err, E_STATE, "pair", "this node stands by: the other one takes changes") : r;
}

static int read_config(struct respondd *x, struct err *err)
{
	struct buf b;
	struct desk *desk = NULL;
	buf_init(&b, CONFIG_MAX);
	int res = daemon_config(&x->d, &b, err);
	if (res == 0)
		res = desk_parse(buf_view(&b), &desk, err);
	buf_done(&b);
	if (res < 0)
		return res;
	desk_destroy(&x->r.desk);
	x->r.desk = desk;
	x->configured = false;
	return 0;
}

/* The node of a pair that stands by: the desk's state is read here and changed at the other one. It is ready for that also while the copy
 * isn't there yet. */
static bool stand_by(struct respondd *x)
{
	bool writable = false, there = store_writable(x->r.store, &writable, NULL) == 0;
	bool stands_by = daemon_stands_by();
	if (stands_by && !x->stands_by) {
		daemon_ready(&x->d);
		log_info("", x->d.digest, "stands by");
	}
	x->stands_by = stands_by || (there && !writable);
	return x->stands_by;
}

/* The schema and this configuration's names, as soon as there is a database. Then, and only then, we are ready. */
static void configure(struct respondd *x)
{
	struct err err = { 0 };
	if (stand_by(x))
		return;
	if (store_migrate(x->r.store, &err) < 0 || respond_configure(&x->r, &err) < 0) {
		if (x->ticks % 50 == 0)
			log_err(LOG_LEVEL_WARN, "", "pg", &err);
		return;
	}
	x->configured = true;
	daemon_ready(&x->d);
	log_info("", x->d.digest, "ready");
}

/* What is blocked now, to whoever hands findings in. It is told again while the store doesn't answer. */
static void tell_watch(struct respondd *x)
{
	struct err err = { 0 };
	struct buf b;
	buf_init(&b, INDICATORS_BYTES);
	if (block_watch_list(&x->r, clock_now_ms(), &b, &err) == 0) {
		watch_tell(x->watch, buf_view(&b));
		x->r.watch_stale = false;
	} else {
		log_err(LOG_LEVEL_WARN, "", "watch", &err);
	}
	buf_done(&b);
}

static void on_work(uv_timer_t *t)
{
	struct respondd *x = t->data;
	if (x->configured)
		respond_work(&x->r);
	if (x->configured && x->r.watch_stale)
		tell_watch(x);
	uv_timer_start(t, on_work, x->configured ? (uint64_t)respond_wait_ms(&x->r) : TICK_MS, 0);
}

static void on_tick(uv_timer_t *t)
{
	struct respondd *x = t->data;
	events_work(x->r.events);
	if (x->configured && (store_stands_by(x->r.store) || (x->ticks % 5 == 0 && daemon_stands_by())))
		x->configured = false;
	if (!x->configured)
		configure(x);
	if (x->configured && x->ticks % 5 == 0)
		watch_retry(x->watch);
	if (x->configured && x->ticks % 10 == 0)
		respond_count(&x->r);
	x->ticks++;
}

static void on_hup(uv_signal_t *s, int signum)
{
	struct respondd *x = s->data;
	struct err err = { 0 };
	(void)signum;
	if (read_config(x, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "respondd.json", &err);
		respond_audit(&x->r, "", "toride", "config.read", false, "%s", err.msg);
	} else {
		x->stands_by = false; /* it is said of this generation anew */
		configure(x);
	}
}

static void on_term(uv_signal_t *s, int signum)
{
	(void)signum;
	uv_stop(s->loop);
}

/* In a thread of the asker's. Longer than stored may read the sealed records. */
static int ask_stored(struct str request, struct buf *reply, struct err *err)
{
	char path[PLACE_MAX];
	place_in_run(path, sizeof path, SOCK_SEARCH);
	return ctl_call(path, request, reply, STORED_MS, err);
}

static int ask_courier(struct str request, struct buf *reply, struct err *err)
{
	char path[PLACE_MAX];
	place_in_run(path, sizeof path, SOCK_COURIER);
	return ctl_call(path, request, reply, COURIER_MS, err);
}

static int open_all(struct respondd *x, struct err *err)
{
	char path[PLACE_MAX];
	int res = events_open("respondd", EVENTS_RING, &x->r.events, err);
	res = res < 0 ? res : store_create(NULL, STORE_ROLE_RESPOND, &x->r.store, err);
	res = res < 0 ? res : mailer_create(notify_mail_done, &x->r, &x->r.mailer, err);
	res = res < 0 ? res : orders_create(order_call, &x->r.orders, err);
	res = res < 0 ? res : asker_create(ask_stored, &x->r.asker, err);
	res = res < 0 ? res : asker_create(ask_courier, &x->r.courier, err);
	res = res < 0 ? res : read_config(x, err);
	res = res < 0 ? res : watch_open(&x->loop, place_in_run(path, sizeof path, SOCK_FINDINGS), &x->r, may_hand_in, &x->watch, err);
	res = res < 0 ? res : ctl_listen(&x->loop, place_in_run(path, sizeof path, SOCK_RESPOND), 0666, handle, x, &x->ctl, err);
	return res;
}

static void start_loop(struct respondd *x)
{
	uv_timer_init(&x->loop, &x->work);
	uv_timer_init(&x->loop, &x->tick);
	uv_signal_init(&x->loop, &x->hup);
	uv_signal_init(&x->loop, &x->term);
	uv_signal_init(&x->loop, &x->intr);
	x->work.data = x->tick.data = x->hup.data = x->term.data = x->intr.data = x;
	uv_timer_start(&x->work, on_work, 1, 0);
	uv_timer_start(&x->tick, on_tick, 1, TICK_MS);
	uv_signal_start(&x->hup, on_hup, SIGHUP);
	uv_signal_start(&x->term, on_term, SIGTERM);
	uv_signal_start(&x->intr, on_term, SIGINT);
}

int main(void)
{
	static struct respondd x;
	struct err err = { 0 };
	jail_install();
	if (daemon_begin("respondd", &x.d, &err) < 0 || uv_loop_init(&x.loop) < 0)
		goto failed;
	x.r.stats = x.d.stats;
	clock_boot(x.r.boot);
	if (open_all(&x, &err) < 0)
		goto failed;
	start_loop(&x);
	if (daemon_confine(&x.d, &err) < 0)
		goto failed;
	uv_run(&x.loop, UV_RUN_DEFAULT);
	events_flush(x.r.events, 500);
	return 0; /* nothing else to put away: the state is in the database */
failed:
	log_err(LOG_LEVEL_ERROR, "", "respondd", &err);
	return 1;
}
