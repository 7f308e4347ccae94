/* One event through rules and correlations to findings; see engine.h. */
#include "detect/engine.h"

#include "base/err.h"
#include "base/mem.h"
#include "detect/baseline.h"
#include "detect/facts.h"
#include "detect/sighting.h"
#include "detect/tally.h"
#include "model/suffix.h"

#include <stdio.h>

#define ENGINE_CORRELATION (64u * 1024 * 1024)
#define DURATION_MAX (86400u * 1000) /* ms; longer ones are no request's */
#define LABEL_OF_DATA 24u /* letters: so long a label is no word */
#define NAME_OF_DATA 60u
#define OBSERVABLE_MAX 2048 /* bytes of one value; longer ones (URLs) are left out */

struct engine {
	struct engine_opts o;
	struct matcher *matcher;
	struct correlator *correlator;
	struct baseline *own; /* where nobody gave one */
	struct arena arena; /* texts of what the event at hand alone would be, and */
	struct finding now; /* that, without rule and uid */
	int64_t newest;
	struct str org;
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

static const char *copy(struct arena *a, struct str s)
{
	const char *c = arena_strdup(a, s);
	return c ? c : "";
}

static void observe(struct arena *a, struct finding *f, enum observable_type type, struct str s)
{
	if (!printable(s) || f->n_observables == FINDING_OBSERVABLES)
		return;
	for (size_t i = 0; i < f->n_observables; i++)
		if (f->observables[i].type == type && str_eq(str_from(f->observables[i].value), s))
			return;
	const char *value = arena_strdup(a, s);
	if (value)
		f->observables[f->n_observables++] = (struct observable){ type, value };
}

static bool asks_our_name_server(yyjson_val *root)
{
	return at(root, "query.zone").len > 0;
}

static unsigned dots(struct str s)
{
	unsigned n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += s.ptr[i] == '.';
	return n;
}

/* The name that a question to our resolver was about. What carries data in its labels is a name nobody asks for twice: of
 * "6f70656e…73.t.evil.example" the zone behind it is what matters, and what a block stops. Nothing where that can't be told: never less than a
 * name below a registry's (co.jp, saga.jp) or a host's (pages.dev), which many others stand under. */
static struct str asked_name(yyjson_val *root)
{
	struct str name = at(root, "query.hostname"), rest, label;
	while (name.len) {
		rest = name;
		str_next(&rest, '.', &label);
		if (label.len < LABEL_OF_DATA)
			break;
		enum suffix shared = rest.len ? suffix_of(rest) : SUFFIX_REGISTRY;
		if (shared == SUFFIX_HOST) /* a name that somebody got there, however long */
			break;
		if (shared != SUFFIX_NONE)
			return (struct str){ NULL, 0 };
		name = rest;
	}
	return name.len > 1 && name.len < NAME_OF_DATA && dots(name) ? name : (struct str){ NULL, 0 };
}

static bool visits_a_site(yyjson_val *root)
{
	struct str product = at(root, "product");
	return str_eq(product, STR("edge")) || str_eq(product, STR("waf"));
}

/* Who inside is concerned. Not where the source is a lie, comes from outside (a body's own device tells of everybody; so do its public sites and zones), is a child proxy that hid it, or is the whole
 * body's address (what Suricata sees outside; what the proxy decrypted for it names the terminal). */
static struct str terminal_of(const struct engine *e, yyjson_val *root, struct str org)
{
	struct str ip = at(root, "src_endpoint.ip"), rule = at(root, "rule.uid");
	bool inside_only = yyjson_obj_get(root, "device") || visits_a_site(root) || str_eq(at(root, "product"), STR("suricata"));
	if (str_eq(at(root, "connection_info.direction"), STR("Inbound")) || str_eq(rule, STR("spoof")) ||
	    facts_is_child_proxy(e->o.facts, org, ip) || asks_our_name_server(root) || (inside_only && !facts_is_inside(e->o.facts, org, ip)))
		return (struct str){ NULL, 0 };
	return ip;
}

static enum finding_action action_of(yyjson_val *root)
{
	struct str action = at(root, "action"), status = at(root, "status");
	if (!action.len && yyjson_get_uint(yyjson_obj_get(root, "class_uid")) == 3002) /* Authentication */
		return str_eq(status, STR("Success")) ? FINDING_ALLOWED : str_eq(status, STR("Failure")) ? FINDING_DENIED : FINDING_UNKNOWN;
	return str_eq(action, STR("Allowed")) ? FINDING_ALLOWED : str_eq(action, STR("Denied")) ? FINDING_DENIED : FINDING_UNKNOWN;
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

/* A request counts when it ended: that is when its sender could tell of it. */
static int64_t place_of(yyjson_val *root)
{
	int64_t time = time_of(root);
	uint64_t duration = yyjson_get_uint(yyjson_obj_get(root, "duration")), ingest = yyjson_get_uint(yyjson_obj_get(root, "ingest_time"));
	if (duration > DURATION_MAX)
		return time;
	time += (int64_t)duration;
	return ingest && (uint64_t)time > ingest && ingest < INT64_MAX / 4 ? (int64_t)ingest : time;
}

/* What the sender's organisation has surely handed in: all before this. */
static int64_t clock_of(yyjson_val *root)
{
	uint64_t ingest = yyjson_get_uint(yyjson_obj_get(root, "ingest_time"));
	return ingest && ingest < INT64_MAX / 4 ? (int64_t)ingest : place_of(root);
}

static void describe(const struct engine *e, yyjson_val *root, struct str org, struct arena *a, struct finding *f)
{
	struct str host = at(root, "http_request.url.hostname|dst_endpoint.hostname"), ip = at(root, "dst_endpoint.ip");
	struct str terminal = terminal_of(e, root, org), src = at(root, "src_endpoint.ip");
	*f = (struct finding){ .count = 1, .terminal = printable(terminal) ? copy(a, terminal) : "", .action = action_of(root) };
	f->time = f->first_time = f->last_time = time_of(root);
	uint64_t status = visits_a_site(root) ? yyjson_get_uint(yyjson_obj_get(yyjson_obj_get(root, "http_response"), "code")) : 0;
	f->http_status = status < 1000 ? (unsigned)status : 0;
	if (org.len == 6)
		str_copy(org, f->org, sizeof f->org);
	/* who asks our resolver is concerned with the name; its own address, which everybody asks, says nothing */
	bool asks = str_eq(at(root, "product"), STR("unbound")) && !asks_our_name_server(root);
	observe(a, f, OBSERVABLE_HOSTNAME, asks ? asked_name(root) : host);
	if (!asks)
		observe(a, f, OBSERVABLE_IP, ip);
	bool own = str_eq(at(root, "product"), STR("suricata")) && str_eq(at(root, "connection_info.direction"), STR("Outbound"));
	/* who asks by UDP may be anybody: a forged source must never become what is blocked */
	bool mail = yyjson_get_uint(yyjson_obj_get(root, "class_uid")) == 4009; /* whom it is from and to says more than the server that brought it */
	if (!terminal.len && !own && !mail && !asks_our_name_server(root) && !facts_is_child_proxy(e->o.facts, org, src))
		observe(a, f, OBSERVABLE_IP, src);
	observe(a, f, OBSERVABLE_URL, at(root, "http_request.url.url_string"));
	observe(a, f, OBSERVABLE_HASH, at(root, "file.hash"));
	observe(a, f, OBSERVABLE_TERMINAL, terminal);
	if (mail) {
		observe(a, f, OBSERVABLE_MAIL, at(root, "email.from"));
		observe(a, f, OBSERVABLE_MAILBOX, at(root, "email.to"));
	}
}

static void set_rule(struct finding *f, const struct rule *r)
{
	f->rule.id = r->id;
	f->rule.title = r->title;
	f->rule.title_ja = r->title_ja;
	f->rule.level = r->level;
	f->n_attacks = r->n_attacks;
	memcpy(f->attacks, r->attacks, sizeof f->attacks);
	f->n_cves = r->n_cves;
	memcpy(f->cves, r->cves, sizeof f->cves);
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
	struct finding f;
	struct arena a;
	if (res->rule->referenced)
		return; /* a step of a larger correlation: only the outermost one tells */
	arena_init(&a, MIB);
	describe(e, res->root, res->org, &a, &f);
	set_rule(&f, res->rule);
	f.first_time = res->first_time;
	f.time = f.last_time = res->last_time;
	f.count = res->count;
	f.action = res->action;
	f.incomplete = res->incomplete;
	f.n_records = res->n_records;
	memcpy(f.records, res->records, sizeof f.records);
	finding_uid(str_from(res->rule->id), res->group, res->first, f.uid);
	emit(e, &f);
	arena_done(&a);
}

static void correlate(struct engine *e, const struct rule *r, const struct engine_event *ev, yyjson_val *root)
{
	if (!correlator_wants(e->correlator, r))
		return;
	struct correlate_hit hit = { .rule = r, .json = ev->json, .root = root, .time = place_of(root), .org = e->org, .record = ev->record,
		.salt = ev->salt, .action = e->now.action };
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
	enum finding_action action = action_of(root);
	struct str disposition = at(root, "disposition");
	bool passed = action == FINDING_ALLOWED && (!disposition.len || str_eq(disposition, STR("Allowed")));
	if (!passed && action != FINDING_DENIED)
		return;
	struct str org = org_of(root), terminal = terminal_of(e, root, org);
	struct tally_event t = { .q = { .org = org, .host = at(root, "http_request.url.hostname|dst_endpoint.hostname"),
		                        .address = at(root, "dst_endpoint.ip"), .url = at(root, "http_request.url.url_string"),
		                        .terminal = printable(terminal) ? terminal : STR("") },
		                 .time_ms = time_of(root), .passed = passed, .record = ev->record, .salt = ev->salt };
	tally_count(e->o.tally, &t);
}

/* ---- threat intelligence */

struct touching {
	struct engine *e;
	yyjson_val *root;
	struct sighting_event s; /* terminal and action from the first hit on: most events have none */
	const struct intel_item *seen[8]; /* one value at two places of an event is one hit */
	unsigned n_seen;
};

static void touched(struct touching *t, const struct intel_item *item)
{
	for (unsigned i = 0; i < t->n_seen; i++)
		if (t->seen[i] == item)
			return;
	if (!item || t->n_seen == ARRAY_LEN(t->seen))
		return;
	if (t->n_seen == 0) {
		struct str terminal = terminal_of(t->e, t->root, t->s.org);
		t->s.terminal = printable(terminal) ? terminal : STR("");
		t->s.action = action_of(t->root);
	}
	t->seen[t->n_seen++] = item;
	t->s.item = item;
	sightings_add(t->e->o.sightings, &t->s, t->e->o.on_finding, t->e->o.user);
}

/* A host may be written as an address. */
static void look_host(struct touching *t, struct str host)
{
	const struct intel_item *x = intel_name(t->s.intel, host, t->s.time_ms);
	touched(t, x ? x : intel_address(t->s.intel, host, t->s.time_ms));
}

static void look_answers(struct touching *t, yyjson_val *answers)
{
	size_t i, n;
	yyjson_val *a;
	yyjson_arr_foreach(answers, i, n, a)
		look_host(t, text(yyjson_obj_get(a, "rdata")));
}

/* Sysmon's "MD5=…,SHA256=…". */
static void look_hashes(struct touching *t, struct str list)
{
	struct str one, name;
	while (str_next(&list, ',', &one))
		if (str_next(&one, '=', &name))
			touched(t, intel_hash(t->s.intel, one, t->s.time_ms));
}

static void look_windows(struct touching *t, yyjson_val *data)
{
	look_host(t, text(yyjson_obj_get(data, "DestinationHostname")));
	look_host(t, text(yyjson_obj_get(data, "DestinationIp")));
	look_host(t, text(yyjson_obj_get(data, "QueryName")));
	look_hashes(t, text(yyjson_obj_get(data, "Hashes")));
}

static struct str in(yyjson_val *o, const char *a, const char *b)
{
	yyjson_val *v = yyjson_obj_get(o, a);
	return text(b ? yyjson_obj_get(v, b) : v);
}

/* What each kind of event can hold; Windows events have no class. */
static void look_at_class(struct touching *t, yyjson_val *root, uint64_t class_uid)
{
	yyjson_val *request = class_uid == 4002 ? yyjson_obj_get(root, "http_request") : NULL, *url = yyjson_obj_get(request, "url");
	if (class_uid == 0) {
		look_windows(t, yyjson_obj_get(yyjson_obj_get(root, "Event"), "EventData"));
		return;
	}
	look_host(t, in(root, "dst_endpoint", "ip"));
	look_host(t, in(root, "src_endpoint", "ip"));
	if (class_uid == 4002) {
		struct str host = in(url, "hostname", NULL);
		look_host(t, host.ptr ? host : in(root, "dst_endpoint", "hostname"));
		touched(t, intel_url(t->s.intel, in(url, "url_string", NULL), t->s.time_ms));
		touched(t, intel_hash(t->s.intel, in(root, "file", "hash"), t->s.time_ms));
		touched(t, intel_ja4(t->s.intel, in(root, "tls", "ja4"), t->s.time_ms));
		touched(t, intel_ja4(t->s.intel, in(root, "tls", "proxy_ja4"), t->s.time_ms));
	} else if (class_uid == 4003) {
		look_host(t, in(root, "query", "hostname"));
		look_answers(t, yyjson_obj_get(root, "answers"));
	}
}

static void look(struct engine *e, yyjson_val *root, const struct engine_event *ev)
{
	struct touching t = { .e = e, .root = root,
		.s = { .intel = e->o.intel, .org = org_of(root), .record = ev->record, .salt = ev->salt, .time_ms = time_of(root) } };
	look_at_class(&t, root, yyjson_get_uint(yyjson_obj_get(root, "class_uid")));
}

void engine_intel(struct engine *e, const struct intel *intel)
{
	e->o.intel = intel;
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
	if (!intel_empty(e->o.intel) && e->o.sightings && e->o.on_finding)
		look(e, m.root, ev);
	e->org = org_of(m.root);
	correlator_clock(e->correlator, e->org, clock_of(m.root));
	if (m.n_fired) {
		arena_done(&e->arena);
		describe(e, m.root, e->org, &e->arena, &e->now);
		if (ev->record.len && ev->record.len < CORRELATE_RECORD)
			e->now.records[e->now.n_records++] = copy(&e->arena, ev->record);
	}
	for (uint32_t i = 0; i < m.n_fired; i++) {
		if (m.fired[i]->first_seen.n && !baseline_new(e->o.baseline, m.fired[i], e->org, m.root, time))
			continue;
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
	int r = matcher_create(o->rules, &e->matcher, err);
	if (r == 0 && !o->baseline) {
		r = baseline_create(NULL, BASELINE_MAX, &e->own, err);
		e->o.baseline = e->own;
	}
	if (r == 0)
		r = correlator_create(&(struct correlate_opts){ .rules = o->rules, .max_bytes = o->correlation_bytes ? o->correlation_bytes : ENGINE_CORRELATION,
		                                                .horizon_ms = o->horizon_ms, .fn = correlated, .user = e },
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
	baseline_destroy(&e->own);
	arena_done(&e->arena);
	mem_free(e);
	*ep = NULL;
}
