/* Shards of groups, their events, and the ceiling of their memory; see correlate_parts.h.
 * Ten million groups of one event are what this is laid out for: a group is 64 bytes, an event 40, and
 * neither asks the system for memory on its own. Memory once taken for small lists stays with the correlator. */
#include "detect/correlate_parts.h"

#include "base/mem.h"

#include <sys/mman.h>

#define CHUNK 1024u         /* groups */
#define SWEEP 512u          /* groups of a shard looked at by one tick */
#define POOL_CLASSES 7u     /* lists up to 64 events come from pools, larger ones from the heap */
#define POOL_CHUNK (64 * KIB)
#define HUGE_SLAB (64u * MIB)
#define HUGE_PAGE (2u * MIB)
#define TAKEN_OUT UINT32_MAX
#define INDEX_FROM 24u      /* values; fewer are looked through */

/* ---- lists */

static size_t class_bytes(unsigned class)
{
	return sizeof(struct entry) << (class - 1);
}

static uint32_t class_cap(unsigned class)
{
	return class ? 1u << (class - 1) : 0;
}

/* Small slabs first; large ones are on huge pages, or every look at a group among millions would miss the page tables too
 * (0.71 to 0.77 M updates/s with ten million groups drawn evenly). */
static bool slab_make(struct correlator *c)
{
	size_t size = c->slab_bytes < 16 * MIB ? 512 * KIB : HUGE_SLAB;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return false;
	if (size == HUGE_SLAB)
		madvise(p, size, MADV_HUGEPAGE); /* where there are none, it goes without */
	struct slab *s = p;
	*s = (struct slab){ c->slab, size, 64 };
	c->slab = s;
	c->slab_bytes += size;
	return true;
}

static void *slab_take(struct correlator *c, size_t size)
{
	size = (size + 63) & ~(size_t)63;
	if ((!c->slab || c->slab->size - c->slab->used < size) && !slab_make(c))
		return NULL;
	void *p = (char *)c->slab + c->slab->used;
	c->slab->used += size;
	return p;
}

static void slabs_free(struct correlator *c)
{
	for (struct slab *s = c->slab, *before; s; s = before) {
		before = s->before;
		munmap(s, s->size);
	}
	c->slab = NULL;
	c->slab_bytes = 0;
}

static bool pool_fill(struct correlator *c, struct list_pool *p, size_t size)
{
	char *chunk = slab_take(c, POOL_CHUNK);
	if (!chunk)
		return false;
	for (size_t at = 0; at + size <= POOL_CHUNK; at += size) {
		memcpy(chunk + at, &p->free, sizeof p->free);
		p->free = chunk + at;
	}
	return true;
}

static struct entry *list_make(struct correlator *c, unsigned class)
{
	if (class > POOL_CLASSES)
		return mem_alloc(class_bytes(class));
	struct list_pool *p = &c->pools[class];
	if (!p->free && !pool_fill(c, p, class_bytes(class)))
		return NULL;
	void *list = p->free;
	memcpy(&p->free, list, sizeof p->free);
	return list;
}

static void list_free(struct correlator *c, struct entry *list, unsigned class)
{
	if (class == 0)
		return;
	if (class > POOL_CLASSES) {
		mem_free(list);
		return;
	}
	memcpy(list, &c->pools[class].free, sizeof c->pools[class].free);
	c->pools[class].free = list;
}

/* ---- places */

struct group *group_of(const struct correlator *c, struct group_at at)
{
	return &c->shards[at.shard].chunks[at.place / CHUNK][at.place % CHUNK];
}

static struct group *in(const struct shard *s, uint32_t place)
{
	return &s->chunks[place / CHUNK][place % CHUNK];
}

static uint32_t shard_of(const uint64_t id[2])
{
	return (uint32_t)(id[1] % CORRELATE_SHARDS);
}

static uint32_t place_make(struct correlator *c, struct shard *s)
{
	if (s->free != NOBODY) {
		uint32_t i = s->free;
		s->free = in(s, i)->rule;
		return i;
	}
	if (s->n_made == s->n_chunks * CHUNK) {
		struct group **p = mem_grow(s->chunks, (s->n_chunks + 1) * sizeof *p);
		if (!p)
			return NOBODY;
		s->chunks = p;
		s->chunks[s->n_chunks] = slab_take(c, CHUNK * sizeof **p);
		if (!s->chunks[s->n_chunks])
			return NOBODY;
		s->n_chunks++;
	}
	return s->n_made++;
}

/* ---- table: half of the id beside the place, so that only the right group's memory is touched */

static uint64_t tag_of(const uint64_t id[2])
{
	return id[0] & 0xffffffff00000000u;
}

static uint32_t place_in(uint64_t cell)
{
	return (uint32_t)cell - 1;
}

/* On huge pages where they fill one: a look at a table of millions misses the page tables as often as the caches. */
static uint64_t *table_make(uint32_t cap)
{
	size_t size = cap * sizeof(uint64_t);
	if (size < HUGE_PAGE)
		return mem_array(cap, sizeof(uint64_t));
	char *p = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	size_t before = (HUGE_PAGE - (uintptr_t)p % HUGE_PAGE) % HUGE_PAGE; /* sizes are powers of two: whole huge pages */
	if (before)
		munmap(p, before);
	munmap(p + before + size, HUGE_PAGE - before);
	madvise(p + before, size, MADV_HUGEPAGE);
	return (uint64_t *)(void *)(p + before);
}

static void table_free(uint64_t *table, uint32_t cap)
{
	if (cap * sizeof *table < HUGE_PAGE)
		mem_free(table);
	else
		munmap(table, cap * sizeof *table);
}

static bool table_find(const struct shard *s, const uint64_t id[2], uint32_t *ret_slot)
{
	if (s->table_cap == 0)
		return false;
	for (uint32_t i = (uint32_t)id[0] & (s->table_cap - 1); s->table[i]; i = (i + 1) & (s->table_cap - 1)) {
		if ((s->table[i] & ~(uint64_t)UINT32_MAX) != tag_of(id) || (uint32_t)s->table[i] == TAKEN_OUT)
			continue;
		const struct group *g = in(s, place_in(s->table[i]));
		if (g->id[0] == id[0] && g->id[1] == id[1]) {
			*ret_slot = i;
			return true;
		}
	}
	return false;
}

static void table_put(uint64_t *table, uint32_t cap, const struct group *g, uint32_t place)
{
	uint32_t i = (uint32_t)g->id[0] & (cap - 1);
	while (table[i] && (uint32_t)table[i] != TAKEN_OUT)
		i = (i + 1) & (cap - 1);
	table[i] = tag_of(g->id) | (place + 1);
}

/* Three quarters at most are in use, those taken out included. */
static bool table_room(struct shard *s)
{
	if (s->table_used + 1 <= s->table_cap / 4 * 3)
		return true;
	uint32_t cap = s->table_cap ? s->table_cap : 64;
	while (s->n_groups + 1 > cap / 8 * 5)
		cap *= 2;
	uint64_t *t = table_make(cap);
	if (!t)
		return false;
	for (uint32_t i = 0; i < s->table_cap; i++)
		if (s->table[i] && (uint32_t)s->table[i] != TAKEN_OUT)
			table_put(t, cap, in(s, place_in(s->table[i])), place_in(s->table[i]));
	table_free(s->table, s->table_cap);
	s->bytes += cap * sizeof *t;
	s->bytes -= s->table_cap * sizeof *t;
	s->table = t;
	s->table_cap = cap;
	s->table_used = s->n_groups;
	return true;
}

void group_soon(const struct correlator *c, const uint64_t id[2])
{
	const struct shard *s = &c->shards[shard_of(id)];
	if (s->table_cap)
		__builtin_prefetch(&s->table[(uint32_t)id[0] & (s->table_cap - 1)]);
}

bool group_find(struct correlator *c, const uint64_t id[2], struct group_at *ret)
{
	uint32_t slot;
	ret->shard = shard_of(id);
	if (!table_find(&c->shards[ret->shard], id, &slot))
		return false;
	ret->place = place_in(c->shards[ret->shard].table[slot]);
	return true;
}

/* ---- made and unmade */

bool group_make(struct correlator *c, const struct rule *r, uint32_t org, const uint64_t id[2], struct group_at *ret)
{
	uint32_t shard = shard_of(id);
	struct shard *s = &c->shards[shard];
	uint32_t place = table_room(s) ? place_make(c, s) : NOBODY;
	if (place == NOBODY)
		return false;
	struct group *g = in(s, place);
	*g = (struct group){ .id = { id[0], id[1] }, .rule = r->index, .org = org, .used = true };
	table_put(s->table, s->table_cap, g, place);
	s->table_used++;
	s->n_groups++;
	s->bytes += sizeof *g;
	*ret = (struct group_at){ shard, place };
	return true;
}

static size_t more_bytes(const struct group_more *m)
{
	return m ? sizeof *m + m->index_cap * sizeof *m->index + m->sample_len : 0;
}

static void more_free(struct shard *s, struct group *g)
{
	if (!g->more)
		return;
	s->bytes -= more_bytes(g->more);
	mem_free(g->more->index);
	mem_free(g->more->sample);
	mem_free(g->more);
	g->more = NULL;
}

static void group_drop(struct correlator *c, struct group_at at)
{
	struct shard *s = &c->shards[at.shard];
	struct group *g = in(s, at.place);
	uint32_t slot;
	group_empty(c, at);
	list_free(c, g->list, g->cap_class);
	s->bytes -= class_cap(g->cap_class) * sizeof *g->list + sizeof *g;
	more_free(s, g);
	if (table_find(s, g->id, &slot))
		s->table[slot] = TAKEN_OUT;
	*g = (struct group){ .rule = s->free };
	s->free = at.place;
	if (--s->n_groups == 0) { /* all that was taken out needs no marks any more */
		s->bytes -= s->table_cap * sizeof *s->table;
		table_free(s->table, s->table_cap);
		s->table = NULL;
		s->table_cap = s->table_used = 0;
	}
}

/* What isn't held, nor taken by names of records; half of it all in any case. */
static size_t share_of_shard(const struct correlator *c)
{
	size_t other = c->held_bytes + c->names.bytes, half = c->o.max_bytes / 2;
	return (other < half ? c->o.max_bytes - other : half) / CORRELATE_SHARDS;
}

/* The hand goes round: who was touched since it came by last is spared once. So a flood of groups that are seen once goes
 * before those that are seen again, and no touch has to write to neighbours' memory, as a list by age would. */
void groups_make_room(struct correlator *c, uint32_t shard)
{
	struct shard *s = &c->shards[shard];
	size_t max = share_of_shard(c);
	while (s->bytes > max && s->n_groups) {
		uint32_t place = s->hand;
		s->hand = place + 1 < s->n_made ? place + 1 : 0;
		struct group *g = in(s, place);
		if (g->used && !g->touched) {
			c->stats.evicted++;
			group_drop(c, (struct group_at){ shard, place });
		}
		g->touched = false;
	}
}

static bool is_useless(const struct correlator *c, const struct group *g)
{
	const struct rule *r = c->s->rules[g->rule];
	const struct timeline *line = &c->orgs[g->org]->lines[c->line_of[g->rule]];
	int64_t span = r->correlation->timespan_ms;
	return line->done > g->quiet_until && (g->n == 0 || line->done > g->newest + 2 * span);
}

void groups_expire(struct correlator *c)
{
	for (uint32_t i = 0; i < CORRELATE_SHARDS; i++) {
		struct shard *s = &c->shards[i];
		for (uint32_t n = 0; n < s->n_made && n < SWEEP; n++) {
			uint32_t place = s->swept < s->n_made ? s->swept : 0;
			s->swept = place + 1;
			if (in(s, place)->used && is_useless(c, in(s, place)))
				group_drop(c, (struct group_at){ i, place });
		}
	}
}

static void bounds(struct group *g)
{
	g->oldest = g->n ? group_entry(g, 0)->time : 0;
	g->newest = g->n ? group_entry(g, g->n - 1)->time : 0;
}

static void shift(struct group *g, bool ordered, int64_t by_ms)
{
	for (uint32_t i = 0; i < g->n; i++) {
		group_entry(g, i)->time += by_ms;
		if (ordered)
			group_entry(g, i)->v.start += by_ms;
	}
	g->quiet_until += g->quiet_until ? by_ms : 0;
	bounds(g);
}

void groups_shift(struct correlator *c, uint32_t org, int64_t by_ms)
{
	for (uint32_t i = 0; i < CORRELATE_SHARDS; i++)
		for (uint32_t k = 0; k < c->shards[i].n_made; k++) {
			struct group *g = in(&c->shards[i], k);
			if (g->used && g->org == org)
				shift(g, c->s->rules[g->rule]->correlation->type == CORRELATION_ORDERED, by_ms);
		}
}

void groups_clear(struct correlator *c)
{
	for (uint32_t i = 0; i < CORRELATE_SHARDS; i++) {
		struct shard *s = &c->shards[i];
		for (uint32_t k = 0; k < s->n_made; k++)
			if (in(s, k)->used)
				group_drop(c, (struct group_at){ i, k });
		mem_free(s->chunks);
		table_free(s->table, s->table_cap);
		*s = (struct shard){ .free = NOBODY };
	}
	memset(c->pools, 0, sizeof c->pools);
	slabs_free(c);
}

/* ---- values: which entry has one */

static uint32_t *index_slot(const struct group_more *m, uint64_t hash)
{
	return &m->index[(uint32_t)hash & (m->index_cap - 1)];
}

static void index_add(struct group_more *m, const struct group *g, uint32_t place)
{
	uint32_t *slot = index_slot(m, g->list[place].v.hash);
	while (*slot)
		slot = slot + 1 == m->index + m->index_cap ? m->index : slot + 1;
	*slot = place + 1;
	m->index_used++;
}

/* After entries have moved, or when marks of dead ones fill it. Without memory there is none, and lists are looked through. */
static void index_build(struct shard *s, struct group *g)
{
	struct group_more *m = g->more;
	uint32_t cap = 64;
	while (cap < 3u * g->n)
		cap *= 2;
	if (cap != m->index_cap) {
		s->bytes -= m->index_cap * sizeof *m->index;
		mem_free(m->index);
		m->index = mem_array(cap, sizeof *m->index);
		m->index_cap = m->index ? cap : 0;
		s->bytes += m->index_cap * sizeof *m->index;
	} else {
		memset(m->index, 0, cap * sizeof *m->index);
	}
	m->index_used = 0;
	for (uint32_t i = 0; m->index && i < g->n; i++)
		if (group_entry(g, i)->weight)
			index_add(m, g, g->first + i);
}

static void index_forget(struct shard *s, struct group *g)
{
	struct group_more *m = g->more;
	if (!m || !m->index)
		return;
	s->bytes -= m->index_cap * sizeof *m->index;
	mem_free(m->index);
	m->index = NULL;
	m->index_cap = m->index_used = 0;
}

struct entry *group_by_value(struct correlator *c, struct group_at at, uint64_t hash)
{
	struct group *g = group_of(c, at);
	if (g->n > INDEX_FROM && group_more(c, at) && !g->more->index)
		index_build(&c->shards[at.shard], g);
	if (!g->more || !g->more->index) {
		for (uint32_t i = g->n; i-- > 0;)
			if (group_entry(g, i)->weight && group_entry(g, i)->v.hash == hash)
				return group_entry(g, i);
		return NULL;
	}
	const struct group_more *m = g->more;
	for (const uint32_t *slot = index_slot(m, hash); *slot; slot = slot + 1 == m->index + m->index_cap ? m->index : slot + 1) {
		uint32_t i = *slot - 1;
		if (i >= g->first && i - g->first < g->n && g->list[i].weight && g->list[i].v.hash == hash)
			return &g->list[i];
	}
	return NULL;
}

/* ---- events of a group */

struct group_more *group_more(struct correlator *c, struct group_at at)
{
	struct group *g = group_of(c, at);
	if (!g->more && (g->more = mem_alloc(sizeof *g->more)))
		c->shards[at.shard].bytes += sizeof *g->more;
	return g->more;
}

/* Room for one more behind the last: by moving to the front, or into a larger list. */
static bool list_room(struct correlator *c, struct group_at at)
{
	struct group *g = group_of(c, at);
	uint32_t cap = class_cap(g->cap_class);
	if (cap > (uint32_t)g->first + g->n)
		return true;
	index_forget(&c->shards[at.shard], g);
	if (g->first > cap / 2) {
		memmove(g->list, g->list + g->first, g->n * sizeof *g->list);
		g->first = 0;
		return true;
	}
	if (g->cap_class + 1u > LIST_CLASSES)
		return false;
	struct entry *p = list_make(c, g->cap_class + 1u);
	if (!p)
		return false;
	if (g->n)
		memcpy(p, g->list + g->first, g->n * sizeof *p);
	list_free(c, g->list, g->cap_class);
	g->list = p;
	g->first = 0;
	g->cap_class++;
	c->shards[at.shard].bytes += (class_cap(g->cap_class) - cap) * sizeof *p;
	return true;
}

struct entry *group_insert(struct correlator *c, struct group_at at, const struct entry *e)
{
	struct group *g = group_of(c, at);
	if (!list_room(c, at)) {
		c->stats.dropped++;
		return NULL;
	}
	bool last = g->n == 0 || e->time >= g->newest;
	uint32_t i = g->first + g->n++;
	for (; !last && i > g->first && g->list[i - 1].time > e->time; i--)
		g->list[i] = g->list[i - 1];
	g->list[i] = *e;
	if (last)
		g->newest = e->time;
	if (i == g->first)
		g->oldest = e->time;
	names_keep(&c->names, e->record);
	if (g->more) {
		g->more->sum += g->more->sums ? e->v.number : 0;
		if (!last)
			index_forget(&c->shards[at.shard], g);
		else if (g->more->index && g->more->index_used + 1 > g->more->index_cap / 4 * 3)
			index_build(&c->shards[at.shard], g);
		else if (g->more->index)
			index_add(g->more, g, i);
	}
	return &g->list[i];
}

static void forget(struct correlator *c, struct group *g, const struct entry *e)
{
	names_drop(&c->names, e->record);
	if (g->more) {
		g->more->sum -= g->more->sums ? e->v.number : 0;
		g->more->dead -= e->weight == 0;
	}
}

void group_remove(struct correlator *c, struct group_at at, uint32_t i)
{
	struct group *g = group_of(c, at);
	struct entry *e = group_entry(g, i);
	index_forget(&c->shards[at.shard], g);
	forget(c, g, e);
	memmove(e, e + 1, (g->n - i - 1) * sizeof *e);
	g->n--;
	bounds(g);
}

void group_remove_first(struct correlator *c, struct group_at at, uint32_t n)
{
	struct group *g = group_of(c, at);
	if (n == 0)
		return;
	for (uint32_t i = 0; i < n; i++)
		forget(c, g, group_entry(g, i));
	g->first += n;
	g->n -= n;
	bounds(g);
	if (g->n)
		return;
	g->first = 0;
	if (g->more) /* no rounding outlives the events it came from */
		g->more->sum = 0;
	index_forget(&c->shards[at.shard], g);
}

/* All of them at once: the values' index is made anew afterwards, which a few removed at a time would cost as much. */
void group_compact(struct correlator *c, struct group_at at)
{
	struct group *g = group_of(c, at);
	uint32_t n = 0;
	index_forget(&c->shards[at.shard], g);
	for (uint32_t i = 0; i < g->n; i++) {
		const struct entry *e = group_entry(g, i);
		if (e->weight)
			*group_entry(g, n++) = *e;
		else
			forget(c, g, e);
	}
	g->n = n;
	bounds(g);
}

void group_empty(struct correlator *c, struct group_at at)
{
	struct group *g = group_of(c, at);
	group_remove_first(c, at, g->n);
	if (g->more)
		g->more->seen = 0;
	g->incomplete = false;
}

void group_sample(struct correlator *c, struct group_at at, struct str json, unsigned slot)
{
	struct group_more *m = group_more(c, at);
	char *p = m ? mem_strndup(json.ptr, json.len) : NULL;
	if (!p)
		return;
	c->shards[at.shard].bytes += json.len;
	c->shards[at.shard].bytes -= m->sample_len;
	mem_free(m->sample);
	m->sample = p;
	m->sample_len = json.len;
	m->sample_slot = (uint8_t)slot;
}
