/* See apply.h. The loop's side: children for changes, timers for expiries, blocks in process. */
#include "apply/apply.h"

#include "apply/blocks.h"
#include "apply/child.h"
#include "apply/door.h"
#include "apply/engine.h"
#include "apply/ends.h"
#include "apply/hits.h"
#include "apply/lines.h"
#include "apply/pair.h"
#include "apply/transaction.h"
#include "apply/trials.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "wire/place.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define RETRY_MS 30000 /* an expiry that could not be undone is tried again */

struct apply {
	const struct env *env;
	uv_loop_t *loop;
	pid_t child;
	uv_poll_t *pipe; /* the running child's answer; NULL: none runs */
	int fd;
	struct buf answer;
	int64_t started_ms;
	apply_done done, undone;
	void *user, *undone_user;
	uv_timer_t *timer; /* the next of block expiry and confirm deadline */
	int64_t deadline_ms, block_ms;
	struct clock_watch clock;
	uv_timer_t *counting, *holding;
	unsigned flows_again; /* at how many of the next holds the node that stands by asks for the other's flows once more */
	struct {
		struct door door;     /* of the generation in force */
		bool runs, inspecting, stale; /* stale: the kernel's door may be another */
		int64_t looked_ms;
		struct trials trials; /* of the signatures in force */
	} lines;
	pid_t counter; /* the last child that read the counts */
};

static void arm(struct apply *a);
static void hold(uv_timer_t *t);
static int load_in_force(struct gen *ret, struct err *err);
static void lines_load(struct apply *a);
static void lines_take(struct apply *a, const struct gen *g);
static void lines_engine(struct apply *a, bool runs);
static void loop_use(struct apply *a, uv_loop_t *loop);

/* ---- the clock ---- */

static void look_at_clock(struct apply *a)
{
	struct journal_state s;
	struct err err;
	if (ends_look(&a->clock, &a->block_ms) && !a->pipe && a->deadline_ms && journal_load(&s, &err) == 0)
		a->deadline_ms = s.deadline_ms;
}

/* Before anything gets an address: the other node may be carrying the traffic. */
static int pair_stand_by(struct err *err)
{
	struct gen g = { 0 };
	int r = load_in_force(&g, err);
	r = r < 0 ? r : pair_begin(&env_real, &g, err);
	gen_done(&g);
	return r;
}

int apply_open(struct apply **ret, struct err *err)
{
	struct clock_watch clock;
	struct blocks b = { 0 };
	struct journal_state s;
	char path[PLACE_MAX], bad[PLACE_MAX];
	int r = fs_mkdirs(place_in_state(path, sizeof path, "generations"), 0755, err);
	if (r < 0)
		return r;
	ends_open(&clock);
	r = blocks_load(&b, err);
	if (r == -E_CORRUPT) {
		/* Better to guard without those blocks than not at all; said loudly, and the file is kept. */
		log_err(LOG_LEVEL_ERROR, "", "blocks", err);
		rename(place_in_state(path, sizeof path, "blocks"), place_in_state(bad, sizeof bad, "blocks.corrupt"));
		r = 0;
	}
	int64_t block_ms = r == 0 ? blocks_next_expiry(&b) : 0;
	blocks_done(&b);
	if (r == 0)
		r = pair_stand_by(err);
	if (r == 0)
		r = change_recover(&env_real, true, err);
	if (r == 0)
		r = journal_load(&s, err);
	if (r < 0)
		return r;
	struct apply *a = mem_alloc(sizeof *a);
	if (!a)
		return err_set(err, E_NOMEM, "apply", "no memory");
	*a = (struct apply){ .env = &env_real, .fd = -1, .deadline_ms = s.deadline_ms, .block_ms = block_ms, .clock = clock };
	buf_init(&a->answer, ORDER_REPLY_SIZE);
	lines_load(a);
	change_status(false, path, NULL);
	*ret = a;
	return 0;
}

static void keep_hits(const struct env *e, bool wait)
{
	struct err err = { 0 };
	_cleanup_fd_ int fd = hits_lock(wait, &err);
	if (fd < 0 || hits_keep(e, &err) < 0)
		log_err(LOG_LEVEL_WARN, "", "hits", &err);
}

/* In a child: of a whole nation's filter nft makes a list of 18 MB, and the loop has others to serve meanwhile. One that hangs is
 * not waited for; the lock keeps the next away. */
static void count_due(uv_timer_t *t)
{
	struct apply *a = t->data;
	sigset_t was;
	if (a->counter > 0 && waitpid(a->counter, NULL, WNOHANG) == 0)
		return;
	child_signals_block(&was);
	a->counter = fork();
	if (a->counter == 0) {
		child_signals_fresh();
		keep_hits(a->env, false);
		_exit(0);
	}
	child_signals_restore(&was);
}

static void free_handle(uv_handle_t *h)
{
	mem_free(h);
}

static void reap(struct apply *a)
{
	while (a->child > 0 && waitpid(a->child, NULL, 0) < 0 && errno == EINTR)
		;
	a->child = 0;
}

static void pipe_close(struct apply *a)
{
	if (a->pipe) {
		uv_poll_stop(a->pipe);
		uv_close((uv_handle_t *)a->pipe, free_handle);
		a->pipe = NULL;
	}
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
}

void apply_close(struct apply **ap)
{
	struct apply *a = *ap;
	if (!a)
		return;
	reap(a);
	pipe_close(a);
	if (a->timer)
		uv_close((uv_handle_t *)a->timer, free_handle);
	if (a->holding)
		uv_close((uv_handle_t *)a->holding, free_handle);
	if (a->counting) {
		while (a->counter > 0 && waitpid(a->counter, NULL, 0) < 0 && errno == EINTR)
			;
		keep_hits(a->env, true);
		uv_close((uv_handle_t *)a->counting, free_handle);
	}
	buf_done(&a->answer);
	mem_free(a);
	*ap = NULL;
}

static void reply_fill(struct order_reply *reply, int res, const struct err *err, int64_t started_ms)
{
	*reply = (struct order_reply){ .code = res < 0 ? (uint8_t)-res : 0, .took_ms = (uint32_t)(clock_mono_ms() - started_ms) };
	/* %.*s may cut a character in two; the answer is shown as text with replacement, so that is harmless. */
	if (res < 0)
		snprintf(reply->path, sizeof reply->path, "%.127s", err->path);
	if (res < 0)
		snprintf(reply->text, sizeof reply->text, "%s", err->msg);
	for (char *p = reply->text; *p; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
}

/* ---- the child that carries a change out ---- */

static int carry_out(const struct env *e, const struct order *o, enum journal_by by, struct err *err)
{
	char hex[GEN_NAME] = "";
	int r = *o->digest ? gen_name(o->digest, hex, err) : 0;
	if (r < 0)
		return r;
	if (o->op == ORDER_CONFIRM)
		return change_confirm(err);
	if (o->op == ORDER_APPLY && !*hex)
		return err_set(err, E_INVALID, "digest", "which generation?");
	struct change_opts c = { .to = hex, .rollback = o->op == ORDER_ROLLBACK, .by = by,
		                 .confirm_s = o->op == ORDER_APPLY ? o->confirm_s : 0 };
	r = change_run(e, &c, err);
	return r == -E_EXISTS ? 0 : r;
}

static void child_main(struct apply *a, const struct order *o, enum journal_by by, pid_t parent, int fd)
{
	struct err err = { 0 };
	struct order_reply reply;
	unsigned char msg[ORDER_REPLY_SIZE];
	child_signals_fresh();
	proc_keep_only(fd, -1); /* a process that is being started knows torided's end by its log's other end: we mustn't hold it open */
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a new torided undoes what we began; it mustn't meet us at it */
	if (getppid() != parent) /* it was killed before that */
		_exit(1);
	setsid();
	int r = carry_out(a->env, o, by, &err);
	reply_fill(&reply, r, &err, a->started_ms);
	if (order_reply_format(&reply, msg) < 0 || fs_write_all(fd, msg, sizeof msg, NULL) < 0)
		_exit(1);
	_exit(0);
}

/* What the child left is in the journal: the deadline of an unconfirmed generation. A block that came in while the
 * child replaced the filter is put in once more, with the zones now in force. */
static void after_child(struct apply *a)
{
	struct journal_state s;
	struct gen g = { 0 };
	struct err err = { 0 };
	char path[PLACE_MAX];
	if (journal_load(&s, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "", "journal", &err);
	else
		a->deadline_ms = s.phase == PHASE_IDLE ? s.deadline_ms : 0;
	bool loaded = load_in_force(&g, &err) == 0;
	if (!loaded || blocks_install(a->env, &g, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "", "blocks", &err);
	lines_take(a, loaded ? &g : NULL);
	gen_done(&g);
	change_status(false, path, NULL);
	arm(a);
}

static void child_ended(struct apply *a)
{
	struct order_reply reply;
	struct err err = { 0 };
	bool answered = a->answer.len && order_reply_parse(a->answer.ptr, a->answer.len, &reply) == 0;
	reap(a);
	pipe_close(a);
	buf_reset(&a->answer);
	if (!answered) {
		int r = change_recover(a->env, false, &err);
		err_set(&err, E_CLOSED, "apply", "the change was cut off; %s", r < 0 ? "it could not be undone" : "it was undone");
		reply_fill(&reply, -E_CLOSED, &err, a->started_ms);
	}
	after_child(a);
	apply_done done = a->done;
	a->done = NULL;
	if (done)
		done(&reply, a->user);
}

static void child_says(uv_poll_t *p, int status, int events)
{
	struct apply *a = p->data;
	(void)events;
	ssize_t n = -1;
	if (status == 0 && buf_room(&a->answer, ORDER_REPLY_SIZE - a->answer.len))
		n = read(a->fd, a->answer.ptr + a->answer.len, ORDER_REPLY_SIZE - a->answer.len);
	if (n < 0 && status == 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		a->answer.len += (size_t)n;
	if (n <= 0 || a->answer.len == ORDER_REPLY_SIZE)
		child_ended(a);
}

static int child_start(struct apply *a, const struct order *o, enum journal_by by, struct err *err)
{
	int p[2];
	sigset_t was;
	a->pipe = mem_alloc(sizeof *a->pipe);
	if (!a->pipe)
		return err_set(err, E_NOMEM, "apply", "no memory");
	if (pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0 || uv_poll_init(a->loop, a->pipe, p[0]) < 0) {
		mem_free(a->pipe);
		a->pipe = NULL;
		return err_errno(err, "apply", "cannot make a pipe");
	}
	a->pipe->data = a;
	a->fd = p[0];
	a->started_ms = clock_mono_ms();
	child_signals_block(&was);
	pid_t parent = getpid();
	a->child = fork();
	if (a->child == 0)
		child_main(a, o, by, parent, p[1]);
	child_signals_restore(&was);
	close(p[1]);
	if (a->child < 0) {
		int r = err_errno(err, "apply", "cannot fork");
		a->child = 0;
		pipe_close(a);
		return r;
	}
	uv_poll_start(a->pipe, UV_READABLE, child_says);
	return 0;
}

/* ---- timers ---- */

static void expiry_done(const struct order_reply *reply, void *user)
{
	struct apply *a = user;
	if (reply->code) {
		log_error("", "confirm", "nobody confirmed, and the undo failed: %s", reply->text);
		a->deadline_ms = clock_now_ms() + RETRY_MS;
		arm(a);
	}
	if (a->undone)
		a->undone(reply, a->undone_user);
}

static void due(uv_timer_t *t)
{
	struct apply *a = t->data;
	struct err err;
	look_at_clock(a);
	int64_t now = clock_now_ms();
	if (a->block_ms && a->block_ms <= now && blocks_expire(a->env, &a->block_ms, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "", "blocks", &err);
	if (a->deadline_ms && a->deadline_ms <= now && !a->pipe) {
		struct order o = { .op = ORDER_ROLLBACK };
		if (child_start(a, &o, BY_EXPIRY, &err) == 0) {
			a->done = expiry_done;
			a->user = a;
			a->deadline_ms = 0;
		} else {
			log_err(LOG_LEVEL_ERROR, "", "confirm", &err);
		}
	}
	arm(a);
}

static void arm(struct apply *a)
{
	int64_t next = a->deadline_ms && (!a->block_ms || a->deadline_ms < a->block_ms) ? a->deadline_ms : a->block_ms;
	if (!a->timer)
		return;
	if (!next) {
		uv_timer_stop(a->timer);
		return;
	}
	int64_t wait = next - clock_now_ms();
	/* Never longer than a minute, so that a clock that is set is noticed. */
	uv_timer_start(a->timer, due, wait < 20 ? 20 : wait > 60000 ? 60000 : (uint64_t)wait, 0);
}

static void loop_use(struct apply *a, uv_loop_t *loop)
{
	if (a->loop)
		return;
	a->loop = loop;
	a->timer = mem_alloc(sizeof *a->timer);
	if (!a->timer)
		return; /* expiries then wait for the next start; the kernel's own time-outs of blocks don't */
	uv_timer_init(loop, a->timer);
	a->timer->data = a;
	arm(a);
}

int apply_watch(struct apply *a, uv_loop_t *loop, apply_done undone, void *user, struct err *err)
{
	a->undone = undone;
	a->undone_user = user;
	loop_use(a, loop);
	a->counting = mem_alloc(sizeof *a->counting);
	if (a->counting) {
		uv_timer_init(loop, a->counting);
		a->counting->data = a;
		uv_timer_start(a->counting, count_due, HITS_PERIOD_MS, HITS_PERIOD_MS);
	}
	a->holding = mem_alloc(sizeof *a->holding);
	if (a->holding) {
		uv_timer_init(loop, a->holding);
		a->holding->data = a;
		uv_timer_start(a->holding, hold, PAIR_AGAIN_MS, PAIR_AGAIN_MS);
	}
	return a->timer && a->holding ? 0 : err_set(err, E_NOMEM, "apply", "no memory");
}

/* ---- one of a pair ---- */

#define FAREWELL_MS 100

/* What ends at this node's proxy can't go on at the other. While the door is still open its terminals are told, and ask again at once; else they
 * would wait for an answer until they give up. It begins anew: connections kept for a return would be dead ones. */
static void proxy_ends(void)
{
	pid_t proxy = process_pid("proxyd");
	siginfo_t ended = { 0 };
	if (proxy <= 0 || kill(proxy, SIGTERM) < 0)
		return;
	for (int i = 0; i < FAREWELL_MS / 5 && waitid(P_PID, (id_t)proxy, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && !ended.si_pid; i++)
		poll(NULL, 0, 5); /* whose end it is to see is the supervisor */
}

static int pair_move(struct apply *a, enum pair_role role, struct err *err)
{
	struct gen g = { 0 };
	if (pair_said() == PAIR_ACTIVE && role == PAIR_STANDBY)
		proxy_ends();
	int r = load_in_force(&g, err);
	r = r < 0 ? r : pair_set(a->env, &g, role, err);
	gen_done(&g);
	if (r == 0)
		log_warn("", "pair", "%s", role == PAIR_ACTIVE ? "this node carries the traffic" : "this node stands by");
	return r;
}

static int pair_order(struct apply *a, uint8_t what, struct err *err)
{
	if (what != ORDER_PAIR_STANDBY && what != ORDER_PAIR_ACTIVE)
		return err_set(err, E_INVALID, "order", "unknown");
	return pair_move(a, what == ORDER_PAIR_ACTIVE ? PAIR_ACTIVE : PAIR_STANDBY, err);
}

static int pair_yield(struct err *err)
{
	pid_t paird = process_pid("paird");
	if (pair_said() != PAIR_ACTIVE)
		return err_set(err, E_STATE, "pair", pair_said() == PAIR_STANDBY ? "this node stands by already" : "this node isn't one of a pair");
	return paird > 0 && kill(paird, SIGUSR1) == 0 ? 0 : err_set(err, E_STATE, "pair", "toride-paird isn't running");
}

/* Who decides has died, or who listens to him: the other node takes over now, so one that carries the traffic stops at once. Both begin anew, wherever it
 * was: keepalived speaks into the pipe that it opened when it started, and a paird that came later wouldn't hear a word. */
static void pair_lost(struct apply *a)
{
	struct err err = { 0 };
	pid_t other = process_pid("keepalived");
	if (pair_said() == PAIR_ACTIVE && pair_move(a, PAIR_STANDBY, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "", "pair", &err);
	if (other > 0)
		kill(other, SIGTERM);
}

#define FLOWS_AGAIN 5 /* holds: ten seconds */

/* What conntrackd is sent when it has just started isn't all: of 1,900 connections the other one told of 1,400, and
 * nothing says so. Asked again, it tells of all. */
static void ask_again(struct apply *a)
{
	struct err err = { 0 };
	if (!a->flows_again)
		return;
	a->flows_again--;
	if (pair_flows(a->env, PAIR_STANDBY, &err) < 0)
		log_err(LOG_LEVEL_WARN, "", "conntrackd", &err);
}

static void hold(uv_timer_t *t)
{
	struct apply *a = t->data;
	struct gen g = { 0 };
	struct err err = { 0 };
	if (pair_said() == PAIR_NONE)
		return;
	if (pair_show_blocks(&err) < 0)
		log_err(LOG_LEVEL_ERROR, "", "pair", &err);
	if (pair_said() != PAIR_ACTIVE) {
		ask_again(a);
		return;
	}
	if (load_in_force(&g, &err) < 0 || pair_hold(a->env, &g, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "", "pair", &err);
	gen_done(&g);
}

/* ---- orders ---- */

static void at_once(struct apply *a, const struct order *o, apply_done done, void *user)
{
	struct order_reply reply;
	struct err err = { 0 };
	char path[PLACE_MAX] = "";
	int64_t started = clock_mono_ms();
	int r;
	if (o->op == ORDER_BLOCK_ADD)
		r = blocks_add(a->env, &o->block, &err);
	else if (o->op == ORDER_BLOCK_REMOVE)
		r = blocks_remove(a->env, o->block.id, &err);
	else if (o->op == ORDER_EDGE)
		r = edge_reload(&err);
	else if (o->op == ORDER_LINES)
		r = lines_set(a->env, o->digest, o->lines_dead, &err);
	else if (o->op == ORDER_PAIR_YIELD)
		r = pair_yield(&err);
	else if (o->op == ORDER_PAIR)
		r = pair_order(a, o->pair, &err);
	else
		r = change_status(a->pipe != NULL, path, &err);
	if (r == 0 && (o->op == ORDER_BLOCK_ADD || o->op == ORDER_BLOCK_REMOVE) && pair_said() != PAIR_NONE)
		pair_show_blocks(NULL); /* at once: the other node may be alone with it in a moment. What can't be shown now is at the next hold() */
	reply_fill(&reply, r, &err, started);
	if (r == 0)
		snprintf(reply.text, sizeof reply.text, "%.500s", path);
	struct blocks b;
	if ((o->op == ORDER_BLOCK_ADD || o->op == ORDER_BLOCK_REMOVE) && blocks_load(&b, &err) == 0) {
		a->block_ms = blocks_next_expiry(&b);
		blocks_done(&b);
		arm(a);
		change_status(a->pipe != NULL, path, NULL);
	}
	if (done)
		done(&reply, user);
}

int apply_order(struct apply *a, uv_loop_t *loop, const struct order *o, apply_done done, void *user, struct err *err)
{
	loop_use(a, loop);
	look_at_clock(a);
	switch (o->op) {
	case ORDER_BLOCK_ADD: case ORDER_BLOCK_REMOVE: case ORDER_STATUS: case ORDER_LINES: case ORDER_EDGE: case ORDER_PAIR: case ORDER_PAIR_YIELD:
		at_once(a, o, done, user);
		return 0;
	case ORDER_APPLY: case ORDER_CONFIRM: case ORDER_ROLLBACK:
		break;
	default:
		return err_set(err, E_INVALID, "order", "unknown");
	}
	if (a->pipe)
		return err_set(err, E_STATE, "apply", "another change is under way");
	int r = child_start(a, o, BY_ORDER, err);
	if (r == 0) {
		a->done = done;
		a->user = user;
	}
	return r;
}

void apply_engine_started(struct apply *a, const char *process)
{
	struct err err = { 0 };
	int r = 0;
	if (strcmp(process, "unbound") == 0)
		r = blocks_tell_unbound(a->env, &err);
	else if (strcmp(process, "proxyd") == 0)
		r = blocks_tell_proxy(&err);
	else if (strcmp(process, "conntrackd") == 0) {
		r = pair_flows(a->env, pair_said(), &err);
		a->flows_again = FLOWS_AGAIN;
	} else if (strcmp(process, "suricata") == 0) {
		lines_engine(a, true);
	}
	if (r < 0)
		log_err(LOG_LEVEL_ERROR, "", process, &err);
}

/* ---- inspected lines ---- */

#define LOOK_MS 1000 /* while it inspects: has it let go of a socket? */

static int load_in_force(struct gen *ret, struct err *err)
{
	char hex[GEN_NAME];
	int r = gen_current(hex, err);
	return r < 0 ? r : gen_load(hex, ret, err);
}

/* The generation in force may be another; so may the kernel's door (a change moved it, or an earlier torided). One that can't be
 * loaded (NULL) leaves the lines we know. */
static void lines_take(struct apply *a, const struct gen *g)
{
	struct err err = { 0 };
	if (g && door_load(g, &a->lines.door, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "", "lines", &err);
	if (g)
		trials_take(&a->lines.trials, g);
	a->lines.stale = true;
}

static void lines_load(struct apply *a)
{
	struct gen g = { 0 };
	struct err err = { 0 };
	bool loaded = load_in_force(&g, &err) == 0;
	if (!loaded)
		log_err(LOG_LEVEL_ERROR, "", "lines", &err);
	lines_take(a, loaded ? &g : NULL);
	gen_done(&g);
}

/* It reads the generation in force when it starts, which in the middle of a change isn't the one we knew. */
static void lines_engine(struct apply *a, bool runs)
{
	lines_load(a);
	a->lines.runs = runs;
}

static bool move_door(struct apply *a, bool inspecting, const char **ret_state)
{
	struct err err = { 0 };
	enum door_state before = door_said();
	if (!a->lines.stale && inspecting == a->lines.inspecting)
		return false;
	if (!a->lines.door.n && before == DOOR_NONE) {
		a->lines.stale = false;
		return false; /* nothing was ever there */
	}
	if (door_set(a->env, &a->lines.door, inspecting, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "lines", &err);
		a->lines.stale = true;
		return false; /* again with the next look */
	}
	a->lines.stale = false;
	a->lines.inspecting = inspecting;
	*ret_state = door_word(door_said());
	return door_said() != before;
}

bool apply_watch_lines(struct apply *a, const char **ret_state)
{
	int64_t now = clock_mono_ms();
	bool settled = a->lines.runs == a->lines.inspecting && !a->lines.stale;
	struct err err = { 0 };
	if (trials_look(&a->lines.trials, a->lines.inspecting, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "", "trials", &err);
	if (settled && (!a->lines.door.n || now - a->lines.looked_ms < LOOK_MS))
		return false;
	a->lines.looked_ms = now;
	return move_door(a, a->lines.runs && door_captured_now(&a->lines.door), ret_state);
}

void apply_engine_ended(struct apply *a, const char *process)
{
	if (strcmp(process, "suricata") == 0)
		lines_engine(a, false);
	else if (strcmp(process, "keepalived") == 0 || strcmp(process, "paird") == 0)
		pair_lost(a);
}

const char *apply_pair(void)
{
	return pair_word(pair_said());
}

const char *apply_lines(const struct apply *a)
{
	(void)a;
	return door_word(door_said());
}
