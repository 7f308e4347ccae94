/* toride-coldd: cold segments go on from the cold disk to a store of objects, and come back when somebody reads them (cold/keeper.h). A thread
 * walks; requests (cold.get: org, series, segment) are run by others, one at a time with it. It has the network and the store's key, and nothing that
 * opens a segment.
 *
 * SIGHUP reads the generation again. The key: STATE/cold/secret, one line. */
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "cold/keeper.h"
#include "jail/jail.h"
#include "segment/segment.h"
#include "wire/ctl.h"
#include "wire/daemon.h"
#include "wire/events.h"
#include "wire/place.h"

#include <curl/curl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#define WALK_MS 10000
#define SAY_MS 600000
#define TELL_MS 100
#define WAITING_MAX 16
#define CONFIG_MAX (8u * MIB)
#define SECRET_MAX 256

struct coldd {
	struct daemon d;
	uv_loop_t loop;
	uv_signal_t hup, term;
	struct ctl_server *ctl;
	char segments[PLACE_MAX], holds[PLACE_MAX];
	pthread_t walker;
	int wake_fd;
	pthread_mutex_t lock; /* of the keeper, and of the store's connection */
	struct keeper keeper;
	_Atomic int64_t said_ms; /* when it spoke of the store last; 0: it takes what it is given */
	unsigned waiting;
	struct events *events;
	uv_timer_t tick;
	_Atomic uint64_t wanted; /* the keeper's, without its lock */
	bool alarmed;
};

/* ---- the store ---- */

static int read_secret(char dst[SECRET_MAX], struct err *err)
{
	char path[PLACE_MAX];
	struct buf b;
	buf_init(&b, KIB);
	int r = fs_read(place_in_state(path, sizeof path, "cold/secret"), &b, err);
	struct str rest = buf_view(&b), line = STR("");
	str_next(&rest, '\n', &line);
	if (r == 0 && (!str_copy(str_trim(line), dst, SECRET_MAX) || !*dst))
		r = err_set(err, E_INVALID, path, "isn't a key of one line");
	if (b.ptr)
		explicit_bzero(b.ptr, b.len);
	buf_done(&b);
	return r;
}

/* Under lock. The old store stays when the new one can't be read. */
static int take_config(struct coldd *c, yyjson_val *root, struct err *err)
{
	char url[512], bucket[64], region[64], key_id[160], secret[SECRET_MAX];
	struct s3 *s3 = NULL;
	struct buf ca;
	struct str pem = ctl_str(root, "ca");
	bool ok = str_copy(ctl_str(root, "url"), url, sizeof url) && str_copy(ctl_str(root, "bucket"), bucket, sizeof bucket) &&
	          str_copy(ctl_str(root, "region"), region, sizeof region) && str_copy(ctl_str(root, "key_id"), key_id, sizeof key_id);
	int r = ok ? read_secret(secret, err) : err_set(err, E_INVALID, "coldd.json", "isn't what the compiler writes");
	buf_init(&ca, 4 * MIB);
	buf_put(&ca, pem.ptr ? pem.ptr : "", pem.len);
	struct s3_opts o = { url, bucket, region, key_id, secret, buf_cstr(&ca), (unsigned)ctl_u64(root, "lock_days", 0) };
	r = r < 0 ? r : s3_open(&o, &s3, err);
	explicit_bzero(secret, sizeof secret);
	buf_done(&ca);
	if (r < 0)
		return r;
	s3_close(&c->keeper.s3);
	c->keeper.s3 = s3;
	c->said_ms = 0;
	return 0;
}

static int read_config(struct coldd *c, struct err *err)
{
	struct buf b;
	buf_init(&b, CONFIG_MAX);
	int r = daemon_config(&c->d, &b, err);
	yyjson_doc *doc = r == 0 ? yyjson_read(b.ptr, b.len, 0) : NULL;
	pthread_mutex_lock(&c->lock);
	r = r < 0 ? r : take_config(c, yyjson_doc_get_root(doc), err);
	pthread_mutex_unlock(&c->lock);
	yyjson_doc_free(doc);
	buf_done(&b);
	return r;
}

/* ---- walking ---- */

static void show(struct coldd *c)
{
	pthread_mutex_lock(&c->lock);
	const struct keeper now = c->keeper, *k = &now;
	atomic_store(&c->wanted, k->wanted);
	pthread_mutex_unlock(&c->lock);
	const struct { const char *name; uint64_t value; } rows[] = {
		{ "objects_sent", k->sent }, { "bytes_sent", k->sent_bytes }, { "objects_back", k->back }, { "objects_dropped", k->dropped }, { "faults", k->faults },
		{ "objects_put_away", k->put_away }, { "no_room", k->no_room },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		stats_set(stats_counter(c->d.stats, "", rows[i].name), rows[i].value);
}

/* A store that is away for a month: said at once, then every ten minutes. */
static void tell(struct coldd *c, int r, const struct err *err)
{
	int64_t now = clock_mono_ms();
	if (r < 0 && (!c->said_ms || now - c->said_ms >= SAY_MS)) {
		c->said_ms = now;
		log_err(LOG_LEVEL_WARN, "", "store", err);
	} else if (r == 0 && c->said_ms) {
		c->said_ms = 0;
		log_info("", "store", "takes what it is given again");
	}
}

static void on_tick(uv_timer_t *t)
{
	struct coldd *c = t->data;
	uint64_t wanted = atomic_load(&c->wanted);
	if (!wanted == c->alarmed) {
		c->alarmed = wanted;
		events_app(c->events, STR(""), "coldd", "coldd", wanted ? "Alarm" : "Start",
		           wanted ? "the disk of the cold records has no room to bring one back from the store: who reads doesn't get it; none is lost, add room "
		                    "(2台目のディスクに空きがなく、保管先から記録を取り戻せません。記録は失われていません。空きを増やしてください)" :
		                    "the disk of the cold records has room again: what is asked for comes back (2台目のディスクに空きができ、保管先から記録を取り戻せます)");
	}
	events_work(c->events);
}

static void *walk(void *user)
{
	struct coldd *c = user;
	eventfd_t n;
	for (;;) {
		struct err err = { 0 };
		struct pollfd p = { c->wake_fd, POLLIN, 0 };
		int r = keeper_walk(&c->keeper, &c->lock, clock_now_ms(), &err);
		tell(c, r, &err);
		show(c);
		if (poll(&p, 1, WALK_MS) > 0)
			eventfd_read(c->wake_fd, &n);
	}
	return NULL;
}

/* ---- requests ---- */

struct job {
	uv_work_t work;
	struct coldd *c;
	uint64_t peer;
	char org[8], series[16];
	uint32_t number;
	struct err err;
};

static void job_work(uv_work_t *w)
{
	struct job *j = w->data;
	pthread_mutex_lock(&j->c->lock);
	keeper_fetch(&j->c->keeper, j->org, j->series, j->number, &j->err);
	atomic_store(&j->c->wanted, j->c->keeper.wanted);
	pthread_mutex_unlock(&j->c->lock);
}

static void job_done(uv_work_t *w, int status)
{
	struct job *j = w->data;
	if (status < 0 && !j->err.code)
		err_set(&j->err, E_CLOSED, "", "coldd is ending");
	ctl_reply(j->c->ctl, j->peer, STR(""), &j->err);
	j->c->waiting--;
	mem_free(j);
}

static int handle(const struct ctl_request *rq, const char *what, struct buf *b, void *user, struct err *err)
{
	struct coldd *c = user;
	struct job *j;
	(void)b;
	if (!jail_peer_allowed(SOCK_COLD, rq->uid))
		return err_set(err, E_DENIED, "", "user %u may not ask", (unsigned)rq->uid);
	if (strcmp(what, "cold.get") != 0)
		return err_set(err, E_INVALID, "do", "no such request: %s", what);
	if (c->waiting >= WAITING_MAX || !(j = mem_alloc(sizeof *j)))
		return err_set(err, E_LIMIT, "", "too many are waiting");
	*j = (struct job){ .c = c, .peer = rq->peer, .number = (uint32_t)ctl_u64(rq->root, "segment", 0) };
	j->work.data = j;
	if (!str_copy(ctl_str(rq->root, "org"), j->org, sizeof j->org) || !str_copy(ctl_str(rq->root, "series"), j->series, sizeof j->series) ||
	    uv_queue_work(&c->loop, &j->work, job_work, job_done) < 0) {
		mem_free(j);
		return err_set(err, E_INVALID, "segment", "not a segment's name");
	}
	c->waiting++;
	return -E_AGAIN;
}

/* ---- main ---- */

static void on_hup(uv_signal_t *s, int signum)
{
	struct coldd *c = s->data;
	struct err err = { 0 };
	(void)signum;
	if (read_config(c, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "", "coldd.json", &err);
	else
		daemon_ready(&c->d);
	eventfd_write(c->wake_fd, 1);
}

static void on_term(uv_signal_t *s, int signum)
{
	(void)s, (void)signum;
	_exit(0); /* each step is begun again */
}

static int start(struct coldd *c, struct err *err)
{
	char path[PLACE_MAX];
	place_in_state(c->segments, sizeof c->segments, "segments");
	place_in_state(c->holds, sizeof c->holds, "holds");
	c->keeper = (struct keeper){ .segments = c->segments, .holds = c->holds };
	pthread_mutex_init(&c->lock, NULL);
	umask(002); /* a lost disk's directories are made anew by us, and are the group's as they were */
	int r = daemon_begin("coldd", &c->d, err);
	if (r == 0 && (uv_loop_init(&c->loop) < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0))
		r = err_set(err, E_NOMEM, "", "cannot begin");
	r = r < 0 ? r : events_open("coldd", 64 * KIB, &c->events, err);
	r = r < 0 ? r : read_config(c, err);
	r = r < 0 ? r : ctl_listen(&c->loop, place_in_run(path, sizeof path, SOCK_COLD), 0660, handle, c, &c->ctl, err);
	if (r < 0)
		return r;
	uv_signal_init(&c->loop, &c->hup);
	uv_signal_init(&c->loop, &c->term);
	uv_timer_init(&c->loop, &c->tick);
	c->hup.data = c->term.data = c->tick.data = c;
	uv_timer_start(&c->tick, on_tick, TELL_MS, TELL_MS);
	uv_signal_start(&c->hup, on_hup, SIGHUP);
	uv_signal_start(&c->term, on_term, SIGTERM);
	r = daemon_confine(&c->d, err);
	if (r == 0 && pthread_create(&c->walker, NULL, walk, c) != 0)
		r = err_set(err, E_NOMEM, "", "no thread");
	return r;
}

int main(void)
{
	static struct coldd c;
	struct err err = { 0 };
	jail_install();
	if (start(&c, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "coldd", &err);
		return 1;
	}
	daemon_ready(&c.d);
	log_info("", "coldd", "ready");
	uv_run(&c.loop, UV_RUN_DEFAULT);
	return 0;
}
