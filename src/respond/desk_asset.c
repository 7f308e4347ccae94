/* Asset and vulnerability lists, as people bring them. See desk.h and incident/target.h. */
#include "respond/desk_call.h"

#include "base/err.h"
#include "base/mem.h"
#include "incident/target.h"

#include <stdio.h>
#include <stdlib.h>

static int import(struct desk_call *c, struct target_import *w,
                  int (*take)(struct store *, const struct target_import *, struct str, int *, struct err *))
{
	size_t len = 0;
	int n = 0;
	char *rows = yyjson_val_write(yyjson_obj_get(c->root, "rows"), 0, &len);
	w->by = c->by, w->now_ms = c->now, w->first = ctl_bool(c->root, "first", true);
	int res = rows ? take(c->r->store, w, (struct str){ rows, len }, &n, c->err) : err_set(c->err, E_INVALID, "rows", "missing");
	free(rows); /* yyjson's own allocation */
	if (res == 0)
		json_field_u64(c->b, "taken", (uint64_t)n);
	return res;
}

int desk_asset_import(struct desk_call *c)
{
	char org[8];
	struct target_import w = { .org = org };
	int res = desk_words(c, "org", 6, true, org, sizeof org);
	if (res == 0 && !desk_org(c->r->desk, org))
		return err_set(c->err, E_INVALID, "org", "no such organisation");
	snprintf(c->audit_org, sizeof c->audit_org, "%s", org);
	snprintf(c->audit, sizeof c->audit, "assets of %s", org);
	return res < 0 ? res : import(c, &w, target_import_assets);
}

int desk_vuln_import(struct desk_call *c)
{
	char list[84];
	struct target_import w = { .list = list };
	int res = desk_words(c, "list", 80, true, list, sizeof list);
	snprintf(c->audit, sizeof c->audit, "%s", list);
	return res < 0 ? res : import(c, &w, target_import_vulns);
}

int desk_asset_list(struct desk_call *c)
{
	return target_format_assets(c->r->store, c->b, c->err);
}
