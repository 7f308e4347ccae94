/* What a terminal sends is held until its verdict, as answers are: nothing of it reaches the origin before. Then it goes out from
 * the hold, followed by what was not held (larger than is scanned, where that may pass).
 *
 * Short messages (fields of a form, JSON of scripts: what most requests with content are) pass unscanned: each would cost a scan
 * that no cache spares, for a file that fits into 4 KiB of text. */
#include "proxy/txn.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>

#define MESSAGE (4 * KIB)
#define PIECE (64 * KIB)

struct upload {
	struct hold hold;
	struct buf rest; /* the piece that didn't fit any more */
	struct buf head; /* the request's, as it went out: with the hold it can all go out again */
	uint64_t sent;   /* of the hold */
	bool whole;      /* all of it has come */
	bool passing;    /* it may go out */
};

void upload_free(struct txn *t)
{
	struct upload *u = t->upload;
	if (!u)
		return;
	hold_done(&u->hold);
	buf_done(&u->rest);
	buf_done(&u->head);
	mem_free(u);
	t->upload = NULL;
}

bool upload_waits(const struct txn *t)
{
	return t->upload && !t->upload->passing;
}

uint64_t upload_held(const struct txn *t)
{
	return t->upload ? hold_held(&t->upload->hold) + t->upload->rest.len : 0;
}

static void pass(struct txn *t)
{
	t->upload->passing = true;
	t->rq_done = false; /* to be put from the hold */
	request_start(t, false);
}

/* ---- its verdict ---- */

/* The event is about what was sent. */
static void about_upload(struct txn *t, const struct verdict *v)
{
	struct hold *h = &t->upload->hold;
	t->hashed = true;
	memcpy(t->hold.sha, h->sha, sizeof h->sha);
	t->file_size = h->coding == CODING_NONE ? h->raw.size : h->plain.size;
	t->verdict = verdict_kind_name(v->kind);
	snprintf(t->file_type, sizeof t->file_type, "%s", v->type);
	snprintf(t->file_member, sizeof t->file_member, "%s", v->where);
}

static void deny(struct txn *t, const struct verdict *v, enum page_kind kind, const char *rule)
{
	char detail[sizeof v->malware + sizeof v->where + 4];
	snprintf(detail, sizeof detail, "%s%s%s", v->malware, v->where[0] && v->malware[0] ? ": " : "", v->where);
	about_upload(t, v);
	txn_deny(t, kind, rule, detail);
}

void upload_judged(struct txn *t, const struct verdict *v)
{
	const unsigned refused = verdict_refused(t->org, v);
	const char *group = adjust_denied(t->org->adjust.deny_uploads, v->type, v->inside);
	char rule[80];
	snprintf(rule, sizeof rule, "url.deny_uploads[%s]", group ? group : "");
	if (v->kind == VERDICT_MALICIOUS) {
		snprintf(t->malware, sizeof t->malware, "%s", v->malware);
		deny(t, v, PAGE_UPLOAD_MALWARE, "upload.verdict");
	} else if (group) {
		deny(t, v, PAGE_UPLOAD_KIND, rule);
	} else if (refused & (VERDICT_BIT(VERDICT_ENCRYPTED) | VERDICT_BIT(VERDICT_UNSCANNABLE))) {
		deny(t, v, PAGE_UPLOAD_UNSCANNED, "upload.verdict");
	} else if (refused) {
		about_upload(t, v);
		txn_fail(t, PAGE_NO_VERDICT, "upload.verdict", v->malware);
	} else {
		pass(t);
	}
}

static void unscannable(struct txn *t, const char *why)
{
	struct verdict v = { .kind = VERDICT_UNSCANNABLE, .also = VERDICT_BIT(VERDICT_UNSCANNABLE) };
	snprintf(v.malware, sizeof v.malware, "%s", why);
	memcpy(v.type, "data", 5);
	upload_judged(t, &v);
}

/* A form's fields as browsers write them (URL Standard 5.1), or JSON. By what it is, not by what it is said to be. */
bool upload_is_message(const struct hold *h)
{
	struct str s = hold_bytes(h);
	bool json = s.len && (s.ptr[0] == '{' || s.ptr[0] == '[') && str_is_utf8(s);
	if (h->coding != CODING_NONE || s.len > MESSAGE)
		return false;
	for (size_t i = 0; !json && i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!plain && (!c || !strchr("*-._~%&=+", c)))
			return false;
	}
	return true;
}

static void ask(struct txn *t)
{
	struct hold *h = &t->upload->hold;
	if (t->form)
		wait_form(t, hold_bytes(h));
	else if (hold_end(h) < 0)
		txn_fail(t, PAGE_BUSY, "memory", "");
	else if (h->state != HOLD_OK)
		unscannable(t, h->state == HOLD_TOO_LARGE ? "larger than is scanned" : "unknown or broken encoding");
	else if (h->raw.size == 0 || upload_is_message(h))
		pass(t);
	else
		verdict_of_upload(t, h);
}

/* ---- coming in ---- */

/* A piece of content. -E_LIMIT: it is the first that isn't held. */
static int put(struct txn *t, struct str s)
{
	struct upload *u = t->upload;
	int r = s.len ? hold_put(&u->hold, s.ptr, s.len) : 0;
	if (r == -E_LIMIT)
		buf_str(&u->rest, s);
	return r;
}

bool upload_put(struct txn *t, struct str s)
{
	if (!t->upload || t->upload->passing)
		return false;
	int r = put(t, s);
	t->upload_error = r < 0 ? r : t->upload_error;
	return true;
}

void upload_read(struct txn *t)
{
	while (!t->rq_done && !t->upload_error) {
		if (request_take(t) < 0)
			return;
		txn_touch(t, WORKER_STALL_MS);
		if (!txn_held_ok(t))
			return;
	}
	t->upload->whole = t->rq_done;
	if (t->upload_error == -E_LIMIT && hold_seal(&t->upload->hold) == 0)
		unscannable(t, "larger than is scanned");
	else if (t->upload_error)
		txn_fail(t, PAGE_BUSY, "memory", "");
	else
		ask(t);
}

/* False: it needn't be held. */
bool upload_begin(struct txn *t)
{
	if (!t->org->scan_uploads || t->rq_done)
		return false;
	upload_hold(t);
	return true;
}

void upload_hold(struct txn *t)
{
	struct upload *u = mem_alloc(sizeof *u);
	if (!u || hold_begin(&u->hold, t->rq_coding, t->org->scan_max, t->rq.counted ? t->rq.length : 0) < 0) {
		mem_free(u);
		txn_fail(t, PAGE_BUSY, "memory", "");
		return;
	}
	buf_init(&u->rest, 4 * WORKER_READ + HTTP_MAX_HEAD);
	buf_init(&u->head, t->request.max);
	t->upload = u;
	t->state = TXN_UPLOAD;
	t->held_since = t->c->w->now;
	txn_touch(t, WORKER_STALL_MS);
	if (t->expect) {
		t->expect = false;
		if (!t->down->go_on(t))
			return;
	}
	upload_read(t);
}

/* ---- going out ---- */

void upload_sent(struct txn *t)
{
	if (!t->upload || !t->rq_done)
		return;
	upload_free(t);
	txn_count_held(t, hold_held(&t->hold));
}

void upload_keep_head(struct txn *t)
{
	if (t->upload && t->upload->sent == 0)
		buf_str(&t->upload->head, buf_view(&t->request));
}

bool upload_again(struct txn *t)
{
	struct upload *u = t->upload;
	if (!u || !u->passing || u->head.len == 0 || u->head.failed)
		return false;
	buf_reset(&t->request);
	buf_str(&t->request, buf_view(&u->head));
	buf_reset(&u->head);
	u->sent = 0;
	t->rq_done = false;
	t->replay = true;
	return true;
}

bool upload_next(struct txn *t)
{
	struct upload *u = t->upload;
	if (!u)
		return false;
	struct str all = hold_bytes(&u->hold);
	if (u->sent < all.len) {
		size_t n = all.len - u->sent < PIECE ? all.len - u->sent : PIECE;
		request_put(t, (struct str){ all.ptr + u->sent, n });
		u->sent += n;
	} else if (u->rest.len) {
		request_put(t, buf_view(&u->rest));
		buf_reset(&u->rest);
	}
	if (u->sent < all.len || u->rest.len)
		return true;
	t->rq_done = u->whole;
	if (!u->whole || t->state != TXN_WAIT) { /* what follows isn't held, or the answer has begun */
		upload_free(t);
		txn_count_held(t, hold_held(&t->hold));
	}
	return t->request.len > 0 || t->rq_done;
}
