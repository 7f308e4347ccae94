/* Whatever stands in STATE/hits, and in what the counters' child answers. */
#include "apply/hits.h"

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = { (const char *)data, size };
	struct hits h;
	struct buf b;
	buf_init(&b, 64 * MIB);
	if (hits_parse(s, &h, NULL) == 0) {
		if (hits_format(&h, &b) == 0 && !str_eq(buf_view(&b), s))
			bug("read otherwise than written");
		hits_done(&h);
	}
	h = (struct hits){ 0 };
	if (hits_merge(&h, s, 1000, NULL) == 0)
		for (size_t i = 1; i < h.n; i++)
			if (strcmp(h.list[i - 1].name, h.list[i].name) >= 0)
				bug("not by name");
	hits_done(&h);
	buf_reset(&b);
	(void)hits_read(s, &b, NULL);
	buf_done(&b);
	return 0;
}
