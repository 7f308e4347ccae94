/* See world.h. Names are asked from the organisation's own resolver: the C library's would read the machine's. */
#include "acme/world.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "vault/vault_client.h"
#include "wire/dns.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CALL_MS 20000
#define CONNECT_MS 5000
#define ASK_MS 2000
#define SYSTEM_CA "/etc/ssl/certs/ca-certificates.crt"

struct world {
	struct world_opts o;
	CURL *curl;
	struct vault *vault;
	struct buf ca; /* the system's authorities and ours */
	char error[CURL_ERROR_SIZE];
};

/* ---- names ---- */

static bool host_of(const char *url, char host[256], unsigned *ret_port)
{
	CURLU *u = curl_url();
	char *h = NULL, *p = NULL;
	bool ok = u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK && curl_url_get(u, CURLUPART_HOST, &h, 0) == CURLUE_OK &&
	          curl_url_get(u, CURLUPART_PORT, &p, CURLU_DEFAULT_PORT) == CURLUE_OK && str_copy(str_from(h), host, 256);
	*ret_port = ok ? (unsigned)strtoul(p, NULL, 10) : 0;
	curl_free(h);
	curl_free(p);
	curl_url_cleanup(u);
	return ok;
}

static int lookup(const char *resolver, const char *host, char ret[64], struct err *err)
{
	unsigned char msg[DNS_MAX];
	struct dns_msg m;
	struct dns_record rec;
	int fd, r = dns_socket("", resolver, &fd, err);
	if (r < 0)
		return r;
	struct dns_question q = { .name = host, .type = DNS_A, .id = (uint16_t)(clock_mono_ms() * 31), .flags = DNS_RD };
	ret[0] = 0;
	for (int i = 0; i < 3 && (r = dns_exchange(fd, &q, ASK_MS, msg, &m)) == -E_TIMEOUT; i++)
		q.id++;
	close(fd);
	for (unsigned i = 0; r == 0 && !*ret && i < m.count[1] && dns_next_record(&m, &rec); i++)
		if (rec.type == DNS_A && !dns_data_text(&m, &rec, ret, 64))
			ret[0] = 0;
	return r == 0 && *ret ? 0 : err_set(err, E_NOT_FOUND, host, "the resolver gives no address for the certificate authority");
}

/* "HOST:PORT:ADDRESS" for libcurl; an address needs no asking. */
static int resolve(struct world *w, const char *url, struct curl_slist **ret, struct err *err)
{
	char host[256], addr[64], line[400];
	unsigned char ip[16];
	unsigned port;
	*ret = NULL;
	if (!host_of(url, host, &port))
		return err_set(err, E_INVALID, url, "not a URL");
	if (inet_pton(AF_INET, host, ip) == 1 || host[0] == '[')
		return 0;
	int r = lookup(w->o.resolver, host, addr, err);
	if (r < 0)
		return r;
	snprintf(line, sizeof line, "%s:%u:%s", host, port, addr);
	*ret = curl_slist_append(NULL, line);
	return *ret ? 0 : err_set(err, E_NOMEM, "acme", "no memory");
}

/* ---- requests ---- */

static size_t take(char *p, size_t size, size_t n, void *user)
{
	struct buf *b = user;
	buf_put(b, p, size * n);
	return b->failed ? 0 : size * n;
}

static void header(const char *line, size_t n, struct acme_reply *a)
{
	struct str s = { line, n }, name;
	uint64_t seconds;
	if (!str_next(&s, ':', &name))
		return;
	while (s.len && (s.ptr[s.len - 1] == '\n' || s.ptr[s.len - 1] == '\r'))
		s.len--;
	s = str_trim(s);
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] > '~')
			return;
	if (str_case_eq(name, STR("replay-nonce")))
		str_copy(s, a->nonce, sizeof a->nonce);
	else if (str_case_eq(name, STR("location")) && str_starts(s, STR("https://")))
		str_copy(s, a->location, sizeof a->location);
	else if (str_case_eq(name, STR("retry-after")) && str_to_u64(s, 86400, &seconds))
		a->retry_after_s = (unsigned)seconds;
}

static size_t take_header(char *p, size_t size, size_t n, void *user)
{
	header(p, size * n, user);
	return size * n;
}

static void prepare(struct world *w, const char *url, struct str body, struct curl_slist *where, struct curl_slist *heads, struct acme_reply *ret)
{
	CURL *c = w->curl;
	struct curl_blob ca = { w->ca.ptr, w->ca.len, CURL_BLOB_NOCOPY };
	curl_easy_reset(c);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, w->error);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &ca);
	curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(c, CURLOPT_RESOLVE, where);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)CALL_MS);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "toride-acmed/" TORIDE_VERSION); /* RFC 8555 section 6.1 */
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, &ret->body);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, ret);
	if (body.ptr) {
		curl_easy_setopt(c, CURLOPT_HTTPHEADER, heads);
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)body.len);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.ptr);
	}
}

static int call(void *user, const char *url, struct str body, struct acme_reply *ret, struct err *err)
{
	struct world *w = user;
	struct curl_slist *where, *heads = curl_slist_append(NULL, "Content-Type: application/jose+json");
	long status = 0;
	int r = resolve(w, url, &where, err);
	ret->nonce[0] = ret->location[0] = 0;
	ret->retry_after_s = 0;
	w->error[0] = 0;
	if (r == 0) {
		prepare(w, url, body, where, heads, ret);
		CURLcode code = curl_easy_perform(w->curl);
		if (code != CURLE_OK)
			r = err_set(err, E_CLOSED, url, "the authority can't be asked: %s", w->error[0] ? w->error : curl_easy_strerror(code));
	}
	if (r == 0) {
		curl_easy_getinfo(w->curl, CURLINFO_RESPONSE_CODE, &status);
		ret->status = (int)status;
	}
	curl_slist_free_all(where);
	curl_slist_free_all(heads);
	return r;
}

/* ---- the vault, the challenge ---- */

static int sign(void *user, struct str input, unsigned char ret_pub[64], unsigned char ret_sig[64], struct err *err)
{
	return vault_acme_sign(((struct world *)user)->vault, input, ret_pub, ret_sig, err);
}

static int request(void *user, const char *const *names, size_t n, struct buf *ret_pem, struct err *err)
{
	return vault_site_key(((struct world *)user)->vault, names, n, ret_pem, err);
}

static int show(void *user, const char *token, struct str content, struct err *err)
{
	char path[1024];
	snprintf(path, sizeof path, "%s/%s", ((struct world *)user)->o.challenges, token);
	if (content.ptr)
		return fs_write(path, content, 0644, err);
	unlink(path);
	return 0;
}

static void pause_ms(void *user, unsigned ms)
{
	(void)user;
	poll(NULL, 0, (int)ms);
}

void world_fill(struct world *w, struct acme_world *ret)
{
	*ret = (struct acme_world){ .call = call, .sign = sign, .show = show, .request = request, .wait = pause_ms, .user = w };
}

int world_open(const struct world_opts *o, struct world **ret, struct err *err)
{
	struct world *w = mem_alloc(sizeof *w);
	if (!w)
		return err_set(err, E_NOMEM, "acme", "no memory");
	w->o = *o;
	buf_init(&w->ca, 4 * MIB);
	int r = fs_exists(SYSTEM_CA) ? fs_read(SYSTEM_CA, &w->ca, err) : 0;
	buf_puts(&w->ca, o->ca);
	w->curl = curl_easy_init();
	if (r == 0 && !w->curl)
		r = err_set(err, E_NOMEM, "acme", "no memory");
	r = r < 0 ? r : vault_open(NULL, 10000, &w->vault, err);
	if (r < 0) {
		world_close(&w);
		return r;
	}
	*ret = w;
	return 0;
}

void world_close(struct world **w)
{
	if (!*w)
		return;
	curl_easy_cleanup((*w)->curl);
	vault_close(&(*w)->vault);
	buf_done(&(*w)->ca);
	mem_free(*w);
	*w = NULL;
}

/* ---- what is served ---- */

static int dial(const char *address, struct err *err)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(443) };
	struct timeval limit = { .tv_sec = 5 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && inet_pton(AF_INET, address, &to.sin_addr) == 1 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
		return fd;
	err_errno(err, address, "the public sites' server can't be asked");
	if (fd >= 0)
		close(fd);
	return -E_CLOSED;
}

int world_served(const char *address, const char *name, unsigned char ret_sum[32], struct err *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = ctx ? SSL_new(ctx) : NULL;
	_cleanup_fd_ int fd = ssl ? dial(address, err) : -1;
	unsigned n = 0;
	X509 *x = NULL;
	if (fd >= 0 && SSL_set_fd(ssl, fd) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_connect(ssl) == 1)
		x = SSL_get1_peer_certificate(ssl);
	int r = x && X509_digest(x, EVP_sha256(), ret_sum, &n) == 1 ? 0 : err_set(err, E_CLOSED, name, "no TLS with this name at %s", address);
	X509_free(x);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return r;
}
