/* Any bytes as canonical JSON: refused with a fault, or read to a model whose canonical form reads back to the same digest. */
#include "base/err.h"
#include "model/model.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model *m = NULL, *again = NULL;
	struct faults f = { 0 };
	int r = model_load_canonical((struct str){ (const char *)data, size }, &m, &f, NULL);
	if (r == -E_INVALID && f.n == 0)
		bug("refused without a fault");
	if (r == 0 && model_load_canonical((struct str){ m->canonical, m->canonical_len }, &again, &f, NULL) < 0)
		bug("its own canonical form is refused: %s: %s", f.list ? f.list[0].path : "", f.list ? f.list[0].msg : "");
	if (r == 0 && strcmp(m->digest, again->digest) != 0)
		bug("the canonical form isn't stable");
	model_destroy(&again);
	model_destroy(&m);
	faults_done(&f);
	return 0;
}
