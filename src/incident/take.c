/* A finding comes in: known already, or part of an incident that is open, or the first of a new one.
 *
 * Findings of one body within 24 h belong together when they share the terminal or the main observable. Values that
 * stand for many don't tie: a child proxy's address, the node's own, and an address seen with two or more names. Mails that one rule
 * found within the hour belong together whoever they say they are from: a campaign writes each under another name, and a body
 * is told of it once, with all whom it reached. Never for longer than a day, and never those that a person found harmless: whoever sends them
 * would have the harmless one judged first, and nobody is told of what comes behind it. */
#include "incident/incident.h"

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "incident/life.h"
#include "incident/playbook.h"
#include "incident/severity.h"
#include "incident/target.h"
#include "incident/timeline.h"

#include <stdio.h>
#include <stdlib.h>

const struct observable *finding_main(const struct finding *f)
{
	static const enum observable_type order[] = { OBSERVABLE_MAIL, OBSERVABLE_HOSTNAME, OBSERVABLE_URL, OBSERVABLE_IP, OBSERVABLE_HASH, OBSERVABLE_JA4,
		                                      OBSERVABLE_TERMINAL };
	for (size_t k = 0; k < ARRAY_LEN(order); k++)
		for (size_t i = 0; i < f->n_observables; i++)
			if (f->observables[i].type == order[k])
				return &f->observables[i];
	return NULL;
}

void finding_fingerprint(const struct finding *f, char dst[FINDING_UID_LEN + 1])
{
	const struct observable *m = finding_main(f);
	const char *part[] = { f->rule.id, f->org, f->terminal, m ? observable_type_name(m->type) : "", m ? m->value : "" };
	unsigned char h[SHA256_LEN];
	struct buf b;
	buf_init(&b, FINDING_JSON_MAX);
	for (size_t i = 0; i < ARRAY_LEN(part); i++)
		buf_printf(&b, "%zu:%s,", strlen(part[i]), part[i]);
	hash_sha256(b.ptr, b.len, h);
	buf_done(&b);
	hex_format(h, sizeof h, dst);
}

struct taking {
	struct store *s;
	const struct desk *d;
	const struct finding *f;
	const struct desk_org *org;
	const struct observable *main;
	const char *main_value; /* or "" */
	char fingerprint[FINDING_UID_LEN + 1];
	int64_t now;
	struct severity sev;
	struct target target;
	struct err *err;
};

static const struct store_sql known = { "finding_known", "SELECT 1 FROM finding WHERE uid = $1" };
static const struct store_sql sight = {
	"sighting_add", "INSERT INTO sighting(address, hostname, org, first_ms) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
};
static const struct store_sql shared = {
	"sighting_shared", "SELECT count(DISTINCT hostname) >= 2 FROM sighting WHERE address = $1"
};
static const struct store_sql same_fingerprint = {
	"incident_same", "SELECT i.id, (SELECT count(*) FROM finding g WHERE g.fingerprint = $2 AND g.incident = i.id)"
			 " FROM incident i JOIN finding f ON f.incident = i.id"
			 " WHERE i.org = $1 AND i.state <> 'closed' AND f.fingerprint = $2 AND i.last_ms >= $3 AND i.findings < $4"
			 " ORDER BY i.id DESC LIMIT 1"
};
static const struct store_sql same_entity = {
	"incident_entity", "SELECT i.id, 0 FROM incident i JOIN observable o ON o.incident = i.id"
			   " WHERE i.org = $1 AND i.state <> 'closed' AND i.last_ms >= $2 AND i.findings < $3 AND o.groups"
			   " AND o.type = $4 AND o.value = $5 ORDER BY i.id DESC LIMIT 1"
};
static const struct store_sql same_campaign = {
	"incident_campaign", "SELECT id, 0 FROM incident WHERE org = $1 AND state <> 'closed' AND rule = $2 AND observable_type = 'mail' AND last_ms >= $3"
			     " AND findings < $4 AND first_ms >= $5 AND (judged IS NULL OR judged >= $6) ORDER BY id DESC LIMIT 1"
};
static const struct store_sql insert_incident = {
	"incident_new",
	"INSERT INTO incident(number, org, state, title, title_ja, rule, opened_by, severity, reasons, signature_level,"
	" terminal, observable_type, observable, created_ms, first_ms, last_ms, found_ms)"
	" VALUES ($1, $2, 'received', $3, $4, $5, 'toride', $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING id"
};
static const struct store_sql insert_finding = {
	"finding_new", "INSERT INTO finding(uid, org, incident, fingerprint, rule, level, action, time_ms, last_ms,"
		       " received_ms, main_value, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
};
static const struct store_sql grow = {
	"incident_grow", "UPDATE incident SET findings = findings + 1, events = events + $2, first_ms = least(first_ms, $3),"
			 " last_ms = greatest(last_ms, $4), terminal = CASE WHEN terminal = '' THEN $5 ELSE terminal END,"
			 " observable_type = CASE WHEN observable = '' THEN $6 ELSE observable_type END,"
			 " observable = CASE WHEN observable = '' THEN $7 ELSE observable END WHERE id = $1"
};
static const struct store_sql raise_severity = {
	"incident_raise", "UPDATE incident SET severity = $2, reasons = $3, found_ms = $4, title = $5, title_ja = $6,"
			  " rule = $7, signature_level = $8, observable_type = CASE WHEN $10 = '' THEN observable_type ELSE $9 END,"
			  " observable = CASE WHEN $10 = '' THEN observable ELSE $10 END WHERE id = $1"
};
static const struct store_sql read_severity = { "incident_severity", "SELECT severity FROM incident WHERE id = $1" };
static const struct store_sql add_observable = {
	"observable_add", "INSERT INTO observable(incident, org, type, value, groups, first_ms, last_ms)"
			  " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (incident, type, value)"
			  " DO UPDATE SET last_ms = greatest(observable.last_ms, $7), groups = observable.groups AND $5"
};
static const struct store_sql add_evidence = {
	"evidence_add", "INSERT INTO evidence(incident, org, record, finding) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
};

/* One row of (id, n); id 0 when there is none. */
static int find_id(struct taking *t, const struct store_sql *q, const struct store_args *a, int64_t *ret_id, int *ret_n)
{
	struct store_rows rows = { 0 };
	int r = store_run(t->s, q, a, &rows, t->err);
	if (r == 0 && rows.n > 0) {
		*ret_id = store_col_int(&rows, 0, 0, 0);
		if (ret_n)
			*ret_n = (int)store_col_int(&rows, 0, 1, 0);
	}
	store_rows_done(&rows);
	return r;
}

/* The names this address was seen with, so that a shared one can be told later. */
static int note_sightings(struct taking *t)
{
	for (size_t i = 0; i < t->f->n_observables; i++)
		for (size_t k = 0; k < t->f->n_observables; k++) {
			const struct observable *ip = &t->f->observables[i], *name = &t->f->observables[k];
			if (ip->type != OBSERVABLE_IP || name->type != OBSERVABLE_HOSTNAME)
				continue;
			struct store_args a = { 0 };
			store_text(&a, ip->value), store_text(&a, name->value), store_text(&a, t->f->org), store_int(&a, t->now);
			int r = store_run(t->s, &sight, &a, NULL, t->err);
			if (r < 0)
				return r;
		}
	return 0;
}

/* May this value tie findings together? */
static int may_group(struct taking *t, enum observable_type type, const char *value, bool *ret)
{
	*ret = value[0] && type != OBSERVABLE_JA4 /* whatever is written with one library speaks so */ && !((type == OBSERVABLE_IP || type == OBSERVABLE_TERMINAL) && desk_is_shared(t->d, t->org, value));
	if (!*ret || type != OBSERVABLE_IP)
		return 0;
	struct store_rows rows = { 0 };
	struct store_args a = { 0 };
	store_text(&a, value);
	int r = store_run(t->s, &shared, &a, &rows, t->err);
	if (r == 0 && store_col_bool(&rows, 0, 0))
		*ret = false;
	store_rows_done(&rows);
	return r;
}

static int find_by_entity(struct taking *t, enum observable_type type, const char *value, int64_t *ret_id)
{
	bool ties;
	int r = may_group(t, type, value, &ties);
	if (r < 0 || !ties)
		return r;
	struct store_args a = { 0 };
	store_text(&a, t->f->org), store_int(&a, t->f->last_time - INCIDENT_WINDOW_MS), store_int(&a, INCIDENT_FINDINGS_MAX);
	store_text(&a, observable_type_name(type)), store_text(&a, value);
	return find_id(t, &same_entity, &a, ret_id, NULL);
}

static int find_campaign(struct taking *t, int64_t *ret_id)
{
	struct store_args a = { 0 };
	store_text(&a, t->f->org), store_text(&a, t->f->rule.id), store_int(&a, t->f->last_time - INCIDENT_CAMPAIGN_MS), store_int(&a, INCIDENT_FINDINGS_MAX);
	store_int(&a, t->f->last_time - INCIDENT_WINDOW_MS), store_int(&a, t->sev.level);
	return find_id(t, &same_campaign, &a, ret_id, NULL);
}

static int find_incident(struct taking *t, int64_t *ret_id, int *ret_repeats)
{
	struct store_args a = { 0 };
	store_text(&a, t->f->org), store_text(&a, t->fingerprint);
	store_int(&a, t->f->last_time - INCIDENT_WINDOW_MS), store_int(&a, INCIDENT_FINDINGS_MAX);
	int r = find_id(t, &same_fingerprint, &a, ret_id, ret_repeats);
	if (r == 0 && !*ret_id)
		r = find_by_entity(t, OBSERVABLE_TERMINAL, t->f->terminal, ret_id);
	if (r == 0 && !*ret_id && t->main)
		r = find_by_entity(t, t->main->type, t->main->value, ret_id);
	if (r == 0 && !*ret_id && t->main && t->main->type == OBSERVABLE_MAIL)
		r = find_campaign(t, ret_id);
	return r;
}

static void reasons(struct taking *t, struct buf *b)
{
	const char *code = target_reason(t->target.answer);
	buf_init(b, 8 * KIB);
	severity_format(&t->sev, t->f, b);
	if (!code)
		return;
	b->len--; /* the list goes on */
	buf_puts(b, ",{");
	json_field_s(b, "code", code);
	json_field_s(b, "text_ja", severity_reason_words(code, true));
	json_field_s(b, "text", severity_reason_words(code, false));
	json_field_s(b, "detail", t->target.detail);
	buf_puts(b, "}]");
}

/* When what was found happened: delays are counted from there. A sender's clock may run ahead of ours. */
static int64_t found_time(const struct taking *t)
{
	return t->f->time < t->now ? t->f->time : t->now;
}

static const char *title_ja(const struct finding *f)
{
	return f->rule.title_ja[0] ? f->rule.title_ja : f->rule.title;
}

/* The steps of its case; what the finding itself tells is done with it. */
static int begin_work(struct taking *t, int64_t id)
{
	const struct playbook *p = playbook_of(t->f);
	bool inbound = strcmp(p->code, "inbound") == 0;
	const char *org = t->f->org, *terminal = t->f->terminal;
	int r = life_begin(t->s, id, org, p->code, "toride", t->now, t->err);
	if (r == 0 && terminal[0] && !desk_is_shared(t->d, t->org, terminal) && !inbound) {
		r = life_happened(t->s, id, org, "identify_terminal", "toride", terminal, t->now, t->err);
		r = r < 0 ? r : life_happened(t->s, id, org, "identify_source", "toride", terminal, t->now, t->err);
	}
	if (r == 0 && t->main && (inbound ? t->main->type == OBSERVABLE_IP : t->main->type != OBSERVABLE_TERMINAL && t->main->type != OBSERVABLE_JA4 && t->main->type != OBSERVABLE_MAIL))
		r = life_happened(t->s, id, org, inbound ? "identify_source" : "identify_destination", "toride", t->main_value, t->now, t->err);
	return r;
}

static int open_new(struct taking *t, int64_t *ret_id)
{
	char number[INCIDENT_NUMBER], level[4];
	const struct finding *f = t->f;
	snprintf(level, sizeof level, "%u", t->sev.level);
	int r = incident_next_number(t->s, "I", t->now, number, t->err);
	if (r < 0)
		return r;
	struct store_args a = { 0 };
	struct buf b;
	reasons(t, &b);
	store_text(&a, number), store_text(&a, f->org), store_text(&a, f->rule.title), store_text(&a, title_ja(f));
	store_text(&a, f->rule.id), store_int(&a, t->sev.level), store_text(&a, buf_cstr(&b));
	store_text(&a, finding_level_name(f->rule.level)), store_text(&a, f->terminal);
	store_text(&a, t->main ? observable_type_name(t->main->type) : ""), store_text(&a, t->main_value);
	store_int(&a, t->now), store_int(&a, f->first_time), store_int(&a, f->last_time), store_int(&a, found_time(t));
	r = find_id(t, &insert_incident, &a, ret_id, NULL);
	buf_done(&b);
	if (r == 0)
		r = timeline_add(t->s, *ret_id, f->org, t->now, "toride", "opened", number, title_ja(f), f->rule.title, t->err);
	if (r == 0)
		r = timeline_add(t->s, *ret_id, f->org, t->now, "toride", "provisional", level, t->sev.reason->code, NULL, t->err);
	r = r < 0 ? r : begin_work(t, *ret_id);
	const char *code = target_reason(t->target.answer);
	if (r == 0 && code)
		r = timeline_add(t->s, *ret_id, f->org, t->now, "toride", "target", code, t->target.detail, NULL, t->err);
	if (r == 0 && code)
		r = life_happened(t->s, *ret_id, f->org, "check_target", "toride", t->target.detail, t->now, t->err);
	return r;
}

static int add_observables(struct taking *t, int64_t id)
{
	const struct finding *f = t->f;
	struct observable terminal = { OBSERVABLE_TERMINAL, f->terminal };
	for (size_t i = 0; i <= f->n_observables; i++) {
		const struct observable *o = i < f->n_observables ? &f->observables[i] : &terminal;
		bool ties = false;
		if (!o->value[0])
			continue;
		int r = may_group(t, o->type, o->value, &ties);
		/* only what names the entity ties: a further name on the same page doesn't */
		ties = ties && (o->type == OBSERVABLE_TERMINAL || o == t->main);
		struct store_args a = { 0 };
		store_int(&a, id), store_text(&a, f->org), store_text(&a, observable_type_name(o->type)), store_text(&a, o->value);
		store_text(&a, ties ? "true" : "false"), store_int(&a, f->first_time), store_int(&a, f->last_time);
		if (r == 0)
			r = store_run(t->s, &add_observable, &a, NULL, t->err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_records(struct taking *t, int64_t id)
{
	for (size_t i = 0; i < t->f->n_records; i++) {
		struct store_args a = { 0 };
		store_int(&a, id), store_text(&a, t->f->org), store_text(&a, t->f->records[i]), store_text(&a, t->f->uid);
		int r = store_run(t->s, &add_evidence, &a, NULL, t->err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_finding(struct taking *t, int64_t id)
{
	const struct finding *f = t->f;
	struct store_args a = { 0 }, g = { 0 };
	struct buf b;
	buf_init(&b, 2 * FINDING_JSON_MAX);
	finding_format(f, &b);
	store_text(&a, f->uid), store_text(&a, f->org), store_int(&a, id), store_text(&a, t->fingerprint);
	store_text(&a, f->rule.id), store_text(&a, finding_level_name(f->rule.level));
	store_text(&a, finding_action_name(f->action)), store_int(&a, f->time), store_int(&a, f->last_time);
	store_int(&a, t->now), store_text(&a, t->main_value), store_text(&a, buf_cstr(&b));
	int r = store_run(t->s, &insert_finding, &a, NULL, t->err);
	buf_done(&b);
	store_int(&g, id), store_int(&g, (int64_t)(f->count < 1000000000 ? f->count : 1000000000));
	store_int(&g, f->first_time), store_int(&g, f->last_time), store_text(&g, f->terminal);
	store_text(&g, t->main ? observable_type_name(t->main->type) : ""), store_text(&g, t->main_value);
	return r < 0 ? r : store_run(t->s, &grow, &g, NULL, t->err);
}

/* Provisional severity only rises by itself: a later harmless finding doesn't undo what was seen. */
static int raise_if_worse(struct taking *t, int64_t id, struct incident_taken *ret)
{
	struct store_args q = { 0 }, a = { 0 };
	int64_t was = 0;
	store_int(&q, id);
	struct store_rows rows = { 0 };
	int r = store_run(t->s, &read_severity, &q, &rows, t->err);
	if (r == 0)
		was = store_col_int(&rows, 0, 0, 0);
	store_rows_done(&rows);
	ret->was = (int)was;
	ret->severity = t->sev.level > was ? t->sev.level : (int)was;
	if (r < 0 || t->sev.level <= was)
		return r;
	struct buf b;
	reasons(t, &b);
	store_int(&a, id), store_int(&a, t->sev.level), store_text(&a, buf_cstr(&b)), store_int(&a, found_time(t));
	store_text(&a, t->f->rule.title), store_text(&a, title_ja(t->f)), store_text(&a, t->f->rule.id);
	store_text(&a, finding_level_name(t->f->rule.level));
	store_text(&a, t->main ? observable_type_name(t->main->type) : ""), store_text(&a, t->main_value);
	r = store_run(t->s, &raise_severity, &a, NULL, t->err);
	buf_done(&b);
	char from[4], to[4];
	snprintf(from, sizeof from, "%d", (int)was);
	snprintf(to, sizeof to, "%u", t->sev.level);
	return r < 0 ? r : timeline_add(t->s, id, t->f->org, t->now, "toride", "severity", from, to, t->sev.reason->code, t->err);
}

/* A correlation that goes on gives a finding a minute: the 2nd, 4th, 8th … is written, not each. */
static int note_join(struct taking *t, int64_t id, int repeats)
{
	char n[24];
	if (repeats == 0) {
		snprintf(n, sizeof n, "%llu", (unsigned long long)t->f->count);
		return timeline_add(t->s, id, t->f->org, t->now, "toride", "finding", title_ja(t->f), n, t->f->rule.title, t->err);
	}
	int nth = repeats + 1;
	if (nth & (nth - 1))
		return 0;
	snprintf(n, sizeof n, "%d", nth);
	return timeline_add(t->s, id, t->f->org, t->now, "toride", "repeat", n, NULL, NULL, t->err);
}

/* Whose outcome isn't known and that nothing of the target lets succeed has failed, as far as is known. */
static int look_at_target(struct taking *t)
{
	int r = target_of(t->s, t->f, &t->target, t->err);
	if (r == 0 && t->target.answer == TARGET_SAFE && t->sev.level == 2 && t->f->action != FINDING_DENIED && strcmp(t->sev.reason->code, "untagged_file_allowed") != 0)
		t->sev.level = 1;
	return r;
}

static int take(struct taking *t, struct incident_taken *ret)
{
	int64_t id = 0, dup = 0;
	struct store_args a = { 0 };
	store_text(&a, t->f->uid);
	struct store_rows rows = { 0 };
	int r = store_run(t->s, &known, &a, &rows, t->err);
	dup = r == 0 && rows.n > 0;
	store_rows_done(&rows);
	if (r < 0 || dup)
		return r;
	r = look_at_target(t);
	ret->finding_severity = t->sev.level;
	r = r < 0 ? r : note_sightings(t);
	if (r == 0)
		r = find_incident(t, &id, &ret->number_of_repeats);
	ret->opened = r == 0 && id == 0;
	if (r == 0 && ret->opened)
		r = open_new(t, &id);
	else if (r == 0)
		r = note_join(t, id, ret->number_of_repeats);
	if (r == 0)
		r = add_finding(t, id);
	if (r == 0)
		r = add_observables(t, id);
	if (r == 0)
		r = add_records(t, id);
	if (r == 0)
		r = raise_if_worse(t, id, ret);
	if (ret->opened)
		ret->was = -1;
	ret->id = id;
	return r;
}

int incident_take(struct store *s, const struct desk *d, const struct finding *f, int64_t now_ms,
                  struct incident_taken *ret, struct err *err)
{
	struct taking t = { .s = s, .d = d, .f = f, .now = now_ms, .err = err, .org = desk_org(d, f->org),
		            .main = finding_main(f), .sev = severity_of(f) };
	struct incident_taken taken = { .finding_severity = t.sev.level };
	t.main_value = t.main ? t.main->value : "";
	finding_fingerprint(f, t.fingerprint);
	int r = take(&t, &taken);
	if (r == 0)
		*ret = taken;
	return r;
}
