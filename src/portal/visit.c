/* Who asks: cookies, the two questions to authd and controld, and whether a form came from a page of ours. See portal.h. */
#include "portal/portal.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "wire/ctl.h"
#include "wire/place.h"

#include <openssl/crypto.h>
#include <stdio.h>

#define WHO_MS 3000
/* Over TLS a name that no other host under the same domain can set (RFC 6265bis, 4.1.3.2). */
static const char *const session_cookie[] = { "toride", "__Host-toride" }, *const form_cookie_name[] = { "toride_form", "__Host-toride_form" };

bool visit_over_tls(const struct request *rq)
{
	return strcmp(rq->q->https, "on") == 0;
}

static bool hung_up(void *user)
{
	return ctl_hung_up(*(const int *)user);
}

int portal_call(int asker_fd, const char *socket, struct str request, struct buf *reply, int timeout_ms, struct err *err)
{
	char path[PLACE_MAX];
	return ctl_call_unless(place_in_run(path, sizeof path, "%s", socket), request, reply, timeout_ms, asker_fd >= 0 ? hung_up : NULL, &asker_fd, err);
}

void visit_request(const struct request *rq, struct buf *b, const char *what)
{
	buf_init(b, 64 * KIB);
	buf_puts(b, "{\"v\":1");
	json_field_s(b, "do", what);
	if (rq->who.token[0])
		json_field_s(b, "session", rq->who.token);
}

int visit_ask(struct request *rq, const char *socket, struct buf *b, int timeout_ms, yyjson_doc **ret_doc, struct err *err)
{
	struct buf reply;
	buf_putc(b, '}');
	buf_init(&reply, CTL_MAX);
	int r = b->failed ? err_set(err, E_LIMIT, "", "the request is too large") : rq->p->call(rq->p->asker_fd, socket, buf_view(b), &reply, timeout_ms, err);
	buf_done(b);
	if (ret_doc)
		*ret_doc = r == 0 ? yyjson_read(reply.ptr, reply.len, 0) : NULL;
	if (r == 0 && ret_doc && !*ret_doc)
		r = err_set(err, E_CORRUPT, socket, "its answer can't be read");
	buf_done(&reply);
	return r;
}

static bool is_token(const char *s)
{
	return strlen(s) == TOKEN_MAX - 1 && strspn(s, "0123456789abcdef") == TOKEN_MAX - 1;
}

/* The form token of a session follows from its name, which no other page can read. */
static void derive(const char *token, char ret[TOKEN_MAX])
{
	char text[TOKEN_MAX + 16];
	unsigned char h[32];
	snprintf(text, sizeof text, "form %s", token);
	hash_sha256(text, strlen(text), h);
	hex_format(h, sizeof h, ret);
}

static void set_cookie(struct request *rq, const char *name, const char *value, const char *site, const char *more)
{
	buf_printf(&rq->cookies, "Set-Cookie: %s=%s; Path=/; Secure; HttpOnly; SameSite=%s%s\r\n", name, value, site, more);
}

/* Before anybody is signed in the token is a cookie of its own: a form from elsewhere can't send both (login CSRF). */
static void know_stranger(struct request *rq)
{
	unsigned char r[32];
	if (form_cookie(str_from(rq->q->cookie), form_cookie_name[visit_over_tls(rq)], rq->who.form_token, TOKEN_MAX) && is_token(rq->who.form_token))
		return;
	rnd_bytes(r, sizeof r);
	hex_format(r, sizeof r, rq->who.form_token);
	set_cookie(rq, form_cookie_name[visit_over_tls(rq)], rq->who.form_token, "Strict", "");
}

static bool read_person(yyjson_val *root, struct visitor *v)
{
	char role[16];
	return session_stage_parse(ctl_str(root, "stage"), &v->stage) &&
	       str_copy(ctl_str(root, "name"), v->name, sizeof v->name) && str_copy(ctl_str(root, "org"), v->org, sizeof v->org) &&
	       str_copy(ctl_str(root, "prefecture"), v->prefecture, sizeof v->prefecture) &&
	       str_copy(ctl_str(root, "role"), role, sizeof role) && role_parse(role, &v->role);
}

void visit_know(struct request *rq, bool touch)
{
	struct visitor *v = &rq->who;
	struct err err = { 0 };
	struct buf b;
	yyjson_doc *doc = NULL;
	if (form_cookie(str_from(rq->q->cookie), session_cookie[visit_over_tls(rq)], v->token, TOKEN_MAX) && is_token(v->token)) {
		visit_request(rq, &b, "session");
		json_field_bool(&b, "touch", touch);
		json_field_s(&b, "way", rq->q->way);
		if (visit_ask(rq, SOCK_AUTH, &b, WHO_MS, &doc, &err) < 0 || !read_person(yyjson_doc_get_root(doc), v))
			v->stage = SESSION_NONE;
		yyjson_doc_free(doc);
	}
	if (v->stage != SESSION_NONE)
		derive(v->token, v->form_token);
	else
		know_stranger(rq);
}

const char *visit_scope(const struct visitor *v)
{
	return v->org[0] ? v->org : v->prefecture;
}

bool visit_sees(const struct visitor *v, const char *code)
{
	return strncmp(code, visit_scope(v), strlen(visit_scope(v))) == 0;
}

/* "http://host" and "https://host" are ours when the host is the one asked for. */
static bool same_origin(const struct scgi *q)
{
	const char *at = strstr(q->origin, "://");
	if (q->site[0] && strcmp(q->site, "same-origin") != 0)
		return false;
	return !q->origin[0] || (at && q->host[0] && strcmp(at + 3, q->host) == 0);
}

bool visit_is_ours(const struct request *rq)
{
	char given[TOKEN_MAX];
	return same_origin(rq->q) && strncmp(rq->q->type, "application/x-www-form-urlencoded", 33) == 0 &&
	       form_get(rq->q->body, "form", given, sizeof given) && is_token(given) && is_token(rq->who.form_token) &&
	       CRYPTO_memcmp(given, rq->who.form_token, TOKEN_MAX) == 0;
}

void visit_set_session(struct request *rq, const char *token)
{
	set_cookie(rq, session_cookie[visit_over_tls(rq)], token ? token : "", "Lax", token ? "" : "; Max-Age=0");
}
