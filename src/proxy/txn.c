/* One request and its answer: its life, the pages we answer with, delivery to the terminal, its clock. The states stand
 * in conn.h. request.c decides and sends it on, answer.c holds what comes back, verdict.c asks what it is: nothing of an
 * answer goes out before that. */
#include "proxy/hook.h"
#include "proxy/txn.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>

/* ---- life ---- */

struct txn *txn_create(struct conn *c, const struct txn_down *down)
{
	struct worker *w = c->w;
	struct txn *t = w->spare;
	if (t) {
		w->spare = t->next_spare;
		w->n_spare--;
	} else {
		t = mem_alloc(sizeof *t);
		if (!t)
			return NULL;
		buf_init(&t->text, 2 * HTTP_MAX_HEAD);
		buf_init(&t->request, 2 * HTTP_MAX_HEAD);
		buf_init(&t->head, 2 * HTTP_MAX_HEAD);
	}
	buf_init(&t->trailers, 2 * HTTP_MAX_TRAILER);
	buf_init(&t->tail, 3 * HTTP_MAX_TRAILER);
	t->next_spare = NULL;
	t->c = c;
	t->down = down;
	t->conf = conf_ref(w->conf);
	t->org = c->org->conf;
	t->scan_fd = -1;
	t->keep = true;
	t->minor = 1;
	t->begin_ms = w->now;
	t->begin_wall = clock_now_ms();
	t->action = "Allowed";
	t->disposition = "Allowed";
	t->terminal = c->peer;
	txn_touch(t, WORKER_STALL_MS);
	return t;
}

void txn_touch(struct txn *t, int64_t ms)
{
	t->deadline = t->c->w->now + ms;
}

void txn_abort(struct txn *t, const char *disposition)
{
	if (disposition && strcmp(t->disposition, "Allowed") == 0)
		t->disposition = disposition;
	t->down->abort(t);
}

void txn_drop_origin(struct txn *t, bool whole)
{
	if (t->origin && t->up) {
		t->up->drop(t, whole);
	} else if (t->origin) { /* it isn't ready yet */
		origin_forget(t->origin);
		t->origin = NULL;
	}
}

void txn_forget_scan(struct txn *t)
{
	hook_cancel(t);
	if (t->scanning)
		scan_client_cancel(t->c->w->scan, t->scan_id);
	t->scanning = false;
	if (t->scan_fd >= 0)
		close(t->scan_fd);
	t->scan_fd = -1;
}

enum share_limit txn_count_held(struct txn *t, uint64_t now)
{
	bool unsaid = t->via && memcmp(&t->terminal, &t->c->peer, sizeof t->terminal) == 0; /* for whom it asks */
	const struct share_who who = { .org = t->c->org->code, .org_held = &t->c->org->held, .terminal = &t->terminal,
		                       .for_many = unsaid || conf_is_terminal_server(t->org, &t->terminal) };
	enum share_limit l = shares_count(&t->c->w->shares, &who, t->held, now, t->conf->held_max);
	t->held = now;
	return l;
}

bool txn_held_ok(struct txn *t)
{
	enum share_limit l = txn_count_held(t, hold_held(&t->hold) + upload_held(t) + hook_held(t));
	if (l == SHARE_OK)
		return true;
	txn_fail(t, l == SHARE_ALL ? PAGE_BUSY : PAGE_SHARE, share_rule(l), "");
	return false;
}

/* Clears all but the memory worth keeping. */
static void wipe(struct txn *t)
{
	struct buf text = t->text, request = t->request, head = t->head;
	struct hold hold = t->hold;
	upload_free(t);
	buf_done(&t->dripped);
	buf_done(&t->mirrored);
	buf_done(&t->trailers);
	buf_done(&t->tail);
	memset(t, 0, sizeof *t);
	t->text = text, t->request = request, t->head = head, t->hold = hold;
	buf_reset(&t->text);
	buf_reset(&t->request);
	t->head.max = 2 * HTTP_MAX_HEAD;
	if (t->head.cap > t->head.max) /* it was a stream's, with all that was held in it */
		buf_done(&t->head);
	buf_reset(&t->head);
	hold_reset(&t->hold);
}

void txn_free(struct txn *t)
{
	hold_done(&t->hold);
	buf_done(&t->text);
	buf_done(&t->request);
	buf_done(&t->head);
	mem_free(t);
}

void txn_destroy(struct txn *t)
{
	struct worker *w = t->c->w;
	if (t->c->txn == t)
		t->c->txn = NULL;
	login_cancel(t);
	txn_forget_scan(t);
	txn_drop_origin(t, false);
	mirror_end(t);
	report_txn(t);
	txn_count_held(t, 0);
	conf_unref(&t->conf);
	wipe(t);
	if (w->n_spare < TXN_SPARE) {
		t->next_spare = w->spare;
		w->spare = t;
		w->n_spare++;
		return;
	}
	txn_free(t);
}

/* ---- answers of our own ---- */

void txn_set_rule(struct txn *t, const char *rule)
{
	str_clip(rule, t->rule, sizeof t->rule);
}

void txn_decided(struct txn *t, const struct decision *d)
{
	txn_set_rule(t, d->rule);
	str_clip(d->name, t->rule_name, sizeof t->rule_name);
	str_clip(d->category, t->category, sizeof t->category);
	str_clip(d->categories, t->categories, sizeof t->categories);
	str_clip(d->grant, t->grant, sizeof t->grant);
}

/* The form of a page that the person may open himself. */
static void offer_opening(struct txn *t, struct page *p, char token[GRANT_TOKEN])
{
	const struct grant_for g = { t->c->org->code, &t->terminal, t->grant, t->user.name };
	if (p->kind != PAGE_COACH && p->kind != PAGE_OVERRIDE)
		return;
	grant_token(&g, t->c->w->now, token);
	p->token = token;
	p->rule = t->grant;
	p->back = t->method == HTTP_GET ? t->target.path : STR("/");
}

void txn_answer(struct txn *t, bool has_length, uint64_t length)
{
	t->state = TXN_DELIVER;
	if (!t->drips)
		t->down->answer(t, has_length, length);
	t->drips = false;
	t->down->send(t);
}

/* With content of our own. */
static void answer_with(struct txn *t, struct str body)
{
	hold_reset(&t->hold);
	if (hold_begin(&t->hold, CODING_NONE, body.len, body.len) < 0 || hold_put(&t->hold, body.ptr, body.len) < 0)
		txn_abort(t, "Error");
	else
		txn_answer(t, true, body.len);
}

void txn_redirect(struct txn *t, const char *path)
{
	buf_reset(&t->head);
	buf_puts(&t->head, "HTTP/1.1 303 See Other\r\nCache-Control: no-store\r\nLocation: ");
	for (const char *c = path; *c; c++)
		if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f)
			buf_printf(&t->head, "%%%02X", (unsigned char)*c);
		else
			buf_putc(&t->head, *c);
	buf_puts(&t->head, "\r\n");
	t->status = 303;
	txn_answer(t, true, 0);
}

void txn_own(struct txn *t, const char *rule, const char *type, struct str body)
{
	t->status = 200;
	txn_set_rule(t, rule);
	buf_reset(&t->head);
	buf_printf(&t->head, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n", type);
	answer_with(t, body);
}

void txn_show(struct txn *t, const struct page *p)
{
	struct buf body;
	buf_init(&body, PAGE_MAX);
	page_format(&body, p);
	t->status = (uint16_t)page_status(p->kind);
	buf_reset(&t->head);
	buf_printf(&t->head, "HTTP/1.1 %u %s\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n"
	           "X-Content-Type-Options: nosniff\r\nContent-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'\r\n",
	           t->status, page_reason(p->kind));
	if (page_status(p->kind) == 407 && t->org && t->org->users)
		login_challenge(t, &t->head);
	answer_with(t, buf_view(&body));
	buf_done(&body);
}

static void txn_page(struct txn *t, enum page_kind kind, const char *rule, const char *detail)
{
	char token[GRANT_TOKEN], key[80];
	mirror_end(t);
	buf_reset(&t->trailers);
	if (!t->ref[0])
		page_ref(t->begin_wall, t->ref);
	txn_set_rule(t, rule);
	if (t->drips) {
		trickle_cut(t);
		return;
	}
	trickle_key(t, key);
	const struct grant_for part = { t->c->org->code, &t->terminal, key, t->user.name };
	struct page p = { .kind = kind, .org = t->org ? t->org->name : "", .org_en = t->org ? t->org->name_en : "",
		          .service = t->conf->service, .url = t->url, .detail = detail,
		          .release = t->org ? t->org->release_mail : "",
		          .decided = rule, .category = kind == PAGE_URL || kind == PAGE_COACH || kind == PAGE_OVERRIDE ? t->category : "", .ref = t->ref,
		          .part_gone = kind == PAGE_MALWARE && grant_holds(&part, t->c->w->now), .now_ms = t->begin_wall };
	txn_forget_scan(t);
	txn_drop_origin(t, false);
	upload_free(t);
	txn_count_held(t, 0);
	offer_opening(t, &p, token);
	txn_show(t, &p);
}

void txn_deny(struct txn *t, enum page_kind kind, const char *rule, const char *detail)
{
	t->action = "Denied";
	t->disposition = "Blocked";
	txn_page(t, kind, rule, detail);
}

void txn_fail(struct txn *t, enum page_kind kind, const char *rule, const char *detail)
{
	t->disposition = "Error";
	txn_page(t, kind, rule, detail);
}

static void deny_unverified(struct txn *t, const char *why)
{
	if (!t->reason[0]) /* why somebody opened it is there already */
		snprintf(t->reason, sizeof t->reason, "%s", why);
	txn_deny(t, PAGE_TLS, "tls.origin", why);
}

void txn_origin_page(struct txn *t, enum origin_fail f, const char *detail)
{
	enum page_kind kind = decide_origin_page(f);
	if (f == FAIL_FORBIDDEN)
		txn_deny(t, kind, "destination", "");
	else if (f == FAIL_BLOCKED)
		txn_deny(t, strncmp(detail, "block:", 6) == 0 ? PAGE_BLOCK : PAGE_URL, detail, "");
	else if (f == FAIL_TLS)
		deny_unverified(t, detail);
	else if (f == FAIL_CLIENT_CERT)
		txn_fail(t, kind, "tls.client_certificate", detail);
	else
		txn_fail(t, kind, f == FAIL_DNS || f == FAIL_DNS_TIMEOUT ? "dns" : f == FAIL_PROTOCOL ? "protocol" : "connect", detail);
}

/* ---- delivery ---- */

struct str txn_body(const struct txn *t)
{
	return t->head_only ? STR("") : t->drips ? buf_view(&t->dripped) : hold_bytes(&t->hold);
}

struct str txn_piece(const struct txn *t)
{
	struct str body = txn_body(t);
	if (t->sent < t->head.len)
		return (struct str){ t->head.ptr + t->sent, t->head.len - t->sent };
	size_t off = t->sent - t->head.len;
	if (off >= body.len && t->tail.len)
		return (struct str){ t->tail.ptr + (off - body.len), t->tail.len - (off - body.len) };
	return (struct str){ body.ptr + off, body.len - off };
}

void txn_sent(struct txn *t, size_t n)
{
	t->sent += n;
	t->bytes_in += n;
	if (n)
		txn_touch(t, WORKER_STALL_MS);
}

void txn_last(struct txn *t, size_t n)
{
	bool all = (t->state == TXN_DELIVER || (t->state == TXN_STREAM && t->rs_done)) && !t->drips;
	size_t left = t->head.len + txn_body(t).len + t->tail.len - t->sent;
	if (!all || n < left || n > TXN_LAST)
		return;
	t->bytes_in += n;
	report_txn(t);
	t->bytes_in -= n;
}

/* ---- while it runs ---- */

/* See HOLD_RATE. An answer that has begun may wait for the end of a long upload, as long as it holds little. */
static bool too_slow(const struct txn *t)
{
	bool coming = (t->state == TXN_BODY && (t->rq_done || t->held > HOLD_MEMORY)) || t->state == TXN_UPLOAD;
	bool going = (t->state == TXN_DELIVER || t->state == TXN_STREAM) && t->held;
	return (coming || going) &&
	       hold_too_slow(t->c->w->now - t->held_since, t->state == TXN_UPLOAD ? t->rq.body_bytes : coming ? t->hold.raw.size : t->sent, t->conf->held_ms);
}

void txn_tick(struct txn *t)
{
	if (t->origin && t->state == TXN_ORIGIN) {
		origin_tick(t->origin);
		return;
	}
	if (wait_due(t)) {
		wait_begin(t);
		return;
	}
	if (trickle_due(t) && !trickle(t))
		return;
	if (too_slow(t)) {
		if (t->state == TXN_UPLOAD) {
			txn_fail(t, PAGE_TIMEOUT, "slow", "what is sent comes too slowly to be inspected");
		} else if (t->state == TXN_BODY) {
			txn_fail(t, PAGE_TIMEOUT, "slow", "the answer comes too slowly to be inspected");
		} else {
			txn_set_rule(t, "slow");
			txn_abort(t, "Reset");
		}
		return;
	}
	if (t->state == TXN_HOOK) {
		hook_tick(t);
		return;
	}
	if (t->c->w->now < t->deadline)
		return;
	if (t->state == TXN_WAIT && t->rq_done)
		txn_fail(t, PAGE_TIMEOUT, "timeout", "no answer from the server");
	else if (t->state == TXN_BODY && t->rq_done)
		txn_fail(t, PAGE_TIMEOUT, "timeout", "the server stopped in the middle");
	else
		txn_abort(t, "Reset");
}
