/* One message to one gateway, by libcurl; see courier.h. */
#include "courier/courier.h"

#include "base/err.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <stdio.h>
#include <sys/socket.h>

/* Whatever the gateway says beside its status is dropped unread. */
static size_t drop(char *p, size_t size, size_t n, void *user)
{
	size_t *left = user;
	(void)p;
	if (size * n > *left)
		return 0; /* it never ends: broken off */
	*left -= size * n;
	return size * n;
}

struct reaching {
	const struct courier *c;
	bool refused;
};

static curl_socket_t open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct reaching *r = user;
	if (purpose != CURLSOCKTYPE_IPCXN || !courier_may_reach(r->c, &a->addr)) {
		r->refused = true;
		return CURL_SOCKET_BAD;
	}
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static struct curl_slist *headers(const struct gateway *g, const struct courier_message *m, const char *token)
{
	char line[600];
	struct curl_slist *h = curl_slist_append(NULL, g->form ? "Content-Type: application/x-www-form-urlencoded" : "Content-Type: application/json");
	snprintf(line, sizeof line, "Idempotency-Key: %.100s", m->reference); /* a repeat is seen as one, where the gateway can */
	h = curl_slist_append(h, line);
	snprintf(line, sizeof line, "Authorization: Bearer %.500s", token);
	return token[0] ? curl_slist_append(h, line) : h;
}

static int judge(CURLcode code, long status, bool refused, struct err *err)
{
	if (refused)
		return err_set(err, E_DENIED, "gateway", "its address is one that is never reached");
	if (code == CURLE_OPERATION_TIMEDOUT)
		return err_set(err, E_TIMEOUT, "gateway", "no answer in time");
	if (code != CURLE_OK)
		return err_set(err, E_CLOSED, "gateway", "%s", curl_easy_strerror(code));
	if (status >= 200 && status < 300)
		return 0;
	bool for_good = status >= 400 && status < 500 && status != 408 && status != 425 && status != 429;
	return err_set(err, for_good ? E_DENIED : E_IO, "gateway", "it answered %ld", status);
}

int courier_send(const struct courier *c, const struct gateway *g, const struct courier_message *m, const char *token, long *ret_status,
                 struct err *err)
{
	struct reaching reach = { c, false };
	size_t left = 64 * KIB;
	struct buf body;
	CURL *x = curl_easy_init();
	if (!x)
		return err_set(err, E_NOMEM, "", "no memory");
	buf_init(&body, 16 * COURIER_TEXT_MAX);
	courier_compose(g, m, &body);
	struct curl_slist *h = headers(g, m, token);
	curl_easy_setopt(x, CURLOPT_URL, g->url);
	curl_easy_setopt(x, CURLOPT_PROTOCOLS_STR, "http,https"); /* which of them the description's check says */
	curl_easy_setopt(x, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(x, CURLOPT_PROXY, "");
	curl_easy_setopt(x, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(x, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(x, CURLOPT_POST, 1L);
	curl_easy_setopt(x, CURLOPT_POSTFIELDS, buf_cstr(&body));
	curl_easy_setopt(x, CURLOPT_POSTFIELDSIZE, (long)body.len);
	curl_easy_setopt(x, CURLOPT_HTTPHEADER, h);
	curl_easy_setopt(x, CURLOPT_USERAGENT, "toride");
	curl_easy_setopt(x, CURLOPT_TIMEOUT_MS, (long)COURIER_TIMEOUT_MS);
	curl_easy_setopt(x, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(x, CURLOPT_OPENSOCKETDATA, &reach);
	curl_easy_setopt(x, CURLOPT_WRITEFUNCTION, drop);
	curl_easy_setopt(x, CURLOPT_WRITEDATA, &left);
	*ret_status = 0;
	CURLcode code = body.failed ? CURLE_OUT_OF_MEMORY : curl_easy_perform(x);
	curl_easy_getinfo(x, CURLINFO_RESPONSE_CODE, ret_status);
	int r = judge(code, *ret_status, reach.refused, err);
	curl_slist_free_all(h);
	curl_easy_cleanup(x);
	buf_done(&body);
	return r;
}
