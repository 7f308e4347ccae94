/* The tree under every proof: writer, reader, verifier and export all hash here and nowhere else. */
#include "segment/merkle.h"

#include <openssl/evp.h>

int sha_open(struct sha *s)
{
	s->ctx = EVP_MD_CTX_new();
	if (s->ctx && EVP_DigestInit_ex(s->ctx, EVP_sha256(), NULL) == 1)
		return 0;
	sha_close(s);
	return -E_NOMEM;
}

void sha_close(struct sha *s)
{
	EVP_MD_CTX_free(s->ctx);
	s->ctx = NULL;
}

void sha_begin(struct sha *s)
{
	/* NULL keeps the digest that was fetched once: a third of the cost of naming it each time */
	if (EVP_DigestInit_ex(s->ctx, NULL, NULL) != 1)
		bug("SHA-256 cannot start");
}

void sha_add(struct sha *s, const void *p, size_t n)
{
	if (n && EVP_DigestUpdate(s->ctx, p, n) != 1)
		bug("SHA-256 cannot go on");
}

void sha_end(struct sha *s, unsigned char ret[SEGMENT_HASH])
{
	if (EVP_DigestFinal_ex(s->ctx, ret, NULL) != 1)
		bug("SHA-256 cannot end");
}

void merkle_leaf(struct sha *s, const unsigned char salt[SEGMENT_SALT], struct str data, unsigned char ret[SEGMENT_HASH])
{
	sha_begin(s);
	sha_add(s, "\0", 1);
	sha_add(s, salt, SEGMENT_SALT);
	sha_add(s, data.ptr, data.len);
	sha_end(s, ret);
}

void merkle_plain_leaf(struct sha *s, struct str data, unsigned char ret[SEGMENT_HASH])
{
	sha_begin(s);
	sha_add(s, "\0", 1);
	sha_add(s, data.ptr, data.len);
	sha_end(s, ret);
}

void merkle_node(struct sha *s, const unsigned char *left, const unsigned char *right, unsigned char ret[SEGMENT_HASH])
{
	unsigned char b[1 + 2 * SEGMENT_HASH] = { 1 };
	memcpy(b + 1, left, SEGMENT_HASH);
	memcpy(b + 1 + SEGMENT_HASH, right, SEGMENT_HASH);
	sha_begin(s);
	sha_add(s, b, sizeof b);
	sha_end(s, ret);
}

void merkle_add(struct merkle *m, struct sha *s, const unsigned char leaf[SEGMENT_HASH])
{
	unsigned char h[SEGMENT_HASH];
	unsigned i = 0;
	memcpy(h, leaf, SEGMENT_HASH);
	for (; m->n >> i & 1; i++)
		merkle_node(s, m->node[i], h, h);
	memcpy(m->node[i], h, SEGMENT_HASH);
	m->n++;
}

void merkle_root(const struct merkle *m, struct sha *s, unsigned char ret[SEGMENT_HASH])
{
	bool any = false;
	for (unsigned i = 0; i < 64 && m->n >> i; i++) {
		if (!(m->n >> i & 1))
			continue;
		if (any)
			merkle_node(s, m->node[i], ret, ret);
		else
			memcpy(ret, m->node[i], SEGMENT_HASH);
		any = true;
	}
	if (!any) {
		sha_begin(s);
		sha_end(s, ret);
	}
}

static void range_root(struct sha *s, const unsigned char *leaves, uint64_t n, unsigned char ret[SEGMENT_HASH])
{
	struct merkle m = { .n = 0 };
	for (uint64_t i = 0; i < n; i++)
		merkle_add(&m, s, leaves + i * SEGMENT_HASH);
	merkle_root(&m, s, ret);
}

/* RFC 6962 §2.1.1: split at the largest power of two below n, note the other half's root, go on in ours. */
size_t merkle_path(struct sha *s, const unsigned char *leaves, uint64_t n, uint64_t index,
                   unsigned char ret[MERKLE_PATH][SEGMENT_HASH])
{
	size_t len = 0;
	while (n > 1 && len < MERKLE_PATH) {
		uint64_t k = (uint64_t)1 << (63 - __builtin_clzll(n - 1));
		for (size_t i = len; i > 0; i--) /* the path runs from the leaf up: what is found first stands last */
			memcpy(ret[i], ret[i - 1], SEGMENT_HASH);
		if (index < k) {
			range_root(s, leaves + k * SEGMENT_HASH, n - k, ret[0]);
			n = k;
		} else {
			range_root(s, leaves, k, ret[0]);
			leaves += k * SEGMENT_HASH;
			index -= k;
			n -= k;
		}
		len++;
	}
	return len;
}

/* RFC 9162 §2.1.3.2. */
bool merkle_path_ok(struct sha *s, const unsigned char *leaf, uint64_t index, uint64_t n, const unsigned char *path,
                    size_t path_len, const unsigned char *root)
{
	unsigned char r[SEGMENT_HASH];
	if (index >= n)
		return false;
	uint64_t fn = index, sn = n - 1;
	memcpy(r, leaf, SEGMENT_HASH);
	for (size_t i = 0; i < path_len; i++, fn >>= 1, sn >>= 1) {
		const unsigned char *p = path + i * SEGMENT_HASH;
		if (sn == 0)
			return false;
		if ((fn & 1) || fn == sn) {
			merkle_node(s, p, r, r);
			for (; !(fn & 1) && fn; fn >>= 1)
				sn >>= 1;
		} else {
			merkle_node(s, r, p, r);
		}
	}
	return sn == 0 && memcmp(r, root, SEGMENT_HASH) == 0;
}
