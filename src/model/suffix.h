/* Names that many stand below who have nothing to do with each other: a registry's (co.jp, saga.jp) and a host's who gives one to anybody
 * (pages.dev, cloudfront.net). Whoever is meant by a name there is its next label; a block of the suffix would be one of all of them.
 *
 * A short list, of what names a prefecture's terminals meet; not the Public Suffix List, which is thousands of lines and another's work. What it lacks is
 * taken for somebody's own. */
#ifndef MODEL_SUFFIX_H
#define MODEL_SUFFIX_H

#include "base/str.h"

enum suffix {
	SUFFIX_NONE,
	SUFFIX_REGISTRY,
	SUFFIX_PLACE, /* x.saga.jp: a town's, with the names of others below it, or one holder's; the name doesn't tell */
	SUFFIX_HOST,
};
/* Is `name` itself one? In any case of letters, without a dot at its end. */
enum suffix suffix_of(struct str name);

#endif
