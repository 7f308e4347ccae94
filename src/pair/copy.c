/* See copy.h. */
#include "pair/copy.h"

static enum copy_do of_primary(const struct copy *c, const struct copy_seen *s, int64_t now_ms)
{
	if (s->streaming)
		return s->waits || !s->active ? COPY_NOTHING : COPY_WAIT;
	return s->waits && s->active && now_ms - c->streamed_ms >= COPY_ALONE_MS ? COPY_ALONE : COPY_NOTHING;
}

enum copy_do copy_judge(struct copy *c, const struct copy_seen *s, int64_t now_ms)
{
	if (!s->answers)
		return COPY_NOTHING;
	bool took_over = c->known && c->was_standby && !s->standby;
	bool stale = !c->streamed_ms || now_ms - c->streamed_ms > COPY_STALE_MS;
	if (s->streaming || took_over || (!c->known && !s->standby))
		c->streamed_ms = now_ms;
	c->known = true;
	c->was_standby = s->standby;
	if (took_over)
		return stale ? COPY_TOOK_OVER_STALE : COPY_TOOK_OVER;
	return s->standby ? COPY_NOTHING : of_primary(c, s, now_ms);
}

bool copy_is_lost(struct copy *c, const struct copy_seen *s, bool there, int64_t now_ms)
{
	if (!s->answers || !s->standby || s->streaming || s->active || !there)
		c->behind_ms = 0;
	else if (!c->behind_ms)
		c->behind_ms = now_ms;
	return c->behind_ms && now_ms - c->behind_ms >= COPY_LOST_MS;
}

enum copy_other copy_compare(uint32_t own, uint32_t other)
{
	if (!own || !other)
		return COPY_OTHER_UNKNOWN;
	return other < own ? COPY_OTHER_EARLIER : other > own ? COPY_OTHER_LATER : COPY_OTHER_EQUAL;
}

bool copy_gives_up(enum copy_other other, bool active, bool other_active, bool other_standby)
{
	if (active)
		return other_standby && other == COPY_OTHER_LATER;
	return other_active && (other == COPY_OTHER_LATER || other == COPY_OTHER_EQUAL);
}
