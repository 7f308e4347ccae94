/* A file of threat intelligence as somebody hands it out, by each of the readers, and then what an event asks. */
#include "detect/intel.h"

#include "base/err.h"
#include "base/mem.h"

#define NOW 1795386357000

static void ask(const struct intel *i, struct str text)
{
	struct str line;
	while (str_next(&text, '\n', &line)) {
		intel_name(i, line, NOW);
		intel_address(i, line, NOW);
		intel_url(i, line, NOW);
		intel_hash(i, line, NOW);
		intel_ja4(i, line, NOW);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static int (*const readers[])(struct intel *, struct str, const char *, struct err *) = { intel_read_list, intel_read_misp, intel_read_stix };
	struct str text = { (const char *)p, n };
	for (size_t k = 0; k < ARRAY_LEN(readers) && n <= 256 * 1024; k++) {
		struct intel *i;
		struct err err;
		if (intel_create(NOW, &i, &err) < 0)
			return 0;
		if (intel_add(i, STR("# nothing"), "f", &err) == 0)
			readers[k](i, text, "f", &err);
		ask(i, text);
		intel_destroy(&i);
	}
	return 0;
}
