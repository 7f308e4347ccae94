/* See follow.h. */
#include "pair/follow.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "wire/cursor.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

void follow_question_write(struct buf *b, const struct follow_question *q)
{
	wr_text(b, str_from(q->digest));
	buf_put(b, q->blocks, sizeof q->blocks);
	if (strcmp(q->digest, FOLLOW_HOLDS) == 0)
		wr_blob(b, q->holds);
}

int follow_question_parse(struct str payload, struct follow_question *ret)
{
	struct rd r = rd_from(payload.ptr, payload.len);
	*ret = (struct follow_question){ 0 };
	rd_text(&r, ret->digest, sizeof ret->digest);
	rd_bytes(&r, ret->blocks, sizeof ret->blocks);
	if (!r.bad && strcmp(ret->digest, FOLLOW_HOLDS) == 0)
		ret->holds = rd_blob(&r);
	return rd_end(&r);
}

void follow_answer_write(struct buf *b, const struct follow_answer *a)
{
	wr_u8(b, a->active);
	wr_text(b, str_from(a->digest));
	wr_blob(b, a->meta);
	wr_blob(b, a->description);
	wr_u8(b, a->blocks_differ);
	wr_blob(b, a->blocks);
}

int follow_answer_parse(struct str payload, struct follow_answer *ret)
{
	struct rd r = rd_from(payload.ptr, payload.len);
	*ret = (struct follow_answer){ .active = rd_u8(&r) == 1 };
	rd_text(&r, ret->digest, sizeof ret->digest);
	ret->meta = rd_blob(&r);
	ret->description = rd_blob(&r);
	ret->blocks_differ = rd_u8(&r) == 1;
	ret->blocks = rd_blob(&r);
	return rd_end(&r);
}

void follow_keys_write(struct buf *b, const struct follow_keys *k)
{
	wr_text(b, STR(FOLLOW_KEYS));
	wr_u8(b, k->active);
	buf_put(b, k->stamp, sizeof k->stamp);
}

void follow_item_write(struct buf *b, const struct follow_item *i)
{
	wr_u8(b, i->kind);
	if (i->kind == FOLLOW_END)
		return;
	wr_text(b, str_from(i->name));
	wr_blob(b, i->bytes);
}

static bool item(struct rd *r, struct follow_item *ret)
{
	uint8_t kind = rd_u8(r);
	if (r->bad || kind == FOLLOW_END || kind > FOLLOW_ZONE_KEYS) {
		r->bad = r->bad || kind != FOLLOW_END;
		return false;
	}
	ret->kind = (enum follow_kind)kind;
	rd_text(r, ret->name, sizeof ret->name);
	ret->bytes = rd_blob(r);
	return !r->bad;
}

bool follow_item_next(struct str *items, struct follow_item *ret)
{
	struct rd r = rd_from(items->ptr, items->len);
	bool is = item(&r, ret);
	*items = (struct str){ (const char *)r.p, (size_t)(r.end - r.p) };
	return is;
}

int follow_keys_parse(struct str payload, struct follow_keys *ret)
{
	struct rd r = rd_from(payload.ptr, payload.len);
	struct follow_item i;
	char what[8];
	rd_text(&r, what, sizeof what);
	*ret = (struct follow_keys){ .active = rd_u8(&r) == 1 };
	rd_bytes(&r, ret->stamp, sizeof ret->stamp);
	if (r.bad || strcmp(what, FOLLOW_KEYS) != 0)
		return -E_INVALID;
	ret->items = (struct str){ (const char *)r.p, (size_t)(r.end - r.p) };
	while (item(&r, &i))
		;
	return rd_end(&r);
}

void follow_holds_write(struct buf *b, const struct follow_holds *h)
{
	wr_text(b, STR(FOLLOW_HOLDS));
	buf_put(b, h->sum, sizeof h->sum);
	wr_blob(b, h->known);
}

int follow_holds_parse(struct str payload, struct follow_holds *ret)
{
	struct rd r = rd_from(payload.ptr, payload.len);
	char what[8];
	*ret = (struct follow_holds){ 0 };
	rd_text(&r, what, sizeof what);
	rd_bytes(&r, ret->sum, sizeof ret->sum);
	ret->known = rd_blob(&r);
	return r.bad || strcmp(what, FOLLOW_HOLDS) != 0 ? -E_INVALID : rd_end(&r);
}

void follow_mac(const struct follow_session *s, char side, struct str payload, unsigned char ret[FOLLOW_MAC])
{
	unsigned char text[1 + 2 * FOLLOW_NONCE + 4 + SHA256_LEN] = { (unsigned char)side };
	unsigned n = FOLLOW_MAC;
	memcpy(text + 1, s->caller, FOLLOW_NONCE);
	memcpy(text + 1 + FOLLOW_NONCE, s->answerer, FOLLOW_NONCE);
	for (int i = 0; i < 4; i++)
		text[1 + 2 * FOLLOW_NONCE + i] = (unsigned char)(payload.len >> (24 - 8 * i));
	hash_sha256(payload.ptr ? payload.ptr : "", payload.len, text + 1 + 2 * FOLLOW_NONCE + 4);
	if (!HMAC(EVP_sha256(), s->key, sizeof s->key, text, sizeof text, ret, &n))
		bug("HMAC-SHA-256 failed");
}

static int take(int fd, void *dst, size_t n, struct err *err)
{
	for (size_t got = 0; got < n;) {
		ssize_t k = recv(fd, (char *)dst + got, n - got, 0);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k == 0 ? err_set(err, E_CLOSED, "pair", "the other node hung up") : err_errno(err, "pair", "the other node doesn't answer");
		got += (size_t)k;
	}
	return 0;
}

int follow_open(int fd, bool caller, struct follow_session *s, struct err *err)
{
	unsigned char *own = caller ? s->caller : s->answerer, *other = caller ? s->answerer : s->caller;
	if (getrandom(own, FOLLOW_NONCE, 0) != FOLLOW_NONCE)
		return err_errno(err, "pair", "no random numbers");
	int r = fs_write_all(fd, own, FOLLOW_NONCE, err);
	return r < 0 ? r : take(fd, other, FOLLOW_NONCE, err);
}

int follow_send(int fd, const struct follow_session *s, char side, struct str payload, struct err *err)
{
	unsigned char length[4] = { (unsigned char)(payload.len >> 24), (unsigned char)(payload.len >> 16), (unsigned char)(payload.len >> 8),
		                    (unsigned char)payload.len };
	unsigned char mac[FOLLOW_MAC];
	if (payload.len > FOLLOW_MAX)
		return err_set(err, E_LIMIT, "pair", "more than the link carries at once (%u MiB)", (unsigned)(FOLLOW_MAX / MIB));
	follow_mac(s, side, payload, mac);
	int r = fs_write_all(fd, length, sizeof length, err);
	r = r < 0 ? r : fs_write_all(fd, payload.ptr, payload.len, err);
	return r < 0 ? r : fs_write_all(fd, mac, sizeof mac, err);
}

int follow_receive(int fd, const struct follow_session *s, char side, struct buf *ret, struct err *err)
{
	unsigned char length[4], mac[FOLLOW_MAC], want[FOLLOW_MAC];
	int r = take(fd, length, sizeof length, err);
	size_t n = (size_t)length[0] << 24 | (size_t)length[1] << 16 | (size_t)length[2] << 8 | length[3];
	if (r == 0 && n > FOLLOW_MAX)
		r = err_set(err, E_INVALID, "pair", "not a message of the other node");
	if (r == 0 && !buf_room(ret, n))
		r = err_set(err, E_NOMEM, "pair", "no memory");
	r = r < 0 ? r : take(fd, ret->ptr, n, err);
	r = r < 0 ? r : take(fd, mac, sizeof mac, err);
	if (r < 0)
		return r;
	ret->len = n;
	follow_mac(s, side, buf_view(ret), want);
	return CRYPTO_memcmp(mac, want, sizeof mac) == 0 ? 0 : err_set(err, E_DENIED, "pair", "it has other keys than this node, or isn't the other node");
}
