/* A DNS message, read to its end: every name, every record as text. */
#include "wire/dns.h"

#include "base/err.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_msg m;
	struct dns_record rec;
	char text[300], small[8], word[16];
	if (dns_open((struct str){ (const char *)data, size }, &m) < 0)
		return 0;
	for (unsigned i = 0; i < m.count[0] && dns_next_question(&m, &rec); i++)
		if (strlen(rec.name) >= DNS_NAME_TEXT || !*rec.name)
			abort();
	while (dns_next_record(&m, &rec)) {
		dns_type_text(rec.type, word);
		dns_data_text(&m, &rec, text, sizeof text);
		if (dns_data_text(&m, &rec, small, sizeof small) && strlen(small) >= sizeof small)
			abort();
		dns_extended_error(&rec);
	}
	return 0;
}
