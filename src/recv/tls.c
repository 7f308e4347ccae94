/* See tls.h. */
#include "recv/tls.h"

#include "base/mem.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

struct tls {
	SSL *ssl;
	int want; /* SSL_ERROR_… of the last call */
	bool proven;
	unsigned char sum[32];
};

static SSL_CTX *server;

/* That the sender holds the key of its certificate is what the handshake shows; whose it is, the receiver compares. */
static int any(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

int tls_server_open(const char *certificate, const char *key, struct err *err)
{
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());
	if (!c)
		return err_set(err, E_NOMEM, "tls", "no memory");
	SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
	SSL_CTX_set_cipher_list(c, "ECDHE+AESGCM:ECDHE+CHACHA20");
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT | SSL_VERIFY_CLIENT_ONCE, any);
	SSL_CTX_set_verify_depth(c, 4);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_num_tickets(c, 0);
	if (SSL_CTX_use_certificate_chain_file(c, certificate) != 1 || SSL_CTX_use_PrivateKey_file(c, key, SSL_FILETYPE_PEM) != 1) {
		ERR_clear_error();
		SSL_CTX_free(c);
		return err_set(err, E_IO, certificate, "cannot be used with its key");
	}
	SSL_CTX_free(server);
	server = c;
	return 0;
}

bool tls_server_ready(void)
{
	return server != NULL;
}

int tls_accept(int fd, struct tls **ret)
{
	struct tls *t = mem_alloc(sizeof *t);
	if (t && server)
		t->ssl = SSL_new(server);
	if (!t || !t->ssl || SSL_set_fd(t->ssl, fd) != 1) {
		tls_free(&t);
		ERR_clear_error();
		return -E_NOMEM;
	}
	SSL_set_accept_state(t->ssl);
	*ret = t;
	return 0;
}

void tls_free(struct tls **t)
{
	if (!*t)
		return;
	SSL_free((*t)->ssl);
	mem_free(*t);
	*t = NULL;
}

static int waiting(struct tls *t, int r)
{
	t->want = SSL_get_error(t->ssl, r);
	ERR_clear_error();
	return t->want == SSL_ERROR_WANT_READ || t->want == SSL_ERROR_WANT_WRITE ? -E_AGAIN : -E_INVALID;
}

int tls_handshake(struct tls *t)
{
	unsigned n = 0;
	ERR_clear_error();
	int r = SSL_do_handshake(t->ssl);
	if (r != 1)
		return waiting(t, r);
	t->want = 0;
	X509 *x = SSL_get1_peer_certificate(t->ssl);
	t->proven = x && X509_digest(x, EVP_sha256(), t->sum, &n) == 1 && n == sizeof t->sum;
	X509_free(x);
	return t->proven ? 0 : -E_INVALID;
}

ssize_t tls_read(struct tls *t, char *to, size_t n)
{
	size_t got;
	ERR_clear_error();
	int r = SSL_read_ex(t->ssl, to, n, &got);
	if (r == 1) {
		t->want = 0;
		return (ssize_t)got;
	}
	int w = waiting(t, r);
	return w == -E_AGAIN ? w : t->want == SSL_ERROR_ZERO_RETURN ? 0 : -E_IO;
}

bool tls_wants_write(const struct tls *t)
{
	return t->want == SSL_ERROR_WANT_WRITE;
}

const unsigned char *tls_certificate(const struct tls *t)
{
	return t->proven ? t->sum : NULL;
}

void tls_close(struct tls *t)
{
	ERR_clear_error();
	SSL_shutdown(t->ssl);
	ERR_clear_error();
}
