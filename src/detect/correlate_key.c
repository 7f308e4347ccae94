/* From an event's fields to the bytes that name its group; see correlate_parts.h. */
#include "detect/correlate_parts.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

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

bool correlate_put_value(struct buf *b, yyjson_val *v)
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

bool correlate_key(struct correlator *c, const struct rule *r, unsigned slot, struct str org, yyjson_val *root, struct buf *b)
{
	const struct correlation *k = r->correlation;
	wr_blob(b, str_from(r->id));
	wr_blob(b, org);
	for (unsigned i = 0; i < k->n_group; i++)
		if (!correlate_put_value(b, field_value(root, &k->paths[slot][i]))) {
			c->stats.ungrouped++;
			return false;
		}
	return !b->failed;
}

void correlate_id(const struct correlator *c, const struct buf *key, uint64_t ret[2])
{
	ret[0] = hash_sip(c->seed[0], key->ptr, key->len);
	ret[1] = hash_sip(c->seed[1], key->ptr, key->len);
}

static bool number_of(yyjson_val *v, double *ret)
{
	char text[64], *end;
	if (yyjson_is_num(v)) {
		*ret = yyjson_get_num(v);
		return true;
	}
	struct str s = { yyjson_get_str(v), yyjson_get_len(v) };
	if (!yyjson_is_str(v) || !s.len || !str_copy(s, text, sizeof text) || strspn(text, "0123456789+-.eE") != s.len)
		return false;
	*ret = strtod(text, &end);
	return *end == 0 && isfinite(*ret);
}

/* Several fields count as one value, made of all of them. */
static bool hash_of(const struct correlation *k, unsigned slot, yyjson_val *root, uint64_t *ret)
{
	static const uint64_t fixed[2] = { 0x746f72696465, 0x76616c7565 }; /* saved with the state: the same after a restart */
	struct buf b;
	bool ok = true;
	buf_init(&b, CORRELATE_KEY);
	for (unsigned i = 0; ok && i < k->n_value; i++)
		ok = correlate_put_value(&b, field_value(root, &k->value_paths[slot][i])) && !b.failed;
	if (ok)
		*ret = hash_sip(fixed, b.ptr, b.len);
	buf_done(&b);
	return ok;
}

bool correlate_value(struct correlator *c, const struct correlation *k, unsigned slot, yyjson_val *root, struct entry *e)
{
	if (k->n_value == 0)
		return true;
	if (!correlation_is_numeric(k))
		return hash_of(k, slot, root, &e->v.hash);
	if (number_of(field_value(root, &k->value_paths[slot][0]), &e->v.number))
		return true;
	c->stats.unnumbered++;
	return false;
}
