/* See ack.h. notify.c asks for links, desk.c looks them up. */
#include "respond/ack.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"

#include <stdio.h>

static void hash_of(const char *token, char ret[65])
{
	unsigned char h[32];
	hash_sha256(token, strlen(token), h);
	hex_format(h, sizeof h, ret);
}

static const struct store_sql add = { "ack_add", "INSERT INTO ack_link(token, incident, org, contact, created_ms) VALUES ($1, $2, $3, $4, $5)" };

int ack_link(struct respond *r, const struct incident *i, const char *contact, int64_t now, struct buf *b, struct err *err)
{
	unsigned char bytes[32];
	char token[ACK_TOKEN], hash[65];
	struct store_args a = { 0 };
	if (!r->desk->page_url[0])
		return 0;
	rnd_bytes(bytes, sizeof bytes);
	hex_format(bytes, sizeof bytes, token);
	hash_of(token, hash);
	store_text(&a, hash), store_int(&a, i->id), store_text(&a, i->org), store_text(&a, contact), store_int(&a, now);
	buf_printf(b, "%s/ack/%s", r->desk->page_url, token);
	return store_run(r->store, &add, &a, NULL, err);
}

static const struct store_sql find = { "ack_find", "SELECT incident, contact, used_ms IS NOT NULL FROM ack_link WHERE token = $1 AND created_ms > $2" };

int ack_find(struct respond *r, const char *token, int64_t now, struct ack_found *ret, struct err *err)
{
	char hash[65];
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	hash_of(token, hash);
	store_text(&a, hash), store_int(&a, now - ACK_DAYS_MS);
	int res = store_run(r->store, &find, &a, &rows, err);
	if (res == 0 && rows.n != 1)
		res = err_set(err, E_NOT_FOUND, "token", "there is no such link, or it is too old");
	if (res == 0) {
		*ret = (struct ack_found){ .incident = store_col_int(&rows, 0, 0, 0), .used = store_col_bool(&rows, 0, 2) };
		snprintf(ret->contact, sizeof ret->contact, "%s", store_col(&rows, 0, 1));
	}
	store_rows_done(&rows);
	return res;
}

static const struct store_sql spend = { "ack_spend", "UPDATE ack_link SET used_ms = $2 WHERE token = $1 AND used_ms IS NULL" };

int ack_spend(struct respond *r, const char *token, int64_t now, struct err *err)
{
	char hash[65];
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	hash_of(token, hash);
	store_text(&a, hash), store_int(&a, now);
	int res = store_run(r->store, &spend, &a, &rows, err);
	if (res == 0 && rows.n != 1)
		res = err_set(err, E_EXISTS, "token", "receipt was confirmed by this link already");
	store_rows_done(&rows);
	return res;
}
