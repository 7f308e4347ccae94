/* The two fixed binary files of a generation that root reads instead of rules (compile/nft.c writes them, big endian).
 *
 *   nft/zones.bin  u16 index, char code[8], char interface[16], u8 global4[4], u8 global6[16]  an organisation
 *   bird/may.bin   u16 index, u8 family, u8 address[16]: what may be announced (announce.h); where it is, there is an upstream
 *   nft/never.bin  u8 family (4|6), u8 length, u8 address[16]  a prefix that is never blocked */
#ifndef APPLY_ZONES_H
#define APPLY_ZONES_H

#include "apply/generation.h"

#define ZONES_MAX 4096

struct zone {
	uint16_t index; /* conntrack zone */
	char code[8], interface[17];
	uint8_t global4[4], global6[16]; /* all zero: none */
};

struct network {
	uint8_t family, len, addr[16];
};

struct announced {
	uint16_t index; /* of the organisation whose address it is */
	struct network net;
};

struct zones {
	struct zone *list;
	size_t n;
	struct network *never;
	size_t n_never;
	struct announced *announced;
	size_t n_announced;
	bool upstream;
};

/* A generation without the files (or "") has none. */
int zones_load(const struct gen *g, struct zones *ret, struct err *err);
int zones_parse(struct str zones, struct str never, struct zones *ret, struct err *err);
int zones_parse_announced(struct str may, struct zones *z, struct err *err); /* adds to it */
void zones_done(struct zones *z);
const struct zone *zones_find(const struct zones *z, const char *code);

/* "192.0.2.1", "192.0.2.0/24", "2001:db8::/32"; bits behind the length must be zero. */
bool network_parse(const char *text, struct network *ret);
bool network_overlaps(const struct network *a, const struct network *b);
bool network_contains(const struct network *outer, const struct network *inner);
#define NETWORK_TEXT 64
const char *network_format(const struct network *n, char dst[NETWORK_TEXT]); /* no length on a single address */

#endif
