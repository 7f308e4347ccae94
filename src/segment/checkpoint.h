/* Checkpoints: one signature over the heads of all series that changed, each chained to the one before.
 *
 * A line of DIR/checkpoints (older ones in DIR/checkpoints.NNNNNN, by the number of their first):
 *   {"v":1,"number":12,"time_ms":…,"prev":HEX,"n":2,"root":HEX,"key":HEX,"sig":HEX,"heads":[
 *     {"org":"412015","series":"events","segment":1,"count":17,"root":HEX,"chain":HEX,"sealed":false}, …]}
 * Signed (Ed25519) is this text, whose SHA-256 is the checkpoint's hash and the next one's `prev`:
 *   "toride checkpoint v1\nNUMBER\nTIME_MS\nPREV\nN\nROOT\n"
 * ROOT is the RFC 6962 root over the n heads, each leaf the text
 *   "ORG/SERIES/SEGMENT COUNT ROOT CHAIN sealed|open|ended\n"
 * so that an organisation's export shows its own head with a path and tells nothing about the others: there, heads
 * lists only its own, each with "at" (its place) and "path" ([HEX, …]).
 *
 * "ended":true says that the sealed segment's time is over (writer_retain()) and its file may be gone from here on; the
 * head is the one it was sealed with, so that the next segment still has something to follow. */
#ifndef SEGMENT_CHECKPOINT_H
#define SEGMENT_CHECKPOINT_H

#include "segment/merkle.h"

#define CHECKPOINT_HEADS_MAX 8192
#define CHECKPOINT_LINE_MAX (4u * 1024 * 1024)

struct head {
	char org[8], series[16];
	uint32_t segment;
	uint64_t count;
	unsigned char root[SEGMENT_HASH], chain[SEGMENT_HASH];
	bool sealed;
	bool ended;    /* sealed too */
	bool has_path; /* from an export: */
	uint64_t at;
	uint8_t path_len;
	unsigned char path[14][SEGMENT_HASH]; /* 2^14 > CHECKPOINT_HEADS_MAX */
};

struct checkpoint {
	uint64_t number, n; /* n: heads signed */
	int64_t time_ms;
	unsigned char prev[SEGMENT_HASH], root[SEGMENT_HASH], key[32], sig[SEGMENT_SIGNATURE];
	struct head *heads; /* owned; n of them, or fewer with paths */
	size_t n_heads;
};

void checkpoint_done(struct checkpoint *c);
/* The text that is signed, and its hash. */
void checkpoint_body(const struct checkpoint *c, struct buf *b);
int checkpoint_hash(const struct checkpoint *c, struct sha *s, unsigned char ret[SEGMENT_HASH]);
/* The leaves of the heads' tree, n_heads × 32 bytes into b; heads without path only. */
void checkpoint_leaves(const struct checkpoint *c, struct sha *s, struct buf *b);
void checkpoint_root(const struct checkpoint *c, struct sha *s, unsigned char ret[SEGMENT_HASH]);
void checkpoint_format(const struct checkpoint *c, struct buf *b); /* one line with its newline */
/* Hostile text. 0, -E_CORRUPT or -E_NOMEM; *ret is then empty. */
int checkpoint_parse(struct str line, struct checkpoint *ret);
/* Does the signature fit the text, and do the heads fit the root? key: the one to insist on, or NULL for its own. */
int checkpoint_check(const struct checkpoint *c, struct sha *s, const unsigned char *key, struct err *err);

bool checkpoint_signed(const struct checkpoint *c); /* the signature alone, by the key that stands in it */

/* Calls fn for every line of the store's checkpoint files below dir, oldest first; newest_file_only: the current one
 * (its first checkpoint holds all heads). A last line without newline is left out and its length told. */
struct checkpoint_file {
	uint64_t whole_bytes; /* of the current file that are whole lines */
	uint64_t torn_bytes;
};
int checkpoint_each(const char *dir, bool newest_file_only,
                    int (*fn)(struct str line, const char *file, uint64_t line_number, void *user), void *user,
                    struct checkpoint_file *ret_current, struct err *err);
/* The same for one file. */
int checkpoint_each_line(const char *path, int (*fn)(struct str line, const char *file, uint64_t line_number, void *user),
                         void *user, struct checkpoint_file *ret, struct err *err);

#endif
