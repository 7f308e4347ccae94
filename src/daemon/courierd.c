/* toride-courierd: hands messages to the SMS, voice and webhook gateways of the description, for respondd. It alone goes there, by
 * name: respondd can't say a URL, and this process has neither database nor log (courier/courier.h). It remembers nothing: what isn't
 * answered is respondd's to send again.
 *
 * Requests (doc/interfaces/respond.md): courier.send {gateway, to, text, reference, org, severity} -> status. */
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "courier/courier.h"
#include "jail/jail.h"
#include "wire/ctl.h"
#include "wire/daemon.h"
#include "wire/place.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>

#define TOKEN_MAX 500
#define SENDING_MAX 16

struct courierd {
	struct daemon d;
	uv_loop_t loop;
	uv_signal_t term, hup;
	struct ctl_server *server;
	struct courier *conf, *former; /* former: messages under way may still look at it */
	unsigned sending;
};

struct job {
	uv_work_t work;
	struct courierd *t;
	uint64_t peer;
	const struct courier *conf;
	const struct gateway *gateway;
	char to[300], text[COURIER_TEXT_MAX], reference[64], org[8];
	int severity;
	long status;
	struct err err;
};

/* The token, if somebody put one there: STATE/courier/NAME.token, readable by us alone. */
static void read_token(const char *gateway, char dst[TOKEN_MAX])
{
	char path[PLACE_MAX];
	struct buf b;
	buf_init(&b, TOKEN_MAX);
	dst[0] = 0;
	if (fs_read(place_in_state(path, sizeof path, "courier/%s.token", gateway), &b, NULL) == 0) {
		struct str s = buf_view(&b);
		while (s.len && (unsigned char)s.ptr[s.len - 1] <= ' ')
			s.len--;
		str_copy(s, dst, TOKEN_MAX);
	}
	buf_done(&b);
	for (char *p = dst; *p; p++)
		if ((unsigned char)*p < 0x21 || (unsigned char)*p > 0x7e)
			dst[0] = 0; /* no header's value */
}

static void job_work(uv_work_t *w)
{
	struct job *j = w->data;
	struct courier_message m = { j->to, j->text, j->reference, j->org, j->severity };
	char token[TOKEN_MAX];
	read_token(j->gateway->name, token);
	courier_send(j->conf, j->gateway, &m, token, &j->status, &j->err);
}

static void job_done(uv_work_t *w, int status)
{
	struct job *j = w->data;
	struct buf fields;
	if (status < 0 && !j->err.code)
		err_set(&j->err, E_CLOSED, "", "courierd is ending");
	buf_init(&fields, KIB);
	buf_printf(&fields, ",\"status\":%ld", j->status);
	ctl_reply(j->t->server, j->peer, buf_view(&fields), &j->err);
	stats_add(stats_counter(j->t->d.stats, "", j->err.code ? "refused_or_late" : "sent"), 1);
	log_write(j->err.code ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, j->org, j->reference, "%s: %s", j->gateway->name, j->err.code ? j->err.msg : "taken");
	if (--j->t->sending == 0)
		courier_destroy(&j->t->former);
	buf_done(&fields);
	mem_free(j);
}

static int take(yyjson_val *root, const char *key, char *dst, size_t size, struct err *err)
{
	struct str s = ctl_str(root, key);
	return s.ptr && str_is_utf8(s) && str_copy(s, dst, size) ? 0 : err_set(err, E_INVALID, key, "missing, or too long");
}

static int do_send(struct courierd *t, const struct ctl_request *rq, struct err *err)
{
	char name[40] = "";
	int r = take(rq->root, "gateway", name, sizeof name, err);
	const struct gateway *g = r == 0 ? courier_find(t->conf, name) : NULL;
	if (r == 0 && !g)
		return err_set(err, E_NOT_FOUND, "gateway", "no such gateway: %s", name);
	if (r == 0 && t->sending >= SENDING_MAX)
		return err_set(err, E_AGAIN, "", "too many messages are under way");
	struct job *j = r == 0 ? mem_alloc(sizeof *j) : NULL;
	if (!j)
		return r < 0 ? r : err_set(err, E_NOMEM, "", "no memory");
	*j = (struct job){ .t = t, .peer = rq->peer, .conf = t->conf, .gateway = g, .severity = (int)ctl_u64(rq->root, "severity", 0) };
	j->work.data = j;
	r = take(rq->root, "to", j->to, sizeof j->to, err);
	r = r < 0 ? r : take(rq->root, "text", j->text, sizeof j->text, err);
	r = r < 0 ? r : take(rq->root, "reference", j->reference, sizeof j->reference, err);
	r = r < 0 ? r : take(rq->root, "org", j->org, sizeof j->org, err);
	if (r == 0 && uv_queue_work(&t->loop, &j->work, job_work, job_done) < 0)
		r = err_set(err, E_NOMEM, "", "no memory");
	if (r < 0) {
		mem_free(j);
		return r;
	}
	t->sending++;
	return -E_AGAIN;
}

static int handle(const struct ctl_request *rq, const char *what, struct buf *b, void *user, struct err *err)
{
	(void)b;
	if (!jail_peer_allowed(SOCK_COURIER, rq->uid))
		return err_set(err, E_DENIED, "", "user %u may not ask", (unsigned)rq->uid);
	return strcmp(what, "courier.send") == 0 ? do_send(user, rq, err) : err_set(err, E_INVALID, "do", "no such request: %s", what);
}

static int read_config(struct courierd *t, struct err *err)
{
	struct buf b;
	struct courier *c = NULL;
	if (t->former)
		return err_set(err, E_AGAIN, "courierd.json", "messages of the generation before the last are under way");
	buf_init(&b, COURIER_CONFIG_MAX);
	int r = daemon_config(&t->d, &b, err);
	r = r < 0 ? r : courier_parse(buf_view(&b), &c, err);
	buf_done(&b);
	if (r < 0)
		return r;
	t->former = t->conf;
	t->conf = c;
	if (!t->sending)
		courier_destroy(&t->former);
	return 0;
}

static void on_term(uv_signal_t *s, int signum)
{
	struct courierd *t = s->data;
	(void)signum;
	ctl_close(&t->server);
	uv_stop(&t->loop);
}

static void on_hup(uv_signal_t *s, int signum)
{
	struct courierd *t = s->data;
	struct err err = { 0 };
	(void)signum;
	if (read_config(t, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "", "courierd.json", &err);
	else
		daemon_ready(&t->d);
}

static int open_all(struct courierd *t, struct err *err)
{
	char path[PLACE_MAX];
	if (uv_loop_init(&t->loop) < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, E_IO, "loop", "cannot start");
	uv_signal_init(&t->loop, &t->term);
	uv_signal_init(&t->loop, &t->hup);
	t->term.data = t->hup.data = t;
	uv_signal_start(&t->term, on_term, SIGTERM);
	uv_signal_start(&t->hup, on_hup, SIGHUP);
	int r = read_config(t, err);
	r = r < 0 ? r : ctl_listen(&t->loop, place_in_run(path, sizeof path, SOCK_COURIER), 0660, handle, t, &t->server, err);
	return r < 0 ? r : daemon_confine(&t->d, err);
}

int main(void)
{
	static struct courierd t;
	struct err err = { 0 };
	jail_install();
	int r = daemon_begin("courierd", &t.d, &err);
	r = r < 0 ? r : open_all(&t, &err);
	if (r < 0) {
		log_err(LOG_LEVEL_ERROR, "", "start", &err);
		return 1;
	}
	daemon_ready(&t.d);
	log_info("", "start", "ready");
	uv_run(&t.loop, UV_RUN_DEFAULT);
	return 0;
}
