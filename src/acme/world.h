/* The real world of an order: HTTPS by libcurl, the vault, the challenge's directory. Blocking, for a thread of its own. */
#ifndef ACME_REAL_WORLD_H
#define ACME_REAL_WORLD_H

#include "acme/order.h"

struct world_opts {
	const char *resolver;   /* who is asked for the authority's address: "100.64.1.53" */
	const char *ca;         /* PEM, trusted beside the system's; "" */
	const char *challenges; /* directory */
};
struct world;

int world_open(const struct world_opts *o, struct world **ret, struct err *err);
void world_close(struct world **w);
void world_fill(struct world *w, struct acme_world *ret);
/* The certificate that address serves for that name, as the SHA-256 of its DER. Nothing is verified: it is compared. */
int world_served(const char *address, const char *name, unsigned char ret_sum[32], struct err *err);

#endif
