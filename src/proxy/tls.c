/* TLS settings of both sides; see worker.h. Towards terminals we are the server (leaf certificates, see leaf.c) and
 * resume by tickets whose keys turn each hour and are the same in all threads; towards origins we verify
 * against the system's authorities and the description's, and keep sessions per organisation and name; what their authority says of their certificate is asked for along with it (staple.h). */
#include "proxy/origin.h"
#include "proxy/staple.h"
#include "proxy/worker.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <stdatomic.h>

#define TICKET_HOUR_MS 3600000
#define SESSIONS_MAX 8192
#define SESSION_AGE_MS 3600000 /* a session says nothing of what has become of the certificate since */

struct ticket_key {
	unsigned char name[16], aes[32], mac[32];
};

/* Three keys: of this hour, the last one, and the next, so that a rotation needs no lock: the writer only ever changes
 * the one that nobody uses. */
static struct ticket_key tickets[3];
static atomic_uint ticket_now;
static int64_t ticket_turn_ms;
static int verified_at; /* SSL_SESSION: when its certificate was (clock_mono_ms()) */

int tls_tickets_init(void)
{
	rnd_bytes(tickets, sizeof tickets);
	verified_at = SSL_SESSION_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	ticket_turn_ms = clock_mono_ms() + TICKET_HOUR_MS;
	return 0;
}

void tls_tickets_rotate(int64_t now_ms)
{
	if (now_ms < ticket_turn_ms)
		return;
	ticket_turn_ms = now_ms + TICKET_HOUR_MS;
	unsigned now = (atomic_load(&ticket_now) + 1) % 3;
	atomic_store(&ticket_now, now);
	rnd_bytes(&tickets[(now + 1) % 3], sizeof tickets[0]);
}

static int use_key(const struct ticket_key *k, const unsigned char *iv, EVP_CIPHER_CTX *c, EVP_MAC_CTX *mac, int enc)
{
	OSSL_PARAM p[] = { OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)k->mac, sizeof k->mac),
		           OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)"SHA256", 0),
		           OSSL_PARAM_construct_end() };
	return EVP_MAC_CTX_set_params(mac, p) && EVP_CipherInit_ex(c, EVP_aes_256_cbc(), NULL, k->aes, iv, enc) ? 1 : -1;
}

static int on_ticket(SSL *s, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *c, EVP_MAC_CTX *mac, int enc)
{
	unsigned now = atomic_load(&ticket_now);
	if (enc) {
		memcpy(name, tickets[now].name, 16);
		if (RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1)
			return -1;
		return use_key(&tickets[now], iv, c, mac, 1);
	}
	for (unsigned age = 0; age < 2; age++) {
		const struct ticket_key *k = &tickets[(now + 3 - age) % 3];
		if (memcmp(name, k->name, 16) == 0)
			return use_key(k, iv, c, mac, 0) < 0 ? -1 : age ? 2 : 1;
	}
	return 0;
}

static int on_alpn(SSL *s, const unsigned char **out, unsigned char *out_len, const unsigned char *in, unsigned in_len,
                   void *user)
{
	/* What the origin speaks, the terminal may: h2 first where it has both. */
	static const unsigned char both[] = "\x02h2\x08http/1.1";
	const unsigned char *ours = SSL_get_app_data(s) ? both : both + 3;
	unsigned n = SSL_get_app_data(s) ? sizeof both - 1 : sizeof both - 4;
	unsigned char *found;
	if (SSL_select_next_proto(&found, out_len, ours, n, in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = found;
	return SSL_TLSEXT_ERR_OK;
}

static int on_session(SSL *ssl, SSL_SESSION *s)
{
	struct origin *o = SSL_get_app_data(ssl);
	if (!o || o->wants_cert || o->trust != o->org->w->trust) /* used again, it would ask no more, and refuse all the same; or wouldn't be verified */
		return 0;
	int64_t at = SSL_session_reused(ssl) ? o->verified : o->org->w->now;
	if (SSL_SESSION_set_ex_data(s, verified_at, (void *)(uintptr_t)at) != 1)
		return 0;
	struct map *m = &o->org->w->sessions;
	SSL_SESSION *old = map_get(m, str_from(o->key));
	if (!old && m->len >= SESSIONS_MAX)
		return 0;
	if (map_put(m, str_from(o->key), s) < 0)
		return 0;
	SSL_SESSION_free(old);
	return 1; /* ours now */
}

void tls_resume(struct origin *o, SSL *ssl)
{
	SSL_SESSION *s = map_get(&o->org->w->sessions, str_from(o->key));
	o->verified = s ? (int64_t)(uintptr_t)SSL_SESSION_get_ex_data(s, verified_at) : 0;
	if (s && o->org->w->now - o->verified < SESSION_AGE_MS)
		SSL_set_session(ssl, s);
}

static enum staple stapled(SSL *ssl, STACK_OF(X509) *chain)
{
	const unsigned char *answer = NULL;
	long n = SSL_get_tlsext_status_ocsp_resp(ssl, &answer);
	return staple_judge(answer, answer && n > 0 ? (size_t)n : 0, chain, SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)));
}

/* The chain is verified. 0 ends the handshake with bad_certificate_status_response, and the result says why. */
static int on_status(SSL *ssl, void *user)
{
	static const enum stat_id stats[] = { [STAPLE_NONE] = STAT_UNSTAPLED, [STAPLE_UNFIT] = STAT_STAPLE_UNFIT, [STAPLE_GOOD] = STAT_STAPLED, [STAPLE_REVOKED] = STAT_REVOKED };
	struct origin *o = SSL_get_app_data(ssl);
	STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
	if (!o || SSL_session_reused(ssl))
		return o != NULL;
	enum staple s = stapled(ssl, chain);
	org_count(o->org, stats[s], 1);
	o->stapled = s == STAPLE_GOOD;
	if (s == STAPLE_GOOD || (s != STAPLE_REVOKED && chain && !staple_must(sk_X509_value(chain, 0))))
		return 1;
	SSL_set_verify_result(ssl, s == STAPLE_REVOKED ? X509_V_ERR_CERT_REVOKED : s == STAPLE_NONE ? X509_V_ERR_OCSP_VERIFY_NEEDED : X509_V_ERR_OCSP_VERIFY_FAILED);
	return 0;
}

static int on_verify(int ok, X509_STORE_CTX *x)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct origin *o = ssl ? SSL_get_app_data(ssl) : NULL;
	if (!ok && o)
		origin_keep_cert(o, X509_STORE_CTX_get0_cert(x));
	return ok;
}

/* It asks for a certificate, and gets none: no terminal's key is ours to use. */
static int on_wants_cert(SSL *ssl, X509 **x, EVP_PKEY **key)
{
	struct origin *o = SSL_get_app_data(ssl);
	(void)x;
	(void)key;
	if (o)
		o->wants_cert = true;
	return 0;
}

SSL *tls_accept(const struct worker *w, X509 *leaf, const char *org, const char *name)
{
	char text[300];
	unsigned char id[SHA256_LEN];
	SSL *ssl = SSL_new(w->client_ctx);
	if (!ssl || SSL_use_certificate(ssl, leaf) != 1 || SSL_use_PrivateKey(ssl, w->leaf_key) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	int n = snprintf(text, sizeof text, "%s/%s", org, name);
	hash_sha256(text, (size_t)n, id);
	SSL_set_session_id_context(ssl, id, sizeof id);
	SSL_set_accept_state(ssl);
	return ssl;
}

static SSL_CTX *make_context(const SSL_METHOD *m)
{
	SSL_CTX *c = SSL_CTX_new(m);
	if (!c)
		return NULL;
	SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
	SSL_CTX_set_options(c, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(c, 1);
	/* AES-128 first: as strong as it needs to be (CRYPTREC), and a quarter cheaper than 256 on long bodies. */
	SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
	/* No group of an origin's own making (DHE): nobody can tell whether it is a good one, and browsers take none. */
	SSL_CTX_set_cipher_list(c, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!SHA1");
	SSL_CTX_set1_groups_list(c, "X25519:P-256:P-384");
	return c;
}

int tls_contexts(struct worker *w, struct err *err)
{
	w->client_ctx = make_context(TLS_server_method());
	w->origin_ctx = make_context(TLS_client_method());
	if (!w->client_ctx || !w->origin_ctx)
		return err_set(err, E_NOMEM, "", "no TLS context");
	SSL_CTX_set_tlsext_ticket_key_evp_cb(w->client_ctx, on_ticket);
	SSL_CTX_set_session_cache_mode(w->client_ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(w->client_ctx, 1);
	SSL_CTX_set_alpn_select_cb(w->client_ctx, on_alpn, NULL);
	SSL_CTX_set_verify(w->origin_ctx, SSL_VERIFY_PEER, on_verify);
	SSL_CTX_set_default_read_buffer_len(w->origin_ctx, CHAN_READ_AHEAD);
	SSL_CTX_set_alpn_protos(w->origin_ctx, (const unsigned char *)"\x02h2\x08http/1.1", 12);
	SSL_CTX_set_session_cache_mode(w->origin_ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(w->origin_ctx, on_session);
	SSL_CTX_set_tlsext_status_type(w->origin_ctx, TLSEXT_STATUSTYPE_ocsp);
	SSL_CTX_set_tlsext_status_cb(w->origin_ctx, on_status);
	SSL_CTX_set_client_cert_cb(w->origin_ctx, on_wants_cert);
	map_init(&w->sessions, SESSIONS_MAX);
	return 0;
}

void tls_trust(struct worker *w, X509_STORE *store)
{
	void *s;
	if (store)
		SSL_CTX_set1_cert_store(w->origin_ctx, store);
	for (size_t i = 0; map_next(&w->sessions, &i, NULL, &s);)
		SSL_SESSION_free(s);
	map_done(&w->sessions);
	w->trust++;
}
