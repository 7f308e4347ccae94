/* probed.json (compile/probed.c writes it):
 *   { "v":1, "probe_ms":200, "lost":3, "loss_percent":20, "loss_rounds":20, "back_s":30, "drift_ms":100, "silent_s":30 (absent: no time is served),
 *     "lines":[{"name":"isp1","interface":"wan0","inbound":"toride-in1","probes":["203.0.113.1"]}],   by priority
 *     "orgs":[{"code":"412015","index":1}] } */
#ifndef PROBE_CONF_H
#define PROBE_CONF_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

#define CONF_LINES 8
#define CONF_PROBES 16
#define CONF_ORGS 16384 /* above the largest index */

struct conf_line {
	char name[16], interface[16], inbound[16];
	char probes[CONF_PROBES][48];
	unsigned n_probes;
};

struct conf {
	uint32_t probe_ms, lost, loss_percent, loss_rounds, back_s, drift_ms, silent_s; /* drift_ms 0: nothing to watch */
	struct conf_line lines[CONF_LINES];
	unsigned n_lines;
	char (*codes)[7]; /* CONF_ORGS of them, by index; "" where there is none */
};

int conf_parse(struct str json, struct conf *ret, struct err *err); /* conf_done() in any case */
void conf_done(struct conf *c);

#endif
