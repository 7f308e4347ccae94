/* A real ClickHouse by URL, in place of the embedded one: the driver. Over HTTPS alone, its certificate verified; one or several servers of one
 * cluster, whose tables are replicated (dialect.h).
 *
 * A server that can't be reached is followed by the next one, in turn, which is then asked first by all. What failed once it was sent is told
 * to who asked, and never sent a second time by us: whoever fills (fill.h) finds out what arrived, and from the same server, since
 * a connection stays with the one that answered it until that fails. One whose tables can't be written, since it has lost sight of the others, is left as well.
 * Rows for replicas are in two of them before they count as put in; where only one is left, in that.
 * Before rows that may have arrived are looked for, each server is asked whether it still writes some. One that can't be reached
 * may, for CLUSTER_SETTLED_MS after it was last given some; not one that refuses the connection: nothing runs there.
 * Whatever the far end does, an answer has its ceilings: SERVE_ANSWER_MAX, CLUSTER_ASK_S.
 * Sources: ClickHouse's documentation, "HTTP interface" (X-ClickHouse-User, X-ClickHouse-Key, wait_end_of_query). */
#ifndef INDEX_CLUSTER_H
#define INDEX_CLUSTER_H

#include "index/serve.h"

#include <stdint.h>

#define CLUSTER_HOSTS 8
#define CLUSTER_URL 300
#define CLUSTER_CONNECT_MS 4000L
#define CLUSTER_ASK_S 620L /* who asks has a shorter patience (client.h) */
#define CLUSTER_SETTLED_MS 120000

struct cluster;
struct cluster_opts {
	const char *urls[CLUSTER_HOSTS]; /* "https://ch1.example.jp:8443" */
	size_t n;
	const char *user, *key;
	const char *ca;  /* PEM: trusted beside the system's; "" */
	const char *place; /* its name: who asks by another one has been told of another place, or not yet of this one */
	bool replicated; /* its own way of leaving out what it was given before is switched off: a day that is filled again has the same rows */
};
struct cluster_stats {
	uint64_t asked, failed; /* requests; those that no server answered */
	uint64_t host;          /* which is asked first now, from 1 */
	uint64_t away;          /* 1: the last request found none */
};

int cluster_open(struct cluster **ret, struct err *err);
/* What a new generation says; connections take it up at their next request. -E_INVALID, -E_LIMIT: the old stays. */
int cluster_set(struct cluster *c, const struct cluster_opts *o, struct err *err);
struct cluster_stats cluster_stats(struct cluster *c);
/* For serve_run(); its user is the cluster. */
extern const struct serve_ops cluster_ops;

#endif
