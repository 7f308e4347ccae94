/* What the certificate authority answers: the four kinds of objects, a chain, a request. */
#include "acme/answer.h"
#include "acme/cert.h"
#include "base/mem.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = { (const char *)data, size };
	struct acme_directory d;
	struct acme_order_answer o;
	struct acme_authorization a;
	struct cert c;
	struct buf b;
	char type[64], words[200];
	const char *names[] = { "www.city.example" };
	acme_read_directory(s, &d, NULL);
	if (acme_read_order(s, &o, NULL) == 0 && (o.n > ACME_NAMES || !*o.finalize))
		abort();
	if (acme_read_authorization(s, &a, NULL) == 0 && strchr(a.token, '/'))
		abort(); /* it becomes a file's name */
	acme_read_problem(s, type, words);
	if (strchr(words, '\n') || strchr(type, '\n'))
		abort();
	cert_read(s, names, 1, &c, NULL);
	buf_init(&b, 64 * KIB);
	cert_chain(s, &b, NULL);
	buf_done(&b);
	return 0;
}
