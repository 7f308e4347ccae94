/* See client.h. */
#include "index/client.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "http/http.h"
#include "index/columns.h"
#include "index/rows.h"
#include "index/serve.h"
#include "wire/sock.h"

#include <curl/curl.h>
#include <stdio.h>
#include <sys/socket.h>

#define URL "http://index/?"

struct client {
	CURL *curl;
	char *error; /* CURL_ERROR_SIZE */
	struct buf words; /* of an answer nobody wants */
	char *socket_path;
	unsigned timeout_ms;
	struct dialect dialect;
	char database[64], cluster[64], url[512], each[528]; /* url: of any; each: of each server */
	struct buf said, rows; /* a statement as it is sent; an answer as it came */
	const _Atomic bool *ended;
	unsigned overran;
};

static size_t take(char *p, size_t size, size_t n, void *user)
{
	struct buf *b = user;
	buf_put(b, p, size * n);
	return b->failed ? 0 : size * n;
}

static int place_url(struct client *c, const char *place)
{
	char *quoted = place ? curl_easy_escape(c->curl, place, 0) : NULL;
	int n = snprintf(c->url, sizeof c->url, "%s%s%s", URL, quoted ? "place=" : "", quoted ? quoted : "");
	bool ok = n < (int)sizeof c->url && (quoted || !place);
	snprintf(c->each, sizeof c->each, "%s&each=1", c->url);
	curl_free(quoted);
	return ok ? 0 : -E_LIMIT;
}

int client_open(const struct client_opts *o, struct client **ret, struct err *err)
{
	struct client *c = mem_alloc(sizeof *c);
	if (!c)
		return err_set(err, E_NOMEM, "", "no memory");
	*c = (struct client){ .curl = curl_easy_init(), .error = mem_alloc(CURL_ERROR_SIZE), .socket_path = mem_strdup(o->socket_path) };
	buf_init(&c->words, MIB);
	buf_init(&c->said, 8 * MIB);
	buf_init(&c->rows, 64 * MIB);
	bool fits = place_url(c, o->place) < 0 ? false :  !o->cluster.database ||
	            (str_copy(str_from(o->cluster.database), c->database, sizeof c->database) && str_copy(str_from(o->cluster.cluster), c->cluster, sizeof c->cluster));
	c->dialect = (struct dialect){ 0, o->cluster.database ? c->database : NULL, c->cluster };
	if (!c->curl || !c->error || !c->socket_path || !fits) {
		client_close(&c);
		return err_set(err, fits ? E_NOMEM : E_LIMIT, "", fits ? "no memory" : "the cluster's names are too long");
	}
	curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->error);
	curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->curl, CURLOPT_POST, 1L);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c->curl, CURLOPT_PROXY, "");
	client_timeout(c, o->timeout_ms ? o->timeout_ms : 60000);
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
		mem_free((*c)->socket_path);
		buf_done(&(*c)->words);
		buf_done(&(*c)->said);
		buf_done(&(*c)->rows);
		mem_free(*c);
	}
	*c = NULL;
}

void client_timeout(struct client *c, unsigned ms)
{
	c->timeout_ms = ms;
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, (long)ms);
}

static int on_progress(void *user, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
	const struct client *c = user;
	(void)down_all, (void)down, (void)up_all, (void)up;
	return *c->ended;
}

void client_end_when(struct client *c, const _Atomic bool *ended)
{
	c->ended = ended;
	curl_easy_setopt(c->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(c->curl, CURLOPT_XFERINFODATA, c);
	curl_easy_setopt(c->curl, CURLOPT_NOPROGRESS, 0L);
}

unsigned client_overran(const struct client *c)
{
	return c->overran;
}

/* ClickHouse's numbers: 159 TIMEOUT_EXCEEDED, 160 TOO_SLOW, 241 MEMORY_LIMIT_EXCEEDED, 307/396 too many bytes/rows. */
static enum err_code code_of(struct str words)
{
	unsigned n = serve_exception(words);
	return n == 159 || n == 160 ? E_TIMEOUT : n == 241 || n == 307 || n == 396 ? E_LIMIT : E_INVALID;
}

static int answered(struct client *c, long status, struct buf *ret, struct err *err)
{
	if (status == 200)
		return 0;
	enum err_code code = code_of(buf_view(ret));
	c->overran += status == 504 || code == E_TIMEOUT || code == E_LIMIT;
	return err_set(err, status == 503 ? E_CLOSED : status == 504 ? E_TIMEOUT : status == 403 ? E_DENIED : code, "index", "%.400s", buf_cstr(ret));
}

/* An insert has a connection of its own: what was sent by one that was kept, and died, curl would send once more, and it may have arrived. */
static int call(struct client *c, const char *url, struct str body, struct buf *ret, struct err *err)
{
	long status = 0, alone = url != c->url && url != c->each;
	buf_reset(ret);
	curl_easy_setopt(c->curl, CURLOPT_FRESH_CONNECT, alone);
	curl_easy_setopt(c->curl, CURLOPT_FORBID_REUSE, alone);
	*c->error = 0;
	curl_easy_setopt(c->curl, CURLOPT_URL, url);
	curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body.ptr);
	curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, ret);
	CURLcode r = curl_easy_perform(c->curl);
	if (ret->failed)
		return err_set(err, (enum err_code)-ret->failed, "index", "the answer is too long");
	c->overran += r == CURLE_OPERATION_TIMEDOUT;
	if (r != CURLE_OK)
		return err_set(err, r == CURLE_OPERATION_TIMEDOUT ? E_TIMEOUT : E_CLOSED, "index", "%s",
		               *c->error ? c->error : curl_easy_strerror(r));
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	return answered(c, status, ret, err);
}

/* Of the server behind this connection; asked once, at its first use. */
static int learn(struct client *c, struct err *err)
{
	if (!c->dialect.database || c->dialect.version)
		return 0;
	int r = call(c, c->url, STR("SELECT version()"), &c->words, err);
	return r < 0 ? r : dialect_version(buf_view(&c->words), &c->dialect.version, err);
}

int client_is_old(struct client *c, bool *ret, struct err *err)
{
	int r = learn(c, err);
	*ret = r == 0 && dialect_is_old(&c->dialect);
	return r;
}

/* To a cluster: in its own words. */
static int query_there(struct client *c, const char *url, struct str sql, struct buf *ret, struct err *err)
{
	bool objects = false;
	buf_reset(&c->said);
	int r = dialect_sql(&c->dialect, sql, &c->said, &objects, err);
	r = r < 0 ? r : call(c, url, buf_view(&c->said), objects ? &c->rows : ret, err);
	if (r < 0 || !objects)
		return r;
	buf_reset(ret);
	return dialect_rows(buf_view(&c->rows), ret, err);
}

int client_query(struct client *c, struct str sql, struct buf *ret, struct err *err)
{
	int r = learn(c, err);
	return r < 0 ? r : c->dialect.version ? query_there(c, c->url, sql, ret, err) : call(c, c->url, sql, ret, err);
}

int client_query_each(struct client *c, struct str sql, struct buf *ret, struct err *err)
{
	int r = learn(c, err);
	return r < 0 ? r : c->dialect.version ? query_there(c, c->each, sql, ret, err) : client_query(c, sql, ret, err);
}

/* Old servers know no format with a head of names and types; ours names all columns of the table in their order. */
static int headless(struct client *c, struct str *rows, struct err *err)
{
	struct buf head;
	buf_init(&head, 64 * KIB);
	index_row_head(&head);
	bool ours = !head.failed && str_starts(*rows, buf_view(&head)) && str_ends(buf_view(&c->said), STR("WithNamesAndTypes"));
	if (ours) {
		rows->ptr += head.len;
		rows->len -= head.len;
		c->said.len -= STR("WithNamesAndTypes").len;
	}
	buf_done(&head);
	return ours ? 0 : err_set(err, E_INVALID, "index", "these rows can't be given to an old server");
}

static int put_query(struct client *c, const char *insert, struct buf *b, struct err *err)
{
	char *quoted = curl_easy_escape(c->curl, insert, 0);
	if (!quoted)
		return err_set(err, E_NOMEM, "", "no memory");
	buf_printf(b, "query=%s", quoted);
	curl_free(quoted);
	return b->failed ? err_set(err, E_LIMIT, "index", "the statement is too long") : 0;
}

static int more(int fd, struct buf *in, struct err *err)
{
	int none = -1;
	ssize_t n = buf_room(in, 4 * KIB) ? sock_recv_bytes(fd, in->ptr + in->len, 4 * KIB, &none) : in->failed;
	if (none >= 0)
		close(none);
	if (n <= 0)
		return n == -E_TIMEOUT ? err_set(err, E_TIMEOUT, "index", "no answer in time") : err_set(err, E_CLOSED, "index", "the engine ended");
	in->len += (size_t)n;
	return 0;
}

/* The answer on a connection of ours; its words. */
static int take_answer(struct client *c, int fd, struct buf *words, struct err *err)
{
	struct http_stream s = { 0 };
	struct http_head head;
	struct buf in;
	const char *why = "";
	long n;
	int r = 0;
	buf_init(&in, MIB);
	buf_reset(words);
	while ((n = http_head_end(in.ptr ? in.ptr : "", in.len, 0)) == 0 && r == 0)
		r = more(fd, &in, err);
	if (r == 0 && (n < 0 || http_parse_response(&s, in.ptr, (size_t)n, HTTP_POST, &head, &why) < 0))
		r = err_set(err, E_INVALID, "index", "the engine's answer can't be read: %s", why);
	if (r == 0)
		buf_drop(&in, (size_t)n);
	while (r == 0 && !s.done) {
		long used = http_feed(&s, in.ptr, in.len);
		buf_str(words, s.body);
		buf_drop(&in, used > 0 ? (size_t)used : 0);
		r = used < 0 ? err_set(err, E_INVALID, "index", "the engine's answer can't be read") : s.done || in.len ? 0 : more(fd, &in, err);
	}
	buf_done(&in);
	return r < 0 ? r : answered(c, head.status, words, err);
}

int client_hand_over(struct client *c, const char *insert, const struct rows *rows, struct err *err)
{
	struct buf head;
	struct timeval wait = { c->timeout_ms / 1000, c->timeout_ms % 1000 * 1000 };
	_cleanup_fd_ int fd = -1;
	if (sock_connect(c->socket_path, 2000, &fd, NULL) < 0)
		return err_set(err, E_CLOSED, "index", "the engine isn't there");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	buf_init(&head, 4 * KIB);
	buf_puts(&head, "POST /?");
	int r = put_query(c, insert, &head, err);
	buf_printf(&head, " HTTP/1.1\r\nHost: index\r\n" SERVE_ROWS ": %zu\r\nContent-Length: 0\r\n\r\n", rows->b.len);
	r = r < 0 ? r : sock_send_bytes(fd, buf_view(&head), rows->fd, err);
	buf_done(&head);
	return r < 0 ? r : take_answer(c, fd, &c->words, err);
}

int client_insert(struct client *c, const char *insert, struct str rows, struct err *err)
{
	bool objects;
	int r = learn(c, err);
	buf_reset(&c->said);
	if (r == 0 && c->dialect.version)
		r = dialect_sql(&c->dialect, str_from(insert), &c->said, &objects, err);
	else
		buf_puts(&c->said, insert);
	if (r == 0 && dialect_is_old(&c->dialect))
		r = headless(c, &rows, err);
	if (r < 0)
		return r;
	struct buf url;
	buf_init(&url, 4 * KIB);
	buf_printf(&url, "%s&", c->url);
	r = put_query(c, buf_cstr(&c->said), &url, err);
	r = r < 0 ? r : call(c, buf_cstr(&url), rows, &c->words, err);
	buf_done(&url);
	return r;
}
