/* Intrusion prevention's part of a change: the virtual cables of inspected lines, and what Suricata has loaded.
 *
 * The cable stands before anything gets an address on it, and goes when nothing has one any more. Rules and address lists are
 * taken over by a reload, with which no packet waits; another line, number of threads or fail policy by a restart, during
 * which the door (door.h) does what the description says of a dead engine. Which of the door's two positions it is in is
 * torided's matter while it runs (apply.c); the steps wait for it. */
#include "apply/engine.h"

#include "apply/child.h"
#include "apply/door.h"
#include "apply/suricata_control.h"
#include "base/clock.h"
#include "base/mem.h"
#include "ips/leg.h"
#include "ips/mirror.h"
#include "wire/place.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#define RELOAD_MS 180000 /* 40,000 rules take seven seconds */
#define ASK_MS 1000
#define START_MS 30000

/* ---- cables */

static bool has_line(const struct door *d, const struct door_line *l)
{
	for (size_t i = 0; i < d->n; i++)
		if (memcmp(&d->lines[i], l, sizeof *l) == 0)
			return true;
	return false;
}

/* Packets are copied as they are: no interface may have left a checksum or the cutting of a large packet to a later one. */
static int no_offloads(const struct env *e, const char *interface, struct err *err)
{
	const char *argv[] = { "ethtool", "-K", interface, "tx", "off", "tso", "off", "gso", "off", "gro", "off", "lro", "off", "sg", "off", NULL };
	int status = 0;
	/* 1: some of these can't be changed on this hardware, lro mostly isn't there; the rest is done. */
	int r = e->run(&(struct proc_opts){ .argv = argv, .timeout_ms = 20000, .ret_status = &status }, err);
	return r == 0 && status > 1 ? err_set(err, E_IO, interface, "ethtool can't switch its offloads off (%d)", status) : r;
}

static int quiet(const struct env *e, const char *interface, struct err *err)
{
	char path[256];
	snprintf(path, sizeof path, "%s/net/ipv6/conf/%s/disable_ipv6", e->sysctl_root, interface);
	const char *argv[] = { "ip", "link", "set", "dev", interface, "up", NULL };
	FILE *f = fopen(path, "we"); /* a kernel without IPv6 has none */
	if (f) {
		fputs("1", f);
		fclose(f);
	}
	int r = env_run(e, argv, (struct str){ 0 }, 20000, err);
	return r < 0 ? r : no_offloads(e, interface, err);
}

static int cable_add(const struct env *e, const struct door_line *l, struct err *err)
{
	const char *show[] = { "ip", "-o", "link", "show", "dev", l->inner, "type", "veth", NULL };
	const char *add[] = { "ip", "link", "add", "name", l->outer, "type", "veth", "peer", "name", l->inner, NULL };
	const char *up[] = { "ip", "link", "set", "dev", l->outer, "up", NULL };
	int status = 0;
	int r = e->run(&(struct proc_opts){ .argv = show, .timeout_ms = 20000, .ret_status = &status }, err);
	if (r == 0 && status != 0)
		r = env_run(e, add, (struct str){ 0 }, 20000, err);
	if (r == 0)
		r = env_run(e, up, (struct str){ 0 }, 20000, err);
	if (r == 0)
		r = no_offloads(e, l->outer, err);
	if (r == 0)
		r = quiet(e, l->inner, err);
	return r < 0 ? r : quiet(e, l->port, err);
}

/* The end that the node's own stack sees: there it finds nobody to resolve, and takes what bears its own address. */
static int leg_end(const struct env *e, const char *interface, struct err *err)
{
	const char *argv[] = { "ip", "link", "set", "dev", interface, "address", LEG_MAC, "arp", "off", NULL };
	return env_run(e, argv, (struct str){ 0 }, 20000, err);
}

/* The leg's port isn't a line of the building but the end of a second cable, which leads to the origins. */
static int leg_add(const struct env *e, const struct door_line *l, struct err *err)
{
	struct door_line behind = { .outer = LEG_BEHIND, .inner = LEG_PORT, .port = LEG_PORT };
	int r = cable_add(e, &behind, err);
	r = r < 0 ? r : cable_add(e, l, err);
	r = r < 0 ? r : leg_end(e, LEG_OUTER, err);
	return r < 0 ? r : leg_end(e, LEG_BEHIND, err);
}

static bool is_leg(const struct door_line *l)
{
	return strcmp(l->outer, LEG_OUTER) == 0;
}

static int link_delete(const struct env *e, const char *interface, struct err *err)
{
	const char *argv[] = { "ip", "link", "delete", "dev", interface, "type", "veth", NULL };
	int status = 0;
	return e->run(&(struct proc_opts){ .argv = argv, .timeout_ms = 20000, .ret_status = &status }, err); /* may be gone */
}

static int cable_delete(const struct env *e, const struct door_line *l, struct err *err)
{
	int r = link_delete(e, l->outer, err);
	return r == 0 && is_leg(l) ? link_delete(e, LEG_BEHIND, err) : r;
}

/* Both ends stay in this namespace: the proxy sends at one, Suricata reads at the other, and nobody answers. */
static int mirror_add(const struct env *e, struct err *err)
{
	static const char *const commands[][14] = {
		{ "ip", "link", "add", "name", MIRROR_OUTER, "type", "veth", "peer", "name", MIRROR_INNER, NULL },
		{ "ip", "address", "replace", MIRROR_FROM "/30", "dev", MIRROR_OUTER, NULL },
		{ "ip", "neighbour", "replace", MIRROR_TO, "lladdr", MIRROR_TO_MAC, "dev", MIRROR_OUTER, "nud", "permanent", NULL },
	};
	static const char *const show[] = { "ip", "-o", "link", "show", "dev", MIRROR_INNER, "type", "veth", NULL };
	int status = 0;
	int r = e->run(&(struct proc_opts){ .argv = show, .timeout_ms = 20000, .ret_status = &status }, err);
	if (r == 0 && status != 0)
		r = env_run(e, commands[0], (struct str){ 0 }, 20000, err);
	r = r < 0 ? r : quiet(e, MIRROR_INNER, err);
	r = r < 0 ? r : quiet(e, MIRROR_OUTER, err);
	r = r < 0 ? r : env_run(e, commands[1], (struct str){ 0 }, 20000, err);
	return r < 0 ? r : env_run(e, commands[2], (struct str){ 0 }, 20000, err);
}

/* Lines of both generations; the door must be on all sockets that carry anything. */
static struct door both(const struct door *a, const struct door *b)
{
	struct door d = *a;
	d.mirror = a->mirror || b->mirror;
	for (size_t i = 0; i < b->n && d.n < DOOR_LINES_MAX; i++)
		if (!has_line(&d, &b->lines[i]))
			d.lines[d.n++] = b->lines[i];
	return d;
}

static int lines_add(const struct env *e, const struct door *from, const struct door *to, struct err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < to->n; i++)
		r = is_leg(&to->lines[i]) ? leg_add(e, &to->lines[i], err) : cable_add(e, &to->lines[i], err);
	if (r == 0 && to->mirror)
		r = mirror_add(e, err);
	struct door d = both(to, from);
	/* Nobody inspects a line that is new; one that stays keeps its door until the engine is told. */
	return r < 0 ? r : door_set(e, &d, door_said() == DOOR_INSPECT && d.n == from->n, err);
}

static int lines_delete(const struct env *e, const struct door *from, const struct door *to, struct err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < from->n; i++)
		if (!has_line(to, &from->lines[i]))
			r = cable_delete(e, &from->lines[i], err);
	if (r == 0 && from->mirror && !to->mirror)
		r = link_delete(e, MIRROR_OUTER, err);
	return r < 0 ? r : door_set(e, to, door_said() == DOOR_INSPECT && to->n, err);
}

/* ---- the engine */

static int tell_reload(void *arg, struct buf *out, struct err *err)
{
	(void)arg, (void)out;
	return suricata_control("reload-rules", RELOAD_MS, NULL, err);
}

/* What it has got to, for whoever has to find out why it went no further; NULL: it inspects. What is said of the door may still be of `old`: it is moved a
 * moment after that one's end, and what a later step says of it would then be of that moment, too. So it is asked last. */
static const char *how_far(pid_t now, pid_t old, const struct door *to)
{
	char path[PLACE_MAX];
	struct stat ready;
	if (now <= 0)
		return "it isn't running";
	if (now == old)
		return "it was told to end and goes on";
	if (stat(place_in_run(path, sizeof path, "ready/suricata"), &ready) < 0 || ready.st_size == 0)
		return "it runs and isn't ready";
	if (!door_captured_now(to))
		return "it is ready, and reads from none or not all of the lines";
	return door_said() == DOOR_INSPECT ? NULL : "it reads from the lines, and the door wasn't moved";
}

/* Until another process than `old` inspects. `old` is asked to end again and again: one that has just been started, and hasn't said yet what it does at
 * a signal, is process 1 of its namespace and hears nothing (pid_namespaces(7)). */
static int wait_inspecting(const struct env *e, const struct door *to, pid_t old, struct err *err)
{
	int64_t until = clock_mono_ms() + (e->wait_ms > RELOAD_MS ? e->wait_ms : RELOAD_MS), ask = 0;
	for (;;) {
		pid_t now = process_pid("suricata");
		if (old > 0 && now == old && clock_mono_ms() >= ask) {
			kill(old, SIGTERM);
			ask = clock_mono_ms() + ASK_MS;
		}
		const char *far = how_far(now, old, to);
		if (!far)
			return 0;
		if (clock_mono_ms() > until)
			return err_set(err, E_TIMEOUT, "suricata", "doesn't inspect within %d s: %s", RELOAD_MS / 1000, far);
		poll(NULL, 0, 50);
	}
}

static int engine_run(const struct env *e, const struct step *s, const struct door *to, struct err *err)
{
	struct buf out;
	pid_t pid = process_pid("suricata");
	if (!to->n || !process_expected(e, "suricata"))
		return 0; /* the supervisor starts and ends it with STATE/current */
	if (pid <= 0)
		return wait_inspecting(e, to, 0, err);
	if (s->arg == IPS_RESTART)
		return wait_inspecting(e, to, pid, err);
	int r = wait_inspecting(e, to, 0, err); /* one that is starting reads the generation in force, or the one before */
	buf_init(&out, 64);
	if (r == 0)
		r = child_call(0, tell_reload, NULL, RELOAD_MS + 5000, &out, err);
	buf_done(&out);
	return r;
}

static int suricata_run(const struct env *e, const struct step *s, const struct gen *from, const struct gen *to, struct err *err)
{
	struct door a, b;
	int r = door_load(from, &a, err);
	if (r == 0)
		r = door_load(to, &b, err);
	if (r < 0)
		return r;
	if (s->kind == STEP_IPS_ADD)
		return lines_add(e, &a, &b, err);
	if (s->kind == STEP_IPS_DEL)
		return lines_delete(e, &a, &b, err);
	return engine_run(e, s, &b, err);
}

static void suricata_plan(const struct change *c, enum plan_place place, struct plan *p)
{
	bool lines = gen_differs(c->from, c->to, "suricata/lines.bin");
	if (lines && place == PLACE_ADD)
		plan_add(p, STEP_IPS_ADD, 0, "");
	if (place == PLACE_ENGINE && gen_differs(c->from, c->to, "suricata/"))
		plan_add(p, STEP_IPS, lines ? IPS_RESTART : IPS_RELOAD, "");
	if (lines && place == PLACE_REMOVE)
		plan_add(p, STEP_IPS_DEL, 0, "");
}

static int suricata_verify(const struct verify_input *in, struct err *err)
{
	struct suricata_rules r;
	if (!in->ips || !process_expected(in->env, "suricata"))
		return 0;
	/* it may just be starting again, as after a restart of the whole node */
	for (int64_t until = clock_mono_ms() + START_MS; door_said() != DOOR_INSPECT && clock_mono_ms() < until;)
		poll(NULL, 0, 50);
	if (door_said() != DOOR_INSPECT)
		return err_set(err, E_CORRUPT, "suricata", "the lines aren't inspected: %s", door_word(door_said()));
	int res = suricata_loaded(30000, &r, err);
	if (res == 0 && (r.failed || !r.loaded))
		res = err_set(err, E_CORRUPT, "suricata", "%llu rules are loaded, %llu were refused", (unsigned long long)r.loaded,
		              (unsigned long long)r.failed);
	return res;
}

const struct engine engine_suricata = { "suricata", suricata_plan, suricata_run, suricata_verify };
