/* Signing in and the first time; see account.h. A wrong password takes as long as a right one, and so does a name that isn't there. */
#include "account/parts.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <openssl/crypto.h>
#include <stdio.h>

const char *sign_in_name(enum sign_in s)
{
	static const char *const names[] = { "done", "no_such_account", "wrong_password", "wrong_code", "one_time_password_expired", "locked", "locked_now", "passkey_asked", "not_from_here" };
	return names[s];
}

struct known {
	struct session who;
	char hash[PASSWORD_HASH_MAX], totp[SECRET_KEPT]; /* wrapped */
	bool enabled;
	int64_t one_time_until; /* of a password that we gave out; 0: it is the person's own */
	int64_t totp_step, locked_until, failures;
};

static const struct store_sql find = {
	"account_find", "SELECT name, org, role, enabled, hash, totp, coalesce(one_time_until_ms, 0), totp_step, locked_until_ms, failures, prefecture"
			" FROM account WHERE fold = $1"
};

static bool read_known(const struct store_rows *rows, struct known *k)
{
	*k = (struct known){ .enabled = store_col_bool(rows, 0, 3), .one_time_until = store_col_int(rows, 0, 6, 0), .totp_step = store_col_int(rows, 0, 7, 0),
		             .locked_until = store_col_int(rows, 0, 8, 0), .failures = store_col_int(rows, 0, 9, 0) };
	return str_copy(str_from(store_col(rows, 0, 0)), k->who.name, sizeof k->who.name) && str_copy(str_from(store_col(rows, 0, 1)), k->who.org, sizeof k->who.org) &&
	       role_parse(store_col(rows, 0, 2), &k->who.role) &&
	       str_copy(str_from(store_col(rows, 0, 10)), k->who.prefecture, sizeof k->who.prefecture) && str_copy(str_from(store_col(rows, 0, 4)), k->hash, sizeof k->hash) &&
	       str_copy(str_from(store_col(rows, 0, 5)), k->totp, sizeof k->totp);
}

/* *ret_there false: nobody has that name. */
static int look_up(struct accounts *a, const char *name, struct known *k, bool *ret_there, struct err *err)
{
	char fold[IDENTITY_MAX];
	struct store_args args = { 0 };
	struct store_rows rows = { 0 };
	*ret_there = false;
	if (!identity_ok(str_from(name)) || !identity_fold(name, fold))
		return 0;
	store_text(&args, fold);
	int r = store_begin(a->store, STORE_ALL, err);
	r = r < 0 ? r : store_run(a->store, &find, &args, &rows, err);
	if (r == 0 && rows.n == 1) {
		*ret_there = read_known(&rows, k);
		r = *ret_there ? 0 : err_set(err, E_CORRUPT, name, "the account can't be read");
	}
	store_rows_done(&rows);
	store_abort(a->store);
	return r;
}

/* Whose password it is compared with when there is nobody. */
static const char *nobody(struct accounts *a)
{
	char once[PASSWORD_ONE_TIME];
	if (!a->nobody[0]) {
		password_one_time(once);
		if (password_hash(once, a->iterations, a->nobody, NULL) < 0)
			a->nobody[0] = 0;
	}
	return a->nobody;
}

/* The step that the code is of, 0 when it isn't the app's; and whether the secret could be had at all. */
static int check_code(struct accounts *a, const char *code, const char *context, const char *kept, int64_t last, int64_t *ret_step, struct err *err)
{
	unsigned char secret[TOTP_SECRET];
	char text[TOTP_TEXT];
	*ret_step = 0;
	int r = secret_unwrap(a, context, kept, text, err);
	if (r == 0 && totp_parse(text, secret))
		*ret_step = totp_check(code, secret, clock_now_ms(), last);
	OPENSSL_cleanse(secret, sizeof secret);
	OPENSSL_cleanse(text, sizeof text);
	return r;
}

/* What becomes of it but for the code, without writing anything down. */
static enum sign_in judge_password(struct accounts *a, const struct credentials *c, const struct known *k, bool there)
{
	int64_t now = clock_now_ms();
	bool long_password = strlen(c->password) > PASSWORD_MAX;
	bool right = password_matches(long_password ? "" : c->password, there ? k->hash : nobody(a)) && !long_password;
	if (!there || !k->enabled)
		return SIGN_IN_NO_SUCH;
	if (!way_lets(&c->way, k->who.role, k->who.org))
		return SIGN_IN_PLACE;
	if (k->locked_until > now)
		return SIGN_IN_LOCKED;
	if (!right)
		return SIGN_IN_PASSWORD;
	if (k->one_time_until)
		return k->one_time_until > now ? SIGN_IN_DONE : SIGN_IN_EXPIRED;
	return SIGN_IN_DONE;
}

/* *ret_step: of the code. Fails only when the secret can't be had. */
static int judge(struct accounts *a, const struct credentials *c, const struct known *k, bool there, enum sign_in *ret, int64_t *ret_step, struct err *err)
{
	*ret = judge_password(a, c, k, there);
	*ret_step = 0;
	if (*ret != SIGN_IN_DONE || k->one_time_until)
		return 0;
	int r = check_code(a, c->code, k->who.name, k->totp, k->totp_step, ret_step, err);
	if (!*ret_step)
		*ret = SIGN_IN_CODE;
	return r;
}

static const struct store_sql wrong = {
	"account_wrong", "UPDATE account SET failures = CASE WHEN failures + 1 >= $2 THEN 0 ELSE failures + 1 END,"
			 " locked_until_ms = CASE WHEN failures + 1 >= $2 THEN $3 ELSE locked_until_ms END WHERE name = $1 RETURNING failures"
};
static const struct store_sql right = {
	"account_right", "UPDATE account SET failures = 0, locked_until_ms = 0, totp_step = greatest(totp_step, $2), signed_in_ms = $3 WHERE name = $1"
};

int account_note_wrong(struct accounts *a, const struct session *who, enum sign_in *how, struct err *err)
{
	struct store_args args = { 0 };
	struct store_rows rows = { 0 };
	store_text(&args, who->name);
	store_int(&args, ACCOUNT_TRIES);
	store_int(&args, clock_now_ms() + ACCOUNT_LOCK_MS);
	int r = store_begin(a->store, STORE_ALL, err);
	r = r < 0 ? r : store_run(a->store, &wrong, &args, &rows, err);
	r = r < 0 ? r : store_commit(a->store, err);
	store_abort(a->store);
	if (r == 0 && rows.n == 1 && store_col_int(&rows, 0, 0, 0) == 0)
		*how = SIGN_IN_LOCKS;
	store_rows_done(&rows);
	return r;
}

int account_note_right(struct accounts *a, const char *name, int64_t step, struct err *err)
{
	struct store_args args = { 0 };
	store_text(&args, name);
	store_int(&args, step);
	store_int(&args, clock_now_ms());
	return store_run(a->store, &right, &args, NULL, err);
}

static int note_right(struct accounts *a, const struct credentials *c, struct known *k, int64_t step, char token[SESSION_TOKEN], struct err *err)
{
	k->who.stage = k->one_time_until ? SESSION_ENROL : SESSION_FULL;
	int r = store_begin(a->store, STORE_ALL, err);
	r = r < 0 ? r : account_note_right(a, k->who.name, step, err);
	r = r < 0 ? r : account_session_begin(a, &k->who, c->old, token, err);
	r = r < 0 ? r : store_commit(a->store, err);
	store_abort(a->store);
	return r;
}

int account_sign_in(struct accounts *a, const struct credentials *c, enum sign_in *ret_how, char ret_token[SESSION_TOKEN], struct session *ret, struct err *err)
{
	struct known k = { 0 };
	bool there;
	int64_t step;
	int r = look_up(a, c->name, &k, &there, err);
	if (r < 0)
		return r;
	enum sign_in how;
	r = judge(a, c, &k, there, &how, &step, err);
	if (r < 0) {
		OPENSSL_cleanse(&k, sizeof k);
		return r;
	}
	bool asked = false;
	if (how == SIGN_IN_CODE && c->keys && !*c->code)
		r = keys_begin(a, &k.who, c->old, &asked, ret_token, err);
	if (asked)
		how = SIGN_IN_KEY;
	else if (r < 0)
		;
	else if (how == SIGN_IN_DONE)
		r = note_right(a, c, &k, step, ret_token, err);
	else if (how == SIGN_IN_PASSWORD || how == SIGN_IN_CODE || how == SIGN_IN_EXPIRED)
		r = account_note_wrong(a, &k.who, &how, err);
	*ret = k.who;
	*ret_how = how;
	OPENSSL_cleanse(&k, sizeof k);
	return r;
}

/* ---- the first time ---- */

static const struct store_sql keep_secret = { "session_secret", "UPDATE session SET secret = $2 WHERE token = $1" };

int account_enrol_secret(struct accounts *a, const char *token, char ret_secret[TOTP_TEXT], struct err *err)
{
	struct session s;
	struct store_args args = { 0 };
	char hash[65], secret[TOTP_TEXT], kept[SECRET_KEPT];
	int r = store_begin(a->store, STORE_ALL, err);
	r = r < 0 ? r : account_session_enrolling(a, token, &s, kept, err);
	account_token_hash(token, hash);
	if (r == 0 && kept[0])
		r = secret_unwrap(a, hash, kept, secret, err);
	if (r == 0 && !kept[0]) {
		totp_make(secret);
		r = secret_wrap(a, hash, secret, kept, err);
		store_text(&args, hash);
		store_text(&args, kept);
		r = r < 0 ? r : store_run(a->store, &keep_secret, &args, NULL, err);
	}
	r = r < 0 ? r : store_commit(a->store, err);
	store_abort(a->store);
	if (r == 0)
		memcpy(ret_secret, secret, sizeof secret);
	return r;
}

static const struct store_sql past = {
	"password_past", "(SELECT hash FROM account WHERE name = $1) UNION ALL"
			 " (SELECT hash FROM old_password WHERE account = $1 ORDER BY id DESC LIMIT $2)"
};

static int used_before(struct accounts *a, const char *name, const char *password, bool *ret, struct err *err)
{
	struct store_args args = { 0 };
	struct store_rows rows = { 0 };
	store_text(&args, name);
	store_int(&args, ACCOUNT_REMEMBERED);
	int r = store_begin(a->store, STORE_ALL, err);
	r = r < 0 ? r : store_run(a->store, &past, &args, &rows, err);
	store_abort(a->store);
	*ret = false;
	for (int i = 0; r == 0 && i < rows.n && !*ret; i++)
		*ret = password_matches(password, store_col(&rows, i, 0));
	store_rows_done(&rows);
	return r;
}

static const struct store_sql own = {
	"account_own", "UPDATE account SET hash = $2, one_time_until_ms = NULL, totp = $3, totp_step = $4, failures = 0, signed_in_ms = $5 WHERE name = $1"
};
static const struct store_sql remember = { "password_remember", "INSERT INTO old_password(account, hash) VALUES ($1, $2)" };
static const struct store_sql forget = {
	"password_forget", "DELETE FROM old_password WHERE account = $1 AND id NOT IN"
			   " (SELECT id FROM old_password WHERE account = $1 ORDER BY id DESC LIMIT $2)"
};

/* Inside a transaction. */
static int set_own(struct accounts *a, const char *name, const char *hash, const char *secret, int64_t step, struct err *err)
{
	struct store_args args = { 0 }, old = { 0 }, few = { 0 };
	store_text(&args, name);
	store_text(&args, hash);
	store_text(&args, secret);
	store_int(&args, step);
	store_int(&args, clock_now_ms());
	store_text(&old, name);
	store_text(&old, hash);
	store_text(&few, name);
	store_int(&few, ACCOUNT_REMEMBERED);
	int r = store_run(a->store, &own, &args, NULL, err);
	r = r < 0 ? r : store_run(a->store, &remember, &old, NULL, err);
	return r < 0 ? r : store_run(a->store, &forget, &few, NULL, err);
}

static int refuse_password(struct accounts *a, const char *name, const char *password, enum password_fault *ret, struct err *err)
{
	bool used = false;
	*ret = password_check(password, name);
	int r = *ret == PASSWORD_GOOD ? used_before(a, name, password, &used, err) : 0;
	if (r == 0 && used)
		*ret = PASSWORD_USED;
	return r;
}

/* The secret of a session of stage enrol, as its account is going to keep it; *ret_step: of the code, 0 when it isn't the app's. */
static int enrolling(struct accounts *a, const char *token, const char *code, struct session *s, char ret_kept[SECRET_KEPT], int64_t *ret_step, struct err *err)
{
	char hash[65], secret[TOTP_TEXT], kept[SECRET_KEPT];
	*ret_step = 0;
	int r = store_begin(a->store, STORE_ALL, err);
	r = r < 0 ? r : account_session_enrolling(a, token, s, kept, err);
	store_abort(a->store);
	account_token_hash(token, hash);
	if (r < 0 || !kept[0])
		return r;
	r = check_code(a, code, hash, kept, 0, ret_step, err);
	r = r < 0 ? r : secret_unwrap(a, hash, kept, secret, err);
	r = r < 0 ? r : secret_wrap(a, s->name, secret, ret_kept, err);
	OPENSSL_cleanse(secret, sizeof secret);
	return r;
}

int account_enrol(struct accounts *a, const char *token, const char *password, const char *code, enum enrol *ret_how, enum password_fault *ret_fault,
                  char ret_token[SESSION_TOKEN], struct session *ret, struct err *err)
{
	char secret[SECRET_KEPT], hash[PASSWORD_HASH_MAX];
	int64_t step = 0;
	int r = enrolling(a, token, code, ret, secret, &step, err);
	if (r < 0)
		return r;
	*ret_how = ENROL_PASSWORD;
	r = refuse_password(a, ret->name, password, ret_fault, err);
	if (r < 0 || *ret_fault != PASSWORD_GOOD)
		return r;
	*ret_how = ENROL_CODE;
	if (!step)
		return 0;
	r = password_hash(password, a->iterations, hash, err);
	r = r < 0 ? r : store_begin(a->store, STORE_ALL, err);
	r = r < 0 ? r : set_own(a, ret->name, hash, secret, step, err);
	ret->stage = SESSION_FULL;
	r = r < 0 ? r : account_session_begin(a, ret, token, ret_token, err);
	r = r < 0 ? r : store_commit(a->store, err);
	store_abort(a->store);
	if (r == 0)
		*ret_how = ENROL_DONE;
	return r;
}

/* ---- a new password ---- */

/* The old password and a code, of the person whose session it is. *ret_right false: it was counted as a wrong try. */
static int prove(struct accounts *a, const struct credentials *c, struct known *k, int64_t *ret_step, bool *ret_right, struct err *err)
{
	bool there;
	int r = look_up(a, c->name, k, &there, err);
	if (r < 0)
		return r;
	enum sign_in how;
	r = judge(a, c, k, there, &how, ret_step, err);
	if (r < 0)
		return r;
	*ret_right = how == SIGN_IN_DONE && !k->one_time_until;
	return how == SIGN_IN_PASSWORD || how == SIGN_IN_CODE ? account_note_wrong(a, &k->who, &how, err) : 0;
}

static int prove_session(struct accounts *a, const struct session *s, const struct credentials *c, struct known *k, int64_t *ret_step, bool *ret_right,
                         struct err *err)
{
	struct credentials theirs = { s->name, c->password, c->code, "", c->way, false };
	if (s->stage != SESSION_FULL)
		return err_set(err, E_DENIED, "session", "one has to be signed in first");
	return prove(a, &theirs, k, ret_step, ret_right, err);
}

int account_prove(struct accounts *a, const char *token, const struct credentials *c, bool *ret_proven, struct session *ret, struct err *err)
{
	struct known k = { 0 };
	int64_t step = 0;
	*ret_proven = false;
	int r = account_session(a, token, true, ret, err);
	r = r < 0 ? r : prove_session(a, ret, c, &k, &step, ret_proven, err);
	OPENSSL_cleanse(&k, sizeof k);
	if (r < 0 || !*ret_proven)
		return r;
	r = store_begin(a->store, STORE_ALL, err); /* a code counts once */
	r = r < 0 ? r : account_note_right(a, ret->name, step, err);
	r = r < 0 ? r : store_commit(a->store, err);
	store_abort(a->store);
	return r;
}

int account_change_password(struct accounts *a, const char *token, const struct credentials *c, const char *password, enum enrol *ret_how,
                            enum password_fault *ret_fault, char ret_token[SESSION_TOKEN], struct session *ret, struct err *err)
{
	struct known k = { 0 };
	char hash[PASSWORD_HASH_MAX];
	int64_t step = 0;
	bool proven = false;
	int r = account_session(a, token, true, ret, err);
	r = r < 0 ? r : prove_session(a, ret, c, &k, &step, &proven, err);
	*ret_how = ENROL_CODE;
	if (r < 0 || !proven)
		return r;
	*ret_how = ENROL_PASSWORD;
	r = refuse_password(a, ret->name, password, ret_fault, err);
	if (r < 0 || *ret_fault != PASSWORD_GOOD)
		return r;
	r = password_hash(password, a->iterations, hash, err);
	r = r < 0 ? r : store_begin(a->store, STORE_ALL, err);
	r = r < 0 ? r : set_own(a, ret->name, hash, k.totp, step, err);
	r = r < 0 ? r : account_sessions_end(a, ret->name, err);
	r = r < 0 ? r : account_session_begin(a, ret, "", ret_token, err);
	r = r < 0 ? r : store_commit(a->store, err);
	store_abort(a->store);
	OPENSSL_cleanse(&k, sizeof k);
	*ret_how = ENROL_DONE;
	return r;
}
