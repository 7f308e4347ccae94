/* Who somebody is, as controld writes it down: "root", "uid:1000", or the name root gives with --as.
 *
 * The four-eyes rule compares two of these, and people read them in lists: what looks like one name is one. So only letters
 * that Japanese and ASCII names are written with are taken, and width, case and blanks make no difference when comparing.
 * What can't be told by a table is two different kanji, or a kanji and a kana, that look alike (口, ロ). */
#ifndef WIRE_IDENTITY_H
#define WIRE_IDENTITY_H

#include "base/str.h"

#define IDENTITY_MAX 64 /* bytes with the ending NUL */

/* Printable ASCII and its full-width twins, hiragana, katakana, kanji; blanks (also U+3000) inside only. Not: controls, what has
 * no width, half-width katakana, kanji of the compatibility block that stand for others. */
bool identity_ok(struct str name);
/* Its plain form, the same for all names that identity_same() takes for one; false when it doesn't fit. name: identity_ok(). */
bool identity_fold(const char *name, char dst[IDENTITY_MAX]);
/* One person? Both may be anything: what isn't UTF-8 is compared as bytes. */
bool identity_same(const char *a, const char *b);

#endif
