/* See tries.h. */
#include "users/tries.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"

#include <openssl/crypto.h>
#include <stdio.h>

struct known {
	enum users_result result; /* OK or WRONG */
	int64_t at_ms;
	char org[8];
	struct user user;
};

struct count {
	unsigned n;
	int64_t since_ms, locked_ms; /* of the window; until when */
};

struct tries {
	struct map known, counts;
	unsigned char key[32];
};

int tries_create(struct tries **ret)
{
	struct tries *t = mem_alloc(sizeof *t);
	if (!t)
		return -E_NOMEM;
	map_init(&t->known, TRIES_KEPT);
	map_init(&t->counts, TRIES_KEPT);
	rnd_bytes(t->key, sizeof t->key);
	*ret = t;
	return 0;
}

static void free_all(struct map *m)
{
	void *v;
	for (size_t i = 0; map_next(m, &i, NULL, &v);)
		mem_free(v);
	map_done(m);
}

void tries_destroy(struct tries **t)
{
	if (!*t)
		return;
	free_all(&(*t)->known);
	free_all(&(*t)->counts);
	OPENSSL_cleanse((*t)->key, sizeof (*t)->key);
	mem_free(*t);
	*t = NULL;
}

void tries_key(const struct tries *t, const struct users_request *r, unsigned char ret[TRIES_KEY])
{
	users_digest(t->key, r, ret);
}

static struct str as_str(const unsigned char key[TRIES_KEY])
{
	return (struct str){ (const char *)key, TRIES_KEY };
}

static struct known *find(struct tries *t, const struct users_request *r)
{
	unsigned char key[TRIES_KEY];
	tries_key(t, r, key);
	return map_get(&t->known, as_str(key));
}

/* ---- counts ---- */

/* Names differ by case in no directory: "TARO" is another guess at taro. */
static void fold(const char *name, char dst[USERS_NAME])
{
	size_t i = 0;
	for (; name[i]; i++)
		dst[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
	dst[i] = 0;
}

static const struct kind {
	const char *what;
	bool name, terminal;
	unsigned max;
} kinds[] = {
	{ "name at terminal", true, true, TRIES_PAIR },
	{ "name", true, false, TRIES_NAME },
	{ "terminal", false, true, TRIES_TERMINAL },
};

struct count_key {
	char text[16 + PREFIX_TEXT + USERS_NAME];
};

static struct str count_key(const struct users_request *r, const struct kind *k, struct count_key *dst)
{
	char name[USERS_NAME] = "", address[PREFIX_TEXT] = "";
	if (k->name)
		fold(r->name, name);
	if (k->terminal)
		prefix_format_addr(&r->terminal, address);
	int n = snprintf(dst->text, sizeof dst->text, "%s\n%s\n%s", r->org, address, name);
	return (struct str){ dst->text, (size_t)n };
}

static struct count *count_of(struct tries *t, const struct users_request *r, const struct kind *k)
{
	struct count_key key;
	return map_get(&t->counts, count_key(r, k, &key));
}

static bool locked(struct tries *t, const struct users_request *r, int64_t now)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const struct count *c = count_of(t, r, &kinds[i]);
		if (c && c->locked_ms > now)
			return true;
	}
	return false;
}

static void sweep_counts(struct tries *t, int64_t now)
{
	struct str key;
	void *v;
	for (size_t i = 0; map_next(&t->counts, &i, &key, &v);) {
		const struct count *c = v;
		if (c->locked_ms > now || now - c->since_ms <= TRIES_WINDOW_MS)
			continue;
		map_del(&t->counts, key);
		mem_free(v);
	}
}

static struct count *count_make(struct tries *t, struct str key, int64_t now)
{
	if (t->counts.len >= TRIES_KEPT)
		sweep_counts(t, now);
	struct count *c = mem_alloc(sizeof *c);
	if (c && map_put(&t->counts, key, c) < 0) {
		mem_free(c);
		c = NULL;
	}
	return c;
}

static void count_wrong(struct tries *t, const struct users_request *r, int64_t now, struct tries_news *news)
{
	struct count_key key;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct str k = count_key(r, &kinds[i], &key);
		struct count *c = map_get(&t->counts, k);
		c = c ? c : count_make(t, k, now);
		if (!c)
			continue;
		if (c->n == 0 || now - c->since_ms > TRIES_WINDOW_MS)
			*c = (struct count){ .since_ms = now, .locked_ms = c->locked_ms };
		if (++c->n < kinds[i].max)
			continue;
		c->locked_ms = now + TRIES_LOCK_MS;
		c->n = 0;
		news->locked = true;
		news->what = kinds[i].what;
	}
}

/* ---- answers ---- */

bool tries_look(struct tries *t, const struct users_request *r, int64_t now, struct users_answer *ret)
{
	const struct known *k = find(t, r);
	*ret = (struct users_answer){ .id = r->id, .result = USERS_LOCKED };
	if (k && k->result == USERS_OK && now - k->at_ms < TRIES_FRESH_MS) {
		ret->result = USERS_OK;
		ret->user = k->user;
		return true;
	}
	bool was_right = k && k->result == USERS_OK && now - k->at_ms < TRIES_STALE_MS; /* no guess: the directory may say so again */
	if (!was_right && !r->proven && locked(t, r, now))
		return true;
	ret->result = USERS_WRONG;
	return k && k->result == USERS_WRONG && now - k->at_ms < TRIES_WRONG_MS;
}

bool tries_stale(struct tries *t, const struct users_request *r, int64_t now, struct users_answer *ret)
{
	const struct known *k = find(t, r);
	if (!k || k->result != USERS_OK || now - k->at_ms >= TRIES_STALE_MS)
		return false;
	*ret = (struct users_answer){ .id = r->id, .result = USERS_OK, .user = k->user };
	return true;
}

static void sweep_known(struct tries *t, int64_t now)
{
	struct str key;
	void *v;
	for (size_t i = 0; map_next(&t->known, &i, &key, &v);) {
		const struct known *k = v;
		if (now - k->at_ms < (k->result == USERS_OK ? TRIES_STALE_MS : TRIES_WRONG_MS))
			continue;
		map_del(&t->known, key);
		mem_free(v);
	}
}

void tries_note(struct tries *t, const struct users_request *r, const struct users_answer *a, int64_t now, struct tries_news *ret)
{
	unsigned char key[TRIES_KEY];
	tries_key(t, r, key);
	struct known *k = map_get(&t->known, as_str(key));
	*ret = (struct tries_news){ .first = a->result == USERS_OK && (!k || k->result != USERS_OK || now - k->at_ms >= TRIES_STALE_MS), .what = "" };
	if (!k && t->known.len >= TRIES_KEPT)
		sweep_known(t, now);
	if (!k && (k = mem_alloc(sizeof *k)) && map_put(&t->known, as_str(key), k) < 0) {
		mem_free(k);
		k = NULL;
	}
	if (k) {
		*k = (struct known){ .result = a->result, .at_ms = now, .user = a->user };
		memcpy(k->org, r->org, sizeof k->org);
	}
	struct count *pair = count_of(t, r, &kinds[0]);
	if (a->result == USERS_OK && pair)
		pair->n = 0;
	if (a->result == USERS_WRONG && !r->proven)
		count_wrong(t, r, now, ret);
}

void tries_forget(struct tries *t, const char *org)
{
	struct str key;
	void *v;
	for (size_t i = 0; map_next(&t->known, &i, &key, &v);)
		if (strcmp(((struct known *)v)->org, org) == 0) {
			map_del(&t->known, key);
			mem_free(v);
		}
}
