/* A command, or its child, that reads what others wrote: it keeps the descriptors it has and reaches little else. */
#ifndef JAIL_TOOL_H
#define JAIL_TOOL_H

#include <stdbool.h>
#include <stddef.h>

struct err;

#define JAIL_TOOL_USER 65534 /* nobody: when root called */

struct jail_tool {
	bool network;            /* TCP as well, and what the resolver and OpenSSL read */
	bool compile;            /* regular expressions become code: memory that may be executed */
	const char *const *read; /* what may still be read, with all below it, also where root alone could */
	size_t n_read;
};

/* No way back: no_new_privs, nobody's user where it was root, no capability (with `read`: to read, what Landlock leaves to be
 * read), no other path, no system call but the base. Before threads are made. */
int jail_tool(struct jail_tool o, struct err *err);

#endif
