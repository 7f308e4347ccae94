/* International names: into the form of the DNS and back (Punycode, RFC 3492), and those that only look like another name.
 *
 * What is written with letters of other scripts that look like ASCII ("аррӏе" in Cyrillic) shows the same in a browser's
 * address line and in a mail. A label is a lookalike when it is international and each of its characters is an ASCII one
 * or looks like one: 例え and münchen aren't, аррӏе and paypaı are. The table holds the confusable letters of Cyrillic, Greek,
 * Armenian, Latin's extensions and Cherokee that Unicode's TR 39 gives for lower-case ASCII and that IDNA 2008 permits. */
#ifndef URL_PUNY_H
#define URL_PUNY_H

#include "base/str.h"

/* One label without "xn--" into code points: their number, or -1: not Punycode, or more than max. */
int puny_decode(struct str label, uint32_t *ret, int max);
/* Code points into a label's ASCII without "xn--": bytes written, or -1: it doesn't fit. */
int puny_encode(const uint32_t *in, int n, char *dst, int size);
/* A host in UTF-8 as a person or a list writes it into A-labels: dst has 256 bytes. Full-width letters and the ideographic
 * full stop are as people mean them. Names in ASCII come out as they are. 0 or -E_INVALID. */
int url_host_from_utf8(struct str host, char dst[256]);
/* Does a label of this normalised host only look like ASCII? */
bool url_lookalike(struct str host);

#endif
