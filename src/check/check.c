/* See check.h. Between compile and apply: a configuration that its engine refuses never becomes a step. */
#include "check/check.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"

#include <stdio.h>

struct dry_run {
	const char *engine, *file;
	const char *before[6]; /* words before the file's path, ended by NULL */
	int timeout_ms;
};

static const struct dry_run dry_runs[] = {
	{ "nft", "nft/toride.nft", { "nft", "-c", "-f", NULL }, 60000 },
	{ "unbound", "unbound/unbound.conf", { "unbound-checkconf", NULL }, 60000 },
};

static int run_one(const char *dir, const struct dry_run *d, int (*run)(const struct proc_opts *o, struct err *err),
                   struct err *err)
{
	char path[1024];
	const char *argv[8];
	struct buf out;
	size_t n = 0;
	int status = 0;
	if (snprintf(path, sizeof path, "%s/%s", dir, d->file) >= (int)sizeof path)
		return err_set(err, E_LIMIT, dir, "path too long");
	if (!fs_exists(path))
		return 0;
	for (; d->before[n]; n++)
		argv[n] = d->before[n];
	argv[n++] = path;
	argv[n] = NULL;
	buf_init(&out, 256 * KIB);
	int r = run(&(struct proc_opts){ .argv = argv, .timeout_ms = d->timeout_ms, .out = &out, .ret_status = &status }, err);
	if (r == 0 && status != 0)
		r = err_set(err, E_INVALID, d->engine, "the engine refuses its configuration: %.400s", buf_cstr(&out));
	buf_done(&out);
	return r;
}

int check_generation(const char *dir, int (*run)(const struct proc_opts *o, struct err *err), struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(dry_runs); i++) {
		int r = run_one(dir, &dry_runs[i], run, err);
		if (r < 0)
			return r;
	}
	return 0;
}
