/* What comes over the link between two nodes, as if its key were known. */
#include "pair/follow.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct follow_question q;
	struct follow_answer a;
	(void)follow_question_parse((struct str){ (const char *)data, size }, &q);
	(void)follow_answer_parse((struct str){ (const char *)data, size }, &a);
	struct follow_keys k;
	struct follow_item i;
	if (follow_keys_parse((struct str){ (const char *)data, size }, &k) == 0)
		while (follow_item_next(&k.items, &i))
			;
	struct follow_holds h;
	(void)follow_holds_parse((struct str){ (const char *)data, size }, &h);
	return 0;
}
