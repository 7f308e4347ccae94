/* Landlock (landlock(7)): from now on the process reaches only these paths, and what is below them. */
#ifndef JAIL_PATHS_H
#define JAIL_PATHS_H

#include <stddef.h>

struct err;

struct jail_paths {
	const char *const *read; /* as in table.h; NULL entries and paths that don't exist are skipped */
	size_t n_read;
	const char *const *write; /* read, create, change, remove */
	size_t n_write;
	const char *const *more; /* write to these files, no creating beside them */
	size_t n_more;
	int execute; /* what may be read may be executed (engines) */
};

/* An empty set: no path at all. -E_STATE when the kernel has no Landlock. Needs no_new_privs. */
int jail_paths_apply(const struct jail_paths *p, struct err *err);

#endif
