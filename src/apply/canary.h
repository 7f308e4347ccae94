/* The resolver's canaries: a DNS question asked from an organisation's reserved address, with the answer it must get.
 *
 * canary.json is a list of {"org","from","server","name","type","expect"}: type A, AAAA or TXT; expect is an address or
 * text that must be among the answers, or NXDOMAIN, NODATA, REFUSED, SERVFAIL. A client of one datagram (RFC 1035
 * sections 4.1 and 4.1.4), since the C library's resolver can't be bound to an address. */
#ifndef APPLY_CANARY_H
#define APPLY_CANARY_H

#include "base/buf.h"
#include "base/err.h"

#define DNS_MAX 1232
#define DNS_TEXT 256

struct dns_question {
	const char *name; /* "www.example.jp" */
	uint16_t type;    /* 1, 28, 16 */
	uint16_t id;
};

/* The datagram; 0 bytes when the name isn't one. */
size_t dns_question_format(const struct dns_question *q, unsigned char dst[DNS_MAX]);
/* Does the answer say what is expected? 0; -E_AGAIN: not an answer to this question (a stranger's); -E_INVALID: malformed;
 * -E_NOT_FOUND: another answer, with what it said in `said`. */
int dns_answer_check(const unsigned char *msg, size_t n, const struct dns_question *q, const char *expect,
                     char said[DNS_TEXT]);
/* Asks, up to `tries` times a second apart. from may be "". */
int dns_ask(const char *from, const char *server, const char *name, const char *type, const char *expect, int tries,
            struct err *err);

#endif
