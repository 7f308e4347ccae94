/* Digests remembered; see recall.h. Stands under hold.c; each thread has a table and a key of its own, so no lock. */
#include "proxy/recall.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"

#include <openssl/evp.h>
#include <pthread.h>

#define TAG 16
#define STEP (64 * 1024u) /* bytes a call: OpenSSL counts them in an int */

struct known {
	unsigned char tag[TAG], sha[SHA256_LEN];
	bool used;
};

struct table {
	EVP_CIPHER_CTX *mac;
	unsigned next; /* the way that is given up next */
	struct known known[RECALL_SETS][RECALL_WAYS];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t slot;
static bool have_slot;

static void forget(void *p)
{
	struct table *t = p;
	EVP_CIPHER_CTX_free(t->mac);
	mem_free(t);
}

static void make_slot(void)
{
	have_slot = pthread_key_create(&slot, forget) == 0;
}

static struct table *make_table(void)
{
	unsigned char key[16];
	struct table *t = mem_alloc(sizeof *t);
	if (!t)
		return NULL;
	rnd_bytes(key, sizeof key);
	t->mac = EVP_CIPHER_CTX_new();
	bool ok = t->mac && EVP_EncryptInit_ex(t->mac, EVP_aes_128_gcm(), NULL, key, NULL) == 1;
	OPENSSL_cleanse(key, sizeof key);
	if (ok && pthread_setspecific(slot, t) == 0)
		return t;
	forget(t);
	return NULL;
}

static struct table *table(void)
{
	pthread_once(&once, make_slot);
	if (!have_slot)
		return NULL;
	struct table *t = pthread_getspecific(slot);
	return t ? t : make_table();
}

/* One nonce for all: with GMAC that shows the key to who sees tags, and nobody does. */
static bool tag_of(struct table *t, struct str s, unsigned char ret[TAG])
{
	static const unsigned char nonce[12];
	int n;
	if (EVP_EncryptInit_ex(t->mac, NULL, NULL, NULL, nonce) != 1)
		return false;
	for (size_t i = 0; i < s.len; i += STEP) {
		size_t k = s.len - i < STEP ? s.len - i : STEP;
		if (EVP_EncryptUpdate(t->mac, NULL, &n, (const unsigned char *)s.ptr + i, (int)k) != 1)
			return false;
	}
	return EVP_EncryptFinal_ex(t->mac, ret, &n) == 1 && EVP_CIPHER_CTX_ctrl(t->mac, EVP_CTRL_AEAD_GET_TAG, TAG, ret) == 1;
}

bool recall_sha256(struct str s, unsigned char ret[32])
{
	unsigned char tag[TAG];
	struct table *t = table();
	if (!t || !tag_of(t, s, tag)) {
		hash_sha256(s.ptr, s.len, ret);
		return false;
	}
	struct known *set = t->known[(tag[0] | (unsigned)tag[1] << 8) % RECALL_SETS];
	for (size_t i = 0; i < RECALL_WAYS; i++)
		if (set[i].used && memcmp(set[i].tag, tag, TAG) == 0) {
			memcpy(ret, set[i].sha, SHA256_LEN);
			return true;
		}
	hash_sha256(s.ptr, s.len, ret);
	struct known *k = set;
	while (k->used && k < set + RECALL_WAYS - 1)
		k++;
	if (k->used)
		k = &set[t->next++ % RECALL_WAYS];
	memcpy(k->tag, tag, TAG);
	memcpy(k->sha, ret, SHA256_LEN);
	k->used = true;
	return false;
}
