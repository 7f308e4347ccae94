/* Throw-away workers for what parses hostile bytes: one worker a document, gone afterwards.
 *
 * zygote_start() forks the zygote: call it early in main(), before threads, before daemon_confine() and before
 * anything secret is in memory, since each worker is a copy of it. zygote_spawn() then costs about a millisecond:
 * it returns one end of a socket pair (SOCK_STREAM, blocking, close-on-exec); the worker runs
 * worker_main(other end) and ends when that returns. Descriptors may be passed over it (sock_send, sock_recv).
 *
 * A worker sees an empty file system, an empty network, its own process numbers; it can't open a file, make a
 * socket, start a process or map executable memory (killed with JAIL_EXIT_CALL). It is killed at the deadline;
 * its end shows as end-of-file on the socket. One zygote a process; spawn may be called from any thread. -E_CLOSED from
 * spawn means that the zygote itself is gone: exit then and be restarted, a confined daemon can make no other.
 *
 * Network, mounts and users are those of the zygote, made empty once for all its workers; process numbers and IPC are
 * new for each. Two workers share nothing they could reach: neither can make a socket or open a file. */
#ifndef JAIL_ZYGOTE_H
#define JAIL_ZYGOTE_H

#include <stddef.h>
#include <stdint.h>

struct err;

struct zygote_limits {
	uint32_t deadline_ms;  /* wall time of one worker; 0: 10,000 */
	uint32_t cpu_s;        /* processor seconds; 0: 5 */
	uint64_t memory;       /* bytes of address space; 0: 512 MiB */
	uint32_t workers;      /* at once, else -E_LIMIT; 0: 32, at most 256 */
};

typedef void (*zygote_main)(int sock);

int zygote_start(zygote_main worker_main, const struct zygote_limits *limits, struct err *err); /* limits may be NULL */
int zygote_spawn(int *ret_sock, struct err *err);
void zygote_stop(void); /* ends it and all workers */

#endif
