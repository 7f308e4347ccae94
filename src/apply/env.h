/* The edge of the apply library: everything it does to the machine beside files goes through here, so that tests can
 * put a recorder or a failing program in its place. Production has exactly one: env_real. */
#ifndef APPLY_ENV_H
#define APPLY_ENV_H

#include "base/buf.h"
#include "base/err.h"
#include "base/proc.h"

#define HEX_LEN 64
#define GEN_NAME (HEX_LEN + 1) /* a generation's name in lower-case hex and NUL; "" = no generation */

struct env {
	int (*run)(const struct proc_opts *o, struct err *err); /* proc_run */
	/* The outset frame (frame.h) of STATE/submitted/HEX.json into out. */
	int (*compile)(const char *hex, struct buf *out, struct err *err);
	const char *sysctl_root;        /* "/proc/sys" */
	int wait_ms;                    /* for a daemon to take a generation over */
	bool no_daemons;                /* none runs yet (torided is starting): none is told or waited for */
	bool counts;                    /* rule hits are kept (hits.h); tests without a kernel have none */
	void (*point)(const char *where); /* tests: called where a crash is interesting; may be NULL */
};

extern const struct env env_real;

/* Runs a program without reading its output; anything but exit 0 is an error that holds the output's start. */
int env_run(const struct env *e, const char *const *argv, struct str input, int timeout_ms, struct err *err);
void env_point(const struct env *e, const char *where);

#endif
