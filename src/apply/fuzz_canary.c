/* Whatever comes back on the canary's socket. */
#include "apply/canary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t types[] = { DNS_A, DNS_AAAA, DNS_TXT };
	char said[DNS_TEXT];
	for (size_t i = 0; i < 3; i++) {
		struct dns_question q = { .name = "canary.toride.internal", .type = types[i], .id = 0x1234 };
		struct dns_msg m;
		unsigned char msg[DNS_MAX];
		size_t n = dns_question_format(&q, msg), room = size < DNS_MAX - n ? size : DNS_MAX - n;
		msg[2] = 0x81; /* an answer to our question, and then the input */
		memcpy(msg + n, data, room);
		msg[7] = room ? data[0] : 0;
		if (dns_answer_open((struct str){ (const char *)msg, n + room }, &q, &m) == 0)
			canary_check(&m, &q, "192.0.2.1", said);
		if (dns_answer_open((struct str){ (const char *)data, size }, &q, &m) == 0)
			canary_check(&m, &q, "NXDOMAIN", said);
	}
	return 0;
}
