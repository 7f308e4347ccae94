/* paird.json (compile/pair.c writes it):
 *   { "v":1, "nodes":[{"name":"gw1","sync4":"10.9.0.1"},{"name":"gw2","sync4":"10.9.0.2"}], "mark":2,
 *     "uplinks":["wan0"], "attachments":["o412015"], "announce":[{"interface":"wan0","address":"198.51.100.2"}] } */
#ifndef PAIR_CONF_H
#define PAIR_CONF_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

#define PAIR_NODES 2
#define PAIR_LINKS 16384
#define PAIR_ANNOUNCED 262144

struct pair_nodes {
	char names[PAIR_NODES][16], sync4[PAIR_NODES][48];
};

struct pair_conf {
	struct pair_nodes nodes;
	uint32_t mark; /* what carrying the traffic already is worth */
	char (*uplinks)[16], (*attachments)[16];
	unsigned n_uplinks, n_attachments;
	struct pair_announced {
		char interface[16];
		uint8_t family, address[16];
	} *announced;
	unsigned n_announced;
};

int pair_conf_parse(struct str json, struct pair_conf *ret, struct err *err); /* pair_conf_done() in any case */
void pair_conf_done(struct pair_conf *c);
/* "nodes" of such an object: all that replicad.json has. The rest of *ret is zeros. */
int pair_nodes_parse(struct str json, struct pair_nodes *ret, struct err *err);

#endif
