/* See smtp.h. A letter belongs to the caller's thread while FREE or DONE, to a worker while WAITING or RUNNING. */
#include "respond/smtp.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>

enum state { FREE, WAITING, RUNNING, DONE };

struct letter {
	_Atomic int state; /* changed under the lock, read without */
	int64_t id;
	char url[300], from[300], to[300];
	struct buf message;
	size_t read;
	int timeout_ms;
	bool ok;
	int code;
	char words[CURL_ERROR_SIZE];
};

struct mailer {
	struct letter letters[MAILER_MAX];
	pthread_t threads[MAILER_THREADS];
	int n_threads;
	pthread_mutex_t lock;
	pthread_cond_t more;
	_Atomic bool stop;
	mailer_done done;
	void *user;
};

int mailer_create(mailer_done done, void *user, struct mailer **ret, struct err *err)
{
	struct mailer *m = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? mem_alloc(sizeof *m) : NULL;
	if (!m)
		return err_set(err, E_NOMEM, "", "no memory");
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->more, NULL);
	m->done = done;
	m->user = user;
	*ret = m;
	return 0;
}

void mailer_destroy(struct mailer **m)
{
	if (!*m)
		return;
	pthread_mutex_lock(&(*m)->lock);
	(*m)->stop = true;
	pthread_cond_broadcast(&(*m)->more);
	pthread_mutex_unlock(&(*m)->lock);
	for (int i = 0; i < (*m)->n_threads; i++)
		pthread_join((*m)->threads[i], NULL);
	for (int i = 0; i < MAILER_MAX; i++)
		buf_done(&(*m)->letters[i].message);
	pthread_cond_destroy(&(*m)->more);
	pthread_mutex_destroy(&(*m)->lock);
	mem_free(*m);
	*m = NULL;
}

int mailer_room(const struct mailer *m)
{
	int n = 0;
	for (int i = 0; i < MAILER_MAX; i++)
		n += m->letters[i].state == FREE;
	return n;
}

bool mailer_has(const struct mailer *m, int64_t id)
{
	for (int i = 0; i < MAILER_MAX; i++)
		if (m->letters[i].state != FREE && m->letters[i].id == id)
			return true;
	return false;
}

/* ---- in a worker ---- */

static size_t give(char *dst, size_t size, size_t n, void *user)
{
	struct letter *l = user;
	size_t left = l->message.len - l->read, k = left < size * n ? left : size * n;
	memcpy(dst, l->message.ptr + l->read, k);
	l->read += k;
	return k;
}

static size_t ignore(char *p, size_t size, size_t n, void *user)
{
	(void)p, (void)user;
	return size * n;
}

static int go_on(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)a, (void)b, (void)c, (void)d;
	return ((struct mailer *)user)->stop;
}

static void set_up(CURL *e, struct mailer *m, struct letter *l, struct curl_slist *to)
{
	long wait = l->timeout_ms < 5000 ? l->timeout_ms : 5000;
	curl_easy_setopt(e, CURLOPT_URL, l->url);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "smtp");
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_MAIL_FROM, l->from);
	curl_easy_setopt(e, CURLOPT_MAIL_RCPT, to);
	curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(e, CURLOPT_READFUNCTION, give);
	curl_easy_setopt(e, CURLOPT_READDATA, l);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, ignore);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)l->timeout_ms);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, wait);
	curl_easy_setopt(e, CURLOPT_SERVER_RESPONSE_TIMEOUT, wait / 1000 + 1);
	curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, go_on);
	curl_easy_setopt(e, CURLOPT_XFERINFODATA, m);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, l->words);
}

static void deliver(struct mailer *m, struct letter *l)
{
	struct curl_slist *to = curl_slist_append(NULL, l->to);
	CURL *e = curl_easy_init();
	CURLcode result = CURLE_OUT_OF_MEMORY;
	long code = 0;
	if (e && to) {
		set_up(e, m, l, to);
		result = curl_easy_perform(e);
		curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &code);
	}
	if (!l->words[0])
		snprintf(l->words, sizeof l->words, "%s", curl_easy_strerror(result));
	l->ok = result == CURLE_OK;
	l->code = (int)code;
	curl_easy_cleanup(e); /* may wait for the answer to QUIT: the reason for these threads */
	curl_slist_free_all(to);
}

static struct letter *next_waiting(struct mailer *m)
{
	for (int i = 0; i < MAILER_MAX; i++)
		if (m->letters[i].state == WAITING)
			return &m->letters[i];
	return NULL;
}

static void *work(void *user)
{
	struct mailer *m = user;
	pthread_mutex_lock(&m->lock);
	while (!m->stop) {
		struct letter *l = next_waiting(m);
		if (!l) {
			pthread_cond_wait(&m->more, &m->lock);
			continue;
		}
		l->state = RUNNING;
		pthread_mutex_unlock(&m->lock);
		deliver(m, l);
		pthread_mutex_lock(&m->lock);
		l->state = DONE;
	}
	pthread_mutex_unlock(&m->lock);
	return NULL;
}

/* ---- in the caller's thread ---- */

static int start_threads(struct mailer *m, struct err *err)
{
	while (m->n_threads < MAILER_THREADS) {
		if (pthread_create(&m->threads[m->n_threads], NULL, work, m) != 0)
			return m->n_threads ? 0 : err_set(err, E_NOMEM, "", "cannot make a thread");
		m->n_threads++;
	}
	return 0;
}

int mailer_send(struct mailer *m, int64_t id, const char *host, uint16_t port, const char *from, const char *to,
                struct str message, int timeout_ms, struct err *err)
{
	struct letter *l = NULL;
	for (int i = 0; i < MAILER_MAX && !l; i++)
		l = m->letters[i].state == FREE ? &m->letters[i] : NULL;
	if (!l)
		return err_set(err, E_LIMIT, "", "too many mails at once");
	int r = start_threads(m, err);
	if (r < 0)
		return r;
	l->id = id;
	l->read = 0;
	l->timeout_ms = timeout_ms;
	l->words[0] = 0;
	buf_done(&l->message);
	buf_init(&l->message, message.len);
	buf_str(&l->message, message);
	if (l->message.failed)
		return err_set(err, E_NOMEM, "", "no memory");
	snprintf(l->url, sizeof l->url, strchr(host, ':') ? "smtp://[%s]:%u/toride" : "smtp://%s:%u/toride", host, port);
	snprintf(l->from, sizeof l->from, "<%s>", from);
	snprintf(l->to, sizeof l->to, "<%s>", to);
	pthread_mutex_lock(&m->lock);
	l->state = WAITING;
	pthread_cond_signal(&m->more);
	pthread_mutex_unlock(&m->lock);
	return 0;
}

int mailer_work(struct mailer *m)
{
	for (int i = 0; i < MAILER_MAX; i++) {
		struct letter *l = &m->letters[i];
		if (l->state != DONE)
			continue;
		pthread_mutex_lock(&m->lock); /* what the worker wrote is seen */
		pthread_mutex_unlock(&m->lock);
		m->done(l->id, l->ok, l->code, l->words, m->user);
		l->state = FREE;
	}
	return MAILER_MAX - mailer_room(m);
}
