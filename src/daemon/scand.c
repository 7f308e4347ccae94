/* toride-scand, the verdict broker: clients pass a body's descriptor and get a verdict (scan/verdict.h); clamd does
 * the looking, and throw-away workers walk through what is contained (scan/worker.h). It parses nothing but its own
 * protocols and magic bytes, and opens no file of a client.
 *
 * A clamd that takes what is asked and says nothing for clamd_mute_s is told to the watch, and to torided by RUN/scand/mute, which holds a byte
 * for as long (jail/table.h): it ends that clamd and starts another. Meanwhile what is asked waits until its time is over, and isn't delivered.
 *
 * scand.json: max_bytes, clamd_socket, database (directory), connections, queue, cache_entries, clean_age_s,
 * signature_max_age_h, clamd_mute_s, orgs{CODE: {max_bytes}}. SIGHUP reads the limits again; the rest is set at start. */
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "jail/jail.h"
#include "scan/rules.h"
#include "scan/server.h"
#include "scan/signatures.h"
#include "wire/ctl.h"
#include "wire/daemon.h"
#include "wire/events.h"
#include "wire/place.h"
#include "wire/sock.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CONFIG_MAX (16 * MIB)
#define MAX_JOBS 4096
#define PEER_JOBS 1024
#define LOOK_MS 5000

struct config {
	uint64_t max_bytes, connections, queue, cache_entries, clean_age_s, signature_max_age_h, clamd_mute_s;
	char clamd_socket[PLACE_MAX], database[PLACE_MAX];
	struct map orgs; /* code -> uint64_t of its own */
};

struct scand {
	struct daemon d;
	struct config c;
	uv_loop_t loop;
	uv_signal_t hup, term;
	uv_timer_t look;
	uv_poll_t nursery_end, rules_end;
	char rules_dirs[RULES_DIRS][PLACE_MAX];
	uint64_t rules_mark;
	int rules_channel; /* -1: none are being compiled */
	bool rules_bad; /* the newest files couldn't be compiled: older ones are in force */
	struct clamd *clamd;
	int nursery;
	struct walker *walker;
	struct walk_limits limits;
	struct broker *broker;
	struct verdict_server *server;
	struct verdict_cache cache;
	_Atomic uint64_t *generation;
	struct signatures sig;
	bool alarmed;
	int mute_fd; /* RUN/scand/mute */
	bool mute;
	struct events *events;
	uv_timer_t tell;
};

/* ---- configuration ---- */

static void orgs_done(struct map *m)
{
	size_t i = 0;
	void *v;
	while (map_next(m, &i, NULL, &v))
		mem_free(v);
	map_done(m);
}

static int read_orgs(yyjson_val *orgs, struct map *m)
{
	size_t i, n;
	yyjson_val *k, *v;
	map_init(m, 100000);
	yyjson_obj_foreach(orgs, i, n, k, v) {
		uint64_t *limit = mem_alloc(sizeof *limit);
		if (!limit)
			return -E_NOMEM;
		*limit = ctl_u64(v, "max_bytes", 0);
		if (map_put(m, (struct str){ yyjson_get_str(k), yyjson_get_len(k) }, limit) < 0) {
			mem_free(limit);
			return -E_NOMEM;
		}
	}
	return 0;
}

static int parse_config(struct str json, struct config *c, struct err *err)
{
	yyjson_doc *doc = yyjson_read(json.ptr, json.len, 0);
	yyjson_val *root = yyjson_doc_get_root(doc);
	*c = (struct config){ .max_bytes = ctl_u64(root, "max_bytes", 0),
		              .connections = ctl_u64(root, "connections", 4),
		              .queue = ctl_u64(root, "queue", 1024),
		              .cache_entries = ctl_u64(root, "cache_entries", 524288),
		              .clean_age_s = ctl_u64(root, "clean_age_s", 86400),
		              .signature_max_age_h = ctl_u64(root, "signature_max_age_h", 24),
		              .clamd_mute_s = ctl_u64(root, "clamd_mute_s", 120) };
	int r = read_orgs(yyjson_obj_get(root, "orgs"), &c->orgs);
	if (r == 0 && (!c->max_bytes || !str_copy(ctl_str(root, "clamd_socket"), c->clamd_socket, sizeof c->clamd_socket) ||
	               !str_copy(ctl_str(root, "database"), c->database, sizeof c->database) || c->connections > 256 ||
	               c->queue > 100000 || c->cache_entries > 16000000))
		r = -E_INVALID;
	yyjson_doc_free(doc);
	if (r < 0) {
		orgs_done(&c->orgs);
		return err_set(err, (enum err_code)-r, "scand.json",
		               "max_bytes, clamd_socket or database missing, or a number out of range");
	}
	return 0;
}

static int read_config(struct scand *s, struct config *ret, struct err *err)
{
	struct buf b;
	buf_init(&b, CONFIG_MAX);
	int r = daemon_config(&s->d, &b, err);
	if (r == 0)
		r = parse_config(buf_view(&b), ret, err);
	buf_done(&b);
	return r;
}

static uint64_t limit_of(const char *org, void *user)
{
	const struct scand *s = user;
	const uint64_t *own = org[0] ? map_get(&s->c.orgs, str_from(org)) : NULL;
	return own && *own && *own < s->c.max_bytes ? *own : s->c.max_bytes;
}

static void on_hup(uv_signal_t *h, int signum)
{
	struct scand *s = h->data;
	struct config c;
	struct err err;
	if (read_config(s, &c, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "scand.json", &err);
		return;
	}
	orgs_done(&s->c.orgs);
	s->c.orgs = c.orgs;
	s->c.max_bytes = c.max_bytes;
	s->c.signature_max_age_h = c.signature_max_age_h;
	daemon_ready(&s->d);
}

/* ---- signatures ---- */

static void gauge(struct scand *s, const char *name, uint64_t v)
{
	stats_set(stats_counter(s->d.stats, "", name), v);
}

static void on_version(struct str reply, void *user)
{
	struct scand *s = user;
	bool was = s->sig.clamd_up;
	signatures_version(&s->sig, reply);
	if (was != s->sig.clamd_up)
		log_write(was ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "", "clamd", was ? "clamd doesn't answer" : "clamd answers");
}

static void on_reload(struct str reply, void *user)
{
	log_info("", "clamd", "the signature directory changed; reload: %s", reply.ptr ? "asked for" : "clamd doesn't answer");
}

/* The watch hears of it: a finding by rules/scan_alarm.yml. */
static void alarm_event(struct scand *s, const char *what, const char *message)
{
	if (s->events)
		events_app(s->events, STR(""), "scand", what, "Alarm", message);
}

static void on_tell(uv_timer_t *t)
{
	struct scand *s = t->data;
	events_work(s->events);
}

/* ---- our own rules ---- */

static void rules_told(struct scand *s, int r, unsigned count, const struct err *err)
{
	s->rules_bad = r < 0;
	gauge(s, "rules_bad", s->rules_bad);
	if (r < 0) {
		char text[700];
		log_err(LOG_LEVEL_ERROR, "", "rules", err);
		snprintf(text, sizeof text, "new rules can't be used, the old ones stay: %s (新しい検知ルールに誤りがあり、これまでのものを使い続けています)", err->msg);
		alarm_event(s, "rules", text);
		return;
	}
	gauge(s, "rules", count);
	log_info("", "rules", "%u rules in force", count);
}

/* With the operator's rules, or, when something is wrong in them, with those shipped; without these there is no start. */
static int start_rules(struct scand *s, struct err *err)
{
	const char *dirs[RULES_DIRS] = { s->rules_dirs[0], s->rules_dirs[1] };
	struct err said;
	unsigned count = 0;
	int fd, r = 0;
	snprintf(s->rules_dirs[0], PLACE_MAX, "%s/yara", place_rules());
	place_in_state(s->rules_dirs[1], PLACE_MAX, "feeds/yara");
	s->rules_channel = -1;
	s->rules_mark = rules_mark(dirs, RULES_DIRS);
	for (size_t n = RULES_DIRS; n > 0; n--) {
		r = rules_bundle(dirs, n, &fd, &said);
		if (r == 0) {
			r = nursery_rules(s->nursery, fd, &count, &said);
			close(fd);
		}
		bool bad = s->rules_bad;
		rules_told(s, r, count, &said);
		if (r == 0) {
			gauge(s, "rules_bad", bad); /* the operator's */
			break;
		}
	}
	if (r < 0)
		*err = said;
	return r;
}

static void on_rules(uv_poll_t *h, int status, int events)
{
	struct scand *s = h->data;
	struct err err;
	unsigned count = 0;
	uv_close((uv_handle_t *)h, NULL);
	int r = nursery_rules_result(s->rules_channel, &count, &err);
	s->rules_channel = -1;
	rules_told(s, r, count, &err);
	if (r == 0)
		signatures_flush(&s->sig); /* what the old rules called clean is asked again */
}

static void look_at_rules(struct scand *s)
{
	const char *dirs[RULES_DIRS] = { s->rules_dirs[0], s->rules_dirs[1] };
	struct err err;
	int fd;
	uint64_t mark = rules_mark(dirs, RULES_DIRS);
	if (mark == s->rules_mark || s->rules_channel >= 0)
		return;
	s->rules_mark = mark;
	int r = rules_bundle(dirs, RULES_DIRS, &fd, &err);
	if (r == 0) {
		r = nursery_rules_begin(s->nursery, fd, &s->rules_channel, &err);
		close(fd);
	}
	if (r < 0) {
		rules_told(s, r, 0, &err);
		return;
	}
	uv_poll_init(&s->loop, &s->rules_end, s->rules_channel);
	s->rules_end.data = s;
	uv_poll_start(&s->rules_end, UV_READABLE | UV_DISCONNECT, on_rules);
}

static int open_mute(struct scand *s, struct err *err)
{
	char path[PLACE_MAX];
	s->mute_fd = open(place_in_run(path, sizeof path, "scand/mute"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	return s->mute_fd < 0 ? err_errno(err, path, "cannot create") : 0;
}

static void look_at_clamd(struct scand *s)
{
	char text[240];
	unsigned long long for_s = (unsigned long long)clamd_mute_for(s->clamd) / 1000;
	bool mute = for_s >= s->c.clamd_mute_s;
	if (mute != s->mute && ftruncate(s->mute_fd, mute) < 0)
		log_warn("", "clamd", "scand/mute can't be written");
	if (mute && !s->mute) {
		log_error("", "clamd", "it takes what is asked and has said nothing for %llu s", for_s);
		snprintf(text, sizeof text, "the virus scanner has said nothing for %llu s and is started anew (ウイルス検査のエンジンが %llu 秒間応答しないため、起動し直します)", for_s, for_s);
		alarm_event(s, "clamd", text);
	}
	s->mute = mute;
}

static void on_look(uv_timer_t *t)
{
	struct scand *s = t->data;
	look_at_rules(s);
	if (signatures_tick(&s->sig, clock_mono_ms()))
		clamd_ask(s->clamd, "RELOAD", LOOK_MS, on_reload, s);
	clamd_ask(s->clamd, "VERSION", LOOK_MS, on_version, s);
	look_at_clamd(s);
	uint64_t age = signatures_age_s(&s->sig, clock_now_ms());
	bool old = age > s->c.signature_max_age_h * 3600;
	if (old && !s->alarmed) {
		char text[200];
		log_warn("", "signatures", "malware signatures are %llu hours old", (unsigned long long)(age / 3600));
		snprintf(text, sizeof text, "malware signatures are %llu hours old (ウイルス定義が %llu 時間更新されていません)",
		         (unsigned long long)(age / 3600), (unsigned long long)(age / 3600));
		alarm_event(s, "signatures", text);
	}
	s->alarmed = old;
	gauge(s, "signature_age_s", age);
	gauge(s, "signature_alarm", old);
	gauge(s, "signature_version", s->sig.version);
	gauge(s, "generation", atomic_load(s->generation));
	gauge(s, "clamd_up", s->sig.clamd_up);
	gauge(s, "clamd_failures", clamd_failures(s->clamd));
	gauge(s, "workers_died", walker_died(s->walker));
	gauge(s, "peers_cut", verdict_server_cut(s->server));
}

/* ---- begin and end ---- */

/* The nursery never ends by itself: something is wrong with it. torided starts us both again, and clients ask again. */
static void on_nursery(uv_poll_t *h, int status, int events)
{
	log_error("", "nursery", "the workers' nursery is gone; starting again");
	exit(1);
}

static bool allowed(uid_t uid)
{
	return jail_peer_allowed(SOCK_VERDICT, uid) || uid == geteuid();
}

static int open_parts(struct scand *s, struct err *err)
{
	char path[PLACE_MAX];
	int fd, r = scan_generation_create(&s->generation, err);
	if (r == 0)
		r = open_mute(s, err);
	if (r == 0 && verdict_cache_init(&s->cache, s->c.cache_entries, (int64_t)s->c.clean_age_s * 1000, s->generation) < 0)
		r = err_set(err, E_NOMEM, "", "no memory for the verdict cache");
	if (r == 0)
		r = clamd_open(&s->loop, s->c.clamd_socket, (unsigned)s->c.connections, s->c.queue, &s->clamd, err);
	if (r == 0)
		r = walker_open(&s->loop, s->nursery, (unsigned)s->c.connections, s->c.queue, &s->walker, err);
	s->limits = WALK_LIMITS;
	if (r == 0)
		r = broker_open(&(struct broker_opts){ .loop = &s->loop, .clamd = s->clamd, .walker = s->walker, .limits = &s->limits,
		                                       .cache = &s->cache, .generation = s->generation, .stats = s->d.stats, .max_jobs = MAX_JOBS },
		                limit_of, s, &s->broker, err);
	if (r == 0)
		r = sock_listen(place_in_run(path, sizeof path, SOCK_VERDICT), 0660, &fd, err);
	return r < 0 ? r : verdict_server_open(&s->loop, fd, s->broker, allowed, PEER_JOBS, &s->server, err);
}

/* A way out without drama: verdicts not given yet are asked for again by the clients. */
static void on_term(uv_signal_t *h, int signum)
{
	uv_stop(h->loop);
}

static int start(struct scand *s, struct err *err)
{
	int r = daemon_begin("scand", &s->d, err);
	if (r == 0)
		r = nursery_start(&s->nursery, err); /* before there is anything that a worker needn't have */
	if (r == 0)
		r = events_open("scand/0", 256 * KIB, &s->events, err);
	if (r == 0)
		r = start_rules(s, err);
	if (r == 0)
		r = read_config(s, &s->c, err);
	if (r == 0 && uv_loop_init(&s->loop) < 0)
		r = err_set(err, E_NOMEM, "", "cannot make an event loop");
	if (r == 0)
		r = open_parts(s, err);
	if (r < 0)
		return r;
	uv_signal_init(&s->loop, &s->hup);
	uv_signal_init(&s->loop, &s->term);
	uv_timer_init(&s->loop, &s->look);
	s->hup.data = s->term.data = s->look.data = s;
	uv_poll_init(&s->loop, &s->nursery_end, s->nursery);
	uv_poll_start(&s->nursery_end, UV_READABLE | UV_DISCONNECT, on_nursery);
	uv_signal_start(&s->hup, on_hup, SIGHUP);
	uv_signal_start(&s->term, on_term, SIGTERM);
	r = daemon_confine(&s->d, err);
	if (r < 0)
		return r;
	signatures_init(&s->sig, s->c.database, s->generation);
	uv_timer_start(&s->look, on_look, 0, LOOK_MS);
	uv_timer_init(&s->loop, &s->tell);
	s->tell.data = s;
	uv_timer_start(&s->tell, on_tell, 0, 200);
	return 0;
}

int main(void)
{
	static struct scand s;
	struct err err;
	jail_install();
	if (start(&s, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "scand", &err);
		return 1;
	}
	daemon_ready(&s.d);
	uv_run(&s.loop, UV_RUN_DEFAULT);
	return 0;
}
