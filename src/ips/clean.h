/* Ordinary traffic as captures, which no signature may speak of before it acts on anybody (M-095): what a municipality's people and
 * servers do all day. Written, not recorded: no outside text, the same bytes each time. What only one cloud has (its own
 * applications) its operators add as captures of their own. */
#ifndef IPS_CLEAN_H
#define IPS_CLEAN_H

#include "base/buf.h"

/* Both ends of all of it; the trial's configuration counts the first as one of the bodies. RFC 2544's: nobody's. */
#define CLEAN_BODY "198.18.0.10"
#define CLEAN_WORLD "198.19.0.66"

extern const char *const clean_names[]; /* "browsing", …, NULL */
/* A capture (pcap, microseconds, Ethernet) of that name; b is initialised. -E_NOT_FOUND; -E_LIMIT or -E_NOMEM by b. */
int clean_capture(const char *name, struct buf *b);

#endif
