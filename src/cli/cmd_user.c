/* toride user …: who may sign in at the desk. Root's alone, asked through controld; a one-time password is printed once and kept nowhere. */
#include "cli/cli.h"

#include "base/clock.h"
#include "wire/ctl.h"

#include <stdio.h>
#include <stdlib.h>

#define WAIT_MS 30000

static int usage_of(const char *name)
{
	for (const struct cli_command *c = cli_user; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return cli_usage(c);
	return EXIT_USAGE;
}

static const char *role_word(struct str role)
{
	static const struct {
		struct str role;
		const char *ja, *en;
	} table[] = { { STR("operator"), "運用担当", "operator" }, { STR("analyst"), "分析官", "analyst" },
		      { STR("approver"), "県の承認者", "approver" }, { STR("clerk"), "団体の担当者", "clerk" } };
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (str_eq(table[i].role, role))
			return say(table[i].ja, table[i].en);
	return "?";
}

static const char *state_word(struct str state)
{
	static const struct {
		struct str state;
		const char *ja, *en;
	} table[] = { { STR("enabled"), "有効", "enabled" }, { STR("disabled"), "停止", "disabled" }, { STR("locked"), "ロック中", "locked" },
		      { STR("invited"), "初回待ち", "invited" }, { STR("expired"), "初回の期限切れ", "invitation expired" } };
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (str_eq(table[i].state, state))
			return say(table[i].ja, table[i].en);
	return "?";
}

static void show_list(yyjson_val *root, bool json)
{
	size_t i, n;
	yyjson_val *v;
	char t[CLOCK_TEXT];
	yyjson_arr_foreach(yyjson_obj_get(root, "users"), i, n, v)
	{
		struct str name = ctl_str(v, "name"), org = ctl_str(v, ctl_str(v, "org").len ? "org" : "prefecture");
		uint64_t at = ctl_u64(v, "signed_in", 0);
		clock_format_jst((int64_t)at, t);
		t[19] = 0;
		if (json)
			cli_print_json(v);
		else
			printf(STR_FMT "  %s  " STR_FMT "  %s  %s\n", STR_ARG(name), role_word(ctl_str(v, "role")), STR_ARG(org), state_word(ctl_str(v, "state")), at ? t : "-");
	}
}

static void show_password(yyjson_val *root, bool json)
{
	struct str password = ctl_str(root, "password");
	if (json)
		cli_print_json(root);
	else
		printf("%s: " STR_FMT "\n", say("初回のパスワード(7日以内に一度だけ使えます)", "one-time password, good for a week"), STR_ARG(password));
}

static void show_nothing(yyjson_val *root, bool json)
{
	if (json)
		cli_print_json(root);
}

static int ask(struct buf *request, bool json, void (*show)(yyjson_val *root, bool json))
{
	struct err err = { 0 };
	struct buf reply;
	int code = EXIT_DONE;
	if (cli_ask(request, &reply, WAIT_MS, &err) < 0) {
		code = cli_error(&err);
	} else {
		yyjson_doc *doc = yyjson_read(reply.ptr, reply.len, 0);
		show(yyjson_doc_get_root(doc), json);
		yyjson_doc_free(doc);
	}
	buf_done(&reply);
	return code;
}

static int user_add(int argc, char **argv)
{
	const char *role = cli_option(&argc, argv, "--role"), *org = cli_option(&argc, argv, "--org"), *prefecture = cli_option(&argc, argv, "--prefecture");
	bool json = cli_flag(&argc, argv, "--json");
	struct buf rq;
	if (argc != 1 || !role || argv[0][0] == '-')
		return usage_of("user add");
	cli_request(&rq, "user.add", NULL);
	json_field_s(&rq, "name", argv[0]);
	json_field_s(&rq, "role", role);
	if (org)
		json_field_s(&rq, "org", org);
	if (prefecture)
		json_field_s(&rq, "prefecture", prefecture);
	return ask(&rq, json, show_password);
}

static int user_list(int argc, char **argv)
{
	bool json = cli_flag(&argc, argv, "--json");
	struct buf rq;
	(void)argv;
	if (argc)
		return usage_of("user list");
	cli_request(&rq, "user.list", NULL);
	return ask(&rq, json, show_list);
}

static int of_one(const char *name, const char *what, int argc, char **argv, void (*show)(yyjson_val *, bool))
{
	bool json = cli_flag(&argc, argv, "--json");
	struct buf rq;
	if (argc != 1 || argv[0][0] == '-')
		return usage_of(name);
	cli_request(&rq, what, NULL);
	json_field_s(&rq, "name", argv[0]);
	return ask(&rq, json, show);
}

static int user_reset(int argc, char **argv)
{
	return of_one("user reset", "user.reset", argc, argv, show_password);
}

static int user_disable(int argc, char **argv)
{
	return of_one("user disable", "user.disable", argc, argv, show_nothing);
}

static int user_enable(int argc, char **argv)
{
	return of_one("user enable", "user.enable", argc, argv, show_nothing);
}

static int user_unlock(int argc, char **argv)
{
	return of_one("user unlock", "user.unlock", argc, argv, show_nothing);
}

const struct cli_command cli_user[] = {
	{ "user add", "toride user add NAME --role operator|analyst|approver|clerk [--org CODE] [--prefecture NN|all] [--json]",
	  "lets somebody sign in at the desk's page; prints a one-time password (a clerk belongs to one body, an approver to one prefecture)",
	  "画面にログインできる人を加え、初回のパスワードを表示する(clerkは一つの団体、approverは一つの県の担当者)", user_add },
	{ "user list", "toride user list [--json]", "who may sign in, and since when they were last there", "ログインできる人の一覧(最後のログイン)", user_list },
	{ "user reset", "toride user reset NAME", "a new one-time password; the authenticator app is forgotten, sessions end",
	  "初回のパスワードを発行し直す(認証アプリの登録は消え、ログイン中なら終わる)", user_reset },
	{ "user disable", "toride user disable NAME", "no more sign-in; sessions end at once", "ログインできなくする(ログイン中ならすぐ終わる)", user_disable },
	{ "user enable", "toride user enable NAME", "may sign in again", "ふたたびログインできるようにする", user_enable },
	{ "user unlock", "toride user unlock NAME", "after too many wrong tries, before the quarter of an hour is over", "試行回数を超えたロックを、15分を待たずに解く", user_unlock },
	{ 0 },
};
