/* See hook.h. A connection a file: a sanitiser works on it for seconds, and half of them close it anyway. */
#include "proxy/hook.h"

#include "base/err.h"
#include "base/mem.h"
#include "proxy/icap.h"
#include "scan/type.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

struct hook {
	struct txn *t;
	const struct conf_inspection *by;
	uv_poll_t poll;
	int fd;
	bool connected;
	struct buf request;
	size_t sent; /* of request, content and tail together */
	struct icap_reader in;
	struct hold got;
	int64_t deadline;
};

/* ---- its end ---- */

static void closed(uv_handle_t *h)
{
	struct hook *k = h->data;
	close(k->fd);
	buf_done(&k->request);
	icap_reader_done(&k->in);
	hold_done(&k->got);
	mem_free(k);
}

void hook_cancel(struct txn *t)
{
	struct hook *k = t->hook;
	t->hook = NULL;
	if (k)
		uv_close((uv_handle_t *)&k->poll, closed);
}

uint64_t hook_held(const struct txn *t)
{
	return t->hook ? hold_held(&t->hook->got) : 0;
}

/* Nobody can say what it is. */
static void failed(struct txn *t, const char *why)
{
	char rule[80], detail[120];
	snprintf(rule, sizeof rule, "inspection[%s]", t->hook->by->name);
	snprintf(detail, sizeof detail, "%s: %s", t->hook->by->name, why);
	hook_cancel(t);
	t->verdict = "error";
	if (t->org->scan_fail == FAIL_OPEN)
		verdict_passed(t, t->inside);
	else
		txn_fail(t, PAGE_NO_VERDICT, rule, detail);
}

static void refused(struct txn *t)
{
	char rule[80], detail[2 * ICAP_TEXT];
	snprintf(rule, sizeof rule, "inspection[%s]", t->hook->by->name);
	snprintf(detail, sizeof detail, "%s%s%s", t->hook->by->name, t->hook->in.found[0] ? ": " : "", t->hook->in.found);
	snprintf(t->malware, sizeof t->malware, "%.70s", t->hook->in.found);
	hook_cancel(t);
	txn_deny(t, PAGE_INSPECTION, rule, detail);
}

/* Another content in its place: from here on it is what the origin sent, and what that was is remembered. */
static void replaced(struct txn *t)
{
	struct hook *k = t->hook;
	char type[ICAP_TEXT], disposition[ICAP_TEXT];
	if (!t->replaced) {
		memcpy(t->original, t->hold.sha, sizeof t->original);
		t->original_size = t->file_size;
		memcpy(t->original_type, t->file_type, sizeof t->original_type);
	}
	snprintf(type, sizeof type, "%s", k->in.type);
	snprintf(disposition, sizeof disposition, "%s", k->in.disposition);
	struct hold old = t->hold;
	t->hold = k->got;
	k->got = old;
	hook_cancel(t);
	t->replaced = true;
	t->tries = 0;
	buf_reset(&t->trailers);
	rewrite_replaced(&t->head, type, disposition);
	if (!txn_held_ok(t))
		return;
	if (t->head.failed)
		txn_fail(t, PAGE_BUSY, "memory", "");
	else
		verdict_ask(t);
}

static void over(struct txn *t, enum icap_result e)
{
	struct hook *k = t->hook;
	switch (e) {
	case ICAP_UNCHANGED:
		hook_cancel(t);
		verdict_passed(t, t->inside);
		return;
	case ICAP_REFUSED:
		refused(t);
		return;
	case ICAP_REPLACED:
		if (k->got.raw.size) {
			replaced(t);
			return;
		}
		failed(t, "an empty file");
		return;
	default:
		failed(t, "an answer that can't be understood");
	}
}

/* ---- the question ---- */

static struct str piece(const struct hook *k)
{
	const struct str parts[] = { buf_view(&k->request), hold_content(&k->t->hold), STR(ICAP_TAIL) };
	size_t off = k->sent;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (off < parts[i].len)
			return (struct str){ parts[i].ptr + off, parts[i].len - off };
		off -= parts[i].len;
	}
	return STR("");
}

/* False: the connection is broken; an answer may stand in it all the same. */
static bool send_on(struct hook *k)
{
	struct str s;
	while ((s = piece(k)).len) {
		ssize_t n = send(k->fd, s.ptr, s.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		k->sent += (size_t)n;
	}
	return true;
}

static int put(void *user, struct str s)
{
	return hold_put(user, s.ptr, s.len);
}

/* One piece: before the next one is read, what is held is counted. ICAP_MORE: the answer goes on. */
static enum icap_result read_on(struct hook *k)
{
	struct worker *w = k->t->c->w;
	ssize_t n = recv(k->fd, w->tmp, WORKER_READ, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return ICAP_MORE;
	return n <= 0 ? ICAP_BROKEN : icap_read(&k->in, (struct str){ w->tmp, (size_t)n }, put, &k->got);
}

static void on_poll(uv_poll_t *h, int status, int events)
{
	struct hook *k = h->data;
	struct txn *t = k->t;
	int error = 0;
	socklen_t n = sizeof error;
	if (t->hook != k)
		return;
	if (!k->connected && (getsockopt(k->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 || error)) {
		failed(t, "it can't be reached");
		return;
	}
	k->connected = true;
	bool going = send_on(k);
	enum icap_result e = read_on(k);
	if (e == ICAP_MORE && !txn_held_ok(t)) /* a page was sent, which ended this too */
		return;
	if (e == ICAP_MORE && going)
		uv_poll_start(&k->poll, UV_READABLE | UV_DISCONNECT | (piece(k).len ? UV_WRITABLE : 0), on_poll);
	else
		over(t, e == ICAP_MORE ? ICAP_BROKEN : e);
}

void hook_tick(struct txn *t)
{
	if (t->hook && t->c->w->now >= t->hook->deadline)
		failed(t, "no answer in time");
}

/* ---- its beginning ---- */

/* The URL as events have it, and of its path no more than this. */
static void short_url(const struct txn *t, char dst[1024])
{
	size_t n = t->url.len - t->path.len + (t->path.len < 600 ? t->path.len : 600);
	snprintf(dst, 1024, STR_FMT, (int)n, t->url.ptr);
	dst[strcspn(dst, "? \r\n")] = 0;
}

static bool connect_to(struct hook *k, struct worker *w)
{
	struct sockaddr_storage ss;
	socklen_t n = prefix_to_sockaddr(&k->by->address, k->by->port, &ss);
	k->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (k->fd < 0)
		return false;
	if ((connect(k->fd, (struct sockaddr *)&ss, n) < 0 && errno != EINPROGRESS) || uv_poll_init(&w->loop, &k->poll, k->fd) != 0) {
		close(k->fd);
		return false;
	}
	k->poll.data = k;
	return uv_poll_start(&k->poll, UV_WRITABLE | UV_READABLE, on_poll) == 0;
}

static bool ask(struct hook *k)
{
	struct txn *t = k->t;
	char url[1024];
	short_url(t, url);
	const struct icap_about a = { .authority = k->by->authority, .path = k->by->path, .url = url, .type = t->type, .size = hold_content(&t->hold).len };
	return icap_request(&k->request, &a) && hold_begin(&k->got, CODING_NONE, t->org->scan_max, 0) == 0;
}

static bool concerns(const struct conf_inspection *by, const struct txn *t, unsigned inside)
{
	return by->all || (by->groups & (file_name_groups(t->file_type) | inside)) || (by->documents && file_name_is_document(t->file_type));
}

static bool begin(struct txn *t, const struct conf_inspection *by)
{
	struct hook *k = mem_alloc(sizeof *k);
	if (!k)
		return false;
	k->t = t;
	k->by = by;
	k->deadline = t->c->w->now + by->timeout_ms;
	buf_init(&k->request, 2 * ICAP_HEAD_MAX);
	icap_reader_init(&k->in);
	if (!ask(k) || !connect_to(k, t->c->w)) {
		buf_done(&k->request);
		icap_reader_done(&k->in);
		hold_done(&k->got);
		mem_free(k);
		return false;
	}
	t->hook = k;
	t->state = TXN_HOOK;
	txn_touch(t, by->timeout_ms + 5000);
	return true;
}

bool hook_begin(struct txn *t, unsigned inside)
{
	t->inside = inside;
	while (t->hooks < t->org->n_inspections) {
		const struct conf_inspection *by = &t->org->inspections[t->hooks++];
		if (!concerns(by, t, inside))
			continue;
		if (begin(t, by))
			return true;
		if (t->org->scan_fail != FAIL_OPEN) {
			txn_fail(t, PAGE_NO_VERDICT, "inspection", by->name);
			return true;
		}
		t->verdict = "error";
	}
	return false;
}
