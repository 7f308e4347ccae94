/* The public sites' part of a change. nginx reads its configuration anew on SIGHUP: its old workers finish what is under
 * way, connections that come in meanwhile wait in the kernel. It says nothing about whether it did, so it is asked for the
 * digest of what it serves until only the new one answers. The canaries then ask each site by its name. */
#include "apply/engine.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "wire/place.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

#define AGREED 5 /* answers in a row: for a moment old and new workers take turns */

static bool serves(const struct env *e, struct str digest)
{
	char sock[PLACE_MAX];
	const char *argv[] = { "curl", "-s", "--noproxy", "*", "--max-time", "2", "--unix-socket", place_in_run(sock, sizeof sock, "edge/status.sock"),
		               "http://status/generation", NULL };
	struct buf out;
	buf_init(&out, 4 * KIB);
	int r = e->run(&(struct proc_opts){ .argv = argv, .timeout_ms = 5000, .out = &out }, NULL);
	bool same = r == 0 && str_eq(buf_view(&out), digest);
	buf_done(&out);
	return same;
}

static int wait_served(const struct env *e, struct str digest, struct err *err)
{
	int64_t until = clock_mono_ms() + e->wait_ms;
	for (int agreed = 0; agreed < AGREED;) {
		agreed = serves(e, digest) ? agreed + 1 : 0;
		if (clock_mono_ms() > until)
			return err_set(err, E_TIMEOUT, "edge", "the public sites' server doesn't serve the generation within %d ms", e->wait_ms);
		poll(NULL, 0, 40);
	}
	return 0;
}

int edge_reload(struct err *err)
{
	pid_t pid = process_pid("edge");
	if (pid > 0 && kill(pid, SIGHUP) < 0 && errno != ESRCH)
		return err_errno(err, "edge", "cannot tell it to reload");
	return 0; /* one that doesn't run reads them when it starts */
}

/* A site whose certificate nobody has got yet: the server needs a file, whose key nobody has. */
static int stand_ins(const struct gen *to, struct err *err)
{
	char path[PLACE_MAX];
	struct buf names, pem;
	struct str rest, name;
	buf_init(&names, 16 * MIB);
	buf_init(&pem, 64 * KIB);
	int r = gen_find(to, "edge/acme") ? gen_read(to, "edge/acme", &names, err) : 0;
	r = r < 0 || !names.len ? r : gen_read(to, "edge/none.pem", &pem, err);
	for (rest = buf_view(&names); r == 0 && str_next(&rest, '\n', &name) && name.len;)
		if (!fs_exists(place_in_state(path, sizeof path, "acme/live/" STR_FMT ".pem", STR_ARG(name))))
			r = fs_write(path, buf_view(&pem), 0644, err);
	buf_done(&names);
	buf_done(&pem);
	return r;
}

static int edge_run(const struct env *e, const struct step *s, const struct gen *from, const struct gen *to, struct err *err)
{
	struct buf digest;
	(void)from;
	if (s->arg == EDGE_STAND_INS)
		return *to->hex ? stand_ins(to, err) : 0;
	if (!*to->hex || !process_expected(e, "edge") || !gen_find(to, "edge/generation"))
		return 0; /* the supervisor starts and ends it with STATE/current */
	buf_init(&digest, 4 * KIB);
	int r = edge_reload(err);
	r = r < 0 ? r : gen_read(to, "edge/generation", &digest, err);
	r = r < 0 ? r : wait_served(e, buf_view(&digest), err);
	buf_done(&digest);
	return r;
}

static void edge_plan(const struct change *c, enum plan_place place, struct plan *p)
{
	if (place == PLACE_ADD && gen_differs(c->from, c->to, "edge/acme") && gen_find(c->to, "edge/acme"))
		plan_add(p, STEP_EDGE, EDGE_STAND_INS, "");
	if (place == PLACE_ENGINE && gen_differs(c->from, c->to, "edge/"))
		plan_add(p, STEP_EDGE, EDGE_RELOAD, "");
}

/* The first line that isn't as expected names the organisation and the site. */
static int compare(struct str have, struct str want, struct err *err)
{
	struct str h, w;
	while (str_next(&want, '\n', &w) && w.len) {
		if (!str_next(&have, '\n', &h) || !str_eq(h, w)) {
			struct str org, name;
			str_next(&w, ' ', &org);
			str_next(&w, ' ', &name);
			return err_set(err, E_CORRUPT, "edge", "site " STR_FMT " of organisation " STR_FMT " doesn't answer its canary",
			               STR_ARG(name), STR_ARG(org));
		}
	}
	return 0;
}

static int edge_verify(const struct verify_input *in, struct err *err)
{
	static const char *const argv[] = { "curl", "-q", "-K", "-", NULL };
	struct buf out;
	int status = 0;
	if (!in->edge_ask.ptr || !process_expected(in->env, "edge"))
		return 0;
	buf_init(&out, 16 * MIB);
	int r = in->env->run(&(struct proc_opts){ .argv = argv, .input = in->edge_ask, .timeout_ms = 60000, .out = &out, .ret_status = &status }, err);
	r = r < 0 ? r : compare(buf_view(&out), in->edge_expect, err);
	buf_done(&out);
	return r;
}

const struct engine engine_edge = { "edge", edge_plan, edge_run, edge_verify };
