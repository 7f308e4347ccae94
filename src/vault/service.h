/* The vault without its sockets: one request in, one answer out. */
#ifndef VAULT_SERVICE_H
#define VAULT_SERVICE_H

#include "base/buf.h"
#include "wire/stats.h"

#include <sys/types.h>

struct service;
struct err;

struct service_opts {
	const char *dir;         /* secrets: STATE/vault */
	const char *public_dir;  /* STATE/vault-public: ca.pem, seal.pub.pem */
	const char *ca_copy;     /* RUN/ca.pem, or NULL; written in place, it may be a file made for us */
	const char *ca_name;     /* CN of a new CA; NULL: "Toride Interception CA" with a random number */
	const char *own_names;   /* STATE/current/nginx/tls.names, which must outlive the service; NULL: none may be certified (uses.h) */
	bool (*held)(const char *org); /* whose records are held while a case is under way: their key isn't destroyed; NULL: nobody's */
	struct stats *stats;     /* NULL: not counted */
};

/* Opens or makes the keys and writes the public files. */
int service_open(const struct service_opts *o, struct service **ret, struct err *err);
void service_close(struct service **s);
/* Appends the answer to `reply`. False: the message is malformed, drop the connection. Logs refusals and destructions,
 * counts each use: "CALLER_OP" and "CALLER_OP_refused". */
bool service_answer(struct service *s, uid_t uid, struct str msg, struct buf *reply);
void service_hourly(struct service *s); /* keys that nobody uses any more go (sites.h) */

#endif
