/* Header, block and footer of a segment file (segment.h) as structs, and the cipher of a block.
 *
 * Parsers take bytes that may be hostile: 0, -E_AGAIN (the thing isn't complete in these bytes) or -E_CORRUPT.
 * What they return borrows from the bytes. */
#ifndef SEGMENT_FORMAT_H
#define SEGMENT_FORMAT_H

#include "segment/merkle.h"

#define SEGMENT_HEADER_MAX 256
#define SEGMENT_BLOCK_MAX (1536u * 1024) /* of a whole block */
#define SEGMENT_RECORD_HEAD (4 + 1 + SEGMENT_SALT)
#define SEGMENT_FOOTER_LEN (4 + 4 + 8 + 8 + 8 + SEGMENT_HASH + SEGMENT_HASH)
#define SEGMENT_NONCE 12
#define SEGMENT_TAG 16

struct seg_header {
	char org[8], series[16];
	uint32_t number;
	unsigned char prev_root[SEGMENT_HASH];
	uint64_t prev_count;
	int64_t created_ms;
	unsigned char commitment[SEGMENT_HASH];
	unsigned char hash[SEGMENT_HASH]; /* of the header's bytes; the first chain value */
	size_t len;
};
void seg_header_format(struct buf *b, struct sha *s, struct seg_header *h); /* fills hash and len */
int seg_header_parse(struct str bytes, struct sha *s, struct seg_header *ret);
void seg_commitment(struct sha *s, const unsigned char key[SEGMENT_KEY], unsigned char ret[SEGMENT_HASH]);

enum seg_part { SEG_BLOCK = 1, SEG_FOOTER };
struct seg_block {
	enum seg_part part;
	const unsigned char *start; /* of its bytes */
	uint32_t total;
	uint64_t first; /* footer: the number of records */
	uint32_t count, cipher_len;
	int64_t time_ms;
	uint64_t checkpoint; /* footer */
	const unsigned char *nonce, *leaves, *cipher, *tag, *chain;
	const unsigned char *root; /* footer */
};
int seg_block_parse(struct str bytes, struct seg_block *ret);
/* chain becomes the one behind the block. False: the stored one differs (chain is then left alone). */
bool seg_block_chain(const struct seg_block *k, struct sha *s, unsigned char chain[SEGMENT_HASH]);
void seg_footer_format(struct buf *b, struct sha *s, uint64_t count, int64_t now_ms, uint64_t checkpoint,
                       const unsigned char *root, unsigned char chain[SEGMENT_HASH]);

struct seg_cipher {
	void *ctx;
};
int seg_cipher_open(struct seg_cipher *c, const unsigned char key[SEGMENT_KEY], bool encrypt);
void seg_cipher_close(struct seg_cipher *c);
/* Encrypts the records in plain, whose leaves are given, as one block behind b. chain moves on. b keeps its state
 * when it fails. */
int seg_block_seal(struct seg_cipher *c, struct sha *s, const struct seg_header *h, uint64_t first, uint32_t count,
                   int64_t now_ms, struct str leaves, struct str plain, unsigned char chain[SEGMENT_HASH], struct buf *b);
/* Decrypts into plain (reset first). -E_CORRUPT: the tag is wrong; plain holds what came out nevertheless, only good
 * for finding out which record was changed. */
int seg_block_open(struct seg_cipher *c, const struct seg_header *h, const struct seg_block *k, struct buf *plain);
/* Takes one record from the front of *plain. False at the end and on nonsense (then plain isn't empty). */
bool seg_record_next(struct str *plain, const unsigned char **ret_salt, struct str *ret_data);

#endif
