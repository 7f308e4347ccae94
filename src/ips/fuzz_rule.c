/* A line of a rule source: what is taken must, written out again, be a rule of the same number. */
#include "ips/rule.h"

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ips_rule r;
	struct err err;
	struct buf b;
	if (ips_rule_parse((struct str){ (const char *)data, size }, &r, &err) < 0)
		return 0;
	buf_init(&b, MIB);
	ips_rule_emit(&r, IPS_STAGE_DROP, &b);
	ips_rule_emit(&r, IPS_STAGE_TRIAL, &b);
	struct str rest = buf_view(&b), line;
	size_t lines = 0;
	for (; rest.len && str_next(&rest, '\n', &line); lines++)
		if (memchr(line.ptr, '\r', line.len) || !memmem(line.ptr, line.len, " gid:", 5))
			bug("not one rule a line");
	if (b.failed || lines < 3 || lines > 6)
		bug("%zu copies", lines);
	buf_done(&b);
	return 0;
}
