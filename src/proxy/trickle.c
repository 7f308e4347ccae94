/* A program that waits for a large file gives up when nothing comes. Where its organisation wants that (trickle_after_s), it gets the
 * answer's head and then, every two seconds, a few bytes from the beginning of the body: at most TRICKLE_MAX, never more than half of what
 * has come, and only of kinds that nobody runs as they come in. What turns out bad is cut: the rest never comes, the length is wrong, the
 * event says how much had gone out, and so does the page that the same terminal gets when it asks again. */
#include "proxy/txn.h"

#include "base/mem.h"

#include <openssl/evp.h>
#include <stdio.h>

#define TRICKLE_MS 2000
#define TRICKLE_STEP 16
#define TRICKLE_MAX 4096

/* Read as it comes in by those who asked: pages, scripts, styles, data; and what may be any of them. */
static bool runs_as_it_comes(struct str type)
{
	static const char *const kinds[] = { "text/", "image/svg", "application/xhtml", "application/xml", "application/json", "application/javascript",
		                             "application/x-javascript", "application/ecmascript", "application/ld+json", "multipart/" };
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_case_starts(type, str_from(kinds[i])))
			return true;
	return type.len == 0;
}

bool trickle_due(const struct txn *t)
{
	const struct conf_org *o = t->org;
	int64_t ms = t->c->w->now - t->begin_ms;
	if (!o->trickle_after || ms < o->trickle_after || (t->state != TXN_BODY && t->state != TXN_VERDICT) || t->c->state == CONN_PARKED)
		return false;
	if (t->drips)
		return ms - o->trickle_after >= (int64_t)(t->dripped.len / TRICKLE_STEP) * TRICKLE_MS;
	return t->status == 200 && t->method == HTTP_GET && !t->upload && !t->head_only && t->rs_has_length && t->rs_length <= o->scan_max &&
	       !runs_as_it_comes(t->type);
}

void trickle(struct txn *t)
{
	uint64_t most = t->hold.raw.size / 2 < TRICKLE_MAX ? t->hold.raw.size / 2 : TRICKLE_MAX, n = t->dripped.len + TRICKLE_STEP;
	char bytes[TRICKLE_MAX];
	if (n > most || hold_peek(&t->hold, bytes, n) < 0)
		return;
	if (!t->drips)
		buf_init(&t->dripped, TRICKLE_MAX);
	buf_put(&t->dripped, bytes + t->dripped.len, TRICKLE_STEP);
	if (t->dripped.failed)
		return;
	if (!t->drips) {
		org_count(t->c->org, STAT_TRICKLED, 1);
		t->drips = true;
		t->down->answer(t, true, t->rs_length);
	}
	t->down->send(t);
}

void trickle_key(const struct txn *t, char dst[80])
{
	unsigned char sha[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	hash_sha256(t->url.ptr ? t->url.ptr : "", t->url.len, sha);
	hex_format(sha, SHA256_LEN, hex);
	snprintf(dst, 80, "part %.60s", hex);
}

void trickle_cut(struct txn *t)
{
	char key[80];
	trickle_key(t, key);
	const struct grant_for part = { t->c->org->code, &t->terminal, key };
	grant_open(&part, t->c->w->now);
	org_count(t->c->org, STAT_LATE, 1);
	snprintf(t->reason, sizeof t->reason, "%zu of %llu bytes had gone out before this", t->dripped.len, (unsigned long long)t->rs_length);
	txn_abort(t, NULL);
}
