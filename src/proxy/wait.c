/* A person waits for a file: instead of a browser that seems to hang until all is received and judged, he gets a page that says
 * how far it is, asks for itself again, and in the end for the file (parcel.h). Nothing of the file goes out before its verdict.
 *
 * The transaction loses its terminal: it moves to a connection without one (CONN_PARKED) and goes on there as it would have,
 * under the same ceilings, clocks and blocks; a second one answers the terminal with the page. What the first would have sent,
 * the file or a page that refuses it, is kept until the page asks for it, at whichever thread. */
#include "proxy/txn.h"

#include "base/err.h"
#include "base/mem.h"
#include "proxy/parcel.h"

#include <openssl/crypto.h>
#include <stdio.h>

#define WAIT_TRIES 5   /* passwords */
#define WAIT_FORM 1024 /* bytes */

bool wait_wanted(const struct http_head *h)
{
	struct str dest = http_get(h, H_SEC_FETCH_DEST);
	if (h->method != HTTP_GET || http_get(h, H_RANGE).ptr)
		return false;
	if (dest.ptr) /* Fetch Metadata; in clear browsers don't send it */
		return str_eq(dest, STR("document"));
	return http_has_token(h, H_ACCEPT, STR("text/html")) && str_starts(http_get(h, H_USER_AGENT), STR("Mozilla/"));
}

/* What a browser shows rather than stores loads more by relative links, which at our path lead elsewhere. */
static bool is_document(struct str type)
{
	return str_case_starts(type, STR("text/html")) || str_case_starts(type, STR("application/xhtml"));
}

bool wait_due(const struct txn *t)
{
	const struct conf_org *o = t->org;
	bool may_stream = o->unscannable_allow && !(t->rs_has_length && t->rs_length <= o->scan_max);
	return t->navigates && !t->drips && (t->state == TXN_BODY || t->state == TXN_VERDICT || t->state == TXN_HOOK) && o->progress_after &&
	       t->c->w->now - t->begin_ms >= o->progress_after && t->status == 200 && !t->upload && !is_document(t->type) && !may_stream;
}

/* ---- without a terminal ---- */

static int take(struct txn *t)
{
	return -E_CLOSED;
}

static bool go_on(struct txn *t)
{
	return true;
}

/* The file or the page is ready. */
static void answer(struct txn *t, bool has_length, uint64_t length)
{
	struct conn *c = t->c;
	struct parcel_goods g = { .head = mem_alloc(t->head.len), .head_len = t->head.len, .fd = -1, .size = t->hold.raw.size, .status = t->status };
	t->state = TXN_PARKED;
	mirror_end(t);
	report_txn(t);
	if (!g.head || hold_export(&t->hold, &g.fd) < 0) {
		mem_free(g.head);
		parcel_leave(&c->parcel); /* the tick ends it */
		return;
	}
	memcpy(g.head, t->head.ptr, g.head_len);
	parcel_finish(c->parcel, strcmp(t->disposition, "Allowed") != 0, &g, c->w->now);
}

static void content(struct txn *t, struct str s)
{
}

static bool send_nothing(struct txn *t)
{
	return false;
}

static void hand_over(struct txn *t, struct txn *to)
{
}

static void abort_parked(struct txn *t)
{
	conn_destroy(t->c, NULL);
}

static const struct txn_down parked = { take, go_on, answer, content, send_nothing, hand_over, abort_parked };

static void tell_progress(struct txn *t)
{
	parcel_progress(t->c->parcel, t->hold.raw.size, t->rs_has_length ? t->rs_length : 0, t->state == TXN_VERDICT || t->state == TXN_HOOK);
}

void wait_tick(struct conn *c)
{
	struct txn *t = c->txn;
	if (!t || !c->parcel || !parcel_wanted(c->parcel, c->w->now)) {
		conn_destroy(c, "Reset");
		return;
	}
	if (t->state == TXN_LOCKED && parcel_password(c->parcel, t->password)) {
		t->tries++;
		verdict_again(t);
	} else if (t->state < TXN_LOCKED) {
		tell_progress(t);
		txn_tick(t);
	}
}

void wait_leave(struct conn *c)
{
	parcel_leave(&c->parcel);
}

/* ---- the page ---- */

static void show(struct txn *t, const char *token, const struct parcel_view *v, struct str url)
{
	const struct page_wait wait = { .token = token, .name = v->name, .received = v->received, .total = v->total, .judging = v->state == PARCEL_JUDGING, .wrong = v->wrong };
	const struct page p = { .kind = v->state == PARCEL_READY ? PAGE_WAIT_READY : v->state == PARCEL_LOCKED ? PAGE_WAIT_LOCKED : PAGE_WAIT, .org = t->org->name, .org_en = t->org->name_en,
		                .service = t->conf->service, .url = url, .category = "", .detail = "", .ref = v->ref, .wait = &wait, .now_ms = t->begin_wall };
	t->silent = true;
	txn_show(t, &p);
}

/* The last segment of the URL's path as people read it: UTF-8 without control characters, else as it stands. */
static struct str file_name(const struct txn *t, char dst[PARCEL_NAME])
{
	struct str s = t->path;
	size_t n = 0;
	for (size_t i = s.len; i; i--)
		if (s.ptr[i - 1] == '/') {
			s = (struct str){ s.ptr + i, s.len - i };
			break;
		}
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c == '%' && i + 2 < s.len && hex_parse((struct str){ s.ptr + i + 1, 2 }, &c, 1))
			i += 2;
		if (c < 0x20 || c == 0x7f || c == '/' || c == '\\' || n + 1 >= PARCEL_NAME)
			return STR("download");
		dst[n++] = (char)c;
	}
	struct str name = { dst, n };
	return n && str_is_utf8(name) ? name : STR("download");
}

/* Answers t's terminal in its stead. */
static struct txn *stand_in(struct txn *t)
{
	struct txn *n = txn_create(t->c, t->down);
	if (!n)
		return NULL;
	n->rq_done = true;
	n->keep = t->keep;
	n->minor = t->minor;
	n->method = t->method;
	n->terminal = t->terminal;
	n->via = t->via;
	memcpy(n->target.host, t->target.host, sizeof n->target.host);
	t->down->hand_over(t, n);
	return n;
}

static struct parcel_for asker(const struct txn *t)
{
	struct parcel_for f = { .org = t->c->org->code, .terminal = t->terminal };
	char host[TARGET_AUTHORITY];
	target_authority(&t->target, host);
	snprintf(f.origin, sizeof f.origin, "%s://%s", t->target.https ? "https" : "http", host);
	memcpy(f.user, t->user.name, sizeof f.user);
	return f;
}

/* t loses its terminal to *ret. False: it goes on as before. */
static bool park(struct txn *t, struct txn **ret)
{
	const struct parcel_for f = asker(t);
	char name[PARCEL_NAME];
	struct parcel *parcel = NULL;
	t->navigates = false; /* whatever comes of it: once */
	page_ref(t->begin_wall, t->ref);
	struct conn *p = parcel_create(&f, file_name(t, name), t->ref, t->c->w->now, &parcel) == 0 ? conn_park(t->c) : NULL;
	struct txn *n = p ? stand_in(t) : NULL;
	if (!n) {
		if (p)
			conn_destroy(p, NULL);
		parcel_leave(&parcel);
		return false;
	}
	p->parcel = parcel;
	p->txn = t;
	t->c = p;
	t->down = &parked;
	t->down_stream = NULL;
	*ret = n;
	return true;
}

static void show_first(struct txn *t, struct txn *n)
{
	const struct parcel *p = t->c->parcel;
	const struct parcel_for f = asker(t);
	struct parcel_view v;
	if (parcel_look(str_from(parcel_token(p)), &f, t->c->w->now, &v) == 0)
		show(n, parcel_token(p), &v, t->url);
}

void wait_begin(struct txn *t)
{
	struct txn *n;
	if (!park(t, &n))
		return;
	tell_progress(t);
	show_first(t, n);
}

/* What a worker can open with a password (scan/archive.h, scan/parts.h). */
static bool may_open(const char *type)
{
	static const char *const types[] = { "zip", "ole", "doc", "xls", "7z", "rar", "pdf", "odt", "ods", "odp", "odg" };
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

bool wait_password(struct txn *t, const struct verdict *v)
{
	bool locked = (v->also & VERDICT_BIT(VERDICT_ENCRYPTED)) || t->tries; /* a wrong one may look as if the file were broken */
	struct txn *n = NULL;
	if (!locked || !t->org->encrypted_ask || t->org->encrypted_allow || !t->person || t->drips || t->tries >= WAIT_TRIES || !may_open(v->type) ||
	    (!t->tries && (v->also & VERDICT_BIT(VERDICT_UNSCANNABLE))) || (v->also & VERDICT_BIT(VERDICT_ERROR)))
		return false;
	if (t->c->state != CONN_PARKED && !park(t, &n))
		return false;
	t->state = TXN_LOCKED;
	parcel_lock(t->c->parcel, t->tries, t->c->w->now);
	if (n)
		show_first(t, n);
	return true;
}

/* ---- its requests ---- */

static bool has_disposition(struct str head)
{
	struct str line;
	while (str_next(&head, '\n', &line))
		if (str_case_starts(line, STR("content-disposition:")))
			return true;
	return false;
}

/* Our path is no name for a file: its own, where the origin gives none (RFC 6266, RFC 8187). */
static void name_it(struct txn *t, const char *name)
{
	buf_puts(&t->head, "Content-Disposition: attachment; filename*=UTF-8''");
	buf_percent(&t->head, str_from(name));
	buf_puts(&t->head, "\r\n");
}

/* What is there, once. */
static void hand_out(struct txn *t, struct str token, const struct parcel_for *f, const struct parcel_view *v)
{
	struct parcel_goods g;
	enum share_limit l = txn_count_held(t, parcel_size(token, f));
	if (l != SHARE_OK) { /* it waits on */
		txn_fail(t, l == SHARE_ALL ? PAGE_BUSY : PAGE_SHARE, share_rule(l), "");
		return;
	}
	if (parcel_take(token, f, &g) < 0) {
		txn_fail(t, PAGE_WAIT_GONE, "wait", "");
		return;
	}
	buf_reset(&t->head);
	buf_put(&t->head, g.head, g.head_len);
	if (v->state == PARCEL_READY && !has_disposition((struct str){ g.head, g.head_len }))
		name_it(t, v->name);
	mem_free(g.head);
	t->silent = v->state == PARCEL_REFUSED; /* that had its event */
	t->status = g.status;
	t->held_since = t->c->w->now;
	snprintf(t->ref, sizeof t->ref, "%s", g.ref);
	txn_set_rule(t, "wait");
	if (hold_adopt(&t->hold, g.fd, g.size) < 0)
		txn_fail(t, PAGE_BUSY, "memory", "");
	else
		txn_answer(t, true, g.size);
}

/* p=PASSWORD */
void wait_form(struct txn *t, struct str content)
{
	const struct parcel_for f = asker(t);
	struct str token = STR("");
	char password[PARCEL_PASSWORD], path[sizeof PARCEL_PATH + PARCEL_TOKEN + 8];
	bool get, ok = str_starts(content, STR("p=")) && form_decode((struct str){ content.ptr + 2, content.len - 2 }, password, sizeof password);
	ok = ok && parcel_request_parse(t->target.path, &token, &get) == 0 && parcel_unlock(token, &f, password) == 0;
	OPENSSL_cleanse(password, sizeof password);
	upload_free(t);
	if (!ok) {
		txn_fail(t, PAGE_WAIT_GONE, "wait", "");
		return;
	}
	t->silent = true;
	snprintf(path, sizeof path, PARCEL_PATH "?t=" STR_FMT, STR_ARG(token));
	txn_redirect(t, path);
}

bool wait_answer(struct txn *t)
{
	struct str token = STR("");
	struct parcel_view v;
	bool get = false;
	int r = parcel_request_parse(t->target.path, &token, &get);
	if (r == -E_NOT_FOUND)
		return false;
	const struct parcel_for f = asker(t);
	if (r == 0 && t->method == HTTP_POST && t->rq.counted && t->rq.length && t->rq.length <= WAIT_FORM) {
		t->form = true;
		upload_hold(t);
		return true;
	}
	if (r < 0 || t->method != HTTP_GET || !t->rq_done || parcel_look(token, &f, t->c->w->now, &v) < 0) {
		txn_fail(t, PAGE_WAIT_GONE, "wait", "");
	} else if (v.state == PARCEL_REFUSED || (v.state == PARCEL_READY && get)) {
		hand_out(t, token, &f, &v);
	} else {
		char text[PARCEL_TOKEN];
		str_copy(token, text, sizeof text);
		show(t, text, &v, STR(""));
	}
	return true;
}
