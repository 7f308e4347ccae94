/* The embedded engine behind ClickHouse's HTTP interface (as much of it as client.h uses) on a UNIX socket, so that a real
 * ClickHouse can take its place: POST with the query as body, or ?query=INSERT…FORMAT F with the rows as body. An answer is 200 with
 * the result, or 500 with the engine's words and X-ClickHouse-Exception-Code.
 * Inserts go one after another; one whose sender hung up isn't begun.
 * A thread a connection, at most SERVE_CONNECTIONS; the next one waits in the socket's queue. */
#ifndef INDEX_SERVE_H
#define INDEX_SERVE_H

#include "index/engine.h"

#define SERVE_CONNECTIONS 12
#define SERVE_BODY_MAX (64u * 1024 * 1024)
#define SERVE_ANSWER_MAX (64u * 1024 * 1024)

/* Serves until stop_fd becomes readable; then ends what runs (at most 10 s) and returns 0. allowed: may this user ask? */
int serve_run(struct engine *e, int listen_fd, int stop_fd, bool (*allowed)(unsigned uid), struct err *err);

#endif
