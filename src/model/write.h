/* From the structs of model.h back to canonical JSON: minimal, members in the table's order, defaults filled in. */
#ifndef MODEL_WRITE_H
#define MODEL_WRITE_H

#include "base/buf.h"
#include "model/model.h"
#include "model/schema.h"

void write_object(struct buf *b, const struct object *o, const void *src);
void write_member(struct buf *b, const struct field *f, const void *object); /* its value: one, or the list */
void write_value(struct buf *b, const struct field *f, const void *at);      /* one element */
void write_model(struct buf *b, const struct model *m);

#endif
