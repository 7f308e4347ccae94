/* See packets.h. */
#include "intake/packets.h"

#include "base/mem.h"

#define BODIES_MAX 4096
#define DAY_MS (24LL * 3600 * 1000)

struct body {
	int64_t second, day; /* which */
	uint64_t n, bytes;   /* in it */
};

void packets_init(struct packets *p)
{
	map_init(&p->bodies, BODIES_MAX);
}

void packets_done(struct packets *p)
{
	struct str key;
	void *b;
	for (size_t i = 0; map_next(&p->bodies, &i, &key, &b);)
		mem_free(b);
	map_done(&p->bodies);
}

static struct body *body_of(struct packets *p, const char *org)
{
	struct body *b = map_get(&p->bodies, str_from(org));
	if (b)
		return b;
	b = mem_alloc(sizeof *b);
	if (b && map_put(&p->bodies, str_from(org), b) < 0) {
		mem_free(b);
		b = NULL;
	}
	return b;
}

bool packets_may(struct packets *p, const char *org, size_t bytes, int64_t mono_ms)
{
	struct body *b = body_of(p, org);
	if (!b)
		return false;
	if (b->second != mono_ms / 1000) {
		b->second = mono_ms / 1000;
		b->n = 0;
	}
	if (b->day != mono_ms / DAY_MS) {
		b->day = mono_ms / DAY_MS;
		b->bytes = 0;
	}
	if (b->n >= PACKETS_A_SECOND || b->bytes + bytes > PACKETS_A_DAY)
		return false;
	b->n++;
	b->bytes += bytes;
	return true;
}
