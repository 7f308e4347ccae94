/* A program that waits for a large file gives up when nothing comes. Where its organisation wants that (trickle_after_s), it gets the
 * answer's head and then, every two seconds, a few bytes from the beginning of the body: at most TRICKLE_MAX, never more than half of what
 * has come, and only of kinds that nobody shows or runs as they come in. What turns out bad is cut: the rest never comes, the length is wrong, the
 * event says how much had gone out, and so does the page that the same terminal gets when it asks again. */
#include "proxy/txn.h"

#include "base/mem.h"

#include <openssl/evp.h>
#include <stdio.h>

#define TRICKLE_MS 2000
#define TRICKLE_STEP 16
#define TRICKLE_MAX 4096

/* What nobody shows or runs while it comes in: packages, archives, documents of offices. Pages, scripts, pictures, sound, fonts and what has no
 * type are worked on from their first byte. */
static bool comes_as_a_whole(struct str type)
{
	static const char *const shown[] = { "xhtml", "xml", "json", "javascript", "x-javascript", "ecmascript", "x-ecmascript", "ld+json", "wasm", "pdf", "font", "x-font",
		                             "vnd.ms-fontobject", "x-mpegurl", "vnd.apple.mpegurl", "dash+xml", "ogg", "mp4", "x-shockwave-flash" };
	if (!str_case_starts(type, STR("application/")))
		return false;
	struct str sub = { type.ptr + 12, type.len - 12 };
	for (size_t i = 0; i < ARRAY_LEN(shown); i++)
		if (str_case_starts(sub, str_from(shown[i])))
			return false;
	return sub.len > 0;
}

bool trickle_due(const struct txn *t)
{
	const struct conf_org *o = t->org;
	int64_t ms = t->c->w->now - t->begin_ms;
	if (!o->trickle_after || o->n_inspections /* another content may come in its place */ || ms < o->trickle_after || (t->state != TXN_BODY && t->state != TXN_VERDICT) || t->c->state == CONN_PARKED)
		return false;
	if (t->drips)
		return ms - o->trickle_after >= (int64_t)(t->dripped.len / TRICKLE_STEP) * TRICKLE_MS;
	if (t->person && o->progress_after) /* he gets a page */
		return false;
	return t->status == 200 && t->method == HTTP_GET && !t->upload && !t->head_only && t->rs_has_length && t->rs_length <= o->scan_max &&
	       comes_as_a_whole(t->type);
}

bool trickle(struct txn *t)
{
	uint64_t most = t->hold.raw.size / 2 < TRICKLE_MAX ? t->hold.raw.size / 2 : TRICKLE_MAX, n = t->dripped.len + TRICKLE_STEP;
	char bytes[TRICKLE_MAX];
	if (n > most || hold_peek(&t->hold, bytes, n) < 0)
		return true;
	if (!t->drips)
		buf_init(&t->dripped, TRICKLE_MAX);
	buf_put(&t->dripped, bytes + t->dripped.len, TRICKLE_STEP);
	if (t->dripped.failed)
		return true;
	if (!t->drips) {
		org_count(t->c->org, STAT_TRICKLED, 1);
		t->drips = true;
		t->down->answer(t, true, t->rs_length);
	}
	t->down->send(t);
	return false;
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
	const struct grant_for part = { t->c->org->code, &t->terminal, key, t->user.name };
	grant_open(&part, t->c->w->now);
	if (strcmp(t->action, "Denied") == 0)
		org_count(t->c->org, STAT_LATE, 1);
	snprintf(t->reason, sizeof t->reason, "%zu of %llu bytes had gone out before this", t->dripped.len, (unsigned long long)t->rs_length);
	txn_abort(t, NULL);
}
