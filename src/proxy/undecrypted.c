/* See undecrypted.h. */
#include "proxy/undecrypted.h"

#include "base/mem.h"
#include "url/puny.h"

#include <stdio.h>

#define KEY 288

bool undecrypted_category(const struct worker *w, const struct conf_org *o, const char *host)
{
	const struct url_query q = { .scheme = STR("https"), .host = str_from(host), .port = 443 };
	struct url_target t;
	struct url_hit hit;
	if (!o->n_no_decrypt_categories || !w->index || url_target_from(&q, &t) < 0 || t.is_addr || url_lookalike((struct str){ t.host, t.host_len }))
		return false;
	url_index_find(w->index, &t, &hit);
	for (size_t i = 0; i < o->n_no_decrypt_categories; i++)
		if (hit.categories & url_index_mask(w->index, str_from(o->no_decrypt_categories[i])))
			return true;
	return false;
}

static struct str key_of(const struct conf_org *o, const char *host, uint16_t port, char dst[KEY])
{
	snprintf(dst, KEY, "%s %u %s", o->code, port, host);
	return str_from(dst);
}

bool undecrypted_verified(const struct worker *w, const struct conf_org *o, const char *host, uint16_t port)
{
	char key[KEY];
	return w->now < (int64_t)(uintptr_t)map_get(&w->verified, key_of(o, host, port, key));
}

void undecrypted_remember(struct worker *w, const struct conf_org *o, const char *host, uint16_t port)
{
	char key[KEY];
	if (w->verified.len >= UNDECRYPTED_MAX)
		undecrypted_forget(w);
	map_put(&w->verified, key_of(o, host, port, key), (void *)(uintptr_t)(w->now + UNDECRYPTED_MS));
}

void undecrypted_forget(struct worker *w)
{
	map_done(&w->verified);
	map_init(&w->verified, UNDECRYPTED_MAX);
}
