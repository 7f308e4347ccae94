/* A held answer and its verdict: from the thread's cache or from scand (over hold.h's descriptor); then it is delivered,
 * replaced by a page, or passed as the organisation's settings for failures say. */
#include "proxy/txn.h"

#include "base/err.h"
#include "proxy/hook.h"

#include <openssl/crypto.h>

#include <stdio.h>

static void settle(struct txn *t)
{
	t->held_since = t->c->w->now;
	txn_answer(t, true, t->hold.raw.size);
}

void verdict_passed(struct txn *t, unsigned inside)
{
	if (!hook_begin(t, inside))
		settle(t);
}

bool verdict_may_skip(struct txn *t, const char *why)
{
	bool unreadable = t->hold.state == HOLD_UNREADABLE;
	t->verdict = "unscannable";
	if (t->org->unscannable_allow && !unreadable)
		return true;
	txn_deny(t, PAGE_UNSCANNABLE, "verdict", unreadable ? "unknown, broken or ambiguous encoding" : why);
	return false;
}

/* Of a kind that the body doesn't want delivered, itself or inside? True: a page was sent. */
static bool kind_denied(struct txn *t, const struct verdict *v, const char *type)
{
	const char *group = adjust_denied(t->org->adjust.deny_groups, type, v->inside);
	char rule[80];
	if (!group)
		return false;
	snprintf(rule, sizeof rule, "url.deny_downloads[%s]", group);
	txn_deny(t, PAGE_KIND, rule, t->file_type);
	return true;
}

/* Each reason why nobody can say that it is harmless has its own setting. */
unsigned verdict_refused(const struct conf_org *o, const struct verdict *v)
{
	unsigned passes = (o->encrypted_allow ? VERDICT_BIT(VERDICT_ENCRYPTED) : 0) | (o->unscannable_allow ? VERDICT_BIT(VERDICT_UNSCANNABLE) : 0) |
	                  (o->scan_fail == FAIL_OPEN ? VERDICT_BIT(VERDICT_ERROR) : 0);
	return v->also & (VERDICT_BIT(VERDICT_ENCRYPTED) | VERDICT_BIT(VERDICT_UNSCANNABLE) | VERDICT_BIT(VERDICT_ERROR)) & ~passes;
}

/* All of its reasons must be let pass. */
static void on_undecided(struct txn *t, const struct verdict *v)
{
	char detail[sizeof v->malware + sizeof v->where + 4];
	const unsigned refused = verdict_refused(t->org, v);
	if (wait_password(t, v))
		return;
	snprintf(detail, sizeof detail, "%s%s%s", v->malware, v->where[0] ? ": " : "", v->where);
	if (refused & VERDICT_BIT(VERDICT_ENCRYPTED))
		txn_deny(t, PAGE_ENCRYPTED, "verdict", detail);
	else if (refused & VERDICT_BIT(VERDICT_UNSCANNABLE))
		txn_deny(t, PAGE_UNSCANNABLE, "verdict", detail);
	else if (refused)
		txn_fail(t, PAGE_NO_VERDICT, "verdict", v->malware);
	else if (!kind_denied(t, v, t->file_type))
		verdict_passed(t, v->inside);
}

static void apply_verdict(struct txn *t, const struct verdict *v)
{
	str_clip(v->type, t->file_type, sizeof t->file_type);
	str_clip(v->where, t->file_member, sizeof t->file_member);
	t->verdict = verdict_kind_name(v->kind);
	switch (v->kind) {
	case VERDICT_CLEAN:
		if (!kind_denied(t, v, t->file_type))
			verdict_passed(t, v->inside);
		return;
	case VERDICT_MALICIOUS:
		snprintf(t->malware, sizeof t->malware, "%s", v->malware);
		txn_deny(t, PAGE_MALWARE, "verdict", t->malware);
		return;
	default:
		on_undecided(t, v);
	}
}

static void ask_content(struct txn *t);

/* An answer's bytes as they lie. What is in them may be nothing that their content has: an archive between what is opened, whose own end says where it
 * begins. That they are packed is no kind of theirs; and no password is asked for, since it would be tried on the content. */
static void raw_judged(struct txn *t, const struct verdict *v)
{
	const unsigned refused = verdict_refused(t->org, v);
	t->asks_raw = false;
	if (v->kind == VERDICT_MALICIOUS || (refused & VERDICT_BIT(VERDICT_ERROR))) {
		apply_verdict(t, v);
	} else if (refused) {
		t->verdict = verdict_kind_name(v->kind);
		str_clip(v->where, t->file_member, sizeof t->file_member);
		txn_deny(t, refused & VERDICT_BIT(VERDICT_ENCRYPTED) ? PAGE_ENCRYPTED : PAGE_UNSCANNABLE, "verdict", v->malware);
	} else if (!kind_denied(t, v, "data")) {
		ask_content(t);
	}
}

static void judged(struct txn *t, const struct verdict *v)
{
	if (upload_waits(t)) /* an answer may come before all of the content went out */
		upload_judged(t, v);
	else if (t->asks_raw)
		raw_judged(t, v);
	else
		apply_verdict(t, v);
}

static void on_verdict(const struct verdict *v, void *user)
{
	struct txn *t = user;
	struct worker *w = t->c->w;
	t->scanning = false;
	txn_forget_scan(t);
	if (memcmp(v->sha256, t->asked, VERDICT_SHA) == 0 && !t->tries) /* what a password opened is for who gave it */
		verdict_cache_put(&w->verdicts, v, w->now);
	judged(t, v);
}

/* own: fd is the request's to close. r: what getting it came to. */
static void submit_fd(struct txn *t, int r, int fd, bool own)
{
	struct worker *w = t->c->w;
	struct scan_job job = { .fd = fd, .org = str_from(t->c->org->code), .content_type = t->type, .name = t->path, .password = str_from(t->password),
		                .timeout_ms = t->conf->verdict_ms, .done = on_verdict, .user = t };
	struct verdict error = { .kind = VERDICT_ERROR, .also = VERDICT_BIT(VERDICT_ERROR), .malware = "not submitted" };
	t->scan_fd = r == 0 && own ? fd : -1;
	if (r < 0 || scan_client_submit(w->scan, &job, &t->scan_id) < 0) {
		txn_forget_scan(t);
		judged(t, &error);
		return;
	}
	t->scanning = true;
	t->state = TXN_VERDICT;
	txn_touch(t, t->conf->verdict_ms + 5000);
	worker_poke(w);
}

static void submit(struct txn *t, struct hold *h)
{
	int fd = -1;
	bool own = false;
	memcpy(t->asked, h->sha, sizeof t->asked);
	int r = hold_scan_fd(h, &fd, &own);
	submit_fd(t, r, fd, own);
}

void verdict_of_upload(struct txn *t, struct hold *h)
{
	struct worker *w = t->c->w;
	struct verdict v;
	if (verdict_cache_get(&w->verdicts, h->sha, w->now, &v))
		judged(t, &v);
	else
		submit(t, h);
}

void verdict_again(struct txn *t)
{
	submit(t, &t->hold);
	OPENSSL_cleanse(t->password, sizeof t->password);
}

static void ask_content(struct txn *t)
{
	struct worker *w = t->c->w;
	struct verdict v;
	t->hashed = true;
	t->cache_hit = verdict_cache_get(&w->verdicts, t->hold.sha, w->now, &v);
	if (t->cache_hit)
		apply_verdict(t, &v);
	else
		submit(t, &t->hold);
}

/* A coding that the terminal didn't ask for: who opens none stores these bytes, which need be nothing like what is in them. Rare enough
 * for scand's cache alone to remember. */
static void ask_raw(struct txn *t)
{
	int fd = -1, r = hold_export(&t->hold, &fd);
	t->asks_raw = true;
	memset(t->asked, 0, sizeof t->asked);
	submit_fd(t, r, fd, true);
}

/* All of the answer is here. */
void verdict_ask(struct txn *t)
{
	if (hold_end(&t->hold) < 0) {
		txn_fail(t, PAGE_BUSY, "memory", "");
		return;
	}
	t->body_size = t->hold.raw.size;
	t->file_size = t->hold.coding == CODING_NONE ? t->hold.raw.size : t->hold.plain.size;
	if (t->hold.raw.size == 0) {
		t->verdict = "skipped";
		settle(t);
		return;
	}
	if (t->hold.state != HOLD_OK) {
		if (verdict_may_skip(t, "too large inside"))
			settle(t);
		return;
	}
	if (rewrite_asked(t, t->hold.coding))
		ask_content(t);
	else
		ask_raw(t);
}
