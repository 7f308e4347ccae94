/* An export as one file that somebody else hands in: whatever it is, nothing is written beside the directory, and no more than there was. */
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "segment/bundle.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char root[64], dir[80], file[80];

static void sweep(void)
{
	fs_rmtree(root, NULL);
}

static int count(const char *name, void *user)
{
	(void)name;
	++*(size_t *)user;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { 0 };
	size_t n = 0;
	if (!root[0]) {
		snprintf(root, sizeof root, "/tmp/toride-fuzz-bundle.%d", (int)getpid());
		snprintf(dir, sizeof dir, "%s/out", root);
		snprintf(file, sizeof file, "%s/x.tar", root);
		atexit(sweep);
	}
	sweep();
	if (fs_mkdirs(dir, 0700, &err) < 0)
		bug("%s: %s", err.path, err.msg);
	FILE *f = fopen(file, "w"); /* fs_write syncs, which a fuzzer has no use for */
	if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0)
		abort();
	if (bundle_open(file, dir, &err) < 0 && err.code == E_OK)
		bug("refused without a word");
	fs_list(root, count, &n, &err);
	if (n != 2)
		bug("%zu things beside the directory", n - 2);
	return 0;
}
