/* A person's query: read, and written as SQL in which the only quotes are those around whole literals. */
#include "index/query.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct query q;
	struct err err;
	struct buf b;
	if (query_parse((struct str){ (const char *)p, n }, &q, &err) < 0)
		return 0;
	buf_init(&b, 16 * MIB);
	query_sql(q.root, &b);
	bool inside = false;
	for (size_t i = 0; i < b.len; i++) {
		if (inside && b.ptr[i] == '\\')
			i++;
		else if (b.ptr[i] == '\'')
			inside = !inside;
		else if (!inside && !strchr("()[]<>=,` .abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", b.ptr[i]))
			abort();
	}
	if (inside && !b.failed)
		abort();
	buf_done(&b);
	return 0;
}
