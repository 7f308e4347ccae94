/* What the node that stands by asks of the other over the link between the two, and the answer: the generation in force with who handed it
 * in and approved it, and the blocks. One question a connection.
 *
 *   both     nonce[16], first thing
 *   frame    u32 length, payload, HMAC-SHA-256 (RFC 2104) over u8 side ('c', 's'), the caller's nonce, the answerer's, u32 length, SHA-256 of payload
 *   question text digest in force here ("" none), SHA-256 of the blocks here[32]
 *   answer   u8 active, text digest, blob meta, blob description (both empty: the digest is yours already, or waits for confirmation), u8 1
 *            when the blocks differ, blob blocks (apply/blocks.h)
 *
 * A question whose digest is FOLLOW_KEYS is for what the vault made since; its 32 bytes are the stamp of what was taken last:
 *   answer   text FOLLOW_KEYS, u8 active, stamp[32], then items until u8 0, none when the stamp is the question's:
 *            u8 1, text name, blob box (vault/boxes.h) · u8 2, text site, blob certificates (PEM) · u8 3, text "knot", blob bundle (bundle.h)
 *
 * One whose digest is FOLLOW_HOLDS is for whose records are held; its 32 bytes are the SHA-256 of what the asker knows of that:
 *   question … blob what it knows (daemon/holds.c), empty at first
 *   answer   text FOLLOW_HOLDS, SHA-256 of what is known there[32], blob of it, empty when both are the same
 *
 * The key is the vault's, derived under the name "pair": nodes with other keys don't understand each other. Nothing in here is secret enough to be
 * hidden on a cable of one's own; what matters is that nobody else writes it. */
#ifndef PAIR_FOLLOW_H
#define PAIR_FOLLOW_H

#include "base/buf.h"

#include <stddef.h>

struct err;

#define FOLLOW_NONCE 16
#define FOLLOW_MAC 32
#define FOLLOW_MAX (16 * MIB)

struct follow_session {
	unsigned char key[32], caller[FOLLOW_NONCE], answerer[FOLLOW_NONCE];
};

struct follow_question {
	char digest[72];
	unsigned char blocks[32];
	struct str holds; /* FOLLOW_HOLDS alone; of the payload, borrowed */
};

struct follow_answer {
	bool active;
	char digest[72];
	struct str meta, description; /* of the payload, borrowed */
	bool blocks_differ;
	struct str blocks;
};

void follow_question_write(struct buf *b, const struct follow_question *q);
int follow_question_parse(struct str payload, struct follow_question *ret);
void follow_answer_write(struct buf *b, const struct follow_answer *a);
int follow_answer_parse(struct str payload, struct follow_answer *ret);
#define FOLLOW_KEYS "keys"
enum follow_kind { FOLLOW_END, FOLLOW_KEY, FOLLOW_CERTIFICATE, FOLLOW_ZONE_KEYS };
struct follow_item {
	enum follow_kind kind;
	char name[256];
	struct str bytes; /* of the payload, borrowed */
};
struct follow_keys {
	bool active;
	unsigned char stamp[32];
	struct str items; /* for follow_item_next() */
};
void follow_keys_write(struct buf *b, const struct follow_keys *k); /* without items */
void follow_item_write(struct buf *b, const struct follow_item *i); /* the last one is of kind FOLLOW_END */
/* All of it is checked here. */
int follow_keys_parse(struct str payload, struct follow_keys *ret);
bool follow_item_next(struct str *items, struct follow_item *ret); /* false: there are no more */
#define FOLLOW_HOLDS "holds"
struct follow_holds {
	unsigned char sum[32];
	struct str known; /* of the payload, borrowed */
};
void follow_holds_write(struct buf *b, const struct follow_holds *h);
int follow_holds_parse(struct str payload, struct follow_holds *ret);
void follow_mac(const struct follow_session *s, char side, struct str payload, unsigned char ret[FOLLOW_MAC]);

/* Blocking, on a socket with time limits. open: caller is true for who asks. -E_DENIED: the other has another key, or it isn't the other. */
int follow_open(int fd, bool caller, struct follow_session *s, struct err *err);
int follow_send(int fd, const struct follow_session *s, char side, struct str payload, struct err *err);
int follow_receive(int fd, const struct follow_session *s, char side, struct buf *ret, struct err *err);

#endif
