/* The embedded ClickHouse: libchdb.so, loaded at run time (half a gigabyte, Apache-2.0, package @chdb/lib-linux-x64-gnu), so
 * that everything but search works on a machine without it.
 *
 * One process owns a data directory. A connection runs one query at a time: one for each thread that asks.
 * What was met (26.5): INSERT … FORMAT with the bytes behind it misparses, so rows come from a file descriptor; settings
 * belong into the query, SET would stick to the connection. */
#ifndef INDEX_ENGINE_H
#define INDEX_ENGINE_H

#include "base/buf.h"
#include "index/serve.h"

struct err;
struct engine;
struct engine_conn;

int engine_open(const char *library, const char *dir, struct engine **ret, struct err *err);
void engine_close(struct engine **e); /* all connections must be closed */

int engine_connect(struct engine *e, struct engine_conn **ret, struct err *err);
void engine_disconnect(struct engine_conn **c);
/* ret gets what the query returns, in its FORMAT or as TabSeparated. On an error of the engine: -E_INVALID, and *ret has its words
 * ("Code: 62. DB::Exception: …"). */
int engine_query(struct engine_conn *c, struct str sql, struct buf *ret, struct err *err);
/* Ends what another connection asks: its statement begins with a comment that holds this name, of [a-z0-9-]. */
int engine_end(struct engine_conn *c, const char *id, struct err *err);
/* "INSERT INTO table FORMAT RowBinaryWithNamesAndTypes" with rows as its data. */
int engine_insert(struct engine_conn *c, struct str sql, struct str rows, struct buf *ret, struct err *err);
/* The same of rows that stand in a file, to its end: it is read, not mapped. */
int engine_insert_fd(struct engine_conn *c, struct str sql, int fd, struct buf *ret, struct err *err);
/* For serve_run(); its user is the engine. */
extern const struct serve_ops engine_ops;

#endif
