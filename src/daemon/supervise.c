/* See supervise.h. One state struct a process; every change goes through enter(), which logs and tells the watch. */
#include "daemon/supervise.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon/launch.h"
#include "daemon/logpipe.h"
#include "daemon/postgres.h"
#include "daemon/rundir.h"
#include "daemon/tls.h"
#include "jail/jail.h"
#include "jail/queue.h"
#include "jail/table.h"
#include "pair/copy.h"
#include "wire/daemon.h"
#include "wire/place.h"
#include "wire/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_MS 100
#define MAX_PROCESSES 48
#define BACKOFF_FIRST 100
#define BACKOFF_MAX 30000
#define CALM_MS 60000 /* lived so long: the next failure is a first one */
#define STOP_EACH_MS 3000
#define YOUNG_MS 15000 /* what is said of one that was before it doesn't count against it */
#define STOP_ALL_MS 10000
#define TIME_FIRST_MS 20000 /* where its keys come at once, it has the time within ten seconds */
#define TIME_LAST_MS 1800000

enum state { WAITING, MISSING, STARTING, READY, BACKOFF, STOPPING, STOPPED };
static const char *const state_names[] = { "waiting", "missing", "starting", "ready", "backoff", "stopping", "stopped" };

struct process {
	const struct table_process *row;
	char program[PLACE_MAX];
	enum state state;
	pid_t pid;
	uint32_t failures; /* in a row */
	uint64_t restarts, crashes;
	int64_t since_ms;  /* UTC of the last change of state */
	int64_t start_ms, again_ms, kill_ms; /* monotonic */
	int64_t made_ms;   /* UTC of the start: its certificate, where it has one (PREPARE_TLS), is as old */
	bool copies;       /* the database: is to become a copy of the other node's when it starts anew */
	bool standby;      /* started so, and no other than a copy yet */
	bool carries;      /* what its node did of a pair when it was started (PREPARE_ROLE) */
	int64_t active_ms; /* monotonic: since when the node carries the traffic; 0: it doesn't */
	int64_t own_until_ms; /* monotonic: until then it doesn't give up what it has while the node carries the traffic */
	int64_t patience_ms; /* so long it may have run without the time before it is started anew (PREPARE_TIME) */
	bool given;        /* its files in the run directory are made */
	char digest[80];   /* what it said when it became ready */
	char last[96];     /* how it ended last */
	struct logpipe log;
};

struct supervise {
	struct supervise_opts o;
	struct process p[MAX_PROCESSES];
	size_t n;
	uv_timer_t tick;
	bool stopping, told;
	int64_t stop_all_ms;
};

/* ---- telling ---- */

static void tell(struct supervise *s, const struct process *p, const char *activity, const char *message)
{
	if (!s->o.events)
		return;
	events_app(s->o.events, STR(""), "torided", p->row->name, activity, message);
}

static void enter(struct process *p, enum state state)
{
	if (p->state == state)
		return;
	p->state = state;
	p->since_ms = clock_now_ms();
}

/* ---- start ---- */

static int own_directory(char dst[PLACE_MAX], struct err *err)
{
	ssize_t n = readlink("/proc/self/exe", dst, PLACE_MAX - 1);
	if (n < 0)
		return err_errno(err, "/proc/self/exe", "cannot find our own programs");
	dst[n] = 0;
	char *slash = strrchr(dst, '/');
	*slash = 0;
	return 0;
}

static bool wanted(const struct process *p)
{
	char path[PLACE_MAX];
	return (!p->row->needs || fs_exists(table_path(p->row->needs, path, sizeof path))) &&
	       (!p->row->unless || !fs_exists(table_path(p->row->unless, path, sizeof path)));
}

static void later(struct process *p)
{
	uint32_t shift = p->failures < 9 ? p->failures : 9;
	int64_t wait = (int64_t)BACKOFF_FIRST << shift;
	p->again_ms = clock_mono_ms() + (wait < BACKOFF_MAX ? wait : BACKOFF_MAX);
	p->failures++;
	enter(p, BACKOFF);
}

static void start(struct supervise *s, struct process *p)
{
	struct err err = { 0 };
	p->standby = p->copies;
	p->carries = daemon_carries();
	struct launch l = { p->row, p->program, p->log.out, s->o.sockets, p->standby };
	rundir_ready_set(p->row->name, "");
	p->digest[0] = 0;
	if (launch(&l, &p->pid, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", p->row->name, &err);
		p->pid = 0;
		later(p);
		return;
	}
	p->start_ms = clock_mono_ms();
	p->made_ms = clock_now_ms();
	rundir_note_pid(p->row->name, p->pid);
	enter(p, STARTING);
	log_info("", p->row->name, "started as process %d", (int)p->pid);
	tell(s, p, p->restarts || p->crashes ? "Restart" : "Start", "started");
}

/* Its files are there from the moment its program is, so that an apply knows whom to wait for. */
static bool installed(struct process *p)
{
	struct err err = { 0 };
	if (!p->given && access(p->program, X_OK) == 0) {
		if (rundir_give(p->row, &err) < 0)
			log_err(LOG_LEVEL_ERROR, "", p->row->name, &err);
		else
			p->given = true;
	}
	return p->given;
}

static void try_start(struct supervise *s, struct process *p)
{
	if (!installed(p)) {
		if (p->state != MISSING)
			log_warn("", p->row->name, "%s isn't there: not started", p->program);
		enter(p, MISSING);
	} else if (!wanted(p)) {
		enter(p, WAITING);
	} else {
		start(s, p);
	}
}

/* ---- readiness ---- */

static void current_digest(char dst[80])
{
	char link[PLACE_MAX], to[PLACE_MAX];
	ssize_t n = readlink(place_in_state(link, sizeof link, "current"), to, sizeof to - 1);
	to[n > 0 ? n : 0] = 0;
	const char *slash = strrchr(to, '/');
	snprintf(dst, 80, n > 0 ? "sha256:%.64s" : "-", slash ? slash + 1 : to);
}

static bool answers(const struct process *p)
{
	char path[PLACE_MAX];
	_cleanup_fd_ int fd = -1;
	if (!p->row->probe)
		return clock_mono_ms() - p->start_ms > 500;
	if (p->row->prepare & PREPARE_POSTGRES && !postgres_is_ready())
		return false;
	return sock_connect(table_path(p->row->probe, path, sizeof path), 0, &fd, NULL) == 0;
}

/* Not before it has made its sockets. Where we may not, it serves with what the machine gives. */
static bool queues_widened(struct process *p)
{
	struct err err = { 0 };
	int n = jail_queue_widen(p->pid, p->row->queue, &err);
	if (n < 0)
		log_warn("", p->row->name, "its queues stay short: %s", err.msg);
	return n != 0;
}

static void look_ready(struct supervise *s, struct process *p)
{
	char text[80];
	if (p->row->engine && !p->digest[0] && answers(p)) {
		current_digest(text);
		rundir_ready_set(p->row->name, text);
	}
	rundir_ready_get(p->row->name, text);
	if (!text[0])
		return;
	snprintf(p->digest, sizeof p->digest, "%s", text);
	if (p->state != STARTING)
		return;
	if (p->row->queue && !queues_widened(p))
		return;
	enter(p, READY);
	log_info("", p->row->name, "ready after %lld ms: %s", (long long)(clock_mono_ms() - p->start_ms), text);
	if (s->o.ready)
		s->o.ready(p->row->name, s->o.user);
}

/* ---- what is said of the other node ---- */

/* Which node carries the traffic may change twice within a moment; a database that took over can't go back. */
#define TAKE_OVER_MS 1000
#define COPY_BEGINS_MS 4000 /* whose isn't reached by then isn't waited for */
#define COPY_LASTS_MS 120000
#define OWN_MS 600000 /* a copy that failed isn't tried again at once by the node that people work at */
#define OTHER_ROLE "pair/other"
#define OTHER_DATABASE "replica/other"
#define NOTIFY_PIPE "pair/notify"
#define TIME_LOST "probed/time"

/* The first byte of a file that paird, replicad or probed keep for us; 0: there is none. */
static char said(const char *file)
{
	char path[PLACE_MAX], c = 0;
	_cleanup_fd_ int fd = open(place_in_run(path, sizeof path, "%s", file), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd >= 0 && read(fd, &c, 1) == 1 ? c : 0;
}

static void forget(const char *file)
{
	char path[PLACE_MAX];
	unlink(place_in_run(path, sizeof path, "%s", file));
}

/* What one that ended said isn't true any more, and what is said to it by its pipe nobody hears: keepalived is to wait for the next one's. */
static void forget_words_of(const char *process)
{
	if (strcmp(process, "paird") == 0) {
		forget(OTHER_ROLE);
		forget(NOTIFY_PIPE);
	} else if (strcmp(process, "replicad") == 0) {
		forget(OTHER_DATABASE);
	} else if (strcmp(process, "probed") == 0) {
		forget(TIME_LOST);
	}
}

static bool copies(void)
{
	char path[PLACE_MAX];
	return fs_exists(place_in_state(path, sizeof path, "pg/data.new/PG_VERSION"));
}

/* ---- end ---- */

static void describe(int status, char dst[96])
{
	if (WIFSIGNALED(status))
		snprintf(dst, 96, "killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == JAIL_EXIT_CALL)
		snprintf(dst, 96, "killed: a system call its row in the process table does not allow");
	else
		snprintf(dst, 96, "exit code %d", WEXITSTATUS(status));
}

static bool clean(const struct process *p, int status)
{
	int stop = p->row->stop_signal ? p->row->stop_signal : SIGTERM;
	return WIFEXITED(status) ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGTERM || WTERMSIG(status) == stop;
}

static void ended(struct supervise *s, struct process *p, int status)
{
	int64_t lived = clock_mono_ms() - p->start_ms;
	bool ours = p->state == STOPPING;
	logpipe_drain(&p->log);
	describe(status, p->last);
	p->pid = 0;
	rundir_note_pid(p->row->name, 0);
	rundir_ready_set(p->row->name, "");
	forget_words_of(p->row->name);
	if (s->o.ended)
		s->o.ended(p->row->name, s->o.user);
	if (ours) {
		enter(p, s->stopping ? STOPPED : WAITING);
		log_info("", p->row->name, "stopped: %s", p->last);
		tell(s, p, "Stop", p->last);
		return;
	}
	if (lived > CALM_MS)
		p->failures = 0;
	p->restarts++;
	if (clean(p, status) && lived >= 1000) {
		log_info("", p->row->name, "ended (%s): starting again", p->last);
		tell(s, p, "Stop", p->last);
		try_start(s, p);
		return;
	}
	p->crashes++;
	later(p);
	log_error("", p->row->name, "%s after %lld ms: again in %lld ms", p->last, (long long)lived,
	          (long long)(p->again_ms - clock_mono_ms()));
	tell(s, p, "Crash", p->last);
}

static void stop_step(struct supervise *s);

void supervise_reap(struct supervise *s)
{
	for (size_t i = 0; i < s->n; i++) {
		int status;
		struct process *p = &s->p[i];
		/* Each by its number: the children of the apply library are its own to wait for. */
		if (p->pid && waitpid(p->pid, &status, WNOHANG) == p->pid)
			ended(s, p, status);
	}
	if (s->stopping)
		stop_step(s);
}

/* ---- stop ---- */

static void ask_to_end(struct process *p)
{
	enter(p, STOPPING);
	p->kill_ms = clock_mono_ms() + STOP_EACH_MS;
	kill(p->pid, p->row->stop_signal ? p->row->stop_signal : SIGTERM);
}

static void stop_step(struct supervise *s)
{
	int64_t now = clock_mono_ms();
	bool all = now > s->stop_all_ms;
	for (size_t i = s->n; i-- > 0;) {
		struct process *p = &s->p[i];
		if (!p->pid) {
			enter(p, STOPPED);
			continue;
		}
		if (p->state != STOPPING)
			ask_to_end(p);
		else if (all || now > p->kill_ms)
			kill(p->pid, SIGKILL);
		if (!all)
			return; /* the next one when this one has ended */
	}
	for (size_t i = 0; i < s->n; i++)
		if (s->p[i].pid)
			return;
	if (!s->told && s->o.stopped) {
		s->told = true;
		s->o.stopped(s->o.user);
	}
}

void supervise_stop(struct supervise *s)
{
	if (s->stopping)
		return;
	s->stopping = true;
	s->stop_all_ms = clock_mono_ms() + STOP_ALL_MS;
	stop_step(s);
}

/* ---- the database of a pair, and the clock ---- */

/* It follows its node: the one that stands by copies, the other one takes changes. A copy takes over when its node carries the traffic; one of two
 * that take changes gives up what it has (pair/copy.h), and a copy that can't follow any more is made anew. A node that is to carry the traffic before its copy is made waits for it as long as the
 * other one is there to be copied, and goes on with its own else. */
static void follow_role(struct process *p, int64_t now)
{
	struct err err = { 0 };
	bool standby = daemon_stands_by(), copy = postgres_is_copy();
	char other = said(OTHER_ROLE);
	if (standby)
		p->active_ms = 0;
	else if (!p->active_ms)
		p->active_ms = now;
	if (p->state == READY && copy) {
		p->copies = false; /* it is one */
	} else if (p->state == READY && p->standby) {
		p->standby = false; /* it took over */
		postgres_promoted();
	}
	bool lasts = !standby && now - p->active_ms >= TAKE_OVER_MS;
	int64_t since = p->active_ms > p->start_ms ? p->active_ms : p->start_ms;
	bool late = lasts && now - since >= (copies() ? COPY_LASTS_MS : COPY_BEGINS_MS);
	enum copy_other database = (enum copy_other)said(OTHER_DATABASE);
	if (p->state == READY && copy && standby && other == 'a' && database == COPY_OTHER_AHEAD && now - p->start_ms >= COPY_LOST_MS) {
		log_warn("", p->row->name, "the other node doesn't keep what this copy lacks: it is copied anew");
		p->copies = true;
		ask_to_end(p);
	} else if (p->state == READY && !copy && (standby || now >= p->own_until_ms) && copy_gives_up(database, !standby, other == 'a', other == 's')) {
		log_warn("", p->row->name, "the other node's is believed: this one will copy it");
		p->copies = true;
		ask_to_end(p);
	} else if (lasts && copy && p->state == READY && postgres_promote(p->pid, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", p->row->name, &err);
	} else if (late && p->standby && p->state == STARTING && !postgres_has_begun()) {
		log_warn("", p->row->name, "the other node's wasn't copied in time: this one goes on with its own");
		p->copies = false;
		p->own_until_ms = now + OWN_MS;
		ask_to_end(p);
		kill(p->pid, SIGKILL);
	}
}

static bool is_ready(const struct supervise *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->p[i].row->name, name) == 0)
			return s->p[i].state == READY;
	return false;
}

/* A certificate made at its start grows old while it runs. Without the vault there would be no other: then the old one is better than none. */
static bool needs_certificate(const struct supervise *s, const struct process *p)
{
	if (!(p->row->prepare & PREPARE_TLS) || !tls_is_due(p->made_ms, clock_now_ms()) || !is_ready(s, "vaultd"))
		return false;
	log_info("", p->row->name, "is started anew: its certificate ends");
	return true;
}

/* It is there and does nothing: who asks it says so by a file. SIGTERM would wait with the rest. */
static bool end_mute(struct supervise *s, struct process *p)
{
	struct stat st;
	char path[PLACE_MAX];
	if (!p->row->mute || clock_mono_ms() - p->start_ms < YOUNG_MS || stat(table_path(p->row->mute, path, sizeof path), &st) < 0 || st.st_size == 0)
		return false;
	log_error("", p->row->name, "it says nothing: killed, to be started anew");
	tell(s, p, "Crash", "it said nothing, and was killed");
	enter(p, STOPPING);
	p->kill_ms = clock_mono_ms();
	kill(p->pid, SIGKILL);
	return true;
}

/* conntrackd, which tells the other node of connections while this one carries the traffic, and hears of them else. */
static bool has_moved(const struct process *p)
{
	return p->row->prepare & PREPARE_ROLE && p->carries != daemon_carries();
}

/* chronyd, which may let half an hour go by before it asks a server for its keys again (doc/TIME.md). Nobody is given a time meanwhile, so nothing is
 * lost by starting it anew; each time that was of no use it is left twice as long. */
static bool has_no_time(struct process *p, int64_t now)
{
	if (!(p->row->prepare & PREPARE_TIME))
		return false;
	if (said(TIME_LOST) != 'l')
		p->patience_ms = 0;
	else if (!p->patience_ms)
		p->patience_ms = TIME_FIRST_MS;
	if (!p->patience_ms || now - p->start_ms < p->patience_ms)
		return false;
	p->patience_ms = p->patience_ms < TIME_LAST_MS / 2 ? 2 * p->patience_ms : TIME_LAST_MS;
	log_info("", p->row->name, "is started anew: no server above is believed, and it may not ask for long");
	return true;
}

static void check(struct supervise *s)
{
	int64_t now = clock_mono_ms();
	for (size_t i = 0; i < s->n && !s->stopping; i++) {
		struct process *p = &s->p[i];
		if (p->row->prepare & PREPARE_POSTGRES && p->pid)
			follow_role(p, now);
		switch (p->state) {
		case WAITING:
		case MISSING:
			try_start(s, p);
			break;
		case BACKOFF:
			if (now >= p->again_ms)
				try_start(s, p);
			break;
		case STARTING:
			look_ready(s, p);
			break;
		case READY:
			if (end_mute(s, p))
				break;
			if (!wanted(p) /* the generation in force has no such engine */ || needs_certificate(s, p) || has_moved(p) || has_no_time(p, now))
				ask_to_end(p);
			break;
		case STOPPING:
			if (p->pid && now > p->kill_ms)
				kill(p->pid, SIGKILL);
			break;
		default:
			break;
		}
	}
}

static void on_tick(uv_timer_t *t)
{
	struct supervise *s = t->data;
	supervise_reap(s); /* also what a lost SIGCHLD would have told */
	check(s);
}

int supervise_open(const struct supervise_opts *o, struct supervise **ret, struct err *err)
{
	char dir[PLACE_MAX];
	struct supervise *s = mem_alloc(sizeof *s);
	if (!s)
		return err_set(err, E_NOMEM, "", "no memory");
	s->o = *o;
	int r = own_directory(dir, err);
	forget_words_of("paird"); /* of a former instance */
	forget_words_of("replicad");
	for (const struct table_process *row = table_processes; r == 0 && row->name; row++) {
		struct process *p = &s->p[s->n];
		if (s->n == MAX_PROCESSES)
			bug("more processes in the table than MAX_PROCESSES");
		p->row = row;
		p->state = WAITING;
		p->since_ms = clock_now_ms();
		int n = snprintf(p->program, sizeof p->program, "%s%s%s", row->argv[0][0] == '/' ? "" : dir,
		                 row->argv[0][0] == '/' ? "" : "/", row->argv[0]);
		r = n >= (int)sizeof p->program ? err_set(err, E_LIMIT, dir, "path too long") : logpipe_open(&p->log, o->loop, row->name, err);
		if (r == 0)
			s->n++;
	}
	uv_timer_init(o->loop, &s->tick);
	s->tick.data = s;
	if (r < 0) {
		supervise_close(&s);
		return r;
	}
	uv_timer_start(&s->tick, on_tick, 0, TICK_MS);
	*ret = s;
	return 0;
}

void supervise_close(struct supervise **s)
{
	if (!*s)
		return;
	for (size_t i = 0; i < (*s)->n; i++)
		logpipe_close(&(*s)->p[i].log);
	uv_close((uv_handle_t *)&(*s)->tick, NULL);
	uv_run((*s)->o.loop, UV_RUN_NOWAIT); /* the handles lie in the memory that is freed now */
	mem_free(*s);
	*s = NULL;
}

/* ---- status ---- */

/* Resident memory in bytes: proc(5), second field of statm, in pages. */
static uint64_t resident(pid_t pid)
{
	char path[64], text[128];
	unsigned long long pages = 0;
	snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (n <= 0)
		return 0;
	text[n] = 0;
	return sscanf(text, "%*u %llu", &pages) == 1 ? pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

void supervise_status(struct supervise *s, struct buf *b)
{
	char since[CLOCK_TEXT];
	json_key(b, "processes");
	buf_putc(b, '[');
	for (size_t i = 0; i < s->n; i++) {
		struct process *p = &s->p[i];
		if (p->pid)
			look_ready(s, p);
		buf_puts(b, i ? ",{" : "{");
		json_field_s(b, "name", p->row->name);
		json_field_s(b, "state", state_names[p->state]);
		json_field_bool(b, "engine", p->row->engine);
		clock_format_utc(p->since_ms, since);
		json_field_s(b, "since", since);
		json_field_u64(b, "restarts", p->restarts);
		json_field_u64(b, "crashes", p->crashes);
		if (p->last[0])
			json_field_s(b, "last_end", p->last);
		if (p->pid) {
			json_field_u64(b, "pid", (uint64_t)p->pid);
			json_field_u64(b, "uptime_s", (uint64_t)(clock_mono_ms() - p->start_ms) / 1000);
			json_field_u64(b, "rss_bytes", resident(p->pid));
			json_field_s(b, "ready", p->digest);
		}
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}
