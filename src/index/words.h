/* The values of a record as words: what a word of a query is looked for in (sql.c). A value a line, no key.
 *
 * What stands there already isn't written again: a device's line holds most of what was read out of it, a URL its host. No query tells the
 * difference, since none reaches over the end of a value. Longer values first, then, since they may hold others.
 * Requirements: F-18. */
#ifndef INDEX_WORDS_H
#define INDEX_WORDS_H

#include "normalise/event.h"

#include "base/buf.h"

#define WORDS_MAX (4 * EVENT_MAX + 64)
#define WORDS_LARGE 48  /* bytes: such a value may hold others */
#define WORDS_STARTS 512
#define WORDS_BUCKETS 256

/* The words of a record as they are put together, and where in them a word begins. Used again for the next. */
struct words {
	struct buf b;
	uint16_t n, bucket[WORDS_BUCKETS]; /* the last start of such a word + 1; 0: none */
	uint16_t at[WORDS_STARTS], before[WORDS_STARTS];
};

void words_init(struct words *w);
void words_done(struct words *w);
void words_begin(struct words *w); /* of the next record: empty */
void words_add(struct words *w, struct str value);
/* A text as it stands among the words, and as a query's is looked for: ASCII in small letters, and U+001F where a word in ASCII
 * touches one in other letters ("請求書invoice"), so that each is a word of its own. At most twice as long; room for
 * WORDS_ROOM more is wanted. */
#define WORDS_ROOM 8
void words_fold(struct buf *b, struct str s);

#endif
