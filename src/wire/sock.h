/* UNIX sockets between our processes: connect, listen, who is there, passing a descriptor.
 *
 * Framed protocols (vault, verdict, events, torided) use SOCK_SEQPACKET or a stream with a u32 length
 * (big endian) before each message; sock_call() does one request and answer. */
#ifndef WIRE_SOCK_H
#define WIRE_SOCK_H

#include "base/buf.h"

#include <sys/types.h>

struct err;

/* Stream sockets, close-on-exec. mode is set on the path (an old socket file there is replaced), unless the supervisor
 * handed this socket over (TORIDE_LISTEN): then it is that one, which outlives us, and its mode is the table's. */
int sock_listen(const char *path, mode_t mode, int *ret_fd, struct err *err);
int sock_connect(const char *path, int timeout_ms, int *ret_fd, struct err *err);
/* Now or not at all, for an event loop: a descriptor that doesn't block, or -1. */
int sock_try(const char *path);
int sock_peer(int fd, pid_t *ret_pid, uid_t *ret_uid);
/* One length-prefixed message out, with at most one descriptor (pass_fd < 0: none). Blocking. */
int sock_send(int fd, struct str msg, int pass_fd, struct err *err);
/* One length-prefixed message in; b is reset first. ret_fd (may be NULL): a passed descriptor or -1;
 * unexpected ones are closed. timeout_ms < 0: for ever. */
int sock_recv(int fd, struct buf *b, int *ret_fd, int timeout_ms, struct err *err);
/* For other protocols on such a socket. All of the bytes, with at most one descriptor; what is there of them, up to n: how many, 0 at the end,
 * -E_CLOSED, -E_TIMEOUT (SO_RCVTIMEO). *got_fd: a descriptor that came with them where it was -1; others are closed. Blocking. */
int sock_send_bytes(int fd, struct str bytes, int pass_fd, struct err *err);
ssize_t sock_recv_bytes(int fd, void *p, size_t n, int *got_fd);
/* Connects, sends, receives, closes. */
int sock_call(const char *path, struct str msg, int pass_fd, struct buf *reply, int timeout_ms, struct err *err);

#endif
