/* Passkeys of accounts, over the database; see account.h. What is looked at of them is passkey.c's. */
#include "account/parts.h"

#include "account/passkey.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"

#define ID_HEX (2 * PASSKEY_ID_MAX + 1)
#define SPKI_HEX (2 * PASSKEY_DATA_MAX + 1)

static const struct store_sql challenge_set = { "key_challenge", "UPDATE session SET challenge = $2 WHERE token = $1" };
/* It is good once, whatever comes of it. */
static const struct store_sql challenge_take = {
	"key_challenge_take", "UPDATE session s SET challenge = '' FROM (SELECT token, challenge FROM session WHERE token = $1 FOR UPDATE) was"
			      " WHERE s.token = was.token AND was.challenge <> '' RETURNING was.challenge"
};
static const struct store_sql count_of = { "key_count", "SELECT count(*) FROM passkey WHERE account = $1" };
static const struct store_sql list = { "key_list", "SELECT id, label, added_ms, coalesce(used_ms, 0) FROM passkey WHERE account = $1 ORDER BY added_ms, id" };
static const struct store_sql find = { "key_find", "SELECT spki, count FROM passkey WHERE id = $1 AND account = $2" };
static const struct store_sql add = { "key_add", "INSERT INTO passkey(id, account, label, spki, count, added_ms) VALUES ($1, $2, $3, $4, $5, $6)" };
static const struct store_sql drop = { "key_remove", "DELETE FROM passkey WHERE id = $1 AND account = $2" };
static const struct store_sql used = { "key_used", "UPDATE passkey SET count = $2, used_ms = $3 WHERE id = $1" };

static int is_full(const struct session *s, struct err *err)
{
	return s->stage != SESSION_FULL ? err_set(err, E_DENIED, "session", "one has to be signed in first") : 0;
}

/* Inside a transaction. */
static int number_of(struct accounts *a, const char *name, int64_t *ret, struct err *err)
{
	struct store_args args = { 0 };
	struct store_rows rows = { 0 };
	store_text(&args, name);
	int r = store_run(a->store, &count_of, &args, &rows, err);
	*ret = r == 0 ? store_col_int(&rows, 0, 0, 0) : 0;
	store_rows_done(&rows);
	return r;
}

int keys_begin(struct accounts *a, struct session *who, const char *old, bool *ret, char ret_token[SESSION_TOKEN], struct err *err)
{
	int64_t n = 0;
	int r = store_begin(a->store, STORE_ALL, err);
	r = r < 0 ? r : number_of(a, who->name, &n, err);
	if (r == 0 && n) {
		who->stage = SESSION_KEY;
		r = account_session_begin(a, who, old, ret_token, err);
	}
	r = r < 0 ? r : store_commit(a->store, err);
	store_abort(a->store);
	*ret = r == 0 && n > 0;
	return r;
}

/* ---- challenges ---- */

static int ask(struct accounts *a, const char *token, unsigned char ret[PASSKEY_CHALLENGE], struct err *err)
{
	char hash[65], text[2 * PASSKEY_CHALLENGE + 1];
	struct store_args args = { 0 };
	rnd_bytes(ret, PASSKEY_CHALLENGE);
	hex_format(ret, PASSKEY_CHALLENGE, text);
	account_token_hash(token, hash);
	store_text(&args, hash);
	store_text(&args, text);
	return store_run(a->store, &challenge_set, &args, NULL, err);
}

static int take(struct accounts *a, const char *token, unsigned char ret[PASSKEY_CHALLENGE], struct err *err)
{
	char hash[65];
	struct store_args args = { 0 };
	struct store_rows rows = { 0 };
	account_token_hash(token, hash);
	store_text(&args, hash);
	int r = store_begin(a->store, STORE_ALL, err);
	r = r < 0 ? r : store_run(a->store, &challenge_take, &args, &rows, err);
	if (r == 0 && (rows.n != 1 || !hex_parse(str_from(store_col(&rows, 0, 0)), ret, PASSKEY_CHALLENGE)))
		r = err_set(err, E_DENIED, "challenge", "none was given, or it was used");
	store_rows_done(&rows);
	r = r < 0 ? r : store_commit(a->store, err);
	store_abort(a->store);
	return r;
}

static int put_keys(struct accounts *a, const char *name, struct buf *b, struct err *err)
{
	struct store_args args = { 0 };
	struct store_rows rows = { 0 };
	store_text(&args, name);
	int r = store_run(a->store, &list, &args, &rows, err);
	json_key(b, "keys");
	buf_putc(b, '[');
	for (int i = 0; r == 0 && i < rows.n; i++) {
		buf_puts(b, i ? ",{" : "{");
		json_field_s(b, "id", store_col(&rows, i, 0));
		json_field_s(b, "label", store_col(&rows, i, 1));
		json_field_u64(b, "added", (uint64_t)store_col_int(&rows, i, 2, 0));
		json_field_u64(b, "used", (uint64_t)store_col_int(&rows, i, 3, 0));
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
	store_rows_done(&rows);
	return r;
}

/* What is asked of an authenticator: a fresh challenge, and the keys that are known. Inside a transaction. */
static int put_question(struct accounts *a, const char *token, const char *name, struct buf *b, struct err *err)
{
	unsigned char challenge[PASSKEY_CHALLENGE];
	char text[64];
	int r = ask(a, token, challenge, err);
	r = r < 0 ? r : put_keys(a, name, b, err);
	base64url_format(challenge, sizeof challenge, text);
	if (r == 0)
		json_field_s(b, "challenge", text);
	return r;
}

int account_key_list(struct accounts *a, const char *token, struct buf *b, struct err *err)
{
	struct session s;
	int r = account_session(a, token, true, &s, err);
	r = r < 0 ? r : is_full(&s, err);
	r = r < 0 ? r : store_begin(a->store, STORE_ALL, err);
	r = r < 0 ? r : put_keys(a, s.name, b, err);
	store_abort(a->store);
	return r;
}

int account_key_ask(struct accounts *a, const char *token, struct buf *b, struct err *err)
{
	struct session s;
	int r = account_session(a, token, true, &s, err);
	if (r == 0 && s.stage != SESSION_KEY)
		r = err_set(err, E_DENIED, "session", "no passkey is asked for");
	r = r < 0 ? r : store_begin(a->store, STORE_ALL, err);
	r = r < 0 ? r : put_question(a, token, s.name, b, err);
	r = r < 0 ? r : store_commit(a->store, err);
	store_abort(a->store);
	return r;
}

/* ---- signing in by one ---- */

static int load(struct accounts *a, const char *name, const char *id, unsigned char spki[PASSKEY_DATA_MAX], size_t *n, uint32_t *count, struct err *err)
{
	struct store_args args = { 0 };
	struct store_rows rows = { 0 };
	store_text(&args, id);
	store_text(&args, name);
	int r = store_begin(a->store, STORE_ALL, err);
	r = r < 0 ? r : store_run(a->store, &find, &args, &rows, err);
	store_abort(a->store);
	const char *hex = r == 0 && rows.n == 1 ? store_col(&rows, 0, 0) : "";
	*n = strlen(hex) / 2;
	if (r == 0 && (*n == 0 || *n > PASSKEY_DATA_MAX || !hex_parse(str_from(hex), spki, *n)))
		r = err_set(err, E_DENIED, "id", "isn't one of this person's");
	else if (r == 0)
		*count = (uint32_t)store_col_int(&rows, 0, 1, 0);
	store_rows_done(&rows);
	return r;
}

static int note_used(struct accounts *a, const char *id, uint32_t count, struct err *err)
{
	struct store_args args = { 0 };
	store_text(&args, id);
	store_int(&args, count);
	store_int(&args, clock_now_ms());
	return store_run(a->store, &used, &args, NULL, err);
}

static int signed_by(struct accounts *a, const char *name, const struct session *s, const struct key_reply *k, struct passkey_expect *x, uint32_t *ret_count,
                     struct err *err)
{
	unsigned char spki[PASSKEY_DATA_MAX];
	size_t n;
	uint32_t count = 0;
	x->name = name;
	int r = load(a, s->name, k->id, spki, &n, &count, err);
	return r < 0 ? r : passkey_signed(x, k->client_data, k->auth_data, k->signature, (struct str){ (char *)spki, n }, count, ret_count, err);
}

int account_key_sign_in(struct accounts *a, const char *token, const char *name, const struct key_reply *k, enum sign_in *ret_how, char ret_token[SESSION_TOKEN],
                        struct session *ret, struct err *err)
{
	struct passkey_expect x = { 0 };
	struct err why = { 0 };
	uint32_t count = 0;
	int r = account_session(a, token, true, ret, err);
	if (r == 0 && ret->stage != SESSION_KEY)
		r = err_set(err, E_DENIED, "session", "no passkey is asked for");
	r = r < 0 ? r : take(a, token, x.challenge, err);
	if (r < 0)
		return r;
	r = signed_by(a, name, ret, k, &x, &count, &why);
	if (r == -E_DENIED || r == -E_INVALID) {
		struct session over;
		*ret_how = SIGN_IN_CODE;
		r = account_note_wrong(a, ret, ret_how, err);
		return r < 0 ? r : account_sign_out(a, token, &over, err); /* the password, and whether the account is locked, come before each try */
	}
	if (r < 0) {
		*err = why;
		return r;
	}
	ret->stage = SESSION_FULL;
	r = store_begin(a->store, STORE_ALL, err);
	r = r < 0 ? r : note_used(a, k->id, count, err);
	r = r < 0 ? r : account_note_right(a, ret->name, 0, err);
	r = r < 0 ? r : account_session_begin(a, ret, token, ret_token, err);
	r = r < 0 ? r : store_commit(a->store, err);
	store_abort(a->store);
	*ret_how = SIGN_IN_DONE;
	return r;
}

/* ---- one more, one less ---- */

int account_key_begin(struct accounts *a, const char *token, const struct credentials *c, bool *ret_proven, struct buf *b, struct err *err)
{
	struct session s;
	int64_t n = 0;
	int r = account_prove(a, token, c, ret_proven, &s, err);
	if (r < 0 || !*ret_proven)
		return r;
	r = store_begin(a->store, STORE_ALL, err);
	r = r < 0 ? r : number_of(a, s.name, &n, err);
	if (r == 0 && n >= PASSKEYS_EACH)
		r = err_set(err, E_LIMIT, "keys", "%d are registered already: remove one first", PASSKEYS_EACH);
	r = r < 0 ? r : put_question(a, token, s.name, b, err);
	r = r < 0 ? r : store_commit(a->store, err);
	store_abort(a->store);
	if (r == 0)
		json_field_s(b, "account", s.name);
	return r;
}

int account_key_add(struct accounts *a, const char *token, const char *name, const struct key_reply *k, const char *label, struct session *ret, struct err *err)
{
	struct passkey_expect x = { .name = name };
	char id[ID_HEX], spki[SPKI_HEX];
	struct store_args args = { 0 };
	struct str raw;
	uint32_t count;
	int r = account_session(a, token, true, ret, err);
	r = r < 0 ? r : is_full(ret, err);
	r = r < 0 ? r : take(a, token, x.challenge, err);
	r = r < 0 ? r : passkey_new(&x, k->client_data, k->auth_data, k->spki, &raw, &count, err);
	if (r < 0)
		return r;
	hex_format((const unsigned char *)raw.ptr, raw.len, id);
	hex_format((const unsigned char *)k->spki.ptr, k->spki.len, spki);
	store_text(&args, id), store_text(&args, ret->name), store_text(&args, label), store_text(&args, spki);
	store_int(&args, count), store_int(&args, clock_now_ms());
	r = store_begin(a->store, STORE_ALL, err);
	r = r < 0 ? r : store_run(a->store, &add, &args, NULL, err);
	r = r < 0 ? r : store_commit(a->store, err);
	store_abort(a->store);
	return r == -E_EXISTS ? err_set(err, E_EXISTS, "id", "it is registered already") : r;
}

int account_key_remove(struct accounts *a, const char *token, const struct credentials *c, const char *id, bool *ret_proven, struct session *ret, struct err *err)
{
	struct store_args args = { 0 };
	struct store_rows rows = { 0 };
	int r = account_prove(a, token, c, ret_proven, ret, err);
	if (r < 0 || !*ret_proven)
		return r;
	r = store_begin(a->store, STORE_ALL, err);
	if (r < 0)
		return r;
	store_text(&args, id);
	store_text(&args, ret->name);
	r = store_run(a->store, &drop, &args, &rows, err);
	if (r == 0 && rows.n != 1)
		r = err_set(err, E_NOT_FOUND, "id", "no such passkey");
	store_rows_done(&rows);
	r = r < 0 ? r : store_commit(a->store, err);
	store_abort(a->store);
	return r;
}
