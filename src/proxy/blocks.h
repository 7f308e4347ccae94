/* The block table: what may not be reached now, whatever the policy says, each entry with an end. It belongs to no
 * generation; torided sends the whole table over RUN/proxy.sock (wire/sock.h framing):
 *   -> u8 1, u32 count, count entries as block_write() of wire/order.h
 *   <- u8 code (enum err_code; 0: the table is in force in every thread and what ran against it is cut)
 * A table is immutable and shared by the threads.
 *
 * Names hold for what is below them too, whatever case and final dot they are written with; a URL whatever its query
 * and however a client spells it (url_loose_key() of url/url.h); addresses for written and resolved ones. */
#ifndef PROXY_BLOCKS_H
#define PROXY_BLOCKS_H

#include "base/map.h"
#include "model/model.h"
#include "wire/order.h"

#include <stdatomic.h>

#define BLOCKS_MAX 65536
#define BLOCKS_MAX_MESSAGE (32 * 1024 * 1024u)

struct blocks {
	atomic_uint refs;
	struct block *list;
	struct prefix *prefixes; /* of list[i], where it is an address or a terminal */
	size_t n;
	struct map names;   /* "ORG/host" -> struct block */
	struct map urls;    /* "ORG/" and url_loose_key() */
	uint32_t *by_prefix; /* the entries of kind address and terminal */
	size_t n_by_prefix;
};

/* What a request, tunnel or download is about. Absent: "" / {NULL,0} / family 0. */
struct block_query {
	const char *org;
	const char *host;         /* normalised name or address */
	bool https;
	uint16_t port;            /* 0: the scheme's own */
	struct str path;          /* as sent; {NULL,0}: not known, entries of kind url don't hold then */
	struct prefix address;    /* of the origin */
	struct prefix terminal;
};

int blocks_parse(const void *p, size_t n, struct blocks **ret); /* refs is 1 then */
struct blocks *blocks_ref(struct blocks *b);
void blocks_unref(struct blocks **b);
/* The first entry in force that holds, or NULL. blocks may be NULL. */
const struct block *blocks_find(const struct blocks *b, const struct block_query *q);

#endif
