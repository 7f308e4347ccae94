/* See socket.h. A direction reads until it has a message, waits for its verdict, and sends it; meanwhile it reads nothing, so that
 * no more than one message is held each way. */
#include "proxy/socket.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "http/ws.h"
#include "proxy/txn.h"

#include <openssl/rand.h>
#include <stdio.h>

#define POLICY 1008  /* RFC 6455 7.4.1 */
#define FAULT 1002
#define PIECE (CHAN_PIECE - 64) /* with a head it is one write, which a channel takes whole */

enum way_state { READING, JUDGING, SENDING };

/* One direction. */
struct way {
	struct socket *s;
	struct chan *from, *to;
	uint64_t *count;
	bool up;          /* from the terminal */
	enum way_state state;
	struct ws_reader r;
	struct buf in;    /* read, and not looked at yet */
	struct hold hold; /* the message */
	bool begun;       /* READING: there is some of one; SENDING: its head has gone out */
	uint64_t size;    /* of it so far */
	bool passing;     /* it is larger than is scanned, and passes: what is held, this … */
	struct buf rest;
	bool last;        /* … which was all, or what follows, as it comes */
	int64_t since;
	uint64_t sent;
	uint8_t key[4];
	uint64_t scan_id;
	int scan_fd;
};

struct socket {
	struct conn *c;
	struct way up, down;
};

static void pump(struct way *d);

/* ---- the end ---- */

static void forget_scan(struct way *d)
{
	if (d->state == JUDGING)
		scan_client_cancel(d->s->c->w->scan, d->scan_id);
	if (d->scan_fd >= 0)
		close(d->scan_fd);
	d->scan_fd = -1;
	d->state = READING;
}

void socket_free(struct conn *c)
{
	struct socket *s = c->socket;
	if (!s)
		return;
	c->socket = NULL;
	struct way *ways[] = { &s->up, &s->down };
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		forget_scan(ways[i]);
		buf_done(&ways[i]->in);
		buf_done(&ways[i]->rest);
		hold_done(&ways[i]->hold);
	}
	mem_free(s);
}

/* To a channel that is drained: what the kernel doesn't take it keeps. False: the connection is gone. */
static bool write_all(struct way *d, const void *p, size_t n)
{
	long k = chan_write(d->to, p, n);
	if (k > 0 && (size_t)k < n && !d->to->ssl) {
		buf_put(&d->to->pend, (const char *)p + k, n - (size_t)k);
		k = d->to->pend.failed ? -E_LIMIT : (long)n;
	}
	if (k == (long)n) {
		*d->count += n;
		return true;
	}
	conn_destroy(d->s->c, "Reset");
	return false;
}

/* A frame of up to PIECE bytes. */
static bool write_frame(struct way *d, uint8_t op, bool fin, struct str payload)
{
	char *tmp = d->s->c->w->tmp;
	uint8_t key[4] = { 0 };
	if (d->up)
		RAND_bytes(key, sizeof key);
	size_t n = ws_head((uint8_t *)tmp, op, fin, payload.len, d->up ? key : NULL);
	memcpy(tmp + n, payload.ptr, payload.len);
	if (d->up)
		ws_mask(tmp + n, payload.len, key, 0);
	return write_all(d, tmp, n + payload.len);
}

/* Both sides are told, and it is over. */
static void stop(struct way *d, unsigned code, const char *why)
{
	struct socket *s = d->s;
	struct conn *c = s->c;
	struct txn *t = c->txn;
	char text[WS_CONTROL - 1];
	if (!t->ref[0])
		page_ref(clock_now_ms(), t->ref);
	int n = snprintf(text, sizeof text, "%c%c%s %s", (int)(code >> 8), (int)(code & 255), why, t->ref);
	const struct str close = { text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1 };
	struct way *ways[] = { &s->down, &s->up };
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) { /* a message may be half out: then no frame fits in between */
		bool half = ways[i]->state == SENDING && ways[i]->begun;
		if (!half && chan_drained(ways[i]->to) && !write_frame(ways[i], WS_CLOSE, true, close))
			return;
	}
	connect_abort(c);
	txn_destroy(t);
	conn_next(c, false);
}

static void fail(struct way *d, const char *rule, const char *why, unsigned code)
{
	struct txn *t = d->s->c->txn;
	t->action = "Denied";
	t->disposition = "Blocked";
	txn_set_rule(t, rule);
	snprintf(t->rule_name, sizeof t->rule_name, "%s", why);
	stop(d, code, why);
}

/* ---- a message goes on ---- */

static void count_held(struct socket *s)
{
	txn_count_held(s->c->txn, hold_held(&s->up.hold) + hold_held(&s->down.hold));
}

/* False: the connection is gone. */
static bool sent(struct way *d)
{
	bool more = d->passing && !d->last;
	d->state = READING;
	hold_reset(&d->hold);
	count_held(d->s);
	if (d->passing && !write_frame(d, WS_CONTINUATION, d->last, buf_view(&d->rest)))
		return false;
	buf_done(&d->rest);
	d->begun = d->passing = more;
	return true;
}

/* True: all of it is out. False: the connection is gone, or it waits. */
static bool send_message(struct way *d)
{
	struct str all = hold_bytes(&d->hold);
	char *tmp = d->s->c->w->tmp;
	while (chan_drained(d->to)) {
		size_t head = 0, n = all.len - d->sent < PIECE ? all.len - d->sent : PIECE;
		if (d->begun && d->sent == all.len)
			return sent(d);
		if (!d->begun)
			head = ws_head((uint8_t *)tmp, d->r.op, !d->passing, all.len, d->up ? d->key : NULL);
		d->begun = true;
		memcpy(tmp + head, all.ptr + d->sent, n);
		if (d->up)
			ws_mask(tmp + head, n, d->key, d->sent);
		d->sent += n;
		if (!write_all(d, tmp, head + n))
			return false;
		if (d->sent == all.len && !d->passing)
			return sent(d);
	}
	return false;
}

static void pass(struct way *d)
{
	d->state = SENDING;
	d->begun = false;
	d->sent = 0;
	d->since = d->s->c->w->now;
	if (d->up)
		RAND_bytes(d->key, sizeof d->key);
}

/* ---- its verdict ---- */

static void about(struct way *d, const struct verdict *v)
{
	struct txn *t = d->s->c->txn;
	t->hashed = true;
	memcpy(t->hold.sha, d->hold.sha, sizeof d->hold.sha);
	t->file_size = d->hold.raw.size;
	snprintf(t->file_type, sizeof t->file_type, "%s", v->type);
	snprintf(t->file_member, sizeof t->file_member, "%s", v->where);
}

/* NULL: it may pass. Else the rule; *ret_why for the other side of the wire. */
static const char *refusal(struct way *d, const struct verdict *v, char rule[80], const char **ret_why)
{
	const struct conf_org *o = d->s->c->txn->org;
	const char *group = adjust_denied(d->up ? o->adjust.deny_uploads : o->adjust.deny_groups, v->type, v->inside);
	snprintf(rule, 80, d->up ? "upload.verdict" : "verdict");
	*ret_why = "malware was found";
	if (v->kind == VERDICT_MALICIOUS)
		return rule;
	*ret_why = "files of this kind aren't passed on";
	if (group) {
		snprintf(rule, 80, "url.deny_%s[%s]", d->up ? "uploads" : "downloads", group);
		return rule;
	}
	*ret_why = "it can't be inspected";
	return verdict_refused(o, v) ? rule : NULL;
}

/* False: the connection is over. */
static bool judged(struct way *d, const struct verdict *v)
{
	struct txn *t = d->s->c->txn;
	char text[80];
	const char *why, *rule = refusal(d, v, text, &why);
	if (rule || !t->verdict || strcmp(t->verdict, "clean") == 0)
		t->verdict = verdict_kind_name(v->kind);
	if (!rule) {
		pass(d);
		return true;
	}
	about(d, v);
	snprintf(t->malware, sizeof t->malware, "%s", v->kind == VERDICT_MALICIOUS ? v->malware : "");
	fail(d, rule, why, POLICY);
	return false;
}

static void on_verdict(const struct verdict *v, void *user)
{
	struct way *d = user;
	struct worker *w = d->s->c->w;
	if (memcmp(v->sha256, d->hold.sha, VERDICT_SHA) == 0)
		verdict_cache_put(&w->verdicts, v, w->now);
	d->state = READING; /* nothing is open any more */
	forget_scan(d);
	if (judged(d, v))
		pump(d);
}

static bool is_scanned(const struct way *d)
{
	return !d->up || d->s->c->txn->org->scan_uploads;
}

/* All of the message is held. False: the connection is over. */
static bool ask(struct way *d)
{
	struct worker *w = d->s->c->w;
	struct txn *t = d->s->c->txn;
	struct verdict v = { .kind = VERDICT_ERROR, .also = VERDICT_BIT(VERDICT_ERROR), .malware = "not submitted" };
	struct scan_job job = { .org = str_from(t->c->org->code), .name = t->path, .timeout_ms = t->conf->verdict_ms, .done = on_verdict, .user = d };
	bool own;
	if (hold_end(&d->hold) < 0) {
		fail(d, "memory", "out of memory", POLICY);
		return false;
	}
	if (d->hold.raw.size == 0 || upload_is_message(&d->hold) || !is_scanned(d)) {
		pass(d);
		return true;
	}
	if (verdict_cache_get(&w->verdicts, d->hold.sha, w->now, &v))
		return judged(d, &v);
	if (hold_scan_fd(&d->hold, &job.fd, &own) < 0)
		return judged(d, &v);
	d->scan_fd = own ? job.fd : -1;
	if (scan_client_submit(w->scan, &job, &d->scan_id) < 0) {
		forget_scan(d);
		return judged(d, &v);
	}
	d->state = JUDGING;
	worker_poke(w);
	return true;
}

/* ---- coming in ---- */

/* Larger than is scanned: what is held goes out, then this piece, and what follows as it comes. */
static bool begin_passing(struct way *d, struct str piece, bool last)
{
	struct txn *t = d->s->c->txn;
	if (is_scanned(d))
		t->verdict = "unscannable";
	if (is_scanned(d) && !t->org->unscannable_allow) {
		fail(d, d->up ? "upload.verdict" : "verdict", "larger than is scanned", POLICY);
		return false;
	}
	if (hold_seal(&d->hold) < 0) {
		fail(d, "memory", "out of memory", POLICY);
		return false;
	}
	buf_str(&d->rest, piece);
	d->last = last;
	d->passing = true;
	pass(d);
	return true;
}

static bool take_piece(struct way *d, bool last)
{
	struct txn *t = d->s->c->txn;
	struct str p = d->r.piece;
	if (!d->begun) {
		d->begun = true;
		d->size = 0;
		d->since = d->s->c->w->now;
		if (hold_begin(&d->hold, CODING_NONE, t->org->scan_max, 0) < 0) {
			fail(d, "memory", "out of memory", POLICY);
			return false;
		}
	}
	d->size += p.len;
	if (d->up && d->size > request_upload_max(t)) {
		fail(d, "upload", "larger than may be sent", POLICY);
		return false;
	}
	if (d->passing) {
		d->begun = d->passing = !last;
		return write_frame(d, WS_CONTINUATION, last, p);
	}
	int r = p.len ? hold_put(&d->hold, p.ptr, p.len) : 0;
	if (r == -E_LIMIT)
		return begin_passing(d, p, last);
	enum share_limit l = r < 0 ? SHARE_ALL : txn_count_held(t, hold_held(&d->s->up.hold) + hold_held(&d->s->down.hold));
	if (l == SHARE_OK)
		return !last || ask(d);
	fail(d, r < 0 ? "memory" : share_rule(l), "too much is held at a time", POLICY);
	return false;
}

/* False: the connection is over. */
static bool take(struct way *d)
{
	switch (d->r.found) {
	case WS_PIECE:
		return take_piece(d, false);
	case WS_MESSAGE:
		return take_piece(d, true);
	case WS_SINGLE:
		return write_frame(d, d->r.op_frame, true, (struct str){ (const char *)d->r.control, d->r.n_control });
	default:
		return true;
	}
}

/* What lies in d->in, as far as it goes. False: the connection is over. */
static bool look(struct way *d)
{
	struct conn *c = d->s->c;
	size_t at = 0;
	while (at < d->in.len && d->state == READING && chan_drained(d->to)) {
		const char *why = "";
		size_t left = d->in.len - at;
		long n = ws_read(&d->r, d->in.ptr + at, left < PIECE ? left : PIECE, &why);
		if (n < 0) {
			fail(d, "protocol", why, FAULT);
			return false;
		}
		at += (size_t)n;
		if (!take(d))
			return false;
		if (d->state == SENDING)
			send_message(d);
		if (!c->socket)
			return false;
	}
	buf_drop(&d->in, at);
	return true;
}

static void pump(struct way *d)
{
	struct socket *s = d->s;
	struct conn *c = s->c;
	for (;;) {
		if (d->state == SENDING && !send_message(d)) {
			if (c->socket == s)
				chan_pause(d->from);
			return;
		}
		if (!look(d))
			return;
		if (d->state != READING || d->in.len || !chan_drained(d->to)) {
			chan_pause(d->from);
			return;
		}
		if (!buf_room(&d->in, PIECE)) {
			fail(d, "memory", "out of memory", POLICY);
			return;
		}
		long n = chan_read(d->from, d->in.ptr, PIECE);
		if (n == -E_AGAIN) {
			buf_done(&d->in); /* most wait most of the time */
			chan_resume(d->from);
			return;
		}
		if (n <= 0) {
			conn_destroy(c, NULL);
			return;
		}
		d->in.len = (size_t)n;
		conn_touch(c, WORKER_TUNNEL_MS);
	}
}

/* ---- life ---- */

static void origin_event(struct origin *o, int what)
{
	struct conn *c = o->user;
	struct socket *s = c->socket;
	if ((what & CHAN_WRITABLE) && s->up.state != JUDGING) {
		pump(&s->up);
		if (c->socket != s)
			return;
	}
	if ((what & CHAN_READABLE) && s->down.state == READING)
		pump(&s->down);
}

void socket_event(struct conn *c, int what)
{
	struct socket *s = c->socket;
	if ((what & CHAN_WRITABLE) && s->down.state != JUDGING) {
		pump(&s->down);
		if (c->socket != s)
			return;
	}
	if ((what & CHAN_READABLE) && s->up.state == READING)
		pump(&s->up);
}

void socket_tick(struct conn *c)
{
	struct socket *s = c->socket;
	const struct way *ways[] = { &s->up, &s->down };
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		const struct way *d = ways[i];
		bool coming = d->state == READING && d->begun && !d->passing;
		if ((coming || d->state == SENDING) &&
		    hold_too_slow(c->w->now - d->since, coming ? d->hold.raw.size : d->sent, c->txn->conf->held_ms)) {
			fail(&s->up, "slow", "a message comes or goes too slowly", POLICY);
			return;
		}
	}
}

static void way_init(struct way *d, struct socket *s, bool up)
{
	struct conn *c = s->c;
	*d = (struct way){ .s = s, .up = up, .from = up ? &c->ch : &c->origin->ch, .to = up ? &c->origin->ch : &c->ch,
		           .count = up ? &c->bytes_up : &c->bytes_down, .scan_fd = -1 };
	ws_reader_init(&d->r, up);
	buf_init(&d->in, 4 * CONN_IN_MAX);
	buf_init(&d->rest, 4 * CONN_IN_MAX);
}

void socket_begin(struct conn *c, struct origin *o, struct str rest)
{
	struct socket *s = mem_alloc(sizeof *s);
	struct txn *t = c->txn;
	c->origin = o;
	o->io = origin_event;
	o->user = c;
	c->state = CONN_TUNNEL;
	conn_touch(c, WORKER_TUNNEL_MS);
	if (!s) {
		conn_destroy(c, "Error");
		return;
	}
	s->c = c;
	c->socket = s;
	way_init(&s->up, s, true);
	way_init(&s->down, s, false);
	buf_str(&s->down.in, rest);
	buf_str(&s->up.in, buf_view(&c->in));
	buf_done(&c->in);
	struct str head = buf_view(&t->head);
	if (t->head.failed || s->down.in.failed || s->up.in.failed) {
		conn_destroy(c, "Error");
		return;
	}
	if (!write_all(&s->down, head.ptr, head.len))
		return;
	pump(&s->down);
	if (c->socket == s)
		pump(&s->up);
}
