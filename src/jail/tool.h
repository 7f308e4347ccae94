/* A command's child that reads what others wrote: it keeps the descriptors it has and reaches nothing else. */
#ifndef JAIL_TOOL_H
#define JAIL_TOOL_H

#include <stdbool.h>

struct err;

#define JAIL_TOOL_USER 65534 /* nobody: when root called */

/* No way back: no_new_privs, nobody's user where it was root, no capability, no path, no system call but the base. network: TCP as
 * well, and what the resolver and OpenSSL read. Before threads are made. */
int jail_tool(bool network, struct err *err);

#endif
