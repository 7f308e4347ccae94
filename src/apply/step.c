/* See step.h. */
#include "apply/step.h"

#include "base/err.h"

#include <stdio.h>

void plan_add(struct plan *p, enum step_kind kind, uint8_t arg, const char *name)
{
	if (p->n >= PLAN_MAX)
		bug("a plan of more than %d steps", PLAN_MAX);
	struct step *s = &p->steps[p->n++];
	*s = (struct step){ .kind = (uint8_t)kind, .arg = arg };
	snprintf(s->name, sizeof s->name, "%s", name);
}

const char *step_name(const struct step *s, char dst[64])
{
	static const char *const names[STEP_KINDS] = {
		"?", [STEP_NET_ADD] = "NET_ADD", [STEP_NET_DEL] = "NET_DEL", [STEP_NFT] = "NFT", [STEP_CUT] = "CUT", [STEP_LINK] = "LINK",
		[STEP_UNBOUND] = "UNBOUND", [STEP_DAEMON] = "DAEMON", [STEP_VERIFY] = "VERIFY", [STEP_SHAPE_ADD] = "SHAPE_ADD",
		[STEP_SHAPE_DEL] = "SHAPE_DEL", [STEP_IPS_ADD] = "IPS_ADD", [STEP_IPS_DEL] = "IPS_DEL", [STEP_IPS] = "IPS",
		[STEP_KNOT] = "KNOT", [STEP_NSD] = "NSD", [STEP_EDGE] = "EDGE",
	};
	snprintf(dst, 64, "%s%s%s", s->kind < STEP_KINDS ? names[s->kind] : "?", s->name[0] ? " " : "", s->name);
	return dst;
}

void plan_write(struct buf *b, const struct plan *p)
{
	wr_u8(b, (uint8_t)p->n);
	for (unsigned i = 0; i < p->n; i++) {
		wr_u8(b, p->steps[i].kind);
		wr_u8(b, p->steps[i].arg);
		wr_text(b, str_from(p->steps[i].name));
	}
}

void plan_read(struct rd *r, struct plan *p)
{
	*p = (struct plan){ .n = rd_u8(r) };
	if (p->n > PLAN_MAX) {
		r->bad = true;
		p->n = 0;
	}
	for (unsigned i = 0; i < p->n; i++) {
		struct step *s = &p->steps[i];
		s->kind = rd_u8(r);
		s->arg = rd_u8(r);
		rd_text(r, s->name, sizeof s->name);
		if (s->kind == 0 || s->kind >= STEP_KINDS)
			r->bad = true;
	}
}
