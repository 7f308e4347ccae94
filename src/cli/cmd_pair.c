/* toride pair: which of two gateways carries the traffic, and letting the other one. */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/err.h"
#include "wire/ctl.h"

#include <poll.h>
#include <stdio.h>

/* The answer's values lie in the document, which keeps its text. NULL: it isn't JSON. */
static int ask_status(yyjson_doc **ret, struct err *err)
{
	struct buf request, reply;
	cli_request(&request, "status", NULL);
	int r = cli_ask(&request, &reply, 5000, err);
	if (r == 0)
		*ret = yyjson_read(reply.ptr, reply.len, 0);
	buf_done(&reply);
	return r;
}

/* What replicad sees of the desk's state (pair/copy.h). */
static bool counted(yyjson_val *root, const char *name)
{
	size_t i, n;
	yyjson_val *row;
	yyjson_arr_foreach(yyjson_obj_get(root, "counters"), i, n, row)
		if (!ctl_str(row, "org").len && ctl_u64(yyjson_obj_get(row, "replicad"), name, 0))
			return true;
	return false;
}

static void show_desk(yyjson_val *root, bool active)
{
	bool copied = counted(root, "pair_desk_copied"), waits = counted(root, "pair_desk_waits");
	if (active && copied && waits)
		puts(say("窓口の記録: 両方のノードに書いてから確定しています", "desk: at both nodes before it is acknowledged"));
	else if (active)
		puts(say("窓口の記録: このノードだけにあります（もう一方に写せていません）", "desk: at this node alone; the other one has no copy that keeps up"));
	else if (copied)
		puts(say("窓口の記録: もう一方のノードから写しています", "desk: a copy that follows the other node"));
	else
		puts(say("窓口の記録: まだ写せていません", "desk: no copy that follows yet"));
}

static int run_pair(int argc, char **argv)
{
	struct err err = { 0 };
	yyjson_doc *doc = NULL;
	(void)argv;
	if (argc != 0)
		return cli_usage(cli_pair);
	int r = ask_status(&doc, &err);
	struct str role = ctl_str(yyjson_doc_get_root(doc), "pair");
	int code = EXIT_DONE;
	if (r < 0)
		code = cli_error(&err);
	else if (str_eq(role, STR("active")))
		puts(say("active: このノードが通信を担っています", "active: this node carries the traffic"));
	else if (str_eq(role, STR("standby")))
		puts(say("standby: このノードは待機しています", "standby: this node stands by"));
	else
		puts(say("none: このノードは二重化されていません", "none: this node isn't one of a pair"));
	if (r == 0 && !str_eq(role, STR("active")) && !str_eq(role, STR("standby")))
		code = EXIT_REFUSED;
	else if (r == 0)
		show_desk(yyjson_doc_get_root(doc), str_eq(role, STR("active")));
	yyjson_doc_free(doc);
	return code;
}

#define YIELD_S 15 /* the other node takes over within a second, or it can't: then this one goes on after six (paird.c, YIELD_MS and BETTER_MS) */

/* 1: it stands by, 0: not yet, or the code of what went wrong. */
static int stands_by(struct err *err)
{
	yyjson_doc *doc = NULL;
	int r = ask_status(&doc, err);
	r = r < 0 ? r : str_eq(ctl_str(yyjson_doc_get_root(doc), "pair"), STR("standby"));
	yyjson_doc_free(doc);
	return r;
}

static int run_yield(int argc, char **argv)
{
	struct buf request, reply;
	struct err err = { 0 };
	const char *as = cli_option(&argc, argv, "--as");
	if (argc != 0)
		return cli_usage(cli_pair);
	cli_request(&request, "pair.yield", as);
	int r = cli_ask(&request, &reply, 10000, &err);
	buf_done(&reply);
	int64_t until = clock_mono_ms() + YIELD_S * 1000;
	for (int moved = 0; r == 0 && !moved;) {
		moved = stands_by(&err);
		if (moved < 0)
			r = moved;
		else if (!moved && clock_mono_ms() > until)
			r = err_set(&err, E_STATE, "pair", "the other node didn't take over: this one goes on (もう一方のノードが引き継がないため、このノードが続けます)");
		else if (!moved)
			poll(NULL, 0, 100);
	}
	return r < 0 ? cli_error(&err) : EXIT_DONE;
}

const struct cli_command cli_pair[] = {
	{ "pair", "toride pair", "whether this node carries the traffic or stands by; 1 when it isn't one of a pair",
	  "このノードが通信を担っているか待機中か（二重化されていなければ 1）", run_pair },
	{ "pair yield", "toride pair yield [--as NAME]", "let the other node carry the traffic (before an upgrade of this one) and wait until it does; refused where this one stands by",
	  "もう一方のノードに通信を移し、移るまで待つ（このノードの更新の前など）", run_yield },
	{ 0 },
};
