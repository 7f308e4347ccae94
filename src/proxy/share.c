/* Shares of the memory for held bodies; see share.h. Two look-ups for a piece of a body, nothing for those without. */
#include "proxy/share.h"

#include <string.h>

struct key {
	char org[8];
	uint8_t addr[17];
};

void shares_init(struct shares *s)
{
	map_init(&s->terminals, SHARE_TERMINALS);
	s->held = 0;
}

void shares_done(struct shares *s)
{
	map_done(&s->terminals);
}

static uint64_t moved(uint64_t n, uint64_t before, uint64_t now)
{
	return (n > before ? n - before : 0) + now;
}

/* What the terminal holds then. Where it can't be noted (no memory, too many) it counts as more than anybody may have. */
static uint64_t count_terminal(struct shares *s, const struct share_who *who, uint64_t before, uint64_t now)
{
	struct key k;
	memset(&k, 0, sizeof k);
	str_clip(who->org, k.org, sizeof k.org);
	k.addr[0] = who->terminal->family;
	memcpy(k.addr + 1, who->terminal->addr, 16);
	struct str key = { (const char *)&k, sizeof k };
	uintptr_t n = (uintptr_t)map_get(&s->terminals, key);
	uint64_t then = moved(n, before, now);
	if (then == 0) {
		if (n)
			map_del(&s->terminals, key);
		return 0;
	}
	return map_put(&s->terminals, key, (void *)(uintptr_t)then) < 0 ? UINT64_MAX : then;
}

enum share_limit shares_count(struct shares *s, const struct share_who *who, uint64_t before, uint64_t now, uint64_t max)
{
	if (before == now)
		return SHARE_OK;
	uint64_t terminal = count_terminal(s, who, before, now);
	*who->org_held = moved(*who->org_held, before, now);
	s->held = moved(s->held, before, now);
	if (s->held > max || terminal == UINT64_MAX)
		return SHARE_ALL;
	if (terminal > max / 4 && !who->for_many)
		return SHARE_TERMINAL;
	return *who->org_held > max / 2 && terminal > max / 64 ? SHARE_ORG : SHARE_OK;
}

const char *share_rule(enum share_limit l)
{
	return l == SHARE_TERMINAL ? "memory.terminal" : l == SHARE_ORG ? "memory.org" : "memory";
}
