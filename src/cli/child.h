/* What a command has a child of its own do: read what others wrote. The parent, who may be root, sees of it only an error's words, made
 * harmless, and bytes of a form of our own, which it takes apart as a stranger's (wire/cursor.h). */
#ifndef CLI_CHILD_H
#define CLI_CHILD_H

#include "base/buf.h"

struct err;

/* Enters a jail (jail/tool.h) before it looks at anything from outside. Its memory is a copy: only what it puts into out comes back. */
typedef int cli_work(void *user, struct buf *out, struct err *err);

/* ret is initialised here, with this ceiling, and the caller's to free whatever came. `at` is the path of errors; what work said of the
 * place stands in their words. keep: the one descriptor of ours that it has beside the standard ones, or -1. -E_IO: the child died, or wrote
 * more. */
int cli_child(cli_work *work, void *user, int keep, size_t max, struct buf *ret, const char *at, struct err *err);
/* The same, and what work writes to *fd is the file at path from now on, whole and synced, or nothing is changed there. */
int cli_child_file(cli_work *work, void *user, int *fd, const char *path, size_t max, struct buf *ret, struct err *err);

#endif
