/* Decisions about blocks; see block.h. Carrying them out is blockwork.c's. */
#include "respond/block.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "incident/timeline.h"
#include "model/suffix.h"
#include "respond/notify.h"
#include "respond/text.h"
#include "wire/identity.h"
#include "wire/words.h"

#include <stdio.h>
#include <stdlib.h>

bool block_kind_parse(const char *name, uint8_t *ret)
{
	for (uint8_t k = BLOCK_ADDRESS; k <= BLOCK_FLOW; k++)
		if (strcmp(block_kind_name(k), name) == 0) {
			*ret = k;
			return true;
		}
	return false;
}

/* ---- what is never blocked ---- */

/* name is at or below domain ("example.jp"). */
static bool is_below(const char *name, const char *domain)
{
	size_t n = strlen(name), d = strlen(domain);
	return n >= d && str_case_eq((struct str){ name + n - d, d }, (struct str){ domain, d }) &&
	       (n == d || name[n - d - 1] == '.');
}

/* A block of `name` takes everything below with it: it touches a pattern that lies below it as well. */
static bool touches(const char *name, const char *pattern)
{
	if (pattern[0] == '.')
		return is_below(name, pattern + 1) || is_below(pattern + 1, name);
	return str_case_eq(str_from(name), str_from(pattern)) || is_below(pattern, name);
}

/* The host of "http://host:1/path", "host" or ".domain"; "" when too long. */
static void host_of(const char *s, char *dst, size_t size)
{
	const char *p = strstr(s, "://");
	p = p ? p + 3 : s;
	struct str h = { p, strcspn(p, "/?#") };
	const char *colon = h.len && p[0] != '[' ? memchr(p, ':', h.len) : NULL;
	h.len = colon ? (size_t)(colon - p) : h.len;
	if (!str_copy(h, dst, size))
		dst[0] = 0;
}

/* Names under which the world lives: blocking one would cut far more than one site. A host's (trycloudflare.com) is somebody's to decide. */
static bool is_too_wide(const char *name)
{
	return suffix_of(str_from(name)) == SUFFIX_REGISTRY;
}

static const char *guard_name(const struct desk *d, const struct desk_org *o, const char *name)
{
	char host[256];
	if (!name[0] || strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != strlen(name))
		return "bad_name";
	if (is_too_wide(name))
		return "too_wide";
	if (touches(name, "canary.toride.internal")) /* each change is checked by it: refused by torided too (apply/blocks.c) */
		return "own_name";
	for (size_t i = 0; i < d->n_never_names; i++)
		if (touches(name, d->never_names[i]))
			return "own_name";
	for (size_t i = 0; o && i < o->n_white; i++) {
		host_of(o->white[i], host, sizeof host);
		if (host[0] && touches(name, host))
			return "white_listed";
	}
	return NULL;
}

static const char *guard_address(const struct desk *d, const struct desk_org *o, const char *value)
{
	struct prefix p, w;
	if (prefix_parse(str_from(value), &p) < 0)
		return "bad_address";
	if (p.len < (p.family == 4 ? 24 : 64))
		return "too_wide";
	for (size_t i = 0; i < d->n_never; i++)
		if (d->never[i].family == p.family && (prefix_contains(&d->never[i], &p) || prefix_contains(&p, &d->never[i])))
			return "own_address";
	for (size_t i = 0; o && i < o->n_white; i++)
		if (prefix_parse(str_from(o->white[i]), &w) == 0 && w.family == p.family &&
		    (prefix_contains(&w, &p) || prefix_contains(&p, &w)))
			return "white_listed";
	return NULL;
}

/* An announcement that can't be made is refused to who asks, not to who approves it in the middle of an attack. */
static const char *guard_announced(const struct desk_org *o, uint8_t kind, const char *value)
{
	struct str rest = str_from(value), word = { "", 0 };
	struct prefix p;
	if (kind == BLOCK_FLOW && !(str_next(&rest, ' ', &word) && str_eq(word, STR("to"))))
		return "bad_flow";
	if (kind == BLOCK_FLOW)
		str_next(&rest, ' ', &word);
	else
		word = rest;
	if (prefix_parse(word, &p) < 0)
		return "bad_address";
	for (size_t i = 0; i < o->n_announce; i++)
		if (memcmp(&o->announce[i], &p, sizeof p) == 0)
			return NULL;
	return "not_announced";
}

const char *block_guard(const struct desk *d, const struct desk_org *o, uint8_t kind, const char *value)
{
	char host[256];
	struct prefix p;
	switch (kind) {
	case BLOCK_NAME:
		return guard_name(d, o, value);
	case BLOCK_ADDRESS:
		return guard_address(d, o, value);
	case BLOCK_URL:
		host_of(value, host, sizeof host);
		for (size_t i = 0; o && i < o->n_white; i++)
			if (strcmp(o->white[i], value) == 0)
				return "white_listed";
		return strncmp(value, "http", 4) == 0 && host[0] ? guard_name(d, NULL, host) : "bad_url";
	case BLOCK_TERMINAL:
		return !o || desk_is_shared(d, o, value) || prefix_parse(str_from(value), &p) < 0 ? "bad_terminal" : NULL;
	case BLOCK_BLACKHOLE:
	case BLOCK_FLOW: /* torided judges again, and the rest of a flow */
		return o ? guard_announced(o, kind, value) : "bad_kind";
	default:
		return "bad_kind";
	}
}

/* ---- rows ---- */

static const struct store_sql standing = {
	"block_standing", "SELECT id, state FROM block WHERE org = $1 AND kind = $2 AND value = $3"
			  " AND state IN ('ordered', 'requested', 'active', 'removing')"
};
static const struct store_sql insert_block = {
	"block_insert", "INSERT INTO block(id, incident, org, origin, incident_number, kind, value, author, reason, state,"
			" found_ms, created_ms, expires_ms, consent, next_ms, reason_code, inquiry)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $16, $15, $17)"
};

/* The unique index lets at most one row stand. */
static const struct store_sql order_requested = {
	"block_order_requested", "UPDATE block SET state = 'ordered', origin = true, incident = $4, incident_number = $5,"
				 " author = $6, reason = $7, found_ms = $8, expires_ms = $9, next_ms = $10, attempts = 0,"
				 " reason_code = $11 WHERE org = $1 AND kind = $2 AND value = $3 AND state = 'requested' AND held = '' RETURNING id"
};

struct row {
	int64_t incident;
	const char *org, *number, *value, *author, *reason, *state, *consent;
	bool origin;
	uint8_t kind;
	int64_t found_ms, now, expires_ms;
	const char *reason_code; /* of WORDS_REASON, or "": a person's reason */
	int64_t inquiry;         /* the replay it waits for; 0: none */
};

static int find_standing(struct respond *r, const char *org, uint8_t kind, const char *value, bool *ret, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_text(&a, org), store_text(&a, block_kind_name(kind)), store_text(&a, value);
	int res = store_run(r->store, &standing, &a, &rows, err);
	*ret = res == 0 && rows.n > 0;
	store_rows_done(&rows);
	return res;
}

static int insert_row(struct respond *r, const struct row *w, char id[INCIDENT_NUMBER], struct err *err)
{
	/* a person's order acts at once; only an address waits to be found shared or not */
	bool waits = w->inquiry && (strcmp(w->author, RESPOND_ACTOR) == 0 || w->kind == BLOCK_ADDRESS);
	struct store_args a = { 0 };
	int res = incident_next_number(r->store, "B", w->now, id, err);
	if (res < 0)
		return res;
	store_text(&a, id), store_int_or_null(&a, w->incident, 0), store_text(&a, w->org);
	store_text(&a, w->origin ? "true" : "false"), store_text(&a, w->number), store_text(&a, block_kind_name(w->kind));
	store_text(&a, w->value), store_text(&a, w->author), store_text(&a, w->reason), store_text(&a, w->state);
	store_int(&a, w->found_ms), store_int(&a, w->now), store_int(&a, w->expires_ms), store_text(&a, w->consent);
	store_text(&a, w->reason_code), store_int(&a, w->now + (waits ? BLOCK_REPLAY_MS : 0)), store_int_or_null(&a, w->inquiry, 0);
	r->work_ms = 0;
	return store_run(r->store, &insert_block, &a, NULL, err);
}

/* A block that this body was only asked to consent to, for another's sake. *ret: there was one, and it is ordered. */
static int take_requested(struct respond *r, const struct row *w, char id[INCIDENT_NUMBER], bool *ret, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_text(&a, w->org), store_text(&a, block_kind_name(w->kind)), store_text(&a, w->value);
	store_int_or_null(&a, w->incident, 0), store_text(&a, w->number), store_text(&a, w->author), store_text(&a, w->reason);
	store_int(&a, w->found_ms), store_int(&a, w->expires_ms), store_int(&a, w->now), store_text(&a, w->reason_code);
	int res = store_run(r->store, &order_requested, &a, &rows, err);
	*ret = res == 0 && rows.n > 0;
	if (*ret) {
		snprintf(id, INCIDENT_NUMBER, "%s", store_col(&rows, 0, 0));
		r->work_ms = 0;
	}
	store_rows_done(&rows);
	return res;
}

/* The body's own block: its own incident needs nobody's consent. *ret_standing: it acts or was ordered before. */
static int order_own(struct respond *r, const struct row *w, char id[INCIDENT_NUMBER], bool *ret_standing, struct err *err)
{
	bool taken = false;
	*ret_standing = false;
	int res = take_requested(r, w, id, &taken, err);
	if (res < 0 || taken)
		return res;
	res = find_standing(r, w->org, w->kind, w->value, ret_standing, err);
	return res < 0 || *ret_standing ? res : insert_row(r, w, id, err);
}

static const struct store_sql names_of = {
	"names_of_address", "SELECT DISTINCT hostname FROM sighting WHERE address = $1 LIMIT 2"
};
static const struct store_sql name_here = {
	"name_of_incident", "SELECT o.value FROM observable o JOIN sighting s ON s.hostname = o.value AND s.address = $2"
			    " WHERE o.incident = $1 AND o.type = 'hostname' ORDER BY o.last_ms DESC LIMIT 1"
};

/* An address that many names share gives way to the name this incident saw; *value "" when there is none. */
static int prefer_name(struct respond *r, const struct incident *i, uint8_t *kind, char *value, size_t size, struct err *err)
{
	struct store_args a = { 0 }, h = { 0 };
	struct store_rows rows = { 0 };
	if (*kind != BLOCK_ADDRESS)
		return 0;
	store_text(&a, value);
	int res = store_run(r->store, &names_of, &a, &rows, err);
	bool shared = res == 0 && rows.n >= 2;
	store_rows_done(&rows);
	if (res < 0 || !shared)
		return res;
	store_int(&h, i->id), store_text(&h, value);
	res = store_run(r->store, &name_here, &h, &rows, err);
	if (res == 0)
		snprintf(value, size, "%s", rows.n ? store_col(&rows, 0, 0) : "");
	store_rows_done(&rows);
	*kind = BLOCK_NAME;
	return res;
}

static const struct store_sql own_elsewhere = {
	"block_own_elsewhere", "SELECT 1 FROM block WHERE kind = $1 AND value = $2 AND origin AND org <> $3"
			       " AND state IN ('ordered', 'active') LIMIT 1"
};

/* One body's terminals must not be able to have a site cut off for all: a block goes to others only when a named
 * person judged it grave, or a second body's own finding says the same. */
static int corroborated(struct respond *r, const struct incident *i, uint8_t kind, const char *value, bool *ret, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	*ret = i->judged >= BLOCK_SEVERITY;
	if (*ret)
		return 0;
	store_text(&a, block_kind_name(kind)), store_text(&a, value), store_text(&a, i->org);
	int res = store_run(r->store, &own_elsewhere, &a, &rows, err);
	*ret = res == 0 && rows.n > 0;
	store_rows_done(&rows);
	return res;
}

/* A host "name" that is an address (http://203.0.113.9/) is blocked as one. */
static bool kind_of(enum observable_type type, const char *value, uint8_t *ret)
{
	struct prefix ignored;
	if (type == OBSERVABLE_HOSTNAME && prefix_parse(str_from(value), &ignored) == 0)
		type = OBSERVABLE_IP;
	static const uint8_t kinds[] = { [OBSERVABLE_HOSTNAME] = BLOCK_NAME, [OBSERVABLE_IP] = BLOCK_ADDRESS,
		                         [OBSERVABLE_URL] = BLOCK_URL, [OBSERVABLE_HASH] = 0, [OBSERVABLE_TERMINAL] = 0, [OBSERVABLE_MAILBOX] = 0 };
	*ret = kinds[type];
	return *ret != 0;
}

/* The others: at once by prior consent, else asked. What their own white list holds is left alone. */
static int spread(struct respond *r, const struct incident *i, uint8_t kind, const char *value, int64_t found_ms, int64_t inquiry,
                  int64_t now, struct err *err)
{
	int applied = 0, asked = 0, res = 0;
	char id[INCIDENT_NUMBER], n1[12], n2[12], consent[200];
	for (size_t k = 0; res == 0 && k < r->desk->n_orgs; k++) {
		const struct desk_org *o = &r->desk->orgs[k];
		bool there = false, given = o->consent.given && o->consent.min_severity <= BLOCK_SEVERITY;
		if (strcmp(o->code, i->org) == 0 || block_guard(r->desk, o, kind, value))
			continue;
		res = find_standing(r, o->code, kind, value, &there, err);
		if (res < 0 || there)
			continue;
		snprintf(consent, sizeof consent, "%.*s %.40s", given ? str_head(o->consent.by, 80) : 0, given ? o->consent.by : "", given ? o->consent.date : "");
		struct row w = { 0, o->code, "", value, RESPOND_ACTOR, words_of(WORDS_REASON, "shared", true), given ? "ordered" : "requested",
			         given ? consent : "", false, kind, found_ms, now, now + r->desk->clock.block_ms, "shared", inquiry };
		if (!w.inquiry) /* the first one asks for all */
			res = block_replay_begin(r, i, "", kind, value, RESPOND_ACTOR, now, &w.inquiry, err);
		inquiry = w.inquiry;
		res = res < 0 ? res : insert_row(r, &w, id, err);
		if (res == 0)
			res = notify_block(r, &(struct notice_block){ .org = o->code, .kind = given ? NOTICE_BLOCK : NOTICE_CONSENT, .block_id = id,
			                                              .target = value, .reason = "", .number = "", .expires_ms = w.expires_ms }, now, err);
		applied += given;
		asked += !given;
	}
	snprintf(n1, sizeof n1, "%d", applied);
	snprintf(n2, sizeof n2, "%d", asked);
	return res < 0 || applied + asked == 0 ? res
	                                       : timeline_add(r->store, i->id, i->org, now, RESPOND_ACTOR, "block_shared", n1, n2, NULL, err);
}

int block_decide(struct respond *r, const struct incident *i, enum observable_type type, const char *observable,
                 int64_t found_ms, int64_t now, bool *ret_blocking, struct err *err)
{
	uint8_t kind;
	char value[256], id[INCIDENT_NUMBER];
	bool there = false, sure = false;
	*ret_blocking = false;
	if (!desk_org(r->desk, i->org) || !kind_of(type, observable, &kind))
		return 0;
	if (!str_copy(str_from(observable), value, sizeof value))
		return timeline_add(r->store, i->id, i->org, now, RESPOND_ACTOR, "block_refused", "", "too_long", NULL, err);
	int res = prefer_name(r, i, &kind, value, sizeof value, err);
	if (res < 0)
		return res;
	const char *why = value[0] ? block_guard(r->desk, desk_org(r->desk, i->org), kind, value)
	                           : "shared_address";
	if (why)
		return timeline_add(r->store, i->id, i->org, now, RESPOND_ACTOR, "block_refused", value[0] ? value : observable, why, NULL, err);
	struct row w = { i->id, i->org, i->number, value, RESPOND_ACTOR, words_of(WORDS_REASON, "severity3", true), "ordered", "", true, kind,
		         found_ms, now, now + r->desk->clock.block_ms, "severity3", 0 };
	res = find_standing(r, i->org, kind, value, &there, err);
	if (res == 0 && !there)
		res = block_replay_begin(r, i, "", kind, value, RESPOND_ACTOR, now, &w.inquiry, err);
	res = res < 0 ? res : order_own(r, &w, id, &there, err);
	*ret_blocking = res == 0;
	if (res == 0 && !there)
		res = timeline_add(r->store, i->id, i->org, now, RESPOND_ACTOR, "block_ordered", id, block_kind_name(kind), value, err);
	res = res < 0 ? res : corroborated(r, i, kind, value, &sure, err);
	return res < 0 || !sure ? res : spread(r, i, kind, value, found_ms, w.inquiry, now, err);
}

/* ---- by hand ---- */

static int add_one(struct respond *r, const struct block_request *q, const struct desk_org *o, const struct incident *i,
                   int64_t *inquiry, char id[INCIDENT_NUMBER], struct err *err)
{
	bool there = false;
	const char *why = block_guard(r->desk, o, q->kind, q->value);
	if (why)
		return err_set(err, E_DENIED, q->value, "never blocked: %s", words_of(WORDS_REFUSAL, why, false));
	int res = find_standing(r, o->code, q->kind, q->value, &there, err);
	if (res == 0 && there)
		return err_set(err, E_EXISTS, q->value, "a block stands for %s already", o->code);
	bool own = i && strcmp(i->org, o->code) == 0;
	struct row w = { own ? i->id : 0, o->code, own ? i->number : "", q->value, q->by, q->reason, "ordered", "", own, q->kind,
		         q->now, q->now, q->expires_ms, "", *inquiry };
	if (res == 0 && !*inquiry)
		res = block_replay_begin(r, own ? i : NULL, "", q->kind, q->value, q->by, q->now, inquiry, err);
	if (block_is_announced(q->kind))
		w.state = "requested"; /* it takes an address of the body's off the Internet: another person's word first */
	w.inquiry = *inquiry;
	res = res < 0 ? res : insert_row(r, &w, id, err);
	if (res == 0 && own)
		res = timeline_add(r->store, i->id, i->org, q->now, q->by, "block_ordered", id, block_kind_name(q->kind), q->value, err);
	struct notice_block n = { .org = o->code, .kind = q->kind == BLOCK_TERMINAL ? NOTICE_ISOLATE : NOTICE_OWN_BLOCK, .block_id = id,
		                  .target = q->value, .reason = q->reason, .number = own ? i->number : "", .expires_ms = q->expires_ms };
	return res < 0 ? res : notify_block(r, &n, q->now, err);
}

int block_add(struct respond *r, const struct block_request *q, char ret_id[INCIDENT_NUMBER], struct err *err)
{
	struct arena arena;
	struct incident i = { 0 };
	char id[INCIDENT_NUMBER];
	int64_t inquiry = 0;
	int res = 0, added = 0;
	arena_init(&arena, 256 * KIB);
	if (q->incident[0])
		res = incident_load(r->store, q->incident, &arena, &i, err);
	bool all = strcmp(q->org, "*") == 0;
	for (size_t k = 0; res == 0 && k < r->desk->n_orgs; k++) {
		const struct desk_org *o = &r->desk->orgs[k];
		if (!all && strcmp(o->code, q->org) != 0)
			continue;
		res = add_one(r, q, o, i.id ? &i : NULL, &inquiry, id, err);
		if (res == 0 && !added++)
			memcpy(ret_id, id, sizeof id);
		if (all && (res == -E_DENIED || res == -E_EXISTS)) /* the others' go on */
			res = 0;
	}
	arena_done(&arena);
	if (res == 0 && !added)
		return all ? err->code ? -err->code : -E_NOT_FOUND : err_set(err, E_NOT_FOUND, q->org, "no such organisation");
	return res;
}

static const struct store_sql start_removal = {
	"block_remove", "UPDATE block SET state = CASE WHEN state = 'requested' THEN 'removed' ELSE 'removing' END,"
			" removed_by = $2, removed_ms = $3, next_ms = $3, attempts = 0 WHERE id = $1"
			" AND state IN ('ordered', 'requested', 'active') RETURNING org, incident_number, value, kind, acted_ms"
};
static const struct store_sql give_consent = {
	"block_give_consent", "UPDATE block SET state = 'ordered', consent = $2, next_ms = $3, held = '' WHERE id = $1 AND state = 'requested'"
			      " AND author = $4 RETURNING org, incident_number"
};
static const struct store_sql state_of = { "block_state", "SELECT state FROM block WHERE id = $1" };
static const struct store_sql asked_by = { "block_asked_by", "SELECT author, kind FROM block WHERE id = $1" };

static int not_possible(struct respond *r, const char *id, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_text(&a, id);
	int res = store_run(r->store, &state_of, &a, &rows, err);
	if (res == 0)
		res = rows.n ? err_set(err, E_STATE, id, "the block is %s", store_col(&rows, 0, 0))
		             : err_set(err, E_NOT_FOUND, id, "no such block");
	store_rows_done(&rows);
	return res;
}

int block_tell_removed(struct respond *r, const char *id, const char *org, const char *value, const char *kind, const char *number, int64_t now,
                       struct err *err)
{
	bool terminal = strcmp(kind, block_kind_name(BLOCK_TERMINAL)) == 0;
	struct notice_block n = { .org = org, .kind = terminal ? NOTICE_RELEASE : NOTICE_UNBLOCK, .block_id = id, .target = value, .reason = "",
		                  .number = number };
	return notify_block(r, &n, now, err);
}

int block_remove(struct respond *r, const char *id, const char *by, int64_t now, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_text(&a, id), store_text(&a, by), store_int(&a, now);
	int res = store_run(r->store, &start_removal, &a, &rows, err);
	if (res == 0 && rows.n == 0)
		res = not_possible(r, id, err);
	else if (res == 0)
		res = block_tell_removed(r, id, store_col(&rows, 0, 0), store_col(&rows, 0, 2), store_col(&rows, 0, 3), store_col(&rows, 0, 1), now, err);
	store_rows_done(&rows);
	r->work_ms = 0;
	return res;
}

/* *ret_author: who asked. -E_DENIED: of an announcement, `by` under whatever spelling (wire/identity.h). */
static int may_consent(struct respond *r, const char *id, const char *by, char ret_author[IDENTITY_MAX], struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	uint8_t kind = 0;
	store_text(&a, id);
	int res = store_run(r->store, &asked_by, &a, &rows, err);
	if (res == 0 && rows.n == 0)
		res = err_set(err, E_NOT_FOUND, id, "no such block");
	if (res == 0) {
		snprintf(ret_author, IDENTITY_MAX, "%s", store_col(&rows, 0, 0));
		if (block_kind_parse(store_col(&rows, 0, 1), &kind) && block_is_announced(kind) && identity_same(ret_author, by))
			res = err_set(err, E_DENIED, id, "whoever asks for an announcement doesn't approve it");
	}
	store_rows_done(&rows);
	return res;
}

int block_consent(struct respond *r, const char *id, const char *by, int64_t now, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	char author[IDENTITY_MAX];
	int res = may_consent(r, id, by, author, err);
	if (res < 0)
		return res;
	store_text(&a, id), store_text(&a, by), store_int(&a, now), store_text(&a, author);
	res = store_run(r->store, &give_consent, &a, &rows, err);
	if (res == 0 && rows.n == 0)
		res = not_possible(r, id, err);
	store_rows_done(&rows);
	r->work_ms = 0;
	return res;
}

/* ---- shown ---- */

static const struct store_sql list_blocks = {
	"block_list", "SELECT block.id, org, kind, value, block.state, incident_number, author, reason, consent, removed_by, verified,"
		      " last_error, reason_code, created_ms, acted_ms, expires_ms, removed_ms, verified_ms, refused, passed, last_call_ms,"
		      " held, inquiry, q.state, h.orgs, h.terminals, h.passed_before"
		      " FROM block LEFT JOIN LATERAL (SELECT sum(c.n) FILTER (WHERE NOT c.passed) AS refused,"
		      " sum(c.n) FILTER (WHERE c.passed) AS passed, max(c.last_ms) AS last_call_ms FROM block_call c WHERE c.block = block.id) k ON true"
		      " LEFT JOIN LATERAL (SELECT i.state FROM inquiry i WHERE i.id = inquiry) q ON true LEFT JOIN LATERAL"
		      " (SELECT count(DISTINCT h.org) AS orgs, count(*) AS terminals, coalesce(sum(h.passed), 0) AS passed_before"
		      "  FROM inquiry_hit h WHERE h.inquiry = block.inquiry) h ON true"
		      " WHERE ($1::bigint = 0 OR incident = $1) AND ($2::boolean OR block.state IN ('ordered', 'requested', 'active', 'removing'))"
		      " ORDER BY created_ms DESC, block.id DESC LIMIT 1000"
};

/* Columns from `c` on: why it is held, and what its replay said. */
static void format_replay(const struct store_rows *rows, int i, int c, struct buf *b)
{
	static const char *const sums[] = { "orgs", "terminals", "passed" };
	if (store_col(rows, i, c)[0])
		json_field_s(b, "held", store_col(rows, i, c));
	if (!store_col_int(rows, i, c + 1, 0))
		return;
	json_key(b, "replay");
	buf_putc(b, '{');
	json_field_u64(b, "inquiry", (uint64_t)store_col_int(rows, i, c + 1, 0));
	json_field_s(b, "state", store_col(rows, i, c + 2));
	for (int k = 0; k < 3; k++)
		json_field_u64(b, sums[k], (uint64_t)store_col_int(rows, i, c + 3 + k, 0));
	buf_putc(b, '}');
}

int block_format_list(struct respond *r, int64_t incident, bool all, struct buf *b, struct err *err)
{
	static const char *const texts[] = { "id", "org", "kind", "value", "state", "incident", "author", "reason", "consent",
		                             "removed_by", "verified", "last_error", "reason_code" };
	static const char *const numbers[] = { "created", "acted", "expires", "removed", "checked",
		                             "refused", "passed", "last_call" };
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, incident), store_text(&a, all ? "true" : "false");
	int res = store_run(r->store, &list_blocks, &a, &rows, err);
	if (res < 0)
		return res;
	json_key(b, "blocks");
	buf_putc(b, '[');
	for (int i = 0; i < rows.n; i++) {
		buf_puts(b, i ? ",{" : "{");
		for (int k = 0; k < (int)ARRAY_LEN(texts); k++)
			if (store_col(&rows, i, k)[0])
				json_field_s(b, texts[k], store_col(&rows, i, k));
		const char *code = store_col(&rows, i, (int)ARRAY_LEN(texts) - 1);
		if (code[0])
			json_field_s(b, "reason_en", words_of(WORDS_REASON, code, false));
		for (int k = 0; k < (int)ARRAY_LEN(numbers); k++)
			if (store_col_int(&rows, i, (int)ARRAY_LEN(texts) + k, 0))
				json_field_u64(b, numbers[k], (uint64_t)store_col_int(&rows, i, (int)ARRAY_LEN(texts) + k, 0));
		format_replay(&rows, i, (int)(ARRAY_LEN(texts) + ARRAY_LEN(numbers)), b);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
	store_rows_done(&rows);
	return 0;
}
