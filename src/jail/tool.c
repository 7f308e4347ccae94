/* See tool.h. */
#include "jail/tool.h"

#include "base/err.h"
#include "base/mem.h"
#include "jail/calls.h"
#include "jail/caps.h"
#include "jail/paths.h"
#include "jail/table.h"

#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static int be_nobody(struct err *err)
{
	if (geteuid() != 0)
		return 0;
	bool ok = setgroups(0, NULL) == 0 && setresgid(JAIL_TOOL_USER, JAIL_TOOL_USER, JAIL_TOOL_USER) == 0 &&
	          setresuid(JAIL_TOOL_USER, JAIL_TOOL_USER, JAIL_TOOL_USER) == 0;
	return ok ? 0 : err_errno(err, "nobody", "cannot become this user");
}

int jail_tool(bool network, struct err *err)
{
	static const char *const files[] = { "/usr/share/zoneinfo", "/etc/localtime", "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/ssl",
		                             "/usr/share/ca-certificates", "/usr/lib/ssl", "/lib", "/usr/lib" };
	struct jail_paths paths = { .read = files, .n_read = network ? ARRAY_LEN(files) : 2 };
	struct rlimit none = { 0, 0 };
	setrlimit(RLIMIT_CORE, &none);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(err, "prctl", "cannot give up new privileges");
	int r = be_nobody(err);
	r = r < 0 ? r : jail_caps_keep(0, err);
	r = r < 0 ? r : jail_paths_apply(&paths, err);
	return r < 0 ? r : jail_calls_apply(CALLS_READ | (network ? CALLS_INET | CALLS_NETLINK | CALLS_THREADS | CALLS_UNIX : 0), err);
}
