/* Members of the desk's JSON that are left out where there is nothing to say. */
#ifndef INCIDENT_FIELDS_H
#define INCIDENT_FIELDS_H

#include "incident/incident.h"

static inline void time_field(struct buf *b, const char *key, int64_t ms) /* NO_TIME: left out */
{
	if (ms != NO_TIME)
		json_field_u64(b, key, (uint64_t)ms);
}

static inline void text_field(struct buf *b, const char *key, const char *v) /* NULL, "": left out */
{
	if (v && *v)
		json_field_s(b, key, v);
}

#endif
