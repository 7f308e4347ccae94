/* See looker.h. */
#include "look/looker.h"

#include "base/err.h"
#include "base/mem.h"
#include "jail/calls.h"
#include "jail/caps.h"
#include "jail/paths.h"
#include "jail/table.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define REDIRECTS 3
#define CPU_S 10
#define MEMORY (256u * MIB)

struct looker {
	int fd;
	struct buf in; /* an answer as far as it came */
};

/* ---- the visit, in a process of its own ---- */

struct page_bytes { /* shared with the nursery */
	struct look_answer answer;
	char body[LOOK_BYTES];
};

static size_t on_body(char *p, size_t size, size_t n, void *user)
{
	struct page_bytes *b = user;
	size_t room = LOOK_BYTES - b->answer.n, take = size * n < room ? size * n : room;
	memcpy(b->body + b->answer.n, p, take);
	b->answer.n += (uint32_t)take;
	return take; /* less than what came ends it: what is beyond isn't looked at */
}

static void prepare(CURL *c, const struct look_visit *v, struct curl_slist *to, struct page_bytes *b)
{
	curl_easy_setopt(c, CURLOPT_CONNECT_TO, to);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)LOOKER_MS / (REDIRECTS + 1));
	/* It is our own server's address; whether visitors get the right certificate is acmed's matter. */
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36");
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, b);
}

/* Any other port of our own address is a service that the page's author was never to reach. */
bool looker_own(const char *url, const char *names, char away[256])
{
	char *host = NULL, *port = NULL;
	CURLU *u = curl_url();
	bool own = false;
	if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK && curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
		bool web = strcmp(port, "80") == 0 || strcmp(port, "443") == 0;
		own = web && look_is_own(names, host);
		if (!own)
			snprintf(away, 256, web ? "%.248s" : "%.248s:%.5s", host, port);
	}
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
	return own;
}

/* Where it wants the visitor to go: true when that is a page of the site, and url is it. */
static bool follow(CURL *c, const struct look_visit *v, char url[2048], struct look_seen *s)
{
	const char *to = NULL;
	curl_easy_getinfo(c, CURLINFO_REDIRECT_URL, &to);
	if (!to || strlen(to) >= 2048 || !looker_own(to, v->names, s->away))
		return false;
	snprintf(url, 2048, "%s", to);
	return true;
}

static void visit(const struct look_visit *v, struct page_bytes *b)
{
	char url[2048], line[80];
	long status = 0;
	CURL *c = curl_easy_init();
	snprintf(line, sizeof line, "::%s:", v->address);
	struct curl_slist *to = curl_slist_append(NULL, line);
	snprintf(url, sizeof url, "http%s://%s%s", v->tls ? "s" : "", v->site, v->path);
	if (!c || !to)
		return;
	prepare(c, v, to, b);
	for (int i = 0; i <= REDIRECTS; i++) {
		b->answer.n = 0;
		curl_easy_setopt(c, CURLOPT_URL, url);
		CURLcode code = curl_easy_perform(c);
		if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && b->answer.n == LOOK_BYTES)) {
			snprintf(b->answer.why, sizeof b->answer.why, "%s", curl_easy_strerror(code));
			return;
		}
		curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
		b->answer.seen.status = status > 0 && status < 1000 ? (unsigned)status : 0;
		if (status < 300 || status > 399 || !follow(c, v, url, &b->answer.seen))
			break;
	}
	if (status)
		look_page_read((struct str){ b->body, b->answer.n }, v->names, &b->answer.seen.page);
}

static void limit(int what, rlim_t n)
{
	struct rlimit l = { n, n };
	setrlimit(what, &l);
}

/* ---- the nursery ---- */

static bool all(int fd, void *p, size_t n, bool out)
{
	for (size_t done = 0; done < n;) {
		ssize_t k = out ? send(fd, (char *)p + done, n - done, MSG_NOSIGNAL) : recv(fd, (char *)p + done, n - done, 0);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return false;
		done += (size_t)k;
	}
	return true;
}

/* A page that kills its reader is like no other: who defaces one must not hide it so. */
static void died(struct look_answer *a, bool of_page)
{
	memset(a, 0, sizeof *a);
	if (!of_page) {
		snprintf(a->why, sizeof a->why, "the visit took too long");
		return;
	}
	look_page_read(STR(""), "", &a->seen.page);
	a->seen.status = 200;
	snprintf(a->seen.page.begin, sizeof a->seen.page.begin, "(読み取れないページ / a page that can't be read)");
}

static bool one_visit(int fd, struct page_bytes *b)
{
	static struct look_visit v;
	static struct look_answer a; /* not where a visitor's own child, whom a page took over, could still write */
	int status = 0;
	if (!all(fd, &v, sizeof v, false))
		return false;
	memset(&b->answer, 0, sizeof b->answer);
	pid_t pid = fork();
	if (pid == 0) {
		close(fd);
		limit(RLIMIT_CPU, CPU_S);
#ifndef __SANITIZE_ADDRESS__
		limit(RLIMIT_DATA, MEMORY);
#endif
		limit(RLIMIT_NPROC, 0); /* nobody outlives the visit, to answer for the next ones */
		alarm(LOOKER_MS / 1000 + 2);
		visit(&v, b);
		_exit(0);
	}
	int ended = pid < 0 ? -1 : waitpid(pid, &status, 0);
	a = b->answer;
	if (ended < 0 || status)
		died(&a, pid > 0 && WIFSIGNALED(status) && WTERMSIG(status) != SIGALRM && WTERMSIG(status) != SIGKILL);
	if (a.n > LOOK_BYTES)
		a.n = 0;
	return all(fd, &a, sizeof a, true) && all(fd, b->body, a.n, true);
}

static int shut_in(struct err *err)
{
	struct jail_paths none = { 0 };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(err, "prctl", "cannot give up new privileges");
	int r = jail_caps_keep(0, err);
	r = r < 0 ? r : jail_paths_apply(&none, err);
	return r < 0 ? r : jail_calls_apply(CALLS_READ | CALLS_UNIX | CALLS_INET | CALLS_THREADS | CALLS_FORK | CALLS_WORKERS, err);
}

static void nursery(int fd, struct page_bytes *b)
{
	struct err err = { 0 };
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (shut_in(&err) < 0) {
		dprintf(2, "lookd: %s: %s\n", err.path, err.msg);
		_exit(1);
	}
	while (one_visit(fd, b))
		;
	_exit(0);
}

int looker_open(struct looker **ret, struct err *err)
{
	int p[2];
	struct page_bytes *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct looker *l = mem_alloc(sizeof *l);
	if (b == MAP_FAILED || !l || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p) < 0)
		return err_errno(err, "", "cannot begin looking");
	pid_t pid = fork();
	if (pid == 0) {
		close(p[0]);
		nursery(p[1], b);
	}
	munmap(b, sizeof *b);
	close(p[1]);
	if (pid < 0) {
		close(p[0]);
		mem_free(l);
		return err_errno(err, "", "cannot begin looking");
	}
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	l->fd = p[0];
	buf_init(&l->in, sizeof(struct look_answer) + LOOK_BYTES);
	*ret = l;
	return 0;
}

/* ---- whose matter it is ---- */

void looker_close(struct looker **lp)
{
	struct looker *l = *lp;
	if (!l)
		return;
	close(l->fd); /* the nursery's end */
	buf_done(&l->in);
	mem_free(l);
	*lp = NULL;
}

int looker_fd(const struct looker *l)
{
	return l->fd;
}

int looker_ask(struct looker *l, const struct look_visit *v, struct err *err)
{
	buf_reset(&l->in);
	/* Smaller than a socket's buffer, and nothing else is in it. */
	return send(l->fd, v, sizeof *v, MSG_NOSIGNAL) == sizeof *v ? 0 : err_errno(err, "", "the looker can't be asked");
}

static bool whole(const struct buf *b, struct look_answer *ret)
{
	if (b->len < sizeof *ret)
		return false;
	memcpy(ret, b->ptr, sizeof *ret);
	return b->len >= sizeof *ret + ret->n;
}

int looker_take(struct looker *l, struct look_answer *ret, struct err *err)
{
	char part[65536];
	ssize_t n;
	while ((n = recv(l->fd, part, sizeof part, 0)) > 0)
		buf_put(&l->in, part, (size_t)n);
	if (l->in.failed || n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		return err_set(err, E_CLOSED, "", "what looks at the pages is gone");
	if (!whole(&l->in, ret))
		return 0;
	look_page_harmless(&ret->seen.page);
	ret->why[sizeof ret->why - 1] = ret->seen.away[sizeof ret->seen.away - 1] = 0;
	for (char *s = ret->seen.away; *s; s++)
		*s = (unsigned char)*s <= ' ' ? '?' : *s;
	return 1;
}

struct str looker_body(const struct looker *l)
{
	return l->in.len > sizeof(struct look_answer) ? (struct str){ l->in.ptr + sizeof(struct look_answer), l->in.len - sizeof(struct look_answer) } : STR("");
}
