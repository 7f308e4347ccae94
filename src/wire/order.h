/* The fixed-size binary messages to torided (root): the only thing it reads from other processes.
 *
 * Each request is exactly ORDER_SIZE bytes (cursor.h fields, zero padded), each answer ORDER_REPLY_SIZE,
 * inside sock.h's framing. Peers by SO_PEERCRED: controld may send all but blocks and lines, respondd only blocks,
 * probed only lines, acmed only the sites' server, paird only which node of a pair this one is.
 * Blocks belong to no generation: torided keeps them in STATE/blocks and puts them into nft sets,
 * the RPZ zone and the proxy's table. A block kills what runs (conntrack entries, proxy streams). */
#ifndef WIRE_ORDER_H
#define WIRE_ORDER_H

#include "base/buf.h"
#include "wire/cursor.h"

struct err;

#define ORDER_SIZE 1024
#define ORDER_REPLY_SIZE 768
#define ORDER_DIGEST 72 /* "sha256:" + 64 hex digits + NUL */

enum order_op {
	ORDER_APPLY = 1,    /* digest, confirm_s (0: no confirmation needed) */
	ORDER_CONFIRM,      /* keeps what --confirm-within would undo */
	ORDER_ROLLBACK,     /* digest of an earlier generation, or "" for the one before */
	ORDER_BLOCK_ADD,    /* block */
	ORDER_BLOCK_REMOVE, /* block.id */
	ORDER_STATUS,       /* the answer's text names the file with the JSON status torided wrote */
	ORDER_EDGE,         /* certificates of public sites have changed: their server reads them */
	ORDER_LINES,        /* digest (of the generation meant), lines_dead: which uplinks don't work */
	ORDER_PAIR,         /* pair: what this node does of a pair */
	ORDER_PAIR_YIELD,   /* the other node is to carry the traffic */
};

enum order_pair { ORDER_PAIR_STANDBY = 1, ORDER_PAIR_ACTIVE };

/* The last two are asked of the upstream and stop nothing here (apply/announce.h): all packets to one address of ours, or some of them. */
enum block_kind { BLOCK_ADDRESS = 1, BLOCK_NAME, BLOCK_URL, BLOCK_TERMINAL, BLOCK_BLACKHOLE, BLOCK_FLOW };

struct block {
	char id[40];        /* "B-20261122-0001" */
	char org[8];        /* 6 digits, or "*" for every organisation */
	uint8_t kind;       /* enum block_kind */
	char value[256];    /* address or prefix, host name (and its subdomains), URL, terminal address; address of ours; "to A udp from-port 53" */
	char incident[40];  /* reference number of the incident, or "" */
	char author[64];    /* person or "toride" */
	char reason[160];   /* one line, Japanese allowed */
	int64_t created_ms; /* UTC */
	int64_t expires_ms; /* UTC; never 0 */
};

struct order {
	uint8_t op;
	char digest[ORDER_DIGEST];
	uint32_t confirm_s;
	struct block block;
	uint8_t pair;       /* enum order_pair */
	uint8_t lines_dead; /* bit i: service.uplinks[i], in the order of priority */
};

struct order_reply {
	uint8_t code;           /* enum err_code */
	char path[128];         /* where the fault is */
	char text[512];         /* words */
	uint32_t took_ms;
};

int order_format(const struct order *o, unsigned char dst[ORDER_SIZE]);
int order_parse(const void *p, size_t n, struct order *ret);
int order_reply_format(const struct order_reply *r, unsigned char dst[ORDER_REPLY_SIZE]);
int order_reply_parse(const void *p, size_t n, struct order_reply *ret);
/* Sends to torided and waits. A refusal becomes an error with its path. */
int order_call(const struct order *o, int timeout_ms, struct order_reply *ret, struct err *err);
/* One block as cursor fields, for torided's file and the proxy's table. */
void block_write(struct buf *b, const struct block *k);
void block_read(struct rd *r, struct block *k);
const char *block_kind_name(uint8_t kind); /* "address" "name" "url" "terminal" "blackhole" "flow" */
bool block_is_announced(uint8_t kind); /* the last two */

#endif
