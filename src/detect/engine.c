/* One event through rules and correlations to findings; see engine.h. */
#include "detect/engine.h"

#include "base/err.h"
#include "base/mem.h"
#include "detect/facts.h"
#include "detect/tally.h"

#include <stdio.h>

#define ENGINE_CORRELATION (64u * 1024 * 1024)
#define OBSERVABLE_MAX 2048 /* bytes of one value; longer ones (URLs) are left out */

struct engine {
	struct engine_opts o;
	struct matcher *matcher;
	struct correlator *correlator;
	struct arena arena; /* texts of the finding being made */
	struct buf sample;
	int64_t newest;
	struct finding now; /* what the event at hand alone would be; without rule and uid */
	struct str org;
	bool have_now;
};

static struct str text(yyjson_val *v)
{
	return yyjson_is_str(v) ? (struct str){ yyjson_get_str(v), yyjson_get_len(v) } : (struct str){ NULL, 0 };
}

static struct str at(yyjson_val *root, const char *path)
{
	return text(field_value(root, &(struct field_path){ FIELD_PATH, path }));
}

static bool printable(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
			return false;
	return s.len > 0 && s.len <= OBSERVABLE_MAX;
}

static const char *copy(struct engine *e, struct str s)
{
	const char *c = arena_strdup(&e->arena, s);
	return c ? c : "";
}

static void observe(struct engine *e, struct finding *f, enum observable_type type, struct str s)
{
	if (!printable(s) || f->n_observables == FINDING_OBSERVABLES)
		return;
	for (size_t i = 0; i < f->n_observables; i++)
		if (f->observables[i].type == type && str_eq(str_from(f->observables[i].value), s))
			return;
	const char *value = arena_strdup(&e->arena, s);
	if (value)
		f->observables[f->n_observables++] = (struct observable){ type, value };
}

/* Who inside is concerned. Not where the source is a lie, comes from outside, or is a child proxy that hid it. */
static struct str terminal_of(struct engine *e, yyjson_val *root, struct str org)
{
	struct str ip = at(root, "src_endpoint.ip"), rule = at(root, "rule.uid");
	if (str_eq(at(root, "connection_info.direction"), STR("Inbound")) || str_eq(rule, STR("spoof")) ||
	    facts_is_child_proxy(e->o.facts, org, ip))
		return (struct str){ NULL, 0 };
	return ip;
}

/* When it happened, but never later than it was taken in: a sender's wrong clock must not move our windows. */
static int64_t time_of(yyjson_val *root)
{
	yyjson_val *v = yyjson_obj_get(root, "time"), *in = yyjson_obj_get(root, "ingest_time");
	uint64_t time = yyjson_get_uint(v), ingest = yyjson_get_uint(in);
	if (ingest && time > ingest)
		time = ingest;
	return time < INT64_MAX / 4 ? (int64_t)time : 0;
}

static void describe(struct engine *e, yyjson_val *root, struct str record)
{
	struct finding *f = &e->now;
	struct str host = at(root, "http_request.url.hostname|dst_endpoint.hostname"), ip = at(root, "dst_endpoint.ip");
	struct str terminal = terminal_of(e, root, e->org), action = at(root, "action"), src = at(root, "src_endpoint.ip");
	*f = (struct finding){ .count = 1, .terminal = printable(terminal) ? copy(e, terminal) : "" };
	f->time = f->first_time = f->last_time = time_of(root);
	if (e->org.len == 6)
		str_copy(e->org, f->org, sizeof f->org);
	if (str_eq(action, STR("Allowed")))
		f->action = FINDING_ALLOWED;
	else if (str_eq(action, STR("Denied")))
		f->action = FINDING_DENIED;
	observe(e, f, OBSERVABLE_HOSTNAME, host);
	observe(e, f, OBSERVABLE_IP, ip);
	if (!terminal.len && !facts_is_child_proxy(e->o.facts, e->org, src))
		observe(e, f, OBSERVABLE_IP, src);
	observe(e, f, OBSERVABLE_URL, at(root, "http_request.url.url_string"));
	observe(e, f, OBSERVABLE_HASH, at(root, "file.hash"));
	observe(e, f, OBSERVABLE_TERMINAL, terminal);
	if (record.len && record.len < CORRELATE_RECORD)
		f->records[f->n_records++] = copy(e, record);
}

static void set_rule(struct finding *f, const struct rule *r)
{
	f->rule.id = r->id;
	f->rule.title = r->title;
	f->rule.title_ja = r->title_ja;
	f->rule.level = r->level;
	f->n_attacks = r->n_attacks;
	memcpy(f->attacks, r->attacks, sizeof f->attacks);
}

static void emit(struct engine *e, const struct finding *f)
{
	if (e->o.on_finding)
		e->o.on_finding(f, e->o.user);
}

/* A single rule: the group is the event itself. Without a record's name the event's text identifies it. */
static void single(struct engine *e, const struct rule *r, const struct engine_event *ev)
{
	char first[CORRELATE_RECORD + 20];
	struct finding f = e->now;
	struct str id = ev->json;
	set_rule(&f, r);
	if (ev->record.len && ev->record.len < CORRELATE_RECORD) {
		int n = ev->salt ? snprintf(first, sizeof first, STR_FMT "#%016llx", STR_ARG(ev->record), (unsigned long long)ev->salt)
		                 : snprintf(first, sizeof first, STR_FMT, STR_ARG(ev->record));
		id = (struct str){ first, (size_t)n };
	}
	finding_uid(str_from(r->id), e->org, id, f.uid);
	emit(e, &f);
}

static void correlated(const struct correlate_result *res, void *user)
{
	struct engine *e = user;
	struct finding f = e->now;
	struct arena a;
	if (res->rule->referenced)
		return; /* a step of a larger correlation: only the outermost one tells */
	arena_init(&a, MIB);
	if (res->sample.len && finding_parse(res->sample, &a, &f, NULL) < 0) {
		arena_done(&a);
		return;
	}
	set_rule(&f, res->rule);
	f.first_time = res->first_time;
	f.time = f.last_time = res->last_time;
	f.count = res->count;
	f.action = res->action;
	f.n_records = res->n_records;
	memcpy(f.records, res->records, sizeof f.records);
	finding_uid(str_from(res->rule->id), res->group, res->first, f.uid);
	emit(e, &f);
	arena_done(&a);
}

static void correlate(struct engine *e, const struct rule *r, const struct engine_event *ev, yyjson_val *root)
{
	bool sample;
	if (!correlator_wants(e->correlator, r, &sample))
		return;
	struct correlate_hit hit = { .rule = r, .root = root, .time = e->now.time, .org = e->org, .record = ev->record,
		.salt = ev->salt, .action = e->now.action };
	buf_reset(&e->sample);
	if (sample) {
		struct finding f = e->now;
		set_rule(&f, r);
		finding_uid(str_from(r->id), e->org, ev->record, f.uid);
		finding_format(&f, &e->sample);
		if (!e->sample.failed)
			hit.sample = buf_view(&e->sample);
	}
	correlator_hit(e->correlator, &hit);
}

static struct str org_of(yyjson_val *root)
{
	struct str org = text(yyjson_obj_get(root, "org"));
	return org.ptr ? org : STR("");
}

/* Traffic alone: passed when it was allowed and went through, refused when denied. An origin that failed says neither. */
static void tally(struct engine *e, yyjson_val *root, const struct engine_event *ev)
{
	struct str action = at(root, "action"), disposition = at(root, "disposition");
	bool passed = str_eq(action, STR("Allowed")) && (!disposition.len || str_eq(disposition, STR("Allowed")));
	if (!passed && !str_eq(action, STR("Denied")))
		return;
	struct str org = org_of(root), terminal = terminal_of(e, root, org);
	struct tally_event t = { .q = { .org = org, .host = at(root, "http_request.url.hostname|dst_endpoint.hostname"),
		                        .address = at(root, "dst_endpoint.ip"), .url = at(root, "http_request.url.url_string"),
		                        .terminal = printable(terminal) ? terminal : STR("") },
		                 .time_ms = time_of(root), .passed = passed, .record = ev->record, .salt = ev->salt };
	tally_count(e->o.tally, &t);
}

int engine_event(struct engine *e, const struct engine_event *ev, struct err *err)
{
	struct match_event m;
	int r = matcher_event(e->matcher, ev->json, &m, err);
	if (r < 0)
		return r;
	int64_t time = time_of(m.root);
	if (time > e->newest)
		e->newest = time;
	if (tally_wants(e->o.tally))
		tally(e, m.root, ev);
	if (m.n_fired == 0)
		return 0;
	arena_done(&e->arena);
	e->org = org_of(m.root);
	describe(e, m.root, ev->record);
	for (uint32_t i = 0; i < m.n_fired; i++) {
		if (!m.fired[i]->referenced)
			single(e, m.fired[i], ev);
		correlate(e, m.fired[i], ev, m.root);
	}
	return 0;
}

void engine_tick(struct engine *e, int64_t now_ms)
{
	correlator_tick(e->correlator, now_ms);
}

void engine_clock_set(struct engine *e, struct str org, int64_t by_ms)
{
	correlator_clock_set(e->correlator, org, by_ms);
}

int64_t engine_time(const struct engine *e)
{
	return e->newest;
}

struct correlator *engine_correlator(struct engine *e)
{
	return e->correlator;
}

struct matcher *engine_matcher(struct engine *e)
{
	return e->matcher;
}

int engine_create(const struct engine_opts *o, struct engine **ret, struct err *err)
{
	struct engine *e = mem_alloc(sizeof *e);
	if (!e)
		return err_set(err, E_NOMEM, "", "no memory");
	e->o = *o;
	arena_init(&e->arena, 4 * MIB);
	buf_init(&e->sample, FINDING_JSON_MAX);
	int r = matcher_create(o->rules, &e->matcher, err);
	if (r == 0)
		r = correlator_create(o->rules, o->correlation_bytes ? o->correlation_bytes : ENGINE_CORRELATION, correlated, e,
		                      &e->correlator, err);
	if (r < 0)
		engine_destroy(&e);
	else
		*ret = e;
	return r;
}

void engine_destroy(struct engine **ep)
{
	struct engine *e = *ep;
	if (!e)
		return;
	matcher_destroy(&e->matcher);
	correlator_destroy(&e->correlator);
	arena_done(&e->arena);
	buf_done(&e->sample);
	mem_free(e);
	*ep = NULL;
}
