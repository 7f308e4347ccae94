/* ClickHouse's HTTP interface (as much of it as client.h uses) on a UNIX socket, with the embedded engine behind it (indexd.c) or a cluster
 * (clusterd.c): POST with the query as body, or ?query=INSERT…FORMAT F with the rows as body. An answer is 200 with the result; 500 with the
 * engine's words and X-ClickHouse-Exception-Code; of a cluster also 503 nobody there, 504 too slow, 403 it doesn't know us.
 * Inserts go one after another; one whose sender hung up isn't begun.
 * A thread a connection, at most SERVE_CONNECTIONS; the next one waits in the socket's queue. */
#ifndef INDEX_SERVE_H
#define INDEX_SERVE_H

#include "base/buf.h"

struct err;

#define SERVE_CONNECTIONS 12
#define SERVE_BODY_MAX (64u * 1024 * 1024)
#define SERVE_ANSWER_MAX (64u * 1024 * 1024)

/* What answers. A connection of its own is opened for each of ours, used by one thread at a time, and kept for the next. -E_INVALID: *ret has
 * its words. */
struct serve_ops {
	int (*open)(void *user, void **ret_conn, struct err *err);
	void (*rest)(void *conn); /* its user is gone; NULL: nothing to do */
	void (*close)(void *conn);
	int (*query)(void *conn, struct str sql, struct buf *ret, struct err *err);
	int (*insert)(void *conn, struct str sql, struct str rows, struct buf *ret, struct err *err);
};

/* "Code: 62. DB::Exception: …": 62; 0: no such words. */
unsigned serve_exception(struct str words);
/* Serves until stop_fd becomes readable; then ends what runs (at most 10 s) and returns 0. allowed: may this user ask? */
int serve_run(const struct serve_ops *ops, void *user, int listen_fd, int stop_fd, bool (*allowed)(unsigned uid), struct err *err);

#endif
