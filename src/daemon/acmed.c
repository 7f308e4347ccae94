/* toride-acmed: gets and renews the public sites' certificates from the authority (RFC 8555), and watches when each ends, also of those
 * that were given. It holds no key: the vault signs for our account there, and makes each site's key. New certificates lie in
 * STATE/acme/live, which belongs to no generation (an undo must not bring an old one back); torided then tells the sites' server.
 *
 * One order at a time, in a thread of its own; what is served is asked from the server itself. RUN/acme/sites.json is the list. */
#include "acme/cert.h"
#include "acme/conf.h"
#include "acme/order.h"
#include "acme/watch.h"
#include "acme/world.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "jail/jail.h"
#include "wire/ctl.h"
#include "wire/daemon.h"
#include "wire/events.h"
#include "wire/order.h"
#include "wire/place.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <uv.h>

#define CONFIG_MAX (16 * MIB)
#define ORDER_MS 20000
#define LOOK_MS 3600000 /* what is served is looked at again each hour */
#define SERVED_TRIES 20

struct acmed;

/* What the thread works on: copies, since the configuration may change meanwhile. */
struct work {
	uv_work_t req;
	struct acmed *a;
	struct acme_conf conf; /* its own, of the same text */
	size_t site;
	bool order;            /* else: look only */
	struct cert cert;
	bool served;
	int r;                 /* what err says may be of a try that was followed by a good one */
	struct err err;
};

struct acmed {
	struct daemon d;
	struct events *events;
	uv_loop_t loop;
	uv_timer_t second, tick;
	uv_signal_t hup, term;
	struct ctl_server *ctl;
	struct buf text; /* the configuration in force */
	struct acme_conf conf;
	struct watched *sites;
	int64_t looked_ms;
	bool working, changed;
};

static const char *cert_path(const struct acme_site *s, char dst[PLACE_MAX])
{
	return s->acme ? place_in_state(dst, PLACE_MAX, "acme/live/%s.pem", s->names[0]) : place_in_state(dst, PLACE_MAX, "current/edge/certs/%s.pem", s->names[0]);
}

static int read_cert(const struct acme_site *s, struct cert *ret, struct err *err)
{
	char path[PLACE_MAX];
	struct buf b;
	buf_init(&b, MIB);
	int r = fs_read(cert_path(s, path), &b, err);
	r = r < 0 ? r : cert_read(buf_view(&b), s->names, s->n, ret, err);
	buf_done(&b);
	return r;
}

/* ---- in the thread ---- */

static int take_into_use(const struct acme_site *s, struct str pem, struct err *err)
{
	char path[PLACE_MAX];
	struct order o = { .op = ORDER_EDGE };
	int r = fs_write(cert_path(s, path), pem, 0644, err);
	return r < 0 ? r : order_call(&o, ORDER_MS, NULL, err);
}

static int get_certificate(struct work *w, const struct acme_site *s, struct err *err)
{
	char dir[PLACE_MAX];
	struct world_opts wo = { .resolver = s->resolver, .ca = w->conf.ca, .challenges = place_in_state(dir, sizeof dir, "acme/challenge") };
	struct world *world = NULL;
	struct acme_world aw;
	struct buf pem;
	buf_init(&pem, ACME_BODY);
	int r = world_open(&wo, &world, err);
	if (r == 0) {
		world_fill(world, &aw);
		struct acme_order o = { w->conf.directory, w->conf.contact, s->names, s->n };
		r = acme_order(&aw, &o, &pem, err);
	}
	r = r < 0 ? r : take_into_use(s, buf_view(&pem), err);
	world_close(&world);
	buf_done(&pem);
	return r;
}

/* Old workers of the server may answer for a moment after a reload. */
static bool is_served(const struct work *w, const struct acme_site *s)
{
	unsigned char sum[SHA256_LEN];
	for (int i = 0; i < (w->order ? SERVED_TRIES : 1); i++) {
		if (i)
			uv_sleep(200);
		if (world_served(w->conf.web, s->names[0], sum, NULL) == 0 && memcmp(sum, w->cert.sum, sizeof sum) == 0)
			return true;
	}
	return false;
}

static void work_run(uv_work_t *req)
{
	struct work *w = req->data;
	const struct acme_site *s = &w->conf.sites[w->site];
	w->r = w->order ? get_certificate(w, s, &w->err) : 0;
	w->r = w->r < 0 ? w->r : read_cert(s, &w->cert, &w->err);
	if (w->r == 0)
		w->served = is_served(w, s);
}

/* ---- telling ---- */

static void say(struct acmed *a, const struct acme_site *s, const char *activity, const char *message)
{
	events_app(a->events, str_from(s->org), "acmed", s->names[0], activity, message);
}

static void write_list(struct acmed *a)
{
	char path[PLACE_MAX];
	struct err err = { 0 };
	struct buf b;
	buf_init(&b, 32 * MIB);
	buf_puts(&b, "[");
	for (size_t i = 0; i < a->conf.n; i++) {
		buf_puts(&b, i ? ",\n" : "");
		watch_put(&a->sites[i], clock_now_ms() / 1000, &b);
	}
	buf_puts(&b, "]\n");
	if (b.failed || fs_write(place_in_run(path, sizeof path, "acme/sites.json"), buf_view(&b), 0644, &err) < 0)
		log_err(LOG_LEVEL_WARN, "", "sites.json", &err);
	buf_done(&b);
	a->changed = false;
}

static void look_for_alarms(struct acmed *a)
{
	char message[600];
	for (size_t i = 0; i < a->conf.n; i++)
		if (watch_alarm(&a->sites[i], clock_now_ms() / 1000, message, sizeof message)) {
			log_warn(a->conf.sites[i].org, a->conf.sites[i].names[0], "%s", message);
			say(a, &a->conf.sites[i], "Alarm", message);
			a->changed = true;
		}
}

/* ---- work ---- */

static struct watched *find(struct acmed *a, const char *name)
{
	for (size_t i = 0; i < a->conf.n; i++)
		if (strcmp(a->conf.sites[i].names[0], name) == 0)
			return &a->sites[i];
	return NULL;
}

static void order_done(struct acmed *a, struct work *w, struct watched *x)
{
	char message[400], until[CLOCK_TEXT];
	if (w->r < 0) {
		snprintf(message, sizeof message, "%.200s", w->err.msg);
		log_err(LOG_LEVEL_WARN, x->site->org, x->site->names[0], &w->err);
		watch_failed(x, message, clock_mono_ms());
		stats_add(stats_counter(a->d.stats, x->site->org, "certificates_failed"), 1);
		return;
	}
	watch_renewed(x, &w->cert);
	clock_format_utc(w->cert.not_after * 1000, until);
	snprintf(message, sizeof message, "a new certificate for %s is in use until %s (%s の証明書を更新しました)", x->site->names[0], until, x->site->names[0]);
	log_info(x->site->org, x->site->names[0], "%s", message);
	say(a, x->site, "Start", message);
	stats_add(stats_counter(a->d.stats, x->site->org, "certificates"), 1);
}

static void work_done(uv_work_t *req, int status)
{
	struct work *w = req->data;
	struct acmed *a = w->a;
	struct watched *x = find(a, w->conf.sites[w->site].names[0]); /* the description may have changed meanwhile */
	(void)status;
	if (x && w->order)
		order_done(a, w, x);
	if (x && w->r == 0 && (w->order || memcmp(x->cert.sum, w->cert.sum, sizeof w->cert.sum) == 0)) {
		x->served = w->served;
		x->looked = true;
	}
	a->working = false;
	a->changed = true;
	acme_conf_done(&w->conf);
	mem_free(w);
}

static void begin_work(struct acmed *a, size_t site, bool order)
{
	struct work *w = mem_alloc(sizeof *w);
	if (!w)
		return;
	*w = (struct work){ .a = a, .site = site, .order = order };
	w->req.data = w;
	if (acme_conf_parse(buf_view(&a->text), &w->conf, NULL) < 0 || uv_queue_work(&a->loop, &w->req, work_run, work_done) < 0) {
		acme_conf_done(&w->conf);
		mem_free(w);
		return;
	}
	a->working = true;
}

/* First what is due, then what nobody has looked at. */
static void next_work(struct acmed *a)
{
	int64_t now = clock_now_ms() / 1000, mono = clock_mono_ms();
	bool ask = !daemon_stands_by(); /* then certificates come from the other node (daemon/pairkeys.h) */
	for (size_t i = 0; ask && i < a->conf.n && !a->working; i++)
		if (watch_due(&a->sites[i], now, mono))
			begin_work(a, i, true);
	for (size_t i = 0; i < a->conf.n && !a->working; i++)
		if (a->sites[i].have && !a->sites[i].looked && (!a->sites[i].site->acme || a->sites[i].cert.covers))
			begin_work(a, i, false);
}

static void on_second(uv_timer_t *t)
{
	struct acmed *a = t->data;
	if (clock_mono_ms() - a->looked_ms > LOOK_MS) {
		for (size_t i = 0; i < a->conf.n; i++)
			a->sites[i].looked = false;
		a->looked_ms = clock_mono_ms();
	}
	if (!a->working)
		next_work(a);
	look_for_alarms(a);
	if (a->changed)
		write_list(a);
}

static void on_tick(uv_timer_t *t)
{
	events_work(((struct acmed *)t->data)->events);
}

/* ---- asked ---- */

/* From the other node, whose vault's keys are here already. An older one than ours isn't taken. */
static int take_theirs(struct watched *w, struct str pem, struct err *err)
{
	struct cert c;
	struct buf chain;
	int r = cert_read(pem, w->site->names, w->site->n, &c, err);
	if (r == 0 && !c.covers)
		r = err_set(err, E_INVALID, "certificate", "it isn't for this site");
	if (r < 0 || (w->have && w->cert.covers && c.not_after <= w->cert.not_after))
		return r;
	buf_init(&chain, MIB);
	r = cert_chain(pem, &chain, err);
	r = r < 0 ? r : take_into_use(w->site, buf_view(&chain), err);
	buf_done(&chain);
	if (r == 0)
		watch_renewed(w, &c);
	return r;
}

static int handle(const struct ctl_request *rq, const char *what, struct buf *b, void *user, struct err *err)
{
	struct acmed *a = user;
	char name[256];
	(void)b;
	if (!jail_peer_allowed(SOCK_ACME, rq->uid))
		return err_set(err, E_DENIED, "", "this socket isn't for you");
	bool take = strcmp(what, "site.take") == 0;
	if (take != (rq->uid == USER_PAIR))
		return err_set(err, E_DENIED, "", "not yours to ask");
	if ((!take && strcmp(what, "site.renew") != 0) || !str_copy(ctl_str(rq->root, "site"), name, sizeof name))
		return err_set(err, E_INVALID, "do", "no such request");
	struct watched *w = find(a, name);
	if (take && !daemon_stands_by())
		return err_set(err, E_STATE, "site", "this node carries the traffic: its certificates are its own");
	if (take && (!w || !w->site->acme))
		return 0; /* not, or not any more, in the generation that is in force here */
	if (take) {
		a->changed = true;
		return take_theirs(w, ctl_str(rq->root, "certificate"), err);
	}
	if (!w)
		return err_set(err, E_NOT_FOUND, "site", "no public site with a certificate has this name");
	if (!w->site->acme)
		return err_set(err, E_STATE, "site", "its certificate was given: make a request with toride site csr");
	w->asked = true;
	w->try_ms = 0;
	return 0;
}

/* ---- configuration ---- */

static int take_sites(struct acmed *a, const struct acme_conf *was, const struct watched *old, struct err *err)
{
	struct watched *sites = mem_array(a->conf.n + 1, sizeof *sites);
	if (!sites)
		return err_set(err, E_NOMEM, "acmed.json", "no memory");
	for (size_t i = 0; i < a->conf.n; i++) {
		const struct acme_site *s = &a->conf.sites[i];
		struct watched *w = &sites[i];
		for (size_t k = 0; k < was->n; k++)
			if (strcmp(was->sites[k].names[0], s->names[0]) == 0 && was->sites[k].acme == s->acme)
				*w = old[k];
		w->site = s;
		w->looked = false;
		w->try_ms = 0; /* what kept it from succeeding may be what was changed */
		w->have = read_cert(s, &w->cert, NULL) == 0;
	}
	a->sites = sites;
	return 0;
}

static int read_config(struct acmed *a, struct err *err)
{
	struct buf text;
	struct acme_conf c, was = a->conf;
	struct watched *old = a->sites;
	buf_init(&text, CONFIG_MAX);
	int r = daemon_config(&a->d, &text, err);
	r = r < 0 ? r : acme_conf_parse(buf_view(&text), &c, err);
	if (r == 0) {
		a->conf = c;
		r = take_sites(a, &was, old, err);
		if (r < 0) {
			a->conf = was;
			acme_conf_done(&c);
		}
	}
	if (r < 0) {
		buf_done(&text);
		return r;
	}
	acme_conf_done(&was);
	mem_free(old);
	buf_done(&a->text);
	a->text = text;
	a->changed = true;
	return 0;
}

static void on_hup(uv_signal_t *s, int signum)
{
	struct acmed *a = s->data;
	struct err err = { 0 };
	(void)signum;
	if (read_config(a, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "", "acmed.json", &err);
	else
		daemon_ready(&a->d);
}

static void on_term(uv_signal_t *s, int signum)
{
	(void)s, (void)signum;
	_exit(0); /* an order under way is forgotten: the authority lets it expire */
}

static int start(struct acmed *a, struct err *err)
{
	char path[PLACE_MAX];
	int r = daemon_begin("acmed", &a->d, err);
	if (r == 0 && (uv_loop_init(&a->loop) < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK))
		r = err_set(err, E_NOMEM, "", "cannot begin");
	r = r < 0 ? r : events_open("acmed", 256 * KIB, &a->events, err);
	r = r < 0 ? r : read_config(a, err);
	r = r < 0 ? r : ctl_listen(&a->loop, place_in_run(path, sizeof path, SOCK_ACME), 0660, handle, a, &a->ctl, err);
	if (r < 0)
		return r;
	uv_timer_init(&a->loop, &a->second);
	uv_timer_init(&a->loop, &a->tick);
	uv_signal_init(&a->loop, &a->hup);
	uv_signal_init(&a->loop, &a->term);
	a->second.data = a->tick.data = a->hup.data = a->term.data = a;
	uv_signal_start(&a->hup, on_hup, SIGHUP);
	uv_signal_start(&a->term, on_term, SIGTERM);
	uv_timer_start(&a->second, on_second, 1000, 1000);
	uv_timer_start(&a->tick, on_tick, 0, 100);
	a->looked_ms = clock_mono_ms();
	return daemon_confine(&a->d, err);
}

int main(void)
{
	static struct acmed a;
	struct err err = { 0 };
	jail_install();
	if (start(&a, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "acmed", &err);
		return 1;
	}
	daemon_ready(&a.d);
	uv_run(&a.loop, UV_RUN_DEFAULT);
	return 0;
}
