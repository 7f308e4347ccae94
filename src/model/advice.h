/* What is right in form and yet not what its author can have meant: rules that never decide anything. Not faults: a
 * description with advice is valid. */
#ifndef MODEL_ADVICE_H
#define MODEL_ADVICE_H

#include "model/model.h"

/* For each rule and published server that is hidden as a whole by what stands before it: who hides it, with paths, and whether that
 * contradicts it. Never says so of one that can decide something; may miss one that only several together hide piece by piece.
 * Also what ended before now_ms. -E_NOMEM; the list is the caller's (zeroed; faults_done()). */
int model_advice(const struct model *m, int64_t now_ms, struct faults *ret);

#endif
