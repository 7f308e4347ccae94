/* A page of strangers: it is wholly like itself, and harmless already. */
#include "look/page.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct look_page a, b;
	look_page_read((struct str){ (const char *)data, size }, "www.city.example city.example", &a);
	if (look_page_like(&a, &a) != 100 || a.n_hosts > LOOK_HOSTS)
		abort();
	b = a;
	look_page_harmless(&b);
	if (b.n_hosts != a.n_hosts || strlen(b.title) != strlen(a.title))
		abort();
	return 0;
}
