/* The apps' secrets as they lie in the database: wrapped by the keeper, each for its account or session alone. See account.h, parts.h. */
#include "account/parts.h"

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"

#include <openssl/crypto.h>
#include <stdio.h>

#define MARK "v1:"
#define WRAPPED_MAX ((SECRET_KEPT - sizeof MARK) / 2)

int secret_wrap(struct accounts *a, const char *context, const char *plain, char ret[SECRET_KEPT], struct err *err)
{
	struct buf box;
	buf_init(&box, WRAPPED_MAX);
	int r = a->keeper.wrap(a->keeper.user, context, str_from(plain), &box, err);
	if (r == 0 && box.failed)
		r = err_set(err, E_LIMIT, "secret", "longer than can be kept, once it is wrapped");
	if (r == 0) {
		memcpy(ret, MARK, sizeof MARK);
		hex_format((const unsigned char *)box.ptr, box.len, ret + sizeof MARK - 1);
	}
	buf_done(&box);
	return r;
}

int secret_unwrap(struct accounts *a, const char *context, const char *kept, char ret_plain[TOTP_TEXT], struct err *err)
{
	unsigned char box[WRAPPED_MAX];
	struct buf plain;
	size_t n = strlen(kept) > sizeof MARK - 1 ? (strlen(kept) - (sizeof MARK - 1)) / 2 : 0;
	if (strncmp(kept, MARK, sizeof MARK - 1) != 0 || n == 0 || n > sizeof box || !hex_parse(str_from(kept + sizeof MARK - 1), box, n))
		return err_set(err, E_CORRUPT, "secret", "not kept as it should be");
	buf_init(&plain, TOTP_TEXT);
	int r = a->keeper.unwrap(a->keeper.user, context, (struct str){ (char *)box, n }, &plain, err);
	if (r == 0 && !str_copy(buf_view(&plain), ret_plain, TOTP_TEXT))
		r = err_set(err, E_CORRUPT, "secret", "not an app's");
	if (plain.ptr)
		OPENSSL_cleanse(plain.ptr, plain.len);
	buf_done(&plain);
	return r;
}

/* ---- those of before ---- */

struct table {
	struct store_sql find, change;
};

/* Only what is as it was found is changed: somebody may be setting up a new one meanwhile. */
static const struct table tables[] = {
	{ { "secret_accounts", "SELECT name, totp FROM account WHERE totp <> '' AND totp NOT LIKE 'v1:%'" },
	  { "secret_account", "UPDATE account SET totp = $2 WHERE name = $1 AND totp = $3" } },
	{ { "secret_sessions", "SELECT token, secret FROM session WHERE secret <> '' AND secret NOT LIKE 'v1:%'" },
	  { "secret_session", "UPDATE session SET secret = $2 WHERE token = $1 AND secret = $3" } },
};

static int wrap_table(struct accounts *a, const struct table *t, size_t *n, struct err *err)
{
	struct store_rows rows = { 0 };
	char kept[SECRET_KEPT];
	int r = store_run(a->store, &t->find, NULL, &rows, err);
	for (int i = 0; r == 0 && i < rows.n; i++) {
		struct store_args args = { 0 };
		r = secret_wrap(a, store_col(&rows, i, 0), store_col(&rows, i, 1), kept, err);
		store_text(&args, store_col(&rows, i, 0));
		store_text(&args, kept);
		store_text(&args, store_col(&rows, i, 1));
		r = r < 0 ? r : store_run(a->store, &t->change, &args, NULL, err);
		*n += r == 0;
	}
	store_rows_done(&rows);
	return r;
}

int accounts_wrap(struct accounts *a, size_t *ret, struct err *err)
{
	size_t n = 0;
	int r = store_begin(a->store, STORE_ALL, err);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(tables); i++)
		r = wrap_table(a, &tables[i], &n, err);
	r = r < 0 ? r : store_commit(a->store, err);
	store_abort(a->store);
	if (r == 0)
		*ret = n;
	return r;
}
