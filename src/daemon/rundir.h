/* What torided makes before anything runs: directories with owners, files daemons may only fill, their sockets; and
 * what it removes: processes that a former instance left. */
#ifndef DAEMON_RUNDIR_H
#define DAEMON_RUNDIR_H

#include "base/buf.h"

#include <sys/types.h>

struct err;

#define RUNDIR_SOCKETS 32

/* Takes the instance's lock (held until exit): -E_STATE when another torided has it. */
int rundir_lock(struct err *err);
int rundir_make(struct err *err);
/* RUN/ready/NAME and RUN/stats/NAME, empty and the process's own. Their presence tells others that this process is
 * installed and to be waited for; engines have no counters, and we say for them that they are ready. */
struct table_process;
int rundir_give(const struct table_process *p, struct err *err);
/* Ends what RUN/pids names and still lives (same start time); removes readiness and counters of then. */
int rundir_sweep(struct err *err);
/* Listening descriptors by index of table_sockets; -1 behind the last. */
int rundir_sockets(int ret[RUNDIR_SOCKETS], struct err *err);
/* RUN/pids/NAME = "PID STARTTIME\n"; pid 0 empties it. */
void rundir_note_pid(const char *name, pid_t pid);
/* RUN/ready/NAME: what stands there ("" when nothing), empty it, fill it. */
void rundir_ready_get(const char *name, char dst[80]);
void rundir_ready_set(const char *name, const char *text);

#endif
