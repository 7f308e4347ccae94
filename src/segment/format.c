/* The bytes of a segment; segment.h describes them. Pure: no files, no clock. */
#include "segment/format.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/cursor.h"

#include <openssl/evp.h>
#include <stdio.h>

#define MAGIC "TRDSEG01"
#define BLOCK_MAGIC 0x54424c4bu  /* TBLK */
#define FOOTER_MAGIC 0x54454e44u /* TEND */
#define BLOCK_HEAD (4 + 4 + 8 + 4 + 4 + 8 + SEGMENT_NONCE)

static char *put_word(char *p, const char *s, size_t most)
{
	size_t n = strnlen(s, most);
	memcpy(p, s, n);
	p[n] = '/';
	return p + n + 1;
}

static char *put_digits(char *p, uint64_t v, unsigned least)
{
	char d[20];
	unsigned n = 0;
	do
		d[n++] = (char)('0' + v % 10);
	while (v /= 10);
	for (; least > n; least--)
		*p++ = '0';
	while (n)
		*p++ = d[--n];
	return p;
}

/* By hand: every record that is judged has its name made. */
const char *segment_name_format(const struct segment_name *n, char dst[SEGMENT_NAME_TEXT])
{
	char *p = put_word(dst, n->org, sizeof n->org - 1);
	p = put_word(p, n->series, sizeof n->series - 1);
	p = put_digits(p, n->segment, 6);
	*p++ = '/';
	*put_digits(p, n->index, 1) = 0;
	return dst;
}

bool segment_org_ok(const char *org)
{
	return strcmp(org, "service") == 0 || (strlen(org) == 6 && strspn(org, "0123456789") == 6);
}

bool segment_series_ok(const char *series)
{
	size_t n = strspn(series, "abcdefghijklmnopqrstuvwxyz0123456789-");
	return n > 0 && n < 16 && series[n] == 0;
}

int segment_name_parse(struct str s, struct segment_name *ret)
{
	struct str org, series, segment, index;
	uint64_t number, at;
	if (!str_next(&s, '/', &org) || !str_next(&s, '/', &series) || !str_next(&s, '/', &segment) ||
	    !str_next(&s, '/', &index) || s.len || !str_copy(org, ret->org, sizeof ret->org) ||
	    !str_copy(series, ret->series, sizeof ret->series) || !segment_org_ok(ret->org) ||
	    !segment_series_ok(ret->series) || !str_to_u64(segment, UINT32_MAX, &number) || segment.len < 6 || number == 0 ||
	    !str_to_u64(index, UINT64_MAX, &at))
		return -E_INVALID;
	ret->segment = (uint32_t)number;
	ret->index = at;
	return 0;
}

void seg_commitment(struct sha *s, const unsigned char key[SEGMENT_KEY], unsigned char ret[SEGMENT_HASH])
{
	static const char label[] = "toride segment key";
	sha_begin(s);
	sha_add(s, label, sizeof label - 1);
	sha_add(s, key, SEGMENT_KEY);
	sha_end(s, ret);
}

void seg_header_format(struct buf *b, struct sha *s, struct seg_header *h)
{
	size_t start = b->len;
	struct str org = str_from(h->org), series = str_from(h->series);
	h->len = 8 + 4 + 2 + org.len + 2 + series.len + 4 + SEGMENT_HASH + 8 + 8 + SEGMENT_HASH;
	buf_puts(b, MAGIC);
	wr_u32(b, (uint32_t)h->len);
	wr_text(b, org);
	wr_text(b, series);
	wr_u32(b, h->number);
	buf_put(b, h->prev_root, SEGMENT_HASH);
	wr_u64(b, h->prev_count);
	wr_u64(b, (uint64_t)h->created_ms);
	buf_put(b, h->commitment, SEGMENT_HASH);
	if (b->failed)
		return;
	sha_begin(s);
	sha_add(s, b->ptr + start, h->len);
	sha_end(s, h->hash);
}

int seg_header_parse(struct str bytes, struct sha *s, struct seg_header *ret)
{
	struct rd r = rd_from(bytes.ptr, bytes.len);
	char magic[8];
	if (bytes.len < 12)
		return bytes.len <= 8 && memcmp(bytes.ptr, MAGIC, bytes.len) != 0 ? -E_CORRUPT : -E_AGAIN;
	rd_bytes(&r, magic, sizeof magic);
	ret->len = rd_u32(&r);
	if (memcmp(magic, MAGIC, 8) != 0 || ret->len < 12 || ret->len > SEGMENT_HEADER_MAX)
		return -E_CORRUPT;
	if (bytes.len < ret->len)
		return -E_AGAIN;
	r.end = (const unsigned char *)bytes.ptr + ret->len;
	rd_text(&r, ret->org, sizeof ret->org);
	rd_text(&r, ret->series, sizeof ret->series);
	ret->number = rd_u32(&r);
	rd_bytes(&r, ret->prev_root, SEGMENT_HASH);
	ret->prev_count = rd_u64(&r);
	ret->created_ms = (int64_t)rd_u64(&r);
	rd_bytes(&r, ret->commitment, SEGMENT_HASH);
	if (rd_end(&r) < 0 || !segment_org_ok(ret->org) || !segment_series_ok(ret->series) || ret->number == 0)
		return -E_CORRUPT;
	sha_begin(s);
	sha_add(s, bytes.ptr, ret->len);
	sha_end(s, ret->hash);
	return 0;
}

static int footer_parse(struct rd *r, struct seg_block *k)
{
	if (k->total != SEGMENT_FOOTER_LEN)
		return -E_CORRUPT;
	k->part = SEG_FOOTER;
	k->first = rd_u64(r);
	k->time_ms = (int64_t)rd_u64(r);
	k->checkpoint = rd_u64(r);
	k->root = r->p;
	k->chain = r->p + SEGMENT_HASH;
	return 0;
}

int seg_block_parse(struct str bytes, struct seg_block *ret)
{
	struct rd r = rd_from(bytes.ptr, bytes.len);
	if (bytes.len < 8)
		return -E_AGAIN;
	uint32_t magic = rd_u32(&r);
	*ret = (struct seg_block){ .part = SEG_BLOCK, .start = (const unsigned char *)bytes.ptr, .total = rd_u32(&r) };
	if ((magic != BLOCK_MAGIC && magic != FOOTER_MAGIC) || ret->total > SEGMENT_BLOCK_MAX || ret->total < 80)
		return -E_CORRUPT;
	if (bytes.len < ret->total)
		return -E_AGAIN;
	if (magic == FOOTER_MAGIC)
		return footer_parse(&r, ret);
	ret->first = rd_u64(&r);
	ret->count = rd_u32(&r);
	ret->cipher_len = rd_u32(&r);
	ret->time_ms = (int64_t)rd_u64(&r);
	uint64_t total = BLOCK_HEAD + (uint64_t)ret->count * SEGMENT_HASH + ret->cipher_len + SEGMENT_TAG + SEGMENT_HASH;
	if (ret->count == 0 || total != ret->total)
		return -E_CORRUPT;
	ret->nonce = r.p;
	ret->leaves = r.p + SEGMENT_NONCE;
	ret->cipher = ret->leaves + (size_t)ret->count * SEGMENT_HASH;
	ret->tag = ret->cipher + ret->cipher_len;
	ret->chain = ret->tag + SEGMENT_TAG;
	return 0;
}

static void chain_over(struct sha *s, const void *p, size_t n, unsigned char chain[SEGMENT_HASH])
{
	sha_begin(s);
	sha_add(s, chain, SEGMENT_HASH);
	sha_add(s, p, n);
	sha_end(s, chain);
}

bool seg_block_chain(const struct seg_block *k, struct sha *s, unsigned char chain[SEGMENT_HASH])
{
	unsigned char c[SEGMENT_HASH];
	memcpy(c, chain, SEGMENT_HASH);
	chain_over(s, k->start, k->total - SEGMENT_HASH, c);
	if (memcmp(c, k->chain, SEGMENT_HASH) != 0)
		return false;
	memcpy(chain, c, SEGMENT_HASH);
	return true;
}

void seg_footer_format(struct buf *b, struct sha *s, uint64_t count, int64_t now_ms, uint64_t checkpoint,
                       const unsigned char *root, unsigned char chain[SEGMENT_HASH])
{
	if (!buf_room(b, SEGMENT_FOOTER_LEN))
		return;
	size_t start = b->len;
	wr_u32(b, FOOTER_MAGIC);
	wr_u32(b, SEGMENT_FOOTER_LEN);
	wr_u64(b, count);
	wr_u64(b, (uint64_t)now_ms);
	wr_u64(b, checkpoint);
	buf_put(b, root, SEGMENT_HASH);
	chain_over(s, b->ptr + start, b->len - start, chain);
	buf_put(b, chain, SEGMENT_HASH);
}

int seg_cipher_open(struct seg_cipher *c, const unsigned char key[SEGMENT_KEY], bool encrypt)
{
	c->ctx = EVP_CIPHER_CTX_new();
	if (c->ctx && EVP_CipherInit_ex(c->ctx, EVP_aes_256_gcm(), NULL, key, NULL, encrypt) == 1)
		return 0;
	seg_cipher_close(c);
	return -E_NOMEM;
}

void seg_cipher_close(struct seg_cipher *c)
{
	EVP_CIPHER_CTX_free(c->ctx);
	c->ctx = NULL;
}

static bool aad(EVP_CIPHER_CTX *x, const struct seg_header *h, const void *head, size_t n)
{
	int got;
	return EVP_CipherUpdate(x, NULL, &got, h->hash, SEGMENT_HASH) == 1 && EVP_CipherUpdate(x, NULL, &got, head, (int)n) == 1;
}

static bool encrypt(struct seg_cipher *c, const struct seg_header *h, const unsigned char *nonce, const char *head,
                    size_t head_len, struct str plain, unsigned char *out)
{
	int n, last;
	return EVP_CipherInit_ex(c->ctx, NULL, NULL, NULL, nonce, -1) == 1 && aad(c->ctx, h, head, head_len) &&
	       EVP_CipherUpdate(c->ctx, out, &n, (const unsigned char *)plain.ptr, (int)plain.len) == 1 &&
	       EVP_CipherFinal_ex(c->ctx, out + n, &last) == 1 &&
	       EVP_CIPHER_CTX_ctrl(c->ctx, EVP_CTRL_AEAD_GET_TAG, SEGMENT_TAG, out + plain.len) == 1;
}

int seg_block_seal(struct seg_cipher *c, struct sha *s, const struct seg_header *h, uint64_t first, uint32_t count,
                   int64_t now_ms, struct str leaves, struct str plain, unsigned char chain[SEGMENT_HASH], struct buf *b)
{
	size_t total = BLOCK_HEAD + leaves.len + plain.len + SEGMENT_TAG + SEGMENT_HASH, start = b->len;
	if (total > SEGMENT_BLOCK_MAX || !buf_room(b, total))
		return b->failed ? b->failed : -E_LIMIT;
	unsigned char nonce[SEGMENT_NONCE];
	rnd_bytes(nonce, sizeof nonce);
	wr_u32(b, BLOCK_MAGIC);
	wr_u32(b, (uint32_t)total);
	wr_u64(b, first);
	wr_u32(b, count);
	wr_u32(b, (uint32_t)plain.len);
	wr_u64(b, (uint64_t)now_ms);
	buf_put(b, nonce, sizeof nonce);
	buf_str(b, leaves);
	if (!encrypt(c, h, nonce, b->ptr + start, b->len - start, plain, (unsigned char *)b->ptr + b->len)) {
		b->len = start;
		return -E_NOMEM;
	}
	b->len += plain.len + SEGMENT_TAG;
	chain_over(s, b->ptr + start, b->len - start, chain);
	buf_put(b, chain, SEGMENT_HASH);
	return 0;
}

int seg_block_open(struct seg_cipher *c, const struct seg_header *h, const struct seg_block *k, struct buf *plain)
{
	int n = 0, last;
	buf_reset(plain);
	if (!buf_room(plain, k->cipher_len + 16))
		return plain->failed;
	unsigned char tag[SEGMENT_TAG];
	memcpy(tag, k->tag, sizeof tag);
	if (EVP_CipherInit_ex(c->ctx, NULL, NULL, NULL, k->nonce, -1) != 1 ||
	    !aad(c->ctx, h, k->start, (size_t)(k->cipher - k->start)) ||
	    EVP_CipherUpdate(c->ctx, (unsigned char *)plain->ptr, &n, k->cipher, (int)k->cipher_len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c->ctx, EVP_CTRL_AEAD_SET_TAG, SEGMENT_TAG, tag) != 1)
		return -E_NOMEM;
	plain->len = (size_t)n;
	return EVP_CipherFinal_ex(c->ctx, (unsigned char *)plain->ptr + n, &last) == 1 ? 0 : -E_CORRUPT;
}

bool seg_record_next(struct str *plain, const unsigned char **ret_salt, struct str *ret_data)
{
	struct rd r = rd_from(plain->ptr, plain->len);
	uint32_t n = rd_u32(&r);
	if (rd_u8(&r) != 0 || r.bad || plain->len < SEGMENT_RECORD_HEAD || plain->len - SEGMENT_RECORD_HEAD < n)
		return false;
	*ret_salt = r.p;
	*ret_data = (struct str){ plain->ptr + SEGMENT_RECORD_HEAD, n };
	plain->ptr += SEGMENT_RECORD_HEAD + n;
	plain->len -= SEGMENT_RECORD_HEAD + n;
	return true;
}
