/* toride-authd: who is signed in at the desk. It alone reads the accounts, in a schema of PostgreSQL that only its role may touch; passwords
 * are compared here, so that the process costs a core at most, whoever asks. portald asks for sign-in, controld for the person behind a
 * session and, for root, for changes of accounts; doc/interfaces/auth.md. Each sign-in, refused or not, becomes an event.
 *
 * What hashes a password runs in the one thread beside the loop, one after the other, a few waiting at most; what looks a session up is
 * answered in between. Each of the two has a connection of its own. */
#include "account/account.h"
#include "account/passkey.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "jail/jail.h"
#include "vault/vault_client.h"
#include "wire/ctl.h"
#include "wire/daemon.h"
#include "wire/events.h"
#include "wire/place.h"

#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#define JOBS_MAX 8 /* a flood of tries is told to come back, the ninth at once */
#define FIELD_MAX 512
#define VAULT_MS 2000
#define BYTES_TEXT (4 * (PASSKEY_DATA_MAX + 2) / 3 + 1)

struct authd {
	struct daemon d;
	uv_loop_t loop;
	uv_timer_t tick;
	uv_signal_t term, hup;
	struct ctl_server *server;
	struct events *events;
	struct accounts quick, slow; /* the loop's, and the thread's */
	struct ways *ways;
	char name[256]; /* of the desk, which passkeys are for; "": there are none */
	struct vault *vaults[2]; /* quick's and slow's: a connection each */
	bool ready, stands_by;
	unsigned jobs, ticks;
};

/* The texts of a request; each operation takes those it names. */
struct asked {
	char name[FIELD_MAX], password[FIELD_MAX], new[FIELD_MAX], code[FIELD_MAX], session[FIELD_MAX], address[FIELD_MAX], role[FIELD_MAX], org[FIELD_MAX], by[FIELD_MAX], prefecture[FIELD_MAX], way_name[FIELD_MAX];
	struct way way; /* by which the person came */
	bool keys;      /* the page can ask for a passkey there */
	char client_data[BYTES_TEXT], auth_data[BYTES_TEXT], signature[BYTES_TEXT], spki[BYTES_TEXT]; /* base64url */
	char id[2 * PASSKEY_ID_MAX + 1], label[128];
};

struct job {
	uv_work_t work;
	struct authd *x;
	uint64_t peer;
	struct asked q;
	int (*run)(struct job *j);
	struct buf fields;
	struct err err;
	const char *detail; /* what is told of it; NULL: nothing */
	enum sign_in how;
	struct session who;
};

/* ---- events ---- */

/* Whose role it is stands there once they are known to be who they say. */
static void tell(struct authd *x, const char *activity, const struct session *s, const char *address, const char *detail, const char *status)
{
	struct buf b;
	buf_init(&b, 8 * KIB);
	buf_putc(&b, '{');
	json_field_u64(&b, "class_uid", 3002);
	json_field_u64(&b, "time", (uint64_t)clock_now_ms());
	json_field_s(&b, "org", *s->org ? s->org : "service");
	json_field_s(&b, "product", "authd");
	json_field_s(&b, "activity_name", activity);
	if (*s->name) {
		json_key(&b, "user");
		buf_putc(&b, '{');
		json_field_s(&b, "name", s->name);
		if (strcmp(status, "Failure") != 0)
			json_field_s(&b, "group", role_name(s->role));
		buf_putc(&b, '}');
	}
	if (*address) {
		json_key(&b, "src_endpoint");
		buf_putc(&b, '{');
		json_field_s(&b, "ip", address);
		buf_putc(&b, '}');
	}
	json_field_s(&b, "status", status);
	json_field_s(&b, "status_detail", detail);
	buf_putc(&b, '}');
	if (!b.failed)
		events_put(x->events, str_from(s->org), buf_view(&b));
	events_work(x->events);
	buf_done(&b);
}

/* ---- answers ---- */

static void put_person(struct buf *b, const struct session *s)
{
	json_field_s(b, "name", s->name);
	json_field_s(b, "role", role_name(s->role));
	json_field_s(b, "org", s->org);
	json_field_s(b, "prefecture", s->prefecture);
	json_field_s(b, "stage", session_stage_name(s->stage));
	json_field_u64(b, "ends", (uint64_t)s->ends_ms);
}

static void put_first(struct buf *b, const char *key, const char *value)
{
	buf_printf(b, ",\"%s\":", key); /* the answer's head stands before it */
	json_str(b, str_from(value));
}

/* ---- what hashes: in the thread ---- */

static int run_sign_in(struct job *j)
{
	struct credentials c = { j->q.name, j->q.password, j->q.code, j->q.session, j->q.way, j->q.keys };
	char token[SESSION_TOKEN];
	int r = account_sign_in(&j->x->slow, &c, &j->how, token, &j->who, &j->err);
	j->detail = r == 0 ? sign_in_name(j->how) : NULL; /* also that a passkey is asked for: who has the password alone and stops there is seen */
	if (r == 0 && j->how != SIGN_IN_DONE && j->how != SIGN_IN_KEY)
		return err_set(&j->err, E_DENIED, "", "%s", sign_in_name(j->how)); /* portald shows all of them alike */
	if (r == 0) {
		put_first(&j->fields, "session", token);
		put_person(&j->fields, &j->who);
	}
	return r;
}

static int run_enrol(struct job *j);

/* A first password, or a new one: what it was refused for, or a new session. */
static int answer_password(struct job *j, int r, enum enrol how, enum password_fault fault, const char *token)
{
	if (r < 0)
		return r;
	if (how != ENROL_DONE)
		return err_set(&j->err, E_INVALID, how == ENROL_CODE ? "code" : "password", "%s", how == ENROL_CODE ? "wrong" : password_fault_name(fault));
	put_first(&j->fields, "session", token);
	put_person(&j->fields, &j->who);
	j->detail = j->run == run_enrol ? "enrolled" : "password_changed";
	return 0;
}

static int run_enrol(struct job *j)
{
	enum enrol how = ENROL_CODE;
	enum password_fault fault = PASSWORD_GOOD;
	char token[SESSION_TOKEN];
	int r = account_enrol(&j->x->slow, j->q.session, j->q.password, j->q.code, &how, &fault, token, &j->who, &j->err);
	return answer_password(j, r, how, fault, token);
}

static int run_password(struct job *j)
{
	struct credentials c = { "", j->q.password, j->q.code, "", j->q.way, false };
	enum enrol how = ENROL_CODE;
	enum password_fault fault = PASSWORD_GOOD;
	char token[SESSION_TOKEN];
	int r = account_change_password(&j->x->slow, j->q.session, &c, j->q.new, &how, &fault, token, &j->who, &j->err);
	if (r == 0 && how == ENROL_CODE)
		j->detail = "wrong_password";
	return answer_password(j, r, how, fault, token);
}

static int run_add(struct job *j)
{
	char password[PASSWORD_ONE_TIME];
	struct account_new n = { j->q.name, j->q.role, j->q.org, j->q.by, j->q.prefecture };
	int r = account_add(&j->x->slow, &n, password, &j->err);
	if (r == 0)
		put_first(&j->fields, "password", password);
	return r;
}

static int run_reset(struct job *j)
{
	char password[PASSWORD_ONE_TIME];
	int r = account_reset(&j->x->slow, j->q.name, password, &j->err);
	if (r == 0)
		put_first(&j->fields, "password", password);
	return r;
}

/* ---- passkeys ---- */

/* A session's answer from the browser; the bytes live in `bytes`. */
static int take_key(const struct asked *q, unsigned char bytes[4][PASSKEY_DATA_MAX], struct key_reply *ret, struct err *err)
{
	const char *const texts[] = { q->client_data, q->auth_data, q->signature, q->spki };
	struct str *const to[] = { &ret->client_data, &ret->auth_data, &ret->signature, &ret->spki };
	ret->id = q->id;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		size_t n = 0;
		if (base64url_parse(str_from(texts[i]), bytes[i], PASSKEY_DATA_MAX, &n) < 0)
			return err_set(err, E_INVALID, "passkey", "not what our page's script sends");
		*to[i] = (struct str){ (char *)bytes[i], n };
	}
	return 0;
}

static int run_key_sign_in(struct job *j)
{
	unsigned char bytes[4][PASSKEY_DATA_MAX];
	char token[SESSION_TOKEN];
	struct key_reply k;
	int r = take_key(&j->q, bytes, &k, &j->err);
	r = r < 0 ? r : account_key_sign_in(&j->x->slow, j->q.session, j->q.name, &k, &j->how, token, &j->who, &j->err);
	if (r < 0)
		return r;
	j->detail = j->how == SIGN_IN_DONE ? "done_by_passkey" : j->how == SIGN_IN_CODE ? "wrong_passkey" : sign_in_name(j->how);
	if (j->how != SIGN_IN_DONE)
		return err_set(&j->err, E_DENIED, "", "%s", j->detail);
	put_first(&j->fields, "session", token);
	put_person(&j->fields, &j->who);
	return 0;
}

static int run_key_begin(struct job *j)
{
	struct credentials c = { "", j->q.password, j->q.code, "", j->q.way, false };
	bool proven = false;
	buf_puts(&j->fields, ",\"rp\":"); /* the answer's head stands before it */
	json_str(&j->fields, str_from(j->q.name));
	int r = account_key_begin(&j->x->slow, j->q.session, &c, &proven, &j->fields, &j->err);
	return r == 0 && !proven ? err_set(&j->err, E_INVALID, "code", "wrong") : r;
}

static int run_key_add(struct job *j)
{
	unsigned char bytes[4][PASSKEY_DATA_MAX];
	struct key_reply k;
	int r = take_key(&j->q, bytes, &k, &j->err);
	r = r < 0 ? r : account_key_add(&j->x->slow, j->q.session, j->q.name, &k, j->q.label, &j->who, &j->err);
	if (r == 0)
		j->detail = "passkey_added";
	return r;
}

static int run_key_remove(struct job *j)
{
	struct credentials c = { "", j->q.password, j->q.code, "", j->q.way, false };
	bool proven = false;
	int r = account_key_remove(&j->x->slow, j->q.session, &c, j->q.id, &proven, &j->who, &j->err);
	if (r == 0 && proven)
		j->detail = "passkey_removed";
	return r == 0 && !proven ? err_set(&j->err, E_INVALID, "code", "wrong") : r;
}

static void job_work(uv_work_t *w)
{
	struct job *j = w->data;
	j->run(j);
}

static void job_done(uv_work_t *w, int status)
{
	struct job *j = w->data;
	struct authd *x = j->x;
	if (status < 0 && !j->err.code)
		err_set(&j->err, E_CLOSED, "", "authd is ending");
	if (j->detail)
		tell(x, "Logon", &j->who, j->q.address, j->detail, j->err.code ? "Failure" : j->run == run_sign_in && j->how == SIGN_IN_KEY ? "Other" : "Success");
	ctl_reply(x->server, j->peer, buf_view(&j->fields), &j->err);
	x->jobs--;
	OPENSSL_cleanse(&j->q, sizeof j->q);
	buf_done(&j->fields);
	mem_free(j);
}

static int later(struct authd *x, const struct ctl_request *rq, const struct asked *q, int (*run)(struct job *), struct err *err)
{
	struct job *j = x->jobs < JOBS_MAX ? mem_alloc(sizeof *j) : NULL;
	if (!j)
		return err_set(err, E_LIMIT, "", "too many are signing in: try again in a moment");
	*j = (struct job){ .x = x, .peer = rq->peer, .q = *q, .run = run };
	buf_init(&j->fields, 8 * KIB);
	j->work.data = j;
	if (uv_queue_work(&x->loop, &j->work, job_work, job_done) < 0) {
		mem_free(j);
		return err_set(err, E_NOMEM, "", "no memory");
	}
	x->jobs++;
	return -E_AGAIN;
}

/* What the page asks about passkeys; only where it can ask for one, of the desk's name. */
static int handle_key(struct authd *x, const struct ctl_request *rq, const char *what, struct asked *q, struct buf *b, struct err *err)
{
	snprintf(q->name, sizeof q->name, "%s", x->name);
	if (strcmp(what, "key_list") == 0)
		return account_key_list(&x->quick, q->session, b, err);
	if (strcmp(what, "key_remove") == 0)
		return later(x, rq, q, run_key_remove, err);
	if (!q->keys)
		return err_set(err, E_STATE, "way", "passkeys are used where the desk is reached by its name");
	if (strcmp(what, "key_begin") == 0)
		return later(x, rq, q, run_key_begin, err);
	if (strcmp(what, "key_add") == 0)
		return later(x, rq, q, run_key_add, err);
	if (strcmp(what, "key_sign_in") == 0)
		return later(x, rq, q, run_key_sign_in, err);
	if (strcmp(what, "key_ask") != 0)
		return err_set(err, E_INVALID, "do", "no such request: %s", what);
	json_field_s(b, "rp", x->name);
	return account_key_ask(&x->quick, q->session, b, err);
}

/* ---- what doesn't ---- */

static int do_session(struct authd *x, const struct asked *q, yyjson_val *root, struct buf *b, struct err *err)
{
	struct session s;
	int r = account_session(&x->quick, q->session, ctl_bool(root, "touch", true), &s, err);
	if (r == 0 && !way_lets(&q->way, s.role, s.org))
		r = err_set(err, E_DENIED, "session", "not by this way");
	if (r == 0)
		put_person(b, &s);
	return r;
}

/* Whom root says it acts for: what that person may see. */
static int do_person(struct authd *x, const struct asked *q, struct buf *b, struct err *err)
{
	struct session s;
	int r = account_person(&x->quick, q->name, &s, err);
	if (r == 0)
		put_person(b, &s);
	return r;
}

static int do_secret(struct authd *x, const struct asked *q, struct buf *b, struct err *err)
{
	struct session s;
	char secret[TOTP_TEXT];
	struct buf uri;
	int r = account_session(&x->quick, q->session, true, &s, err);
	r = r < 0 ? r : account_enrol_secret(&x->quick, q->session, secret, err);
	if (r < 0)
		return r;
	buf_init(&uri, 1024);
	totp_uri("Toride", s.name, secret, &uri);
	json_field_s(b, "secret", secret);
	json_field(b, "uri", buf_view(&uri));
	buf_done(&uri);
	return 0;
}

static int do_sign_out(struct authd *x, const struct asked *q, struct err *err)
{
	struct session s;
	int r = account_sign_out(&x->quick, q->session, &s, err);
	if (r == 0)
		tell(x, "Logoff", &s, q->address, "signed_out", "Success");
	return r;
}

static int do_leaked(struct authd *x, const struct asked *q, struct err *err)
{
	struct session s;
	int r = account_leaked(&x->quick, q->session, &s, err);
	if (r == 0)
		tell(x, "Logoff", &s, q->address, "leak_reported", "Success");
	return r;
}

/* ---- requests ---- */

static int take(yyjson_val *root, struct asked *q, struct err *err)
{
	struct {
		const char *key;
		char *dst;
		size_t size;
	} fields[] = {
#define F(key, member) { key, q->member, sizeof q->member }
		F("name", name), F("password", password), F("new", new), F("code", code), F("session", session), F("address", address), F("role", role),
		F("org", org), F("by", by), F("way", way_name), F("prefecture", prefecture), F("client_data", client_data), F("auth_data", auth_data),
		F("signature", signature), F("spki", spki), F("id", id), F("label", label),
#undef F
	};
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		struct str s = ctl_str(root, fields[i].key);
		if (s.ptr && (!str_is_utf8(s) || !str_copy(s, fields[i].dst, fields[i].size)))
			return err_set(err, E_INVALID, fields[i].key, "too long, or not text");
	}
	return 0;
}

/* What the page asks: it may not look after accounts. */
static int handle_page(struct authd *x, const struct ctl_request *rq, const char *what, struct asked *q, struct buf *b, struct err *err)
{
	if (strncmp(what, "key_", 4) == 0)
		return handle_key(x, rq, what, q, b, err);
	if (strcmp(what, "session") == 0)
		return do_session(x, q, rq->root, b, err);
	if (strcmp(what, "sign_in") == 0)
		return later(x, rq, q, run_sign_in, err);
	if (strcmp(what, "enrol") == 0)
		return later(x, rq, q, run_enrol, err);
	if (strcmp(what, "password") == 0)
		return later(x, rq, q, run_password, err);
	if (strcmp(what, "enrol_secret") == 0)
		return do_secret(x, q, b, err);
	if (strcmp(what, "sign_out") == 0)
		return do_sign_out(x, q, err);
	if (strcmp(what, "leaked") == 0)
		return do_leaked(x, q, err);
	return err_set(err, E_DENIED, "do", "not for this peer to ask: %s", what);
}

/* What controld asks: in root's name, or whose session it was shown. */
static int handle_control(struct authd *x, const struct ctl_request *rq, const char *what, const struct asked *q, struct buf *b, struct err *err)
{
	if (strcmp(what, "session") == 0)
		return do_session(x, q, rq->root, b, err);
	if (strcmp(what, "person") == 0)
		return do_person(x, q, b, err);
	if (strcmp(what, "user.add") == 0)
		return later(x, rq, q, run_add, err);
	if (strcmp(what, "user.reset") == 0)
		return later(x, rq, q, run_reset, err);
	if (strcmp(what, "user.list") == 0)
		return account_list(&x->quick, b, err);
	if (strcmp(what, "user.enable") == 0 || strcmp(what, "user.disable") == 0)
		return account_enable(&x->quick, q->name, what[5] == 'e', err);
	if (strcmp(what, "user.unlock") == 0)
		return account_unlock(&x->quick, q->name, err);
	return err_set(err, E_INVALID, "do", "no such request: %s", what);
}

static int handle(const struct ctl_request *rq, const char *what, struct buf *b, void *user, struct err *err)
{
	struct authd *x = user;
	struct asked q = { 0 };
	if (!jail_peer_allowed(SOCK_AUTH, rq->uid))
		return err_set(err, E_DENIED, "", "this socket isn't for you");
	if (daemon_stands_by())
		return err_set(err, E_STATE, "pair", "this node stands by: the other one takes changes");
	if (!x->ready)
		return err_set(err, E_STATE, "pg", "the database isn't there yet");
	int r = take(rq->root, &q, err);
	q.way = way_of(x->ways, rq->uid == USER_CONTROL ? WAY_NODE : q.way_name); /* controld asks for whom the page has let in */
	q.keys = x->name[0] && q.way.org[0] && ctl_bool(rq->root, "keys", false);
	if (r == 0)
		r = rq->uid == USER_CONTROL ? handle_control(x, rq, what, &q, b, err) : handle_page(x, rq, what, &q, b, err);
	OPENSSL_cleanse(&q, sizeof q);
	return r;
}

/* ---- main ---- */

static int keeper_wrap(void *user, const char *context, struct str secret, struct buf *ret, struct err *err)
{
	return vault_wrap(user, "totp", context, secret, ret, err);
}

static int keeper_unwrap(void *user, const char *context, struct str wrapped, struct buf *ret, struct err *err)
{
	return vault_unwrap(user, "totp", context, wrapped, ret, err);
}

static int open_accounts(struct accounts *a, struct vault **v, struct err *err)
{
	a->iterations = PASSWORD_ITERATIONS;
	int r = vault_open(NULL, VAULT_MS, v, err);
	a->keeper = (struct keeper){ keeper_wrap, keeper_unwrap, *v };
	return r < 0 ? r : store_create(NULL, STORE_ROLE_AUTH, &a->store, err);
}

/* At the node of a pair that stands by nobody signs in: its database takes no changes. */
static bool stand_by(struct authd *x)
{
	bool stands_by = daemon_stands_by();
	if (stands_by && !x->stands_by)
		daemon_ready(&x->d);
	x->stands_by = stands_by;
	return stands_by;
}

static void prepare(struct authd *x)
{
	struct err err = { 0 };
	size_t n = 0;
	if (stand_by(x))
		return;
	if (accounts_migrate(&x->quick, &err) < 0 || accounts_wrap(&x->quick, &n, &err) < 0) {
		if (x->ticks % 50 == 0)
			log_err(LOG_LEVEL_WARN, "", "pg", &err);
		return;
	}
	x->ready = true;
	if (n)
		log_info("", "secrets", "%zu wrapped that lay in the database as they were", n);
	daemon_ready(&x->d);
	log_info("", "start", "ready");
}

static void on_tick(uv_timer_t *t)
{
	struct authd *x = t->data;
	events_work(x->events);
	if (!x->ready)
		prepare(x);
	x->ticks++;
}

/* From where people may sign in: all that a generation says to us. */
static int read_config(struct authd *x, struct err *err)
{
	struct ways *ways = NULL;
	struct buf b;
	buf_init(&b, 4 * MIB);
	int r = daemon_config(&x->d, &b, err);
	r = r < 0 ? r : ways_parse(buf_view(&b), &ways, err);
	yyjson_doc *doc = r < 0 ? NULL : yyjson_read(b.ptr, b.len, 0);
	if (r == 0 && !str_copy(ctl_str(yyjson_doc_get_root(doc), "name"), x->name, sizeof x->name))
		x->name[0] = 0;
	yyjson_doc_free(doc);
	buf_done(&b);
	if (r < 0)
		return r;
	ways_destroy(&x->ways);
	x->ways = ways;
	return 0;
}

static void on_hup(uv_signal_t *s, int signum)
{
	struct authd *x = s->data;
	struct err err = { 0 };
	(void)signum;
	if (read_config(x, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "", "authd.json", &err);
	else if (x->ready || x->stands_by)
		daemon_ready(&x->d);
}

static void on_term(uv_signal_t *s, int signum)
{
	struct authd *x = s->data;
	(void)signum;
	ctl_close(&x->server);
	events_flush(x->events, 500);
	uv_stop(&x->loop);
}

static int open_all(struct authd *x, struct err *err)
{
	char path[PLACE_MAX];
	if (uv_loop_init(&x->loop) < 0)
		return err_set(err, E_IO, "loop", "cannot start");
	uv_timer_init(&x->loop, &x->tick);
	uv_signal_init(&x->loop, &x->term);
	uv_signal_init(&x->loop, &x->hup);
	x->tick.data = x->term.data = x->hup.data = x;
	uv_timer_start(&x->tick, on_tick, 1, 100);
	uv_signal_start(&x->term, on_term, SIGTERM);
	uv_signal_start(&x->hup, on_hup, SIGHUP);
	int r = read_config(x, err);
	r = r < 0 ? r : open_accounts(&x->quick, &x->vaults[0], err);
	r = r < 0 ? r : open_accounts(&x->slow, &x->vaults[1], err);
	r = r < 0 ? r : events_open("authd", 4 * MIB, &x->events, err);
	return r < 0 ? r : ctl_listen(&x->loop, place_in_run(path, sizeof path, SOCK_AUTH), 0660, handle, x, &x->server, err);
}

int main(void)
{
	static struct authd x;
	struct err err = { 0 };
	jail_install();
	setenv("UV_THREADPOOL_SIZE", "1", 1); /* one core, and one user of `slow` */
	if (daemon_begin("authd", &x.d, &err) < 0 || open_all(&x, &err) < 0 || daemon_confine(&x.d, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "authd", &err);
		return 1;
	}
	uv_run(&x.loop, UV_RUN_DEFAULT);
	events_close(&x.events);
	return 0;
}
