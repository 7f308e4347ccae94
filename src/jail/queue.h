/* How much of what comes in waits for a process that has no right to ask for more: socket(7), SO_RCVBUFFORCE. */
#ifndef JAIL_QUEUE_H
#define JAIL_QUEUE_H

#include <stdint.h>
#include <sys/types.h>

struct err;

/* Each UDP socket that the process holds bound to a port (of its first 64 descriptors) lets `bytes` wait, by the kernel's count: a small datagram is
 * 768. The socket is borrowed for that moment (pidfd_getfd(2), Linux 5.6), and none is read. Returns how many; -E_IO where we
 * lack the right (CAP_NET_ADMIN of the machine, or to trace it). */
int jail_queue_widen(pid_t pid, uint32_t bytes, struct err *err);

#endif
