/* A file of threat intelligence as somebody hands it out (list), and then what an event asks. */
#include "detect/intel.h"

#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct intel *i;
	struct err err;
	if (n > 256 * 1024 || intel_create(1795386357000, &i, &err) < 0)
		return 0;
	struct str text = { (const char *)p, n }, line;
	if (intel_add(i, STR("# nothing"), "f", &err) == 0)
		intel_read_list(i, text, "f", &err);
	while (str_next(&text, '\n', &line)) {
		intel_name(i, line, 1795386357000);
		intel_address(i, line, 1795386357000);
		intel_url(i, line, 1795386357000);
		intel_hash(i, line, 1795386357000);
	}
	intel_destroy(&i);
	return 0;
}
