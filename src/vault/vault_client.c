/* Both clients of the vault; see vault_client.h. */
#include "vault/vault_client.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/place.h"
#include "wire/sock.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#define REPLY_MAX (16 * KIB)

static void path_of(const char *given, char *dst, size_t size)
{
	if (given)
		snprintf(dst, size, "%s", given);
	else
		place_in_run(dst, size, SOCK_VAULT);
}

static int leaf_request(const struct vault_leaf *leaf, struct vault_request *rq, struct err *err)
{
	memset(rq, 0, sizeof *rq);
	rq->op = VAULT_LEAF;
	if (leaf->n < 1 || leaf->n > VAULT_NAMES)
		return err_set(err, E_INVALID, "vault", "1 to %d names", VAULT_NAMES);
	for (size_t i = 0; i < leaf->n; i++)
		if (!str_copy(str_from(leaf->names[i]), rq->leaf.names[i], sizeof rq->leaf.names[i]))
			return err_set(err, E_INVALID, "vault", "name too long");
	rq->leaf.n = (uint8_t)leaf->n;
	rq->leaf.not_before = leaf->not_before;
	rq->leaf.not_after = leaf->not_after;
	rq->leaf.key_type = VAULT_KEY_P256;
	rq->leaf.spki = leaf->spki;
	return 0;
}

/* ---- blocking ---- */

struct vault {
	char path[PLACE_MAX];
	int fd, timeout_ms;
	uint32_t id;
	struct buf out, in;
};

int vault_open(const char *socket_path, int timeout_ms, struct vault **ret, struct err *err)
{
	struct vault *v = mem_alloc(sizeof *v);
	if (!v)
		return err_set(err, E_NOMEM, "vault", "no memory");
	path_of(socket_path, v->path, sizeof v->path);
	v->fd = -1;
	v->timeout_ms = timeout_ms;
	buf_init(&v->out, VAULT_MESSAGE_MAX);
	buf_init(&v->in, REPLY_MAX);
	*ret = v;
	return 0;
}

static void drop(struct vault *v)
{
	if (v->fd >= 0)
		close(v->fd);
	v->fd = -1;
}

void vault_close(struct vault **v)
{
	if (!*v)
		return;
	drop(*v);
	if ((*v)->in.ptr)
		OPENSSL_cleanse((*v)->in.ptr, (*v)->in.cap); /* segment keys came through here */
	buf_done(&(*v)->out);
	buf_done(&(*v)->in);
	mem_free(*v);
	*v = NULL;
}

static int once(struct vault *v, struct err *err)
{
	int r = v->fd >= 0 ? 0 : sock_connect(v->path, v->timeout_ms, &v->fd, err);
	if (r == 0)
		r = sock_send(v->fd, buf_view(&v->out), -1, err);
	if (r == 0)
		r = sock_recv(v->fd, &v->in, NULL, v->timeout_ms, err);
	if (r < 0)
		drop(v);
	return r;
}

/* The answer behind id and code in *ret; a refusal becomes an error. */
static int ask(struct vault *v, struct vault_request *rq, struct rd *ret, struct err *err)
{
	char words[300] = "";
	bool kept = v->fd >= 0;
	rq->id = ++v->id;
	buf_reset(&v->out);
	vault_request_write(&v->out, rq);
	if (v->out.failed)
		return err_set(err, E_INVALID, "vault", "the request is too large");
	int r = once(v, err);
	if (r == -E_CLOSED && kept)
		r = once(v, err); /* the vault was restarted since */
	if (r < 0)
		return r;
	*ret = rd_from(v->in.ptr, v->in.len);
	uint32_t id = rd_u32(ret);
	uint8_t code = rd_u8(ret);
	if (ret->bad || id != rq->id) {
		drop(v);
		return err_set(err, E_INVALID, "vault", "the answer is malformed");
	}
	if (code) {
		rd_text(ret, words, sizeof words);
		return err_set(err, (enum err_code)code, "vault", "%s", words);
	}
	return 0;
}

static int ended(const struct rd *r, struct err *err)
{
	return rd_end(r) < 0 ? err_set(err, E_INVALID, "vault", "the answer is malformed") : 0;
}

int vault_leaf(struct vault *v, const struct vault_leaf *leaf, struct buf *ret_der, struct err *err)
{
	struct vault_request rq;
	struct rd r;
	int res = leaf_request(leaf, &rq, err);
	if (res == 0)
		res = ask(v, &rq, &r, err);
	if (res < 0)
		return res;
	struct str der = rd_blob(&r);
	res = ended(&r, err);
	if (res == 0)
		buf_str(ret_der, der);
	return res < 0 ? res : ret_der->failed;
}

int vault_seal(struct vault *v, struct str message, unsigned char ret_sig[64], unsigned char ret_pub[32], struct err *err)
{
	struct vault_request rq = { .op = VAULT_SEAL, .message = message };
	struct rd r;
	int res = ask(v, &rq, &r, err);
	if (res < 0)
		return res;
	rd_bytes(&r, ret_sig, 64);
	rd_bytes(&r, ret_pub, 32);
	return ended(&r, err);
}

int vault_segkey(struct vault *v, const char *org, const char *series, uint64_t number, unsigned char ret_key[32],
                 struct err *err)
{
	struct vault_request rq = { .op = VAULT_SEGKEY, .number = number };
	struct rd r;
	if (!str_copy(str_from(org), rq.org, sizeof rq.org) || !str_copy(str_from(series), rq.series, sizeof rq.series))
		return err_set(err, E_INVALID, "vault", "organisation or series too long");
	int res = ask(v, &rq, &r, err);
	if (res < 0)
		return res;
	rd_bytes(&r, ret_key, 32);
	return ended(&r, err);
}

int vault_numbered(struct vault *v, const char *kind, unsigned n, unsigned char ret[][32], struct err *err)
{
	unsigned char key[32];
	int r = vault_tsig(v, kind, key, err);
	for (unsigned i = 1; r == 0 && i <= n; i++) {
		char text[16];
		unsigned len = 32;
		snprintf(text, sizeof text, "%u", i);
		if (!HMAC(EVP_sha256(), key, sizeof key, (const unsigned char *)text, strlen(text), ret[i - 1], &len))
			r = err_set(err, E_NOMEM, "vault", "no memory");
	}
	OPENSSL_cleanse(key, sizeof key);
	return r;
}

void bgp_secret(const unsigned char secret[32], char ret[BGP_SECRET_TEXT])
{
	hex_format(secret, (BGP_SECRET_TEXT - 1) / 2, ret);
}

int vault_tsig(struct vault *v, const char *name, unsigned char ret_key[32], struct err *err)
{
	struct vault_request rq = { .op = VAULT_TSIG };
	struct rd r;
	if (!str_copy(str_from(name), rq.series, sizeof rq.series))
		return err_set(err, E_INVALID, "vault", "the key's name is too long");
	int res = ask(v, &rq, &r, err);
	if (res < 0)
		return res;
	rd_bytes(&r, ret_key, 32);
	return ended(&r, err);
}

#define PATIENT_MS 5000

int vault_segkey_wait(struct vault *v, const char *org, const char *series, uint64_t number, unsigned char ret_key[32],
                      struct err *err)
{
	int64_t until = clock_mono_ms() + PATIENT_MS;
	int r;
	while ((r = vault_segkey(v, org, series, number, ret_key, err)) == -E_LIMIT && clock_mono_ms() < until)
		poll(NULL, 0, 50);
	return r;
}

int vault_destroy(struct vault *v, const char *org, struct err *err)
{
	struct vault_request rq = { .op = VAULT_DESTROY };
	struct rd r;
	if (!str_copy(str_from(org), rq.org, sizeof rq.org))
		return err_set(err, E_INVALID, "vault", "organisation too long");
	int res = ask(v, &rq, &r, err);
	return res < 0 ? res : ended(&r, err);
}

static int ask_blob(struct vault *v, struct vault_request *rq, struct buf *ret, struct err *err)
{
	struct rd r;
	int res = ask(v, rq, &r, err);
	if (res < 0)
		return res;
	struct str blob = rd_blob(&r);
	res = ended(&r, err);
	if (res == 0)
		buf_str(ret, blob);
	return res < 0 ? res : ret->failed;
}

int vault_site_key(struct vault *v, const char *const *names, size_t n, struct buf *ret_pem, struct err *err)
{
	struct vault_request rq = { .op = VAULT_SITE_KEY };
	if (n < 1 || n > VAULT_NAMES)
		return err_set(err, E_INVALID, "vault", "1 to %d names", VAULT_NAMES);
	for (size_t i = 0; i < n; i++)
		if (!str_copy(str_from(names[i]), rq.leaf.names[i], sizeof rq.leaf.names[i]))
			return err_set(err, E_INVALID, "vault", "name too long");
	rq.leaf.n = (uint8_t)n;
	return ask_blob(v, &rq, ret_pem, err);
}

int vault_site_sign(struct vault *v, const unsigned char key[32], struct str digest, struct buf *ret_der, struct err *err)
{
	char message[96];
	struct vault_request rq = { .op = VAULT_SITE_SIGN, .message = { message, 32 + digest.len } };
	if (digest.len > 64)
		return err_set(err, E_INVALID, "vault", "not a digest");
	memcpy(message, key, 32);
	memcpy(message + 32, digest.ptr, digest.len);
	return ask_blob(v, &rq, ret_der, err);
}

static int ask_wrap(struct vault *v, uint8_t op, const char *use, const char *context, struct str data, struct buf *ret, struct err *err)
{
	struct buf message;
	struct vault_request rq = { .op = op };
	if (!str_copy(str_from(use), rq.series, sizeof rq.series))
		return err_set(err, E_INVALID, "vault", "the use's name is too long");
	buf_init(&message, VAULT_MESSAGE_MAX / 2);
	buf_put(&message, context, strlen(context) + 1);
	buf_str(&message, data);
	rq.message = buf_view(&message);
	int r = message.failed ? err_set(err, E_LIMIT, "vault", "too long to be wrapped") : ask_blob(v, &rq, ret, err);
	if (message.ptr)
		OPENSSL_cleanse(message.ptr, message.len);
	buf_done(&message);
	return r;
}

int vault_wrap(struct vault *v, const char *use, const char *context, struct str secret, struct buf *ret, struct err *err)
{
	return ask_wrap(v, VAULT_WRAP, use, context, secret, ret, err);
}

int vault_unwrap(struct vault *v, const char *use, const char *context, struct str wrapped, struct buf *ret, struct err *err)
{
	return ask_wrap(v, VAULT_UNWRAP, use, context, wrapped, ret, err);
}

int vault_acme_sign(struct vault *v, struct str input, unsigned char ret_pub[64], unsigned char ret_sig[64], struct err *err)
{
	struct vault_request rq = { .op = VAULT_ACME_SIGN, .message = input };
	struct rd r;
	int res = ask(v, &rq, &r, err);
	if (res < 0)
		return res;
	rd_bytes(&r, ret_pub, 64);
	rd_bytes(&r, ret_sig, 64);
	return ended(&r, err);
}

/* One message of names; the last one into rq->box, "" when there were none. fn NULL: the version alone. */
static int box_names(struct vault *v, struct vault_request *rq, uint64_t *ret_version, int (*fn)(const char *, void *), void *user, struct err *err)
{
	struct buf copy;
	struct rd r;
	int res = ask(v, rq, &r, err);
	if (res < 0)
		return res;
	*ret_version = rd_u64(&r);
	uint32_t n = rd_u32(&r);
	buf_init(&copy, REPLY_MAX);
	buf_put(&copy, r.p, (size_t)(r.end - r.p)); /* fn may ask the vault */
	struct rd names = rd_from(copy.ptr, copy.len);
	*rq->box = 0;
	for (uint32_t i = 0; res == 0 && i < n && !names.bad; i++) {
		rd_text(&names, rq->box, sizeof rq->box);
		res = fn && !names.bad ? fn(rq->box, user) : 0;
	}
	res = res < 0 ? res : copy.failed ? err_set(err, E_NOMEM, "vault", "no memory") : ended(&names, err);
	buf_done(&copy);
	return res;
}

int vault_box_names(struct vault *v, uint64_t *ret_version, int (*fn)(const char *name, void *user), void *user, struct err *err)
{
	struct vault_request rq = { .op = VAULT_BOX_NAMES };
	int r = 0;
	do
		r = box_names(v, &rq, ret_version, fn, user, err);
	while (r == 0 && *rq.box);
	return r;
}

int vault_box_version(struct vault *v, uint64_t *ret, struct err *err)
{
	struct vault_request rq = { .op = VAULT_BOX_NAMES, .box = "~" }; /* behind every name */
	return box_names(v, &rq, ret, NULL, NULL, err);
}

int vault_box_get(struct vault *v, const char *name, struct buf *ret_box, struct err *err)
{
	struct vault_request rq = { .op = VAULT_BOX_GET };
	if (!str_copy(str_from(name), rq.box, sizeof rq.box))
		return err_set(err, E_INVALID, "vault", "name too long");
	return ask_blob(v, &rq, ret_box, err);
}

int vault_box_put(struct vault *v, const char *name, struct str box, struct err *err)
{
	struct vault_request rq = { .op = VAULT_BOX_PUT, .message = box };
	struct rd r;
	if (!str_copy(str_from(name), rq.box, sizeof rq.box))
		return err_set(err, E_INVALID, "vault", "name too long");
	int res = ask(v, &rq, &r, err);
	return res < 0 ? res : ended(&r, err);
}

int vault_public(struct vault *v, struct buf *ret_ca_pem, unsigned char ret_pub[32], struct err *err)
{
	struct vault_request rq = { .op = VAULT_PUBLIC };
	struct rd r;
	int res = ask(v, &rq, &r, err);
	if (res < 0)
		return res;
	struct str pem = rd_blob(&r);
	rd_bytes(&r, ret_pub, 32);
	res = ended(&r, err);
	if (res == 0)
		buf_str(ret_ca_pem, pem);
	return res < 0 ? res : ret_ca_pem->failed;
}

/* ---- asynchronous: a ring of what is under way, oldest first, since answers come in order ---- */

struct waiting {
	vault_leaf_done done;
	void *user;
	uint32_t id;
	int64_t until;
};

struct vault_async {
	char path[PLACE_MAX];
	int fd, timeout_ms;
	uint32_t id;
	int64_t retry_ms;
	struct waiting ring[VAULT_ASYNC_MAX];
	size_t first, n;
	struct buf out, in;
};

int vault_async_open(const char *socket_path, int timeout_ms, struct vault_async **ret, struct err *err)
{
	struct vault_async *v = mem_alloc(sizeof *v);
	if (!v)
		return err_set(err, E_NOMEM, "vault", "no memory");
	path_of(socket_path, v->path, sizeof v->path);
	v->fd = -1;
	v->timeout_ms = timeout_ms;
	buf_init(&v->out, 4 * MIB);
	buf_init(&v->in, 4 * MIB);
	*ret = v;
	return 0;
}

void vault_async_close(struct vault_async **v)
{
	if (!*v)
		return;
	if ((*v)->fd >= 0)
		close((*v)->fd);
	buf_done(&(*v)->out);
	buf_done(&(*v)->in);
	mem_free(*v);
	*v = NULL;
}

int vault_async_fd(const struct vault_async *v, bool *ret_want_write)
{
	*ret_want_write = v->out.len > 0;
	return v->fd;
}

size_t vault_async_pending(const struct vault_async *v)
{
	return v->n;
}

int vault_async_leaf(struct vault_async *v, const struct vault_leaf *leaf, vault_leaf_done done, void *user, struct err *err)
{
	struct vault_request rq;
	int r = leaf_request(leaf, &rq, err);
	if (r < 0)
		return r;
	if (v->n == VAULT_ASYNC_MAX || !buf_room(&v->out, VAULT_MESSAGE_MAX + 4)) {
		v->out.failed = 0;
		return err_set(err, E_LIMIT, "vault", "too many requests under way");
	}
	rq.id = ++v->id;
	size_t at = v->out.len;
	wr_u32(&v->out, 0);
	vault_request_write(&v->out, &rq);
	wr_length(&v->out, at);
	v->ring[(v->first + v->n++) % VAULT_ASYNC_MAX] =
		(struct waiting){ done, user, rq.id, clock_mono_ms() + v->timeout_ms };
	return 0;
}

static struct waiting take(struct vault_async *v)
{
	struct waiting w = v->ring[v->first];
	v->first = (v->first + 1) % VAULT_ASYNC_MAX;
	v->n--;
	return w;
}

/* Everything under way fails with `code`; callbacks may already put new requests behind. */
static void fail_all(struct vault_async *v, int code)
{
	if (v->fd >= 0)
		close(v->fd);
	v->fd = -1;
	v->retry_ms = clock_mono_ms() + 100;
	buf_reset(&v->out);
	buf_reset(&v->in);
	for (size_t n = v->n; n; n--) {
		struct waiting w = take(v);
		w.done(code, STR(""), w.user);
	}
}

static void connect_now(struct vault_async *v)
{
	if (v->n == 0 || clock_mono_ms() < v->retry_ms)
		return;
	v->fd = sock_try(v->path);
	if (v->fd < 0)
		v->retry_ms = clock_mono_ms() + 100;
}

static bool write_some(struct vault_async *v)
{
	while (v->out.len) {
		ssize_t n = send(v->fd, v->out.ptr, v->out.len, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		buf_drop(&v->out, (size_t)n);
	}
	return true;
}

/* One whole answer at p. False when it isn't the one that is due. */
static bool answer(struct vault_async *v, const char *p, size_t n)
{
	struct rd r = rd_from(p, n);
	uint32_t id = rd_u32(&r);
	uint8_t code = rd_u8(&r);
	if (r.bad || v->n == 0 || v->ring[v->first].id != id)
		return false;
	struct str der = code ? STR("") : rd_blob(&r);
	if (r.bad)
		return false;
	struct waiting w = take(v);
	w.done(-(int)code, der, w.user);
	return true;
}

static bool read_some(struct vault_async *v)
{
	if (!buf_room(&v->in, 64 * KIB))
		return false;
	ssize_t n = recv(v->fd, v->in.ptr + v->in.len, v->in.cap - v->in.len, 0);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		return false;
	if (n < 0)
		return true;
	v->in.len += (size_t)n;
	size_t off = 0;
	bool ok = true;
	while (ok && v->in.len - off >= 4) {
		struct rd r = rd_from(v->in.ptr + off, 4);
		size_t len = rd_u32(&r);
		if (len > REPLY_MAX)
			return false;
		if (v->in.len - off - 4 < len)
			break;
		ok = answer(v, v->in.ptr + off + 4, len);
		off += 4 + len;
	}
	buf_drop(&v->in, off);
	return ok;
}

void vault_async_work(struct vault_async *v)
{
	if (v->fd < 0)
		connect_now(v);
	if (v->fd >= 0 && (!write_some(v) || !read_some(v)))
		fail_all(v, -E_CLOSED);
	if (v->n && clock_mono_ms() > v->ring[v->first].until)
		fail_all(v, -E_TIMEOUT);
}
