/* TCP on the link between the two nodes of a pair, from one node's own address there (sync4, in text) to the other's. */
#ifndef PAIR_CABLE_H
#define PAIR_CABLE_H

#include <stdint.h>

struct err;

/* Non-blocking; the address needn't be there yet. */
int cable_listen(const char *self4, uint16_t port, int *ret_fd, struct err *err);
/* Blocking: neither connecting nor a piece of what follows waits longer than timeout_ms, in whole seconds. */
int cable_call(const char *self4, const char *other4, uint16_t port, int timeout_ms, int *ret_fd, struct err *err);

#endif
