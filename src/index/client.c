/* See client.h. */
#include "index/client.h"

#include "base/err.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#define URL "http://index/"

struct client {
	CURL *curl;
	char *error; /* CURL_ERROR_SIZE */
	struct buf words; /* of an answer nobody wants */
};

static size_t take(char *p, size_t size, size_t n, void *user)
{
	struct buf *b = user;
	buf_put(b, p, size * n);
	return b->failed ? 0 : size * n;
}

int client_open(const struct client_opts *o, struct client **ret, struct err *err)
{
	struct client *c = mem_alloc(sizeof *c);
	if (!c)
		return err_set(err, E_NOMEM, "", "no memory");
	*c = (struct client){ .curl = curl_easy_init(), .error = mem_alloc(CURL_ERROR_SIZE) };
	buf_init(&c->words, MIB);
	if (!c->curl || !c->error) {
		client_close(&c);
		return err_set(err, E_NOMEM, "", "no memory");
	}
	curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->error);
	curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->curl, CURLOPT_POST, 1L);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c->curl, CURLOPT_PROXY, "");
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, o->timeout_ms ? (long)o->timeout_ms : 60000L);
	curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT_MS, 2000L);
	curl_easy_setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, o->socket_path);
	*ret = c;
	return 0;
}

void client_close(struct client **c)
{
	if (*c) {
		curl_easy_cleanup((*c)->curl);
		mem_free((*c)->error);
		buf_done(&(*c)->words);
		mem_free(*c);
	}
	*c = NULL;
}

void client_timeout(struct client *c, unsigned ms)
{
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, (long)ms);
}

/* ClickHouse's numbers: 159 TIMEOUT_EXCEEDED, 160 TOO_SLOW, 241 MEMORY_LIMIT_EXCEEDED, 307/396 too many bytes/rows. */
static enum err_code code_of(struct str words)
{
	unsigned long n = str_starts(words, STR("Code: ")) ? strtoul(words.ptr + 6, NULL, 10) : 0;
	return n == 159 || n == 160 ? E_TIMEOUT : n == 241 || n == 307 || n == 396 ? E_LIMIT : E_INVALID;
}

static int call(struct client *c, const char *url, struct str body, struct buf *ret, struct err *err)
{
	long status = 0;
	buf_reset(ret);
	*c->error = 0;
	curl_easy_setopt(c->curl, CURLOPT_URL, url);
	curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body.ptr);
	curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, ret);
	CURLcode r = curl_easy_perform(c->curl);
	if (ret->failed)
		return err_set(err, (enum err_code)-ret->failed, "index", "the answer is too long");
	if (r != CURLE_OK)
		return err_set(err, r == CURLE_OPERATION_TIMEDOUT ? E_TIMEOUT : E_CLOSED, "index", "%s",
		               *c->error ? c->error : curl_easy_strerror(r));
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200)
		return 0;
	const char *words = buf_cstr(ret); /* ended by NUL: code_of() reads a number at its front */
	return err_set(err, code_of(buf_view(ret)), "index", "%.400s", words);
}

int client_query(struct client *c, struct str sql, struct buf *ret, struct err *err)
{
	return call(c, URL, sql, ret, err);
}

int client_insert(struct client *c, const char *insert, struct str rows, struct err *err)
{
	char url[1536];
	char *quoted = curl_easy_escape(c->curl, insert, 0);
	if (!quoted)
		return err_set(err, E_NOMEM, "", "no memory");
	snprintf(url, sizeof url, URL "?query=%s", quoted);
	curl_free(quoted);
	return call(c, url, rows, &c->words, err);
}
