/* The one place that speaks to PostgreSQL; see store.h. Everything above it sees transactions and rows.
 * Synchronous on purpose: the desk handles a few statements a second, over a local socket, with a statement
 * time-out; an asynchronous state machine would buy nothing here and cost the reader a lot. */
#include "store/store.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "store/schema.h"
#include "wire/place.h"

#include <stdio.h>
#include <stdlib.h>

#define PREPARED_MAX 256
#define READ_ONLY "25006" /* read_only_sql_transaction: it follows another server */

struct store {
	PGconn *conn;
	char dir[PLACE_MAX];
	char role[32];
	bool open; /* a transaction is */
	bool stands_by;
	int64_t retry_ms;
	const struct store_sql *prepared[PREPARED_MAX]; /* on this connection */
	size_t n_prepared;
};

const char *const store_bootstrap[] = {
	"CREATE ROLE " STORE_ROLE_RESPOND " LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS",
	"CREATE ROLE " STORE_ROLE_PORTAL " LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS",
	"CREATE ROLE " STORE_ROLE_AUTH " LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS",
	"CREATE DATABASE " STORE_DATABASE " OWNER " STORE_ROLE_RESPOND " ENCODING 'UTF8' TEMPLATE template0",
	"GRANT CREATE ON DATABASE " STORE_DATABASE " TO " STORE_ROLE_AUTH,
	NULL,
};

int store_create(const char *dir, const char *role, struct store **ret, struct err *err)
{
	struct store *s = mem_alloc(sizeof *s);
	if (!s)
		return err_set(err, E_NOMEM, "", "no memory");
	if (!dir)
		place_in_run(s->dir, sizeof s->dir, SOCK_PG);
	if ((dir && !str_copy(str_from(dir), s->dir, sizeof s->dir)) || !str_copy(str_from(role), s->role, sizeof s->role)) {
		mem_free(s);
		return err_set(err, E_LIMIT, "pg", "directory or role name too long");
	}
	*ret = s;
	return 0;
}

static void disconnect(struct store *s)
{
	PQfinish(s->conn);
	s->conn = NULL;
	s->open = false;
	s->n_prepared = 0;
}

void store_destroy(struct store **s)
{
	if (!*s)
		return;
	disconnect(*s);
	mem_free(*s);
	*s = NULL;
}

static void ignore_notice(void *user, const char *message)
{
	(void)user, (void)message;
}

static int connect_now(struct store *s, struct err *err)
{
	if (s->conn && PQstatus(s->conn) == CONNECTION_OK)
		return 0;
	disconnect(s);
	if (clock_mono_ms() < s->retry_ms)
		return err_set(err, E_CLOSED, "pg", "not connected; trying again shortly");
	const char *keys[] = { "host", "dbname", "user", "connect_timeout", "application_name", "options", NULL };
	const char *values[] = { s->dir, STORE_DATABASE, s->role, "3", "toride",
		                 "-c statement_timeout=5000 -c lock_timeout=3000 -c client_encoding=UTF8"
		                 " -c idle_in_transaction_session_timeout=60000", NULL };
	s->conn = PQconnectdbParams(keys, values, 0);
	if (!s->conn || PQstatus(s->conn) != CONNECTION_OK) {
		int r = err_set(err, E_CLOSED, "pg", "%.300s", s->conn ? PQerrorMessage(s->conn) : "no memory");
		disconnect(s);
		s->retry_ms = clock_mono_ms() + STORE_RETRY_MS;
		return r;
	}
	PQsetNoticeProcessor(s->conn, ignore_notice, NULL);
	return 0;
}

static enum err_code code_of_state(const char *state)
{
	static const struct {
		const char *state;
		enum err_code code;
	} table[] = {
		{ "23505", E_EXISTS }, { "42501", E_DENIED }, { "57014", E_TIMEOUT }, { "55P03", E_TIMEOUT },
		{ READ_ONLY, E_CLOSED }, { "57P01", E_CLOSED }, { "57P02", E_CLOSED }, { "57P03", E_CLOSED }, { "25P03", E_CLOSED },
	};
	for (size_t i = 0; state && i < ARRAY_LEN(table); i++)
		if (strcmp(table[i].state, state) == 0)
			return table[i].code;
	return E_IO;
}

/* Takes res. */
static int check(struct store *s, PGresult *res, const char *what, struct err *err)
{
	ExecStatusType st = PQresultStatus(res);
	int r = 0;
	if (st != PGRES_COMMAND_OK && st != PGRES_TUPLES_OK) {
		bool lost = PQstatus(s->conn) != CONNECTION_OK;
		const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
		s->stands_by |= state && strcmp(state, READ_ONLY) == 0;
		enum err_code c = lost ? E_CLOSED : code_of_state(state);
		char msg[400];
		snprintf(msg, sizeof msg, "%s", res ? PQresultErrorMessage(res) : PQerrorMessage(s->conn));
		msg[strcspn(msg, "\n")] = 0;
		r = err_set(err, c, what, "%s", msg);
	}
	return r;
}

static int plain(struct store *s, const char *sql, struct err *err)
{
	PGresult *res = PQexec(s->conn, sql);
	int r = check(s, res, sql, err);
	PQclear(res);
	return r;
}

/* "*", a body's six digits or a prefecture's two: anything else would be a fault of ours. */
static bool is_scope(const char *org)
{
	if (strcmp(org, STORE_ALL) == 0)
		return true;
	size_t n = strlen(org);
	return (n == 6 || n == 2) && strspn(org, "0123456789") == n;
}

static const struct store_sql set_scope = { "set_scope", "SELECT set_config('toride.org', $1, true)" };
static const struct store_sql set_session = { "set_session", "SELECT set_config('toride.session', $1, true)" };

static int begin(struct store *s, const struct store_sql *q, const char *value, struct err *err)
{
	if (s->open)
		bug("a transaction is open already");
	int r = connect_now(s, err);
	if (r == 0)
		r = plain(s, "BEGIN", err);
	if (r < 0)
		return r;
	s->open = true;
	struct store_args a = { 0 };
	store_text(&a, value);
	r = store_run(s, q, &a, NULL, err);
	if (r < 0)
		store_abort(s);
	return r;
}

int store_begin(struct store *s, const char *org, struct err *err)
{
	return is_scope(org) ? begin(s, &set_scope, org, err) : err_set(err, E_INVALID, "org", "not a code of six digits, or a prefecture's of two");
}

int store_begin_session(struct store *s, const char *token, struct err *err)
{
	return begin(s, &set_session, token, err);
}

int store_commit(struct store *s, struct err *err)
{
	if (!s->open)
		bug("no transaction is open");
	s->open = false;
	PGresult *res = PQexec(s->conn, "COMMIT");
	int r = check(s, res, "COMMIT", err);
	/* a transaction that failed answers COMMIT with ROLLBACK and no error */
	if (r == 0 && strcmp(PQcmdStatus(res), "COMMIT") != 0)
		r = err_set(err, E_STATE, "COMMIT", "the transaction was rolled back");
	PQclear(res);
	return r;
}

void store_abort(struct store *s)
{
	if (!s->open)
		return;
	s->open = false;
	if (plain(s, "ROLLBACK", NULL) < 0)
		disconnect(s);
}

int store_writable(struct store *s, bool *ret, struct err *err)
{
	int r = connect_now(s, err);
	if (r < 0)
		return r;
	PGresult *res = PQexec(s->conn, "SELECT pg_is_in_recovery()");
	r = check(s, res, "pg_is_in_recovery", err);
	if (r == 0)
		*ret = strcmp(PQgetvalue(res, 0, 0), "f") == 0;
	s->stands_by = r == 0 && !*ret;
	PQclear(res);
	return r;
}

bool store_stands_by(const struct store *s)
{
	return s->stands_by;
}

bool store_in_transaction(const struct store *s)
{
	return s->open;
}

void store_text(struct store_args *a, const char *t)
{
	if (a->n >= STORE_ARGS)
		bug("too many arguments");
	a->v[a->n++] = t;
}

void store_int(struct store_args *a, int64_t v)
{
	if (a->n >= STORE_ARGS)
		bug("too many arguments");
	snprintf(a->num[a->n], sizeof a->num[0], "%lld", (long long)v);
	a->v[a->n] = a->num[a->n];
	a->n++;
}

void store_int_or_null(struct store_args *a, int64_t v, int64_t null)
{
	if (v == null)
		store_text(a, NULL);
	else
		store_int(a, v);
}

void store_rows_done(struct store_rows *r)
{
	PQclear(r->res);
	r->res = NULL;
	r->n = 0;
}

static int prepare(struct store *s, const struct store_sql *q, struct err *err)
{
	for (size_t i = 0; i < s->n_prepared; i++)
		if (s->prepared[i] == q)
			return 0;
	if (s->n_prepared == PREPARED_MAX)
		bug("more than %d statements", PREPARED_MAX);
	PGresult *res = PQprepare(s->conn, q->name, q->text, 0, NULL);
	int r = check(s, res, q->name, err);
	PQclear(res);
	if (r == 0)
		s->prepared[s->n_prepared++] = q;
	return r;
}

int store_run(struct store *s, const struct store_sql *q, const struct store_args *a, struct store_rows *ret,
              struct err *err)
{
	if (!s->open)
		bug("%s outside a transaction", q->name);
	int r = prepare(s, q, err);
	if (r < 0)
		return r;
	PGresult *res = PQexecPrepared(s->conn, q->name, a ? a->n : 0, a ? a->v : NULL, NULL, NULL, 0);
	r = check(s, res, q->name, err);
	if (r < 0 || !ret) {
		PQclear(res);
		return r;
	}
	ret->res = res;
	ret->n = PQresultStatus(res) == PGRES_TUPLES_OK ? PQntuples(res) : (int)strtol(PQcmdTuples(res), NULL, 10);
	return 0;
}

const char *store_col(const struct store_rows *r, int row, int col)
{
	return PQgetvalue(r->res, row, col); /* "" for NULL */
}

int64_t store_col_int(const struct store_rows *r, int row, int col, int64_t null)
{
	return PQgetisnull(r->res, row, col) ? null : strtoll(PQgetvalue(r->res, row, col), NULL, 10);
}

bool store_col_bool(const struct store_rows *r, int row, int col)
{
	return PQgetvalue(r->res, row, col)[0] == 't';
}

/* ---- migrations: here because only this file may send text that isn't prepared ---- */


static const struct store_sql read_version = { "read_version", "SELECT coalesce(max(version), 0) FROM schema_version" };
static const struct store_sql note_version = { "note_version",
	                                       "INSERT INTO schema_version(version, name, applied_ms) VALUES ($1, $2, $3)" };

int store_schema_version(struct store *s, int64_t *ret, struct err *err)
{
	struct store_rows rows = { 0 };
	int r = store_begin(s, STORE_ALL, err);
	if (r < 0)
		return r;
	r = store_run(s, &read_version, NULL, &rows, err);
	if (r == 0)
		*ret = store_col_int(&rows, 0, 0, 0);
	store_rows_done(&rows);
	store_abort(s);
	return r;
}

static int migrate_one(struct store *s, const struct schema_step *m, struct err *err)
{
	int r = store_begin(s, STORE_ALL, err);
	if (r < 0)
		return r;
	r = plain(s, m->sql, err);
	if (r == 0) {
		struct store_args a = { 0 };
		store_int(&a, m->version);
		store_text(&a, m->name);
		store_int(&a, clock_now_ms());
		r = store_run(s, &note_version, &a, NULL, err);
	}
	if (r == 0)
		return store_commit(s, err);
	store_abort(s);
	return r;
}

int store_migrate_steps(struct store *s, const char *base, const struct schema_step *steps, size_t n, struct err *err)
{
	int64_t have = 0;
	int r = connect_now(s, err);
	if (r == 0)
		r = plain(s, base, err);
	if (r == 0)
		r = store_schema_version(s, &have, err);
	if (r == 0 && have > steps[n - 1].version)
		r = err_set(err, E_STATE, "pg", "the database is of a newer Toride (schema %lld, this one knows %d)",
		            (long long)have, steps[n - 1].version);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (steps[i].version > have)
			r = migrate_one(s, &steps[i], err);
	return r;
}

int store_migrate(struct store *s, struct err *err)
{
	int r = store_migrate_steps(s, schema_base, schema_steps, schema_n, err);
	return r < 0 ? r : plain(s, schema_finish, err);
}
