/* toride log hold …: a body's records that aren't ended while a case is under way, asked of controld (daemon/holds.c). */
#include "cli/asking.h"

#include <stdio.h>

static void show_hold(yyjson_val *h)
{
	char when[CLOCK_TEXT];
	yyjson_val *a = yyjson_obj_get(h, "release");
	if (ctl_bool(h, "unreadable", false)) {
		printf("%s  %s  %s\n", json_text(h, "org"), json_text(h, "id"),
		       say("この保全のファイルは読み取れません。記録は保全されたままです", "this hold's file can't be read; the records are held all the same"));
		return;
	}
	printf("%s  %s  %.19s  %s  %s: %s", json_text(h, "org"), json_text(h, "id"), json_when(h, "time", when), json_text(h, "by"), json_text(h, "case"),
	       json_text(h, "reason"));
	if (a)
		printf("  [%s %s: %s]", json_text(a, "by"), say("が解除を申請", "wants it released"), json_text(a, "reason"));
	putchar('\n');
}

static void show_holds(yyjson_val *root, bool json)
{
	show_list(yyjson_obj_get(root, "holds"), json, say("保全中の記録はありません", "nothing is held"), show_hold);
}

static void show_added(yyjson_val *root, bool json)
{
	if (json)
		cli_print_json(root);
	else
		printf("%s\n", json_text(root, "id"));
}

static void show_released(yyjson_val *root, bool json)
{
	if (json)
		cli_print_json(root);
	else
		printf("%s\n", ctl_bool(root, "released", false) ? say("解除しました", "released")
		                                                : say("解除を申請しました。別の人が同じコマンドで同意すると解除されます", "asked for: it is released once somebody else gives the same command"));
}

static int run_list(int argc, char **argv)
{
	struct asking a;
	ask_begin(&a, &argc, argv, "hold.list");
	if (argc) {
		buf_done(&a.rq);
		return cli_usage(&cli_hold[0]);
	}
	return ask(&a, show_holds);
}

static int run_add(int argc, char **argv)
{
	struct asking a;
	ask_begin(&a, &argc, argv, "hold.add");
	ask_option(&a, &argc, argv, "--org");
	ask_option(&a, &argc, argv, "--case");
	ask_option(&a, &argc, argv, "--reason");
	if (argc) {
		buf_done(&a.rq);
		return cli_usage(&cli_hold[1]);
	}
	return ask(&a, show_added);
}

static int run_release(int argc, char **argv)
{
	static const char *const options[] = { "--org", "--reason", NULL };
	return ask_one(cli_hold, "log hold release", "hold.release", "id", options, argc, argv, show_released);
}

const struct cli_command cli_hold[] = {
	{ "log hold list", "toride log hold list [--json]", "whose records are held, and why", "保全中の記録の一覧", run_list },
	{ "log hold add", "toride log hold add --org CODE --case TEXT --reason TEXT [--json]", "none of that body's records is ended until the hold is released",
	  "その団体の記録を、保全を解除するまで保存期間が過ぎても消さない", run_add },
	{ "log hold release", "toride log hold release ID --org CODE [--reason TEXT] [--json]", "the first who gives this command asks, another one agrees",
	  "保全を解除する（一人目が申請し、別の一人が同意する）", run_release },
	{ 0 },
};
