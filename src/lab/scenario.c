/* Plays a story: see scenario.h. Every step acts from outside, as a terminal, a person at the desk or a mail
 * reader would; nothing is put into a later stage of the watch. */
#include "lab/scenario.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"

#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <yyjson.h>

#define VARIABLES_MAX 32
#define BACKGROUND_MAX 16
#define ARGS_MAX 40

struct play {
	struct lab *lab;
	const struct scenario_opts *opts;
	struct arena arena;
	struct {
		const char *name, *value;
	} vars[VARIABLES_MAX];
	size_t n_vars;
	struct {
		const char *name;
		pid_t pid;
	} background[BACKGROUND_MAX];
	size_t n_background;
	int64_t started;
	struct scenario_result result;
};

static const char *variable(const struct play *p, struct str name)
{
	for (size_t i = 0; i < p->n_vars; i++)
		if (str_eq(str_from(p->vars[i].name), name))
			return p->vars[i].value;
	return NULL;
}

/* "${NAME}" replaced; what has no value stays as it is. */
static const char *expand(struct play *p, const char *text)
{
	struct buf b;
	buf_init(&b, 64 * KIB);
	while (*text) {
		const char *at = strstr(text, "${"), *end = at ? strchr(at, '}') : NULL;
		const char *value = end ? variable(p, (struct str){ at + 2, (size_t)(end - at - 2) }) : NULL;
		if (!value) {
			buf_puts(&b, text);
			break;
		}
		buf_put(&b, text, (size_t)(at - text));
		buf_puts(&b, value);
		text = end + 1;
	}
	const char *r = arena_strdup(&p->arena, buf_view(&b));
	buf_done(&b);
	return r ? r : "";
}

static size_t arguments(struct play *p, yyjson_val *list, const char **argv, size_t n)
{
	size_t i, max;
	yyjson_val *v;
	yyjson_arr_foreach(list, i, max, v)
		if (n < ARGS_MAX - 1 && yyjson_is_str(v))
			argv[n++] = expand(p, yyjson_get_str(v));
	argv[n] = NULL;
	return n;
}

static const char *says(const struct play *p, yyjson_val *obj)
{
	const char *s = yyjson_get_str(yyjson_obj_get(obj, p->opts->japanese ? "ja" : "en"));
	return s ? s : "";
}

/* ---- one try of a step: its output and exit code ---- */

static int try_run(struct play *p, yyjson_val *step, struct buf *out, int *status, struct err *err)
{
	const char *argv[ARGS_MAX], *host = yyjson_get_str(yyjson_obj_get(step, "on"));
	char ns[128], name[64];
	arguments(p, yyjson_obj_get(step, "run"), argv, 0);
	snprintf(ns, sizeof ns, "/run/netns/%s", host ? lab_netns(p->lab, host, name) : "");
	return proc_run(&(struct proc_opts){ .argv = argv, .netns = host ? ns : NULL, .timeout_ms = 60000, .out = out,
	                                     .ret_status = status }, err);
}

static int try_toride(struct play *p, yyjson_val *step, struct buf *out, int *status, struct err *err)
{
	char prog[512], state[512], run[512];
	const char *argv[ARGS_MAX] = { "env", state, run, prog };
	snprintf(prog, sizeof prog, "%s/toride", p->lab->bin);
	snprintf(state, sizeof state, "TORIDE_STATE=%s/state", p->lab->dir);
	snprintf(run, sizeof run, "TORIDE_RUN=%s/run", p->lab->dir);
	arguments(p, yyjson_obj_get(step, "toride"), argv, 4);
	return proc_run(&(struct proc_opts){ .argv = argv, .timeout_ms = 60000, .out = out, .ret_status = status }, err);
}

struct mails {
	const char *dir, *to;
	struct buf *out;
	unsigned found;
};

static int read_mail(const char *name, void *user)
{
	struct mails *m = user;
	char path[1024];
	struct buf b;
	buf_init(&b, MIB);
	snprintf(path, sizeof path, "%s/%s", m->dir, name);
	if (fs_read(path, &b, NULL) == 0 && strstr(buf_cstr(&b), m->to)) {
		buf_str(m->out, buf_view(&b));
		m->found++;
	}
	buf_done(&b);
	return 0;
}

/* All mails for an address, one behind another; exit code 1 when there is none. */
static int try_mail(struct play *p, yyjson_val *step, struct buf *out, int *status, struct err *err)
{
	char dir[512];
	struct mails m = { lab_path(p->lab, dir, "mail"), expand(p, yyjson_get_str(yyjson_obj_get(step, "mail"))), out, 0 };
	int r = fs_list(dir, read_mail, &m, err);
	*status = m.found ? 0 : 1;
	return r;
}

static int try_step(struct play *p, yyjson_val *step, struct buf *out, int *status, struct err *err)
{
	if (yyjson_obj_get(step, "run"))
		return try_run(p, step, out, status, err);
	if (yyjson_obj_get(step, "toride"))
		return try_toride(p, step, out, status, err);
	return try_mail(p, step, out, status, err);
}

/* ---- expectations ---- */

static const char *missing(struct play *p, yyjson_val *list, const char *text, bool must_have)
{
	size_t i, max;
	yyjson_val *v;
	yyjson_arr_foreach(list, i, max, v) {
		const char *s = expand(p, yyjson_get_str(v) ? yyjson_get_str(v) : "");
		if ((strstr(text, s) != NULL) != must_have)
			return s;
	}
	return NULL;
}

static bool holds(struct play *p, yyjson_val *step, struct buf *out, int status, char why[256])
{
	yyjson_val *e = yyjson_obj_get(step, "expect"), *code = yyjson_obj_get(e, "exit");
	int want = yyjson_is_int(code) ? yyjson_get_int(code) : 0;
	const char *text = buf_cstr(out), *s;
	if (status != want)
		snprintf(why, 256, "exit code %d, expected %d: %.180s", status, want, text);
	else if ((s = missing(p, yyjson_obj_get(e, "has"), text, true)))
		snprintf(why, 256, "not there: %.80s — got: %.140s", s, text);
	else if ((s = missing(p, yyjson_obj_get(e, "lacks"), text, false)))
		snprintf(why, 256, "there, but must not be: %.200s", s);
	else
		return true;
	return false;
}

static bool capture(struct play *p, yyjson_val *step, const char *text, char why[256])
{
	size_t i, max;
	yyjson_val *k, *v;
	yyjson_obj_foreach(yyjson_obj_get(step, "capture"), i, max, k, v) {
		regex_t re;
		regmatch_t m;
		if (p->n_vars == VARIABLES_MAX || regcomp(&re, yyjson_get_str(v), REG_EXTENDED) != 0)
			return false;
		int r = regexec(&re, text, 1, &m, 0);
		regfree(&re);
		if (r != 0) {
			snprintf(why, 256, "nothing matches %s in: %.150s", yyjson_get_str(v), text);
			return false;
		}
		p->vars[p->n_vars].name = yyjson_get_str(k);
		p->vars[p->n_vars++].value =
			arena_strdup(&p->arena, (struct str){ text + m.rm_so, (size_t)(m.rm_eo - m.rm_so) });
	}
	return true;
}

/* "show": what the command said, below the step. */
static void show(const struct play *p, struct str text)
{
	struct str row;
	while (str_next(&text, '\n', &row))
		if (row.len)
			printf("%s" STR_FMT "\n", p->opts->tap ? "# " : "            ", STR_ARG(row));
}

static void tell(struct play *p, yyjson_val *step, bool ok, const char *why)
{
	const char *what = says(p, yyjson_obj_get(step, "say"));
	double at = (double)(clock_mono_ms() - p->started) / 1000;
	if (p->opts->tap)
		printf("%sok %u - %s%s%s\n", ok ? "" : "not ", p->result.passed + p->result.failed + 1, what, ok ? "" : " # ", ok ? "" : why);
	else
		printf("%s %6.1fs  %s%s%s\n", ok ? "✓" : "✗", at, what, ok ? "" : "\n            ", ok ? "" : why);
	fflush(stdout);
	if (ok)
		p->result.passed++;
	else
		p->result.failed++;
}

/* Once; what it said stays in out for whoever shows it. */
static bool try_once(struct play *p, yyjson_val *step, struct buf *out, char why[256])
{
	struct err err = { 0 };
	int status = -1;
	buf_reset(out);
	if (try_step(p, step, out, &status, &err) < 0) {
		snprintf(why, 256, "%s: %.200s", err.path, err.msg);
		return false;
	}
	return holds(p, step, out, status, why) && capture(p, step, buf_cstr(out), why);
}

static bool acted(struct play *p, yyjson_val *step)
{
	yyjson_val *within = yyjson_obj_get(step, "within");
	int64_t until = clock_mono_ms() + (yyjson_is_num(within) ? (int64_t)(yyjson_get_num(within) * 1000) : 15000);
	char why[256] = "";
	struct buf out;
	bool ok;
	buf_init(&out, 4 * MIB);
	while (!(ok = try_once(p, step, &out, why)) && clock_mono_ms() < until)
		poll(NULL, 0, 200);
	for (char *c = why; *c; c++)
		if (*c == '\n' || *c == '\r')
			*c = ' ';
	tell(p, step, ok, why);
	if (ok && yyjson_get_bool(yyjson_obj_get(step, "show")))
		show(p, buf_view(&out));
	buf_done(&out);
	return ok;
}

/* ---- background ---- */

static int start_background(struct play *p, yyjson_val *step, struct err *err)
{
	const char *argv[ARGS_MAX], *name = yyjson_get_str(yyjson_obj_get(step, "start"));
	const char *host = yyjson_get_str(yyjson_obj_get(step, "on"));
	if (!name || p->n_background == BACKGROUND_MAX)
		return err_set(err, E_INVALID, "start", "no name, or too many");
	arguments(p, yyjson_obj_get(step, "run"), argv, 0);
	p->background[p->n_background].name = name;
	return lab_spawn(p->lab, host, name, argv, &p->background[p->n_background++].pid, err);
}

static void stop_background(struct play *p, const char *name)
{
	for (size_t i = 0; i < p->n_background; i++)
		if ((!name || strcmp(p->background[i].name, name) == 0) && p->background[i].pid > 0) {
			kill(-p->background[i].pid, SIGKILL);
			p->background[i].pid = 0;
		}
}

static bool known_members(yyjson_val *step, struct err *err)
{
	static const char *const names[] = { "say", "on", "run", "toride", "mail", "expect", "within", "capture", "show", "start", "stop", "wait" };
	size_t i, max;
	yyjson_val *k, *v;
	yyjson_obj_foreach(step, i, max, k, v) {
		size_t j = 0;
		while (j < ARRAY_LEN(names) && strcmp(names[j], yyjson_get_str(k)) != 0)
			j++;
		if (j == ARRAY_LEN(names)) {
			err_set(err, E_INVALID, yyjson_get_str(k), "no such member of a step");
			return false;
		}
	}
	return true;
}

/* 0 go on, 1 a failed step, negative: the file is wrong. */
static int play_step(struct play *p, yyjson_val *step, struct err *err)
{
	if (!known_members(step, err))
		return -E_INVALID;
	if (yyjson_obj_get(step, "wait"))
		return poll(NULL, 0, (int)(yyjson_get_num(yyjson_obj_get(step, "wait")) * 1000));
	if (yyjson_obj_get(step, "stop")) {
		stop_background(p, yyjson_get_str(yyjson_obj_get(step, "stop")));
		return 0;
	}
	if (yyjson_obj_get(step, "start")) {
		int r = start_background(p, step, err);
		if (r == 0 && yyjson_obj_get(step, "say"))
			tell(p, step, true, "");
		return r;
	}
	return acted(p, step) ? 0 : 1;
}

int scenario_run(struct lab *l, const char *path, const struct scenario_opts *o, struct scenario_result *ret,
                 struct err *err)
{
	yyjson_read_err re;
	yyjson_doc *doc = yyjson_read_file(path, YYJSON_READ_ALLOW_COMMENTS | YYJSON_READ_ALLOW_TRAILING_COMMAS, NULL, &re);
	if (!doc)
		return err_set(err, E_INVALID, path, "%s at byte %zu", re.msg, re.pos);
	struct play p = { .lab = l, .opts = o, .started = clock_mono_ms(), .vars = { { "DIR", l->dir } }, .n_vars = 1 };
	yyjson_val *steps = yyjson_obj_get(yyjson_doc_get_root(doc), "steps"), *step;
	size_t i, max;
	int r = yyjson_is_arr(steps) ? 0 : err_set(err, E_INVALID, path, "no steps");
	arena_init(&p.arena, 16 * MIB);
	if (r == 0 && !o->tap)
		printf("%s\n", says(&p, yyjson_obj_get(yyjson_doc_get_root(doc), "title")));
	yyjson_arr_foreach(steps, i, max, step) {
		r = play_step(&p, step, err);
		if (r < 0 || (r > 0 && !o->go_on))
			break;
	}
	stop_background(&p, NULL);
	if (o->tap)
		printf("1..%u\n", p.result.passed + p.result.failed);
	*ret = p.result;
	arena_done(&p.arena);
	yyjson_doc_free(doc);
	return r < 0 ? r : 0;
}
