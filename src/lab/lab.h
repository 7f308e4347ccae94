/* A prefecture on one machine: the Internet, the cloud's node, every organisation of a description with its
 * router, terminals and child proxies, each in a network namespace, with real servers and real packets.
 *
 * Everything lives below build/lab; namespaces are called PREFIX-HOST (PREFIX: TORIDE_LAB, default "tl").
 * Hosts: inet · gw1 (the node) · CODE (an organisation's router) · CODE-pc1 … · CODE-proxy1 …
 * One lab a prefix; `up` first sweeps what an earlier one left, also after kill -9. Root only. */
#ifndef LAB_LAB_H
#define LAB_LAB_H

#include "base/buf.h"
#include "model/model.h"

#include <sys/types.h>

struct lab {
	char bin[400];    /* where toride and torided are */
	char source[400]; /* where examples/ and lab/ are */
	char dir[400];    /* build/lab: state, run, logs */
	char prefix[12];
	struct model *model; /* of dir/description; NULL before lab_up */
};

int lab_open(struct lab *l, struct err *err);
void lab_close(struct lab *l);
/* Raises the lab for the description (a directory) and applies it; returns when all organisations are served. */
int lab_up(struct lab *l, const char *description, struct err *err);
/* Takes everything down; nothing being there is no error. */
int lab_down(struct lab *l, struct err *err);
bool lab_is_up(const struct lab *l);
/* For a lab that is up already: its description. */
int lab_join(struct lab *l, struct err *err);
/* Replaces this process by CMD in HOST's namespace; returns only on error. */
int lab_exec(const struct lab *l, const char *host, char **argv, struct err *err);

/* ---- between the files of lab/ ---- */

void lab_say(const struct lab *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *lab_netns(const struct lab *l, const char *host, char dst[64]);
/* "dir/…" */
const char *lab_path(const struct lab *l, char dst[512], const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Starts a server in HOST (NULL: the machine's own network), output into dir/log/NAME.log, and notes it for
 * lab_down(). */
int lab_spawn(const struct lab *l, const char *host, const char *name, const char *const *argv, pid_t *ret_pid,
              struct err *err);
/* Asks all noted processes to end, newest first, and insists. */
void lab_end_processes(const struct lab *l);
/* Runs and waits; out may be NULL. */
/* For the process that is to become HOST's: its namespace, and where the node's files are. The second node of a pair has its own (dir/gw2) in the
 * places the description names. False with errno. */
bool lab_become(const struct lab *l, const char *host);
int lab_run_in(const struct lab *l, const char *host, const char *const *argv, struct buf *out, struct err *err);
int lab_copy(const char *from, const char *to, const char *const *pairs, struct err *err); /* with @KEY@ replaced */

int lab_net_up(const struct lab *l, struct err *err);
int lab_net_down(const struct lab *l, struct err *err);
int lab_upstream(const struct lab *l, struct err *err); /* upstream.c: the router that takes announcements */
int lab_internet_up(const struct lab *l, struct err *err);
int lab_registry(const struct lab *l, struct err *err); /* once the node serves: DS records of its zones go to the TLD */
int lab_orgs_up(const struct lab *l, struct err *err);
void lab_orgs_down(const struct lab *l); /* after lab_net_down() */
/* Once the node's vault runs: certificates of the public sites into the description. */
int lab_certificates(const struct lab *l, struct err *err);
int lab_node_up(struct lab *l, struct err *err);
/* Only the lab without TORIDE_LAB shows its page to the machine; can it have the address? */
/* Somebody who may use the page: an account with a one-time password, said on stderr, on the board, and in DIR/sign-in. */
#define LAB_ANALYST "soc"
int lab_sign_in(struct lab *l, struct err *err);
bool lab_has_page(const struct lab *l);
int lab_page_free(const struct lab *l, struct err *err);
/* The description as the lab serves it: its root's trust anchor, its CA, its directories. */
int lab_description(struct lab *l, const char *from, struct err *err);

#endif
