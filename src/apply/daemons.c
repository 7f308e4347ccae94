/* Processes that read their own file of the generation again: our daemons say which one they serve (RUN/ready/NAME),
 * nginx and clamd don't. A daemon whose file didn't change isn't touched.
 *
 * A process that the supervisor doesn't run on this node (neither RUN/ready/NAME nor RUN/pids/NAME is there) is left
 * out; one that isn't up yet is waited for: it reads STATE/current when it starts. */
#include "apply/engine.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "wire/place.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct process {
	const char *name, *files;
	int signal;
	bool says_ready;
};

/* Who watches comes before who is watched; the page last. */
static const struct process processes[] = {
	{ "courierd", "courierd.json", SIGHUP, true }, { "respondd", "respondd.json", SIGHUP, true }, { "intaked", "intaked.json", SIGHUP, true },
	{ "recvd", "recvd.json", SIGHUP, true },       { "coldd", "coldd.json", SIGHUP, true },
	{ "clusterd", "clusterd.json", SIGHUP, true },
	{ "detectd", "detectd.json", SIGHUP, true },   { "stored", "stored.json", SIGHUP, true },     { "clamd", "clamd/", SIGTERM, false },
	{ "scand", "scand.json", SIGHUP, true },       { "userd", "userd.json", SIGHUP, true },
	{ "proxyd", "proxyd.json", SIGHUP, true },
	{ "chronyd", "chrony/", SIGTERM, false },
	{ "probed", "probed.json", SIGHUP, true },
	{ "authd", "authd.json", SIGHUP, true },
	{ "acmed", "acmed.json", SIGHUP, true },       { "lookd", "lookd.json", SIGHUP, true },
	{ "replicad", "replicad.json", SIGHUP, true },
	{ "paird", "paird.json", SIGHUP, true },       { "conntrackd", "conntrackd/", SIGTERM, false },
	{ "keepalived", "keepalived/", SIGHUP, false }, { "bird", "bird/", SIGHUP, false },
	{ "portald", "portald.json", SIGHUP, true },   { "nginx", "nginx/", SIGHUP, false },
};

/* Field 22 of /proc/PID/stat (proc(5)); behind the name, which may hold anything. */
static bool started_at(uint64_t pid, uint64_t ticks)
{
	char path[64];
	struct buf b;
	struct str word, rest;
	uint64_t have = 0;
	snprintf(path, sizeof path, "/proc/%llu/stat", (unsigned long long)pid);
	buf_init(&b, 4 * KIB);
	bool ok = fs_read(path, &b, NULL) == 0;
	const char *name_end = ok ? memrchr(b.ptr, ')', b.len) : NULL;
	if (name_end) {
		rest = (struct str){ name_end + 1, (size_t)(b.ptr + b.len - name_end - 1) };
		for (int i = 2; i <= 22 && str_next(&rest, ' ', &word); i++)
			if (i == 22)
				str_to_u64(word, UINT64_MAX, &have);
	}
	buf_done(&b);
	return name_end && have == ticks;
}

/* "PID START" as the supervisor writes it; a process that took over the number isn't the one meant. */
pid_t process_pid(const char *name)
{
	char path[PLACE_MAX];
	struct buf b;
	struct str rest, word;
	uint64_t pid = 0, ticks;
	buf_init(&b, 64);
	if (fs_read(place_in_run(path, sizeof path, "pids/%s", name), &b, NULL) == 0) {
		rest = buf_view(&b);
		while (rest.len && rest.ptr[rest.len - 1] == '\n')
			rest.len--;
		if (!str_next(&rest, ' ', &word) || !str_to_u64(word, 1u << 30, &pid) || pid < 2)
			pid = 0;
		if (pid && rest.len && (!str_to_u64(rest, UINT64_MAX, &ticks) || !started_at(pid, ticks)))
			pid = 0;
	}
	buf_done(&b);
	return (pid_t)pid;
}

int process_wait(const struct env *e, const char *name, pid_t old, process_answers *answers, struct err *err)
{
	int64_t now = clock_mono_ms(), until = now + e->wait_ms, tell = now;
	for (;; now = clock_mono_ms()) {
		struct err last = { .msg = "it doesn't run" };
		pid_t pid = process_pid(name);
		if (pid > 0 && pid != old && answers(e, name, &last) == 0)
			return 0;
		if (now > until)
			return err_set(err, E_TIMEOUT, name, "not back within %d ms: %s", e->wait_ms,
			               pid > 0 && pid == old ? "it was told to end and goes on" : last.msg);
		if (pid > 0 && pid == old && now >= tell) {
			kill(old, SIGTERM);
			tell = now + 1000;
		}
		poll(NULL, 0, 50);
	}
}

bool process_expected(const struct env *e, const char *name)
{
	char path[PLACE_MAX];
	if (e->no_daemons)
		return false;
	return fs_exists(place_in_run(path, sizeof path, "ready/%s", name)) ||
	       fs_exists(place_in_run(path, sizeof path, "pids/%s", name));
}

static const struct process *process_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(processes); i++)
		if (strcmp(processes[i].name, name) == 0)
			return &processes[i];
	return NULL;
}

enum says { SAYS_NOTHING, SAYS_OTHER, SAYS_THIS };

static enum says says(const char *name, const char *hex)
{
	char path[PLACE_MAX];
	struct buf b;
	buf_init(&b, 256);
	enum says s = fs_read(place_in_run(path, sizeof path, "ready/%s", name), &b, NULL) < 0 || b.len == 0 ? SAYS_NOTHING :
	              str_starts(buf_view(&b), STR("sha256:")) && b.len >= 7 + HEX_LEN && memcmp(b.ptr + 7, hex, HEX_LEN) == 0 ?
	                                                                                                       SAYS_THIS :
	                                                                                                       SAYS_OTHER;
	buf_done(&b);
	return s;
}

/* Empties RUN/ready/NAME and tells the process: what it said before doesn't count, it may be in the middle of taking over
 * the generation that is being undone. */
static int tell(const struct process *p, pid_t pid, struct err *err)
{
	char path[PLACE_MAX];
	if (truncate(place_in_run(path, sizeof path, "ready/%s", p->name), 0) < 0 && errno != ENOENT)
		return err_errno(err, path, "cannot empty the file");
	if (pid > 0)
		kill(pid, p->signal);
	return 0;
}

/* One that says nothing yet is starting: a signal now could end it before it has its handlers, and it reads STATE/current
 * anyway. It is told when it says another generation, or nothing for two seconds. */
static int wait_ready(const struct env *e, const struct process *p, const char *hex, struct err *err)
{
	int64_t from = clock_mono_ms();
	pid_t told = 0;
	int r = 0;
	for (enum says s = says(p->name, hex); r == 0; s = says(p->name, hex)) {
		pid_t pid = process_pid(p->name);
		bool late = clock_mono_ms() - from > 2000;
		if (s == SAYS_THIS && told)
			return 0;
		if (s == SAYS_THIS || s == SAYS_OTHER || (late && pid > 0 && pid != told)) {
			r = tell(p, pid, err);
			told = pid > 0 ? pid : 1;
		} else if (clock_mono_ms() - from > e->wait_ms) {
			r = err_set(err, E_TIMEOUT, p->name, "does not serve the generation within %d ms%s", e->wait_ms,
			            pid > 0 ? "" : ": it isn't running");
		} else {
			poll(NULL, 0, 10);
		}
	}
	return r;
}

static int daemons_run(const struct env *e, const struct step *s, const struct gen *from, const struct gen *to,
                       struct err *err)
{
	const struct process *p = process_find(s->name);
	(void)from;
	if (!p)
		return err_set(err, E_INVALID, s->name, "not a process of the table");
	if (!*to->hex || !process_expected(e, p->name) || (p->says_ready && !gen_find(to, p->files)))
		return 0; /* the supervisor starts and ends it with STATE/current */
	if (p->says_ready)
		return wait_ready(e, p, to->hex, err);
	pid_t pid = process_pid(p->name);
	if (pid > 0 && kill(pid, s->arg == DAEMON_RESTART ? SIGTERM : p->signal) < 0 && errno != ESRCH)
		return err_errno(err, p->name, "cannot tell it to reload");
	return 0;
}

/* One whose certificate is made when it starts is ended for another name of it: the supervisor starts it anew. */
static enum daemon_how how(const struct change *c, const char *name)
{
	return strcmp(name, "nginx") == 0 && gen_differs(c->from, c->to, "nginx/tls.names") ? DAEMON_RESTART : DAEMON_RELOAD;
}

static void daemons_plan(const struct change *c, enum plan_place place, struct plan *p)
{
	for (size_t i = 0; place == PLACE_ENGINE && i < ARRAY_LEN(processes); i++)
		if (gen_differs(c->from, c->to, processes[i].files))
			plan_add(p, STEP_DAEMON, how(c, processes[i].name), processes[i].name);
}

const struct engine engine_daemons = { "daemons", daemons_plan, daemons_run, NULL };
const struct engine *const engines[] = { &engine_suricata, &engine_net, &engine_shape, &engine_nft, &engine_unbound, &engine_knot, &engine_nsd, &engine_edge, &engine_daemons, NULL };
