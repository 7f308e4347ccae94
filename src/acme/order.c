/* See order.h. The account needs no memory of ours: asking for a new one with its key gives the one there is (section 7.3). */
#include "acme/order.h"

#include "acme/cert.h"
#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>

#define NONCE_TRIES 5
#define POLLS 40         /* of something under way; a second each unless the authority says more */
#define POLL_MAX_S 10

struct run {
	const struct acme_world *w;
	const struct acme_order *o;
	struct acme_directory dir;
	struct acme_reply reply;
	char kid[ACME_URL], order_url[ACME_URL], thumbprint[JOSE_THUMBPRINT];
	char tokens[ACME_NAMES][ACME_TOKEN];
	size_t n_tokens;
};

static int get(struct run *x, const char *url, struct err *err)
{
	buf_reset(&x->reply.body);
	int r = x->w->call(x->w->user, url, (struct str){ NULL, 0 }, &x->reply, err);
	if (r == 0 && x->reply.status / 100 != 2)
		r = err_set(err, E_CLOSED, url, "the authority answers %d", x->reply.status);
	return r;
}

static int refused(struct run *x, const char *url, bool *ret_again, struct err *err)
{
	char type[64], words[200];
	acme_read_problem(buf_view(&x->reply.body), type, words);
	*ret_again = strcmp(type, "badNonce") == 0; /* section 6.5: with the new one of this answer */
	return err_set(err, strcmp(type, "rateLimited") == 0 ? E_LIMIT : E_DENIED, url, "the authority refuses (%d %s): %s", x->reply.status, type, words);
}

static int post_once(struct run *x, const char *url, struct str payload, bool *ret_again, struct err *err)
{
	struct buf body;
	char nonce[sizeof x->reply.nonce];
	*ret_again = false;
	int r = *x->reply.nonce ? 0 : get(x, x->dir.new_nonce, err);
	if (r == 0 && !*x->reply.nonce)
		r = err_set(err, E_INVALID, x->dir.new_nonce, "the authority gives no nonce");
	if (r < 0)
		return r;
	buf_init(&body, ACME_BODY);
	snprintf(nonce, sizeof nonce, "%s", x->reply.nonce);
	r = jose_request_put(&(struct jose_request){ url, nonce, x->kid, payload }, x->w->sign, x->w->user, &body, err);
	x->reply.nonce[0] = 0;
	buf_reset(&x->reply.body);
	r = r < 0 ? r : x->w->call(x->w->user, url, buf_view(&body), &x->reply, err);
	if (r == 0 && x->reply.status / 100 != 2)
		r = refused(x, url, ret_again, err);
	buf_done(&body);
	return r;
}

static int post(struct run *x, const char *url, struct str payload, struct err *err)
{
	bool again = true;
	int r = 0;
	for (int i = 0; again && i < NONCE_TRIES; i++)
		r = post_once(x, url, payload, &again, err);
	return r;
}

static void pause_for(struct run *x)
{
	unsigned s = x->reply.retry_after_s;
	x->w->wait(x->w->user, 1000 * (s < 1 ? 1 : s > POLL_MAX_S ? POLL_MAX_S : s));
}

static int account(struct run *x, struct err *err)
{
	struct buf b;
	buf_init(&b, 4 * KIB);
	buf_puts(&b, "{\"termsOfServiceAgreed\":true,\"contact\":[");
	buf_puts(&b, "\"mailto:");
	buf_puts(&b, x->o->contact); /* a mail address: nothing in it needs escaping */
	buf_puts(&b, "\"]}");
	int r = post(x, x->dir.new_account, buf_view(&b), err);
	buf_done(&b);
	if (r == 0 && !*x->reply.location)
		r = err_set(err, E_INVALID, x->dir.new_account, "the authority names no account");
	if (r == 0)
		memcpy(x->kid, x->reply.location, sizeof x->kid);
	return r;
}

static int begin(struct run *x, struct acme_order_answer *ret, struct err *err)
{
	struct buf b;
	buf_init(&b, 8 * KIB);
	buf_puts(&b, "{\"identifiers\":[");
	for (size_t i = 0; i < x->o->n; i++) {
		buf_puts(&b, i ? ",{\"type\":\"dns\",\"value\":" : "{\"type\":\"dns\",\"value\":");
		json_str(&b, str_from(x->o->names[i]));
		buf_putc(&b, '}');
	}
	buf_puts(&b, "]}");
	int r = post(x, x->dir.new_order, buf_view(&b), err);
	buf_done(&b);
	r = r < 0 ? r : acme_read_order(buf_view(&x->reply.body), ret, err);
	if (r == 0 && !*x->reply.location)
		r = err_set(err, E_INVALID, x->dir.new_order, "the authority names no order");
	if (r == 0)
		memcpy(x->order_url, x->reply.location, sizeof x->order_url);
	return r;
}

/* Section 8.3: the file holds the token and the key's thumbprint. */
static int answer_challenge(struct run *x, const struct acme_authorization *a, struct err *err)
{
	char content[ACME_TOKEN + JOSE_THUMBPRINT + 1];
	if (!*a->token)
		return err_set(err, E_INVALID, "acme", "the authority offers no http-01 challenge");
	snprintf(content, sizeof content, "%s.%s", a->token, x->thumbprint);
	int r = x->w->show(x->w->user, a->token, str_from(content), err);
	if (r == 0)
		memcpy(x->tokens[x->n_tokens++], a->token, ACME_TOKEN);
	return r < 0 ? r : post(x, a->challenge, STR("{}"), err);
}

static int look(struct run *x, const char *url, struct acme_authorization *a, struct err *err)
{
	int r = post(x, url, STR(""), err);
	return r < 0 ? r : acme_read_authorization(buf_view(&x->reply.body), a, err);
}

static int authorize(struct run *x, const char *url, struct err *err)
{
	struct acme_authorization a;
	int r = look(x, url, &a, err);
	if (r == 0 && a.state == ACME_PENDING)
		r = answer_challenge(x, &a, err);
	for (int i = 0; r == 0 && a.state == ACME_PENDING && i < POLLS; i++) {
		pause_for(x);
		r = look(x, url, &a, err);
	}
	if (r < 0 || a.state == ACME_VALID)
		return r;
	return a.state == ACME_PENDING ? err_set(err, E_TIMEOUT, url, "the authority doesn't decide about the challenge")
	                               : err_set(err, E_DENIED, url, "the authority didn't see our answer: %s", a.why);
}

static int poll_order(struct run *x, enum acme_state until, struct acme_order_answer *a, struct err *err)
{
	int r = 0;
	for (int i = 0; r == 0 && a->state != until && a->state != ACME_VALID && a->state != ACME_INVALID && i < POLLS; i++) {
		if (i)
			pause_for(x);
		r = post(x, x->order_url, STR(""), err);
		r = r < 0 ? r : acme_read_order(buf_view(&x->reply.body), a, err);
	}
	if (r == 0 && a->state == ACME_INVALID)
		return err_set(err, E_DENIED, x->order_url, "the authority refuses the order: %s", a->why);
	if (r == 0 && a->state != until && a->state != ACME_VALID)
		return err_set(err, E_TIMEOUT, x->order_url, "the authority doesn't decide about the order");
	return r;
}

/* The key is made when the authority has accepted the names: none is left over by an order that failed before. */
static int finalize(struct run *x, struct acme_order_answer *a, unsigned char ret_key[SHA256_LEN], struct err *err)
{
	struct buf pem, der, b;
	buf_init(&pem, 16 * KIB);
	buf_init(&der, 16 * KIB);
	buf_init(&b, 32 * KIB);
	int r = x->w->request(x->w->user, x->o->names, x->o->n, &pem, err);
	r = r < 0 ? r : cert_request(buf_view(&pem), &der, ret_key, err);
	buf_puts(&b, "{\"csr\":\"");
	base64url_put(&b, der.ptr ? der.ptr : "", der.len);
	buf_puts(&b, "\"}");
	r = r < 0 ? r : post(x, a->finalize, buf_view(&b), err);
	r = r < 0 ? r : acme_read_order(buf_view(&x->reply.body), a, err);
	buf_done(&pem);
	buf_done(&der);
	buf_done(&b);
	return r < 0 ? r : poll_order(x, ACME_VALID, a, err);
}

static int fetch(struct run *x, const char *url, const unsigned char key[SHA256_LEN], struct buf *ret_pem, struct err *err)
{
	struct cert c;
	int r = post(x, url, STR(""), err);
	r = r < 0 ? r : cert_read(buf_view(&x->reply.body), x->o->names, x->o->n, &c, err);
	if (r == 0 && (!c.covers || memcmp(c.key, key, SHA256_LEN) != 0))
		r = err_set(err, E_INVALID, url, "the certificate isn't for the names and the key that were asked for");
	return r < 0 ? r : cert_chain(buf_view(&x->reply.body), ret_pem, err);
}

static int carry_out(struct run *x, struct buf *ret_pem, struct err *err)
{
	struct acme_order_answer a = { 0 };
	unsigned char pub[64], none[64], key[SHA256_LEN];
	int r = x->w->sign(x->w->user, STR(""), pub, none, err);
	if (r == 0)
		jose_thumbprint(pub, x->thumbprint);
	r = r < 0 ? r : get(x, x->o->directory, err);
	r = r < 0 ? r : acme_read_directory(buf_view(&x->reply.body), &x->dir, err);
	r = r < 0 ? r : account(x, err);
	r = r < 0 ? r : begin(x, &a, err);
	for (size_t i = 0; r == 0 && i < a.n; i++)
		r = authorize(x, a.authorizations[i], err);
	r = r < 0 ? r : poll_order(x, ACME_READY, &a, err);
	r = r < 0 ? r : finalize(x, &a, key, err);
	return r < 0 ? r : fetch(x, a.certificate, key, ret_pem, err);
}

int acme_order(const struct acme_world *w, const struct acme_order *o, struct buf *ret_pem, struct err *err)
{
	struct run *x = mem_alloc(sizeof *x);
	if (!x)
		return err_set(err, E_NOMEM, "acme", "no memory");
	x->w = w;
	x->o = o;
	buf_init(&x->reply.body, ACME_BODY);
	int r = o->n >= 1 && o->n <= ACME_NAMES ? carry_out(x, ret_pem, err) : err_set(err, E_INVALID, "acme", "1 to %d names", ACME_NAMES);
	for (size_t i = 0; i < x->n_tokens; i++)
		w->show(w->user, x->tokens[i], (struct str){ NULL, 0 }, NULL);
	buf_done(&x->reply.body);
	mem_free(x);
	return r;
}
