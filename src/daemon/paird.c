/* toride-paird: one of two gateways, and whether it is the one that carries the traffic. keepalived says which node is master on which
 * path between the two; this puts it together (pair/notify.h), has torided open or shut the door (apply/pair.h), and tells the neighbours
 * who has the addresses now. What the node is worth (its links, its proxy and resolver) it tells keepalived by RUN/pair/worth.
 *
 * Each takeover is an event (6002 Alarm) with its time. M-104, S-30. */
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon/pairfollow.h"
#include "jail/jail.h"
#include "pair/announce.h"
#include "pair/cable.h"
#include "pair/conf.h"
#include "pair/notify.h"
#include "vault/vault_client.h"
#include "wire/daemon.h"
#include "wire/events.h"
#include "wire/order.h"
#include "wire/place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#define CONFIG_MAX (64 * MIB)
#define LOOK_MS 100
#define SETTLE_MS 800      /* a path that comes back is BACKUP for three heartbeats and a bit */
#define BETTER_MS 3000     /* what is well again counts after so long */
#define UNREADY_MS 1500    /* a process that starts anew is no reason to move everything */
#define YIELD_MS 3000
#define ORDER_MS 5000
#define HEARD_MS 3000 /* what the other node said of itself counts for so long */
/* What is missing costs; a better node takes over. Not less than 1 is left of keepalived's 150. */
#define COST_ATTACHMENT 5 /* more than carrying the traffic and being the first node are worth together */
#define COST_UPLINK 6
#define COST_NO_UPLINK 60
#define COST_PROCESS 40
#define COST_MAX 140

struct paird {
	struct daemon d;
	struct pair_conf c;
	struct events *events;
	uv_loop_t loop;
	uv_timer_t look, again, work;
	uv_poll_t pipe;
	uv_signal_t hup, term, yield;
	struct notify notify;
	int notify_fd, raw_fd, ask_fd;
	bool active, told;       /* told: torided has done as we are */
	int cost, written;       /* of what is missing; the worth that stands in the file */
	int64_t better_ms;       /* since when less is missing; 0: it isn't */
	int64_t unready_ms[2];   /* since when these aren't; 0: they are */
	int64_t yield_until_ms;
	unsigned announcements;  /* still to come */
	int listen_fd;
	uv_poll_t callers;
	uv_timer_t follow;
	struct talk {
		uv_work_t work;
		unsigned char key[32];
		char self4[48], other4[48];
		int fd;
		bool busy, active;
		int result;
		struct err err, keys_err;
		struct pairfollow follow;
	} asking, answering;     /* a thread each; theirs while busy */
	char other[16];          /* what stands in RUN/pair/other */
	int64_t heard_ms;        /* when it was heard */
	bool unheard;            /* the last question had no answer: said already */
	bool keyless, holdless;  /* nor could keys, or whose records are held */
};

/* ---- telling ---- */

static void alarm_event(struct paird *p, const char *message)
{
	events_app(p->events, STR(""), "paird", "pair", "Alarm", message);
}

static void show(struct paird *p)
{
	stats_set(stats_counter(p->d.stats, "", "pair_active"), p->active && p->told);
	stats_set(stats_counter(p->d.stats, "", "pair_cost"), (uint64_t)p->cost);
}

/* ---- the neighbours ---- */

static void announce_one(struct paird *p, const struct pair_announced *a)
{
	struct ifreq rq = { 0 };
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_halen = 6 };
	uint8_t frame[ANNOUNCE_MAX];
	memcpy(rq.ifr_name, a->interface, sizeof a->interface);
	if (ioctl(p->ask_fd, SIOCGIFINDEX, &rq) < 0)
		return;
	to.sll_ifindex = rq.ifr_ifindex;
	if (ioctl(p->ask_fd, SIOCGIFHWADDR, &rq) < 0)
		return;
	size_t n = announce_frame(a->family, a->address, (const uint8_t *)rq.ifr_hwaddr.sa_data, frame);
	sendto(p->raw_fd, frame, n, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof to);
}

static void announce_all(struct paird *p)
{
	for (unsigned i = 0; i < p->c.n_announced; i++)
		announce_one(p, &p->c.announced[i]);
}

/* A neighbour may have missed the first. */
static void on_again(uv_timer_t *t)
{
	struct paird *p = t->data;
	if (p->active && p->told && p->announcements)
		announce_all(p);
	if (p->announcements && --p->announcements)
		uv_timer_start(&p->again, on_again, p->announcements == 3 ? 300 : 1500, 0);
}

/* ---- the role ---- */

static void take_role(struct paird *p)
{
	struct order o = { .op = ORDER_PAIR, .pair = p->active ? ORDER_PAIR_ACTIVE : ORDER_PAIR_STANDBY };
	struct order_reply reply;
	struct err err = { 0 };
	char message[240];
	int64_t began = clock_mono_ms();
	if (order_call(&o, ORDER_MS, &reply, &err) < 0) {
		log_err(LOG_LEVEL_WARN, "", "pair", &err);
		return; /* again at the next look */
	}
	p->told = true;
	if (p->active)
		announce_all(p);
	p->announcements = 4;
	uv_timer_start(&p->again, on_again, 50, 0);
	snprintf(message, sizeof message,
	         p->active ? "%s carries the traffic; the door was open after %lld ms (%s が通信を引き継ぎました)" : "%s stands by; the door was shut after %lld ms (%s は待機に移りました)",
	         place_node(), (long long)(clock_mono_ms() - began), place_node());
	log_warn("", "pair", "%s", message);
	alarm_event(p, message);
	stats_add(stats_counter(p->d.stats, "", "pair_moves"), 1);
	show(p);
}

static void judge(struct paird *p)
{
	bool active = notify_active(&p->notify, p->active, SETTLE_MS, clock_mono_ms());
	if (active != p->active) {
		p->active = active;
		p->told = false;
	}
	if (!p->told)
		take_role(p);
}

static void on_notify(uv_poll_t *h, int status, int events)
{
	struct paird *p = h->data;
	char text[4096];
	bool again = false;
	(void)status, (void)events;
	for (ssize_t n; (n = read(p->notify_fd, text, sizeof text)) > 0;)
		again |= notify_take(&p->notify, (struct str){ text, (size_t)n }, clock_mono_ms());
	judge(p);
	if (again && p->active && p->told)
		announce_all(p);
}

/* ---- following the other node ---- */

/* Its role, for torided, which decides by it whose database is believed (daemon/supervise.c): active, standby, or unknown. */
static void note_other(struct paird *p, const char *role)
{
	char path[PLACE_MAX];
	struct err err = { 0 };
	if (strcmp(role, "unknown") != 0)
		p->heard_ms = clock_mono_ms();
	if (strcmp(role, p->other) == 0)
		return;
	if (fs_write(place_in_run(path, sizeof path, "pair/other"), str_from(role), 0640, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "", "pair", &err);
	else
		snprintf(p->other, sizeof p->other, "%s", role);
}

static void ask_work(uv_work_t *w)
{
	struct talk *t = w->data;
	t->follow.self4 = t->self4, t->follow.other4 = t->other4, t->follow.key = t->key;
	t->result = pairfollow_ask(&t->follow, &t->keys_err, &t->err);
}

static void keys_done(struct paird *p, struct talk *t)
{
	bool failed = t->result == 0 && t->follow.keys < 0;
	if (failed && !p->keyless)
		log_err(LOG_LEVEL_WARN, "", "keys", &t->keys_err);
	if (t->follow.keys_differ) { /* only where both nodes were set up apart, or both carried the traffic */
		log_warn("", "keys", "%zu keys are others at this node and stay so", t->follow.keys_differ);
		stats_set(stats_counter(p->d.stats, "", "pair_keys_differ"), t->follow.keys_differ);
	}
	p->keyless = failed;
	t->follow.keys_differ = 0;
	stats_set(stats_counter(p->d.stats, "", "pair_keys"), t->result == 0 && !failed);
}

static void holds_done(struct paird *p, const struct talk *t)
{
	bool failed = t->result == 0 && t->follow.holds < 0;
	if (failed && !p->holdless)
		log_err(LOG_LEVEL_WARN, "", "holds", &t->follow.holds_err);
	p->holdless = failed;
	stats_set(stats_counter(p->d.stats, "", "pair_holds"), t->result == 0 && !failed);
}

/* Once, when the node is back. */
static void undone_done(struct paird *p, struct talk *t)
{
	char message[400];
	if (!*t->follow.undone)
		return;
	snprintf(message, sizeof message,
	         "%s, in force here when this node ended, gives way: the node that carries the traffic has the one before it. If it wasn't rolled back there, hand it in there again "
	         "(このノードの停止直前に適用した変更は無効になりました。もう一方のノードで適用し直してください)", t->follow.undone);
	t->follow.undone[0] = 0;
	log_warn("", "follow", "%s", message);
	alarm_event(p, message);
}

static void ask_done(uv_work_t *w, int status)
{
	struct talk *t = w->data;
	struct paird *p = (struct paird *)((char *)t - offsetof(struct paird, asking));
	(void)status;
	t->busy = false;
	if (t->result == 0)
		note_other(p, t->follow.other_active ? "active" : "standby");
	if (t->result < 0 && !p->unheard)
		log_err(LOG_LEVEL_WARN, "", "follow", &t->err);
	p->unheard = t->result < 0;
	stats_set(stats_counter(p->d.stats, "", "pair_follows"), t->result == 0);
	if (t->follow.moved)
		log_info("", "follow", "the other node's generation is in force here");
	undone_done(p, t);
	keys_done(p, t);
	holds_done(p, t);
}

static void on_follow(uv_timer_t *timer)
{
	struct paird *p = timer->data;
	struct talk *t = &p->asking;
	if (p->active || !p->told || t->busy)
		return;
	t->busy = true;
	t->err = t->keys_err = t->follow.holds_err = (struct err){ 0 };
	t->work.data = t;
	if (uv_queue_work(&p->loop, &t->work, ask_work, ask_done) < 0)
		t->busy = false;
}

static void answer_work(uv_work_t *w)
{
	struct talk *t = w->data;
	t->result = pairfollow_answer(t->fd, t->key, t->active, &t->err);
}

static void answer_done(uv_work_t *w, int status)
{
	struct talk *t = w->data;
	struct paird *p = (struct paird *)((char *)t - offsetof(struct paird, answering));
	(void)status;
	if (t->result < 0)
		log_err(LOG_LEVEL_WARN, "", "follow", &t->err);
	else
		note_other(p, "standby"); /* nobody else asks */
	close(t->fd);
	t->busy = false;
}

/* One caller at a time, and only the other node: the filter lets no one else come this far. */
static void on_caller(uv_poll_t *h, int status, int events)
{
	struct paird *p = h->data;
	struct talk *t = &p->answering;
	const struct timeval limit = { .tv_sec = 3 };
	int fd = accept4(p->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	(void)status, (void)events;
	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (t->busy) {
		close(fd);
		return;
	}
	t->busy = true;
	t->fd = fd;
	t->active = p->active && p->told;
	t->err = (struct err){ 0 };
	t->work.data = t;
	if (uv_queue_work(&p->loop, &t->work, answer_work, answer_done) < 0) {
		close(fd);
		t->busy = false;
	}
}

static int open_following(struct paird *p, struct err *err)
{
	struct vault *v = NULL;
	int self = strcmp(p->c.nodes.names[0], place_node()) == 0 ? 0 : 1;
	int r = vault_open(NULL, 10000, &v, err);
	r = r < 0 ? r : vault_tsig(v, "pair", p->asking.key, err);
	vault_close(&v);
	if (r < 0)
		return r;
	memcpy(p->answering.key, p->asking.key, sizeof p->answering.key);
	snprintf(p->asking.self4, sizeof p->asking.self4, "%s", p->c.nodes.sync4[self]);
	snprintf(p->asking.other4, sizeof p->asking.other4, "%s", p->c.nodes.sync4[1 - self]);
	return cable_listen(p->c.nodes.sync4[self], PAIRFOLLOW_PORT, &p->listen_fd, err);
}

/* ---- what the node is worth ---- */

static bool link_runs(const struct paird *p, const char *interface)
{
	struct ifreq rq = { 0 };
	snprintf(rq.ifr_name, sizeof rq.ifr_name, "%.15s", interface);
	return ioctl(p->ask_fd, SIOCGIFFLAGS, &rq) == 0 && (rq.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
}

static int process_cost(struct paird *p)
{
	static const char *const names[] = { "proxyd", "unbound" };
	int64_t now = clock_mono_ms();
	int cost = 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char path[PLACE_MAX];
		struct stat st;
		bool ready = stat(place_in_run(path, sizeof path, "ready/%s", names[i]), &st) == 0 && st.st_size > 0;
		if (ready)
			p->unready_ms[i] = 0;
		else if (!p->unready_ms[i])
			p->unready_ms[i] = now;
		else if (now - p->unready_ms[i] > UNREADY_MS)
			cost += COST_PROCESS;
	}
	return cost;
}

static int cost_now(struct paird *p)
{
	unsigned uplinks = 0, attachments = 0;
	for (unsigned i = 0; i < p->c.n_uplinks; i++)
		uplinks += !link_runs(p, p->c.uplinks[i]);
	for (unsigned i = 0; i < p->c.n_attachments; i++)
		attachments += !link_runs(p, p->c.attachments[i]);
	int cost = process_cost(p) + (int)(uplinks * COST_UPLINK) + (uplinks == p->c.n_uplinks ? COST_NO_UPLINK : 0);
	cost += (int)(attachments > 20 ? 20 : attachments) * COST_ATTACHMENT;
	if (clock_mono_ms() < p->yield_until_ms)
		cost = COST_MAX;
	return cost > COST_MAX ? COST_MAX : cost;
}

static void write_worth(struct paird *p)
{
	char path[PLACE_MAX], text[16];
	struct err err = { 0 };
	int worth = (p->active && p->told ? (int)p->c.mark : 0) - p->cost;
	int n = snprintf(text, sizeof text, "%d\n", worth);
	if (worth == p->written)
		return;
	_cleanup_fd_ int fd = open(place_in_run(path, sizeof path, "pair/worth"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0 || fs_write_all(fd, text, (size_t)n, &err) < 0) {
		log_error("", "worth", "cannot be written: %s", strerror(errno));
		return;
	}
	p->written = worth;
	show(p);
}

/* What is missing counts at once, what is well again after a while: a link that comes and goes moves everything once. */
static void on_look(uv_timer_t *t)
{
	struct paird *p = t->data;
	int64_t now = clock_mono_ms();
	int cost = cost_now(p);
	if (cost >= p->cost)
		p->better_ms = 0;
	else if (!p->better_ms)
		p->better_ms = now;
	if (cost > p->cost || (cost < p->cost && now - p->better_ms >= BETTER_MS))
		p->cost = cost;
	write_worth(p);
	if (now - p->heard_ms > HEARD_MS)
		note_other(p, "unknown");
	judge(p);
}

/* ---- configuration ---- */

static int read_config(struct paird *p, struct err *err)
{
	struct buf b;
	struct pair_conf c = { 0 };
	buf_init(&b, CONFIG_MAX);
	int r = daemon_config(&p->d, &b, err);
	r = r < 0 ? r : pair_conf_parse(buf_view(&b), &c, err);
	buf_done(&b);
	if (r < 0) {
		pair_conf_done(&c);
		return r;
	}
	pair_conf_done(&p->c);
	p->c = c;
	return 0;
}

/* Addresses that are new are the neighbours' news too. */
static void on_hup(uv_signal_t *s, int signum)
{
	struct paird *p = s->data;
	struct err err = { 0 };
	(void)signum;
	if (read_config(p, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "paird.json", &err);
		return;
	}
	int self = strcmp(p->c.nodes.names[0], place_node()) == 0 ? 0 : 1;
	if (strcmp(p->c.nodes.sync4[self], p->asking.self4) != 0 || strcmp(p->c.nodes.sync4[1 - self], p->asking.other4) != 0) {
		log_warn("", "pair", "the link between the two has other addresses: starting anew");
		uv_stop(&p->loop);
		return;
	}
	if (p->active && p->told)
		announce_all(p);
	daemon_ready(&p->d);
}

/* torided passes on what somebody asked for: the other node takes over if it can. */
static void on_yield(uv_signal_t *s, int signum)
{
	struct paird *p = s->data;
	(void)signum;
	log_warn("", "pair", "asked to let the other node carry the traffic");
	p->yield_until_ms = clock_mono_ms() + YIELD_MS;
}

static void on_term(uv_signal_t *s, int signum)
{
	(void)signum;
	uv_stop(s->loop);
}

static void on_work(uv_timer_t *t)
{
	events_work(((struct paird *)t->data)->events);
}

/* ---- begin ---- */

static int open_pipe(struct err *err)
{
	char path[PLACE_MAX];
	place_in_run(path, sizeof path, "pair/notify");
	unlink(path); /* what was said to another of us */
	if (mkfifo(path, 0660) < 0 || chmod(path, 0660) < 0)
		return err_errno(err, path, "cannot make the pipe");
	int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? err_errno(err, path, "cannot open the pipe") : fd;
}

static int open_sockets(struct paird *p, struct err *err)
{
	p->raw_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); /* protocol 0: it hears nothing */
	p->ask_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return p->raw_fd < 0 || p->ask_fd < 0 ? err_errno(err, "announcements", "cannot open a socket") : 0;
}

static int start(struct paird *p, struct err *err)
{
	int r = daemon_begin("paird", &p->d, err);
	if (r == 0 && uv_loop_init(&p->loop) < 0)
		r = err_set(err, E_NOMEM, "", "cannot make an event loop");
	r = r < 0 ? r : open_sockets(p, err);
	r = r < 0 ? r : events_open("paird", 256 * KIB, &p->events, err);
	r = r < 0 ? r : read_config(p, err);
	if (r < 0)
		return r;
	r = open_following(p, err);
	if (r < 0)
		return r;
	p->written = INT32_MAX; /* nothing yet */
	write_worth(p);
	p->notify_fd = open_pipe(err);
	if (p->notify_fd < 0)
		return p->notify_fd;
	uv_timer_init(&p->loop, &p->look);
	uv_timer_init(&p->loop, &p->again);
	uv_timer_init(&p->loop, &p->work);
	uv_timer_init(&p->loop, &p->follow);
	uv_poll_init(&p->loop, &p->pipe, p->notify_fd);
	uv_poll_init(&p->loop, &p->callers, p->listen_fd);
	uv_signal_init(&p->loop, &p->hup);
	uv_signal_init(&p->loop, &p->term);
	uv_signal_init(&p->loop, &p->yield);
	p->look.data = p->again.data = p->work.data = p->pipe.data = p->hup.data = p->term.data = p->yield.data = p->follow.data = p->callers.data = p;
	uv_signal_start(&p->hup, on_hup, SIGHUP);
	uv_signal_start(&p->term, on_term, SIGTERM);
	uv_signal_start(&p->yield, on_yield, SIGUSR1);
	r = daemon_confine(&p->d, err);
	uv_timer_start(&p->look, on_look, 0, LOOK_MS);
	uv_timer_start(&p->work, on_work, 0, 100);
	uv_timer_start(&p->follow, on_follow, 500, 1000);
	uv_poll_start(&p->pipe, UV_READABLE, on_notify);
	uv_poll_start(&p->callers, UV_READABLE, on_caller);
	return r;
}

int main(void)
{
	static struct paird p;
	struct err err = { 0 };
	jail_install();
	if (start(&p, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "paird", &err);
		return 1;
	}
	daemon_ready(&p.d);
	uv_run(&p.loop, UV_RUN_DEFAULT);
	_exit(0); /* nothing is taken apart under a thread that talks with the other node */
}
