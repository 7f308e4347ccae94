/* See check.h. Between compile and apply: a configuration that its engine refuses never becomes a step. */
#include "check/check.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "wire/place.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct dry_run {
	const char *engine, *file;
	bool through_current; /* names its other files through STATE/current */
	const char *before[6]; /* words before the file's path, ended by NULL */
	uid_t user;            /* as whom; 0: root, whose right the engine needs */
	int timeout_ms;
};

static const struct dry_run dry_runs[] = {
	{ "nft", "nft/toride.nft", false, { "nft", "-c", "-f", NULL }, 0 /* CAP_NET_ADMIN */, 60000 },
	{ "unbound", "unbound/unbound.conf", true, { "unbound-checkconf", NULL }, USER_UNBOUND, 60000 },
};

/* The file with STATE/current/ replaced by dir/, for the engine's user to read, as the generation is. */
static int show_copy(const char *dir, const char *engine, char path[1024], struct err *err)
{
	char current[PLACE_MAX], copy[PLACE_MAX];
	struct buf in, out;
	buf_init(&in, 64 * MIB);
	buf_init(&out, 128 * MIB);
	place_in_state(current, sizeof current, "current/");
	size_t n = strlen(current);
	int r = fs_read(path, &in, err);
	for (size_t i = 0; r == 0 && i < in.len;) {
		if (in.len - i >= n && memcmp(in.ptr + i, current, n) == 0) {
			buf_printf(&out, "%s/", dir);
			i += n;
		} else if (in.len - i + 1 >= n && memcmp(in.ptr + i, current, n - 1) == 0) {
			buf_puts(&out, dir);
			i += n - 1;
		} else {
			buf_putc(&out, in.ptr[i++]);
		}
	}
	if (r == 0 && out.failed)
		r = err_set(err, (enum err_code)-out.failed, path, "cannot make the copy that is checked");
	if (r == 0)
		r = fs_mkdirs(place_in_state(copy, sizeof copy, "check"), 0755, err);
	if (r == 0 && chmod(copy, 0755) < 0) /* an earlier version's was root's alone */
		r = err_errno(err, copy, "cannot open it to the engine's user");
	if (r == 0)
		r = fs_write(place_in_state(copy, sizeof copy, "check/%s.conf", engine), buf_view(&out), 0644, err);
	if (r == 0)
		snprintf(path, 1024, "%s", copy);
	buf_done(&in);
	buf_done(&out);
	return r;
}

/* Where the fault is, in the engine's words: the first line up to what it quotes. What it quotes stands in a file, and
 * which file that is may be the description's word; it is nobody's business who reads the answer. */
static int refused(const struct dry_run *d, struct str words, struct err *err)
{
	struct str line = words;
	char text[161];
	size_t n = 0;
	str_next(&words, '\n', &line);
	while (n < line.len && n < sizeof text - 1 && (unsigned char)line.ptr[n] >= 0x20 && line.ptr[n] != '\'' && line.ptr[n] != '"') {
		text[n] = line.ptr[n];
		n++;
	}
	text[n] = 0;
	return err_set(err, E_INVALID, d->engine, "the engine refuses its configuration: %s", text);
}

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
	int r = d->through_current ? show_copy(dir, d->engine, path, err) : 0;
	if (r < 0)
		return r;
	for (; d->before[n]; n++)
		argv[n] = d->before[n];
	argv[n++] = path;
	argv[n] = NULL;
	buf_init(&out, 256 * KIB);
	uid_t user = geteuid() == 0 ? d->user : 0;
	r = run(&(struct proc_opts){ .argv = argv, .timeout_ms = d->timeout_ms, .uid = user, .gid = user, .out = &out,
	                             .ret_status = &status },
	        err);
	if (r == 0 && status != 0)
		r = refused(d, buf_view(&out), err);
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
