/* The description's manual and its JSON Schema, both made from the schema table. */
#ifndef MODEL_MANUAL_H
#define MODEL_MANUAL_H

#include "base/buf.h"

/* Markdown: a table of members for each object. */
void model_manual(struct buf *out, bool japanese);
/* JSON Schema 2020-12 for editors: $defs of service, prefecture, org and what is in them; the whole schema is the canonical
 * form, an editor takes "#/$defs/org" for orgs/CODE.json. */
void model_json_schema(struct buf *out, bool japanese);

#endif
