/* Threat intelligence by TAXII 2.1 (OASIS): the objects of a collection that were added since the last time, merged by their id with
 * those that are there, as one STIX 2.1 bundle (detect/intel_stix.c reads it).
 *
 * Only indicators are asked for and kept; of several versions the newest (`modified`); what was revoked, or whose valid_until is over,
 * goes. Every byte is the server's: pages, objects, sizes and waiting have limits, and the same `next` twice ends the fetch.
 * HTTPS with a verified name; no redirect is followed, since it would carry the password along. */
#ifndef TAXII_TAXII_H
#define TAXII_TAXII_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"

struct err;

#define TAXII_PAGE_MAX (32u * MIB)
#define TAXII_PAGES_MAX 10000u
#define TAXII_OBJECTS_MAX 500000u
#define TAXII_OBJECT_MAX (64u * KIB)   /* bytes of one; larger ones are left out and counted */
#define TAXII_BYTES_MAX (192u * MIB)   /* of the bundle: detectd reads files up to INTEL_FILE_BYTES */
#define TAXII_DATE 40
#define TAXII_NEXT 4096
#define TAXII_SOURCES 64

/* {"sources": [{"name": "jpcert", "api_root": "https://taxii.example/api1", "collection": "UUID", "user": "saga", "secret": "FILE", "ca": "FILE"}]}
 * secret: a file with the password, or without `user` a bearer token; ca: instead of the machine's authorities. */
struct taxii_source {
	const char *name, *api_root, *collection;
	const char *user, *secret, *ca; /* "" absent */
};
/* *ret in the arena. All faults of form: -E_INVALID with the place. */
int taxii_conf_parse(struct str json, const char *file, struct arena *a, struct taxii_source **ret, size_t *ret_n, struct err *err);

struct taxii_bundle {
	struct map by_id; /* id -> struct taxii_object */
	size_t bytes;
	uint64_t taken, removed, left_out; /* left_out: no indicator, too large, without id */
	int64_t now_ms;
};
void taxii_bundle_init(struct taxii_bundle *b, int64_t now_ms);
void taxii_bundle_done(struct taxii_bundle *b);
/* A page (an envelope) or the bundle of before. *ret_next: "" on the last page. -E_INVALID: no such JSON; -E_LIMIT. */
int taxii_bundle_add(struct taxii_bundle *b, struct str json, char ret_next[TAXII_NEXT], struct err *err);
void taxii_bundle_format(const struct taxii_bundle *b, struct buf *out);

/* Is it a time as TAXII writes it (RFC 3339, UTC)? It goes into the next request's address. */
bool taxii_is_date(struct str s);

struct taxii_fetch {
	const struct taxii_source *source;
	const char *password;  /* or token; "" none */
	struct str authorities; /* PEM; {"",0}: the machine's */
	const char *since;     /* "" all */
};
/* All pages into b; *ret_last: X-TAXII-Date-Added-Last of the last, "" when it wasn't said. */
int taxii_fetch(const struct taxii_fetch *f, struct taxii_bundle *b, char ret_last[TAXII_DATE], unsigned *ret_pages, struct err *err);

#endif
