/* What changes from one description to another, per organisation, in words people understand.
 *
 * Text: a heading for the service, each prefecture and each organisation concerned, and an indented line a change. JSON: one
 * object a line: scope (service, prefecture, org), code, name, path, change (set, add, remove, order; notice: what to know
 * beside it, moves.h), old, new, text. */
#ifndef MODEL_DIFF_H
#define MODEL_DIFF_H

#include "base/buf.h"
#include "model/model.h"

/* _of: of the service, this prefecture ("41"; "": all) and its organisations. old may be NULL: everything is new. Writes nothing where nothing changes. -E_LIMIT when out is full, -E_NOMEM. */
int model_diff_of(const struct model *old, const struct model *new, const char *prefecture, struct buf *out, bool japanese, bool json, struct err *err);
/* Does it change bodies (or the record) of another prefecture than this one? -E_LIMIT, -E_NOMEM. */
int model_diff_elsewhere(const struct model *old, const struct model *new, const char *prefecture, bool *ret, struct err *err);
int model_diff(const struct model *old, const struct model *new, struct buf *out, bool japanese, bool json, struct err *err);

#endif
