/* See env.h. */
#include "apply/env.h"

#include "apply/child.h"

const struct env env_real = { .run = proc_run, .compile = child_compile, .sysctl_root = "/proc/sys", .wait_ms = 30000,
	                      .counts = true };

int env_run(const struct env *e, const char *const *argv, struct str input, int timeout_ms, struct err *err)
{
	return e->run(&(struct proc_opts){ .argv = argv, .input = input, .timeout_ms = timeout_ms }, err);
}

void env_point(const struct env *e, const char *where)
{
	if (e->point)
		e->point(where);
}
