/* What is kept of a page to tell later whether it is still the same one: not its bytes, which change at every visit, but how its words and its
 * elements overlap with those seen before.
 *
 *   words   every five letters in a row of the visible text; digits count as one letter, so that dates and counters don't change it
 *   shape   every three elements in a row, with their class
 * Of both a MinHash of LOOK_HASHES values is kept (Broder, On the resemblance and containment of documents, 1997): the share of equal
 * values estimates the share of what two pages have in common, to ±0.05. Beside that, hosts that scripts, frames, forms and style come
 * from, the title, and how the text begins, for people.
 * The bytes are hostile: read in a process that holds nothing (looker.h). Requirements: M-020, F-14. */
#ifndef LOOK_PAGE_H
#define LOOK_PAGE_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define LOOK_BYTES (1024u * 1024) /* of a page that are looked at */
#define LOOK_HASHES 128
#define LOOK_HOSTS 24
#define LOOK_HOST 80

struct look_page {
	uint32_t words[LOOK_HASHES], shape[LOOK_HASHES];
	uint32_t n_hosts;
	char hosts[LOOK_HOSTS][LOOK_HOST];
	char title[160], begin[320];
	char away[256];         /* a strange host that it sends its visitor to (meta refresh); "" */
	bool mocks;             /* words that who defaces pages leaves */
	unsigned char sum[32];  /* SHA-256 of the bytes */
};

/* own: the site's names, between blanks. Never fails: what isn't HTML is text. */
void look_page_read(struct str html, const char *own, struct look_page *ret);
/* Is host one of a site's names, which stand between blanks? */
bool look_is_own(const char *names, const char *host);
/* How much of it is as in the other, 0 to 100. */
unsigned look_page_like(const struct look_page *a, const struct look_page *b);
/* From another process: every text ended, no more hosts than there is room for, no control characters. */
void look_page_harmless(struct look_page *p);

#endif
