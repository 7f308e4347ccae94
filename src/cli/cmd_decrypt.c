/* What inspection doesn't get on with, as the records show it (index/refusals.h), and one name of it excepted: the description in force is handed
 * in again with that exception, and goes the way of every change (approved by another person). Nothing is excepted by itself. */
#include "cli/cli.h"
#include "cli/description.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/ctl.h"

#include <stdio.h>
#include <yyjson.h>

#define ASK_MS 150000

/* ---- proposals ---- */

static void print_proposal(yyjson_val *v)
{
	char first[CLOCK_TEXT], last[CLOCK_TEXT];
	bool pinned = str_eq(ctl_str(v, "kind"), STR("pinned"));
	const unsigned long long n[] = { ctl_u64(v, "terminals", 0), ctl_u64(v, "trusting", 0), ctl_u64(v, "times", 0), ctl_u64(v, "opened", 0) };
	clock_format_jst((int64_t)ctl_u64(v, "first_ms", 0), first);
	clock_format_jst((int64_t)ctl_u64(v, "last_ms", 0), last);
	printf(STR_FMT "  %-40.*s %s\n", STR_ARG(ctl_str(v, "org")), STR_ARG(ctl_str(v, "host")),
	       pinned ? say("端末のプログラムがクラウドの証明書を拒みます", "a program on the terminal refuses the cloud's certificate")
	              : say("接続先が端末の電子証明書を求めます", "the site wants the terminal's own certificate"));
	if (cli_japanese())
		printf("        端末 %llu 台 (うちクラウドの認証局を信頼 %llu 台)、%llu 回、%.16s から %.16s まで", n[0], n[1], n[2], first, last);
	else
		printf("        %llu terminals (%llu of them trust the authority), %llu times, %.16s to %.16s", n[0], n[1], n[2], first, last);
	if (pinned && cli_japanese())
		printf("、同じプログラムで復号できた端末 %llu 台、JA4 " STR_FMT, n[3], STR_ARG(ctl_str(v, "ja4")));
	else if (pinned)
		printf(", opened for %llu with the same program, JA4 " STR_FMT, n[3], STR_ARG(ctl_str(v, "ja4")));
	printf("%s\n", ctl_bool(v, "strong", false) ? say("、根拠は十分です", "; strong evidence") : say("、根拠はまだ弱い", "; weak evidence"));
}

static int print_all(yyjson_val *root, bool json)
{
	size_t i, n;
	yyjson_val *v;
	yyjson_arr_foreach(yyjson_obj_get(root, "proposals"), i, n, v)
		(json ? cli_print_json : print_proposal)(v);
	if (!json && n == 0)
		fprintf(stderr, "%s\n", say("この期間に候補はありません", "nothing is on record"));
	if (!json && ctl_bool(root, "more", false))
		fprintf(stderr, "%s\n", say("ほかにもあります (--org か --since で絞ってください)", "there are more: narrow by --org or --since"));
	return n ? EXIT_DONE : EXIT_REFUSED;
}

static int run_proposals(int argc, char **argv)
{
	bool json = cli_flag(&argc, argv, "--json");
	const char *org = cli_option(&argc, argv, "--org"), *since = cli_option(&argc, argv, "--since");
	struct buf request, reply;
	struct err err = { 0 };
	int64_t from;
	if (argc)
		return cli_usage(&cli_decrypt[0]);
	if (cli_since(since, &from, &err) < 0)
		return cli_error(&err);
	cli_request(&request, "decrypt.proposals", NULL);
	if (org)
		json_field_s(&request, "org", org);
	if (from)
		json_field_u64(&request, "from", (uint64_t)from);
	int r = cli_ask(&request, &reply, ASK_MS, &err);
	yyjson_doc *doc = r == 0 ? yyjson_read(reply.ptr, reply.len, 0) : NULL;
	int code = r < 0 ? cli_error(&err) : print_all(yyjson_doc_get_root(doc), json);
	yyjson_doc_free(doc);
	buf_done(&reply);
	return code;
}

/* ---- accept ---- */

struct exception {
	const char *name, *org, *owner, *reason, *expires;
};

/* Into the body's list, in place of what stands there for the same name. */
static void put_exception(yyjson_mut_doc *d, yyjson_mut_val *org, const struct exception *x)
{
	yyjson_mut_val *list = yyjson_mut_obj_get(org, "decrypt_exceptions"), *v, *one = yyjson_mut_obj(d);
	size_t i, n, at = SIZE_MAX;
	if (!list) {
		list = yyjson_mut_arr(d);
		yyjson_mut_obj_add_val(d, org, "decrypt_exceptions", list);
	}
	yyjson_mut_arr_foreach(list, i, n, v)
		if (yyjson_mut_equals_str(yyjson_mut_obj_get(v, "name"), x->name))
			at = i;
	yyjson_mut_obj_add_str(d, one, "name", x->name);
	yyjson_mut_obj_add_str(d, one, "owner", x->owner);
	yyjson_mut_obj_add_str(d, one, "reason", x->reason);
	yyjson_mut_obj_add_str(d, one, "expires", x->expires);
	if (at == SIZE_MAX)
		yyjson_mut_arr_append(list, one);
	else
		yyjson_mut_arr_replace(list, at, one);
}

/* The description in force with it, as JSON (free() it); NULL and *err. */
static char *description_with(const struct exception *x, struct err *err)
{
	yyjson_doc *now = cli_generation_file("", "description.json");
	yyjson_mut_doc *d = now ? yyjson_doc_mut_copy(now, NULL) : NULL;
	yyjson_mut_val *o, *org = NULL;
	size_t i, n;
	char *text = NULL;
	yyjson_doc_free(now);
	yyjson_mut_arr_foreach(yyjson_mut_obj_get(d ? yyjson_mut_doc_get_root(d) : NULL, "orgs"), i, n, o)
		if (yyjson_mut_equals_str(yyjson_mut_obj_get(o, "code"), x->org))
			org = o;
	if (!d)
		err_set(err, E_NOT_FOUND, "description.json", "%s", say("適用中の記述がありません", "no description is in force here"));
	else if (!org)
		err_set(err, E_NOT_FOUND, x->org, "%s", say("この団体コードはありません", "no such body"));
	else
		put_exception(d, org, x);
	if (!err->code && !(text = yyjson_mut_write(d, 0, NULL)))
		err_set(err, E_NOMEM, "", "no memory");
	yyjson_mut_doc_free(d);
	return text;
}

static int run_accept(int argc, char **argv)
{
	const char *as = cli_option(&argc, argv, "--as");
	struct exception x = { .org = cli_option(&argc, argv, "--org"), .owner = cli_option(&argc, argv, "--owner"), .reason = cli_option(&argc, argv, "--reason"),
		               .expires = cli_option(&argc, argv, "--expires") };
	bool json = cli_flag(&argc, argv, "--json");
	struct err err = { 0 };
	if (argc != 1 || !x.org || !x.owner || !x.reason || !x.expires)
		return cli_usage(&cli_decrypt[1]);
	x.name = argv[0];
	char *text = description_with(&x, &err);
	return text ? cli_submit_text(text, as, json) : cli_error(&err);
}

const struct cli_command cli_decrypt[] = {
	{ "decrypt proposals", "toride decrypt proposals [--org CODE] [--since 7d|TIME] [--json]",
	  "programs that refuse the cloud's certificate and sites that want the terminal's (last 30 days), with the evidence; 1 if there are none",
	  "クラウドの証明書を拒むプログラムと、端末の電子証明書を求める接続先 (過去30日) を、根拠とともに示します。なければ 1", run_proposals },
	{ "decrypt accept", "toride decrypt accept NAME --org CODE --owner WHO --reason TEXT --expires TIME [--as NAME] [--json]",
	  "hands in the description in force with an exception of decryption for that name; prints its digest, which another person approves",
	  "今の記述に、その接続先の復号の例外を加えて提出し、ダイジェストを示します (別の人が承認します)", run_accept },
	{ 0 },
};
