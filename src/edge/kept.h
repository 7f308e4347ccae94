/* What the public sites' cache keeps, as files of nginx, and taking it away: one page, those with a key, all of a site (F-15).
 *
 * A kept page is a file below its site's store: a head of nginx's own, "\nKEY: URL GENERATION\n" (daemon/kept_module.c), then the origin's answer as it came. A
 * file that is gone is a page that isn't kept: nginx asks the origin again, one question however many visitors wait. So this
 * needs no module of nginx, and no file of an index that could be wrong after a crash. */
#ifndef EDGE_KEPT_H
#define EDGE_KEPT_H

#include "base/str.h"

#include <stdint.h>

struct err;

#define KEPT_HEAD 16384 /* so much of a file is looked at: nginx's head, the URL, the answer's headers (8155 bytes at most) */

struct kept {
	struct str url;  /* "https://www.city.example/a?b" */
	struct str keys; /* the value of Surrogate-Key: words with blanks between; "" when absent */
	int64_t fresh_until_s; /* until then it is fresh, Unix time; 0: its head is of another version of nginx than 1.12 to 1.26 */
};

/* Texts point into bytes. -E_INVALID: not a kept page, or not all of its head. */
int kept_read(struct str bytes, struct kept *ret);

enum purge_kind { PURGE_ALL = 1, PURGE_URL /* a "*" at the end: all that begin so */, PURGE_KEY };

bool kept_matches(const struct kept *k, enum purge_kind kind, struct str value);
/* Removes what matches below the site's store; how many into *ret_n. A store that isn't there holds nothing. Files that aren't
 * kept pages are left alone, but for PURGE_ALL. */
int kept_purge(const char *store, enum purge_kind kind, struct str value, unsigned *ret_n, struct err *err);
/* Removes what hasn't been fresh since before_s, Unix time. A page whose head can't be read counts as fresh when it was written. */
int kept_expire(const char *store, int64_t before_s, unsigned *ret_n, struct err *err);

#endif
