/* toride log witness: what somebody outside keeps of the log, so that nobody can cut its end unseen: the last checkpoint, short enough for a mail or a
 * slip of paper, and on wish a time stamp over it (RFC 3161). What the authority answers is read by a child that reaches no file. */
#include "cli/child.h"
#include "cli/cli.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "jail/tool.h"
#include "segment/stamp.h"
#include "segment/witness.h"
#include "wire/place.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#define STAMP_TIMEOUT_S 30L
#define CA_MAX MIB

struct stamp { /* as the child gives it back */
	int64_t time_ms;
	uint32_t len;
	unsigned char der[STAMP_MAX];
};

struct stamping {
	const char *url;
	struct str ca;
	unsigned char hash[STAMP_HASH];
	uint64_t nonce;
	struct stamp *stamp;
};

/* ---- the child */

static size_t on_body(char *p, size_t size, size_t n, void *user)
{
	struct buf *b = user;
	buf_put(b, p, size * n);
	return b->failed ? 0 : size * n;
}

static int post(const char *url, struct str query, struct buf *answer, struct err *err)
{
	long status = 0;
	CURL *x = curl_easy_init();
	struct curl_slist *h = curl_slist_append(NULL, "Content-Type: application/timestamp-query");
	if (!x || !h)
		return err_set(err, E_NOMEM, url, "no memory");
	curl_easy_setopt(x, CURLOPT_URL, url);
	curl_easy_setopt(x, CURLOPT_PROTOCOLS_STR, "http,https"); /* the stamp is signed: who carries it doesn't matter (RFC 3161 section 3.4) */
	curl_easy_setopt(x, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(x, CURLOPT_PROXY, "");
	curl_easy_setopt(x, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(x, CURLOPT_TIMEOUT, STAMP_TIMEOUT_S);
	curl_easy_setopt(x, CURLOPT_HTTPHEADER, h);
	curl_easy_setopt(x, CURLOPT_POSTFIELDS, query.ptr);
	curl_easy_setopt(x, CURLOPT_POSTFIELDSIZE, (long)query.len);
	curl_easy_setopt(x, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(x, CURLOPT_WRITEDATA, answer);
	CURLcode code = curl_easy_perform(x);
	curl_easy_getinfo(x, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(h);
	curl_easy_cleanup(x);
	if (answer->failed)
		return err_set(err, E_LIMIT, url, "its answer is longer than a time stamp is");
	if (code != CURLE_OK)
		return err_set(err, E_CLOSED, url, "%s", curl_easy_strerror(code));
	return status == 200 ? 0 : err_set(err, E_IO, url, "it answered %ld", status);
}

static int ask(void *user, struct buf *out, struct err *err)
{
	struct stamping *s = user;
	struct buf query, answer;
	buf_init(&query, 4096);
	buf_init(&answer, STAMP_MAX);
	int r = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? jail_tool((struct jail_tool){ .network = true }, err) :
	                                                            err_set(err, E_NOMEM, "curl", "cannot begin");
	r = r < 0 ? r : stamp_request(s->hash, s->nonce, &query, err);
	r = r < 0 ? r : post(s->url, buf_view(&query), &answer, err);
	r = r < 0 ? r : stamp_verify(buf_view(&answer), s->hash, s->nonce, s->ca, &s->stamp->time_ms, err);
	if (r == 0) {
		s->stamp->len = (uint32_t)answer.len;
		memcpy(s->stamp->der, answer.ptr, answer.len);
	}
	buf_put(out, s->stamp, sizeof *s->stamp);
	return r;
}

/* One that was made earlier. */
static int look(void *user, struct buf *out, struct err *err)
{
	struct stamping *s = user;
	int r = jail_tool((struct jail_tool){ 0 }, err);
	r = r < 0 ? r : stamp_verify((struct str){ (const char *)s->stamp->der, s->stamp->len }, s->hash, 0, s->ca, &s->stamp->time_ms, err);
	buf_put(out, s->stamp, sizeof *s->stamp);
	return r;
}

/* ---- the parent */

static int in_child(cli_work *work, struct stamping *s, const char *at, struct err *err)
{
	struct buf out;
	int r = cli_child(work, s, -1, sizeof *s->stamp, &out, at, err);
	if (r == 0 && out.len == sizeof *s->stamp)
		memcpy(s->stamp, out.ptr, sizeof *s->stamp);
	if (r == 0 && (out.len != sizeof *s->stamp || s->stamp->len > STAMP_MAX))
		r = err_set(err, E_IO, at, "no time stamp came back");
	buf_done(&out);
	return r;
}

static int read_stamp(const char *path, struct stamp *ret, struct err *err)
{
	struct buf b;
	buf_init(&b, STAMP_MAX);
	int r = fs_read(path, &b, err);
	if (r == 0) {
		ret->len = (uint32_t)b.len;
		memcpy(ret->der, b.ptr, b.len);
	}
	buf_done(&b);
	return r;
}

int cli_stamp_check(struct str witness, const char *stamp, const char *ca, int64_t *ret_ms, struct err *err)
{
	struct stamp *t = mem_alloc(sizeof *t);
	struct stamping s = { .stamp = t };
	struct buf pem;
	buf_init(&pem, CA_MAX);
	hash_sha256(witness.ptr, witness.len, s.hash);
	int r = t ? read_stamp(stamp, t, err) : err_set(err, E_NOMEM, stamp, "no memory");
	r = r < 0 ? r : fs_read(ca, &pem, err);
	s.ca = buf_view(&pem);
	r = r < 0 ? r : in_child(look, &s, stamp, err);
	if (r == 0)
		*ret_ms = t->time_ms;
	buf_done(&pem);
	mem_free(t);
	return r;
}

static int stamp_it(struct str witness, const char *url, const char *ca, const char *out, int64_t *ret_ms, struct err *err)
{
	char path[PATH_MAX];
	struct stamp *t = mem_alloc(sizeof *t);
	struct stamping s = { .url = url, .stamp = t };
	struct buf pem;
	buf_init(&pem, CA_MAX);
	hash_sha256(witness.ptr, witness.len, s.hash);
	int r = t ? fs_read(ca, &pem, err) : err_set(err, E_NOMEM, url, "no memory");
	s.ca = buf_view(&pem);
	if (r == 0 && (getrandom(&s.nonce, sizeof s.nonce, 0) != sizeof s.nonce || snprintf(path, sizeof path, "%s.tsr", out) >= (int)sizeof path))
		r = err_set(err, E_INVALID, out, "the name is too long");
	s.nonce >>= 1; /* never negative, never long */
	s.nonce |= 1;
	r = r < 0 ? r : in_child(ask, &s, url, err);
	r = r < 0 ? r : fs_write(path, (struct str){ (const char *)t->der, t->len }, 0644, err);
	if (r == 0)
		*ret_ms = t->time_ms;
	buf_done(&pem);
	mem_free(t);
	return r;
}

static void show(const struct checkpoint *c, const char *out, int64_t stamp_ms)
{
	char when[CLOCK_TEXT], stamped[CLOCK_TEXT];
	clock_format_jst(c->time_ms, when);
	printf(cli_japanese() ? "署名 %llu番(%s)を %s に書き出しました。団体の外で保管してください。\n" : "Checkpoint %llu (%s) is in %s. Have it kept outside.\n",
	       (unsigned long long)c->number, when, out);
	if (stamp_ms) {
		clock_format_jst(stamp_ms, stamped);
		printf(cli_japanese() ? "タイムスタンプ: %s(%s.tsr)\n" : "Time stamp: %s (%s.tsr)\n", stamped, out);
	}
}

static int log_witness(int argc, char **argv)
{
	struct err err = { 0 };
	struct checkpoint c;
	struct buf text;
	char dir[PLACE_MAX];
	int64_t stamp_ms = 0;
	const char *out = cli_option(&argc, argv, "-o"), *tsa = cli_option(&argc, argv, "--tsa"), *ca = cli_option(&argc, argv, "--tsa-ca");
	if (argc || (tsa && (!out || !ca)) || (ca && !tsa))
		return cli_usage(cli_witness);
	buf_init(&text, 4096);
	int r = witness_last(place_in_state(dir, sizeof dir, "segments"), &c, &err);
	if (r < 0)
		return cli_error(&err);
	witness_format(&c, &text);
	if (!out)
		fputs(buf_cstr(&text), stdout);
	r = out ? fs_write(out, buf_view(&text), 0644, &err) : 0;
	r = r < 0 || !tsa ? r : stamp_it(buf_view(&text), tsa, ca, out, &stamp_ms, &err);
	if (r == 0 && out)
		show(&c, out, stamp_ms);
	checkpoint_done(&c);
	buf_done(&text);
	return r < 0 ? cli_error(&err) : EXIT_DONE;
}

const struct cli_command cli_witness[] = {
	{ "log witness", "toride log witness [-o FILE [--tsa URL --tsa-ca FILE]]",
	  "the last checkpoint, for somebody outside to keep; --tsa: with a time stamp of that authority (RFC 3161) in FILE.tsr",
	  "外部の立会人が保管するための最後の署名。--tsa: タイムスタンプ局の証明 (RFC 3161) を FILE.tsr に付ける", log_witness },
	{ 0 },
};
