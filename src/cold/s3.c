/* See s3.h. */
#include "cold/s3.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define CONNECT_MS 10000L
#define STALL_S 60L /* less than a byte a second for so long: the store is gone */
#define REQUEST_S 3600L /* one that comes by drops holds up all the others */
#define WORDS_MAX 2048
#define VERSIONS_MAX 32 /* of one object; ours make one, and one more for each sending that a kill cut off from its answer */
#define TALK_MAX (64u * 1024) /* of what nobody asked for */

struct s3 {
	CURL *curl;
	char url[512], bucket[64], credentials[512], scope[128]; /* scope: what curl signs for: "aws:amz:REGION:s3" */
	struct buf ca;
	unsigned lock_days;
	char error[CURL_ERROR_SIZE];
	char version[160]; /* of the object that the next request means; "": the newest */
};

/* One request's ends. */
struct flow {
	int fd;
	uint64_t at, size, max;
	EVP_MD_CTX *md; /* of what comes */
	char words[WORDS_MAX]; /* what the store says when it refuses */
	size_t n_words, talk;
	CURL *curl;
	int fault; /* ours */
};

int s3_open(const struct s3_opts *o, struct s3 **ret, struct err *err)
{
	struct s3 *s = mem_alloc(sizeof *s);
	if (!s)
		return err_set(err, E_NOMEM, "", "no memory");
	*s = (struct s3){ .curl = curl_easy_init(), .lock_days = o->lock_days };
	buf_init(&s->ca, 4 * MIB);
	buf_puts(&s->ca, o->ca ? o->ca : "");
	bool fits = str_copy(str_from(o->url), s->url, sizeof s->url) && str_copy(str_from(o->bucket), s->bucket, sizeof s->bucket) &&
	            snprintf(s->scope, sizeof s->scope, "aws:amz:%s:s3", o->region) < (int)sizeof s->scope &&
	            snprintf(s->credentials, sizeof s->credentials, "%s:%s", o->key_id, o->secret) < (int)sizeof s->credentials;
	if (!s->curl || s->ca.failed || !fits) {
		s3_close(&s);
		return err_set(err, fits ? E_NOMEM : E_INVALID, "", fits ? "no memory" : "the store's address or key is too long");
	}
	*ret = s;
	return 0;
}

void s3_close(struct s3 **sp)
{
	struct s3 *s = *sp;
	*sp = NULL;
	if (!s)
		return;
	curl_easy_cleanup(s->curl);
	OPENSSL_cleanse(s->credentials, sizeof s->credentials);
	buf_done(&s->ca);
	mem_free(s);
}

static size_t give(char *p, size_t size, size_t n, void *user)
{
	struct flow *f = user;
	ssize_t k = pread(f->fd, p, size * n, (off_t)f->at);
	if (k < 0 || (k == 0 && f->at < f->size)) {
		f->fault = -E_IO;
		return CURL_READFUNC_ABORT;
	}
	f->at += (uint64_t)k;
	return (size_t)k;
}

static int rewind_to(void *user, curl_off_t offset, int origin)
{
	struct flow *f = user;
	f->at = (uint64_t)offset;
	return origin == SEEK_SET ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_CANTSEEK;
}

static size_t take(char *p, size_t size, size_t n, void *user)
{
	struct flow *f = user;
	long status = 0;
	n *= size;
	curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200 || !f->md) { /* a refusal, or an answer that should have been empty */
		f->talk += n;
		if (f->talk > TALK_MAX) {
			f->fault = -E_CORRUPT;
			return 0;
		}
		size_t k = n < sizeof f->words - 1 - f->n_words ? n : sizeof f->words - 1 - f->n_words;
		memcpy(f->words + f->n_words, p, k);
		f->n_words += k;
		return n;
	}
	if (n > f->max - f->size) {
		f->fault = -E_CORRUPT;
		return 0;
	}
	f->size += n;
	if (EVP_DigestUpdate(f->md, p, n) != 1)
		f->fault = -E_NOMEM;
	for (size_t done = 0; f->fd >= 0 && !f->fault && done < n;) {
		ssize_t k = write(f->fd, p + done, n - done);
		if (k < 0 && errno != EINTR)
			f->fault = -E_IO;
		done += k > 0 ? (size_t)k : 0;
	}
	return f->fault ? 0 : n;
}

/* "<Code>AccessDenied</Code>": the store's own word for it, of letters alone. */
static void code_of(const struct flow *f, char dst[64])
{
	const char *p = strstr(f->words, "<Code>");
	size_t n = p ? strspn(p + 6, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") : 0;
	snprintf(dst, 64, "%.*s", (int)(n < 60 ? n : 60), p ? p + 6 : "");
}

static int judge(const struct s3 *s, const struct flow *f, const char *key, CURLcode code, struct err *err)
{
	char word[64];
	long status = 0;
	if (f->fault)
		return err_set(err, (enum err_code)-f->fault, key, f->fault == -E_CORRUPT ? "the store sends more than it was asked for" : "the file can't be read or written");
	if (code != CURLE_OK)
		return err_set(err, code == CURLE_OPERATION_TIMEDOUT ? E_TIMEOUT : E_CLOSED, key, "the store doesn't answer: %.200s", *s->error ? s->error : curl_easy_strerror(code));
	curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200 || status == 204)
		return 0;
	code_of(f, word);
	return err_set(err, status == 404 ? E_NOT_FOUND : status >= 400 && status < 500 ? E_DENIED : E_IO, key, "the store says %ld %s", status, word);
}

static struct curl_slist *add(struct curl_slist *h, const char *line)
{
	struct curl_slist *more = curl_slist_append(h, line);
	if (!more)
		curl_slist_free_all(h);
	return more;
}

static CURLcode ask(struct s3 *s, const char *key, struct curl_slist *headers, struct flow *f)
{
	char url[1280];
	struct curl_blob ca = { .data = s->ca.ptr, .len = s->ca.len, .flags = CURL_BLOB_NOCOPY };
	snprintf(url, sizeof url, "%s%s%s/%s%s%s", s->url, s->url[strlen(s->url) - 1] == '/' ? "" : "/", s->bucket, key, s->version[0] ? "?versionId=" : "", s->version);
	*s->error = 0;
	f->curl = s->curl;
	curl_easy_setopt(s->curl, CURLOPT_URL, url);
	curl_easy_setopt(s->curl, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(s->curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(s->curl, CURLOPT_PROXY, "");
	curl_easy_setopt(s->curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(s->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(s->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(s->curl, CURLOPT_AWS_SIGV4, s->scope);
	curl_easy_setopt(s->curl, CURLOPT_USERPWD, s->credentials);
	curl_easy_setopt(s->curl, CURLOPT_USERAGENT, "toride");
	curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(s->curl, CURLOPT_ERRORBUFFER, s->error);
	curl_easy_setopt(s->curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(s->curl, CURLOPT_TIMEOUT, REQUEST_S);
	curl_easy_setopt(s->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(s->curl, CURLOPT_LOW_SPEED_TIME, STALL_S);
	curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(s->curl, CURLOPT_WRITEDATA, f);
	if (ca.len)
		curl_easy_setopt(s->curl, CURLOPT_CAINFO_BLOB, &ca);
	CURLcode r = curl_easy_perform(s->curl);
	curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, NULL); /* the caller's, and freed */
	return r;
}

/* What the API wants of a lock: compliance, which nobody can take back, and until when (ISO 8601). */
static struct curl_slist *lock_headers(const struct s3 *s, struct curl_slist *h)
{
	char line[128];
	struct tm tm;
	time_t until = (time_t)(clock_now_ms() / 1000) + (time_t)s->lock_days * 86400;
	if (!s->lock_days || !h)
		return h;
	gmtime_r(&until, &tm);
	strftime(line, sizeof line, "x-amz-object-lock-retain-until-date: %Y-%m-%dT%H:%M:%SZ", &tm);
	h = add(h, "x-amz-object-lock-mode: COMPLIANCE");
	return h ? add(h, line) : NULL;
}

/* The hash of no bytes: of a request that has none. */
#define NOTHING "x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

int s3_put(struct s3 *s, const char *key, int fd, uint64_t size, const unsigned char sha256[32], struct err *err)
{
	struct flow f = { .fd = fd, .size = size };
	char line[128], hex[65];
	unsigned char b64[48];
	hex_format(sha256, 32, hex);
	EVP_EncodeBlock(b64, sha256, 32);
	snprintf(line, sizeof line, "x-amz-content-sha256: %s", hex);
	struct curl_slist *h = add(NULL, line);
	snprintf(line, sizeof line, "x-amz-checksum-sha256: %s", (char *)b64);
	h = h ? add(h, line) : NULL;
	h = lock_headers(s, h);
	if (!h)
		return err_set(err, E_NOMEM, "", "no memory");
	curl_easy_reset(s->curl);
	curl_easy_setopt(s->curl, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(s->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size);
	curl_easy_setopt(s->curl, CURLOPT_READFUNCTION, give);
	curl_easy_setopt(s->curl, CURLOPT_READDATA, &f);
	curl_easy_setopt(s->curl, CURLOPT_SEEKFUNCTION, rewind_to);
	curl_easy_setopt(s->curl, CURLOPT_SEEKDATA, &f);
	int r = judge(s, &f, key, ask(s, key, h, &f), err);
	curl_slist_free_all(h);
	return r;
}

/* A request without bytes of its own. */
static int bare(struct s3 *s, const char *key, const char *method, struct flow *f, struct err *err)
{
	struct curl_slist *h = add(NULL, NOTHING);
	if (!h)
		return err_set(err, E_NOMEM, "", "no memory");
	curl_easy_reset(s->curl);
	if (strcmp(method, "HEAD") == 0)
		curl_easy_setopt(s->curl, CURLOPT_NOBODY, 1L);
	else if (strcmp(method, "GET") != 0)
		curl_easy_setopt(s->curl, CURLOPT_CUSTOMREQUEST, method);
	int r = judge(s, f, key, ask(s, key, h, f), err);
	curl_slist_free_all(h);
	return r;
}

int s3_size(struct s3 *s, const char *key, uint64_t *ret, struct err *err)
{
	struct flow f = { .fd = -1 };
	curl_off_t n = -1;
	int r = bare(s, key, "HEAD", &f, err);
	if (r < 0)
		return r;
	curl_easy_getinfo(s->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &n);
	*ret = n < 0 ? 0 : (uint64_t)n;
	return n < 0 ? err_set(err, E_IO, key, "the store doesn't say how long it is") : 0;
}

int s3_get(struct s3 *s, const char *key, int fd, uint64_t max, uint64_t *ret_size, unsigned char ret_sha256[32], struct err *err)
{
	struct flow f = { .fd = fd, .max = max, .md = EVP_MD_CTX_new() };
	int r = f.md && EVP_DigestInit_ex(f.md, EVP_sha256(), NULL) == 1 ? 0 : err_set(err, E_NOMEM, "", "no memory");
	if (r == 0)
		r = bare(s, key, "GET", &f, err);
	if (r == 0 && EVP_DigestFinal_ex(f.md, ret_sha256, NULL) != 1)
		r = err_set(err, E_NOMEM, "", "no memory");
	*ret_size = f.size;
	EVP_MD_CTX_free(f.md);
	return r;
}

/* Which version the answer was about, be it the mark of a deletion. False: the store names none, or no name that an address can hold. */
static bool take_version(struct s3 *s)
{
	struct curl_header *h;
	return curl_easy_header(s->curl, "x-amz-version-id", 0, CURLH_HEADER, -1, &h) == CURLHE_OK &&
	       strspn(h->value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == strlen(h->value) && str_copy(str_from(h->value), s->version, sizeof s->version);
}

static int delete_version(struct s3 *s, const char *key, struct err *err)
{
	struct flow f = { .fd = -1 };
	int r = bare(s, key, "DELETE", &f, err);
	s->version[0] = 0;
	return r == -E_NOT_FOUND ? 0 : r;
}

/* A bucket with locks keeps versions: a plain DELETE there succeeds, lays a mark over the object and leaves it where it is, locked or not. So the newest is
 * asked for its version and that is deleted, until there is none. */
int s3_delete(struct s3 *s, const char *key, struct err *err)
{
	for (unsigned i = 0; i < VERSIONS_MAX; i++) {
		struct flow f = { .fd = -1 };
		int r = bare(s, key, "HEAD", &f, err);
		if (r < 0 && r != -E_NOT_FOUND && r != -E_DENIED) /* who may not list a bucket is refused what isn't there */
			return r;
		bool named = take_version(s);
		if (r == -E_NOT_FOUND && !named)
			return 0;
		r = delete_version(s, key, err);
		if (r < 0 || !named)
			return r;
	}
	return err_set(err, E_LIMIT, key, "has more than %d versions in the store", VERSIONS_MAX);
}
