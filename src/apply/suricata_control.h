/* Suricata's control socket, RUN/suricata/control.sock: one JSON object a line, first the protocol's version ("Interacting via
 * Unix Socket" in its manual). What comes back is text of another process: call these in a child (child.h). */
#ifndef APPLY_SURICATA_CONTROL_H
#define APPLY_SURICATA_CONTROL_H

#include "base/buf.h"
#include "base/err.h"

/* 0 when it answers OK; its "message" as JSON goes to answer (may be NULL). */
int suricata_control(const char *command, int timeout_ms, struct buf *answer, struct err *err);

struct suricata_rules {
	uint64_t loaded, failed, skipped;
};
int suricata_loaded(int timeout_ms, struct suricata_rules *ret, struct err *err);
/* One answer of ruleset-stats: [{"id":0,"rules_loaded":24,"rules_failed":0,"rules_skipped":0}]. */
int suricata_rules_parse(struct str json, struct suricata_rules *ret, struct err *err);

#endif
