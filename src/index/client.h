/* Asking ClickHouse over its HTTP interface, behind a UNIX socket: the embedded one (serve.h), or a cluster's by way of toride-clusterd
 * (cluster.h), which is asked in the words it knows (dialect.h).
 * Blocking, one connection, kept; made again when lost. Not for threads. */
#ifndef INDEX_CLIENT_H
#define INDEX_CLIENT_H

#include "base/buf.h"
#include "index/dialect.h"

#include <stdbool.h>

struct err;
struct rows;
struct client;
struct client_opts {
	const char *socket_path; /* of the UNIX socket */
	unsigned timeout_ms;     /* of a request; 0: 60,000 */
	struct dialect cluster;  /* its database: NULL, it's the embedded one. Its version is asked for, not given */
	const char *place;       /* of a cluster: its name (serve.h); NULL: whichever */
};

int client_open(const struct client_opts *o, struct client **ret, struct err *err);
void client_close(struct client **c);
void client_timeout(struct client *c, unsigned ms); /* of the requests from now on */
/* Once *ended, by another thread, what is asked ends within a second, with -E_CLOSED, at the engine too (serve.h). */
void client_end_when(struct client *c, const _Atomic bool *ended);
/* How many of its questions took longer, or more memory, than they may: the engine ended them. */
unsigned client_overran(const struct client *c);
/* ret gets the answer. -E_CLOSED nobody there, -E_TIMEOUT too slow (also when the query's own limit ended it), -E_LIMIT too much memory
 * or too long an answer, -E_DENIED a cluster that doesn't know us, -E_INVALID refused; err.msg has the engine's words. */
int client_query(struct client *c, struct str sql, struct buf *ret, struct err *err);
/* Of a cluster: each of its servers is asked, and their answers stand one behind the other. -E_CLOSED: one can't be (cluster.h). */
int client_query_each(struct client *c, struct str sql, struct buf *ret, struct err *err);
/* insert: "INSERT INTO t FORMAT F"; rows: in that format. All or nothing for rows of one partition. */
int client_insert(struct client *c, const char *insert, struct str rows, struct err *err);
/* The same of the embedded engine, with the rows in memory that it reads (rows_end() was called). */
int client_hand_over(struct client *c, const char *insert, const struct rows *rows, struct err *err);

/* Of a cluster's server: one of which less can be asked (dialect.h)? */
int client_is_old(struct client *c, bool *ret, struct err *err);

#endif
