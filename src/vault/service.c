/* See service.h. */
#include "vault/service.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "vault/account.h"
#include "vault/boxes.h"
#include "vault/ca.h"
#include "vault/keys.h"
#include "vault/sites.h"
#include "vault/uses.h"
#include "vault/vault.h"
#include "vault/wrap.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>

/* Counters by row of the uses table would tie two tables together; looked up by name instead, kept in a small cache. */
#define COUNTED 64

struct service {
	struct store store;
	struct ca *ca;
	struct keys *keys;
	struct sites *sites;
	struct account *account;
	struct uses *uses;
	bool (*held)(const char *org);
	struct stats *stats;
	struct counted {
		uid_t uid;
		uint8_t op;
		_Atomic uint64_t *done, *refused;
	} counted[COUNTED];
	size_t n_counted;
	int64_t logged_ms; /* a refused caller may ask thousands of times: one line a second, with how many */
	uint64_t unlogged;
};

static int write_copy(const char *path, struct str text, struct err *err)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return err_errno(err, path, "cannot write");
	return fs_write_all(fd, text.ptr, text.len, err);
}

static int publish(const struct service *s, const struct service_opts *o, struct err *err)
{
	char path[600];
	struct buf pem;
	buf_init(&pem, 4096);
	int r = fs_mkdirs(o->public_dir, 0755, err);
	snprintf(path, sizeof path, "%s/ca.pem", o->public_dir);
	if (r == 0)
		r = fs_write(path, ca_pem(s->ca), 0644, err);
	snprintf(path, sizeof path, "%s/seal.pub.pem", o->public_dir);
	if (r == 0)
		r = keys_seal_pem(s->keys, &pem, err);
	if (r == 0)
		r = fs_write(path, buf_view(&pem), 0644, err);
	if (r == 0 && o->ca_copy)
		r = write_copy(o->ca_copy, ca_pem(s->ca), err);
	buf_done(&pem);
	return r;
}

int service_open(const struct service_opts *o, struct service **ret, struct err *err)
{
	char name[64];
	struct service *s = mem_alloc(sizeof *s);
	if (!s)
		return err_set(err, E_NOMEM, "", "no memory");
	s->held = o->held;
	s->stats = o->stats;
	s->logged_ms = -1000;
	snprintf(name, sizeof name, "Toride Interception CA %08x", (unsigned)rnd_u64());
	int r = store_open(&s->store, o->dir, err);
	if (r == 0)
		r = ca_open(&s->store, o->ca_name && *o->ca_name ? o->ca_name : name, &s->ca, err);
	if (r == 0)
		r = keys_open(&s->store, &s->keys, err);
	if (r == 0)
		r = sites_open(&s->store, &s->sites, err);
	if (r == 0)
		r = account_open(&s->store, &s->account, err);
	if (r == 0)
		r = uses_open(o->own_names, &s->uses, err);
	if (r == 0)
		r = publish(s, o, err);
	if (r < 0) {
		service_close(&s);
		return r;
	}
	*ret = s;
	return 0;
}

void service_close(struct service **s)
{
	if (!*s)
		return;
	ca_close(&(*s)->ca);
	keys_close(&(*s)->keys);
	sites_close(&(*s)->sites);
	account_close(&(*s)->account);
	uses_close(&(*s)->uses);
	store_done(&(*s)->store);
	mem_free(*s);
	*s = NULL;
}

static void count(struct service *s, uid_t uid, uint8_t op, bool refused)
{
	char caller[32], name[47];
	if (!s->stats)
		return;
	for (size_t i = 0; i < s->n_counted; i++)
		if (s->counted[i].uid == uid && s->counted[i].op == op) {
			stats_add(refused ? s->counted[i].refused : s->counted[i].done, 1);
			return;
		}
	if (s->n_counted == COUNTED)
		return;
	struct counted *c = &s->counted[s->n_counted++];
	const char *who = uses_caller(uid, caller);
	c->uid = uid;
	c->op = op;
	snprintf(name, sizeof name, "%.20s_%s", who, vault_op_name(op));
	c->done = stats_counter(s->stats, "", name);
	snprintf(name, sizeof name, "%.20s_%s_refused", who, vault_op_name(op));
	c->refused = stats_counter(s->stats, "", name);
	stats_add(refused ? c->refused : c->done, 1);
}

static void log_refused(struct service *s, uid_t uid, const struct vault_request *rq, int code)
{
	char caller[32];
	int64_t now = clock_mono_ms();
	if (now - s->logged_ms < 1000) {
		s->unlogged++;
		return;
	}
	log_warn(rq->org, vault_op_name(rq->op), "refused to %s: %s (%llu more since the last line)", uses_caller(uid, caller),
	         err_name(code), (unsigned long long)s->unlogged);
	s->logged_ms = now;
	s->unlogged = 0;
}

static int do_leaf(struct service *s, const struct vault_request *rq, struct buf *reply, struct err *err)
{
	struct buf der;
	buf_init(&der, VAULT_MESSAGE_MAX);
	int r = ca_leaf(s->ca, rq, &der, err);
	if (r == 0)
		wr_blob(reply, buf_view(&der));
	buf_done(&der);
	return r;
}

static int do_seal(struct service *s, const struct vault_request *rq, struct buf *reply, struct err *err)
{
	unsigned char sig[64], pub[32];
	int r = keys_seal(s->keys, rq->message, sig, err);
	if (r < 0)
		return r;
	keys_seal_public(s->keys, pub);
	buf_put(reply, sig, sizeof sig);
	buf_put(reply, pub, sizeof pub);
	return 0;
}

static int do_segkey(struct service *s, const struct vault_request *rq, struct buf *reply, struct err *err)
{
	unsigned char key[32];
	int r = keys_segment(s->keys, rq->org, rq->series, rq->number, key, err);
	if (r == 0)
		buf_put(reply, key, sizeof key);
	OPENSSL_cleanse(key, sizeof key);
	return r;
}

static int do_tsig(struct service *s, const struct vault_request *rq, struct buf *reply, struct err *err)
{
	unsigned char key[32];
	int r = keys_tsig(s->keys, rq->series, key, err);
	if (r == 0)
		buf_put(reply, key, sizeof key);
	OPENSSL_cleanse(key, sizeof key);
	return r;
}

static int do_destroy(struct service *s, uid_t uid, const struct vault_request *rq, struct err *err)
{
	char caller[32];
	if (s->held && s->held(rq->org))
		return err_set(err, E_STATE, rq->org, "its records are held: release the hold first (toride log hold)");
	int r = keys_destroy(s->keys, rq->org, err);
	if (r == 0)
		log_warn(rq->org, "destroy", "data key destroyed by order of %s", uses_caller(uid, caller));
	return r;
}

static int do_site(struct service *s, const struct vault_request *rq, struct buf *reply, struct err *err)
{
	struct buf out;
	buf_init(&out, VAULT_MESSAGE_MAX);
	int r = rq->op == VAULT_SITE_KEY ? sites_make(s->sites, rq, &out, err) : sites_sign(s->sites, rq->message, &out, err);
	if (r == 0)
		wr_blob(reply, buf_view(&out));
	buf_done(&out);
	return r;
}

static int do_wrap(struct service *s, const struct vault_request *rq, struct buf *reply, struct err *err)
{
	struct buf out;
	buf_init(&out, VAULT_MESSAGE_MAX);
	int r = rq->op == VAULT_WRAP ? wrap_close(s->keys, rq->series, rq->message, &out, err) : wrap_open(s->keys, rq->series, rq->message, &out, err);
	if (r == 0)
		wr_blob(reply, buf_view(&out));
	if (out.ptr)
		OPENSSL_cleanse(out.ptr, out.len);
	buf_done(&out);
	return r;
}

static int do_acme(struct service *s, const struct vault_request *rq, struct buf *reply, struct err *err)
{
	unsigned char pub[64], sig[64] = { 0 };
	int r = account_sign(s->account, rq->message, pub, sig, err);
	if (r < 0)
		return r;
	buf_put(reply, pub, sizeof pub);
	buf_put(reply, sig, sizeof sig);
	return 0;
}

static int do_box(struct service *s, const struct vault_request *rq, struct buf *reply, struct err *err)
{
	struct buf box;
	if (rq->op == VAULT_BOX_NAMES)
		return boxes_names(&s->store, rq->box, reply, err);
	if (rq->op == VAULT_BOX_PUT)
		return boxes_put(&s->store, s->keys, rq->box, rq->message, err);
	buf_init(&box, VAULT_MESSAGE_MAX);
	int r = boxes_get(&s->store, s->keys, rq->box, &box, err);
	if (r == 0)
		wr_blob(reply, buf_view(&box));
	buf_done(&box);
	return r;
}

static int do_public(struct service *s, struct buf *reply)
{
	unsigned char pub[32];
	wr_blob(reply, ca_pem(s->ca));
	keys_seal_public(s->keys, pub);
	buf_put(reply, pub, sizeof pub);
	return 0;
}

static int carry_out(struct service *s, uid_t uid, const struct vault_request *rq, struct buf *reply, struct err *err)
{
	switch (rq->op) {
	case VAULT_LEAF:
		return do_leaf(s, rq, reply, err);
	case VAULT_SEAL:
		return do_seal(s, rq, reply, err);
	case VAULT_SEGKEY:
		return do_segkey(s, rq, reply, err);
	case VAULT_SITE_KEY:
	case VAULT_SITE_SIGN:
		return do_site(s, rq, reply, err);
	case VAULT_WRAP:
	case VAULT_UNWRAP:
		return do_wrap(s, rq, reply, err);
	case VAULT_ACME_SIGN:
		return do_acme(s, rq, reply, err);
	case VAULT_DESTROY:
		return do_destroy(s, uid, rq, err);
	case VAULT_BOX_NAMES:
	case VAULT_BOX_GET:
	case VAULT_BOX_PUT:
		return do_box(s, rq, reply, err);
	case VAULT_TSIG:
		return do_tsig(s, rq, reply, err);
	default:
		return do_public(s, reply);
	}
}

/* Words go into a text field: no newline, bounded. */
static void refuse(struct buf *reply, size_t at, uint32_t id, const struct err *err)
{
	char words[260];
	snprintf(words, sizeof words, "%.100s%s%.150s", err->path, err->path[0] ? ": " : "", err->msg);
	for (char *c = words; *c; c++)
		if (*c == '\n')
			*c = ' ';
	reply->len = at;
	wr_u32(reply, id);
	wr_u8(reply, (uint8_t)err->code);
	wr_text(reply, str_from(words));
}

void service_hourly(struct service *s)
{
	struct err err = { 0 };
	unsigned n = 0;
	if (sites_retire(s->sites, &n, &err) < 0)
		log_err(LOG_LEVEL_WARN, "", "sites", &err);
	if (n)
		log_info("", "sites", "%u keys of public sites that signed nothing for %d days are gone", n, SITES_UNUSED_DAYS);
}

bool service_answer(struct service *s, uid_t uid, struct str msg, struct buf *reply)
{
	struct vault_request rq;
	struct err err = { 0 };
	size_t at = reply->len;
	if (vault_request_parse(msg, &rq) < 0)
		return false;
	int r = uses_take(s->uses, uid, &rq, clock_mono_ms());
	count(s, uid, rq.op, r < 0);
	if (r < 0) {
		log_refused(s, uid, &rq, r);
		err_set(&err, (enum err_code)-r, "", r == -E_LIMIT ? "too many requests a second" : "not yours to ask");
	} else {
		wr_u32(reply, rq.id);
		wr_u8(reply, 0);
		r = carry_out(s, uid, &rq, reply, &err);
		if (r < 0 && err.code == 0)
			err_set(&err, (enum err_code)-r, "", "failed");
		if (r < 0 && r != -E_INVALID)
			log_err(LOG_LEVEL_WARN, rq.org, vault_op_name(rq.op), &err);
	}
	if (r < 0)
		refuse(reply, at, rq.id, &err);
	return !reply->failed;
}
