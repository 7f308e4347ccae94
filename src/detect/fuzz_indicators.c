/* The list of blocks as it comes over findings.sock and from the state file, and looking things up in it. */
#include "detect/indicators.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct indicators *l;
	const struct indicator *hits[4];
	struct str all = { (const char *)p, n }, tail = { (const char *)p + n / 2, n - n / 2 };
	if (indicators_parse(all, &l) < 0)
		return 0;
	indicators_find(l, &(struct indicator_query){ STR("412015"), tail, tail, tail, tail }, hits, 4);
	indicators_find(l, &(struct indicator_query){ STR("412015"), STR("a.evil.example"), STR("203.0.113.7"), STR("http://x.example/bad?q"), STR("10.1.0.66") },
	                hits, 4);
	indicators_destroy(&l);
	return 0;
}
