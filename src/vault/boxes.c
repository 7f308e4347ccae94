/* See boxes.h. */
#include "vault/boxes.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "vault/vault.h"
#include "wire/cursor.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#define NAMES_MAX 40000

/* "orgs/ORG" + tail: its organisation. */
static bool org_of(const char *name, const char *tail, char org[8])
{
	struct str s = str_from(name);
	if (!str_starts(s, STR("orgs/")) || !str_ends(s, str_from(tail)))
		return false;
	s = (struct str){ s.ptr + 5, s.len - 5 };
	if (s.len < strlen(tail))
		return false;
	s.len -= strlen(tail);
	return str_copy(s, org, 8) && vault_org_ok(org);
}

static bool name_ok(const char *name)
{
	char org[8];
	if (strcmp(name, "acme.key") == 0 || org_of(name, ".key", org) || org_of(name, ".destroyed", org))
		return true;
	return strlen(name) == 6 + 64 + 4 && strncmp(name, "sites/", 6) == 0 && strspn(name + 6, "0123456789abcdef") == 64 &&
	       strcmp(name + 70, ".key") == 0;
}

/* ---- names ---- */

struct names {
	const char *prefix, *after;
	char (*list)[VAULT_BOX_NAME];
	size_t n, cap;
	int r;
};

static int add_name(const char *file, void *user)
{
	struct names *l = user;
	char name[VAULT_BOX_NAME];
	int len = snprintf(name, sizeof name, "%s%s", l->prefix, file);
	if (len < 0 || (size_t)len >= sizeof name || !name_ok(name) || strcmp(name, l->after) <= 0)
		return 0;
	if (l->n == NAMES_MAX)
		return -E_LIMIT;
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 256;
		char (*more)[VAULT_BOX_NAME] = mem_grow(l->list, cap * sizeof *more);
		if (!more)
			return -E_NOMEM;
		l->list = more;
		l->cap = cap;
	}
	memcpy(l->list[l->n++], name, sizeof name);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

int boxes_names(const struct store *s, const char *after, struct buf *reply, struct err *err)
{
	static const char *const dirs[] = { "", "orgs/", "sites/" };
	struct names l = { .after = after };
	char path[600];
	int r = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(dirs); i++) {
		l.prefix = dirs[i];
		snprintf(path, sizeof path, "%s/%s", s->dir, dirs[i]);
		r = fs_list(path, add_name, &l, err);
	}
	if (r == 0) {
		if (l.n)
			qsort(l.list, l.n, sizeof *l.list, by_name);
		wr_u64(reply, s->version);
		wr_u32(reply, l.n < BOXES_AT_ONCE ? (uint32_t)l.n : BOXES_AT_ONCE);
	}
	for (size_t i = 0; r == 0 && i < l.n && i < BOXES_AT_ONCE; i++)
		wr_text(reply, str_from(l.list[i]));
	mem_free(l.list);
	return r;
}

/* ---- one ---- */

int boxes_get(const struct store *s, struct keys *k, const char *name, struct buf *ret_box, struct err *err)
{
	char org[8];
	int r = 0;
	if (!name_ok(name))
		return err_set(err, E_INVALID, "box", "no such kind of key");
	if (org_of(name, ".destroyed", org))
		return store_has(s, name) ? store_box(s, name, STR("destroyed"), ret_box, err) : err_set(err, E_NOT_FOUND, name, "it wasn't destroyed");
	if (org_of(name, ".key", org))
		r = keys_ensure(k, org, err);
	return r < 0 ? r : store_read_box(s, name, ret_box, err);
}

static int put_key(struct store *s, const char *name, struct str secret, struct err *err)
{
	struct buf here;
	if (!store_has(s, name))
		return store_put(s, name, secret, err);
	buf_init(&here, 32 * KIB);
	int r = store_get(s, name, &here, err);
	if (r == 0 && (here.len != secret.len || CRYPTO_memcmp(here.ptr, secret.ptr, secret.len) != 0))
		r = err_set(err, E_EXISTS, name, "another key of this name is here");
	buf_wipe(&here);
	return r;
}

int boxes_put(struct store *s, struct keys *k, const char *name, struct str box, struct err *err)
{
	char org[8], gone[VAULT_BOX_NAME];
	struct buf secret;
	if (!name_ok(name))
		return err_set(err, E_INVALID, "box", "no such kind of key");
	buf_init(&secret, 32 * KIB);
	int r = store_open_box(s, name, box, &secret, err);
	if (r == 0 && org_of(name, ".destroyed", org)) {
		r = store_has(s, name) ? 0 : keys_destroy(k, org, err);
	} else if (r == 0) {
		snprintf(gone, sizeof gone, "orgs/%s.destroyed", org_of(name, ".key", org) ? org : "");
		r = store_has(s, gone) ? 0 : put_key(s, name, buf_view(&secret), err);
	}
	buf_wipe(&secret);
	return r;
}
