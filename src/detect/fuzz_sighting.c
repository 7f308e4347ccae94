/* The saved sightings as they lie on disk: refused, or taken, formatted and saved again. */
#include "detect/sighting.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct sightings *s;
	struct err err;
	struct buf b;
	if (n > 64 * 1024 || sightings_create(&s, &err) < 0)
		return 0;
	if (sightings_restore(s, (struct str){ (const char *)p, n }) == 0) {
		buf_init(&b, 16 * MIB);
		sightings_format(s, 1795386357000, &b);
		buf_reset(&b);
		sightings_save(s, &b);
		if (!b.failed && sightings_restore(s, buf_view(&b)) < 0)
			abort();
		buf_done(&b);
	}
	sightings_destroy(&s);
	return 0;
}
