/* See smtp.h. */
#include "respond/smtp.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <stdio.h>

struct letter {
	CURL *easy;
	struct curl_slist *to;
	struct buf message;
	size_t read;
	int64_t id;
	char words[CURL_ERROR_SIZE];
};

struct mailer {
	CURLM *multi;
	struct letter *letters[MAILER_MAX];
	mailer_done done;
	void *user;
};

int mailer_create(mailer_done done, void *user, struct mailer **ret, struct err *err)
{
	struct mailer *m = mem_alloc(sizeof *m);
	if (m)
		m->multi = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_multi_init() : NULL;
	if (!m || !m->multi) {
		mem_free(m);
		return err_set(err, E_NOMEM, "", "no memory");
	}
	m->done = done;
	m->user = user;
	*ret = m;
	return 0;
}

static void letter_destroy(struct mailer *m, struct letter *l)
{
	if (l->easy) {
		curl_multi_remove_handle(m->multi, l->easy);
		curl_easy_cleanup(l->easy);
	}
	curl_slist_free_all(l->to);
	buf_done(&l->message);
	mem_free(l);
}

void mailer_destroy(struct mailer **m)
{
	if (!*m)
		return;
	for (size_t i = 0; i < MAILER_MAX; i++)
		if ((*m)->letters[i])
			letter_destroy(*m, (*m)->letters[i]);
	curl_multi_cleanup((*m)->multi);
	mem_free(*m);
	*m = NULL;
}

int mailer_room(const struct mailer *m)
{
	int n = 0;
	for (size_t i = 0; i < MAILER_MAX; i++)
		n += !m->letters[i];
	return n;
}

bool mailer_has(const struct mailer *m, int64_t id)
{
	for (size_t i = 0; i < MAILER_MAX; i++)
		if (m->letters[i] && m->letters[i]->id == id)
			return true;
	return false;
}

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

static void set_up(struct letter *l, const char *host, uint16_t port, const char *from, int timeout_ms)
{
	char url[300], sender[300];
	bool v6 = strchr(host, ':');
	snprintf(url, sizeof url, v6 ? "smtp://[%s]:%u/toride" : "smtp://%s:%u/toride", host, port);
	snprintf(sender, sizeof sender, "<%s>", from);
	curl_easy_setopt(l->easy, CURLOPT_URL, url);
	curl_easy_setopt(l->easy, CURLOPT_PROTOCOLS_STR, "smtp");
	curl_easy_setopt(l->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(l->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(l->easy, CURLOPT_MAIL_FROM, sender);
	curl_easy_setopt(l->easy, CURLOPT_MAIL_RCPT, l->to);
	curl_easy_setopt(l->easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(l->easy, CURLOPT_READFUNCTION, give);
	curl_easy_setopt(l->easy, CURLOPT_READDATA, l);
	curl_easy_setopt(l->easy, CURLOPT_WRITEFUNCTION, ignore);
	curl_easy_setopt(l->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	curl_easy_setopt(l->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(timeout_ms < 5000 ? timeout_ms : 5000));
	curl_easy_setopt(l->easy, CURLOPT_FRESH_CONNECT, 1L); /* a relay that restarted must not cost an attempt */
	curl_easy_setopt(l->easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(l->easy, CURLOPT_ERRORBUFFER, l->words);
	curl_easy_setopt(l->easy, CURLOPT_PRIVATE, l);
}

int mailer_send(struct mailer *m, int64_t id, const char *host, uint16_t port, const char *from, const char *to,
                struct str message, int timeout_ms, struct err *err)
{
	size_t slot = 0;
	char rcpt[300];
	while (slot < MAILER_MAX && m->letters[slot])
		slot++;
	if (slot == MAILER_MAX)
		return err_set(err, E_LIMIT, "", "too many mails at once");
	struct letter *l = mem_alloc(sizeof *l);
	if (!l)
		return err_set(err, E_NOMEM, "", "no memory");
	l->id = id;
	buf_init(&l->message, message.len);
	buf_str(&l->message, message);
	snprintf(rcpt, sizeof rcpt, "<%s>", to);
	l->to = curl_slist_append(NULL, rcpt);
	l->easy = curl_easy_init();
	if (l->message.failed || !l->to || !l->easy) {
		letter_destroy(m, l);
		return err_set(err, E_NOMEM, "", "no memory");
	}
	set_up(l, host, port, from, timeout_ms);
	curl_multi_add_handle(m->multi, l->easy);
	m->letters[slot] = l;
	return 0;
}

static void finish(struct mailer *m, struct letter *l, CURLcode result)
{
	long code = 0;
	char words[200];
	curl_easy_getinfo(l->easy, CURLINFO_RESPONSE_CODE, &code);
	snprintf(words, sizeof words, "%s", l->words[0] ? l->words : curl_easy_strerror(result));
	int64_t id = l->id;
	for (size_t i = 0; i < MAILER_MAX; i++)
		if (m->letters[i] == l)
			m->letters[i] = NULL;
	letter_destroy(m, l);
	m->done(id, result == CURLE_OK, (int)code, words, m->user);
}

int mailer_work(struct mailer *m)
{
	int running = 0, left;
	CURLMsg *msg;
	curl_multi_perform(m->multi, &running);
	while ((msg = curl_multi_info_read(m->multi, &left))) {
		struct letter *l = NULL;
		CURLcode result = msg->data.result; /* gone after the handle is */
		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &l);
		finish(m, l, result);
	}
	return MAILER_MAX - mailer_room(m);
}
