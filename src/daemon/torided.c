/* torided: root. Makes the run directory, starts and watches every process of the table (jail/table.c), and carries out
 * typed orders through src/apply. It opens no network socket and parses no text of anyone: fixed-size orders in, the
 * kernel's own numbers, and one-line readiness files. */
#include "apply/apply.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon/orders.h"
#include "daemon/postgres.h"
#include "daemon/rundir.h"
#include "daemon/supervise.h"
#include "jail/table.h"
#include "wire/daemon.h"
#include "wire/place.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct torided {
	struct daemon d;
	uv_loop_t loop;
	uv_signal_t term, interrupt, child;
	uv_timer_t work;
	int sockets[RUNDIR_SOCKETS];
	struct events *events;
	struct supervise *supervise;
	struct orders *orders;
	struct apply *apply;
	char why[512]; /* when apply couldn't recover */
	int64_t start_ms;
};

static void api_event(struct torided *t, const char *operation, const struct order_reply *r)
{
	struct buf b;
	buf_init(&b, 4096);
	buf_printf(&b, "{\"class_uid\":6003,\"time\":%lld", (long long)clock_now_ms());
	json_field_s(&b, "product", "torided");
	buf_puts(&b, ",\"api\":{");
	json_field_s(&b, "operation", operation);
	buf_puts(&b, "}");
	json_field_s(&b, "status", r->code ? "Failure" : "Success");
	json_field_s(&b, "message", r->text);
	buf_puts(&b, "}");
	if (!b.failed)
		events_put(t->events, STR(""), buf_view(&b));
	buf_done(&b);
}

static void undone(const struct order_reply *reply, void *user)
{
	log_warn("", "apply", "nobody confirmed the generation: undone%s%s", reply->text[0] ? ": " : "", reply->text);
	api_event(user, "unconfirmed-undo", reply);
}

static void is_ready(const char *name, void *user)
{
	struct torided *t = user;
	if (t->apply)
		apply_engine_started(t->apply, name);
}

static void has_ended(const char *name, void *user)
{
	struct torided *t = user;
	if (t->apply)
		apply_engine_ended(t->apply, name);
}

/* What guards the Internet side has changed: for the watch, whoever caused it. */
static void lines_moved(struct torided *t, const char *state)
{
	bool good = strcmp(state, "inspect") == 0 || strcmp(state, "none") == 0;
	const char *words = strcmp(state, "inspect") == 0 ? "the inspected lines are inspected" :
	                    strcmp(state, "bridge") == 0  ? "nobody inspects the lines: packets pass uninspected" :
	                    strcmp(state, "closed") == 0  ? "nobody inspects the lines: they are closed" :
	                                                    "no line is inspected any more";
	events_app(t->events, STR(""), "torided", "ips-lines", good ? "Start" : "Alarm", words);
	if (good)
		log_info("", "lines", "%s", words);
	else
		log_error("", "lines", "%s", words);
}

static void all_stopped(void *user)
{
	uv_stop(&((struct torided *)user)->loop);
}

static void on_signal(uv_signal_t *s, int number)
{
	struct torided *t = s->data;
	if (number == SIGCHLD) {
		if (t->supervise) /* at the end a child of apply's may be the last */
			supervise_reap(t->supervise);
		return;
	}
	log_info("", "stop", "signal %d: stopping all", number);
	supervise_stop(t->supervise);
}

static void on_work(uv_timer_t *timer)
{
	struct torided *t = timer->data;
	const char *state;
	if (t->apply && apply_watch_lines(t->apply, &state))
		lines_moved(t, state);
	events_work(t->events);
}

static int write_status(char *text, size_t size, void *user, struct err *err)
{
	struct torided *t = user;
	char path[PLACE_MAX], now[CLOCK_TEXT], link[PLACE_MAX], to[PLACE_MAX];
	struct buf b;
	ssize_t n = readlink(place_in_state(link, sizeof link, "current"), to, sizeof to - 1);
	to[n > 0 ? n : 0] = 0;
	const char *slash = strrchr(to, '/');
	buf_init(&b, 64 * KIB);
	clock_format_utc(clock_now_ms(), now);
	buf_puts(&b, "{");
	json_field_s(&b, "time", now);
	json_field_s(&b, "version", TORIDE_VERSION);
	json_field_u64(&b, "uptime_s", (uint64_t)(clock_mono_ms() - t->start_ms) / 1000);
	if (n > 0) {
		json_key(&b, "generation");
		buf_printf(&b, "\"sha256:%.64s\"", slash ? slash + 1 : to);
	}
	json_field_s(&b, "apply", t->apply ? "ok" : t->why);
	json_field_s(&b, "pair", apply_pair());
	json_field_s(&b, "lines", t->apply ? apply_lines(t->apply) : "unknown");
	supervise_status(t->supervise, &b);
	buf_puts(&b, "}\n");
	int r = b.failed ? err_set(err, E_LIMIT, "", "status too large")
	                 : fs_write(place_in_run(path, sizeof path, "status.json"), buf_view(&b), 0644, err);
	buf_done(&b);
	if (r == 0 && snprintf(text, size, "%s", path) >= (int)size)
		r = err_set(err, E_LIMIT, path, "path too long");
	return r;
}

/* Recovery failed: nothing is applied, but the processes run, so that the node can be looked at and repaired. */
static void open_apply(struct torided *t)
{
	struct err err = { 0 };
	if (apply_open(&t->apply, &err) == 0 && apply_watch(t->apply, &t->loop, undone, t, &err) == 0)
		return;
	snprintf(t->why, sizeof t->why, "recovery failed: %.200s: %.250s", err.path, err.msg);
	log_err(LOG_LEVEL_ERROR, "", "apply", &err);
	apply_close(&t->apply);
	t->apply = NULL;
}

static int open_loop(struct torided *t, struct err *err)
{
	uv_loop_init(&t->loop);
	uv_signal_init(&t->loop, &t->term);
	uv_signal_init(&t->loop, &t->interrupt);
	uv_signal_init(&t->loop, &t->child);
	uv_timer_init(&t->loop, &t->work);
	t->term.data = t->interrupt.data = t->child.data = t->work.data = t;
	if (uv_signal_start(&t->term, on_signal, SIGTERM) < 0 || uv_signal_start(&t->interrupt, on_signal, SIGINT) < 0 ||
	    uv_timer_start(&t->work, on_work, 0, 100) < 0)
		return err_set(err, E_IO, "", "cannot watch signals");
	return events_open("torided", 256 * KIB, &t->events, err);
}

static int prepare(struct torided *t, struct err *err)
{
	int r = rundir_lock(err);
	if (r == 0)
		r = rundir_sweep(err);
	if (r == 0)
		r = rundir_make(err);
	if (r == 0)
		r = postgres_write_users(err);
	if (r == 0)
		r = rundir_sockets(t->sockets, err);
	if (r == 0)
		r = daemon_begin("torided", &t->d, err);
	return r < 0 ? r : open_loop(t, err);
}

static int begin(struct torided *t, struct err *err)
{
	size_t own;
	int r = prepare(t, err);
	if (r < 0)
		return r;
	open_apply(t);
	struct supervise_opts so = { .loop = &t->loop, .sockets = t->sockets, .events = t->events, .ready = is_ready, .ended = has_ended,
		                     .stopped = all_stopped, .user = t };
	r = supervise_open(&so, &t->supervise, err);
	if (r < 0)
		return r;
	uv_signal_start(&t->child, on_signal, SIGCHLD);
	table_find_socket(SOCK_TORIDED, &own);
	struct orders_opts oo = { .loop = &t->loop, .fd = t->sockets[own], .apply = t->apply, .why = t->why,
		                  .status = write_status, .user = t };
	return orders_open(&oo, &t->orders, err);
}

/* Own handles first: what closes below runs the loop once more, and their callbacks would find things gone. */
static void end(struct torided *t)
{
	uv_handle_t *own[] = { (uv_handle_t *)&t->term, (uv_handle_t *)&t->interrupt, (uv_handle_t *)&t->child, (uv_handle_t *)&t->work };
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		uv_close(own[i], NULL);
	orders_close(&t->orders);
	supervise_close(&t->supervise);
	apply_close(&t->apply);
	events_close(&t->events);
	uv_run(&t->loop, UV_RUN_NOWAIT);
}

int main(int argc, char **argv)
{
	static struct torided t;
	struct err err = { 0 };
	(void)argv;
	log_open("torided", LOG_LEVEL_INFO);
	if (argc != 1) {
		fprintf(stderr, "usage: torided    (TORIDE_STATE and TORIDE_RUN name its directories)\n");
		return 2;
	}
	if (geteuid() != 0) {
		log_error("", "start", "must be root: it gives each process its own user");
		return 4;
	}
	umask(022);
	setenv("OPENSSL_ENGINES", place_programs(), 1); /* toride.so, for the public sites' server (engine.c) */
	t.start_ms = clock_mono_ms();
	if (begin(&t, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "start", &err);
		if (t.supervise)
			supervise_stop(t.supervise);
		return 4;
	}
	uv_run(&t.loop, UV_RUN_DEFAULT);
	end(&t);
	log_info("", "stop", "all stopped");
	return 0;
}
