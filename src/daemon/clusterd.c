/* toride-clusterd: the only one that talks to a ClickHouse elsewhere (service.store). stored, which fills the index and asks it and
 * has no network, finds the same interface at a UNIX socket as toride-indexd has for the embedded engine; this carries each request over (index/cluster.h). It has the
 * network and the key of the cluster, and nothing that opens a segment.
 *
 * SIGHUP reads the generation again. The key: STATE/cluster/secret, one line, put there by root. */
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "index/cluster.h"
#include "jail/jail.h"
#include "wire/ctl.h"
#include "wire/daemon.h"
#include "wire/place.h"
#include "wire/sock.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SHOW_MS 500
#define CONFIG_MAX (8u * MIB)
#define SECRET_MAX 256

struct clusterd {
	struct daemon d;
	uv_loop_t loop;
	uv_signal_t hup, term;
	uv_timer_t show;
	struct cluster *cluster;
	pthread_t server;
	int listen_fd, stop_fd;
	bool away; /* told */
};

static int read_secret(char dst[SECRET_MAX], struct err *err)
{
	char path[PLACE_MAX];
	struct buf b;
	buf_init(&b, KIB);
	int r = fs_read(place_in_state(path, sizeof path, "cluster/secret"), &b, err);
	struct str rest = buf_view(&b), line = STR("");
	str_next(&rest, '\n', &line);
	if (r == 0 && (!str_copy(line, dst, SECRET_MAX) || !*dst))
		r = err_set(err, E_INVALID, path, "isn't a key of one line");
	if (b.ptr)
		explicit_bzero(b.ptr, b.len);
	buf_done(&b);
	return r;
}

static int take_config(struct clusterd *c, yyjson_val *root, struct err *err)
{
	char secret[SECRET_MAX], user[128], place[128] = "";
	struct buf ca;
	struct str pem = ctl_str(root, "ca");
	struct cluster_opts o = { .user = user, .key = secret, .place = place, .replicated = ctl_str(root, "cluster").len > 0 };
	size_t i, max;
	yyjson_val *v;
	yyjson_arr_foreach(yyjson_obj_get(root, "urls"), i, max, v)
		if (o.n < CLUSTER_HOSTS && yyjson_is_str(v))
			o.urls[o.n++] = yyjson_get_str(v);
	bool fits = str_copy(ctl_str(root, "user"), user, sizeof user) && (!ctl_str(root, "place").ptr || str_copy(ctl_str(root, "place"), place, sizeof place));
	int r = fits ? read_secret(secret, err) : err_set(err, E_INVALID, "clusterd.json", "isn't what the compiler writes");
	buf_init(&ca, 4 * MIB);
	buf_put(&ca, pem.ptr ? pem.ptr : "", pem.len);
	o.ca = buf_cstr(&ca);
	r = r < 0 ? r : cluster_set(c->cluster, &o, err);
	explicit_bzero(secret, sizeof secret);
	buf_done(&ca);
	return r;
}

static int read_config(struct clusterd *c, struct err *err)
{
	struct buf b;
	buf_init(&b, CONFIG_MAX);
	int r = daemon_config(&c->d, &b, err);
	yyjson_doc *doc = r == 0 ? yyjson_read(b.ptr, b.len, 0) : NULL;
	r = r < 0 ? r : take_config(c, yyjson_doc_get_root(doc), err);
	yyjson_doc_free(doc);
	buf_done(&b);
	return r;
}

/* ---- serving ---- */

static bool allowed(unsigned uid)
{
	return jail_peer_allowed(SOCK_CLUSTER, uid);
}

static void *serve(void *user)
{
	struct clusterd *c = user;
	struct err err = { 0 };
	if (serve_run(&cluster_ops, c->cluster, c->listen_fd, c->stop_fd, allowed, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "clusterd", &err);
		_exit(1);
	}
	return NULL;
}

static void on_show(uv_timer_t *t)
{
	struct clusterd *c = t->data;
	struct cluster_stats s = cluster_stats(c->cluster);
	const struct { const char *name; uint64_t value; } rows[] = {
		{ "requests", s.asked }, { "requests_failed", s.failed }, { "cluster_host", s.host }, { "cluster_away", s.away },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		stats_set(stats_counter(c->d.stats, "", rows[i].name), rows[i].value);
	if (s.away != c->away)
		log_write(s.away ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "", "cluster", s.away ? "none of its servers answers" : "it answers");
	c->away = s.away;
}

/* ---- main ---- */

static void on_hup(uv_signal_t *s, int signum)
{
	struct clusterd *c = s->data;
	struct err err = { 0 };
	(void)signum;
	if (read_config(c, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "", "clusterd.json", &err);
	else
		daemon_ready(&c->d);
}

static void on_term(uv_signal_t *s, int signum)
{
	(void)s, (void)signum;
	_exit(0); /* whoever asked learns that it has no answer, as after a kill */
}

static int start(struct clusterd *c, struct err *err)
{
	char path[PLACE_MAX];
	int r = daemon_begin("clusterd", &c->d, err);
	if (r == 0 && (uv_loop_init(&c->loop) < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (c->stop_fd = eventfd(0, EFD_CLOEXEC)) < 0))
		r = err_set(err, E_NOMEM, "", "cannot begin");
	r = r < 0 ? r : cluster_open(&c->cluster, err);
	r = r < 0 ? r : read_config(c, err);
	r = r < 0 ? r : sock_listen(place_in_run(path, sizeof path, SOCK_CLUSTER), 0660, &c->listen_fd, err);
	if (r < 0)
		return r;
	uv_signal_init(&c->loop, &c->hup);
	uv_signal_init(&c->loop, &c->term);
	uv_timer_init(&c->loop, &c->show);
	c->hup.data = c->term.data = c->show.data = c;
	uv_signal_start(&c->hup, on_hup, SIGHUP);
	uv_signal_start(&c->term, on_term, SIGTERM);
	uv_timer_start(&c->show, on_show, 0, SHOW_MS);
	r = daemon_confine(&c->d, err);
	if (r == 0 && pthread_create(&c->server, NULL, serve, c) != 0)
		r = err_set(err, E_NOMEM, "", "no thread");
	return r;
}

int main(void)
{
	static struct clusterd c;
	struct err err = { 0 };
	jail_install();
	signal(SIGPIPE, SIG_IGN);
	if (start(&c, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "clusterd", &err);
		return 1;
	}
	daemon_ready(&c.d);
	log_info("", "clusterd", "ready");
	uv_run(&c.loop, UV_RUN_DEFAULT);
	return 0;
}
