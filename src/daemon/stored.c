/* toride-stored: what is sealed becomes searchable. One thread fills the index from the segments (index/fill.h); requests come
 * from controld and portald as JSON lines (doc/interfaces/search.md) and are run a few at a time. It asks the engine, or a ClickHouse
 * elsewhere by way of toride-clusterd, over a UNIX socket and has no network.
 *
 * An index that is out of reach for longer than the description allows raises an alarm (rules/index_alarm.yml); what it misses
 * stays in the segments, and comes when it is back.
 *
 * SIGHUP reads the generation again (how long each body's records are kept, and whose the index is). */
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "cold/client.h"
#include "index/fill.h"
#include "index/refill.h"
#include "index/refusals.h"
#include "index/rollup.h"
#include "index/search.h"
#include "index/sites.h"
#include "index/sweep.h"
#include "jail/jail.h"
#include "normalise/orgs.h"
#include "segment/file.h"
#include "segment/hold.h"
#include "segment/witness.h"
#include "vault/vault_client.h"
#include "wire/ctl.h"
#include "wire/daemon.h"
#include "wire/events.h"
#include "wire/place.h"

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DAY_MS 86400000ll
#define WAITING_MAX 32
#define AGAIN_MS 500         /* after an error of the index, doubled up to … */
#define AGAIN_MAX_MS 10000
#define EXPIRE_MS 3600000
#define ROLLUP_MS 600000 /* counting a day */
#define ROLLUP_PASSES 64 /* a year and more at once, where nothing was counted yet */
#define ROOM_PERCENT 5 /* free on the index's disk: below, it isn't filled; records come first, and may lie on the same disk */
#define CONFIG_MAX (16u * MIB)
#define TELL_MS 100
#define AWAY_S 60
#define NOT_READY "the search isn't ready; records are sealed all the same (toride log tail, toride status)"

struct keep { /* how long a body's records are kept */
	char org[8];
	uint32_t class; /* 0: all that aren't in a class's own series */
	unsigned days;
};

struct where { /* the index is; never freed: a search under way may still look there */
	char socket[PLACE_MAX], database[128], cluster[64], place[128];
	struct client_opts client;
	struct where *before;
};

struct stored {
	struct daemon d;
	uv_loop_t loop;
	uv_signal_t term, hup;
	struct ctl_server *server;
	struct vault *vault;
	char segments[PLACE_MAX], state[PLACE_MAX], holds[PLACE_MAX], index[PLACE_MAX];
	struct where *_Atomic where, *_Atomic filled; /* filled: found to be ours */
	uv_timer_t tell;
	struct events *events;
	_Atomic int64_t away_ms; /* monotonic: since then nothing could be filled; 0: it can */
	_Atomic unsigned away_s;
	bool alarmed;
	_Atomic uint64_t lacking; /* segments that a rebuild couldn't have; not told yet */
	_Atomic bool whole;       /* one lacks none again; not told yet */
	/* the filling thread */
	pthread_t filler;
	bool paused; /* for want of room */
	int wake_fd; /* readable: look at the three below */
	_Atomic bool stop, again, expire; /* expire: a new generation may keep less */
	int64_t unheard_ms; /* monotonic: no row goes before (segment/hold.h) */
	/* of the generation; under lock */
	pthread_mutex_t lock;
	struct keep *keeps;
	size_t n_keeps;
	unsigned searching;
	struct job *jobs; /* under way */
	uint64_t n_jobs;
};

static void count(struct stored *t, const char *name, uint64_t value)
{
	stats_set(stats_counter(t->d.stats, "", name), value);
}

/* ---- telling ---- */

static void alarm_event(struct stored *t, const char *name, const char *activity, const char *message)
{
	events_app(t->events, STR(""), "stored", name, activity, message);
}

/* Of a rebuild that is over, told by the filling thread. */
static void tell_rebuilt(struct stored *t)
{
	char text[400];
	unsigned long long n = atomic_exchange(&t->lacking, 0);
	snprintf(text, sizeof text, "the index was filled again but for %llu segments that couldn't be read: toride log rebuild --result names them; the records are as they were"
	                            " (索引の作り直しで %llu 個のセグメントを読めず、その記録は検索に出ません。toride log rebuild --result で確認できます)", n, n);
	if (n)
		alarm_event(t, "rebuild", "Alarm", text);
	if (atomic_exchange(&t->whole, false))
		alarm_event(t, "rebuild", "Start", "the index was filled again, and lacks nothing (索引の作り直しが欠けなく終わりました)");
}

static void end_abandoned(struct stored *t);

static void on_tell(uv_timer_t *timer)
{
	struct stored *t = timer->data;
	int64_t away = t->away_ms;
	bool now = away && clock_mono_ms() - away >= t->away_s * 1000ll;
	if (now && !t->alarmed)
		alarm_event(t, "index", "Alarm", "the index can't be filled: searches miss what is new; records are sealed all the same (索引に書き込めません。新しい記録が検索に出ません。記録そのものは保管されています)");
	if (!away && t->alarmed)
		alarm_event(t, "index", "Start", "the index is filled on, from where it was (索引への書き込みを再開しました。途中の記録も入ります)");
	t->alarmed = now || (away && t->alarmed);
	tell_rebuilt(t);
	end_abandoned(t);
	count(t, "index_alarm", t->alarmed);
	events_work(t->events);
}

/* ---- configuration: {"cluster":{"database":"toride","name":"","away_s":60,"of_node":false},
 *                        "orgs":[{"code":"412015","retention_days":396,"retention":[{"class":4001,"days":90}]}]} ---- */

/* A database of [a-z0-9_]: the node's name has hyphens. */
static bool database_of(yyjson_val *cluster, char *dst, size_t size)
{
	char name[64];
	bool own = yyjson_get_bool(yyjson_obj_get(cluster, "of_node"));
	int n = str_copy(ctl_str(cluster, "database"), name, sizeof name) && *name ? snprintf(dst, size, "%s%s%s", name, own ? "_" : "", own ? place_node() : "") : -1;
	for (char *p = dst; n > 0 && n < (int)size && *p; p++)
		*p = (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') ? *p : *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : '_';
	return n > 0 && n < (int)size;
}

/* Of this generation. *ret_moved: it isn't where it was. */
static int where_load(struct stored *t, yyjson_val *cluster, bool *ret_moved, struct err *err)
{
	struct where *w = mem_alloc(sizeof *w), *now = t->where;
	if (!w)
		return err_set(err, E_NOMEM, "", "no memory");
	*w = (struct where){ .before = now };
	place_in_run(w->socket, sizeof w->socket, cluster ? SOCK_CLUSTER : SOCK_INDEX);
	w->client = (struct client_opts){ .socket_path = w->socket, .cluster = { 0, cluster ? w->database : NULL, w->cluster }, .place = cluster ? w->place : NULL };
	if (cluster && (!database_of(cluster, w->database, sizeof w->database) || !str_copy(ctl_str(cluster, "name"), w->cluster, sizeof w->cluster) ||
	                (ctl_str(cluster, "place").ptr && !str_copy(ctl_str(cluster, "place"), w->place, sizeof w->place)))) {
		mem_free(w);
		return err_set(err, E_INVALID, "stored.json", "isn't what the compiler writes");
	}
	*ret_moved = !now || cluster /* its servers may be others: found to be ours again, first */ || strcmp(now->socket, w->socket) != 0 || strcmp(now->database, w->database) != 0 || strcmp(now->cluster, w->cluster) != 0;
	if (*ret_moved)
		t->where = w;
	else
		mem_free(w);
	return 0;
}

#define KEEPS_A_BODY (1 + ORGS_CLASSES) /* its own days, and those of classes */

static void read_keeps(yyjson_val *o, struct keep *list, size_t *n)
{
	size_t i, max;
	yyjson_val *v;
	struct keep *k = &list[(*n)++];
	str_copy(ctl_str(o, "code"), k->org, sizeof k->org);
	k->days = (unsigned)ctl_u64(o, "retention_days", 3660);
	yyjson_arr_foreach(yyjson_obj_get(o, "retention"), i, max, v) {
		if (i + 1 == KEEPS_A_BODY)
			break;
		list[*n] = *k;
		list[*n].class = (uint32_t)ctl_u64(v, "class", 0);
		list[(*n)++].days = (unsigned)ctl_u64(v, "days", 3660);
	}
}

static int config_load(struct stored *t, struct err *err)
{
	struct buf b;
	struct keep *keeps = NULL;
	size_t i, max, n = 0;
	yyjson_val *o;
	buf_init(&b, CONFIG_MAX);
	int r = daemon_config(&t->d, &b, err);
	yyjson_doc *doc = r == 0 ? yyjson_read(b.ptr, b.len, 0) : NULL;
	yyjson_val *orgs = yyjson_obj_get(yyjson_doc_get_root(doc), "orgs");
	if (r == 0 && !yyjson_is_arr(orgs))
		r = err_set(err, E_INVALID, "stored.json", "has no orgs");
	bool moved = false;
	if (r == 0)
		r = where_load(t, yyjson_obj_get(yyjson_doc_get_root(doc), "cluster"), &moved, err);
	if (r == 0)
		t->away_s = (unsigned)ctl_u64(yyjson_obj_get(yyjson_doc_get_root(doc), "cluster"), "away_s", AWAY_S);
	if (r == 0 && !(keeps = mem_array(yyjson_arr_size(orgs) * KEEPS_A_BODY + 1, sizeof *keeps)))
		r = err_set(err, E_NOMEM, "", "no memory");
	if (r == 0)
		yyjson_arr_foreach(orgs, i, max, o)
			read_keeps(o, keeps, &n);
	yyjson_doc_free(doc);
	buf_done(&b);
	if (r < 0)
		return r;
	pthread_mutex_lock(&t->lock);
	mem_free(t->keeps);
	t->keeps = keeps;
	t->n_keeps = n;
	pthread_mutex_unlock(&t->lock);
	t->again = t->again || moved;
	return 0;
}

/* ---- filling ---- */

static int segment_key(const char *org, const char *series, uint32_t number, unsigned char ret[SEGMENT_KEY], void *user, struct err *err)
{
	return vault_segkey_wait(user, org, series, number, ret, err); /* an index that begins again asks for a year's */
}

static void pause_ms(struct stored *t, int ms, int fd)
{
	struct pollfd p[2] = { { t->wake_fd, POLLIN, 0 }, { fd, POLLIN, 0 } };
	eventfd_t n;
	if (poll(p, 2, ms) > 0 && p[0].revents)
		eventfd_read(t->wake_fd, &n);
}

static int by_days(const void *a, const void *b)
{
	const struct keep *x = a, *y = b;
	return x->days < y->days ? -1 : x->days > y->days;
}

/* A copy of what the generation says, the shortest first. */
static struct keep *keeps_now(struct stored *t, size_t *ret_n)
{
	pthread_mutex_lock(&t->lock);
	size_t n = t->n_keeps;
	struct keep *keeps = mem_array(n + 1, sizeof *keeps);
	if (keeps && n)
		memcpy(keeps, t->keeps, n * sizeof *keeps);
	pthread_mutex_unlock(&t->lock);
	if (keeps)
		qsort(keeps, n, sizeof *keeps, by_days);
	*ret_n = keeps ? n : 0;
	return keeps;
}

/* The rows of these keeps, all of the same days, as a condition: of a body what isn't in a class's own series, and of such a series all. held: those
 * of held bodies not. Empty: none. */
static void rows_of(const struct stored *t, const struct keep *all, size_t n_all, const struct keep *same, size_t n, bool held, struct buf *b)
{
	for (size_t i = 0; i < n; i++) {
		if (held && hold_on(t->holds, same[i].org))
			continue;
		buf_printf(b, "%s(org = '%s' AND series ", b->len ? " OR " : "", same[i].org);
		if (same[i].class)
			buf_printf(b, "= '" ORGS_SERIES "-%u'", same[i].class);
		else
			buf_puts(b, "NOT IN (''");
		for (size_t k = 0; !same[i].class && k < n_all; k++)
			if (all[k].class && strcmp(all[k].org, same[i].org) == 0)
				buf_printf(b, ", '" ORGS_SERIES "-%u'", all[k].class);
		buf_puts(b, same[i].class ? ")" : "))");
	}
}

/* Whole partitions behind the longest; rows of the series behind their own days, those of the same length at once: as the sealed segments go (intake/spool.c).
 * While a body's records are held no partition goes as a whole, and its rows and the service's stay. */
static int expire_all(struct stored *t, struct client *c, const struct keep *keeps, size_t n, struct err *err)
{
	unsigned longest = n ? keeps[n - 1].days : 0;
	bool held = hold_any(t->holds);
	int r = longest && !held ? fill_expire(c, STR(""), longest, err) : 0;
	for (size_t i = 0, k; r == 0 && i < n && (held || keeps[i].days < longest) && !t->stop; i = k) {
		struct buf rows;
		buf_init(&rows, MIB);
		for (k = i; k < n && keeps[k].days == keeps[i].days; k++)
			;
		rows_of(t, keeps, n, keeps + i, k - i, held, &rows);
		r = rows.failed ? err_set(err, E_LIMIT, "retention", "too many bodies") : rows.len ? fill_expire(c, buf_view(&rows), keeps[i].days, err) : 0;
		buf_done(&rows);
	}
	return r;
}

static int expire(struct stored *t, struct err *err)
{
	struct client *c;
	struct client_opts o = t->filled->client; /* the newest generation may name another's */
	size_t n;
	int r = client_open(&o, &c, err);
	if (r < 0)
		return r;
	struct keep *keeps = keeps_now(t, &n);
	r = expire_all(t, c, keeps, n, err);
	mem_free(keeps);
	client_close(&c);
	return r;
}

/* ---- bodies whose key is destroyed (toride vault destroy): ordered by a file of the body's name, so that a crash does it again ---- */

#define FORGET "forget."

static int forget_one(const char *name, void *user)
{
	struct stored *t = user;
	char path[PLACE_MAX], org[8];
	unsigned char key[SEGMENT_KEY];
	struct err err = { 0 };
	struct client *c = NULL;
	struct client_opts o = t->filled->client;
	if (strncmp(name, FORGET, strlen(FORGET)) != 0 || !str_copy(str_from(name + strlen(FORGET)), org, sizeof org) || !segment_org_ok(org))
		return 0;
	int r = segment_key(org, ORGS_SERIES, 1, key, t->vault, &err); /* whoever orders it: only what nobody can read any more goes */
	OPENSSL_cleanse(key, sizeof key);
	bool gone = r == -E_NOT_FOUND;
	r = gone ? client_open(&o, &c, &err) : r;
	r = gone && r == 0 ? fill_forget(c, org, &err) : r;
	client_close(&c);
	snprintf(path, sizeof path, "%s/%s", t->state, name);
	if (gone && r == 0)
		log_warn(org, "index", "its rows are dropped: its key is destroyed");
	else if (r < 0)
		log_err(LOG_LEVEL_WARN, org, "index", &err);
	if (r == 0 && unlink(path) < 0)
		log_warn(org, "index", "%s can't be removed", path);
	return 0;
}

static void forget_all(struct stored *t)
{
	struct err err = { 0 };
	if (fs_list(t->state, forget_one, t, &err) < 0)
		log_err(LOG_LEVEL_WARN, "", "index", &err);
}

/* Until all days that are over are counted, before their rows go. */
static int roll_up(struct stored *t, struct err *err)
{
	struct client *c;
	struct client_opts o = t->filled->client; /* the newest generation may name another's */
	unsigned days = ROLLUP_TURN;
	o.timeout_ms = ROLLUP_MS;
	int r = client_open(&o, &c, err);
	if (r < 0)
		return r;
	for (unsigned i = 0; r == 0 && days == ROLLUP_TURN && i < ROLLUP_PASSES && !t->stop && !t->again; i++) {
		r = rollup_pass(c, clock_now_ms(), &days, err);
		stats_add(stats_counter(t->d.stats, "", "days_counted"), days);
	}
	client_close(&c);
	return r;
}

static void show(struct stored *t, const struct fill *f, uint64_t before)
{
	const struct fill_stats *s = fill_stats(f);
	count(t, "indexed", before + s->records);
	count(t, "series_faults", s->faults);
	count(t, "bad_events", s->bad);
	if (s->last_arrival_ms)
		count(t, "indexed_up_to_ms", (uint64_t)s->last_arrival_ms);
}

static bool has_room(struct stored *t)
{
	struct statvfs v;
	bool room = t->where->client.cluster.database || statvfs(t->index, &v) < 0 || v.f_blocks == 0 || (uint64_t)v.f_bavail * 100 / v.f_blocks >= ROOM_PERCENT;
	if (!room && !t->paused)
		log_warn("", "index", "its disk is nearly full: it isn't filled until there is room; records are sealed all the same");
	if (room && t->paused)
		log_info("", "index", "its disk has room again: it is filled on");
	t->paused = !room;
	count(t, "index_paused", t->paused);
	return room;
}

/* Until an error, the end, or an order to rebuild. */
static int fill_on(struct stored *t, struct fill *f, int64_t *expired_ms, struct err *err)
{
	uint64_t before = atomic_load(stats_counter(t->d.stats, "", "indexed"));
	int r = 0;
	while (r >= 0 && !t->stop && !t->again) {
		r = has_room(t) ? fill_step(f, err) : 0;
		show(t, f, before);
		if (r >= 0)
			t->away_ms = t->paused ? t->away_ms : 0;
		if (r == 0 && clock_mono_ms() >= t->unheard_ms && (t->expire || clock_mono_ms() - *expired_ms > EXPIRE_MS)) {
			t->expire = false;
			*expired_ms = clock_mono_ms();
			r = roll_up(t, err);
			r = r < 0 ? r : expire(t, err);
		}
		if (r == 0)
			pause_ms(t, 200, fill_fd(f));
	}
	if (r >= 0 && t->stop)
		r = fill_flush(f, err);
	return r < 0 ? r : 0;
}

static void rebuilt(struct stored *t, const struct fill_stats *s, const struct err *err)
{
	if (s->lacking)
		log_warn("", err->path, "%s", err->msg);
	else
		log_info("", err->path, "%s", err->msg);
	if (!s->rebuilt)
		return;
	count(t, "rebuild_lacking", s->lacking);
	atomic_store(&t->lacking, s->lacking);
	atomic_store(&t->whole, !s->lacking && s->lacked_before);
}

static void *fill_main(void *user)
{
	struct stored *t = user;
	int64_t expired_ms = -EXPIRE_MS, said_ms = -600000;
	char said[sizeof((struct err *)0)->msg] = "";
	int wait_ms = AGAIN_MS;
	while (!t->stop) {
		struct fill *f = NULL;
		struct err err = { 0 };
		t->again = false;
		struct where *where = t->where;
		struct fill_opts o = { t->segments, t->state, segment_key, t->vault, where->client, 0 };
		int r = fill_open(&o, &f, &err);
		if (r == 0)
			t->filled = where;
		count(t, "index_ready", r == 0);
		if (r == 0) {
			wait_ms = AGAIN_MS;
			forget_all(t); /* by a reader that has no key of theirs any more */
			r = fill_on(t, f, &expired_ms, &err);
		}
		if (r == -E_AGAIN && f)
			rebuilt(t, fill_stats(f), &err);
		fill_close(&f);
		if (r == 0 || r == -E_AGAIN)
			continue;
		count(t, "index_ready", 0);
		t->away_ms = t->away_ms ? t->away_ms : clock_mono_ms();
		if (clock_mono_ms() - said_ms > 60000 || strcmp(said, err.msg) != 0) { /* the same only now and then */
			said_ms = clock_mono_ms();
			str_clip(err.msg, said, sizeof said);
			log_err(LOG_LEVEL_WARN, "", "index", &err);
		}
		pause_ms(t, wait_ms, -1);
		wait_ms = wait_ms * 2 > AGAIN_MAX_MS ? AGAIN_MAX_MS : wait_ms * 2;
	}
	return NULL;
}

/* ---- requests ---- */

struct job {
	uv_work_t work;
	struct stored *t;
	uint64_t peer;
	struct search search;
	struct sweep sweep;
	struct sites_ask sites;
	struct rollup_ask counts;
	struct refusals_ask refusals;
	uint64_t id; /* by which it is told of, and ended */
	char what[32], by[160], org[8];
	int64_t began_ms, began_mono_ms;
	struct job *next;
	_Atomic bool ended;
	char ended_by[160]; /* "": whoever asked is gone */
	unsigned overran;
	bool sealed; /* the sweep doesn't ask the index */
	struct buf fields;
	struct err err;
};

/* The engine, for an answer within so many seconds. NULL: the job's error says why. A cluster that wasn't found to be ours yet isn't asked: it may
 * hold another's records. */
static struct client *engine_for(struct job *j, int seconds)
{
	struct client *c;
	const struct where *where = j->t->where;
	struct client_opts o = where->client;
	if (o.cluster.database && j->t->filled != where) {
		err_set(&j->err, E_CLOSED, "index", NOT_READY);
		return NULL;
	}
	o.timeout_ms = seconds * 1000;
	if (client_open(&o, &c, &j->err) < 0)
		return NULL;
	client_end_when(c, &j->ended);
	return c;
}

static void engine_done(struct job *j, struct client *c)
{
	j->overran += c ? client_overran(c) : 0;
	client_close(&c);
}

static void job_work(uv_work_t *w)
{
	struct job *j = w->data;
	struct client *c = engine_for(j, SEARCH_SECONDS + 5);
	bool whole = true;
	struct vault *v = NULL; /* this thread's own; connects when it is asked */
	if (c)
		vault_open(NULL, 5000, &v, &j->err);
	struct pick_opts sealed = { j->t->segments, segment_key, v };
	if (v && search_run(c, &j->search, &sealed, &j->fields, &whole, &j->err) == -E_CLOSED)
		err_set(&j->err, E_CLOSED, "index", NOT_READY);
	vault_close(&v);
	engine_done(j, c);
	if (whole) /* spans that were too long were asked again, shorter */
		j->overran = 0;
}

static void job_sites(uv_work_t *w)
{
	struct job *j = w->data;
	struct client *c = engine_for(j, SEARCH_SECONDS + 5);
	if (c)
		sites_run(c, &j->sites, &j->fields, &j->err);
	engine_done(j, c);
}

static void job_counts(uv_work_t *w)
{
	struct job *j = w->data;
	struct client *c = engine_for(j, SEARCH_SECONDS + 5);
	if (c)
		rollup_run(c, &j->counts, &j->fields, &j->err);
	engine_done(j, c);
}

/* Two questions. */
static void job_refusals(uv_work_t *w)
{
	struct job *j = w->data;
	struct client *c = engine_for(j, 2 * (SEARCH_SECONDS + 5));
	if (c)
		refusals_run(c, &j->refusals, &j->fields, &j->err);
	engine_done(j, c);
}

/* The sealed records themselves; the vault's connection is this thread's own. */
static void sweep_the_sealed(struct job *j)
{
	struct vault *v = NULL;
	if (vault_open(NULL, 5000, &v, &j->err) < 0)
		return;
	struct sweep_sealed o = { j->t->segments, segment_key, v, &j->ended };
	sweep_sealed(&o, &j->sweep, &j->fields, &j->err);
	vault_close(&v);
}

/* Asks the index; where that isn't ready, or has to be filled first, the records tell. */
static void job_sweep(uv_work_t *w)
{
	struct job *j = w->data;
	bool ready = !j->sealed && atomic_load(stats_counter(j->t->d.stats, "", "index_ready"));
	struct client *c = ready ? engine_for(j, 2 * SEARCH_SECONDS) : NULL;
	int r = c ? sweep_index(c, &j->sweep, &j->fields, &j->err) : -E_CLOSED;
	engine_done(j, c);
	if (r != -E_CLOSED || j->ended)
		return;
	buf_reset(&j->fields);
	j->err = (struct err){ 0 };
	sweep_the_sealed(j);
}

static void leave_jobs(struct job *j)
{
	struct job **q = &j->t->jobs;
	while (*q && *q != j)
		q = &(*q)->next;
	if (*q)
		*q = j->next;
}

/* What was ended, by the engine's limits or by hand, is on record; that somebody didn't wait is only counted. */
static void tell_ended(struct job *j)
{
	double seconds = (double)(clock_mono_ms() - j->began_mono_ms) / 1000;
	char text[600];
	stats_add(stats_counter(j->t->d.stats, "", "searches_ended"), j->ended);
	stats_add(stats_counter(j->t->d.stats, "", "searches_overran"), j->overran && !j->ended);
	if (j->ended && !*j->ended_by) {
		log_info(j->org, j->what, "nobody waits for it any more: ended after %.1f s", seconds);
		return;
	}
	if (!j->ended && !j->overran)
		return;
	if (j->ended)
		snprintf(text, sizeof text, "%s by %s was ended by %s after %.1f s (検索を途中で終了しました)", j->what, j->by, j->ended_by, seconds);
	else
		snprintf(text, sizeof text, "%s by %s took more time or memory than it may, and was ended after %.1f s (検索が上限を超えたため打ち切りました)", j->what, j->by, seconds);
	log_warn(j->org, j->what, "%s", text);
	events_app(j->t->events, STR(""), "stored", "search", "Ended", text);
}

static void job_done(uv_work_t *w, int status)
{
	struct job *j = w->data;
	if (status < 0 && !j->err.code)
		err_set(&j->err, E_CLOSED, "", "stored is ending");
	if (j->ended)
		err_set(&j->err, E_STATE, "", "ended by %s (%s が終了させました)", j->ended_by, j->ended_by);
	tell_ended(j);
	leave_jobs(j);
	ctl_reply(j->t->server, j->peer, buf_view(&j->fields), &j->err);
	stats_add(stats_counter(j->t->d.stats, "", j->err.code ? "searches_failed" : "searches"), 1);
	j->t->searching--;
	buf_done(&j->fields);
	mem_free(j);
}

static int take(yyjson_val *root, const char *key, char *dst, size_t size, struct err *err)
{
	struct str s = ctl_str(root, key);
	*dst = 0;
	return !s.ptr || str_copy(s, dst, size) ? 0 : err_set(err, E_INVALID, key, "too long");
}

/* NULL with *err when too many are under way. */
static struct job *job_make(struct stored *t, const struct ctl_request *rq, struct err *err)
{
	if (t->searching >= WAITING_MAX) {
		err_set(err, E_LIMIT, "", "too many searches are waiting");
		return NULL;
	}
	struct job *j = mem_alloc(sizeof *j);
	if (!j) {
		err_set(err, E_NOMEM, "", "no memory");
		return NULL;
	}
	*j = (struct job){ .t = t, .peer = rq->peer, .id = ++t->n_jobs, .began_ms = clock_now_ms(), .began_mono_ms = clock_mono_ms() };
	if (!str_copy(ctl_str(rq->root, "do"), j->what, sizeof j->what) || !ctl_str(rq->root, "by").ptr || !str_copy(ctl_str(rq->root, "by"), j->by, sizeof j->by))
		snprintf(j->by, sizeof j->by, "uid:%u", (unsigned)rq->uid);
	if (!ctl_str(rq->root, "org").ptr || !str_copy(ctl_str(rq->root, "org"), j->org, sizeof j->org))
		*j->org = 0;
	j->work.data = j;
	buf_init(&j->fields, CTL_MAX);
	return j;
}

/* -E_AGAIN: under way. r: what went wrong already. */
static int job_start(struct job *j, uv_work_cb work, int r, struct err *err)
{
	if (r == 0 && uv_queue_work(&j->t->loop, &j->work, work, job_done) < 0)
		r = err_set(err, E_NOMEM, "", "no memory");
	if (r < 0) {
		buf_done(&j->fields);
		mem_free(j);
		return r;
	}
	j->t->searching++;
	j->next = j->t->jobs;
	j->t->jobs = j;
	return -E_AGAIN;
}

/* ---- what is under way ---- */

/* Is it of this body, or prefecture? "": whichever. */
static bool job_of(const struct job *j, struct str org)
{
	return !org.len || str_starts(str_from(j->org), org);
}

static int do_queries(struct stored *t, const struct ctl_request *rq, struct buf *b)
{
	struct str org = ctl_str(rq->root, "org");
	bool any = false;
	json_key(b, "queries");
	buf_putc(b, '[');
	for (const struct job *j = t->jobs; j; j = j->next) {
		if (!job_of(j, org))
			continue;
		buf_puts(b, any ? ",{" : "{");
		any = true;
		json_field_u64(b, "id", j->id);
		json_field_s(b, "do", j->what);
		json_field_s(b, "by", j->by);
		json_field_s(b, "org", j->org);
		json_field_s(b, "query", strcmp(j->what, "log.search") == 0 ? j->search.query : strcmp(j->what, "log.sweep") == 0 ? j->sweep.value : "");
		json_field_u64(b, "began", (uint64_t)j->began_ms);
		json_field_u64(b, "ms", (uint64_t)(clock_mono_ms() - j->began_mono_ms));
		json_field_bool(b, "ending", j->ended);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
	return 0;
}

static int do_kill(struct stored *t, const struct ctl_request *rq, struct err *err)
{
	uint64_t id = ctl_u64(rq->root, "id", 0);
	struct str by = ctl_str(rq->root, "by"), org = ctl_str(rq->root, "org");
	for (struct job *j = t->jobs; j; j = j->next) {
		if (j->id != id || !job_of(j, org))
			continue;
		if (!by.ptr || !str_copy(by, j->ended_by, sizeof j->ended_by))
			snprintf(j->ended_by, sizeof j->ended_by, "uid:%u", (unsigned)rq->uid);
		j->ended = true;
		return 0;
	}
	return err_set(err, E_NOT_FOUND, "id", "no such search is under way: toride log queries tells them");
}

/* Those whose asker hung up. */
static void end_abandoned(struct stored *t)
{
	for (struct job *j = t->jobs; j; j = j->next)
		j->ended = j->ended || ctl_gone(t->server, j->peer);
}

/* "from" and "to": absent, days before the end, and an hour from now. */
static void take_span(const struct ctl_request *rq, int days, int64_t *ret_from_ms, int64_t *ret_to_ms)
{
	uint64_t to = ctl_u64(rq->root, "to", (uint64_t)clock_now_ms() + 3600000), span = (uint64_t)(days * DAY_MS);
	*ret_to_ms = (int64_t)to;
	*ret_from_ms = (int64_t)ctl_u64(rq->root, "from", to > span ? to - span : 0);
}

static int do_search(struct stored *t, const struct ctl_request *rq, struct err *err)
{
	struct job *j = job_make(t, rq, err);
	if (!j)
		return -(int)err->code;
	struct search *s = &j->search;
	int r = take(rq->root, "query", s->query, sizeof s->query, err);
	if (r == 0)
		r = take(rq->root, "org", s->org, sizeof s->org, err);
	if (r == 0)
		r = take(rq->root, "group", s->by, sizeof s->by, err);
	take_span(rq, 7, &s->from_ms, &s->to_ms);
	s->limit = (uint32_t)ctl_u64(rq->root, "limit", 50);
	return job_start(j, job_work, r, err);
}

static int do_sweep(struct stored *t, const struct ctl_request *rq, struct err *err)
{
	struct job *j = job_make(t, rq, err);
	if (!j)
		return -(int)err->code;
	struct sweep *s = &j->sweep;
	int r = sweep_type_parse(ctl_str(rq->root, "type"), &s->type) ? 0 : err_set(err, E_INVALID, "type", "no such type");
	if (r == 0)
		r = take(rq->root, "value", s->value, sizeof s->value, err);
	if (r == 0)
		r = take(rq->root, "org", s->org, sizeof s->org, err);
	take_span(rq, 30, &s->from_ms, &s->to_ms);
	j->sealed = ctl_bool(rq->root, "sealed", false);
	return job_start(j, job_sweep, r < 0 ? r : sweep_check(s, err), err);
}

static int do_sites(struct stored *t, const struct ctl_request *rq, struct err *err)
{
	struct job *j = job_make(t, rq, err);
	if (!j)
		return -(int)err->code;
	struct sites_ask *s = &j->sites;
	int r = take(rq->root, "org", s->org, sizeof s->org, err);
	if (r == 0)
		r = take(rq->root, "site", s->site, sizeof s->site, err);
	take_span(rq, 1, &s->from_ms, &s->to_ms);
	return job_start(j, job_sites, r, err);
}

static int do_counts(struct stored *t, const struct ctl_request *rq, struct err *err)
{
	struct job *j = job_make(t, rq, err);
	if (!j)
		return -(int)err->code;
	struct rollup_ask *a = &j->counts;
	int r = take(rq->root, "org", a->org, sizeof a->org, err);
	if (r == 0)
		r = take(rq->root, "group", a->by, sizeof a->by, err);
	if (r == 0)
		r = take(rq->root, "beside", a->beside, sizeof a->beside, err);
	if (r == 0)
		r = rollup_only(yyjson_obj_get(rq->root, "only"), a, err);
	a->counted_only = ctl_bool(rq->root, "counted", false);
	take_span(rq, 30, &a->from_ms, &a->to_ms);
	return job_start(j, job_counts, r, err);
}

static int do_refusals(struct stored *t, const struct ctl_request *rq, struct err *err)
{
	struct job *j = job_make(t, rq, err);
	if (!j)
		return -(int)err->code;
	struct refusals_ask *s = &j->refusals;
	int r = take(rq->root, "org", s->org, sizeof s->org, err);
	take_span(rq, 30, &s->from_ms, &s->to_ms);
	return job_start(j, job_refusals, r, err);
}

static int do_rebuild(struct stored *t, const struct ctl_request *rq, struct err *err)
{
	uint64_t day = ctl_u64(rq->root, "day", 0);
	if (day && (day < 20200101 || day > 21991231))
		return err_set(err, E_INVALID, "day", "not a day like 20261128");
	int r = fill_order_rebuild(t->state, (uint32_t)day, err);
	if (r == 0) {
		t->again = true;
		eventfd_write(t->wake_fd, 1);
	}
	return r;
}

static int do_forget(struct stored *t, const struct ctl_request *rq, struct err *err)
{
	char org[8], path[PLACE_MAX];
	if (rq->uid != 0)
		return err_set(err, E_DENIED, "", "root's alone to order");
	if (!str_copy(ctl_str(rq->root, "org"), org, sizeof org) || !segment_org_ok(org) || strcmp(org, ORGS_SERVICE) == 0)
		return err_set(err, E_INVALID, "org", "not a body's code");
	snprintf(path, sizeof path, "%s/" FORGET "%s", t->state, org);
	int r = fs_write(path, STR(""), 0600, err);
	if (r == 0) {
		t->again = true;
		eventfd_write(t->wake_fd, 1);
	}
	return r;
}

/* For a witness outside (segment/witness.h): it says nothing of any body. */
static int do_witness(struct stored *t, struct buf *b, struct err *err)
{
	struct checkpoint c;
	struct buf slip;
	int r = witness_last(t->segments, &c, err);
	if (r < 0)
		return r;
	buf_init(&slip, 4 * KIB);
	witness_format(&c, &slip);
	json_field(b, "slip", buf_view(&slip));
	buf_done(&slip);
	checkpoint_done(&c);
	return 0;
}

static int handle(const struct ctl_request *rq, const char *what, struct buf *b, void *user, struct err *err)
{
	struct stored *t = user;
	if (!jail_peer_allowed(SOCK_SEARCH, rq->uid))
		return err_set(err, E_DENIED, "", "user %u may not ask", (unsigned)rq->uid);
	if (strcmp(what, "log.search") == 0)
		return do_search(t, rq, err);
	if (strcmp(what, "log.counts") == 0)
		return do_counts(t, rq, err);
	if (strcmp(what, "log.sweep") == 0)
		return do_sweep(t, rq, err);
	if (strcmp(what, "site.stats") == 0)
		return do_sites(t, rq, err);
	if (strcmp(what, "decrypt.proposals") == 0)
		return do_refusals(t, rq, err);
	if (strcmp(what, "log.witness") == 0)
		return do_witness(t, b, err);
	if (strcmp(what, "log.queries") == 0)
		return do_queries(t, rq, b);
	if (strcmp(what, "log.kill") == 0)
		return do_kill(t, rq, err);
	if (strcmp(what, "log.rebuild") == 0)
		return do_rebuild(t, rq, err);
	if (strcmp(what, "log.forget") == 0)
		return do_forget(t, rq, err);
	if (strcmp(what, "log.rebuilt") == 0)
		return refill_show(t->state, b, err);
	return err_set(err, E_INVALID, "do", "no such request: %s", what);
}

/* ---- main ---- */

static void on_term(uv_signal_t *s, int signum)
{
	struct stored *t = s->data;
	t->stop = true;
	eventfd_write(t->wake_fd, 1);
	ctl_close(&t->server);
	events_close(&t->events);
	uv_timer_stop(&t->tell);
	uv_stop(&t->loop);
}

static void on_hup(uv_signal_t *s, int signum)
{
	struct stored *t = s->data;
	struct err err = { 0 };
	if (config_load(t, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "", "generation", &err);
	else
		daemon_ready(&t->d);
	t->expire = true;
	eventfd_write(t->wake_fd, 1);
}

static int open_all(struct stored *t, struct err *err)
{
	char path[PLACE_MAX];
	place_in_state(t->segments, sizeof t->segments, "segments");
	place_in_state(t->state, sizeof t->state, "index-fill");
	place_in_state(t->holds, sizeof t->holds, "holds");
	t->unheard_ms = clock_mono_ms() + hold_unheard_ms();
	place_in_state(t->index, sizeof t->index, "index");
	t->away_ms = clock_mono_ms();
	pthread_mutex_init(&t->lock, NULL);
	seg_fetch_by(cold_fetch);
	if (uv_loop_init(&t->loop) < 0 || curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK || (t->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
		return err_set(err, E_IO, "loop", "cannot start");
	uv_signal_init(&t->loop, &t->term);
	uv_signal_init(&t->loop, &t->hup);
	uv_timer_init(&t->loop, &t->tell);
	t->term.data = t->hup.data = t->tell.data = t;
	uv_signal_start(&t->term, on_term, SIGTERM);
	uv_signal_start(&t->hup, on_hup, SIGHUP);
	int r = config_load(t, err);
	if (r == 0)
		r = vault_open(NULL, 5000, &t->vault, err);
	if (r == 0)
		r = ctl_listen(&t->loop, place_in_run(path, sizeof path, SOCK_SEARCH), 0660, handle, t, &t->server, err);
	if (r == 0)
		r = events_open("stored", 256 * KIB, &t->events, err);
	uv_timer_start(&t->tell, on_tell, TELL_MS, TELL_MS);
	if (r == 0)
		r = daemon_confine(&t->d, err);
	if (r == 0 && pthread_create(&t->filler, NULL, fill_main, t) != 0)
		r = err_set(err, E_NOMEM, "", "no thread");
	return r;
}

int main(void)
{
	static struct stored t;
	struct err err = { 0 };
	jail_install();
	int r = daemon_begin("stored", &t.d, &err);
	if (r == 0)
		r = open_all(&t, &err);
	if (r < 0) {
		log_err(LOG_LEVEL_ERROR, "", "start", &err);
		return 1;
	}
	daemon_ready(&t.d);
	log_info("", "start", "ready");
	uv_run(&t.loop, UV_RUN_DEFAULT);
	pthread_join(t.filler, NULL);
	return 0;
}
