/* Every line of every incident's timeline as a record in the sealed log, where the vault's key signs it (class 6003,
 * api.operation incident.stage, incident{number, id, stage, values, severity}): what the database says later can be held against it.
 *
 * Lines go out in order, after their transaction; the mark moves once intaked has them on disk. A crash in between hands them in
 * again: the same incident.id is the same line. Requirements: M-087 (each stage signed and stored), S-23. */
#ifndef RESPOND_STAGE_H
#define RESPOND_STAGE_H

#include "respond/respond.h"

#define STAGES_AT_ONCE 200

int stage_work(struct respond *r, int64_t now, struct err *err);

#endif
