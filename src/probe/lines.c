/* See lines.h. */
#include "probe/lines.h"

#include <string.h>

void line_begin(struct line_state *s)
{
	*s = (struct line_state){ .usable = true };
}

static void count(struct line_state *s, unsigned window, uint32_t answered, unsigned n)
{
	uint64_t mask = window >= 64 ? ~0ull : (1ull << window) - 1;
	unsigned least = 64, runs = 64;
	s->rounds += s->rounds < window;
	for (unsigned i = 0; i < n && i < LINE_TARGETS; i++) {
		s->missed[i] = (s->missed[i] << 1 | !(answered & 1u << i)) & mask;
		unsigned missed = (unsigned)__builtin_popcountll(s->missed[i]);
		unsigned gaps = (unsigned)__builtin_popcountll(s->missed[i] & ~(s->missed[i] << 1));
		least = missed < least ? missed : least;
		runs = gaps < runs ? gaps : runs;
	}
	s->loss = n && s->rounds ? 100 * least / s->rounds : 0;
	s->runs = n ? runs : 0;
}

static void forget(struct line_state *s)
{
	memset(s->missed, 0, sizeof s->missed);
	s->rounds = s->loss = s->runs = 0;
}

static bool fails(const struct line_state *s, const struct line_rules *rules)
{
	return s->lost >= rules->lost ||
	       (rules->loss_percent && s->rounds >= rules->loss_rounds && s->loss >= rules->loss_percent && s->runs >= LINE_RUNS);
}

/* What was seen before the first answer, or before too much was lost again, tells nothing about the line as it is. */
static bool returns(struct line_state *s, const struct line_rules *rules, int64_t now_ms)
{
	if (now_ms - s->answering_ms < rules->back_ms)
		return false;
	if (!rules->loss_percent || 2 * s->loss <= rules->loss_percent)
		return true;
	s->answering_ms = now_ms;
	forget(s);
	return false;
}

bool line_round(struct line_state *s, const struct line_rules *rules, uint32_t answered, unsigned n, bool closer, int64_t now_ms)
{
	s->lost = answered ? 0 : s->lost + !closer;
	if (!answered) {
		s->answering_ms = 0;
	} else {
		s->heard_ms = now_ms;
		if (!s->answering_ms) {
			s->answering_ms = now_ms;
			if (!s->usable)
				forget(s);
		}
	}
	count(s, rules->loss_rounds, answered, n);
	if (s->usable) {
		if (!fails(s, rules))
			return false;
		s->lossy = s->lost < rules->lost;
		s->failed_ms = now_ms;
		s->answering_ms = 0;
		s->usable = false;
		return true;
	}
	s->usable = answered && returns(s, rules, now_ms);
	return s->usable;
}

bool line_suspected(const struct line_state *s, const struct line_rules *rules)
{
	return s->usable && rules->loss_percent && s->loss > 0;
}
