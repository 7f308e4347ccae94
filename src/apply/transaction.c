/* See transaction.h. The one place where the order of things is decided: journal before step, undo before new work. */
#include "apply/transaction.h"

#include "apply/blocks.h"
#include "apply/cut.h"
#include "apply/verify.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "check/check.h"
#include "check/left.h"
#include "wire/place.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

struct run {
	const struct env *e;
	struct journal_state s;
	struct journal j;
	struct gen from, to;
	int lock;
};

/* ---- plan and steps ---- */

int plan_make(const struct change *c, struct plan *ret)
{
	*ret = (struct plan){ 0 };
	for (enum plan_place place = PLACE_CLOSING; place <= PLACE_VERIFY; place++) {
		if (place == PLACE_LINK)
			plan_add(ret, STEP_LINK, 0, "");
		if (place == PLACE_VERIFY)
			plan_add(ret, STEP_VERIFY, 0, "");
		for (size_t i = 0; engines[i]; i++)
			engines[i]->plan(c, place, ret);
	}
	return 0;
}

static int step_run(const struct env *e, const struct step *s, const struct gen *from, const struct gen *to, struct err *err)
{
	switch (s->kind) {
	case STEP_NET_ADD: case STEP_NET_DEL:
		return engine_net.run(e, s, from, to, err);
	case STEP_SHAPE_ADD: case STEP_SHAPE_DEL:
		return engine_shape.run(e, s, from, to, err);
	case STEP_NFT: case STEP_CUT:
		return engine_nft.run(e, s, from, to, err);
	case STEP_UNBOUND:
		return engine_unbound.run(e, s, from, to, err);
	case STEP_KNOT:
		return engine_knot.run(e, s, from, to, err);
	case STEP_NSD:
		return engine_nsd.run(e, s, from, to, err);
	case STEP_EDGE:
		return engine_edge.run(e, s, from, to, err);
	case STEP_DAEMON:
		return engine_daemons.run(e, s, from, to, err);
	case STEP_IPS_ADD: case STEP_IPS_DEL: case STEP_IPS:
		return engine_suricata.run(e, s, from, to, err);
	case STEP_LINK:
		return gen_switch(to->hex, err);
	case STEP_VERIFY:
		return verify_generation(e, to, err);
	default:
		return err_set(err, E_CORRUPT, "journal", "an unknown step");
	}
}

/* The undo of additions are deletions and the other way round. */
static struct step inverse(const struct step *s)
{
	struct step u = *s;
	switch (s->kind) {
	case STEP_NET_ADD: u.kind = STEP_NET_DEL; break;
	case STEP_NET_DEL: u.kind = STEP_NET_ADD; break;
	case STEP_IPS_ADD: u.kind = STEP_IPS_DEL; break;
	case STEP_IPS_DEL: u.kind = STEP_IPS_ADD; break;
	case STEP_SHAPE_ADD: u.kind = STEP_SHAPE_DEL; break;
	case STEP_SHAPE_DEL: u.kind = STEP_SHAPE_ADD; break;
	default: break;
	}
	return u;
}

/* ---- lock, log ---- */

static int take_lock(struct err *err)
{
	char path[PLACE_MAX];
	int fd = fs_fault() ? -1 : open(place_in_state(path, sizeof path, "apply.lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, path, "cannot open");
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	close(fd);
	return err_set(err, E_STATE, "apply", "another change is under way");
}

void change_log(enum journal_by by, const char *what, const char *from, const char *to, const struct err *result)
{
	static const char *const names[] = { "order", "console", "expiry", "recovery" };
	char path[PLACE_MAX], now[CLOCK_TEXT];
	struct buf b;
	clock_format_utc(clock_now_ms(), now);
	buf_init(&b, 4 * KIB);
	buf_putc(&b, '{');
	json_field_s(&b, "time", now);
	json_field_s(&b, "by", names[by]);
	json_field_s(&b, "do", what);
	json_field_s(&b, "from", from);
	json_field_s(&b, "to", to);
	json_field_s(&b, "result", result && result->code ? err_name(result->code) : "ok");
	if (result && result->code) {
		json_field_s(&b, "path", result->path);
		json_field_s(&b, "error", result->msg);
	}
	buf_puts(&b, "}\n");
	_cleanup_fd_ int fd = open(place_in_state(path, sizeof path, "apply.log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (fd < 0 || b.failed || fs_write_all(fd, b.ptr, b.len, NULL) < 0)
		log_warn("", path, "the change could not be logged");
	buf_done(&b);
}

int change_status(bool changing, char *path, struct err *err)
{
	struct journal_state s;
	struct blocks b = { 0 };
	struct buf out;
	int r = journal_load(&s, err);
	if (r == 0)
		r = blocks_load(&b, err);
	if (r < 0)
		return r;
	buf_init(&out, 4 * KIB);
	buf_putc(&out, '{');
	json_field_s(&out, "current", s.current);
	json_field_s(&out, "previous", s.previous);
	json_field_u64(&out, "confirm_until", (uint64_t)s.deadline_ms);
	json_field_bool(&out, "degraded", s.degraded);
	json_field_bool(&out, "changing", changing || s.phase != PHASE_IDLE);
	json_field_u64(&out, "blocks", b.n);
	buf_puts(&out, "}\n");
	r = fs_write(place_in_run(path, PLACE_MAX, "apply-status.json"), buf_view(&out), 0644, err);
	buf_done(&out);
	blocks_done(&b);
	return r;
}

/* ---- undo ---- */

/* Steps read through STATE/current (reloads) or are read back against it, so the link is put back before all others;
 * the rest in reverse. A step that began counts, finished or not: every step may be run again. */
static int undo_steps(struct run *r, bool links, struct err *err)
{
	char name[64];
	for (unsigned i = r->s.plan.n; i-- > 0;) {
		const struct step *s = &r->s.plan.steps[i];
		if (!r->s.started[i] || r->s.undone[i] || s->kind == STEP_VERIFY || (s->kind == STEP_LINK) != links)
			continue;
		struct step u = inverse(s);
		env_point(r->e, step_name(&u, name));
		int res = step_run(r->e, &u, &r->to, &r->from, err);
		if (res == 0)
			res = journal_step_undone(&r->j, i, err);
		if (res < 0)
			return res;
		r->s.undone[i] = true;
	}
	return 0;
}

static int undo(struct run *r, struct err *err)
{
	int res = journal_undo_start(&r->j, err);
	if (res == 0)
		res = undo_steps(r, true, err);
	if (res == 0)
		res = undo_steps(r, false, err);
	env_point(r->e, "undo verify");
	if (res == 0)
		res = verify_generation(r->e, &r->from, err);
	return res < 0 ? res : journal_undone(&r->j, err);
}

/* The whole of a generation put onto whatever is there: after a reboot, and when an undo failed. Every step is one that
 * can be run again, so it can be tried until it works. over: what may be there instead (or an empty one). */
static int install(const struct env *e, const struct gen *over, const struct gen *g, struct err *err)
{
	struct gen nothing = { 0 };
	/* Without a generation the filter goes last all the same: seen as a change from `over` to nothing. */
	struct change c = { *g->hex ? &nothing : over, g, true, false };
	struct plan p;
	int res = *g->hex ? gen_verify(g->hex, err) : 0;
	plan_make(&c, &p);
	if (res == 0)
		res = step_run(e, &(struct step){ .kind = STEP_NET_DEL }, over, g, err);
	if (res == 0)
		res = step_run(e, &(struct step){ .kind = STEP_SHAPE_DEL }, over, &nothing, err);
	for (unsigned i = 0; i < p.n && res == 0; i++)
		if (p.steps[i].kind != STEP_CUT)
			res = step_run(e, &p.steps[i], &nothing, g, err);
	return res;
}

static void forget_degraded(struct run *r, const char *current)
{
	r->s.degraded = false;
	r->s.phase = PHASE_IDLE;
	memmove(r->s.current, current, GEN_NAME);
}

/* An undo failed. That is recorded, and the old generation is installed from scratch at once; when this fails too it is
 * tried again at each start (change_recover). */
static int degrade(struct run *r, struct err *err)
{
	struct err why = *err, again = { 0 };
	char old[GEN_NAME];
	memcpy(old, r->from.hex, sizeof old);
	forget_degraded(r, old);
	r->s.degraded = true;
	journal_rest(&r->s, NULL);
	change_log(r->s.by, "undo failed", r->to.hex, old, &why);
	env_point(r->e, "degraded");
	int res = install(r->e, &r->to, &r->from, &again);
	if (res == 0) {
		forget_degraded(r, old);
		res = journal_rest(&r->s, &again);
	}
	change_log(BY_RECOVERY, "install anew", "", old, res < 0 ? &again : NULL);
	if (res < 0)
		return err_set(err, E_CORRUPT, "degraded", "the undo failed (%.160s: %.120s) and so did the new install (%.120s)",
		               why.path, why.msg, again.msg);
	*err = why;
	return 0;
}

/* ---- a change ---- */

static void run_close(struct run *r)
{
	gen_done(&r->from);
	gen_done(&r->to);
	journal_close(&r->j);
	if (r->lock >= 0)
		close(r->lock);
}

static int run_open(struct run *r, const struct env *e, struct err *err)
{
	*r = (struct run){ .e = e, .j = { .fd = -1 } };
	r->lock = take_lock(err);
	return r->lock < 0 ? r->lock : journal_load(&r->s, err);
}

static int check_state(const struct run *r, const struct change_opts *o, const char *to, struct err *err)
{
	if (r->s.phase != PHASE_IDLE || r->s.degraded)
		return err_set(err, E_STATE, "apply", "an earlier change must be recovered first: restart torided");
	if (r->s.deadline_ms && !o->rollback)
		return err_set(err, E_STATE, "apply", "the generation in force waits for confirmation: confirm or roll back");
	if (!*to)
		return err_set(err, E_NOT_FOUND, "rollback", "there is no generation before this one");
	if (o->rollback && !gen_exists(to))
		return err_set(err, E_NOT_FOUND, to, "no such generation");
	if (strcmp(to, r->s.current) == 0)
		return err_set(err, E_EXISTS, to, "this generation is in force already");
	return 0;
}

static int prepare(struct run *r, const char *to, struct err *err)
{
	char dir[PLACE_MAX];
	env_point(r->e, "make");
	int res = gen_make(r->e, to, err);
	if (res == 0)
		res = gen_load(to, &r->to, err);
	if (res == 0)
		res = gen_load(r->s.current, &r->from, err);
	env_point(r->e, "check");
	return res < 0 ? res : check_generation(gen_path(dir, sizeof dir, to, ""), r->e->run, err);
}

static int make_plan(struct run *r, struct err *err)
{
	struct change c = { .from = &r->from, .to = &r->to };
	if (gen_differs(&r->from, &r->to, "nft/")) {
		struct cuts cuts = { 0 };
		int res = cuts_read(&r->from, &r->to, &cuts, err);
		if (res < 0)
			return res;
		c.opens = cuts.opens;
		c.closes = cuts.closes;
		cuts_done(&cuts);
	}
	return plan_make(&c, &r->s.plan);
}

static int begin(struct run *r, const struct change_opts *o, struct err *err)
{
	memcpy(r->s.from, r->from.hex, GEN_NAME);
	memcpy(r->s.to, r->to.hex, GEN_NAME);
	r->s.by = (uint8_t)o->by;
	memset(r->s.started, 0, sizeof r->s.started);
	memset(r->s.undone, 0, sizeof r->s.undone);
	int res = make_plan(r, err);
	return res < 0 ? res : journal_begin(&r->j, &r->s, err);
}

static int steps(struct run *r, uint32_t confirm_s, struct err *err)
{
	char name[64];
	for (unsigned i = 0; i < r->s.plan.n; i++) {
		int res = journal_step_start(&r->j, i, err);
		if (res < 0)
			return res;
		r->s.started[i] = true;
		env_point(r->e, step_name(&r->s.plan.steps[i], name));
		res = step_run(r->e, &r->s.plan.steps[i], &r->from, &r->to, err);
		if (res < 0)
			return res;
	}
	env_point(r->e, "commit");
	int res = journal_commit(&r->j, confirm_s ? clock_now_ms() + (int64_t)confirm_s * 1000 : 0, err);
	env_point(r->e, "committed");
	return res;
}

/* The words for what failed, then whether the old generation is back. */
static int fail(struct run *r, int res, struct err *err)
{
	struct err undo_err = { 0 };
	int u = undo(r, &undo_err);
	if (u < 0)
		u = degrade(r, &undo_err);
	if (u < 0)
		return err_set(err, E_CORRUPT, "degraded", "%.150s: %.120s; %.220s", err->path, err->msg, undo_err.msg);
	return res;
}

static int run_change(struct run *r, const struct change_opts *o, const char *to, struct err *err)
{
	char from[PLACE_MAX], dir[PLACE_MAX];
	int res = check_state(r, o, to, err);
	if (res == 0)
		res = prepare(r, to, err);
	if (res == 0 && !o->rollback && *r->s.current)
		res = check_left(gen_path(from, sizeof from, r->s.current, ""), gen_path(dir, sizeof dir, to, ""), err);
	if (res < 0)
		return res;
	res = begin(r, o, err);
	if (res == 0)
		res = steps(r, o->confirm_s, err);
	else if (r->j.fd < 0) {
		/* Nothing was begun; the journal must not say so. */
		struct journal_state rest = r->s;
		rest.phase = PHASE_IDLE;
		journal_rest(&rest, NULL);
		return res;
	}
	return res < 0 ? fail(r, res, err) : 0;
}

int change_run(const struct env *e, const struct change_opts *o, struct err *err)
{
	struct err own = { 0 };
	struct run r;
	char to[GEN_NAME];
	err = err ? err : &own;
	int res = run_open(&r, e, err);
	snprintf(to, sizeof to, "%s", res == 0 && o->rollback && !*o->to ? r.s.previous : o->to);
	if (res == 0)
		res = run_change(&r, o, to, err);
	if (res != -E_EXISTS && r.lock >= 0)
		change_log(o->by, o->rollback ? "rollback" : "apply", r.from.hex, to, res < 0 ? err : NULL);
	run_close(&r);
	return res;
}

int change_confirm(struct err *err)
{
	struct run r;
	int res = run_open(&r, NULL, err);
	if (res == 0 && (r.s.phase != PHASE_IDLE || !r.s.deadline_ms))
		res = err_set(err, E_STATE, "confirm", "nothing waits for confirmation");
	if (res == 0) {
		r.s.deadline_ms = 0;
		res = journal_rest(&r.s, err);
	}
	if (res == 0)
		change_log(BY_ORDER, "confirm", r.s.previous, r.s.current, NULL);
	run_close(&r);
	return res;
}

int change_clock_set(int64_t by_ms, struct err *err)
{
	struct run r;
	int res = run_open(&r, NULL, err);
	if (res == 0 && r.s.phase != PHASE_IDLE)
		res = err_set(err, E_STATE, "journal", "a change is under way");
	if (res == 0 && r.s.deadline_ms) {
		r.s.deadline_ms += by_ms;
		res = journal_rest(&r.s, err);
	}
	run_close(&r);
	return res;
}

/* ---- recovery ---- */

/* A change was cut off in its middle. */
static int finish_undo(struct run *r, struct err *err)
{
	int res = gen_load(r->s.from, &r->from, err);
	if (res == 0)
		res = gen_load(r->s.to, &r->to, err);
	if (res == 0)
		res = journal_reopen(&r->j, err);
	if (res == 0)
		res = undo(r, err);
	if (res < 0 && (*r->s.from == 0 || gen_exists(r->s.from)))
		res = degrade(r, err);
	if (res < 0)
		return res;
	change_log(BY_RECOVERY, "undo", r->s.to, r->s.from, NULL);
	forget_degraded(r, r->s.from);
	return journal_rest(&r->s, err);
}

static bool kernel_has_table(const struct env *e)
{
	static const char *const argv[] = { "nft", "list", "chains", "inet", NULL };
	struct buf out;
	buf_init(&out, 64 * MIB);
	bool has = e->run(&(struct proc_opts){ .argv = argv, .timeout_ms = 20000, .out = &out }, NULL) == 0;
	if (has) {
		struct str rest = buf_view(&out), line;
		for (has = false; !has && rest.len && str_next(&rest, '\n', &line);)
			has = str_starts(str_trim(line), STR("table inet toride {"));
	}
	buf_done(&out);
	return has;
}

/* At rest: is what the journal says really there? The link is what the daemons read, so it decides where they differ. */
static int settle(struct run *r, struct err *err)
{
	char link[GEN_NAME];
	int res = gen_current(link, err);
	if (res < 0)
		return res;
	bool differs = strcmp(link, r->s.current) != 0;
	if (!*link && gen_exists(r->s.current))
		memcpy(link, r->s.current, sizeof link); /* only the link was lost */
	gen_done(&r->from);
	res = gen_load(link, &r->from, err);
	if (res < 0)
		return res;
	if (!r->s.degraded && !differs && (!*link || kernel_has_table(r->e)))
		return blocks_install(r->e, &r->from, err);
	struct gen nothing = { 0 };
	if (*link || r->s.degraded)
		res = install(r->e, &nothing, &r->from, err);
	change_log(BY_RECOVERY, "install", "", link, res < 0 ? err : NULL);
	if (res == 0) {
		forget_degraded(r, link);
		res = journal_rest(&r->s, err);
	}
	return res < 0 ? res : blocks_install(r->e, &r->from, err);
}

/* The journal can't be read: the link is all that is known. */
static int lost_journal(struct run *r, struct err *err)
{
	log_err(LOG_LEVEL_ERROR, "", "journal", err);
	r->s = (struct journal_state){ .degraded = true };
	return gen_current(r->s.current, err);
}

int change_recover(const struct env *real, bool starting, struct err *err)
{
	struct err own = { 0 };
	struct run r;
	struct env copy = *real;
	const struct env *e = &copy;
	err = err ? err : &own;
	copy.no_daemons |= starting;
	int res = run_open(&r, e, err);
	for (int i = 0; res == -E_STATE && i < 200; i++) { /* a child of a killed torided is just ending */
		run_close(&r);
		poll(NULL, 0, 50);
		res = run_open(&r, e, err);
	}
	if (res == -E_CORRUPT)
		res = lost_journal(&r, err);
	if (res == 0 && r.s.phase != PHASE_IDLE)
		res = finish_undo(&r, err);
	if (res == 0)
		res = settle(&r, err);
	bool expired = res == 0 && r.s.deadline_ms && r.s.deadline_ms <= clock_now_ms();
	run_close(&r);
	return expired ? change_run(e, &(struct change_opts){ .to = "", .rollback = true, .by = BY_EXPIRY }, err) : res;
}
