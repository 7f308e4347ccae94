/* One signature in Suricata's rule language (docs.suricata.io, "Rules Format"), read far enough to judge and to place it.
 *
 *   ACTION PROTOCOL SOURCE PORT DIRECTION DESTINATION PORT (KEY[:VALUE]; …)
 *
 * A rule source says what is bad; what is done about it is ours to say. So the action is replaced, and each rule is written
 * out for the addresses of those bodies it may act on: a copy that drops for $PREVENT_NET, one that alerts for $DETECT_NET,
 * and while it is new one that only alerts for all (M-095). Which copy it was is told by the generator id, by which Suricata
 * tells signatures of the same number apart: 1 drops, 2 alerts, 3 is on trial; 4 to 6 are the same for a rule that
 * names nobody's side and has to stand twice.
 *
 * A copy that acts also names the packets that follow in its connection (tag:session), for a body that keeps them as evidence.
 *
 * Rules come from outside. A rule that would run code, read or write files, end inspection or let traffic by is refused, and so is
 * one for a protocol that isn't parsed here (compile/suricata.c): Suricata would only say so while loading. */
#ifndef IPS_RULE_H
#define IPS_RULE_H

#include "base/buf.h"
#include "base/err.h"

#define IPS_RULE_MAX (16u * 1024) /* bytes of a rule */
#define IPS_OPTIONS_MAX 300
#define IPS_OWN_SID 9100000u /* our own signatures' numbers, and the first that isn't */
#define IPS_OWN_SID_END 9200000u

enum ips_gid { IPS_GID_PREVENT = 1, IPS_GID_DETECT = 2, IPS_GID_TRIAL = 3, IPS_GID_OTHER_WAY = 3 /* added */ };

struct ips_side {
	struct str addr, port;
	bool home; /* addr names the bodies' side ($HOME_NET, $HTTP_SERVERS …), other than by "!" */
};
struct ips_rule { /* all text borrowed */
	struct str text, action, protocol, direction, options;
	struct ips_side from, to;
	uint32_t sid, rev;
	struct str msg;
	bool noalert; /* it only notes something for other rules: must never drop */
};

/* One line without comment. 0, or -E_INVALID with why in *err: not a rule, or not one of those we take. */
int ips_rule_parse(struct str line, struct ips_rule *ret, struct err *err);

enum ips_stage { IPS_STAGE_TRIAL, IPS_STAGE_DROP };
/* Appends the copies of that stage, a line each. */
void ips_rule_emit(const struct ips_rule *r, enum ips_stage stage, struct buf *out);
/* As it is tried on captures: it only alerts, for all; 3 (and 6) is on trial, 2 (and 5) acts. */
void ips_rule_emit_try(const struct ips_rule *r, enum ips_stage stage, struct buf *out);

#endif
