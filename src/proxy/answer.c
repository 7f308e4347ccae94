/* The origin's answer, however it is framed (up1.c, up2.c call here): its body is held to the end (verdict.c goes on then)
 * or, where it is too large to be scanned and may pass all the same, streamed. */
#include "proxy/txn.h"

#include "base/err.h"
#include "http/trailer.h"

#include <stdio.h>

void answer_drained(struct txn *t)
{
	buf_reset(&t->head);
	if (t->held) { /* what was held has gone out: from here on it is a stream's few bytes */
		buf_done(&t->head);
		txn_count_held(t, 0);
	}
	t->sent = 0;
}

void answer_more(struct txn *t)
{
	if (t->origin)
		t->up->resume(t);
}

/* Larger than may be scanned. False: a page was sent. */
static bool start_stream(struct txn *t, struct str more)
{
	if (!verdict_may_skip(t, "larger than is scanned"))
		return false;
	if (hold_seal(&t->hold) < 0) {
		txn_fail(t, PAGE_BUSY, "memory", "");
		return false;
	}
	struct str held = hold_bytes(&t->hold);
	mirror_end(t);
	t->state = TXN_STREAM;
	t->held_since = t->c->w->now;
	t->head.max = 4 * WORKER_READ + HTTP_MAX_HEAD + held.len;
	t->down->answer(t, t->rs_has_length, t->rs_length);
	if (held.len)
		t->down->content(t, held);
	t->body_size = held.len + more.len;
	hold_reset(&t->hold); /* head holds it now */
	t->down->content(t, more);
	return true;
}

bool answer_content(struct txn *t, struct str s)
{
	if (s.len == 0)
		return true;
	if (t->state == TXN_STREAM) {
		t->body_size += s.len;
		t->down->content(t, s);
		return true;
	}
	int r = hold_put(&t->hold, s.ptr, s.len);
	if (r == -E_LIMIT)
		return start_stream(t, s);
	if (r < 0) {
		txn_fail(t, PAGE_BUSY, "memory", "");
		return false;
	}
	return txn_held_ok(t);
}

void answer_end(struct txn *t)
{
	bool streams = t->state == TXN_STREAM;
	if (trailer_sift(&t->trailers) < 0) {
		answer_broken(t, "bad trailer");
		return;
	}
	if (!t->te)
		buf_reset(&t->trailers);
	t->rs_done = true;
	txn_drop_origin(t, true);
	if (streams) {
		t->down->content(t, STR(""));
		t->down->send(t);
	} else {
		verdict_ask(t);
	}
}

void answer_broken(struct txn *t, const char *why)
{
	snprintf(t->rule_name, sizeof t->rule_name, "%s", why);
	if (t->state == TXN_STREAM)
		txn_abort(t, "Error");
	else
		txn_fail(t, PAGE_ORIGIN, "protocol", why);
}

void answer_lost(struct txn *t, enum lost how)
{
	if (t->state == TXN_STREAM) {
		txn_abort(t, "Error");
		return;
	}
	bool again = t->state == TXN_WAIT && !t->retried && (how == LOST_UNTOUCHED || (how == LOST_UNSURE && request_again_ok(t))) &&
	             (t->replay || upload_again(t));
	bool wants_cert = t->wants_cert && t->state == TXN_WAIT;
	txn_drop_origin(t, false);
	if (again) {
		t->retried = true;
		t->request_sent = 0;
		request_start(t, true);
		return;
	}
	if (wants_cert) /* in TLS 1.3 it says so only now (RFC 8446 section 4.4.2.4) */
		txn_origin_page(t, FAIL_CLIENT_CERT, ORIGIN_WANTS_CERT);
	else
		txn_fail(t, PAGE_ORIGIN, "connect", "the connection was closed before the answer was whole");
}

bool answer_interim(struct txn *t, uint16_t status, size_t bytes, const char **ret_why)
{
	*ret_why = status == 101 ? "switches protocols without being asked" : "too many interim answers";
	t->interim_bytes += bytes;
	return status != 101 && ++t->interim <= TXN_INTERIM && t->interim_bytes <= TXN_INTERIM_BYTES;
}

static void copy_type(struct txn *t, const struct http_head *h)
{
	struct str v = http_get(h, H_CONTENT_TYPE);
	char *at = t->text.ptr ? t->text.ptr + t->text.len : NULL;
	if (v.len > 200 || !at || t->text.cap - t->text.len < v.len)
		return; /* the room was reserved in remember(); no pointer may move */
	buf_str(&t->text, v);
	t->type = (struct str){ at, v.len };
}

bool answer_head(struct txn *t, const struct http_head *h)
{
	t->status = h->status;
	upload_sent(t);
	copy_type(t, h);
	rewrite_response(t, h);
	mirror_answer(t);
	txn_touch(t, WORKER_STALL_MS);
	if (h->status == 407) { /* a browser would take it for our word, and ask its user for the password */
		txn_fail(t, PAGE_ORIGIN, "protocol", "a server of the Internet asks for the proxy's password");
		return false;
	}
	if (h->no_body) {
		/* HEAD and 304 may tell the length of what isn't sent; 204 has none. */
		bool unsent = t->head_only || h->status == 304;
		txn_drop_origin(t, true);
		txn_answer(t, h->status != 204 && (h->has_length || !unsent), h->length);
		return false;
	}
	t->rs_has_length = h->has_length;
	t->rs_length = h->length;
	t->state = TXN_BODY;
	t->held_since = t->c->w->now;
	if (hold_begin(&t->hold, rewrite_coding(h), t->org->scan_max, h->length) < 0) {
		txn_fail(t, PAGE_BUSY, "memory", "");
		return false;
	}
	if (h->has_length && h->length > t->org->scan_max && !t->org->unscannable_allow) {
		t->verdict = "unscannable";
		txn_deny(t, PAGE_UNSCANNABLE, "verdict", "larger than is scanned");
		return false;
	}
	return true;
}
