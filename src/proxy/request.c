/* The request: parsed, decided, given an origin, sent on with its body as fast as the origin takes it. answer.c reads
 * what comes back. */
#include "proxy/check.h"
#include "proxy/txn.h"
#include "proxy/up2.h"

#include "base/err.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdio.h>

#define DNS_LEAST 22 /* letters of base64url of a DNS message's head and the shortest question */

/* ---- beginning ---- */

/* What outlives the head, in one buffer whose memory doesn't move. */
static bool remember(struct txn *t, const struct http_head *h)
{
	struct str ua = http_get(h, H_USER_AGENT), ref = { NULL, 0 }, whole = http_get(h, H_REFERER);
	struct buf *b = &t->text;
	char auth[TARGET_AUTHORITY];
	str_next(&whole, '?', &ref); /* no query strings in events */
	if (!buf_room(b, t->target.path.len + ua.len + ref.len + TARGET_AUTHORITY + 512))
		return false;
	target_authority(&t->target, auth);
	buf_puts(b, t->target.https ? "https://" : "http://");
	buf_puts(b, auth);
	size_t at = b->len;
	buf_str(b, t->target.path);
	struct str path = { b->ptr + at, t->target.path.len };
	if (t->target.path.ptr)
		t->target.path = path;
	t->path = target_bare_path(&t->target);
	t->url = (struct str){ b->ptr, at + t->path.len };
	t->user_agent = (struct str){ b->ptr + b->len, ua.len };
	buf_str(b, ua);
	t->referrer = (struct str){ b->ptr + b->len, ref.len };
	buf_str(b, ref);
	return true;
}

/* A question to a resolver of somebody's choice (DNS over HTTPS, RFC 8484; its JSON kind; oblivious, RFC 9230)? By what it says it is, or by a DNS message
 * in its query: most servers don't ask what a client accepts. */
static bool holds_dns(struct str s)
{
	static const struct str kinds[] = { STR("application/dns-"), STR("application/oblivious-dns-") };
	for (; s.len; s.ptr++, s.len--)
		for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
			if (str_case_starts(s, kinds[i]))
				return true;
	return false;
}

static bool message_in_query(struct str path)
{
	struct str bare, field;
	str_next(&path, '?', &bare);
	while (path.len && str_next(&path, '&', &field)) {
		size_t n = 4;
		if (!str_starts(field, STR("dns=")))
			continue;
		while (n < field.len && (field.ptr[n] == '-' || field.ptr[n] == '_' || isalnum((unsigned char)field.ptr[n])))
			n++;
		if (n == field.len && n >= 4 + DNS_LEAST)
			return true;
	}
	return false;
}

static bool asks_dns(const struct http_head *h)
{
	return holds_dns(http_get(h, H_CONTENT_TYPE)) || holds_dns(http_get(h, H_ACCEPT)) || message_in_query(h->target);
}

/* The body answers for the name itself. */
static bool by_name(const char *rule)
{
	return strncmp(rule, "url.white[", 10) == 0 || strncmp(rule, "url.exceptions[", 15) == 0 || strncmp(rule, "url.group_white[", 16) == 0;
}

static bool method_ok(uint8_t m)
{
	switch (m) {
	case HTTP_GET:
	case HTTP_HEAD:
	case HTTP_POST:
	case HTTP_PUT:
	case HTTP_DELETE:
	case HTTP_OPTIONS:
	case HTTP_PATCH:
	case HTTP_CONNECT:
	case HTTP_PROPFIND:
	case HTTP_PROPPATCH:
	case HTTP_REPORT:
	case HTTP_MKCOL:
	case HTTP_COPY:
	case HTTP_MOVE:
		return true;
	default:
		return false;
	}
}

static void grant_connect(struct txn *t)
{
	static const char ok[] = "HTTP/1.1 200 Connection established\r\n\r\n";
	struct conn *c = t->c;
	c->tunnel = t->target;
	c->tunnel.path = (struct str){ NULL, 0 };
	c->terminal = t->terminal;
	c->via = t->via;
	c->user = t->user;
	c->unnamed = t->unnamed;
	t->tunnel = true;
	if (chan_write(&c->ch, ok, sizeof ok - 1) != (long)sizeof ok - 1) {
		conn_destroy(c, "Reset");
		return;
	}
	t->bytes_in += sizeof ok - 1;
	connect_begin(c);
}

static void begin_connect(struct txn *t)
{
	struct conn *c = t->c;
	struct decision d;
	if (check_is_ours(t->conf, &t->target)) {
		grant_connect(t);
		return;
	}
	bool decrypt = !conf_undecrypted(t->org, t->target.host);
	if (!conf_port_allowed(t->conf, t->target.port)) {
		txn_deny(t, PAGE_PORT, "port", "");
		return;
	}
	const struct asker asks = txn_asker(t);
	decide(c->w, t->org, &t->target, &asks, &d);
	txn_decided(t, &d);
	/* Denied but decrypting: the page is shown inside, where a browser shows it. */
	if (d.allow || (decrypt && d.page != PAGE_TERMINAL))
		grant_connect(t);
	else
		txn_deny(t, d.page, d.rule, "");
}

uint64_t request_upload_max(const struct txn *t)
{
	return t->org->adjust.upload_max ? t->org->adjust.upload_max : TXN_UPLOAD_MAX;
}

/* The form of a page that a person may open himself comes back to us, never to an origin. False: it isn't that. */
static bool answer_grant(struct txn *t)
{
	struct grant_request g;
	int r = grant_request_parse(t->target.path, &g);
	if (r == -E_NOT_FOUND)
		return false;
	const struct grant_for who = { t->c->org->code, &t->terminal, g.rule, t->user.name };
	bool ok = r == 0 && t->method == HTTP_GET && grant_token_ok(&who, str_from(g.token), t->c->w->now) &&
	          (strncmp(g.rule, "override ", 9) != 0 || g.reason[0]);
	if (!ok) {
		txn_deny(t, PAGE_PROTOCOL, "open", "the page was too old, or isn't this terminal's");
		return true;
	}
	grant_open(&who, t->c->w->now);
	txn_set_rule(t, strchr(g.rule, ' ') ? strchr(g.rule, ' ') + 1 : g.rule);
	snprintf(t->rule_name, sizeof t->rule_name, "opens");
	snprintf(t->reason, sizeof t->reason, "%s", g.reason);
	txn_redirect(t, g.back);
	return true;
}

static void begin_request(struct txn *t)
{
	struct conn *c = t->c;
	struct decision d;
	if (check_is_ours(t->conf, &t->target)) {
		check_answer(t);
		return;
	}
	if (!c->intercepted && !conf_http_port_allowed(t->conf, t->target.port)) {
		txn_deny(t, PAGE_PORT, "port", "");
		return;
	}
	char program[CONF_RULE];
	if (conf_ja4_denied(t->conf, t->org, c->ja4, program)) {
		txn_deny(t, PAGE_PROGRAM, program, "");
		return;
	}
	if (t->rq.counted && t->rq.length > request_upload_max(t)) { /* before a byte of it goes out */
		txn_deny(t, PAGE_UPLOAD, "upload", "");
		return;
	}
	if (answer_grant(t) || wait_answer(t))
		return;
	const struct asker asks = txn_asker(t);
	decide_both(c->w, t->org, &t->target, c->intercepted ? c->tunnel.host : "", &asks, &d);
	txn_decided(t, &d);
	if (!d.allow) {
		txn_deny(t, d.page, d.rule, "");
		return;
	}
	if (t->asks_dns && !by_name(d.rule)) { /* names are asked of the cloud's resolver, which keeps to the body's lists */
		txn_deny(t, PAGE_URL, "doh", "");
		return;
	}
	if (t->upgrade && !url_set_match_host(t->org->websockets, str_from(t->target.host), NULL)) {
		txn_deny(t, PAGE_URL, "websocket", "");
		return;
	}
	if (c->intercepted && c->fail) {
		t->keep = false; /* asking again is asking the origin again, not us what we know of it */
		txn_origin_page(t, c->fail, c->fail_detail);
		return;
	}
	if (t->request.failed) {
		txn_deny(t, PAGE_PROTOCOL, "protocol", "head too long");
		return;
	}
	t->replay = true;
	if (!upload_begin(t))
		request_start(t, false);
}

int request_read(struct txn *t, const struct http_head *h, int r, const char **ret_why)
{
	struct conn *c = t->c;
	t->method = h->method;
	t->head_only = r == 0 && h->method == HTTP_HEAD;
	t->rq_done = r == 0 && t->rq.done;
	t->rq_chunked = h->chunked;
	t->expect = h->expect_continue;
	t->te = http_has_token(h, H_TE, STR("trailers"));
	t->asks_dns = r == 0 && asks_dns(h);
	t->rq_coding = rewrite_coding(h);
	t->navigates = t->person = t->rq_done && wait_wanted(h);
	if (r == 0 && c->intercepted) {
		t->terminal = c->terminal;
		t->via = c->via;
		r = target_of_tunnel_request(h, &c->tunnel, c->name, &t->target, ret_why);
	} else if (r == 0) {
		t->via = terminal_of(&c->peer, t->org, h, &t->terminal);
		bool plain = t->org->transparent && h->target.len && h->target.ptr[0] == '/';
		r = plain ? target_of_plain_request(h, &t->target, ret_why) : target_of_proxy_request(h, &t->target, ret_why);
	}
	if (r == 0 && !remember(t, h)) {
		*ret_why = "head too long";
		return -E_INVALID;
	}
	if (!c->intercepted)
		login_read(t, h);
	t->upgrade = r == 0 && upgrade_asked(h, t->accept);
	if (r == 0 && t->method != HTTP_CONNECT)
		rewrite_request(t, h);
	return r;
}

/* Before it is asked who it is, or told whether that was right: a program that isn't to speak, by its TLS to the proxy (front.c), and whatever comes in
 * a tunnel that was granted for a page alone. True: refused; a CONNECT goes on to be opened, for the page, where it would be. */
static bool refused_at_the_door(struct txn *t)
{
	struct conn *c = t->c;
	char rule[CONF_RULE];
	if (t->method == HTTP_CONNECT)
		c->gate_rule[0] = 0; /* of a tunnel that was asked for before, and not opened */
	if (c->intercepted && c->gate_rule[0]) {
		txn_deny(t, c->gate, c->gate_rule, "");
		return true;
	}
	if (check_is_ours(t->conf, &t->target) || !conf_ja4_denied(t->conf, t->org, c->proxy_ja4, rule))
		return false;
	login_cancel(t);
	if (t->method != HTTP_CONNECT || conf_undecrypted(t->org, t->target.host)) {
		txn_deny(t, PAGE_PROGRAM, rule, "");
		return true;
	}
	c->gate = PAGE_PROGRAM;
	snprintf(c->gate_rule, sizeof c->gate_rule, "%s", rule);
	begin_connect(t);
	return true;
}

void request_go(struct txn *t, int r, const char *why)
{
	if (r < 0) {
		t->keep = t->rq_done = false;
		txn_deny(t, r == -E_NOT_FOUND ? PAGE_MISDIRECTED : PAGE_PROTOCOL, "protocol", why);
	} else if (!method_ok(t->method) || (t->c->intercepted && t->method == HTTP_CONNECT)) {
		t->keep = false;
		txn_deny(t, PAGE_METHOD, "method", "");
	} else if (!refused_at_the_door(t) && !login_wait(t)) {
		request_decide(t);
	}
}

void request_decide(struct txn *t)
{
	if (t->method == HTTP_CONNECT)
		begin_connect(t);
	else
		begin_request(t);
}

/* ---- the request on its way ---- */

void request_put(struct txn *t, struct str s)
{
	if (upload_put(t, s))
		return;
	if (s.len && t->chunk_up)
		buf_printf(&t->request, "%zx\r\n", s.len);
	buf_str(&t->request, s);
	if (s.len && t->chunk_up)
		buf_puts(&t->request, "\r\n");
}

int request_take(struct txn *t)
{
	int r = t->down->take(t);
	if (r == 0 && t->rq.body_bytes <= request_upload_max(t))
		return 0;
	if (r == -E_AGAIN)
		return r;
	if (r == -E_CLOSED)
		txn_abort(t, "Reset");
	else
		txn_deny(t, r < 0 ? PAGE_PROTOCOL : PAGE_UPLOAD, r < 0 ? "protocol" : "upload", "");
	return -E_CLOSED;
}

/* The last chunk, when all of the content is in t->request. */
static void put_end(struct txn *t)
{
	if (t->rq_done && t->chunk_up)
		buf_puts(&t->request, "0\r\n\r\n");
}

/* True: t->request holds what there is. */
static bool fill(struct txn *t)
{
	t->replay = false;
	upload_keep_head(t);
	buf_reset(&t->request);
	t->request_sent = 0;
	if (upload_next(t)) {
		put_end(t);
		return true;
	}
	while (!t->rq_done && t->request.len == 0) {
		int r = request_take(t);
		if (r < 0)
			return r == -E_AGAIN;
		put_end(t);
	}
	return true;
}

bool request_fill(struct txn *t)
{
	if (!fill(t))
		return false;
	mirror_more(t);
	return true;
}

static void send_request(struct txn *t)
{
	struct origin *o = t->origin;
	t->origin_addr = o->addr;
	if (o->tls)
		t->tls_version = (uint16_t)SSL_version(o->ch.ssl);
	t->wants_cert = o->wants_cert;
	t->state = TXN_WAIT;
	mirror_request(t);
	t->up = o->h2 ? &up2 : &up1;
	txn_touch(t, WORKER_STALL_MS);
	if (t->expect && !t->rq_done) {
		t->expect = false;
		if (!t->down->go_on(t))
			return;
	}
	t->up->begin(t);
}

static void on_origin(struct origin *o, void *user)
{
	struct txn *t = user;
	if (o->fail) {
		t->origin = NULL; /* closes itself */
		t->origin_addr = o->addr;
		txn_origin_page(t, o->fail, o->detail);
		return;
	}
	send_request(t);
}

/* A pooled connection was verified, but for somebody else, and a block may have come since. */
static bool still_allowed(struct txn *t)
{
	struct conn *c = t->c;
	char rule[80];
	const struct block_query q = { .org = c->org->code, .address = t->origin->addr, .terminal = t->terminal };
	const struct decide_place place = { t->origin->host, t->target.https, t->target.port, &t->origin->addr, txn_asker(t) };
	const struct block *k = blocks_find(c->w->blocks, &q);
	if (!k && decide_address(c->w, t->org, &place, rule))
		return true;
	if (k)
		snprintf(rule, sizeof rule, "block:%s", k->id);
	txn_deny(t, k ? PAGE_BLOCK : PAGE_URL, rule, "");
	return false;
}

/* RFC 9110 9.2.2 (and RFC 4918's): asked twice is as asked once. */
static bool idempotent(uint8_t method)
{
	return method != HTTP_POST && method != HTTP_PATCH;
}

bool request_again_ok(const struct txn *t)
{
	return idempotent(t->method) && (t->rq_done || t->upload);
}

void request_start(struct txn *t, bool fresh)
{
	struct conn *c = t->c;
	bool now;
	struct origin_want want = { .host = c->intercepted ? c->tunnel.host : t->target.host, .port = t->target.port,
		                    .tls = t->target.https, .terminal = t->terminal, .groups = t->user.groups, .sni = t->target.https ? c->name : NULL, .fresh = fresh || t->upgrade, .sure = !request_again_ok(t), .h1 = t->upgrade,
		                    .ready = on_origin, .user = t };
	t->up = NULL;
	t->state = TXN_ORIGIN;
	txn_touch(t, 2 * WORKER_HEAD_MS);
	if (origin_get(c->org, &want, &t->origin, &now) < 0)
		txn_fail(t, PAGE_BUSY, "memory", "");
	else if (now && still_allowed(t)) /* not now: t may be gone already */
		send_request(t);
}
