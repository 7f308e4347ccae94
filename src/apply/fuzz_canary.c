/* Whatever comes back on the canary's socket. */
#include "apply/canary.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t types[] = { 1, 28, 16 };
	char said[DNS_TEXT];
	for (size_t i = 0; i < 3; i++) {
		struct dns_question q = { "canary.toride.internal", types[i], 0x1234 };
		unsigned char msg[DNS_MAX];
		size_t n = dns_question_format(&q, msg), m = size < DNS_MAX - n ? size : DNS_MAX - n;
		msg[2] = 0x81; /* an answer to our question, and then the input */
		memcpy(msg + n, data, m);
		msg[7] = m ? data[0] : 0;
		dns_answer_check(msg, n + m, &q, "192.0.2.1", said);
		dns_answer_check(data, size, &q, "NXDOMAIN", said);
	}
	return 0;
}
