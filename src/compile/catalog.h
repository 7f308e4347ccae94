/* The list of zones that a name server outside gets from us, as a zone of its own (RFC 9432): who reads it has a new zone without being told by a person. */
#ifndef COMPILE_CATALOG_H
#define COMPILE_CATALOG_H

#include "compile/zone_list.h"

/* A label in front of the catalog's name, below "ext" as RFC 9432 section 4.4 has it: the digest of what was compiled, for reading back. */
#define CATALOG_DIGEST "_toride.ext."
#define CATALOG_NAME 256

struct catalog {
	const struct zone_secondary *server; /* whose it is, by the number of its secret */
	char name[CATALOG_NAME];             /* secondary-4.catalog.ns1.example: ours in the world, so that one server may read several clouds' */
	char digest[33];                     /* catalog_file() writes it */
};

struct catalogs {
	struct catalog list[SECONDARY_SECRETS];
	size_t n;
};

/* Each server's own, none names a zone that isn't given to it. Borrows from the list. */
void catalogs_of(const struct model *m, const struct zone_list *l, struct catalogs *ret);
/* The zone file. */
void catalog_file(struct buf *b, struct catalog *c, const struct zone_list *l);

#endif
