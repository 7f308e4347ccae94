/* Between the readers of vulnerability lists (vuln.c, jvn.c); see asset.h. */
#ifndef ASSET_PARTS_H
#define ASSET_PARTS_H

#include "asset/asset.h"

struct reading {
	struct arena *a;
	struct vuln *list; /* room for VULN_MAX */
	size_t n, left_out;
	bool full;         /* there were more */
};

/* A copy; NULL when it is too long, has control characters, or there is no memory. */
const char *vuln_keep(struct reading *r, struct str s);
/* One row: id as asset_vuln_id() takes it; range: all but the names. What can't be used is counted. */
void vuln_add(struct reading *r, const char *id, struct str vendor, struct str product, const struct vuln *range);
/* VULDEF of JVN iPedia, RSS of JVN. -E_INVALID with the line. */
int vuln_read_jvn(struct reading *r, struct str xml, struct err *err);
/* What JVN says of versions ("1.05およびそれ以前", "2.0 から 2.4 未満") as a range; false: nothing that could be compared. */
bool jvn_range(struct reading *r, struct str text, struct vuln *ret);

#endif
