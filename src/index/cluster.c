/* See cluster.h. */
#include "index/cluster.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 256
#define CA_MAX (4u * MIB)

struct place { /* where it is, and who we are there */
	char urls[CLUSTER_HOSTS][CLUSTER_URL];
	size_t n;
	char user[NAME_MAX_BYTES], key[NAME_MAX_BYTES], name[NAME_MAX_BYTES];
	struct buf ca;
	bool replicated;
};

struct cluster {
	pthread_mutex_t lock; /* of all below */
	struct place place;
	unsigned generation; /* of the place */
	size_t first;        /* which of them is asked first */
	int64_t given_ms[CLUSTER_HOSTS]; /* monotonic: when rows were last sent there; before us some may have been at any time */
	bool one_copy;       /* told: only one of the replicas is left */
	struct cluster_stats stats;
};

struct conn {
	struct cluster *cluster;
	CURL *curl;
	struct curl_slist *headers;
	struct place place; /* a copy of `generation` */
	unsigned generation;
	long host; /* the one that answered; -1: none yet */
	const struct serve_ask *now; /* what is asked */
	char error[CURL_ERROR_SIZE];
};

/* ---- the place ---- */

static void place_done(struct place *p)
{
	OPENSSL_cleanse(p->key, sizeof p->key);
	buf_done(&p->ca);
}

static bool line_ok(const char *s) /* in a header */
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

static int place_fill(struct place *p, const struct cluster_opts *o, struct err *err)
{
	*p = (struct place){ .n = o->n, .replicated = o->replicated };
	buf_init(&p->ca, CA_MAX);
	buf_puts(&p->ca, o->ca ? o->ca : "");
	bool ok = o->n > 0 && o->n <= CLUSTER_HOSTS && str_copy(str_from(o->user), p->user, sizeof p->user) && str_copy(str_from(o->key), p->key, sizeof p->key) &&
	          str_copy(str_from(o->place ? o->place : ""), p->name, sizeof p->name);
	for (size_t i = 0; ok && i < o->n; i++)
		ok = str_starts(str_from(o->urls[i]), STR("https://")) && str_copy(str_from(o->urls[i]), p->urls[i], sizeof p->urls[i]);
	ok = ok && line_ok(p->user) && line_ok(p->key) && !p->ca.failed;
	if (ok)
		return 0;
	place_done(p);
	return err_set(err, E_INVALID, "cluster", "its addresses, name or key can't be used");
}

int cluster_open(struct cluster **ret, struct err *err)
{
	struct cluster *c = mem_alloc(sizeof *c);
	if (!c)
		return err_set(err, E_NOMEM, "", "no memory");
	*c = (struct cluster){ .lock = PTHREAD_MUTEX_INITIALIZER };
	*ret = c;
	return 0;
}

int cluster_set(struct cluster *c, const struct cluster_opts *o, struct err *err)
{
	struct place p;
	int r = place_fill(&p, o, err);
	if (r < 0)
		return r;
	pthread_mutex_lock(&c->lock);
	place_done(&c->place);
	c->place = p;
	c->generation++;
	c->first = 0;
	for (size_t i = 0; i < CLUSTER_HOSTS; i++)
		c->given_ms[i] = clock_mono_ms();
	pthread_mutex_unlock(&c->lock);
	OPENSSL_cleanse(p.key, sizeof p.key);
	return 0;
}

struct cluster_stats cluster_stats(struct cluster *c)
{
	pthread_mutex_lock(&c->lock);
	struct cluster_stats s = c->stats;
	s.host = c->first + 1;
	pthread_mutex_unlock(&c->lock);
	return s;
}

/* ---- a connection ---- */

static void conn_close(void *user)
{
	struct conn *c = user;
	if (!c)
		return;
	curl_easy_cleanup(c->curl);
	curl_slist_free_all(c->headers);
	place_done(&c->place);
	mem_free(c);
}

static size_t take(char *p, size_t size, size_t n, void *user)
{
	struct buf *b = user;
	buf_put(b, p, size * n);
	return b->failed ? 0 : size * n;
}

/* What is the same in every request. */
static void settle(CURL *h, char *error)
{
	curl_easy_setopt(h, CURLOPT_ERRORBUFFER, error);
	curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(h, CURLOPT_PROXY, "");
	curl_easy_setopt(h, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, CLUSTER_CONNECT_MS);
	curl_easy_setopt(h, CURLOPT_TIMEOUT, CLUSTER_ASK_S);
	curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L); /* one that lost its power in the middle of a question */
	curl_easy_setopt(h, CURLOPT_TCP_KEEPIDLE, 10L);
	curl_easy_setopt(h, CURLOPT_TCP_KEEPINTVL, 5L);
	curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(h, CURLOPT_POST, 1L);
}

static int conn_open(void *user, void **ret, struct err *err)
{
	struct conn *c = mem_alloc(sizeof *c);
	if (!c)
		return err_set(err, E_NOMEM, "", "no memory");
	*c = (struct conn){ .cluster = user, .curl = curl_easy_init(), .host = -1 };
	buf_init(&c->place.ca, CA_MAX);
	if (!c->curl) {
		conn_close(c);
		return err_set(err, E_NOMEM, "", "no memory");
	}
	settle(c->curl, c->error);
	*ret = c;
	return 0;
}

/* Whoever comes next may be answered by another server. */
static void conn_rest(void *user)
{
	struct conn *c = user;
	c->host = -1;
}

static int put_headers(struct conn *c, struct err *err)
{
	char name[NAME_MAX_BYTES + 32], key[NAME_MAX_BYTES + 32];
	snprintf(name, sizeof name, "X-ClickHouse-User: %s", c->place.user);
	snprintf(key, sizeof key, "X-ClickHouse-Key: %s", c->place.key);
	const char *const lines[] = { name, key, "Expect:", "Content-Type: application/octet-stream" };
	curl_slist_free_all(c->headers);
	c->headers = NULL;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct curl_slist *more = curl_slist_append(c->headers, lines[i]);
		if (!more)
			return err_set(err, E_NOMEM, "", "no memory");
		c->headers = more;
	}
	OPENSSL_cleanse(key, sizeof key);
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, c->headers);
	return 0;
}

/* No connection of the old place is kept, nor what it was asked with. */
static int renew(struct conn *c, struct err *err)
{
	struct curl_blob ca = { .data = c->place.ca.ptr, .len = c->place.ca.len, .flags = CURL_BLOB_NOCOPY };
	CURL *fresh = curl_easy_init();
	if (!fresh)
		return err_set(err, E_NOMEM, "", "no memory");
	curl_easy_cleanup(c->curl);
	c->curl = fresh;
	settle(c->curl, c->error);
	curl_easy_setopt(c->curl, CURLOPT_CAINFO_BLOB, ca.len ? &ca : NULL);
	return put_headers(c, err);
}

/* Does as the newest generation says, if who asks does. Whatever becomes of it: what is of a generation is so in all. */
static int catch_up(struct conn *c, struct err *err)
{
	struct cluster *k = c->cluster;
	int r = 0;
	pthread_mutex_lock(&k->lock);
	k->stats.asked++;
	unsigned newest = k->generation;
	bool newer = c->generation != newest;
	if (newer) {
		place_done(&c->place);
		c->place = k->place;
		buf_init(&c->place.ca, CA_MAX);
		buf_str(&c->place.ca, buf_view(&k->place.ca));
		c->host = -1;
		r = c->place.ca.failed ? err_set(err, E_NOMEM, "", "no memory") : 0;
	}
	pthread_mutex_unlock(&k->lock);
	if (r == 0 && newer)
		r = renew(c, err);
	if (r < 0)
		return r;
	c->generation = newest;
	return str_eq(c->now->place, str_from(c->place.name)) ? 0 : err_set(err, E_CLOSED, "cluster", "who asks and who carries it haven't been told of the same place yet");
}

/* ---- asking ---- */

/* Nothing was sent. */
static bool never_there(CURL *h, CURLcode code)
{
	curl_off_t ready = 0;
	if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT || code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR)
		return true;
	curl_easy_getinfo(h, CURLINFO_PRETRANSFER_TIME_T, &ready);
	return code != CURLE_OK && ready == 0;
}

static size_t first_of(struct cluster *k, size_t n)
{
	pthread_mutex_lock(&k->lock);
	size_t first = n ? k->first % n : 0;
	pthread_mutex_unlock(&k->lock);
	return first;
}

/* This one failed: the next is asked first from now on, unless somebody else found one before. */
static void leave(struct conn *c, size_t host)
{
	struct cluster *k = c->cluster;
	pthread_mutex_lock(&k->lock);
	if (c->generation == k->generation && k->first == host)
		k->first = (host + 1) % k->place.n;
	pthread_mutex_unlock(&k->lock);
	c->host = -1;
}

static void tell(struct conn *c, bool answered)
{
	struct cluster *k = c->cluster;
	pthread_mutex_lock(&k->lock);
	k->stats.failed += !answered;
	k->stats.away = !answered;
	pthread_mutex_unlock(&k->lock);
}

static CURLcode send_to(struct conn *c, size_t host, const char *tail, struct str body, struct buf *ret)
{
	char url[CLUSTER_URL + 4096];
	const char *base = c->place.urls[host];
	snprintf(url, sizeof url, "%s%s%s", base, base[strlen(base) - 1] == '/' ? "" : "/", tail);
	buf_reset(ret);
	*c->error = 0;
	curl_easy_setopt(c->curl, CURLOPT_URL, url);
	curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body.ptr);
	curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, ret);
	return curl_easy_perform(c->curl);
}

/* 225, 242, 319, 999: it has no keeper, can't be written, or doesn't know what became of rows for want of one: another one may. */
static bool cut_off(unsigned code)
{
	return code == 225 || code == 242 || code == 319 || code == 999;
}

/* What the server said: its errors are "Code: N…" in the body, of a status that says little (401, 403, 404, 500). 516 and 192 to 194 are of names and keys. */
static int judge(struct conn *c, size_t host, struct buf *ret, struct err *err)
{
	long status = 0;
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200)
		return 0;
	unsigned code = serve_exception(buf_view(ret));
	if (status == 401 || status == 403 || code == 516 || (code >= 192 && code <= 194))
		return err_set(err, E_DENIED, "cluster", "%s refuses our name or key", c->place.urls[host]);
	if (!code) { /* something else stands before it, or in its place */
		leave(c, host);
		return err_set(err, E_CLOSED, "cluster", "%s answers %ld, not as a ClickHouse does", c->place.urls[host], status);
	}
	if (cut_off(code)) {
		leave(c, host);
		return err_set(err, E_CLOSED, "cluster", "%s has lost sight of the others: %.200s", c->place.urls[host], buf_cstr(ret));
	}
	return err_set(err, E_INVALID, "cluster", "refused");
}

/* One server: -E_AGAIN when it was never there. */
static int ask_one(struct conn *c, size_t host, const char *tail, struct str body, struct buf *ret, struct err *err)
{
	CURLcode code = send_to(c, host, tail, body, ret);
	if (ret->failed)
		return err_set(err, (enum err_code)-ret->failed, "cluster", "the answer is too long");
	if (code == CURLE_OK)
		return judge(c, host, ret, err);
	bool absent = never_there(c->curl, code);
	leave(c, host);
	err_set(err, code == CURLE_OPERATION_TIMEDOUT && !absent ? E_TIMEOUT : E_CLOSED, "cluster", "%s: %.200s", c->place.urls[host],
	        *c->error ? c->error : curl_easy_strerror(code));
	return absent ? -E_AGAIN : -(int)err->code;
}

/* wait_end_of_query: an error in the middle of an answer is an error, not its last line. Numbers as numbers: old servers heed that only here, not in the
 * query. Of replicas: rows count when two have them, and it is told soon when one can't catch up. An insert has a connection of its own: curl would send
 * what it had sent by one that was kept, and died, once more. */
static int tail_of(struct conn *c, bool two, char *dst, size_t size, struct err *err)
{
	const struct serve_ask *a = c->now;
	char *quoted = a->insert ? curl_easy_escape(c->curl, a->sql.ptr, (int)a->sql.len) : NULL;
	int n = snprintf(dst, size, "?wait_end_of_query=1&output_format_json_quote_64bit_integers=0&query_id=%s%s%s%s%s%s", a->id, c->place.replicated ? "&receive_timeout=30&distributed_ddl_task_timeout=30" : "",
	                 a->insert && c->place.replicated ? "&insert_deduplicate=0" : "", two ? "&insert_quorum=2&insert_quorum_timeout=10000" : "", quoted ? "&query=" : "", quoted ? quoted : "");
	bool made = quoted || !a->insert;
	curl_free(quoted);
	curl_easy_setopt(c->curl, CURLOPT_FRESH_CONNECT, a->insert ? 1L : 0L);
	curl_easy_setopt(c->curl, CURLOPT_FORBID_REUSE, a->insert ? 1L : 0L);
	return made && n < (int)size ? 0 : err_set(err, made ? E_LIMIT : E_NOMEM, "cluster", made ? "the statement is too long" : "no memory");
}

/* Rows go to it now; it has them, or nobody knows. */
static void given(struct conn *c, size_t host)
{
	struct cluster *k = c->cluster;
	pthread_mutex_lock(&k->lock);
	if (c->generation == k->generation)
		k->given_ms[host] = clock_mono_ms();
	pthread_mutex_unlock(&k->lock);
}

static void tell_copies(struct conn *c, bool one)
{
	struct cluster *k = c->cluster;
	pthread_mutex_lock(&k->lock);
	bool news = k->one_copy != one;
	k->one_copy = one;
	pthread_mutex_unlock(&k->lock);
	if (news)
		log_write(one ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "", "cluster", one ? "fewer than two of its replicas are there: rows go into one" : "rows go into two of its replicas again");
}

/* 285, 286: fewer than two replicas are there, or the rows before are still in one alone. Nothing was put in. */
static bool wants_two(int r, const struct buf *words)
{
	unsigned code = r == -E_INVALID ? serve_exception(buf_view(words)) : 0;
	return code == 285 || code == 286;
}

/* Rows, or a question, to this one. */
static int send_one(struct conn *c, size_t host, struct buf *ret, struct err *err)
{
	char tail[4096];
	struct str body = c->now->insert ? c->now->rows : c->now->sql;
	bool two = c->now->insert && c->place.replicated && c->place.n > 1;
	int r = tail_of(c, two, tail, sizeof tail, err);
	if (r < 0)
		return r;
	if (c->now->insert)
		given(c, host);
	r = ask_one(c, host, tail, body, ret, err);
	if (two && (r == 0 || wants_two(r, ret)))
		tell_copies(c, r < 0);
	if (!two || !wants_two(r, ret))
		return r;
	r = tail_of(c, false, tail, sizeof tail, err);
	return r < 0 ? r : ask_one(c, host, tail, body, ret, err);
}

/* The server that answered before, and no other; else all of them in turn. */
static int ask_any(struct conn *c, struct buf *ret, struct err *err)
{
	bool stays = c->host >= 0;
	size_t n = c->place.n, host = stays ? (size_t)c->host : first_of(c->cluster, n);
	int r = n ? -E_AGAIN : err_set(err, E_CLOSED, "cluster", "none is named");
	for (size_t i = 0; r == -E_AGAIN && i < (stays ? 1 : n); i++, host = (host + 1) % n) {
		r = send_one(c, host, ret, err);
		if (r == 0 || r == -E_INVALID)
			c->host = (long)host;
	}
	r = r == -E_AGAIN ? -E_CLOSED : r;
	tell(c, r != -E_CLOSED && r != -E_TIMEOUT);
	return r;
}

/* Nobody is at that door; or what it was given is long done. */
static bool nothing_runs(struct conn *c, size_t host)
{
	long error = 0;
	curl_easy_getinfo(c->curl, CURLINFO_OS_ERRNO, &error);
	if (error == ECONNREFUSED)
		return true;
	struct cluster *k = c->cluster;
	pthread_mutex_lock(&k->lock);
	bool long_ago = clock_mono_ms() - k->given_ms[host] > CLUSTER_SETTLED_MS;
	pthread_mutex_unlock(&k->lock);
	return long_ago;
}

/* Whom all were asked said nothing of whom to ask first. */
static void keep_first(struct conn *c, size_t first)
{
	struct cluster *k = c->cluster;
	pthread_mutex_lock(&k->lock);
	if (c->generation == k->generation)
		k->first = first;
	pthread_mutex_unlock(&k->lock);
}

/* Whom this connection stays with is as it was. */
static int ask_each(struct conn *c, struct buf *ret, struct err *err)
{
	struct buf one;
	char tail[4096];
	long stays = c->host;
	size_t first = first_of(c->cluster, c->place.n);
	int r = tail_of(c, false, tail, sizeof tail, err);
	buf_init(&one, SERVE_ANSWER_MAX);
	for (size_t i = 0; r == 0 && i < c->place.n; i++) {
		r = ask_one(c, i, tail, c->now->sql, &one, err);
		if (r == 0)
			buf_str(ret, buf_view(&one));
		else if (r == -E_AGAIN)
			r = nothing_runs(c, i) ? 0 : err_set(err, E_CLOSED, "cluster", "%s can't be reached, and what it was given may still be written", c->place.urls[i]);
	}
	buf_done(&one);
	keep_first(c, first);
	c->host = stays;
	return r;
}

static int conn_ask(void *user, const struct serve_ask *a, struct buf *ret, struct err *err)
{
	struct conn *c = user;
	buf_reset(ret);
	if (a->in_memory)
		return err_set(err, E_INVALID, "", "rows in memory aren't taken here");
	c->now = a;
	int r = catch_up(c, err);
	r = r < 0 ? r : a->each ? ask_each(c, ret, err) : ask_any(c, ret, err);
	c->now = NULL;
	return r;
}

/* At each that can be reached: nobody remembers which of them was asked. 0 where one of them was told. */
static int end_each(struct conn *c, const char *sql, struct err *err)
{
	struct buf words;
	char tail[4096];
	int r = tail_of(c, false, tail, sizeof tail, err), told = -E_CLOSED;
	buf_init(&words, MIB);
	for (size_t i = 0; r == 0 && i < c->place.n; i++)
		told = ask_one(c, i, tail, str_from(sql), &words, err) == 0 ? 0 : told;
	buf_done(&words);
	c->host = -1;
	return r < 0 ? r : told;
}

static int conn_end(void *user, const char *id, struct err *err)
{
	struct conn *c = user;
	char sql[128], place[NAME_MAX_BYTES];
	pthread_mutex_lock(&c->cluster->lock);
	memcpy(place, c->cluster->place.name, sizeof place);
	size_t first = c->cluster->first;
	pthread_mutex_unlock(&c->cluster->lock);
	snprintf(sql, sizeof sql, "KILL QUERY WHERE query_id = '%s' ASYNC", id);
	struct serve_ask a = { .sql = str_from(sql), .place = str_from(place) };
	snprintf(a.id, sizeof a.id, "%.40s-end", id);
	c->now = &a;
	int r = catch_up(c, err);
	r = r < 0 ? r : end_each(c, sql, err);
	keep_first(c, first);
	c->now = NULL;
	return r;
}

const struct serve_ops cluster_ops = { conn_open, conn_rest, conn_close, conn_ask, conn_end, 0 };
