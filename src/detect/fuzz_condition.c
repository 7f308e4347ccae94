/* The condition grammar alone. */
#include "detect/rule.h"

#include "base/err.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena a;
	struct err err;
	struct expr leaf = { .kind = EXPR_OR }, *e;
	const struct named_expr names[] = { { STR("sel"), &leaf }, { STR("filter_1"), &leaf }, { STR("_x"), &leaf } };
	struct rule_parser parser = { .file = "fuzz", .arena = &a, .err = &err };
	if (n > 8192)
		return 0;
	arena_init(&a, 16 * MIB);
	condition_parse(&parser, (struct str){ (const char *)p, n }, 1, names, ARRAY_LEN(names), &e);
	arena_done(&a);
	return 0;
}
