/* toride-detectd: events out of the segments, findings to respondd. No network, no parser of outside bytes but JSON
 * that intaked wrote. What it does stands in detect/follow.h; this is its loop, its configuration and its counters.
 *
 * Rules: place_rules(), read again on SIGHUP.
 * Threat intelligence: STATE/feeds/intel (detect/intel.h), looked at every INTEL_EVERY_MS and read again when a file there has
 * changed, by then under seccomp and Landlock. Sightings: STATE/detect/sightings.json, a STIX bundle, for who gave it.
 * SIGHUP reads the generation and the rules again; what can't be read leaves the old in force.
 * Which files of rules and intelligence were added, changed or taken away since it was told last is an event (STATE/detect/rules.known and intel.known, detect/policy.h): who takes a
 * rule away is seen. */
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "cold/client.h"
#include "detect/baseline.h"
#include "detect/coverage.h"
#include "detect/facts.h"
#include "detect/follow.h"
#include "detect/intel.h"
#include "detect/sighting.h"
#include "detect/outbox.h"
#include "detect/policy.h"
#include "jail/jail.h"
#include "segment/file.h"
#include "vault/vault_client.h"
#include "wire/ctl.h"
#include "wire/daemon.h"
#include "wire/events.h"
#include "wire/place.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH 512         /* records between two looks at the loop */
#define POLL_MS 100       /* where inotify is silent */
#define GRACE_MS 200      /* from the closing of a block to our having read it, when nothing else is to be read */
#define CONFIG_MAX (64u * MIB)
#define TOP 5
#define INTEL_EVERY_MS 10000
#define SIGHTINGS_BYTES (64u * MIB)

struct config { /* what one generation and one reading of the rules give */
	struct facts facts;
	struct ruleset *rules;
	struct policy files;
};

struct known { /* what was told of one kind of files */
	const char *operation;
	char path[PLACE_MAX];
	struct buf next;  /* to be kept once the event is safe */
	uint64_t event;   /* its number; 0: nothing waits */
};

struct detectd {
	struct daemon d;
	uv_loop_t loop;
	uv_poll_t grown;
	uv_timer_t timer;
	uv_idle_t more;   /* while there is a backlog */
	uv_signal_t term, hup;
	struct vault *vault;
	struct outbox *outbox;
	struct follow *follow;
	struct config *config;
	struct intel *intel; /* NULL: there is none */
	uint64_t intel_sign, sightings_told;
	int64_t intel_ms;
	char rules_dir[PATH_MAX], intel_dir[PLACE_MAX], sightings[PLACE_MAX];
	struct events *events;
	struct known rules_known, intel_known;
	bool caught_up, ended, intel_looked;
	uint32_t top[TOP];
	int64_t said_ms;
};

/* ---- configuration */

static void config_destroy(struct config **cp)
{
	struct config *c = *cp;
	if (!c)
		return;
	ruleset_destroy(&c->rules);
	facts_done(&c->facts);
	policy_done(&c->files);
	mem_free(c);
	*cp = NULL;
}

static void say_fault(const struct err *err, void *user)
{
	log_err(LOG_LEVEL_ERROR, "", "rule", err);
}

struct loading {
	struct policy *files;
	const char *dir;
};

/* By its name below the directory. One that isn't kept for want of memory is told as taken away, and as there again the next time. */
static void see_file(const char *path, struct str text, void *user)
{
	struct loading *l = user;
	size_t n = strlen(l->dir);
	policy_add(l->files, str_from(strncmp(path, l->dir, n) == 0 && path[n] == '/' ? path + n + 1 : path), policy_sign(text));
}

static void host_pattern(const char *host, void (*add)(struct str value, void *to), void *to)
{
	char text[300];
	if (host[0] != '.') {
		add(str_from(host), to);
		return;
	}
	add(str_from(host + 1), to);
	snprintf(text, sizeof text, "*%s", host);
	add(str_from(text), to);
}

/* %white_hosts%: names that some organisation's own policy allows. */
static bool placeholder(struct str name, void (*add)(struct str value, void *to), void *to, void *user)
{
	const struct facts *f = user;
	if (!str_eq(name, STR("white_hosts")))
		return false;
	add(STR("localhost"), to); /* never empty */
	for (size_t i = 0; i < f->n_orgs; i++)
		for (size_t k = 0; k < f->orgs[i].n_white; k++)
			host_pattern(f->orgs[i].white[k], add, to);
	return true;
}

static int config_load(struct detectd *t, struct config **ret, struct err *err)
{
	struct config *c = mem_alloc(sizeof *c);
	struct buf b;
	if (!c)
		return err_set(err, E_NOMEM, "", "no memory");
	buf_init(&b, CONFIG_MAX);
	int r = daemon_config(&t->d, &b, err);
	if (r == 0)
		r = facts_parse(buf_view(&b), &c->facts, err);
	buf_done(&b);
	const char *dir = t->rules_dir;
	struct loading loading = { &c->files, dir };
	struct ruleset_opts o = { .rule = { placeholder, &c->facts }, .on_fault = say_fault, .on_file = see_file, .user = &loading };
	policy_init(&c->files);
	if (r == 0)
		r = ruleset_load(&dir, 1, &o, &c->rules, err);
	if (r < 0)
		config_destroy(&c);
	else
		*ret = c;
	return r;
}

/* ---- what the watch judges by has changed */

static void changed_event(struct detectd *t, struct known *k, struct str words)
{
	struct buf b;
	buf_init(&b, 64 * KIB);
	buf_putc(&b, '{');
	json_field_u64(&b, "class_uid", 6003);
	json_field_u64(&b, "time", (uint64_t)clock_now_ms());
	json_field_s(&b, "org", "service");
	json_field_s(&b, "product", "detectd");
	buf_puts(&b, ",\"actor\":{\"user\":\"root\"},\"api\":{"); /* whose files they are: nobody else may write there */
	json_field_s(&b, "operation", k->operation);
	buf_putc(&b, '}');
	json_field_s(&b, "status", "Success");
	json_field(&b, "message", words);
	buf_putc(&b, '}');
	if (!b.failed && events_put(t->events, STR(""), buf_view(&b)) == 0)
		k->event = events_last(t->events);
	buf_done(&b);
}

/* more: said behind the files, of what there is now. What is told is kept once it is on record, so that a death in between tells it twice. */
static void changed(struct detectd *t, struct known *k, struct policy *now, const char *more)
{
	struct policy told = { 0 };
	struct buf b, words;
	buf_init(&b, CONFIG_MAX);
	buf_init(&words, 32 * KIB);
	bool first = !fs_exists(k->path);
	if (!first && fs_read(k->path, &b, NULL) < 0)
		buf_reset(&b);
	if (policy_parse(k->event ? buf_view(&k->next) : buf_view(&b), &told) == 0 && policy_words(&told, now, &words)) {
		if (first && !k->event) {
			buf_reset(&words);
			buf_printf(&words, "looked at for the first time: %zu files", now->n);
		}
		buf_printf(&words, "; now: %s", more);
		log_info("", k->operation, STR_FMT, STR_ARG(buf_view(&words)));
		buf_reset(&k->next);
		policy_format(now, &k->next);
		changed_event(t, k, buf_view(&words));
	}
	policy_done(&told);
	buf_done(&words);
	buf_done(&b);
}

static void keep_known(struct detectd *t, struct known *k)
{
	struct err err = { 0 };
	if (!k->event || events_acked(t->events) < k->event)
		return;
	k->event = 0;
	if (k->next.failed || fs_write(k->path, buf_view(&k->next), 0600, &err) < 0)
		log_warn("", k->path, "could not be written");
}

static void known_init(struct known *k, const char *operation, const char *file)
{
	k->operation = operation;
	place_in_state(k->path, sizeof k->path, "detect/%s", file);
	buf_init(&k->next, CONFIG_MAX);
}

/* For the desk, by controld; what can't be written leaves the one before. */
static void coverage_write(struct detectd *t)
{
	char path[PLACE_MAX];
	struct err err = { 0 };
	struct buf b;
	buf_init(&b, CONFIG_MAX);
	coverage_format(t->config->rules, &b);
	place_in_run(path, sizeof path, "detect/coverage.json");
	if (b.failed || fs_write(path, buf_view(&b), 0644, &err) < 0)
		log_warn("", path, "could not be written");
	buf_done(&b);
}

static void rules_changed(struct detectd *t)
{
	coverage_write(t);
	char more[80];
	snprintf(more, sizeof more, "%u rules, %u refused", t->config->rules->n_rules, t->config->rules->n_faults);
	changed(t, &t->rules_known, &t->config->files, more);
}

/* ---- threat intelligence */

struct looking {
	const char *dir;
	uint64_t sign;
	struct policy files;
};

static int look_at_file(const char *name, void *user)
{
	static const uint64_t fixed[2] = { 3, 4 };
	struct looking *l = user;
	char path[PATH_MAX];
	struct stat st;
	struct buf b;
	int n = snprintf(path, sizeof path, "%s/%s", l->dir, name);
	if (n < 0 || (size_t)n >= sizeof path || stat(path, &st) < 0)
		return 0;
	buf_init(&b, 1024);
	buf_printf(&b, "%s %llu %lld %lld.%09ld", name, (unsigned long long)st.st_ino, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
	           st.st_mtim.tv_nsec);
	uint64_t sign = hash_sip(fixed, b.ptr, b.len);
	l->sign = l->sign * 31 + sign;
	policy_add(&l->files, str_from(name), sign);
	buf_done(&b);
	return 0;
}

/* 0: there is none. */
static uint64_t intel_sign(struct looking *l)
{
	l->sign = 1;
	return fs_exists(l->dir) && fs_list(l->dir, look_at_file, l, NULL) == 0 ? l->sign : 0;
}

static void say_intel_fault(const struct err *err, void *user)
{
	log_err(LOG_LEVEL_WARN, "", "intelligence", err);
}

static void say_intel(const struct detectd *t, const struct intel *i)
{
	struct intel_stats s;
	intel_stats(i, &s);
	log_info("", t->intel_dir, "%llu values of %llu files; left out: %llu unreadable, %llu unsupported, %llu too wide, %llu reserved, %llu with a query, "
	         "%llu expired, %llu revoked", (unsigned long long)s.items, (unsigned long long)s.files, (unsigned long long)s.refused[INTEL_UNREADABLE],
	         (unsigned long long)s.refused[INTEL_UNSUPPORTED], (unsigned long long)s.refused[INTEL_TOO_WIDE], (unsigned long long)s.refused[INTEL_RESERVED],
	         (unsigned long long)s.refused[INTEL_HAS_QUERY], (unsigned long long)s.refused[INTEL_EXPIRED], (unsigned long long)s.refused[INTEL_REVOKED]);
}

static void intel_changed(struct detectd *t, struct policy *files)
{
	struct intel_stats s = { 0 };
	char more[80];
	if (t->intel)
		intel_stats(t->intel, &s);
	snprintf(more, sizeof more, "%llu values", (unsigned long long)s.items);
	changed(t, &t->intel_known, files, more);
}

/* What can't be read at all leaves the old in force; a file that is wrong is told and left out. */
static int intel_read(struct detectd *t, uint64_t sign)
{
	struct err err = { 0 };
	struct intel *i = NULL;
	int r = sign ? intel_create(clock_now_ms(), &i, &err) : 0;
	if (r == 0 && sign)
		r = intel_load(i, t->intel_dir, say_intel_fault, NULL, &err);
	if (r < 0) {
		log_err(LOG_LEVEL_ERROR, "", "intelligence", &err);
		intel_destroy(&i);
		return r;
	}
	if (i)
		say_intel(t, i);
	follow_intel(t->follow, i);
	intel_destroy(&t->intel);
	t->intel = i;
	t->intel_sign = sign;
	return 0;
}

static void intel_look(struct detectd *t)
{
	struct looking l = { .dir = t->intel_dir };
	policy_init(&l.files);
	uint64_t sign = intel_sign(&l);
	t->intel_ms = clock_mono_ms();
	if ((sign != t->intel_sign || !t->intel_looked) && intel_read(t, sign) == 0) { /* the first time also when there is none: it may have been taken away meanwhile */
		t->intel_looked = true;
		intel_changed(t, &l.files);
	}
	policy_done(&l.files);
}

/* Written when there is something new to tell; read by people, so its age is no matter of correctness. */
static void sightings_write(struct detectd *t)
{
	struct sightings_stats s;
	struct err err = { 0 };
	struct buf b;
	sightings_stats(follow_sightings(t->follow), &s);
	if (s.hits == t->sightings_told)
		return;
	buf_init(&b, SIGHTINGS_BYTES);
	sightings_format(follow_sightings(t->follow), clock_now_ms(), &b);
	if (b.failed || fs_write(t->sightings, buf_view(&b), 0600, &err) < 0)
		log_warn("", t->sightings, "could not be written");
	else
		t->sightings_told = s.hits;
	buf_done(&b);
}

/* ---- counters */

static void count(struct detectd *t, const char *name, uint64_t value)
{
	stats_set(stats_counter(t->d.stats, "", name), value);
}

static uint64_t mean_ns(const struct rule_cost *c)
{
	return c->asked ? c->ns / c->asked : 0;
}

static void top_name(const struct detectd *t, uint32_t rule, char dst[40])
{
	snprintf(dst, 40, "rule_ns_%.8s", t->config->rules->rules[rule]->id);
}

/* The five rules that took most time; the counter is their mean cost a look, in ns. */
static void count_top(struct detectd *t)
{
	const struct rule_cost *c = matcher_costs(engine_matcher(follow_engine(t->follow)));
	uint32_t n = t->config->rules->n_rules, top[TOP];
	char name[40];
	for (int i = 0; i < TOP; i++) {
		uint32_t best = UINT32_MAX;
		for (uint32_t r = 0; r < n; r++) {
			bool had = false;
			for (int k = 0; k < i; k++)
				had |= top[k] == r;
			if (!had && c[r].ns && (best == UINT32_MAX || c[r].ns > c[best].ns))
				best = r;
		}
		top[i] = best;
	}
	for (int i = 0; i < TOP; i++)
		if (t->top[i] != UINT32_MAX && t->top[i] < n) {
			top_name(t, t->top[i], name);
			count(t, name, 0);
		}
	for (int i = 0; i < TOP; i++) {
		t->top[i] = top[i];
		if (top[i] == UINT32_MAX)
			continue;
		top_name(t, top[i], name);
		count(t, name, mean_ns(&c[top[i]]));
	}
}

static void count_all(struct detectd *t)
{
	struct follow_stats s;
	struct match_stats m;
	struct correlate_stats c;
	follow_stats(t->follow, &s);
	matcher_stats(engine_matcher(follow_engine(t->follow)), &m);
	correlator_stats(engine_correlator(follow_engine(t->follow)), &c);
	count(t, "events", s.events);
	count(t, "findings", s.findings);
	count(t, "bad_events", s.bad);
	count(t, "series_faults", s.faults);
	count(t, "clock_set_back", s.clock_set);
	count(t, "lag_ms", t->caught_up || !s.last_ingest_ms ? 0 : (uint64_t)llabs(clock_now_ms() - s.last_ingest_ms));
	count(t, "unacknowledged", outbox_last(t->outbox) - outbox_acked(t->outbox));
	count(t, "rules", t->config->rules->n_rules);
	count(t, "rule_faults", t->config->rules->n_faults);
	count(t, "regex_limit", m.regex_limit);
	count(t, "values_cut", m.values_cut);
	struct intel_stats i = { 0 };
	struct sightings_stats seen;
	struct baseline_stats usual;
	if (t->intel)
		intel_stats(t->intel, &i);
	sightings_stats(follow_sightings(t->follow), &seen);
	count(t, "intel_values", i.items);
	count(t, "intel_hits", seen.hits);
	follow_baseline(t->follow, &usual);
	count(t, "usual_values", usual.values);
	count(t, "usual_new", usual.fresh);
	count(t, "usual_full", usual.full);
	count(t, "correlation_groups", c.groups);
	count(t, "correlation_evicted", c.evicted);
	count(t, "correlation_late", c.late);
	count(t, "correlation_held", c.held);
	count(t, "correlation_hurried", c.hurried);
	count(t, "correlation_dropped", c.dropped);
	count_top(t);
}

/* ---- work */

static int put(const struct finding *f, uint64_t *ret_seq, void *user)
{
	struct detectd *t = user;
	struct buf b;
	buf_init(&b, FINDING_JSON_MAX);
	finding_format(f, &b);
	if (b.failed == -E_LIMIT) { /* never for what an event could hold; but better short than never */
		struct finding g = *f;
		g.n_observables = 0;
		g.n_records = g.n_records > 4 ? 4 : g.n_records;
		buf_reset(&b);
		finding_format(&g, &b);
	}
	int r = b.failed ? b.failed : outbox_put(t->outbox, buf_view(&b), ret_seq);
	buf_done(&b);
	if (r == 0 && *f->org)
		stats_add(stats_counter(t->d.stats, f->org, "findings"), 1);
	return r;
}

static void watch(struct str list, void *user)
{
	struct detectd *t = user;
	if (t->follow && follow_watch(t->follow, list) < 0) /* respondd made it; its next one comes with the next change */
		log_error("", "findings.sock", "the list of blocks can't be read: the one before stays");
}

static void work(struct detectd *t);

static void on_more(uv_idle_t *h)
{
	work(h->data);
}

static void work(struct detectd *t)
{
	struct err err = { 0 };
	if (outbox_full(t->outbox)) {
		uv_idle_stop(&t->more);
		return;
	}
	unsigned n = follow_step(t->follow, BATCH, &err);
	t->caught_up = n < BATCH;
	if (follow_broken(t->follow)) {
		log_err(LOG_LEVEL_ERROR, "", "finding", &err);
		uv_stop(&t->loop);
		return;
	}
	if (err.code)
		log_err(LOG_LEVEL_WARN, "", "segments", &err);
	if (t->caught_up)
		uv_idle_stop(&t->more);
	else
		uv_idle_start(&t->more, on_more);
}

static void on_grown(uv_poll_t *h, int status, int events)
{
	work(h->data);
}

static void save(struct detectd *t, bool now)
{
	struct err err = { 0 };
	int64_t time = t->caught_up ? clock_now_ms() - GRACE_MS : 0; /* with a backlog, each organisation's own events are its clock */
	uint64_t acked = outbox_acked(t->outbox);
	int r = now ? follow_save(t->follow, acked, &err) : follow_tick(t->follow, time, acked, &err);
	if (r < 0 && clock_mono_ms() - t->said_ms > 10000) {
		t->said_ms = clock_mono_ms();
		log_err(LOG_LEVEL_ERROR, "", "state", &err);
	}
}

static void on_timer(uv_timer_t *h)
{
	struct detectd *t = h->data;
	if (clock_mono_ms() - t->intel_ms >= INTEL_EVERY_MS) {
		intel_look(t);
		sightings_write(t);
	}
	work(t);
	save(t, false);
	count_all(t);
	events_work(t->events);
	keep_known(t, &t->rules_known);
	keep_known(t, &t->intel_known);
}

static void on_term(uv_signal_t *h, int signum)
{
	struct detectd *t = h->data;
	t->ended = true;
	uv_stop(&t->loop);
}

static void on_hup(uv_signal_t *h, int signum)
{
	struct detectd *t = h->data;
	struct config *c;
	struct err err = { 0 };
	int r = config_load(t, &c, &err);
	if (r == 0) {
		r = follow_rules(t->follow, c->rules, &c->facts, &err);
		if (r < 0)
			config_destroy(&c);
	}
	if (r < 0) {
		log_err(LOG_LEVEL_ERROR, "", "generation", &err);
		return;
	}
	config_destroy(&t->config);
	t->config = c;
	rules_changed(t);
	daemon_ready(&t->d);
}

/* ---- begin and end */

static int segment_key(const char *org, const char *series, uint32_t number, unsigned char ret_key[SEGMENT_KEY], void *user,
                       struct err *err)
{
	return vault_segkey(user, org, series, number, ret_key, err);
}

static int open_all(struct detectd *t, struct err *err)
{
	char segments[PLACE_MAX], state[PLACE_MAX], sock[PLACE_MAX];
	place_in_state(segments, sizeof segments, "segments");
	place_in_state(state, sizeof state, "detect/state");
	place_in_state(t->intel_dir, sizeof t->intel_dir, "feeds/intel");
	place_in_state(t->sightings, sizeof t->sightings, "detect/sightings.json");
	place_in_run(sock, sizeof sock, SOCK_FINDINGS);
	snprintf(t->rules_dir, sizeof t->rules_dir, "%s", place_rules());
	known_init(&t->rules_known, "detect.rules", "rules.known");
	known_init(&t->intel_known, "detect.intel", "intel.known");
	int r = config_load(t, &t->config, err);
	if (r == 0)
		r = vault_open(NULL, 5000, &t->vault, err);
	if (r == 0)
		r = events_open("detectd", MIB, &t->events, err);
	if (r == 0)
		r = daemon_confine(&t->d, err);
	if (r == 0)
		r = outbox_open(&t->loop, &(struct outbox_opts){ .path = sock, .on_watch = watch, .user = t }, &t->outbox, err);
	if (r < 0)
		return r;
	struct follow_opts o = { .segments = segments, .state = state, .key = segment_key, .key_user = t->vault, .put = put, .user = t };
	struct err damaged = { 0 };
	r = follow_open(&o, t->config->rules, &t->config->facts, &t->follow, &damaged);
	if (damaged.code)
		log_err(LOG_LEVEL_ERROR, "", "state", &damaged);
	if (r < 0 && err)
		*err = damaged;
	if (r == 0) {
		rules_changed(t);
		intel_look(t);
	}
	return r;
}

static void start(struct detectd *t)
{
	t->timer.data = t->more.data = t->grown.data = t->term.data = t->hup.data = t;
	uv_timer_init(&t->loop, &t->timer);
	uv_idle_init(&t->loop, &t->more);
	uv_signal_init(&t->loop, &t->term);
	uv_signal_init(&t->loop, &t->hup);
	uv_signal_start(&t->term, on_term, SIGTERM);
	uv_signal_start(&t->hup, on_hup, SIGHUP);
	uv_timer_start(&t->timer, on_timer, 0, POLL_MS);
	if (follow_fd(t->follow) >= 0 && uv_poll_init(&t->loop, &t->grown, follow_fd(t->follow)) == 0)
		uv_poll_start(&t->grown, UV_READABLE, on_grown);
	for (int i = 0; i < TOP; i++)
		t->top[i] = UINT32_MAX;
}

int main(void)
{
	static struct detectd t;
	struct err err = { 0 };
	jail_install();
	seg_fetch_by(cold_fetch);
	int r = daemon_begin("detectd", &t.d, &err);
	if (r == 0 && uv_loop_init(&t.loop) < 0)
		r = err_set(&err, E_NOMEM, "", "no event loop");
	if (r == 0)
		r = open_all(&t, &err);
	if (r < 0) {
		log_err(LOG_LEVEL_ERROR, "", "start", &err);
		return 1;
	}
	start(&t);
	daemon_ready(&t.d);
	log_info("", t.rules_dir, "%u rules, %u refused", t.config->rules->n_rules, t.config->rules->n_faults);
	uv_run(&t.loop, UV_RUN_DEFAULT);
	if (t.ended)
		save(&t, true);
	sightings_write(&t);
	events_close(&t.events);
	return t.ended ? 0 : 1;
}
