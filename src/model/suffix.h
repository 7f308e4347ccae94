/* Names that many stand below who have nothing to do with each other: a registry's (co.jp, saga.jp) and a host's who gives one to anybody
 * (pages.dev, cloudfront.net). Whoever is meant by a name there is its next label; a block of the suffix would be one of all of them.
 *
 * By the Public Suffix List (publicsuffix.org) as libpsl has it built in, its part of registries and its part of hosts, and a few hosts that it lacks.
 * It is as old as Debian's: what came since is taken for somebody's own. */
#ifndef MODEL_SUFFIX_H
#define MODEL_SUFFIX_H

#include "base/str.h"

enum suffix {
	SUFFIX_NONE,
	SUFFIX_REGISTRY,
	SUFFIX_HOST,
};
/* Is `name` itself one? In any case of letters, international ones as the DNS has them (xn--), without a dot at its end. */
enum suffix suffix_of(struct str name);

#endif
