/* See rules.h. */
#include "scan/rules.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "scan/client.h"
#include "scan/yara.h"
#include "wire/place.h"

#include <stdio.h>
#include <sys/stat.h>

struct reading {
	const char *dir;
	struct buf *bundle; /* NULL: marks only */
	uint64_t mark;
	struct err *err;
};

static bool is_rules(struct str name)
{
	return str_ends(name, STR(".yar")) || str_ends(name, STR(".yara"));
}

static int read_one(struct reading *r, const char *path)
{
	struct buf b;
	buf_init(&b, RULES_BYTES);
	int e = fs_read(path, &b, r->err);
	if (e == 0)
		yara_bundle_add(r->bundle, path, buf_view(&b));
	buf_done(&b);
	return e < 0 ? e : r->bundle->failed ? err_set(r->err, E_LIMIT, path, "more rules than fit") : 0;
}

static int on_name(const char *name, void *user)
{
	static const uint64_t seed[2] = { 1, 2 };
	struct reading *r = user;
	char path[PLACE_MAX + 256];
	struct stat st;
	if (!is_rules(str_from(name)))
		return 0;
	int n = snprintf(path, sizeof path, "%s/%s", r->dir, name);
	if (n < 0 || (size_t)n >= sizeof path || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	const uint64_t what[] = { hash_sip(seed, name, strlen(name)), (uint64_t)st.st_size, (uint64_t)st.st_mtim.tv_sec, (uint64_t)st.st_mtim.tv_nsec };
	r->mark = r->mark * 31 + hash_sip(seed, what, sizeof what);
	return r->bundle ? read_one(r, path) : 0;
}

static int read_all(const char *const *dirs, size_t n, struct reading *r)
{
	int e = 0;
	for (size_t i = 0; e == 0 && i < n; i++) {
		r->dir = dirs[i];
		if (fs_exists(dirs[i]))
			e = fs_list(dirs[i], on_name, r, r->err);
	}
	return e;
}

int rules_bundle(const char *const *dirs, size_t n, int *ret_fd, struct err *err)
{
	struct buf b;
	buf_init(&b, RULES_BYTES);
	struct reading r = { .bundle = &b, .err = err };
	int e = read_all(dirs, n, &r);
	struct str all = buf_view(&b);
	if (e == 0)
		e = scan_memfd(&all, 1, ret_fd, err);
	buf_done(&b);
	return e;
}

uint64_t rules_mark(const char *const *dirs, size_t n)
{
	struct reading r = { 0 };
	read_all(dirs, n, &r);
	return r.mark;
}
