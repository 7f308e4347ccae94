/* What the node that stands by asks of the other over the link between the two, and the answer: the generation in force with who handed it
 * in and approved it, and the blocks. One question a connection.
 *
 *   both     nonce[16], first thing
 *   frame    u32 length, payload, HMAC-SHA-256 (RFC 2104) over u8 side ('c', 's'), the caller's nonce, the answerer's, u32 length, SHA-256 of payload
 *   question text digest in force here ("" none), SHA-256 of the blocks here[32]
 *   answer   u8 active, text digest, blob meta, blob description (both empty: the digest is yours already, or waits for confirmation), u8 1
 *            when the blocks differ, blob blocks (apply/blocks.h)
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
void follow_mac(const struct follow_session *s, char side, struct str payload, unsigned char ret[FOLLOW_MAC]);

/* Blocking, on a socket with time limits. open: caller is true for who asks. -E_DENIED: the other has another key, or it isn't the other. */
int follow_open(int fd, bool caller, struct follow_session *s, struct err *err);
int follow_send(int fd, const struct follow_session *s, char side, struct str payload, struct err *err);
int follow_receive(int fd, const struct follow_session *s, char side, struct buf *ret, struct err *err);

#endif
