/* ClickHouse's HTTP interface (as much of it as client.h uses) on a UNIX socket, with the embedded engine behind it (indexd.c) or a cluster
 * (clusterd.c): POST with the query as body, or ?query=INSERT…FORMAT F with the rows as body; or, where a header says SERVE_ROWS and how many
 * bytes, without a body and with the rows in memory whose descriptor comes along (rows.h, SCM_RIGHTS of unix(7)). An answer is 200 with the result; 500 with the
 * engine's words and X-ClickHouse-Exception-Code; of a cluster also 503 nobody there, 504 too slow, 403 it doesn't know us.
 * Of a cluster alone: ?place=NAME, it is refused (503) by who has been told of another one since; ?each=1, each of its servers is asked, and
 * their answers stand one behind the other.
 * Inserts go one after another; one whose sender hung up isn't begun. A question (SELECT, SYSTEM) whose sender hung up is ended at the engine.
 * A thread a connection, at most SERVE_CONNECTIONS; the next one waits in the socket's queue. */
#ifndef INDEX_SERVE_H
#define INDEX_SERVE_H

#include "base/buf.h"

struct err;

#define SERVE_CONNECTIONS 12
#define SERVE_BODY_MAX (64u * 1024 * 1024)
#define SERVE_ROWS "X-Toride-Rows"
#define SERVE_ANSWER_MAX (64u * 1024 * 1024)

struct serve_ask {
	struct str sql;
	struct str rows; /* of an insert, */
	bool in_memory;  /* or they stand in rows_fd */
	int rows_fd;
	struct str place; /* "": whichever */
	bool insert, each;
	char id[48]; /* of [a-z0-9-], no other's: by which it can be ended */
};

/* What answers. A connection of its own is opened for each of ours, used by one thread at a time, and kept for the next. -E_INVALID: *ret has
 * its words. */
struct serve_ops {
	int (*open)(void *user, void **ret_conn, struct err *err);
	void (*rest)(void *conn); /* its user is gone; NULL: nothing to do */
	void (*close)(void *conn);
	int (*ask)(void *conn, const struct serve_ask *a, struct buf *ret, struct err *err);
	int (*end)(void *conn, const char *id, struct err *err); /* by another connection than the one that asked */
	unsigned ends_ms; /* what was told to end has ended by then, or never will; 0: it always does */
};

/* "Code: 62. DB::Exception: …": 62; 0: no such words. */
unsigned serve_exception(struct str words);
/* Serves until stop_fd becomes readable; then ends what runs (at most 10 s) and returns 0. allowed: may this user ask? -E_STATE: a question hasn't ended
 * ends_ms after it was told to, and keeps its connection for ever: the process has to be replaced. */
int serve_run(const struct serve_ops *ops, void *user, int listen_fd, int stop_fd, bool (*allowed)(unsigned uid), struct err *err);

#endif
