/* Windows event log files (.evtx): each record as a flat JSON object with the names NXLog gives (EventID, Channel, EventTime …), which
 * the Windows parser reads. For files that were saved or seized; live events come as JSON.
 *
 * The format: Microsoft [MS-EVEN6] sections 2.2.12 (BinXml) and 2.2.17; the file's and chunk's heads as the libevtx project describes them. A
 * chunk stands alone; everything in it is at an offset from its beginning, and hostile: each record has a budget of nodes, names and
 * templates are read in place, and what breaks off ends its record. */
#ifndef DEVICE_EVTX_H
#define DEVICE_EVTX_H

#include "base/err.h"
#include "base/str.h"

#define EVTX_CHUNK 65536
#define EVTX_NODES 20000 /* tokens of one record */
#define EVTX_DEPTH 16    /* elements within one another */
#define EVTX_NEST 6      /* templates and values within one another */

bool evtx_is(struct str file);
/* fn gets each record, borrowed, in the file's order. Returns how many could not be read (their places are skipped), one at least where
 * the file breaks off within a chunk; *ret_n is all. */
typedef void (*evtx_fn)(struct str json, void *user);
size_t evtx_each(struct str file, evtx_fn fn, void *user, size_t *ret_n);

#endif
