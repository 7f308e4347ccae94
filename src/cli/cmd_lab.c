/* toride lab: the demo, the system test and the bench bed. */
#include "cli/cli.h"
#include "lab/board.h"
#include "lab/lab.h"
#include "lab/scenario.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int usage(void)
{
	fputs("usage: toride lab up [DIR] | down | exec HOST -- CMD... | run SCENARIO [--tap] [--board] [--keep] [--desc DIR]\n", stderr);
	return EXIT_USAGE;
}

static const char *description(const struct lab *l, const char *given, char dst[512])
{
	if (given)
		return given;
	snprintf(dst, 512, "%s/examples/saga", l->source);
	return dst;
}

static int lab_cmd_up(int argc, char **argv)
{
	struct lab l;
	struct err err = { 0 };
	char dir[512];
	if (argc > 1)
		return usage();
	int r = lab_open(&l, &err);
	r = r < 0 ? r : lab_up(&l, description(&l, argc ? argv[0] : NULL, dir), &err);
	lab_close(&l);
	return r < 0 ? cli_error(&err) : EXIT_DONE;
}

static int lab_cmd_down(int argc, char **argv)
{
	struct lab l;
	struct err err = { 0 };
	(void)argv;
	if (argc)
		return usage();
	int r = lab_open(&l, &err);
	r = r < 0 ? r : lab_down(&l, &err);
	lab_close(&l);
	return r < 0 ? cli_error(&err) : EXIT_DONE;
}

static int lab_cmd_exec(int argc, char **argv)
{
	struct lab l;
	struct err err = { 0 };
	int at = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;
	if (argc <= at)
		return usage();
	argv[argc] = NULL;
	if (lab_open(&l, &err) == 0)
		lab_exec(&l, argv[0], argv + at, &err);
	return cli_error(&err);
}

static struct lab *interrupted_lab;
static volatile sig_atomic_t stopped;

static void on_stop(int sig)
{
	(void)sig;
	stopped = 1;
}

/* Shows the board while the story plays in a child, and on until Ctrl-C. Returns the story's exit code. */
static int with_board(struct lab *l, const char *scenario, const struct scenario_opts *o, struct err *err)
{
	char story[512];
	int status = 0;
	lab_path(l, story, "log/story");
	pid_t pid = fork();
	if (pid == 0) {
		struct scenario_result res = { 0 };
		int fd = open(story, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		dup2(fd, STDOUT_FILENO);
		int r = fd < 0 ? -E_IO : scenario_run(l, scenario, o, &res, err);
		if (r < 0)
			printf("✗ %s: %s\n", err->path, err->msg);
		fflush(stdout);
		_exit(r < 0 || res.failed ? EXIT_REFUSED : EXIT_DONE);
	}
	fputs("\033[?25l\033[2J", stdout);
	fflush(stdout);
	for (bool running = pid > 0;;) {
		board_draw(l, STDOUT_FILENO, story, o->japanese, err);
		if (running && waitpid(pid, &status, WNOHANG) == pid) {
			running = false;
			FILE *f = fopen(story, "a");
			if (f) {
				fputs(o->japanese ? "物語は終わりました。Ctrl-C で片付けます。\n" : "The story is over. Ctrl-C takes everything down.\n", f);
				fclose(f);
			}
		}
		if (!stopped)
			poll(NULL, 0, 1000);
		if (stopped)
			break;
	}
	if (waitpid(pid, &status, WNOHANG) == 0)
		kill(pid, SIGKILL);
	fputs("\033[?25h\n", stdout);
	fflush(stdout);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_REFUSED;
}

/* Ctrl-C without a board: down, then out. The handler only replaces the process. */
static void on_interrupt(int sig)
{
	char prog[512];
	char *argv[] = { prog, "lab", "down", NULL };
	snprintf(prog, sizeof prog, "%s/toride", interrupted_lab->bin);
	signal(sig, SIG_IGN);
	execv(prog, argv);
	_exit(1);
}

static int lab_cmd_run(int argc, char **argv)
{
	struct lab l;
	struct err err = { 0 };
	struct scenario_opts o = { .tap = cli_flag(&argc, argv, "--tap"), .japanese = cli_japanese() };
	struct scenario_result res = { 0 };
	bool keep = cli_flag(&argc, argv, "--keep"), board = cli_flag(&argc, argv, "--board");
	const char *desc = cli_option(&argc, argv, "--desc");
	char dir[512];
	o.go_on = o.tap;
	if (argc != 1)
		return usage();
	int r = lab_open(&l, &err);
	if (r == 0 && keep && lab_is_up(&l)) {
		r = lab_join(&l, &err);
	} else if (r == 0) {
		interrupted_lab = &l;
		signal(SIGINT, on_interrupt);
		signal(SIGTERM, on_interrupt);
		r = lab_up(&l, description(&l, desc, dir), &err);
		r = r < 0 ? r : lab_sign_in(&l, &err);
	}
	if (r == 0 && board) {
		signal(SIGINT, on_stop);
		signal(SIGTERM, on_stop);
		res.failed = with_board(&l, argv[0], &o, &err) != EXIT_DONE;
	} else if (r == 0) {
		r = scenario_run(&l, argv[0], &o, &res, &err);
	}
	if (!keep && lab_down(&l, r < 0 ? NULL : &err) < 0 && r == 0)
		r = -err.code;
	lab_close(&l);
	if (r < 0)
		return cli_error(&err);
	return res.failed ? EXIT_REFUSED : EXIT_DONE;
}

const struct cli_command cli_lab[] = {
	{ "lab up", "toride lab up [DIR]", "raise a prefecture of network namespaces on this machine",
	  "このマシン上にネットワーク名前空間で県全体を立ち上げる", lab_cmd_up },
	{ "lab down", "toride lab down", "take it down and leave nothing", "ラボを終了し、何も残さない", lab_cmd_down },
	{ "lab exec", "toride lab exec HOST -- CMD...", "run a command as a host of the lab",
	  "ラボ内のホストとしてコマンドを実行する", lab_cmd_exec },
	{ "lab run", "toride lab run SCENARIO [--tap] [--board] [--keep] [--desc DIR]", "play a story step by step; 1 if a step fails",
	  "シナリオを順に実行する(失敗すれば終了コード1)", lab_cmd_run },
	{ 0 },
};
