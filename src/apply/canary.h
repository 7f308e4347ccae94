/* The resolver's canaries: a DNS question asked from an organisation's reserved address, with the answer it must get.
 *
 * canary.json is a list of {"org","from","server","name","type","expect"}: type A, AAAA or TXT; expect is an address or
 * text that must be among the answers, or NXDOMAIN, NODATA, REFUSED, SERVFAIL. */
#ifndef APPLY_CANARY_H
#define APPLY_CANARY_H

#include "wire/dns.h"

#define DNS_TEXT 256

/* Does the answer (behind its question) say what is expected? 0; -E_INVALID: malformed; -E_NOT_FOUND: another answer, with
 * what it said in `said`. */
int canary_check(struct dns_msg *m, const struct dns_question *q, const char *expect, char said[DNS_TEXT]);
/* Asks, up to `tries` times a second apart. from may be "". */
int canary_ask(const char *from, const char *server, const char *name, const char *type, const char *expect, int tries,
               struct err *err);

#endif
