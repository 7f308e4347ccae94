/* See lines.h. */
#include "probe/lines.h"

void line_begin(struct line_state *s)
{
	*s = (struct line_state){ .usable = true };
}

bool line_round(struct line_state *s, const struct line_rules *rules, bool answered, int64_t now_ms)
{
	if (!answered) {
		s->answering_ms = 0;
		s->lost++;
		if (!s->usable || s->lost < rules->lost)
			return false;
		s->usable = false;
		s->failed_ms = now_ms;
		return true;
	}
	s->lost = 0;
	s->heard_ms = now_ms;
	if (!s->answering_ms)
		s->answering_ms = now_ms;
	if (s->usable || now_ms - s->answering_ms < rules->back_ms)
		return false;
	s->usable = true;
	return true;
}
