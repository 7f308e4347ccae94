/* DNS messages, read and asked: RFC 1035 section 4, names by RFC 4343 (case) and section 4.1.4 (compression), OPT by RFC 6891,
 * extended errors by RFC 8914. What reads them: the canaries of apply, the checks of probe, the records of dnstap.
 *
 * Everything in a message is hostile. A struct dns_msg keeps its first error in .r.bad, as every cursor does; a
 * compression pointer must lead backwards, so no name is endless. Nothing is allocated. */
#ifndef WIRE_DNS_H
#define WIRE_DNS_H

#include "base/err.h"
#include "wire/cursor.h"

#define DNS_NAME_TEXT 1025 /* 255 bytes, each perhaps as \DDD, and NUL */
#define DNS_MAX 1232       /* what our own questions say they can take (RFC 9715) */

enum dns_type {
	DNS_A = 1, DNS_NS = 2, DNS_CNAME = 5, DNS_SOA = 6, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28, DNS_SRV = 33,
	DNS_OPT = 41, DNS_DS = 43, DNS_RRSIG = 46, DNS_NSEC = 47, DNS_DNSKEY = 48, DNS_TLSA = 52, DNS_CDS = 59, DNS_CDNSKEY = 60,
	DNS_ANY = 255, DNS_CAA = 257,
};
enum dns_rcode { DNS_NOERROR, DNS_FORMERR, DNS_SERVFAIL, DNS_NXDOMAIN, DNS_NOTIMP, DNS_REFUSED };
#define DNS_QR 0x8000
#define DNS_AA 0x0400
#define DNS_TC 0x0200
#define DNS_RD 0x0100
#define DNS_AD 0x0020
#define DNS_CD 0x0010
#define DNS_EDE_BLOCKED 15 /* RFC 8914 section 4.16 */

struct dns_msg {
	struct str bytes;
	struct rd r;
	uint16_t id, flags;
	uint16_t count[4]; /* questions, answers, authority, additional */
};
struct dns_record {
	char name[DNS_NAME_TEXT]; /* lower case, no dot at the end; "." is the root */
	uint16_t type, class_;
	uint32_t ttl;    /* questions have none */
	struct str data; /* borrowed from the message */
};

/* Reads the header; bytes are borrowed. -E_INVALID when there is none. */
int dns_open(struct str bytes, struct dns_msg *ret);
/* Reads what comes next; false at the end of the message or when it is malformed (.r.bad). */
bool dns_next_question(struct dns_msg *m, struct dns_record *ret);
bool dns_next_record(struct dns_msg *m, struct dns_record *ret);
/* A name as text at the cursor; a byte that isn't a letter, digit, hyphen or underscore of its own stands as \DDD. */
void dns_read_name(struct dns_msg *m, char dst[DNS_NAME_TEXT]);
/* The record's data as a zone file has it ("10 mx.example", "192.0.2.1"); what isn't known as RFC 3597's \# LEN HEX. What
 * doesn't fit is cut. False when the data isn't of its type; then dst is "". */
bool dns_data_text(const struct dns_msg *m, const struct dns_record *rec, char *dst, size_t size);
/* The extended error of an OPT record; -1 when there is none. */
int dns_extended_error(const struct dns_record *opt);

const char *dns_type_text(uint16_t type, char dst[16]); /* "A", "TYPE65280" */
const char *dns_rcode_text(unsigned rcode, char dst[16]); /* "NXDOMAIN", "RCODE12" */

/* ---- asking ---- */

struct dns_question {
	const char *name; /* "www.example.jp" */
	uint16_t type, id;
	uint16_t flags;   /* DNS_RD, DNS_CD, DNS_AD */
	bool dnssec;      /* with OPT and DO: signatures are wanted (RFC 4035 section 3.2.1) */
};
/* The datagram; 0 bytes when the name isn't one. */
size_t dns_question_format(const struct dns_question *q, unsigned char dst[DNS_MAX]);
/* Is this an answer to that question? Then m stands behind the question. -E_AGAIN: a stranger's; -E_INVALID. */
int dns_answer_open(struct str bytes, const struct dns_question *q, struct dns_msg *ret);

/* A connected datagram socket. server: "192.0.2.1", "192.0.2.1@5300", "2001:db8::1@53"; from: an address or "". */
int dns_socket(const char *from, const char *server, int *ret_fd, struct err *err);
/* Asks once and waits for the answer. The bytes lie in msg (DNS_MAX), which *ret borrows. 0; -E_TIMEOUT; -E_INVALID. */
int dns_exchange(int fd, struct dns_question *q, int timeout_ms, unsigned char msg[DNS_MAX], struct dns_msg *ret);

#endif
