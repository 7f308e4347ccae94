/* Findings in: the server side of detect/finding.h on RUN/findings.sock. A finding is acknowledged only after its
 * transaction was committed; while the store is away nothing is, and detectd keeps it. */
#ifndef RESPOND_WATCH_H
#define RESPOND_WATCH_H

#include "respond/respond.h"

#include <uv.h>

#define WATCH_PEERS 4
#define WATCH_TRIES 20 /* of a finding the store refuses, twice a second */

struct watch;

/* may: is this user allowed to hand in findings? */
int watch_open(uv_loop_t *loop, const char *socket_path, struct respond *r, bool (*may)(uid_t uid), struct watch **ret,
               struct err *err);
void watch_close(struct watch **w);
/* The list of what is blocked now, to all who hand findings in. */
void watch_tell(struct watch *w, struct str list);
/* Findings that waited for the store: tries again. Call now and then. */
void watch_retry(struct watch *w);

#endif
