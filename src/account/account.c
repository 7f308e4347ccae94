/* See account.h. Between the page's questions (daemon/authd.c) and the database. */
#include "account/parts.h"

#include "account/schema.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"

#include <stdio.h>

int accounts_migrate(struct accounts *a, struct err *err)
{
	return store_migrate_steps(a->store, account_schema_base, account_schema_steps, account_schema_n, err);
}

/* One statement in a transaction of its own. rows may be NULL. */
static int once(struct accounts *a, const struct store_sql *q, const struct store_args *args, struct store_rows *rows, struct err *err)
{
	int r = store_begin(a->store, STORE_ALL, err);
	if (r < 0)
		return r;
	r = store_run(a->store, q, args, rows, err);
	if (r == 0)
		r = store_commit(a->store, err);
	store_abort(a->store);
	return r;
}

/* ---- sessions ---- */

void account_token_hash(const char *token, char ret[65])
{
	unsigned char h[32];
	hash_sha256(token, strlen(token), h);
	hex_format(h, sizeof h, ret);
}

static const struct store_sql sweep = { "session_sweep", "DELETE FROM session WHERE ends_ms <= $1 OR seen_ms + idle_ms <= $1" };
static const struct store_sql crowd = {
	"session_crowd", "DELETE FROM session WHERE account = $1 AND stage <> 'key' AND token NOT IN"
			 " (SELECT token FROM session WHERE account = $1 AND stage <> 'key' ORDER BY seen_ms DESC, token LIMIT $2)"
};
/* Who has the password alone pushes nobody out. */
static const struct store_sql end_asked = { "session_end_asked", "DELETE FROM session WHERE account = $1 AND stage = 'key'" };
static const struct store_sql end_one = { "session_end", "DELETE FROM session WHERE token = $1" };
static const struct store_sql end_all = { "session_end_all", "DELETE FROM session WHERE account = $1" };
static const struct store_sql begin_one = {
	"session_begin", "INSERT INTO session(token, account, stage, created_ms, seen_ms, ends_ms, idle_ms) VALUES ($1, $2, $3, $4, $4, $5, $6)"
};

static int run(struct accounts *a, const struct store_sql *q, const char *text, struct err *err)
{
	struct store_args args = { 0 };
	store_text(&args, text);
	return store_run(a->store, q, &args, NULL, err);
}

/* Room for one more of this person's, and the ones that are over go. */
static int make_room(struct accounts *a, const struct session *who, const char *old, struct err *err)
{
	char hash[65];
	struct store_args clean = { 0 }, few = { 0 };
	store_int(&clean, clock_now_ms());
	store_text(&few, who->name);
	store_int(&few, SESSIONS_EACH - 1);
	int r = store_run(a->store, &sweep, &clean, NULL, err);
	if (r == 0 && *old) {
		account_token_hash(old, hash);
		r = run(a, &end_one, hash, err);
	}
	r = r < 0 ? r : run(a, &end_asked, who->name, err);
	return r < 0 || who->stage == SESSION_KEY ? r : store_run(a->store, &crowd, &few, NULL, err);
}

int account_session_begin(struct accounts *a, struct session *who, const char *old, char ret_token[SESSION_TOKEN], struct err *err)
{
	unsigned char bytes[32];
	char hash[65];
	int64_t now = clock_now_ms();
	struct store_args args = { 0 };
	rnd_bytes(bytes, sizeof bytes);
	hex_format(bytes, sizeof bytes, ret_token);
	account_token_hash(ret_token, hash);
	who->ends_ms = now + (who->stage == SESSION_ENROL ? SESSION_ENROL_MS : who->stage == SESSION_KEY ? SESSION_KEY_MS : SESSION_MAX_MS);
	store_text(&args, hash);
	store_text(&args, who->name);
	store_text(&args, session_stage_name(who->stage));
	store_int(&args, now);
	store_int(&args, who->ends_ms);
	store_int(&args, SESSION_IDLE_MS);
	int r = make_room(a, who, old, err);
	return r < 0 ? r : store_run(a->store, &begin_one, &args, NULL, err);
}

static const struct store_sql find_session = {
	"session_find", "SELECT a.name, a.org, a.role, s.stage, s.ends_ms, s.seen_ms, s.secret, a.prefecture FROM session s JOIN account a ON a.name = s.account"
			" WHERE s.token = $1 AND a.enabled AND s.ends_ms > $2 AND s.seen_ms + s.idle_ms > $2"
};
static const struct store_sql touch_session = { "session_touch", "UPDATE session SET seen_ms = $2 WHERE token = $1" };

static bool fill(const struct store_rows *rows, struct session *ret)
{
	*ret = (struct session){ .ends_ms = store_col_int(rows, 0, 4, 0) };
	return session_stage_parse(str_from(store_col(rows, 0, 3)), &ret->stage) && str_copy(str_from(store_col(rows, 0, 0)), ret->name, sizeof ret->name) && str_copy(str_from(store_col(rows, 0, 1)), ret->org, sizeof ret->org) &&
	       str_copy(str_from(store_col(rows, 0, 7)), ret->prefecture, sizeof ret->prefecture) && role_parse(store_col(rows, 0, 2), &ret->role);
}

/* rows: initialised here; the caller's to free. */
static int session_find(struct accounts *a, const char *token, struct store_rows *rows, struct session *ret, struct err *err)
{
	char hash[65];
	struct store_args args = { 0 };
	*rows = (struct store_rows){ 0 };
	account_token_hash(token, hash);
	store_text(&args, hash);
	store_int(&args, clock_now_ms());
	int r = store_run(a->store, &find_session, &args, rows, err);
	if (r == 0 && (rows->n != 1 || !fill(rows, ret)))
		r = err_set(err, E_DENIED, "session", "there is none, or it is over");
	return r;
}

int account_sessions_end(struct accounts *a, const char *name, struct err *err)
{
	return run(a, &end_all, name, err);
}

int account_session_enrolling(struct accounts *a, const char *token, struct session *ret, char ret_kept[SECRET_KEPT], struct err *err)
{
	struct store_rows rows;
	int r = session_find(a, token, &rows, ret, err);
	if (r == 0 && ret->stage != SESSION_ENROL)
		r = err_set(err, E_DENIED, "session", "it is past its first time");
	if (r == 0 && !str_copy(str_from(store_col(&rows, 0, 6)), ret_kept, SECRET_KEPT))
		r = err_set(err, E_CORRUPT, "session", "its secret can't be read");
	store_rows_done(&rows);
	return r;
}

int account_session(struct accounts *a, const char *token, bool touch, struct session *ret, struct err *err)
{
	struct store_rows rows;
	struct session s;
	char hash[65];
	int r = store_begin(a->store, STORE_ALL, err);
	if (r < 0)
		return r;
	r = session_find(a, token, &rows, &s, err);
	if (r == 0 && touch && clock_now_ms() - store_col_int(&rows, 0, 5, 0) > 1000) { /* a page and its parts come at once */
		struct store_args args = { 0 };
		account_token_hash(token, hash);
		store_text(&args, hash);
		store_int(&args, clock_now_ms());
		r = store_run(a->store, &touch_session, &args, NULL, err);
	}
	store_rows_done(&rows);
	if (r == 0)
		r = store_commit(a->store, err);
	store_abort(a->store);
	if (r == 0)
		*ret = s;
	return r;
}

int account_sign_out(struct accounts *a, const char *token, struct session *ret, struct err *err)
{
	struct store_rows rows;
	char hash[65];
	int r = store_begin(a->store, STORE_ALL, err);
	if (r < 0)
		return r;
	r = session_find(a, token, &rows, ret, err);
	store_rows_done(&rows);
	account_token_hash(token, hash);
	if (r == 0)
		r = run(a, &end_one, hash, err);
	if (r == 0)
		r = store_commit(a->store, err);
	store_abort(a->store);
	return r;
}

/* ---- looking after accounts ---- */

static bool reserved(const char *fold)
{
	static const char *const ours[] = { "root", "toride", "console", "system" };
	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (strcmp(fold, ours[i]) == 0)
			return true;
	return strncmp(fold, "uid:", 4) == 0;
}

static int check_new(const struct account_new *n, char fold[IDENTITY_MAX], struct err *err)
{
	enum role role;
	if (strlen(n->name) > ACCOUNT_NAME || !identity_ok(str_from(n->name)) || !identity_fold(n->name, fold))
		return err_set(err, E_INVALID, "name", "letters of Japanese or ASCII, at most %d bytes, no blank at its ends", ACCOUNT_NAME);
	if (reserved(fold))
		return err_set(err, E_INVALID, "name", "the system's own: %s", n->name);
	if (!role_parse(n->role, &role))
		return err_set(err, E_INVALID, "role", "not operator, analyst, approver or clerk");
	if (role_of_one_body(role) && (strlen(n->org) != 6 || strspn(n->org, "0123456789") != 6))
		return err_set(err, E_INVALID, "org", "a clerk belongs to a body: its six digits");
	bool all = strcmp(n->prefecture, "all") == 0, one = strlen(n->prefecture) == 2 && strspn(n->prefecture, "0123456789") == 2;
	if (role_of_prefecture(role) ? !all && !one : *n->prefecture != 0)
		return err_set(err, E_INVALID, "prefecture", role_of_prefecture(role) ? "an approver is of one: its two digits, or all" : "only an approver is of one");
	if (!role_of_one_body(role) && *n->org)
		return err_set(err, E_INVALID, "org", "only a clerk belongs to one body");
	return 0;
}

static const struct store_sql count = { "account_count", "SELECT count(*) FROM account" };
static const struct store_sql add = {
	"account_add", "INSERT INTO account(name, fold, role, org, hash, one_time_until_ms, created_ms, created_by, prefecture)"
		       " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
};

int account_add(struct accounts *a, const struct account_new *n, char ret_password[PASSWORD_ONE_TIME], struct err *err)
{
	char fold[IDENTITY_MAX], hash[PASSWORD_HASH_MAX], password[PASSWORD_ONE_TIME];
	struct store_args args = { 0 };
	struct store_rows rows = { 0 };
	int64_t now = clock_now_ms();
	int r = check_new(n, fold, err);
	r = r < 0 ? r : once(a, &count, NULL, &rows, err);
	if (r == 0 && store_col_int(&rows, 0, 0, 0) >= ACCOUNTS_MAX)
		r = err_set(err, E_LIMIT, "name", "%d accounts are kept already", ACCOUNTS_MAX);
	store_rows_done(&rows);
	password_one_time(password);
	r = r < 0 ? r : password_hash(password, a->iterations, hash, err);
	if (r < 0)
		return r;
	store_text(&args, n->name);
	store_text(&args, fold);
	store_text(&args, n->role);
	store_text(&args, n->org);
	store_text(&args, hash);
	store_int(&args, now + ACCOUNT_ONE_TIME_MS);
	store_int(&args, now);
	store_text(&args, n->by);
	store_text(&args, strcmp(n->prefecture, "all") == 0 ? "" : n->prefecture);
	r = once(a, &add, &args, NULL, err);
	if (r == -E_EXISTS)
		return err_set(err, E_EXISTS, n->name, "there is such an account, or one that reads alike");
	if (r == 0)
		memcpy(ret_password, password, sizeof password);
	return r;
}

static const struct store_sql person = { "account_person", "SELECT name, org, role, 'full', 0, 0, '', prefecture FROM account WHERE fold = $1" };

int account_person(struct accounts *a, const char *name, struct session *ret, struct err *err)
{
	char fold[IDENTITY_MAX];
	struct store_args args = { 0 };
	struct store_rows rows = { 0 };
	if (!identity_ok(str_from(name)) || !identity_fold(name, fold))
		return err_set(err, E_NOT_FOUND, "name", "there is no such account");
	store_text(&args, fold);
	int r = once(a, &person, &args, &rows, err);
	if (r == 0 && (rows.n != 1 || !fill(&rows, ret)))
		r = err_set(err, E_NOT_FOUND, name, "there is no such account");
	store_rows_done(&rows);
	return r;
}

static const struct store_sql list = {
	"account_list", "SELECT name, role, org, CASE WHEN NOT enabled THEN 'disabled' WHEN locked_until_ms > $1 THEN 'locked'"
			" WHEN one_time_until_ms <= $1 THEN 'expired' WHEN one_time_until_ms IS NOT NULL THEN 'invited' ELSE 'enabled' END,"
			" created_ms, created_by, coalesce(signed_in_ms, 0), prefecture FROM account ORDER BY org, name"
};

int account_list(struct accounts *a, struct buf *b, struct err *err)
{
	struct store_args args = { 0 };
	struct store_rows rows = { 0 };
	store_int(&args, clock_now_ms());
	int r = once(a, &list, &args, &rows, err);
	json_key(b, "users");
	buf_putc(b, '[');
	for (int i = 0; r == 0 && i < rows.n; i++) {
		buf_puts(b, i ? ",{" : "{");
		json_field_s(b, "name", store_col(&rows, i, 0));
		json_field_s(b, "role", store_col(&rows, i, 1));
		json_field_s(b, "org", store_col(&rows, i, 2));
		json_field_s(b, "prefecture", store_col(&rows, i, 7));
		json_field_s(b, "state", store_col(&rows, i, 3));
		json_field_u64(b, "created", (uint64_t)store_col_int(&rows, i, 4, 0));
		json_field_s(b, "by", store_col(&rows, i, 5));
		json_field_u64(b, "signed_in", (uint64_t)store_col_int(&rows, i, 6, 0));
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
	store_rows_done(&rows);
	return r;
}

static const struct store_sql reset = {
	"account_reset", "UPDATE account SET hash = $2, one_time_until_ms = $3, totp = '', totp_step = 0, failures = 0, locked_until_ms = 0 WHERE name = $1"
};
static const struct store_sql reset_keys = { "passkey_reset", "DELETE FROM passkey WHERE account = $1" };
static const struct store_sql enable = { "account_enable", "UPDATE account SET enabled = $2 WHERE name = $1" };
static const struct store_sql unlock = { "account_unlock", "UPDATE account SET failures = 0, locked_until_ms = 0 WHERE name = $1" };

/* args begin with the name. ends: its sessions too. */
static int change(struct accounts *a, const struct store_sql *q, const struct store_args *args, bool ends, struct err *err)
{
	struct store_rows rows = { 0 };
	int r = store_begin(a->store, STORE_ALL, err);
	if (r < 0)
		return r;
	r = store_run(a->store, q, args, &rows, err);
	if (r == 0 && rows.n != 1)
		r = err_set(err, E_NOT_FOUND, args->v[0], "there is no such account");
	store_rows_done(&rows);
	if (r == 0 && ends)
		r = run(a, &end_all, args->v[0], err);
	if (r == 0 && q == &reset) /* the other of the two seconds is forgotten, too */
		r = run(a, &reset_keys, args->v[0], err);
	if (r == 0)
		r = store_commit(a->store, err);
	store_abort(a->store);
	return r;
}

int account_reset(struct accounts *a, const char *name, char ret_password[PASSWORD_ONE_TIME], struct err *err)
{
	char hash[PASSWORD_HASH_MAX], password[PASSWORD_ONE_TIME];
	struct store_args args = { 0 };
	password_one_time(password);
	int r = password_hash(password, a->iterations, hash, err);
	store_text(&args, name);
	store_text(&args, hash);
	store_int(&args, clock_now_ms() + ACCOUNT_ONE_TIME_MS);
	r = r < 0 ? r : change(a, &reset, &args, true, err);
	if (r == 0)
		memcpy(ret_password, password, sizeof password);
	return r;
}

int account_enable(struct accounts *a, const char *name, bool enabled, struct err *err)
{
	struct store_args args = { 0 };
	store_text(&args, name);
	store_text(&args, enabled ? "true" : "false");
	return change(a, &enable, &args, !enabled, err);
}

int account_unlock(struct accounts *a, const char *name, struct err *err)
{
	struct store_args args = { 0 };
	store_text(&args, name);
	return change(a, &unlock, &args, false, err);
}

int account_leaked(struct accounts *a, const char *token, struct session *ret, struct err *err)
{
	int r = account_session(a, token, true, ret, err);
	if (r == 0 && ret->stage == SESSION_KEY)
		r = err_set(err, E_DENIED, "session", "a passkey comes first");
	return r < 0 ? r : account_enable(a, ret->name, false, err);
}
