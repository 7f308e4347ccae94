/* What people ask about blocks beside adding and removing one: what would it hit, and cutting off one terminal. See block.h. */
#include "respond/block.h"

#include "base/err.h"
#include "base/mem.h"
#include "incident/timeline.h"
#include "respond/inquiry.h"
#include "wire/words.h"

#include <stdio.h>

int block_try(struct respond *r, const struct block_request *q, struct buf *b, struct err *err)
{
	bool all = strcmp(q->org, "*") == 0;
	int64_t inquiry;
	size_t n = 0, guarded = 0;
	json_key(b, "guarded");
	buf_putc(b, '[');
	for (size_t k = 0; k < r->desk->n_orgs; k++) {
		const struct desk_org *o = &r->desk->orgs[k];
		const char *why = all || strcmp(o->code, q->org) == 0 ? block_guard(r->desk, o, q->kind, q->value) : NULL;
		n += all || strcmp(o->code, q->org) == 0;
		if (!why)
			continue;
		buf_puts(b, guarded++ ? ",{" : "{");
		json_field_s(b, "org", o->code);
		json_field_s(b, "code", why);
		json_field_s(b, "reason", words_of(WORDS_REFUSAL, why, true));
		json_field_s(b, "reason_en", words_of(WORDS_REFUSAL, why, false));
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
	if (n == 0)
		return err_set(err, E_NOT_FOUND, q->org, "no such organisation");
	int res = block_replay_begin(r, NULL, all ? "" : q->org, q->kind, q->value, q->by, q->now, &inquiry, err);
	if (res == 0 && inquiry)
		json_field_u64(b, "inquiry", (uint64_t)inquiry);
	return res;
}

int block_isolate(struct respond *r, const struct incident *i, const char *terminal, const char *by, const char *reason, int64_t expires_ms,
                  int64_t now, char ret_id[INCIDENT_NUMBER], struct err *err)
{
	struct block_request q = { .org = i->org, .kind = BLOCK_TERMINAL, .value = terminal[0] ? terminal : i->terminal, .reason = reason, .by = by,
		                   .incident = i->number, .expires_ms = expires_ms, .now = now };
	if (!q.value[0])
		return err_set(err, E_STATE, i->number, "the incident names no terminal");
	return block_add(r, &q, ret_id, err);
}

static const struct store_sql cut_off = {
	"block_cut_off", "SELECT id FROM block WHERE incident = $1 AND kind = 'terminal' AND state IN ('ordered', 'active') ORDER BY id"
};

int block_release(struct respond *r, const struct incident *i, const char *by, int64_t now, int *ret_n, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, i->id);
	int res = store_run(r->store, &cut_off, &a, &rows, err);
	if (res == 0 && rows.n == 0)
		res = err_set(err, E_NOT_FOUND, i->number, "no terminal of it is cut off");
	for (int k = 0; res == 0 && k < rows.n; k++)
		res = block_remove(r, store_col(&rows, k, 0), by, now, err);
	*ret_n = rows.n;
	store_rows_done(&rows);
	return res;
}
