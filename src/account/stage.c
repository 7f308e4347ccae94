/* See stage.h. */
#include "account/stage.h"

#include "base/mem.h"

static const char *const names[] = { [SESSION_NONE] = "", [SESSION_ENROL] = "enrol", [SESSION_KEY] = "key", [SESSION_FULL] = "full" };

const char *session_stage_name(enum session_stage s)
{
	return names[s];
}

bool session_stage_parse(struct str name, enum session_stage *ret)
{
	for (size_t i = SESSION_ENROL; i < ARRAY_LEN(names); i++)
		if (str_eq(name, str_from(names[i]))) {
			*ret = (enum session_stage)i;
			return true;
		}
	return false;
}
