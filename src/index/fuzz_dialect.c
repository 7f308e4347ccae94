/* SQL of ours with values of anybody's, in another server's words: whatever it holds, every quotation mark that is opened is closed.
 * And what a server answers: its version, and rows as objects. */
#include "index/dialect.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdlib.h>

static bool closed(struct str s)
{
	char inside = 0;
	for (size_t i = 0; i < s.len; i++)
		if (inside && s.ptr[i] == '\\')
			i++;
		else if (inside ? s.ptr[i] == inside : s.ptr[i] == '\'' || s.ptr[i] == '`')
			inside = inside ? 0 : s.ptr[i];
	return !inside;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct dialect dialects[] = { { 2605, "d", "" }, { 2508, "d", "" }, { 1816, "d", "" }, { 2605, "d", "c" } };
	struct err err;
	struct buf b;
	bool objects;
	unsigned version;
	if (n == 0)
		return 0;
	struct str s = { (const char *)p + 1, n - 1 };
	buf_init(&b, MIB);
	if (dialect_sql(&dialects[*p % ARRAY_LEN(dialects)], s, &b, &objects, &err) == 0 && closed(s) && !closed(buf_view(&b)))
		abort();
	buf_reset(&b);
	dialect_rows(s, &b, &err);
	dialect_version(s, &version, &err);
	buf_done(&b);
	return 0;
}
