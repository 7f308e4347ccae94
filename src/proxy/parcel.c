/* What waits for a person; see parcel.h. */
#include "proxy/parcel.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

struct parcel {
	bool used;
	char org[8], origin[PARCEL_ORIGIN], token[PARCEL_TOKEN], user[USERS_NAME];
	struct prefix terminal;
	struct parcel_view v;
	struct parcel_goods goods;
	int64_t asked_ms, done_ms; /* done: nothing more comes but what a person gives or fetches; 0: not yet */
	char password[PARCEL_PASSWORD]; /* given, and not fetched yet */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct parcel all[PARCEL_MAX];

static bool is_orgs(const struct parcel *p, const struct parcel_for *f)
{
	return p->used && strcmp(p->org, f->org) == 0;
}

static bool is_terminals(const struct parcel *p, const struct parcel_for *f)
{
	return is_orgs(p, f) && memcmp(&p->terminal, &f->terminal, sizeof p->terminal) == 0;
}

static bool is_for(const struct parcel *p, const struct parcel_for *f)
{
	return is_terminals(p, f) && strcmp(p->origin, f->origin) == 0 && strcmp(p->user, f->user) == 0;
}

static struct parcel *find(struct str token, const struct parcel_for *f)
{
	if (token.len != PARCEL_TOKEN - 1)
		return NULL;
	for (size_t i = 0; i < PARCEL_MAX; i++)
		if (is_for(&all[i], f) && CRYPTO_memcmp(all[i].token, token.ptr, token.len) == 0)
			return &all[i];
	return NULL;
}

static void drop_goods(struct parcel *p)
{
	mem_free(p->goods.head);
	if (p->goods.fd >= 0)
		close(p->goods.fd);
	p->goods = (struct parcel_goods){ .fd = -1 };
}

/* ---- by its owner ---- */

/* A free place; NULL: there is none, or this terminal or its organisation has enough. */
static struct parcel *place(const struct parcel_for *f)
{
	struct parcel *free = NULL;
	size_t n = 0, n_org = 0;
	for (size_t i = 0; i < PARCEL_MAX; i++) {
		free = free || all[i].used ? free : &all[i];
		n += is_terminals(&all[i], f);
		n_org += is_orgs(&all[i], f);
	}
	return n < PARCEL_TERMINAL && n_org < PARCEL_ORG ? free : NULL;
}

int parcel_create(const struct parcel_for *f, struct str name, const char *ref, int64_t now_ms, struct parcel **ret)
{
	unsigned char random[(PARCEL_TOKEN - 1) / 2];
	pthread_mutex_lock(&lock);
	struct parcel *p = place(f);
	if (p) {
		*p = (struct parcel){ .used = true, .terminal = f->terminal, .goods.fd = -1, .asked_ms = now_ms };
		rnd_bytes(random, sizeof random);
		hex_format(random, sizeof random, p->token);
		snprintf(p->org, sizeof p->org, "%s", f->org);
		snprintf(p->origin, sizeof p->origin, "%s", f->origin);
		snprintf(p->user, sizeof p->user, "%s", f->user);
		snprintf(p->v.name, sizeof p->v.name, "%.*s", (int)(name.len < PARCEL_NAME ? name.len : PARCEL_NAME - 1), name.ptr ? name.ptr : "");
		snprintf(p->v.ref, sizeof p->v.ref, "%s", ref);
	}
	pthread_mutex_unlock(&lock);
	*ret = p;
	return p ? 0 : -E_LIMIT;
}

const char *parcel_token(const struct parcel *p)
{
	return p->token; /* it never changes */
}

void parcel_progress(struct parcel *p, uint64_t received, uint64_t total, bool judging)
{
	pthread_mutex_lock(&lock);
	p->v.received = received;
	p->v.total = total;
	p->v.state = judging ? PARCEL_JUDGING : PARCEL_COMING;
	pthread_mutex_unlock(&lock);
}

void parcel_finish(struct parcel *p, bool refused, const struct parcel_goods *g, int64_t now_ms)
{
	pthread_mutex_lock(&lock);
	p->goods = *g;
	snprintf(p->goods.ref, sizeof p->goods.ref, "%s", p->v.ref);
	p->v.state = refused ? PARCEL_REFUSED : PARCEL_READY;
	p->v.received = p->v.total = g->size;
	p->done_ms = now_ms;
	pthread_mutex_unlock(&lock);
}

bool parcel_wanted(const struct parcel *p, int64_t now_ms)
{
	pthread_mutex_lock(&lock);
	bool gone = p->v.state == PARCEL_GONE || now_ms - p->asked_ms > PARCEL_SILENT_MS || (p->done_ms && now_ms - p->done_ms > PARCEL_KEEP_MS);
	pthread_mutex_unlock(&lock);
	return !gone;
}

void parcel_lock(struct parcel *p, unsigned wrong, int64_t now_ms)
{
	pthread_mutex_lock(&lock);
	p->v.state = PARCEL_LOCKED;
	p->done_ms = now_ms;
	p->v.wrong = wrong;
	pthread_mutex_unlock(&lock);
}

bool parcel_password(struct parcel *p, char dst[PARCEL_PASSWORD])
{
	pthread_mutex_lock(&lock);
	bool there = p->password[0];
	memcpy(dst, p->password, PARCEL_PASSWORD);
	OPENSSL_cleanse(p->password, sizeof p->password);
	pthread_mutex_unlock(&lock);
	return there;
}

int parcel_unlock(struct str token, const struct parcel_for *f, const char *password)
{
	pthread_mutex_lock(&lock);
	struct parcel *p = find(token, f);
	bool locked = p && p->v.state == PARCEL_LOCKED && password[0];
	if (locked) {
		snprintf(p->password, sizeof p->password, "%s", password);
		p->v.state = PARCEL_JUDGING;
	}
	pthread_mutex_unlock(&lock);
	return locked ? 0 : -E_NOT_FOUND;
}

void parcel_leave(struct parcel **pp)
{
	struct parcel *p = *pp;
	*pp = NULL;
	if (!p)
		return;
	pthread_mutex_lock(&lock);
	drop_goods(p);
	OPENSSL_cleanse(p->password, sizeof p->password);
	p->used = false;
	pthread_mutex_unlock(&lock);
}

/* ---- by who holds the token ---- */

int parcel_look(struct str token, const struct parcel_for *f, int64_t now_ms, struct parcel_view *ret)
{
	pthread_mutex_lock(&lock);
	struct parcel *p = find(token, f);
	if (p) {
		p->asked_ms = now_ms;
		*ret = p->v;
	}
	pthread_mutex_unlock(&lock);
	return p && ret->state != PARCEL_GONE ? 0 : -E_NOT_FOUND;
}

uint64_t parcel_size(struct str token, const struct parcel_for *f)
{
	pthread_mutex_lock(&lock);
	struct parcel *p = find(token, f);
	uint64_t n = p && (p->v.state == PARCEL_READY || p->v.state == PARCEL_REFUSED) ? p->goods.size : 0;
	pthread_mutex_unlock(&lock);
	return n;
}

int parcel_take(struct str token, const struct parcel_for *f, struct parcel_goods *ret)
{
	pthread_mutex_lock(&lock);
	struct parcel *p = find(token, f);
	bool there = p && (p->v.state == PARCEL_READY || p->v.state == PARCEL_REFUSED);
	if (there) {
		*ret = p->goods;
		p->goods = (struct parcel_goods){ .fd = -1 };
		p->v.state = PARCEL_GONE;
	}
	pthread_mutex_unlock(&lock);
	return there ? 0 : -E_NOT_FOUND;
}

int parcel_request_parse(struct str path, struct str *ret_token, bool *ret_get)
{
	struct str rest = path, bare, first;
	str_next(&rest, '?', &bare);
	if (!str_eq(bare, STR(PARCEL_PATH)))
		return -E_NOT_FOUND;
	if (!rest.ptr || !str_next(&rest, '&', &first) || !str_starts(first, STR("t=")))
		return -E_INVALID;
	*ret_token = (struct str){ first.ptr + 2, first.len - 2 };
	*ret_get = rest.ptr && str_eq(rest, STR("get"));
	return *ret_get || !rest.ptr || rest.len == 0 ? 0 : -E_INVALID;
}
