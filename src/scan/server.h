/* scand's side of the verdict protocol: peers, their messages and descriptors in, answers out. */
#ifndef SCAN_SERVER_H
#define SCAN_SERVER_H

#include "scan/broker.h"

struct verdict_server;

/* Takes listen_fd. allowed: may this user ask? A peer may have max_open scans at a time; more are answered "busy". */
int verdict_server_open(uv_loop_t *loop, int listen_fd, struct broker *b, bool (*allowed)(uid_t uid), size_t max_open,
                struct verdict_server **ret, struct err *err);
void verdict_server_close(struct verdict_server **s);
uint64_t verdict_server_cut(const struct verdict_server *s); /* peers cut off for breaking the protocol or not reading */

#endif
