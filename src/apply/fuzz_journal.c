/* Whatever stands in STATE/journal, and in what the rules' child answers. */
#include "apply/cut.h"
#include "apply/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = { (const char *)data, size };
	struct journal_state state;
	struct cuts cuts;
	uint64_t end;
	if (journal_parse(s, &state, &end, NULL) == 0 && (end > size || state.plan.n > PLAN_MAX))
		bug("a state beyond its bytes");
	if (cuts_parse(s, &cuts, NULL) == 0)
		cuts_done(&cuts);
	return 0;
}
