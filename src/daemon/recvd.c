/* toride-recvd: what the bodies' own devices send (syslog by UDP, TCP and TLS) → events for intaked. It holds no key but its own
 * certificate's, no file, and nothing of one body when it reads another's: what it makes of a line is told to intaked, who keeps it. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "device/charset.h"
#include "jail/jail.h"
#include "recv/receiver.h"
#include "recv/tls.h"
#include "wire/daemon.h"
#include "wire/place.h"

#include <signal.h>

#define FLUSH_MS 5000

struct recvd {
	struct daemon d;
	uv_loop_t loop;
	uv_timer_t second, work;
	uv_prepare_t prepare;
	uv_poll_t acks;
	int acks_fd; /* -1: not polled */
	uv_signal_t hup, term, intr;
	struct events *events;
	struct receiver *receiver;
	struct conf_addr addr[2]; /* its certificate names them */
};

static int read_config(struct recvd *r, struct err *err)
{
	struct conf c;
	struct buf b;
	buf_init(&b, 64 * MIB);
	int ret = daemon_config(&r->d, &b, err);
	ret = ret < 0 ? ret : conf_parse(buf_view(&b), &c, err);
	buf_done(&b);
	if (ret < 0)
		return ret;
	r->addr[0] = c.addr4;
	r->addr[1] = c.addr6;
	receiver_config(r->receiver, &c);
	conf_done(&c);
	return 0;
}

static void acked(uv_poll_t *h, int status, int events)
{
	(void)h, (void)status, (void)events; /* before_wait() does the work */
}

/* events.h may have another descriptor each time. */
static void watch_events(struct recvd *r)
{
	bool want_write;
	int fd = events_fd(r->events, &want_write);
	if (fd != r->acks_fd && r->acks_fd >= 0) {
		uv_poll_stop(&r->acks);
		uv_close((uv_handle_t *)&r->acks, NULL);
		r->acks_fd = -1;
		return; /* its handle is free only after this turn; the timer comes soon */
	}
	if (fd < 0)
		return;
	if (r->acks_fd < 0 && (uv_is_closing((uv_handle_t *)&r->acks) || uv_poll_init(&r->loop, &r->acks, fd) < 0))
		return;
	r->acks_fd = fd;
	uv_poll_start(&r->acks, UV_READABLE | (want_write ? UV_WRITABLE : 0), acked);
}

static void before_wait(uv_prepare_t *h)
{
	struct recvd *r = h->data;
	events_work(r->events);
	receiver_settled(r->receiver);
	watch_events(r);
}

static void on_work(uv_timer_t *t)
{
	(void)t; /* wakes the loop: intaked may be there again */
}

static void every_second(uv_timer_t *t)
{
	struct recvd *r = t->data;
	receiver_tick(r->receiver);
}

static void reload(uv_signal_t *s, int number)
{
	struct recvd *r = s->data;
	struct err err = { 0 };
	(void)number;
	struct conf_addr was[2] = { r->addr[0], r->addr[1] };
	if (read_config(r, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "recvd.json", &err);
		return;
	}
	if (conf_addr_compare(&was[0], &r->addr[0]) || conf_addr_compare(&was[1], &r->addr[1])) {
		log_info("", "recvd", "it is reached by other addresses: it starts again, with a certificate of those");
		uv_stop(s->loop);
		return;
	}
	daemon_ready(&r->d);
}

static void stop(uv_signal_t *s, int number)
{
	(void)number;
	uv_stop(s->loop);
}

static void open_tls(void)
{
	char pem[PLACE_MAX], key[PLACE_MAX];
	struct err err = { 0 };
	place_in_run(pem, sizeof pem, "recvd/tls.pem");
	place_in_run(key, sizeof key, "recvd/tls.key");
	if (access(key, R_OK) == 0 && tls_server_open(pem, key, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "", "tls", &err);
}

static int start(struct recvd *r, struct err *err)
{
	int ret = daemon_begin("recvd", &r->d, err);
	if (ret == 0 && uv_loop_init(&r->loop) < 0)
		ret = err_set(err, E_NOMEM, "", "cannot make an event loop");
	ret = ret < 0 ? ret : events_open("recvd", RECEIVER_RING, &r->events, err);
	if (ret < 0)
		return ret;
	open_tls();
	charset_open();
	ret = receiver_start(&(struct receiver_opts){ &r->loop, r->events, r->d.stats, 0 }, &r->receiver, err);
	ret = ret < 0 ? ret : daemon_confine(&r->d, err); /* before a byte of theirs is read */
	ret = ret < 0 ? ret : read_config(r, err);
	if (ret < 0)
		return ret;
	r->acks_fd = -1;
	uv_timer_init(&r->loop, &r->second);
	uv_timer_init(&r->loop, &r->work);
	uv_prepare_init(&r->loop, &r->prepare);
	uv_signal_init(&r->loop, &r->hup);
	uv_signal_init(&r->loop, &r->term);
	uv_signal_init(&r->loop, &r->intr);
	r->second.data = r->work.data = r->prepare.data = r->hup.data = r->term.data = r->intr.data = r;
	uv_timer_start(&r->second, every_second, 1000, 1000);
	uv_timer_start(&r->work, on_work, 100, 100);
	uv_prepare_start(&r->prepare, before_wait);
	uv_signal_start(&r->hup, reload, SIGHUP);
	uv_signal_start(&r->term, stop, SIGTERM);
	uv_signal_start(&r->intr, stop, SIGINT);
	return 0;
}

int main(void)
{
	static struct recvd r;
	struct err err = { 0 };
	jail_install();
	if (start(&r, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "recvd", &err);
		return 1;
	}
	daemon_ready(&r.d);
	log_info("", "recvd", "ready");
	uv_run(&r.loop, UV_RUN_DEFAULT);
	receiver_stop(&r.receiver); /* nothing more is read; what was is handed over */
	events_flush(r.events, FLUSH_MS);
	return 0;
}
