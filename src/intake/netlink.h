/* The kernel's side: packets the nft rules log (nfnetlink_log), and the names of interfaces (rtnetlink).
 *
 * Both sockets are opened before the process is confined: binding a log group needs CAP_NET_ADMIN, using it doesn't.
 * Raw netlink, no library. nflog has no acknowledgement: what the kernel had no room for is told as lost. */
#ifndef INTAKE_NETLINK_H
#define INTAKE_NETLINK_H

#include "base/err.h"
#include "normalise/nflog.h"

#define NFLOG_COPY 128 /* bytes of each packet */

/* Binds the groups of this network namespace. */
int nflog_open(const uint16_t *groups, size_t n, int *ret_fd, struct err *err);

#define NFLOG_GROUPS 4 /* groups below this are watched for gaps */
struct nflog_feed {
	uint32_t next_seq[NFLOG_GROUPS]; /* the kernel counts per group */
	bool started[NFLOG_GROUPS];
	uint64_t packets, lost, overruns, bad; /* lost: by gaps in the kernel's numbers */
};
typedef void (*nflog_fn)(const struct nflog_packet *p, void *user);
/* Reads what is there, at most `most` datagrams; calls fn for each packet. 0 or -E_IO. */
int nflog_read(int fd, struct nflog_feed *f, unsigned most, nflog_fn fn, void *user);
/* One datagram of netlink messages; for nflog_read() and the fuzz target. */
void nflog_datagram(struct str bytes, struct nflog_feed *f, nflog_fn fn, void *user);

/* Interface names by index, kept up to date by the kernel's notices. */
struct links;
int links_open(struct links **ret, struct err *err);
void links_close(struct links **l);
int links_fd(const struct links *l);
void links_work(struct links *l);                            /* when readable */
const char *links_name(uint32_t index, void *links_as_user); /* NULL: unknown */

#endif
