/* toride-probed: asks through every uplink whether it works, orders the move to the next one that does (and back), and
 * counts what each organisation's bandwidth classes carry. It asks our own time server how far the node's clock is off, too.
 * It reads nothing but answers to its own questions, the kernel's
 * counters and its configuration; moving is torided's, who takes a generation's digest and a set of dead lines.
 *
 * Each move is an event (6002 Alarm) with its times: how long the line had been silent, how long the move took. */
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/log.h"
#include "base/mem.h"
#include "jail/jail.h"
#include "probe/classes.h"
#include "probe/conf.h"
#include "probe/lines.h"
#include "probe/ping.h"
#include "probe/sntp.h"
#include "wire/daemon.h"
#include "wire/events.h"
#include "wire/order.h"
#include "wire/place.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define CONFIG_MAX (4 * MIB)
#define COUNT_MS 2000
#define SUMS 8
#define CLASS_BREAKOUT 0x4000u /* + index: compile/shape.c */
#define CLOSER 4 /* questions a round to a line that loses packets */
#define ORDER_MS 5000

struct line {
	struct line_state state;
	struct ping ping;
	bool asking; /* its sockets are open */
};

struct probed {
	struct daemon d;
	struct conf c;
	struct events *events;
	uv_loop_t loop;
	uv_timer_t round, count, work;
	uv_signal_t hup, term;
	struct line lines[CONF_LINES];
	unsigned tick;
	uint8_t dead;       /* as found */
	uint8_t told;       /* as torided was told for this generation … */
	bool have_told;     /* … when it was */
	int64_t begun_ms;   /* the last answer through the line that failed, or when it came back */
	unsigned char sum[SHA256_LEN]; /* of the configuration in use */
	int time_fd;        /* to our own chronyd */
	uv_poll_t time_poll;
	uv_timer_t time;
	struct sntp_answer answer;
	int64_t asked_ms;   /* 0: no question is out */
	unsigned unsure;    /* looks in a row without a time from above */
	bool off, unsynced; /* alarms given */
	bool warned;        /* that an order wasn't taken */
	uint64_t *sums;     /* by index: bytes in, bytes out, dropped in, dropped out; the same four of what breaks out */
	bool inbound;
};

/* ---- telling ---- */

static void alarm_event(struct probed *p, const char *line, const char *message)
{
	events_app(p->events, STR(""), "probed", line, "Alarm", message);
}

static void set(struct probed *p, const char *org, const char *name, uint64_t v)
{
	stats_set(stats_counter(p->d.stats, org, name), v);
}

static unsigned in_use(const struct probed *p, uint8_t dead)
{
	for (unsigned i = 0; i < p->c.n_lines; i++)
		if (!(dead & 1u << i))
			return i;
	return 0;
}

static void show_lines(struct probed *p)
{
	char name[64];
	for (unsigned i = 0; i < p->c.n_lines; i++) {
		snprintf(name, sizeof name, "line_%s_usable", p->c.lines[i].name);
		set(p, "", name, p->lines[i].state.usable);
		snprintf(name, sizeof name, "line_%s_in_use", p->c.lines[i].name);
		set(p, "", name, p->have_told && in_use(p, p->told) == i);
	}
}

static void say_move(struct probed *p, unsigned from, unsigned to, int64_t took_ms)
{
	char message[320];
	const char *a = p->c.lines[from].name, *b = p->c.lines[to].name;
	long long silent = clock_mono_ms() - took_ms - p->begun_ms;
	if (from == to)
		return;
	if (p->dead == (1u << p->c.n_lines) - 1)
		snprintf(message, sizeof message, "no line works; traffic stays with %s (どの回線も正常ではありません。%s のままです)", b, b);
	else if (from < to && p->lines[from].state.lossy)
		snprintf(message, sizeof message, "line %s loses %u %% of what is asked; traffic moved to %s in %lld ms (回線 %s の損失が大きいため、%s へ切り替えました)",
		         a, p->lines[from].state.loss, b, (long long)took_ms, a, b);
	else if (from < to)
		snprintf(message, sizeof message, "line %s failed, silent for %lld ms; traffic moved to %s in %lld ms (回線 %s が故障し、%s へ切り替えました)", a, silent,
		         b, (long long)took_ms, a, b);
	else
		snprintf(message, sizeof message, "line %s answers again for %lld ms; traffic moved back from %s in %lld ms (回線 %s が回復し、切り戻しました)", b,
		         silent, a, (long long)took_ms, b);
	log_warn("", p->c.lines[from < to ? from : to].name, "%s", message);
	alarm_event(p, p->c.lines[from < to ? from : to].name, message);
	stats_add(stats_counter(p->d.stats, "", "line_moves"), 1);
}

/* ---- moving ---- */

/* The generation in force may have changed without our part of it: then nobody tells us, and the order must name the new
 * one. False when our part is another too: we are about to be told to read it. */
static bool generation_known(struct probed *p)
{
	unsigned char sum[SHA256_LEN];
	struct buf b;
	buf_init(&b, CONFIG_MAX);
	bool same = daemon_config(&p->d, &b, NULL) == 0;
	hash_sha256(b.ptr, b.len, sum);
	same = same && memcmp(sum, p->sum, sizeof sum) == 0;
	buf_done(&b);
	return same;
}

/* Told again at the next round while torided doesn't do it (it starts, or another generation is in force by now). */
static void order_lines(struct probed *p)
{
	struct order o = { .op = ORDER_LINES, .lines_dead = p->dead };
	struct order_reply reply;
	struct err err = { 0 };
	int64_t began = clock_mono_ms();
	if ((p->have_told && p->told == p->dead) || !generation_known(p))
		return;
	snprintf(o.digest, sizeof o.digest, "%s", p->d.digest);
	if (order_call(&o, ORDER_MS, &reply, &err) < 0) {
		if (!p->warned)
			log_err(LOG_LEVEL_WARN, "", "lines", &err);
		p->warned = true;
		return;
	}
	p->warned = false;
	say_move(p, in_use(p, p->told), in_use(p, p->dead), clock_mono_ms() - began);
	p->told = p->dead;
	p->have_told = true;
	show_lines(p);
}

/* When none is as it should be, one that loses packets is better than one that is silent. */
static void find_dead(struct probed *p)
{
	uint8_t all = (uint8_t)((1u << p->c.n_lines) - 1);
	p->dead = 0;
	for (unsigned i = 0; i < p->c.n_lines; i++)
		p->dead |= (uint8_t)(!p->lines[i].state.usable << i);
	for (unsigned i = 0; p->dead == all && i < p->c.n_lines; i++)
		if (p->lines[i].state.lost == 0)
			p->dead &= (uint8_t)~(1u << i);
}

static void line_changed(struct probed *p, unsigned i)
{
	const struct line_state *s = &p->lines[i].state;
	char message[160];
	find_dead(p);
	p->begun_ms = s->usable ? s->answering_ms : s->heard_ms ? s->heard_ms : s->failed_ms;
	if (in_use(p, p->dead) != in_use(p, p->told))
		return; /* the move says it */
	snprintf(message, sizeof message, s->usable ? "line %s answers again (回線 %s が回復しました)" :
	         s->lossy ? "line %s loses too much (回線 %s の損失が大きくなっています)" : "line %s doesn't answer (回線 %s が応答しません)",
	         p->c.lines[i].name, p->c.lines[i].name);
	log_warn("", p->c.lines[i].name, "%s", message);
	alarm_event(p, p->c.lines[i].name, message);
}

/* A round is CLOSER ticks; a line that is suspected is asked at each. */
static void on_round(uv_timer_t *t)
{
	struct probed *p = t->data;
	const struct line_rules rules = { .lost = p->c.lost, .back_ms = (int64_t)p->c.back_s * 1000, .loss_percent = p->c.loss_percent,
		                          .loss_rounds = p->c.loss_rounds };
	int64_t now = clock_mono_ms();
	bool changed = false, round = p->tick++ % CLOSER == 0, closer;
	uint32_t answered;
	for (unsigned i = 0; i < p->c.n_lines; i++) {
		struct line *l = &p->lines[i];
		if (!l->asking)
			continue;
		ping_hear(&l->ping);
		while (ping_judge(&l->ping, p->tick, CLOSER, &answered, &closer))
			if (line_round(&l->state, &rules, answered, l->ping.n, closer, now)) {
				line_changed(p, i);
				changed = true;
			}
		if (round || line_suspected(&l->state, &rules))
			ping_ask(&l->ping, p->tick, !round);
	}
	if (round || changed)
		order_lines(p);
	if (changed)
		show_lines(p);
}

/* ---- counting ---- */

static void on_class(const struct class_count *c, void *user)
{
	struct probed *p = user;
	uint32_t class = c->handle & 0xffff, index = class & ~CLASS_BREAKOUT;
	if (index == 0 || index >= CONF_ORGS || !p->c.codes[index][0])
		return;
	uint64_t *sums = &p->sums[SUMS * index + (class & CLASS_BREAKOUT ? 4 : 0)];
	sums[p->inbound ? 0 : 1] += c->bytes;
	sums[p->inbound ? 2 : 3] += c->dropped;
}

static void on_count(uv_timer_t *t)
{
	static const char *const names[] = { "line_in_bytes", "line_out_bytes", "line_in_dropped", "line_out_dropped",
		                            "breakout_in_bytes", "breakout_out_bytes", "breakout_in_dropped", "breakout_out_dropped" };
	struct probed *p = t->data;
	memset(p->sums, 0, (size_t)SUMS * CONF_ORGS * sizeof *p->sums);
	for (unsigned i = 0; i < p->c.n_lines; i++) {
		p->inbound = true;
		classes_read(p->c.lines[i].inbound, on_class, p, NULL);
		p->inbound = false;
		classes_read(p->c.lines[i].interface, on_class, p, NULL);
	}
	for (unsigned i = 1; i < CONF_ORGS; i++)
		for (unsigned k = 0; p->c.codes[i][0] && k < ARRAY_LEN(names); k++)
			set(p, p->c.codes[i], names[k], p->sums[SUMS * i + k]);
}

/* ---- time ---- */

static void time_alarm(struct probed *p, bool *given, bool now, const char *message)
{
	if (*given == now)
		return;
	*given = now;
	log_warn("", "time", "%s", message);
	alarm_event(p, "time", message);
}

static void drift_judged(struct probed *p, int64_t offset_ms)
{
	char message[240];
	int64_t away = offset_ms < 0 ? -offset_ms : offset_ms;
	bool off = p->off ? away > p->c.drift_ms / 2 : away > p->c.drift_ms;
	snprintf(message, sizeof message,
	         off ? "the node's clock is off: the time servers say %+lld ms (ノードの時計が %+lld ms ずれています)"
	             : "the node's clock is right again: %+lld ms (ノードの時計が正常に戻りました: %+lld ms)",
	         (long long)offset_ms, (long long)offset_ms);
	time_alarm(p, &p->off, off, message);
	set(p, "", "time_offset_ms", (uint64_t)away);
}

/* torided starts chronyd anew while the file is there (supervise.c). */
static void tell_torided(bool lost)
{
	char path[PLACE_MAX];
	struct err err = { 0 };
	place_in_run(path, sizeof path, "probed/time");
	if (!lost)
		unlink(path);
	else if (fs_write(path, STR("lost\n"), 0644, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "", "time", &err);
}

static void time_judged(struct probed *p, const struct sntp_answer *a)
{
	bool was = p->unsynced;
	p->unsure = a->synchronised ? 0 : p->unsure + 1;
	if (a->synchronised)
		drift_judged(p, a->offset_ms);
	if (a->synchronised || p->unsure * COUNT_MS >= p->c.silent_s * 1000)
		time_alarm(p, &p->unsynced, !a->synchronised,
		           a->synchronised ? "the time servers above answer again (上位の時刻サーバの応答が回復しました)"
		                           : "no time server above answers as it should (上位の時刻サーバから正しい応答がありません)");
	set(p, "", "time_synchronised", a->synchronised);
	if (p->unsynced != was)
		tell_torided(p->unsynced);
}

/* At once: the way back counts. A question that came while chronyd started anew is refused (ECONNREFUSED): libuv tells that as status < 0 and stops
 * looking, which would be for good. */
static void on_answer(uv_poll_t *h, int status, int events)
{
	struct probed *p = h->data;
	unsigned char msg[512];
	struct sntp_answer a;
	(void)events;
	if (status < 0)
		uv_poll_start(h, UV_READABLE, on_answer);
	for (ssize_t n; (n = recv(p->time_fd, msg, sizeof msg, MSG_DONTWAIT)) >= 0;)
		if (p->asked_ms && sntp_read(msg, (size_t)n, p->asked_ms, clock_now_ms(), &a))
			p->answer = a;
}

/* The answer to the question before is judged, none being one too; then the next question. */
static void on_time(uv_timer_t *t)
{
	struct probed *p = t->data;
	unsigned char msg[SNTP_SIZE];
	if (!p->c.drift_ms)
		return;
	if (p->asked_ms)
		time_judged(p, &p->answer);
	p->answer = (struct sntp_answer){ 0 };
	p->asked_ms = clock_now_ms();
	sntp_ask(p->asked_ms, msg);
	send(p->time_fd, msg, sizeof msg, MSG_DONTWAIT | MSG_NOSIGNAL); /* what can't be sent isn't answered */
}

static int open_time(struct err *err)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(123), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		return err_errno(err, "time", "cannot open a socket");
	return fd;
}

static void on_work(uv_timer_t *t)
{
	events_work(((struct probed *)t->data)->events);
}

/* ---- configuration ---- */

/* A line keeps what was found about it when it is still there under its name and interface. */
static void take_lines(struct probed *p, const struct conf *was)
{
	struct line lines[CONF_LINES] = { 0 };
	for (unsigned i = 0; i < p->c.n_lines; i++) {
		const struct conf_line *l = &p->c.lines[i];
		const char *targets[CONF_PROBES];
		struct err err = { 0 };
		line_begin(&lines[i].state);
		for (unsigned k = 0; k < was->n_lines; k++)
			if (strcmp(was->lines[k].name, l->name) == 0 && strcmp(was->lines[k].interface, l->interface) == 0)
				lines[i].state = p->lines[k].state;
		for (unsigned k = 0; k < l->n_probes; k++)
			targets[k] = l->probes[k];
		lines[i].asking = ping_open(&lines[i].ping, l->interface, targets, l->n_probes, &err) == 0;
		if (!lines[i].asking)
			log_err(LOG_LEVEL_ERROR, "", l->name, &err);
	}
	for (unsigned k = 0; k < was->n_lines; k++)
		ping_close(&p->lines[k].ping);
	memcpy(p->lines, lines, sizeof lines);
	find_dead(p);
	p->told = 0;
	p->have_told = false;
}

static int read_config(struct probed *p, struct err *err)
{
	struct buf b;
	struct conf c = { 0 };
	buf_init(&b, CONFIG_MAX);
	int r = daemon_config(&p->d, &b, err);
	r = r < 0 ? r : conf_parse(buf_view(&b), &c, err);
	if (r == 0)
		hash_sha256(b.ptr, b.len, p->sum);
	buf_done(&b);
	if (r < 0) {
		conf_done(&c);
		return r;
	}
	struct conf was = p->c;
	p->c = c;
	take_lines(p, &was);
	conf_done(&was);
	show_lines(p);
	return 0;
}

static void on_hup(uv_signal_t *s, int signum)
{
	struct probed *p = s->data;
	struct err err = { 0 };
	(void)signum;
	if (read_config(p, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "probed.json", &err);
		return;
	}
	uv_timer_set_repeat(&p->round, p->c.probe_ms / CLOSER);
	daemon_ready(&p->d);
}

static void on_term(uv_signal_t *s, int signum)
{
	(void)signum;
	uv_stop(s->loop);
}

/* ---- begin ---- */

static int start(struct probed *p, struct err *err)
{
	int r = daemon_begin("probed", &p->d, err);
	if (r == 0 && uv_loop_init(&p->loop) < 0)
		r = err_set(err, E_NOMEM, "", "cannot make an event loop");
	p->sums = mem_array((size_t)SUMS * CONF_ORGS, sizeof *p->sums);
	if (r == 0 && !p->sums)
		r = err_set(err, E_NOMEM, "", "no memory");
	r = r < 0 ? r : events_open("probed", 256 * KIB, &p->events, err);
	r = r < 0 ? r : read_config(p, err);
	p->time_fd = r < 0 ? -1 : open_time(err);
	tell_torided(false);
	if (r < 0 || p->time_fd < 0)
		return -E_IO;
	uv_timer_init(&p->loop, &p->round);
	uv_timer_init(&p->loop, &p->count);
	uv_timer_init(&p->loop, &p->work);
	uv_timer_init(&p->loop, &p->time);
	uv_poll_init(&p->loop, &p->time_poll, p->time_fd);
	uv_signal_init(&p->loop, &p->hup);
	uv_signal_init(&p->loop, &p->term);
	p->time.data = p->time_poll.data = p->round.data = p->count.data = p->work.data = p->hup.data = p->term.data = p;
	uv_signal_start(&p->hup, on_hup, SIGHUP);
	uv_signal_start(&p->term, on_term, SIGTERM);
	r = daemon_confine(&p->d, err);
	uv_timer_start(&p->round, on_round, 0, p->c.probe_ms / CLOSER);
	uv_timer_start(&p->count, on_count, 0, COUNT_MS);
	uv_timer_start(&p->work, on_work, 0, 100);
	uv_timer_start(&p->time, on_time, COUNT_MS, COUNT_MS);
	uv_poll_start(&p->time_poll, UV_READABLE, on_answer);
	return r;
}

int main(void)
{
	static struct probed p;
	struct err err = { 0 };
	jail_install();
	if (start(&p, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "probed", &err);
		return 1;
	}
	daemon_ready(&p.d);
	uv_run(&p.loop, UV_RUN_DEFAULT);
	return 0;
}
