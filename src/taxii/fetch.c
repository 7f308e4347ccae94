/* The pages of a collection by HTTPS; see taxii.h. */
#include "taxii/taxii.h"

#include "base/err.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <stdio.h>
#include <strings.h>

#define PAGE_TIMEOUT_S 120L
#define SLOW_BYTES 100L /* a second, for */
#define SLOW_S 30L
#define MEDIA "application/taxii+json"

struct page {
	struct buf body;
	bool taxii; /* its Content-Type says so */
	char last[TAXII_DATE];
};

static size_t on_body(char *p, size_t size, size_t n, void *user)
{
	struct page *page = user;
	buf_put(&page->body, p, size * n);
	return page->body.failed ? 0 : size * n;
}

static bool header_is(struct str line, const char *name, struct str *ret_value)
{
	size_t n = strlen(name);
	if (line.len <= n || strncasecmp(line.ptr, name, n) != 0 || line.ptr[n] != ':')
		return false;
	while (line.len > n + 1 && (line.ptr[line.len - 1] == '\r' || line.ptr[line.len - 1] == '\n'))
		line.len--;
	*ret_value = str_trim((struct str){ line.ptr + n + 1, line.len - n - 1 });
	return true;
}

static size_t on_header(char *p, size_t size, size_t n, void *user)
{
	struct page *page = user;
	struct str line = { p, size * n }, v;
	if (header_is(line, "Content-Type", &v))
		page->taxii = v.len >= sizeof MEDIA - 1 && strncasecmp(v.ptr, MEDIA, sizeof MEDIA - 1) == 0;
	if (header_is(line, "X-TAXII-Date-Added-Last", &v) && taxii_is_date(v))
		str_copy(v, page->last, sizeof page->last);
	return size * n;
}

static int address(CURL *x, const struct taxii_fetch *f, const char *next, struct buf *url)
{
	size_t n = strlen(f->source->api_root);
	while (n && f->source->api_root[n - 1] == '/')
		n--;
	buf_put(url, f->source->api_root, n);
	buf_printf(url, "/collections/%s/objects/?match%%5Btype%%5D=indicator", f->source->collection);
	if (*f->since)
		buf_printf(url, "&added_after=%s", f->since);
	char *quoted = *next ? curl_easy_escape(x, next, 0) : NULL;
	if (quoted)
		buf_printf(url, "&next=%s", quoted);
	curl_free(quoted);
	return url->failed || (*next && !quoted) ? -E_NOMEM : 0;
}

static void set_up(CURL *x, const struct taxii_fetch *f, struct curl_slist *headers)
{
	curl_easy_setopt(x, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(x, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(x, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(x, CURLOPT_PROXY, "");
	curl_easy_setopt(x, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(x, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(x, CURLOPT_TIMEOUT, PAGE_TIMEOUT_S);
	curl_easy_setopt(x, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES);
	curl_easy_setopt(x, CURLOPT_LOW_SPEED_TIME, SLOW_S);
	curl_easy_setopt(x, CURLOPT_USERAGENT, "toride");
	curl_easy_setopt(x, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(x, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(x, CURLOPT_HEADERFUNCTION, on_header);
	if (f->authorities.len) {
		struct curl_blob ca = { (void *)(uintptr_t)f->authorities.ptr, f->authorities.len, CURL_BLOB_COPY };
		curl_easy_setopt(x, CURLOPT_CAINFO_BLOB, &ca);
		curl_easy_setopt(x, CURLOPT_CAPATH, NULL); /* else the machine's stay beside them */
	}
	if (*f->source->user) {
		curl_easy_setopt(x, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(x, CURLOPT_USERNAME, f->source->user);
		curl_easy_setopt(x, CURLOPT_PASSWORD, f->password);
	}
}

static int judge(CURLcode code, long status, const struct page *p, struct err *err)
{
	if (p->body.failed)
		return err_set(err, E_LIMIT, "answer", "a page is longer than %u MiB", TAXII_PAGE_MAX / MIB);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return err_set(err, E_TIMEOUT, "server", "no answer in time");
	if (code != CURLE_OK)
		return err_set(err, E_CLOSED, "server", "%s", curl_easy_strerror(code));
	if (status == 401 || status == 403)
		return err_set(err, E_DENIED, "server", "it answered %ld: user, secret or the right to read this collection is missing", status);
	if (status != 200)
		return err_set(err, E_IO, "server", "it answered %ld", status);
	return p->taxii ? 0 : err_set(err, E_INVALID, "answer", "isn't " MEDIA);
}

/* *ret_next: the token of the page behind it. */
static int one_page(CURL *x, const struct taxii_fetch *f, struct taxii_bundle *b, char next[TAXII_NEXT], struct page *p, struct err *err)
{
	char before[TAXII_NEXT];
	long status = 0;
	struct buf url;
	buf_init(&url, 32 * KIB);
	snprintf(before, sizeof before, "%s", next);
	buf_reset(&p->body);
	p->taxii = false;
	int r = address(x, f, next, &url) < 0 ? err_set(err, E_NOMEM, "", "no memory") : 0;
	if (r == 0) {
		curl_easy_setopt(x, CURLOPT_URL, buf_cstr(&url));
		CURLcode code = curl_easy_perform(x);
		curl_easy_getinfo(x, CURLINFO_RESPONSE_CODE, &status);
		r = judge(code, status, p, err);
	}
	buf_done(&url);
	r = r < 0 ? r : taxii_bundle_add(b, buf_view(&p->body), next, err);
	if (r == 0 && *next && strcmp(next, before) == 0)
		r = err_set(err, E_INVALID, "answer", "leads to the same page again");
	return r;
}

int taxii_fetch(const struct taxii_fetch *f, struct taxii_bundle *b, char ret_last[TAXII_DATE], unsigned *ret_pages, struct err *err)
{
	char next[TAXII_NEXT] = "", bearer[1100];
	struct page p = { .last = "" };
	CURL *x = curl_easy_init();
	if (!x)
		return err_set(err, E_NOMEM, "", "no memory");
	buf_init(&p.body, TAXII_PAGE_MAX);
	snprintf(bearer, sizeof bearer, "Authorization: Bearer %.1000s", f->password);
	struct curl_slist *headers = curl_slist_append(NULL, "Accept: " MEDIA ";version=2.1");
	if (*f->password && !*f->source->user)
		headers = curl_slist_append(headers, bearer);
	set_up(x, f, headers);
	curl_easy_setopt(x, CURLOPT_WRITEDATA, &p);
	curl_easy_setopt(x, CURLOPT_HEADERDATA, &p);
	int r = 0;
	*ret_pages = 0;
	do {
		r = *ret_pages == TAXII_PAGES_MAX ? err_set(err, E_LIMIT, "answer", "more than %u pages", TAXII_PAGES_MAX)
		                                  : one_page(x, f, b, next, &p, err);
		*ret_pages += r == 0;
	} while (r == 0 && *next);
	snprintf(ret_last, TAXII_DATE, "%s", p.last);
	curl_slist_free_all(headers);
	curl_easy_cleanup(x);
	buf_done(&p.body);
	return r;
}
