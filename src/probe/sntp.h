/* What time a server says it is, beside our own clock: a client's question and its answer of NTPv4 (RFC 5905, section 7.3;
 * the offset as in section 8). */
#ifndef PROBE_SNTP_H
#define PROBE_SNTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SNTP_SIZE 48

struct sntp_answer {
	bool synchronised; /* the server has its time from above */
	int64_t offset_ms; /* theirs minus ours */
};

/* asked_ms: our clock (UTC) now; it comes back in the answer, so that an old one isn't taken for this one's. */
void sntp_ask(int64_t asked_ms, unsigned char msg[SNTP_SIZE]);
/* False when it isn't an answer to that question. */
bool sntp_read(const unsigned char *msg, size_t n, int64_t asked_ms, int64_t now_ms, struct sntp_answer *ret);

#endif
