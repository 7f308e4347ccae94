/* See link.h. One thread a connection, two buffers, no state beside them. */
#include "pair/link.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDENTITY "toride pair"
#define PIECE (64 * KIB)

/* ---- the key ---- */

static int key_index(void)
{
	static int index = -1;
	if (index < 0)
		index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	return index;
}

static SSL_SESSION *session_of_key(SSL *s)
{
	static const unsigned char aes_256_gcm_sha384[] = { 0x13, 0x02 };
	const unsigned char *key = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(s), key_index());
	const SSL_CIPHER *cipher = SSL_CIPHER_find(s, aes_256_gcm_sha384);
	SSL_SESSION *session = SSL_SESSION_new();
	if (session && cipher && key && SSL_SESSION_set1_master_key(session, key, LINK_KEY) && SSL_SESSION_set_cipher(session, cipher) &&
	    SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION))
		return session;
	SSL_SESSION_free(session);
	return NULL;
}

static int use_key(SSL *s, const EVP_MD *md, const unsigned char **id, size_t *id_len, SSL_SESSION **ret)
{
	(void)md;
	*ret = session_of_key(s);
	*id = (const unsigned char *)IDENTITY;
	*id_len = sizeof IDENTITY - 1;
	return *ret != NULL;
}

static int find_key(SSL *s, const unsigned char *id, size_t id_len, SSL_SESSION **ret)
{
	bool ours = id_len == sizeof IDENTITY - 1 && memcmp(id, IDENTITY, id_len) == 0;
	*ret = ours ? session_of_key(s) : NULL; /* NULL: a handshake by certificate, of which there is none */
	return !ours || *ret;
}

int link_context(const unsigned char key[LINK_KEY], bool server, SSL_CTX **ret, struct err *err)
{
	SSL_CTX *c = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	unsigned char *copy = mem_alloc(LINK_KEY);
	if (!c || !copy || !SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) || !SSL_CTX_set_ciphersuites(c, "TLS_AES_256_GCM_SHA384") ||
	    !SSL_CTX_set_ex_data(c, key_index(), copy)) {
		SSL_CTX_free(c);
		mem_free(copy);
		return err_set(err, E_NOMEM, "pair", "TLS cannot be prepared");
	}
	memcpy(copy, key, LINK_KEY);
	SSL_CTX_set_psk_use_session_callback(c, use_key);
	SSL_CTX_set_psk_find_session_callback(c, find_key);
	SSL_CTX_set_verify(c, server ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL); /* a server that would prove itself otherwise finds no authority that we believe */
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(c, 0);
	SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	*ret = c;
	return 0;
}

void link_context_free(SSL_CTX **c)
{
	unsigned char *key = *c ? SSL_CTX_get_ex_data(*c, key_index()) : NULL;
	if (key)
		OPENSSL_cleanse(key, LINK_KEY);
	SSL_CTX_free(*c);
	mem_free(key);
	*c = NULL;
}

/* ---- one connection ---- */

static void unblock(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static int shake_hands(SSL *s, int tcp)
{
	int64_t until = clock_mono_ms() + LINK_HANDSHAKE_MS;
	for (;;) {
		int r = SSL_do_handshake(s);
		if (r == 1)
			return SSL_session_reused(s) ? 0 : -E_DENIED;
		int why = SSL_get_error(s, r);
		struct pollfd f = { tcp, why == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN, 0 };
		int64_t left = until - clock_mono_ms();
		bool hung_up = why == SSL_ERROR_SYSCALL || ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
		if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
			return hung_up ? -E_CLOSED : -E_DENIED; /* it has nothing to copy, or it isn't the other node */
		if (left <= 0 || (poll(&f, 1, (int)left) <= 0 && errno != EINTR))
			return -E_TIMEOUT;
	}
}

int link_begin(SSL_CTX *c, int tcp, SSL **ret, struct err *err)
{
	SSL *s = SSL_new(c);
	if (!s || !SSL_set_fd(s, tcp)) {
		SSL_free(s);
		return err_set(err, E_NOMEM, "pair", "no memory");
	}
	if (SSL_is_server(s))
		SSL_set_accept_state(s);
	else
		SSL_set_connect_state(s);
	unblock(tcp);
	ERR_clear_error();
	int r = shake_hands(s, tcp);
	if (r == 0) {
		*ret = s;
		return 0;
	}
	SSL_free(s);
	return err_set(err, (enum err_code)-r, "pair", r == -E_DENIED ? "it has other keys than this node, or isn't the other node" : "the other node doesn't answer");
}

void link_end(SSL **s)
{
	SSL_free(*s);
	*s = NULL;
}

struct flow {
	char bytes[PIECE];
	size_t from, to; /* what isn't passed on yet */
	bool ended;      /* its source */
};

enum went { WENT_NOWHERE, WENT_ON, WENT_WRONG };

static enum went of_socket(ssize_t n)
{
	return n > 0 ? WENT_ON : n < 0 && (errno == EAGAIN || errno == EINTR) ? WENT_NOWHERE : WENT_WRONG;
}

static enum went of_tls(const SSL *s, int n)
{
	int why = n > 0 ? SSL_ERROR_NONE : SSL_get_error(s, n);
	return n > 0 ? WENT_ON : why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? WENT_NOWHERE : WENT_WRONG;
}

/* One step of a flow: what is there is written; an empty buffer is filled. */
static enum went step(struct flow *f, SSL *s, int local, bool outward)
{
	bool write = f->to > f->from;
	ssize_t n;
	if (f->ended && !write)
		return WENT_NOWHERE;
	ERR_clear_error();
	if (write)
		n = outward ? SSL_write(s, f->bytes + f->from, (int)(f->to - f->from)) : send(local, f->bytes + f->from, f->to - f->from, MSG_NOSIGNAL);
	else
		n = outward ? recv(local, f->bytes, sizeof f->bytes, 0) : SSL_read(s, f->bytes, (int)sizeof f->bytes);
	enum went w = write == outward ? of_tls(s, (int)n) : of_socket(n);
	if (w == WENT_WRONG && !write) {
		f->ended = true;
		return WENT_ON;
	}
	if (w == WENT_ON && write)
		f->from += (size_t)n;
	else if (w == WENT_ON)
		f->from = 0, f->to = (size_t)n;
	return w;
}

static bool is_over(const struct flow *f)
{
	return f->ended && f->from == f->to;
}

void link_pump(SSL *s, int tcp, int local)
{
	struct flow *out = mem_alloc(sizeof *out), *in = mem_alloc(sizeof *in);
	unblock(local);
	while (out && in && !is_over(out) && !is_over(in)) {
		enum went a = step(out, s, local, true), b = step(in, s, local, false);
		if (a == WENT_WRONG || b == WENT_WRONG)
			break;
		if (a == WENT_ON || b == WENT_ON)
			continue;
		struct pollfd fds[2] = { { tcp, (short)(POLLIN | (out->to > out->from ? POLLOUT : 0)), 0 },
			                 { local, (short)((out->to > out->from ? 0 : POLLIN) | (in->to > in->from ? POLLOUT : 0)), 0 } };
		if (in->to > in->from)
			fds[0].events &= ~POLLIN; /* nothing more is read before that is away */
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
	}
	SSL_shutdown(s);
	mem_free(out);
	mem_free(in);
}
