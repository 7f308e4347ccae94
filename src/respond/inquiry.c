/* See inquiry.h. */
#include "respond/inquiry.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "incident/timeline.h"
#include "respond/asker.h"
#include "respond/block.h"
#include "respond/witness.h"
#include "wire/ctl.h"

#include <stdio.h>
#include <stdlib.h>

#define DAY_MS 86400000LL
#define HITS_BYTES (4 * MIB)

const char *inquiry_type(const char *type)
{
	static const char *const known[][2] = { { "hostname", "hostname" }, { "name", "hostname" }, { "ip", "ip" }, { "address", "ip" },
		                                { "url", "url" }, { "hash", "hash" }, { "mail", "mail" }, { "terminal", "terminal" } };
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(known[i][0], type) == 0)
			return known[i][1];
	return NULL;
}

static const struct store_sql insert = {
	"inquiry_add", "INSERT INTO inquiry(incident, org, kind, type, value, scope, from_ms, to_ms, state, next_ms, created_ms, created_by)"
		       " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting', $9, $9, $10) RETURNING id"
};

int inquiry_add(struct respond *r, const struct inquiry_new *n, int64_t *ret_id, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	char days[24];
	const char *type = inquiry_type(n->type), *org = n->i ? n->i->org : n->scope;
	if (!type || !n->value[0])
		return err_set(err, E_INVALID, "observable", "nothing that can be looked for in the log");
	store_int_or_null(&a, n->i ? n->i->id : 0, 0), store_text(&a, org), store_text(&a, n->kind), store_text(&a, type);
	store_text(&a, n->value), store_text(&a, n->scope), store_int(&a, n->from_ms), store_int(&a, n->to_ms), store_int(&a, n->now_ms);
	store_text(&a, n->by);
	int res = store_run(r->store, &insert, &a, &rows, err);
	*ret_id = res == 0 ? store_col_int(&rows, 0, 0, 0) : 0;
	store_rows_done(&rows);
	r->work_ms = 0;
	snprintf(days, sizeof days, "%lld", (long long)((n->to_ms - n->from_ms + DAY_MS - 1) / DAY_MS));
	return res < 0 || !n->i || strcmp(n->kind, "replay") == 0 ? res : timeline_add(r->store, n->i->id, org, n->now_ms, n->by, "inquiry", n->value, days, NULL, err);
}

/* ---- asking ---- */

static const struct store_sql due = {
	"inquiry_due", "SELECT id, type, value, scope, from_ms, to_ms FROM inquiry WHERE state = 'waiting' AND next_ms <= $1"
		       " ORDER BY kind, id LIMIT 4" /* replay before visitors: a block waits for it */
};

static void ask(struct respond *r, const struct store_rows *rows, int k)
{
	struct buf b;
	int64_t id = store_col_int(rows, k, 0, 0);
	if (asker_has(r->asker, id))
		return;
	buf_init(&b, 16 * KIB);
	buf_puts(&b, "{\"v\":1,\"do\":\"log.sweep\"");
	json_field_s(&b, "type", store_col(rows, k, 1));
	json_field_s(&b, "value", store_col(rows, k, 2));
	if (store_col(rows, k, 3)[0])
		json_field_s(&b, "org", store_col(rows, k, 3));
	json_field_u64(&b, "from", (uint64_t)store_col_int(rows, k, 4, 0));
	json_field_u64(&b, "to", (uint64_t)store_col_int(rows, k, 5, 0));
	buf_putc(&b, '}');
	if (!b.failed)
		asker_put(r->asker, id, buf_view(&b)); /* full: at the next look */
	buf_done(&b);
}

int inquiry_work(struct respond *r, int64_t now, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	if (!r->asker)
		return 0;
	int res = store_begin(r->store, STORE_ALL, err);
	if (res < 0)
		return res;
	store_int(&a, now);
	res = store_run(r->store, &due, &a, &rows, err);
	store_abort(r->store);
	for (int k = 0; res == 0 && k < rows.n; k++)
		ask(r, &rows, k);
	store_rows_done(&rows);
	return res;
}

/* ---- answers ---- */

static const struct store_sql load = {
	"inquiry_load", "SELECT q.incident, q.org, q.kind, q.value, q.attempts, q.type FROM inquiry q LEFT JOIN incident i ON i.id = q.incident"
			" WHERE q.id = $1 AND q.state = 'waiting'"
};
/* The sweep's own words: only bodies' codes and what fits are taken. */
static const struct store_sql put_hits = {
	"inquiry_hits", "INSERT INTO inquiry_hit(inquiry, org, terminal, passed, refused, first_ms, last_ms, record)"
			" SELECT $1::bigint, h.org, left(h.terminal, 128), h.passed, h.refused, h.first, h.last, left(h.record, 64)"
			" FROM jsonb_to_recordset($2::jsonb) AS h(org text, terminal text, passed bigint, refused bigint, first bigint,"
			" last bigint, record text) WHERE h.org ~ '^[0-9]{6}$' ON CONFLICT DO NOTHING"
};
static const struct store_sql set_done = {
	"inquiry_done", "UPDATE inquiry SET state = 'done', source = $2, more = $3, done_ms = $4, error = '', names = $5 WHERE id = $1"
};
static const struct store_sql count_hits = {
	"inquiry_count", "SELECT count(*) FILTER (WHERE org = $2), count(DISTINCT org) FILTER (WHERE org <> $2) FROM inquiry_hit WHERE inquiry = $1"
};
static const struct store_sql add_terminals = {
	"inquiry_terminals", "INSERT INTO observable(incident, org, type, value, groups, first_ms, last_ms)"
			     " SELECT $2::bigint, org, $4, terminal, false, first_ms, last_ms FROM inquiry_hit WHERE inquiry = $1 AND org = $3"
			     " AND terminal <> '' ORDER BY passed DESC LIMIT 100 ON CONFLICT (incident, type, value)"
			     " DO UPDATE SET first_ms = least(observable.first_ms, excluded.first_ms),"
			     " last_ms = greatest(observable.last_ms, excluded.last_ms)"
};
static const struct store_sql add_evidence = {
	"inquiry_evidence", "INSERT INTO evidence(incident, org, record, finding) SELECT $2::bigint, org, record, 'inquiry' FROM inquiry_hit"
			    " WHERE inquiry = $1 AND org = $3 ORDER BY passed DESC LIMIT 100 ON CONFLICT DO NOTHING"
};
static const struct store_sql set_failed = {
	"inquiry_failed", "UPDATE inquiry SET attempts = attempts + 1, next_ms = $2, error = $3,"
			  " state = CASE WHEN $4::boolean THEN 'failed' ELSE state END WHERE id = $1"
};

struct answered {
	int64_t id, incident, now;
	char org[8], kind[12], value[1100];
	int attempts;
	bool mail; /* who met it are mailboxes, not terminals */
};

static int read_inquiry(struct respond *r, struct answered *q, bool *ret_there, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, q->id);
	int res = store_run(r->store, &load, &a, &rows, err);
	*ret_there = res == 0 && rows.n == 1;
	if (*ret_there) {
		q->incident = store_col_int(&rows, 0, 0, 0);
		snprintf(q->org, sizeof q->org, "%s", store_col(&rows, 0, 1));
		snprintf(q->kind, sizeof q->kind, "%s", store_col(&rows, 0, 2));
		snprintf(q->value, sizeof q->value, "%s", store_col(&rows, 0, 3));
		q->attempts = (int)store_col_int(&rows, 0, 4, 0);
		q->mail = strcmp(store_col(&rows, 0, 5), "mail") == 0;
	}
	store_rows_done(&rows);
	return res;
}

/* The body's own terminals and records go to its incident. */
static int tell_incident(struct respond *r, const struct answered *q, struct err *err)
{
	struct store_args c = { 0 }, a = { 0 };
	struct store_rows rows = { 0 };
	char own[24], others[24];
	store_int(&c, q->id), store_text(&c, q->org);
	int res = store_run(r->store, &count_hits, &c, &rows, err);
	if (res == 0) {
		snprintf(own, sizeof own, "%lld", (long long)store_col_int(&rows, 0, 0, 0));
		snprintf(others, sizeof others, "%lld", (long long)store_col_int(&rows, 0, 1, 0));
	}
	store_rows_done(&rows);
	store_int(&a, q->id), store_int(&a, q->incident), store_text(&a, q->org);
	res = res < 0 ? res : store_run(r->store, &add_evidence, &a, NULL, err);
	store_text(&a, q->mail ? "mailbox" : "terminal");
	res = res < 0 ? res : store_run(r->store, &add_terminals, &a, NULL, err);
	return res < 0 ? res : timeline_add(r->store, q->incident, q->org, q->now, RESPOND_ACTOR, q->mail ? "inquiry_mail" : "inquiry_done", q->value, own, others, err);
}

static int note_found(struct respond *r, const struct answered *q, yyjson_val *root, struct err *err)
{
	struct store_args h = { 0 }, d = { 0 };
	size_t n;
	char *hits = yyjson_val_write(yyjson_obj_get(root, "hits"), 0, &n);
	struct str source = ctl_str(root, "source");
	if (!hits || n > HITS_BYTES) {
		free(hits); /* yyjson's own allocation */
		return err_set(err, E_CORRUPT, "hits", "the answer is of another form");
	}
	store_int(&h, q->id), store_text(&h, hits);
	int res = store_run(r->store, &put_hits, &h, NULL, err);
	free(hits);
	store_int(&d, q->id), store_text(&d, str_eq(source, STR("index")) ? "index" : "sealed");
	store_text(&d, ctl_bool(root, "more", false) ? "true" : "false"), store_int(&d, q->now);
	char *names = yyjson_val_write(yyjson_obj_get(root, "names"), 0, &n);
	store_text(&d, names && names[0] == '[' ? names : "[]");
	res = res < 0 ? res : store_run(r->store, &set_done, &d, NULL, err);
	free(names); /* yyjson's own allocation */
	if (res == 0 && strcmp(q->kind, "replay") == 0)
		return block_replayed(r, q->id, q->now, err);
	return res < 0 || !q->incident ? res : tell_incident(r, q, err);
}

static int note_failure(struct respond *r, const struct answered *q, const struct err *why, struct err *err)
{
	struct store_args a = { 0 };
	char words[600];
	bool over = why->code == E_INVALID || q->attempts + 1 >= INQUIRY_ATTEMPTS;
	snprintf(words, sizeof words, "%.*s%s%.*s", str_head(why->path, 100), why->path, why->path[0] ? ": " : "", str_head(why->msg, 400), why->msg);
	store_int(&a, q->id), store_int(&a, q->now + (2000LL << q->attempts)), store_text(&a, words), store_text(&a, over ? "true" : "false");
	int res = store_run(r->store, &set_failed, &a, NULL, err);
	log_warn(q->org, "inquiry", "%s: %s", q->value, words);
	if (res == 0 && strcmp(q->kind, "replay") == 0)
		return block_replay_over(r, q->id, q->now, err);
	return res < 0 || !over || !q->incident ? res
	                                        : timeline_add(r->store, q->incident, q->org, q->now, RESPOND_ACTOR, "inquiry_failed", q->value, words, NULL, err);
}

static int note(struct respond *r, struct asker_answer *w, struct err *err)
{
	struct answered q = { .id = w->id, .now = clock_now_ms() };
	bool there = false;
	yyjson_doc *doc = w->done == 0 ? yyjson_read(w->reply.ptr, w->reply.len, 0) : NULL;
	if (w->done == 0 && !yyjson_is_arr(yyjson_obj_get(yyjson_doc_get_root(doc), "hits")))
		w->done = err_set(&w->why, E_CORRUPT, "search.sock", "its answer is of another form");
	int res = store_begin(r->store, STORE_ALL, err);
	res = res < 0 ? res : read_inquiry(r, &q, &there, err);
	if (res == 0 && there)
		res = w->done == 0 ? note_found(r, &q, yyjson_doc_get_root(doc), err) : note_failure(r, &q, &w->why, err);
	res = res < 0 ? res : store_commit(r->store, err);
	store_abort(r->store);
	yyjson_doc_free(doc);
	return res;
}

void inquiry_collect(struct respond *r)
{
	struct asker_answer w;
	while (r->asker && asker_pop(r->asker, &w)) {
		struct err err = { 0 };
		if (w.id == WITNESS_ID)
			witness_answered(r, &w);
		else if (note(r, &w, &err) < 0) /* the row waits still, and is asked again */
			log_err(LOG_LEVEL_WARN, "", "inquiry", &err);
		buf_done(&w.reply);
		r->work_ms = 0;
	}
}

/* ---- shown ---- */

static const struct store_sql list = {
	"inquiry_list", "SELECT id, kind, type, value, state, source, created_by, error, more, from_ms, to_ms, created_ms, done_ms,"
			" t.orgs, t.terminals, t.passed, t.refused FROM inquiry LEFT JOIN LATERAL (SELECT count(DISTINCT org) AS orgs,"
			" count(*) AS terminals, sum(passed) AS passed, sum(refused) AS refused FROM inquiry_hit h WHERE h.inquiry = inquiry.id) t ON true"
			" WHERE CASE WHEN $1 = 0 THEN id = $2 ELSE incident = $1 END ORDER BY id LIMIT 50"
};
static const struct store_sql hits = {
	"inquiry_show_hits", "SELECT org, terminal, record, passed, refused, first_ms, last_ms FROM inquiry_hit WHERE inquiry = $1"
			     " ORDER BY passed DESC, refused DESC, org, terminal LIMIT 200"
};

static int put_hits_of(struct respond *r, int64_t id, struct buf *b, struct err *err)
{
	static const char *const numbers[] = { "passed", "refused", "first", "last" };
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, id);
	int res = store_run(r->store, &hits, &a, &rows, err);
	json_key(b, "hits");
	buf_putc(b, '[');
	for (int i = 0; res == 0 && i < rows.n; i++) {
		const char *name = desk_terminal_name(desk_org(r->desk, store_col(&rows, i, 0)), store_col(&rows, i, 1));
		buf_puts(b, i ? ",{" : "{");
		json_field_s(b, "org", store_col(&rows, i, 0));
		json_field_s(b, "terminal", store_col(&rows, i, 1));
		if (name[0])
			json_field_s(b, "name", name);
		json_field_s(b, "record", store_col(&rows, i, 2));
		for (int k = 0; k < 4; k++)
			json_field_u64(b, numbers[k], (uint64_t)store_col_int(&rows, i, 3 + k, 0));
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
	store_rows_done(&rows);
	return res;
}

static int put_one(struct respond *r, const struct store_rows *rows, int i, struct buf *b, struct err *err)
{
	static const char *const texts[] = { "kind", "type", "value", "state", "source", "by", "error" };
	static const char *const times[] = { "from", "to", "created", "done" }, *const sums[] = { "orgs", "terminals", "passed", "refused" };
	buf_puts(b, i ? ",{" : "{");
	json_field_u64(b, "id", (uint64_t)store_col_int(rows, i, 0, 0));
	for (int k = 0; k < (int)ARRAY_LEN(texts); k++)
		if (store_col(rows, i, k + 1)[0])
			json_field_s(b, texts[k], store_col(rows, i, k + 1));
	json_field_bool(b, "more", store_col_bool(rows, i, 8));
	for (int k = 0; k < 4; k++)
		if (store_col_int(rows, i, 9 + k, NO_TIME) != NO_TIME)
			json_field_u64(b, times[k], (uint64_t)store_col_int(rows, i, 9 + k, 0));
	for (int k = 0; k < 4; k++)
		json_field_u64(b, sums[k], (uint64_t)store_col_int(rows, i, 13 + k, 0));
	int res = put_hits_of(r, store_col_int(rows, i, 0, 0), b, err);
	buf_putc(b, '}');
	return res;
}

int inquiry_format(struct respond *r, int64_t incident, int64_t id, struct buf *b, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, incident), store_int(&a, id);
	int res = store_run(r->store, &list, &a, &rows, err);
	json_key(b, "inquiries");
	buf_putc(b, '[');
	for (int i = 0; res == 0 && i < rows.n; i++)
		res = put_one(r, &rows, i, b, err);
	buf_putc(b, ']');
	store_rows_done(&rows);
	return res;
}
