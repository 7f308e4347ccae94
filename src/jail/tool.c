/* See tool.h. */
#include "jail/tool.h"

#include "base/err.h"
#include "base/mem.h"
#include "jail/calls.h"
#include "jail/caps.h"
#include "jail/paths.h"
#include "jail/table.h"

#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define CAP(x) (1ull << (x))

/* Capabilities over the change of user, since changing it would empty them: first what is needed for that, then `keep`. */
static int be_nobody(uint64_t keep, struct err *err)
{
	int r = geteuid() == 0 ? jail_caps_keep(keep | CAP(CAP_SETUID) | CAP(CAP_SETGID), err) : 0;
	if (r == 0 && geteuid() == 0) {
		bool ok = prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 && setgroups(0, NULL) == 0 &&
		          setresgid(JAIL_TOOL_USER, JAIL_TOOL_USER, JAIL_TOOL_USER) == 0 && setresuid(JAIL_TOOL_USER, JAIL_TOOL_USER, JAIL_TOOL_USER) == 0;
		r = ok ? 0 : err_errno(err, "nobody", "cannot become this user");
	}
	return r < 0 ? r : jail_caps_keep(keep, err);
}

/* What glibc and OpenSSL read behind our back, then what the caller wants read. */
static int only_paths(const struct jail_tool *o, struct err *err)
{
	static const char *const files[] = { "/usr/share/zoneinfo", "/etc/localtime", "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/ssl",
		                             "/usr/share/ca-certificates", "/usr/lib/ssl", "/lib", "/usr/lib" };
	size_t n = o->network ? ARRAY_LEN(files) : 2;
	const char **all = mem_array(n + o->n_read, sizeof *all);
	if (!all)
		return err_set(err, E_NOMEM, "", "no memory");
	memcpy(all, files, n * sizeof *all);
	for (size_t i = 0; i < o->n_read; i++)
		all[n++] = o->read[i];
	int r = jail_paths_apply(&(struct jail_paths){ .read = all, .n_read = n }, err);
	mem_free(all);
	return r;
}

int jail_tool(struct jail_tool o, struct err *err)
{
	struct rlimit none = { 0, 0 };
	setrlimit(RLIMIT_CORE, &none);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(err, "prctl", "cannot give up new privileges");
	int r = be_nobody(o.n_read ? CAP(CAP_DAC_READ_SEARCH) : 0, err);
	r = r < 0 ? r : only_paths(&o, err);
	uint32_t calls = CALLS_READ | (o.network ? CALLS_INET | CALLS_NETLINK | CALLS_THREADS | CALLS_UNIX : 0) | (o.compile ? CALLS_JIT : 0);
	return r < 0 ? r : jail_calls_apply(calls, err);
}
