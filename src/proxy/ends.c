/* See ends.h. At most 500 an organisation, looked at every few seconds: walked as they stand. */
#include "proxy/ends.h"

#include "base/clock.h"

#include <stdio.h>

enum stage { FAR, WEEK, DAY, ENDED };

void ends_init(struct ends *e)
{
	map_init(&e->told, ENDS_MAX);
}

void ends_done(struct ends *e)
{
	map_done(&e->told);
}

static enum stage stage_of(int64_t left)
{
	return left <= 0 ? ENDED : left <= ENDS_DAY_MS ? DAY : left <= ENDS_WEEK_MS ? WEEK : FAR;
}

static void words(const struct conf_timed *x, enum stage s, char dst[ENDS_TEXT])
{
	char end[CLOCK_TEXT];
	clock_format_jst(x->expires_ms, end);
	if (s == ENDED)
		snprintf(dst, ENDS_TEXT, "what goes to %s is decrypted again: the exception %s answers for has ended (%s への通信を再び復号します。責任者 %s の例外の期限が来ました)",
		         x->name, x->owner, x->name, x->owner);
	else
		snprintf(dst, ENDS_TEXT, "the exception for %s ends on %.16s; %s answers for it (%s を復号しない例外は %.16s に終わります。責任者: %s)",
		         x->name, end, x->owner, x->name, end, x->owner);
}

static void look(struct ends *e, const char *org, const struct conf_timed *x, int64_t now_ms, ends_tell tell, void *user)
{
	char key[512], text[ENDS_TEXT];
	int64_t left = x->expires_ms - now_ms;
	enum stage s = stage_of(left);
	int n = snprintf(key, sizeof key, "%s %lld %s", org, (long long)x->expires_ms, x->name);
	struct str k = { key, n < (int)sizeof key ? (size_t)n : sizeof key - 1 };
	enum stage told = (enum stage)(uintptr_t)map_get(&e->told, k);
	if (s <= told) /* a clock that is set back tells nothing twice */
		return;
	map_put(&e->told, k, (void *)(uintptr_t)s);
	if (s == ENDED && !told && -left > ENDS_PAST_MS)
		return;
	words(x, s, text);
	tell(org, text, user);
}

void ends_look(struct ends *e, const struct conf *c, int64_t now_ms, ends_tell tell, void *user)
{
	for (size_t i = 0; i < c->n_orgs; i++)
		for (size_t k = 0; k < c->orgs[i].n_undecrypted; k++)
			look(e, c->orgs[i].code, &c->orgs[i].undecrypted[k], now_ms, tell, user);
}
