/* A daemon locks itself in by its row of the process table, after it has opened what it needs. See jail.h. */
#include "jail/jail.h"

#include "base/err.h"
#include "base/mem.h"
#include "jail/calls.h"
#include "jail/caps.h"
#include "jail/paths.h"
#include "jail/table.h"
#include "wire/daemon.h"

#include <stdio.h>
#include <sys/prctl.h>

void jail_install(void)
{
	daemon_confine_hook = jail_confine;
}

/* Its own readiness file and counters, beside what the row says. */
static int confine_paths(const struct table_process *p, struct err *err)
{
	char ready[64], stats[64];
	snprintf(ready, sizeof ready, "%%R/ready/%s", p->name);
	snprintf(stats, sizeof stats, "%%R/stats/%s", p->name);
	const char *const own[] = { ready, stats, NULL };
	struct jail_paths set = { .read = p->read, .n_read = TABLE_PATHS, .write = p->write, .n_write = TABLE_PATHS,
		                  .more = own, .n_more = ARRAY_LEN(own) };
	return jail_paths_apply(&set, err);
}

int jail_confine(const char *name, struct err *err)
{
	const struct table_process *p = table_find(name);
	if (!p)
		return err_set(err, E_NOT_FOUND, name, "no such row in the process table");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(err, name, "cannot give up new privileges");
	int r = jail_caps_keep(p->caps_kept, err);
	if (r == 0)
		r = confine_paths(p, err);
	if (r == 0)
		r = jail_calls_apply(p->calls, err);
	return r;
}

bool jail_peer_allowed(const char *socket_name, uid_t uid)
{
	size_t index;
	const struct table_socket *s = table_find_socket(socket_name, &index);
	if (!s)
		return false;
	const struct table_process *server = table_find(s->server);
	if (uid == 0 || s->anyone || (server && server->uid == uid))
		return true;
	for (size_t i = 0; i < TABLE_PEERS && s->peers[i]; i++)
		if (s->peers[i] == uid)
			return true;
	return false;
}
