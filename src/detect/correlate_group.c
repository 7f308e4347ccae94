/* Groups of events, and the ceiling of their memory; see correlate_parts.h. The least recently touched goes first. */
#include "detect/correlate_parts.h"

#include "base/mem.h"

static size_t size_of(const struct group *g)
{
	return sizeof *g + 2 * g->key_len + 64 + g->cap * sizeof *g->list + g->sample_len;
}

static void unlink_group(struct correlator *c, struct group *g)
{
	*(g->newer ? &g->newer->older : &c->newest) = g->older;
	*(g->older ? &g->older->newer : &c->oldest) = g->newer;
	g->newer = g->older = NULL;
}

static void push_newest(struct correlator *c, struct group *g)
{
	g->older = c->newest;
	*(c->newest ? &c->newest->newer : &c->oldest) = g;
	c->newest = g;
}

void group_touch(struct correlator *c, struct group *g)
{
	if (c->newest == g)
		return;
	unlink_group(c, g);
	push_newest(c, g);
}

static void group_free(struct group *g)
{
	mem_free(g->key);
	mem_free(g->list);
	mem_free(g->sample);
	mem_free(g);
}

void group_drop(struct correlator *c, struct group *g)
{
	map_del(&c->groups, (struct str){ g->key, g->key_len });
	unlink_group(c, g);
	c->bytes -= size_of(g);
	group_free(g);
}

void groups_make_room(struct correlator *c)
{
	while (c->bytes > c->max && c->oldest) {
		c->stats.evicted++;
		group_drop(c, c->oldest);
	}
}

struct group *group_make(struct correlator *c, const struct rule *r, struct str key)
{
	struct group *g = mem_alloc(sizeof *g);
	if (!g)
		return NULL;
	g->rule = r;
	g->key = mem_strndup(key.ptr, key.len);
	g->key_len = key.len;
	if (c->groups.len >= CORRELATE_GROUPS && c->oldest) {
		c->stats.evicted++;
		group_drop(c, c->oldest);
	}
	if (!g->key || map_put(&c->groups, key, g) < 0) {
		group_free(g);
		return NULL;
	}
	push_newest(c, g);
	c->bytes += size_of(g);
	return g;
}

static bool group_grow(struct correlator *c, struct group *g)
{
	if (g->n < g->cap)
		return true;
	uint32_t cap = g->cap ? g->cap * 2 : 4;
	struct entry *p = mem_grow(g->list, cap * sizeof *p);
	if (!p)
		return false;
	c->bytes += (cap - g->cap) * sizeof *p;
	g->list = p;
	g->cap = cap;
	return true;
}

void group_remove_first(struct group *g, uint32_t n)
{
	if (n == 0)
		return;
	memmove(g->list, g->list + n, (g->n - n) * sizeof *g->list);
	g->n -= n;
}

struct entry *group_insert(struct correlator *c, struct group *g, const struct entry *e)
{
	if (!group_grow(c, g)) {
		c->stats.dropped++;
		return NULL;
	}
	uint32_t i = g->n++;
	for (; i > 0 && g->list[i - 1].time > e->time; i--)
		g->list[i] = g->list[i - 1];
	g->list[i] = *e;
	return &g->list[i];
}

void group_sample(struct correlator *c, struct group *g, struct str s)
{
	char *p = mem_strndup(s.ptr, s.len);
	if (!p)
		return;
	c->bytes += s.len;
	c->bytes -= g->sample_len;
	mem_free(g->sample);
	g->sample = p;
	g->sample_len = s.len;
}

void groups_clear(struct correlator *c)
{
	while (c->oldest)
		group_drop(c, c->oldest);
}
