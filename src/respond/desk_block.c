/* What a block would hit, and a terminal cut off and given back, as people ask for it. See desk.h. */
#include "respond/desk_call.h"

#include "base/err.h"
#include "respond/block.h"
#include "respond/inquiry.h"

#include <stdio.h>

int desk_block_try(struct desk_call *c)
{
	char org[8], kind[12], value[256];
	struct block_request q = { .now = c->now, .by = c->by };
	int res = desk_words(c, "org", 6, true, org, sizeof org);
	res = res < 0 ? res : desk_words(c, "kind", 10, true, kind, sizeof kind);
	res = res < 0 ? res : desk_words(c, "value", 250, true, value, sizeof value);
	if (res == 0 && !block_kind_parse(kind, &q.kind))
		return err_set(c->err, E_INVALID, "kind", "not address, name, url, terminal, blackhole or flow");
	q.org = org, q.value = value;
	snprintf(c->audit, sizeof c->audit, "%s %.*s", kind, str_head(value, 100), value);
	return res < 0 ? res : block_try(c->r, &q, c->b, c->err);
}

int desk_block_tried(struct desk_call *c)
{
	return inquiry_format(c->r, 0, (int64_t)ctl_u64(c->root, "inquiry", 0), c->b, c->err);
}

int desk_isolate(struct desk_call *c)
{
	struct incident i;
	char terminal[64], reason[160], id[INCIDENT_NUMBER] = "";
	uint64_t hours = ctl_u64(c->root, "hours", 0);
	int res = desk_load(c, &i);
	res = res < 0 ? res : desk_words(c, "terminal", 60, false, terminal, sizeof terminal);
	res = res < 0 ? res : desk_words(c, "reason", 150, true, reason, sizeof reason);
	if (res == 0 && hours > 8784)
		return err_set(c->err, E_INVALID, "hours", "more than a year");
	int64_t end = c->now + (hours ? (int64_t)hours * 3600000 : c->r->desk->clock.block_ms);
	res = res < 0 ? res : block_isolate(c->r, &i, terminal, c->by, reason, end, c->now, id, c->err);
	if (res == 0)
		json_field_s(c->b, "id", id);
	return res < 0 ? res : desk_reload(c, &i);
}

int desk_release(struct desk_call *c)
{
	struct incident i;
	int n = 0, res = desk_load(c, &i);
	res = res < 0 ? res : block_release(c->r, &i, c->by, c->now, &n, c->err);
	if (res == 0)
		json_field_u64(c->b, "released", (uint64_t)n);
	return res < 0 ? res : desk_reload(c, &i);
}
