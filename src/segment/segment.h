/* Sealed segments: the spool, the truth and the proof. This page is the format; writer.h, reader.h, verify.h and
 * export.h work on it.
 *
 * One series an organisation and kind: DIR/ORG/SERIES/NNNNNN.seg (ORG six digits or "service", SERIES "events", "events-4001", "import" or "packets"),
 * numbered from 000001. Records of a segment are numbered from 0; a record's name is ORG/SERIES/SEGMENT/INDEX.
 *
 *   header  "TRDSEG01", u32 length of the whole header, text org, text series, u32 number, root[32] and u64 count of
 *           the segment before (zeros for the first), u64 created (ms UTC), commitment[32] to the segment's key
 *   block   u32 "TBLK", u32 length of the whole block, u64 index of its first record, u32 count of records,
 *           u32 length of the ciphertext, u64 time (ms UTC), nonce[12], count × leaf[32] in the clear,
 *           ciphertext, tag[16], chain[32]
 *   footer  u32 "TEND", u32 length, u64 count, u64 sealed (ms UTC), u64 number of the first checkpoint that can
 *           cover it, root[32], chain[32]             (only when sealed; nothing stands behind it)
 *
 * Numbers are big endian, texts as in wire/cursor.h. Inside a block's ciphertext (AES-256-GCM, NIST SP 800-38D):
 * records, each u32 length of the data, u8 0, salt[16], data.
 *   leaf  = SHA-256(0x00 ‖ salt ‖ data), node = SHA-256(0x01 ‖ left ‖ right): the tree of RFC 6962 §2.1. The salt
 *           keeps a leaf from telling what a guess would; it dies with the key.
 *   chain = SHA-256(chain before ‖ all bytes of the block or footer before this field); the chain before the first
 *           block is SHA-256(header). It finds any changed byte without the key.
 *   AAD   = SHA-256(header) ‖ the block's bytes up to the ciphertext.
 *   nonce = random and stored, not a counter: a torn block is cut after a crash and its number used again, and GCM
 *           under one key and nonce twice gives both plaintexts away.
 * The key is the vault's, one a segment, derived from the organisation's data key; when that is destroyed, leaves,
 * chain and checkpoints still prove what was there and in which order.
 *
 * DIR/checkpoints: one JSON object a line, about one a second while anything is written (checkpoint.h). */
#ifndef SEGMENT_SEGMENT_H
#define SEGMENT_SEGMENT_H

#include "base/buf.h"
#include "base/err.h"

#define SEGMENT_HASH 32
#define SEGMENT_KEY 32
#define SEGMENT_SALT 16
#define SEGMENT_SIGNATURE 64             /* Ed25519, RFC 8032 */
#define SEGMENT_RECORD_MAX (512u * 1024) /* bytes of one record */
#define SEGMENT_BLOCK 65536u             /* a block is closed at this size of its records (one record may be larger) */

/* Where a record is. As a cursor: the next one to be read. */
struct segment_name {
	char org[8];     /* "412015" or "service" */
	char series[16]; /* [a-z0-9-]+ */
	uint32_t segment;
	uint64_t index;
};
#define SEGMENT_NAME_TEXT 64
const char *segment_name_format(const struct segment_name *n, char dst[SEGMENT_NAME_TEXT]);
int segment_name_parse(struct str s, struct segment_name *ret); /* 0 or -E_INVALID */
bool segment_org_ok(const char *org);
bool segment_series_ok(const char *series);

/* The vault's part, as callbacks so that tests and the offline verifier bring their own. Both may block. */
typedef int (*segment_key_fn)(const char *org, const char *series, uint32_t number, unsigned char ret_key[SEGMENT_KEY],
                              void *user, struct err *err);
/* Ed25519 over the message; also says with which public key. */
typedef int (*segment_seal_fn)(struct str message, unsigned char ret_sig[SEGMENT_SIGNATURE], unsigned char ret_pub[32],
                               void *user, struct err *err);

#endif
