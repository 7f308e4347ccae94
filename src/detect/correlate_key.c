/* From an event's fields to the bytes that name its group; see correlate_parts.h. */
#include "detect/correlate_parts.h"

#include "base/mem.h"

#include <stdio.h>

#define VALUE_MAX 256 /* bytes of one group value as it is */

/* A long text counts by its hash, so that no length of a URL keeps an event out. */
static void put_text(struct buf *b, struct str s)
{
	unsigned char h[SHA256_LEN];
	if (s.len > VALUE_MAX) {
		hash_sha256(s.ptr, s.len, h);
		s = (struct str){ (const char *)h, sizeof h };
	}
	wr_blob(b, s);
}

static bool put_value(struct buf *b, yyjson_val *v)
{
	char d[40];
	if (yyjson_is_str(v))
		put_text(b, (struct str){ yyjson_get_str(v), yyjson_get_len(v) });
	else if (yyjson_is_num(v))
		wr_blob(b, (struct str){ d, (size_t)snprintf(d, sizeof d, "%.17g", yyjson_get_num(v)) });
	else if (yyjson_is_bool(v))
		wr_blob(b, yyjson_get_bool(v) ? STR("true") : STR("false"));
	else
		return false;
	return true;
}

bool correlate_key(struct correlator *c, const struct rule *r, unsigned slot, const struct correlate_hit *hit, struct buf *b)
{
	const struct correlation *k = r->correlation;
	wr_blob(b, str_from(r->id));
	wr_blob(b, hit->org);
	for (unsigned i = 0; i < k->n_group; i++)
		if (!put_value(b, field_value(hit->root, &k->paths[slot][i]))) {
			c->stats.ungrouped++;
			return false;
		}
	return !b->failed;
}

struct str correlate_org(const struct group *g)
{
	struct rd r = rd_from(g->key, g->key_len);
	rd_blob(&r);
	return rd_blob(&r);
}

bool correlate_value(const struct correlation *k, unsigned slot, const struct correlate_hit *hit, uint64_t *ret)
{
	static const uint64_t fixed[2] = { 0x746f72696465, 0x76616c7565 }; /* saved with the state: the same after a restart */
	struct buf b;
	buf_init(&b, CORRELATE_KEY);
	yyjson_val *v = field_value(hit->root, &k->value_path[slot]);
	bool ok = put_value(&b, v) && !b.failed;
	if (ok)
		*ret = hash_sip(fixed, b.ptr, b.len);
	buf_done(&b);
	return ok;
}
