/* A body held back until its verdict: bytes as they came (what will be delivered), the content as it is inside
 * Content-Encoding (what is scanned), and its SHA-256 (recall.h).
 *
 * Up to HOLD_MEMORY stays in memory, more goes to an anonymous memfd: proxyd writes no files. */
#ifndef PROXY_HOLD_H
#define PROXY_HOLD_H

#include "base/buf.h"
#include "proxy/coding.h"

#include <openssl/evp.h>

#define HOLD_MEMORY (1024 * 1024u)
#define HOLD_RATIO 200              /* decoded bytes a byte received … */
#define HOLD_RATIO_FROM (1024 * 1024u) /* … once there are so many */

/* Held memory is everybody's: a byte now and then doesn't keep it, whether the origin sends or the terminal takes so slowly. */
#define HOLD_GRACE_MS 60000   /* so long any speed will do; */
#define HOLD_RATE 4096        /* then so many bytes a second on the whole, */
#define HOLD_TOTAL_MS 900000  /* and after this it is over at any speed */

/* The latter two: can't be scanned. UNREADABLE: who takes it may see anything in it (coding.h), so no setting lets an answer pass. */
enum hold_state { HOLD_OK, HOLD_TOO_LARGE, HOLD_UNREADABLE };

struct store {
	struct buf mem;
	int fd;       /* memfd, or -1 */
	uint64_t size;
	char *map;    /* of the memfd once it is sealed */
};

struct hold {
	struct store raw, plain; /* plain: only with a coding */
	enum hold_coding coding;
	enum hold_state state;
	uint64_t max;      /* bytes, of raw and of plain each */
	EVP_MD_CTX *md;    /* kept for use again */
	struct decoder decoder; /* open while it comes */
	unsigned char sha[32];
};

/* expected: bytes announced, 0 unknown. May be called again on the same object after hold_reset(). */
int hold_begin(struct hold *h, enum hold_coding coding, uint64_t max, uint64_t expected);
/* 0, -E_NOMEM or -E_IO. state tells when it got too large or unreadable; raw is kept all the same up to max,
 * and past it the bytes are not taken any more (-E_LIMIT). */
int hold_put(struct hold *h, const void *p, size_t n);
/* Where n more bytes may be read to directly (no coding, still in memory), else NULL; then hold_added(). */
char *hold_room(struct hold *h, size_t n);
void hold_added(struct hold *h, size_t n);
/* The digest; for what has spilled the mapping. 0 or negative. */
int hold_end(struct hold *h);
/* What is to be scanned: a sealed memfd the caller closes (*ret_own), or the store's own. */
int hold_scan_fd(struct hold *h, int *ret_fd, bool *ret_own);
/* The delivered bytes after hold_end(). */
struct str hold_bytes(const struct hold *h);
struct str hold_content(const struct hold *h); /* what is scanned, after hold_end() */
uint64_t hold_held(const struct hold *h); /* memory it takes, its decoder's too */
/* Raw bytes so far can be looked at by hold_bytes(); no more may be put then. For what isn't scanned. */
int hold_seal(struct hold *h);
/* n bytes in ms: too slow to be held on? grace_ms: HOLD_GRACE_MS, less in development. */
bool hold_too_slow(int64_t ms, uint64_t n, int64_t grace_ms);
/* The first n of the delivered bytes, which are there already, to dst. 0 or negative. */
int hold_peek(const struct hold *h, char *dst, size_t n);
/* After hold_end(): the delivered bytes as a sealed memfd of the caller's; -1: there are none. 0 or negative. */
int hold_export(struct hold *h, int *ret_fd);
/* They become another hold's, which begins with this: fd is taken. */
int hold_adopt(struct hold *h, int fd, uint64_t size);
void hold_reset(struct hold *h);          /* keeps a small buffer for the next */
void hold_done(struct hold *h);

#endif
