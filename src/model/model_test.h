/* What the tests of this folder share: files of the source tree, wherever a test is started from. */
#ifndef MODEL_MODEL_TEST_H
#define MODEL_MODEL_TEST_H

#include "base/fs.h"
#include "base/mem.h"
#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>

static inline const char *test_path(const char *name, char dst[512])
{
	const char *source = getenv("TORIDE_SOURCE");
	snprintf(dst, 512, "%s/%s", source ? source : ".", name);
	return dst;
}

/* Ended by NUL; the caller frees. */
static inline char *test_read(const char *name)
{
	char path[512];
	struct buf b;
	struct err err;
	buf_init(&b, 16 * MIB);
	if (fs_read(test_path(name, path), &b, &err) < 0)
		fail_msg("%s: %s", err.path, err.msg);
	buf_putc(&b, 0);
	return b.ptr;
}

#endif
