/* The state of the desk in PostgreSQL: organisations, findings, incidents, notices, blocks, consents.
 *
 * One struct store is one connection over the UNIX socket directory (SOCK_PG in the run directory), used by
 * one thread, synchronously, in short transactions. Statements are prepared once a connection and take their
 * values as parameters: there is no function that takes SQL built at run time.
 * Row-level security holds on every table that names an organisation (schema.h). store_begin() says whose rows
 * the transaction may see: a 6-digit code, a prefecture's two digits (all codes that begin so), or STORE_ALL for the watch itself. It is set by the server's own
 * code, for this transaction only, and validated here; nothing a caller of the product sends reaches it as SQL. The portal's role
 * isn't asked what it wants to see: its rows are those of the session it names (store_begin_session).
 * A lost connection fails the transaction in hand (-E_CLOSED) and is opened again by the next store_begin(), at
 * most every STORE_RETRY_MS; what was not committed must be done again by the caller (findings are, by uid).
 * Requirements: F-24 M-079 (state of incidents), X-06 (bodies kept apart). */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/str.h"

#include <libpq-fe.h>

struct store;
struct err;

#define STORE_ALL "*"
#define STORE_DATABASE "toride"
#define STORE_ROLE_RESPOND "toride_respond" /* owns the schema */
#define STORE_ROLE_PORTAL "toride_portal"   /* SELECT only, of what its session may see */
#define STORE_ROLE_AUTH "toride_auth"       /* accounts and sessions, in a schema of its own (account/schema.h) */
#define STORE_RETRY_MS 500
#define STORE_ARGS 32

/* What a superuser runs once in a fresh cluster, before the first store_open(): the three roles and the database.
 * One statement an entry, ended by NULL ("already exists" is no error). */
extern const char *const store_bootstrap[];

/* dir NULL: the run directory's. Doesn't connect yet. */
int store_create(const char *dir, const char *role, struct store **ret, struct err *err);
void store_destroy(struct store **s);
/* Brings the schema to the newest version (schema.c), each step in its own transaction. Forward only: a database
 * of a newer Toride is refused with -E_STATE. */
int store_migrate(struct store *s, struct err *err);
/* The same for a schema of its own: base makes it and its table schema_version, when they aren't there. */
struct schema_step;
int store_migrate_steps(struct store *s, const char *base, const struct schema_step *steps, size_t n, struct err *err);
/* Whether the database takes changes: of a pair, the one at the node that stands by doesn't (doc/PAIRS.md). */
int store_writable(struct store *s, bool *ret, struct err *err);
/* It refused a change for that reason since store_writable() was asked last. Such a refusal is -E_CLOSED, as if it weren't there. */
bool store_stands_by(const struct store *s);
int store_schema_version(struct store *s, int64_t *ret, struct err *err);

int store_begin(struct store *s, const char *org, struct err *err);
/* For the portal's role: the rows which the session of this token may see, as the database itself finds it; none when it is over. */
int store_begin_session(struct store *s, const char *token, struct err *err);
int store_commit(struct store *s, struct err *err);
void store_abort(struct store *s); /* after any error; harmless when nothing is open */
bool store_in_transaction(const struct store *s);

/* A statement: static storage, so that its address names it. name: unique, for the server. */
struct store_sql {
	const char *name, *text;
};

/* Values of $1…; texts are borrowed until the call is over. */
struct store_args {
	const char *v[STORE_ARGS];
	char num[STORE_ARGS][24];
	int n;
};
void store_text(struct store_args *a, const char *s);     /* NULL is SQL's NULL */
void store_int(struct store_args *a, int64_t v);
void store_int_or_null(struct store_args *a, int64_t v, int64_t null); /* v == null is SQL's NULL */

struct store_rows {
	PGresult *res; /* owned; freed by store_rows_done() */
	int n;         /* rows returned, or changed by a statement that returns none */
};
void store_rows_done(struct store_rows *r);
/* ret may be NULL. Errors: -E_CLOSED lost connection, -E_EXISTS unique violation, -E_DENIED refused by row
 * security or privileges, -E_TIMEOUT statement time-out, -E_IO anything else; *err has the server's words. */
int store_run(struct store *s, const struct store_sql *q, const struct store_args *a, struct store_rows *ret,
              struct err *err);
const char *store_col(const struct store_rows *r, int row, int col);       /* "" for NULL */
int64_t store_col_int(const struct store_rows *r, int row, int col, int64_t null); /* null for NULL */
bool store_col_bool(const struct store_rows *r, int row, int col);

#endif
