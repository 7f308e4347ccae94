/* The requests people make of incidents and blocks, over RUN/respond.sock (wire/ctl.h); controld forwards what
 * toride(1) sends. doc/interfaces/respond.md lists them. `by` is put in by controld: who really asks. */
#ifndef RESPOND_DESK_H
#define RESPOND_DESK_H

#include "respond/respond.h"
#include "wire/ctl.h"

#define DESK_NAME_MAX 60    /* bytes of a person's name */
#define DESK_WORDS_MAX 2000 /* bytes of a reason or note */

/* A ctl_handler; user is a struct respond. */
int desk_handle(const struct ctl_request *rq, const char *what, struct buf *b, void *user, struct err *err);

#endif
