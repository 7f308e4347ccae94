/* toride incident call, sheet, prove and toride handover: the telephone, what is provable, and the change of shifts;
 * doc/interfaces/respond.md. */
#include "cli/asking.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the telephone ---- */

static int incident_call(int argc, char **argv)
{
	static const char *const options[] = { "--by", "--org", "--to", "--phone", "--result", "--text" };
	struct asking a;
	ask_begin(&a, &argc, argv, "incident.call");
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		ask_option(&a, &argc, argv, options[i]);
	json_field_bool(&a.rq, "ack", cli_flag(&argc, argv, "--ack"));
	if (argc != 1 || argv[0][0] == '-') {
		buf_done(&a.rq);
		return ask_usage(cli_shift, "incident call");
	}
	json_field_s(&a.rq, "number", argv[0]);
	return ask(&a, show_incident);
}

static void show_sheet(yyjson_val *root, bool json)
{
	if (json)
		cli_print_json(root);
	else
		printf("%s%s", say("", "To be read to the organisation by telephone, in Japanese:\n"), json_text(root, "call_sheet"));
}

static const char *const org[] = { "--org", NULL };

static int incident_sheet(int argc, char **argv)
{
	return ask_one(cli_shift, "incident sheet", "incident.sheet", "number", org, argc, argv, show_sheet);
}

/* ---- the database's word against the sealed log's ---- */

struct stages {
	yyjson_doc *shown, *found;
	size_t missing, differ;
};

static int fetch(struct buf *rq, yyjson_doc **ret)
{
	struct buf reply;
	struct err err = { 0 };
	int code = cli_ask(rq, &reply, 2 * ASK_WAIT_MS, &err) < 0 ? cli_error(&err) : EXIT_DONE;
	*ret = code == EXIT_DONE ? yyjson_read(reply.ptr, reply.len, 0) : NULL;
	buf_done(&reply);
	return code;
}

/* The sealed record of one line of the timeline. */
static yyjson_val *sealed_of(const struct stages *s, const char *number, uint64_t id)
{
	size_t i, n;
	yyjson_val *v, *inc;
	yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(s->found), "records"), i, n, v) {
		inc = yyjson_obj_get(yyjson_obj_get(v, "record"), "incident");
		if (ctl_u64(inc, "id", 0) == id && strcmp(json_text(inc, "number"), number) == 0)
			return v;
	}
	return NULL;
}

static void prove_one(struct stages *s, const char *number, yyjson_val *line, bool json)
{
	char t[CLOCK_TEXT];
	yyjson_val *found = sealed_of(s, number, ctl_u64(line, "id", 0)), *rec = yyjson_obj_get(found, "record");
	const char *verdict = "sealed";
	if (!found)
		verdict = "missing", s->missing++;
	else if (strcmp(json_text(yyjson_obj_get(rec, "incident"), "stage"), json_text(line, "kind")) != 0 ||
	         ctl_u64(rec, "time", 0) != ctl_u64(line, "time", 1) ||
	         strcmp(json_text(yyjson_obj_get(rec, "actor"), "user"), json_text(line, "actor")) != 0 ||
	         strcmp(json_text(yyjson_obj_get(rec, "incident"), "values"), json_text(line, "values")) != 0)
		verdict = "differs", s->differ++;
	if (json)
		printf("{\"id\":%llu,\"stage\":\"%s\",\"verdict\":\"%s\",\"record\":\"%s\"}\n", (unsigned long long)ctl_u64(line, "id", 0),
		       json_text(line, "kind"), verdict, json_text(found, "name"));
	else
		printf("%s  %-8s %-28s %s\n", json_when(line, "time", t), verdict, json_text(found, "name"), say(json_text(line, "text_ja"), json_text(line, "text")));
}

static bool all_whole(yyjson_val *root)
{
	size_t i, n;
	yyjson_val *v;
	yyjson_arr_foreach(yyjson_obj_get(root, "records"), i, n, v)
		if (!ctl_bool(v, "whole", true))
			return false;
	return true;
}

static int incident_prove(int argc, char **argv)
{
	bool json = cli_flag(&argc, argv, "--json");
	struct stages s = { 0 };
	struct buf rq, query;
	size_t i, n;
	yyjson_val *v;
	if (argc != 1 || argv[0][0] == '-')
		return ask_usage(cli_shift, "incident prove");
	cli_request(&rq, "incident.show", NULL);
	json_field_s(&rq, "number", argv[0]);
	int code = fetch(&rq, &s.shown);
	if (code != EXIT_DONE)
		return code;
	yyjson_val *inc = yyjson_obj_get(yyjson_doc_get_root(s.shown), "incident");
	buf_init(&query, KIB);
	buf_printf(&query, "operation:incident.stage \"%s\"", json_text(inc, "number"));
	cli_request(&rq, "log.search", NULL);
	json_field(&rq, "query", buf_view(&query));
	json_field_s(&rq, "org", json_text(inc, "org"));
	json_field_u64(&rq, "from", ctl_u64(inc, "created", 1) - 1);
	json_field_u64(&rq, "limit", 10000);
	buf_done(&query);
	code = fetch(&rq, &s.found);
	if (code == EXIT_DONE && ctl_bool(yyjson_doc_get_root(s.found), "incomplete", false)) /* what wasn't looked for isn't missing */
		code = cli_error(&(struct err){ .code = E_TIMEOUT, .path = "log", .msg = "the search for the sealed records took too long" });
	if (code == EXIT_DONE && !all_whole(yyjson_doc_get_root(s.found))) /* nor is what can't be read now */
		code = cli_error(&(struct err){ .code = E_STATE, .path = "log", .msg = "a sealed record can't be read now: toride log search tells which and why (封印された記録が今は読めません)" });
	if (code == EXIT_DONE) {
		yyjson_arr_foreach(yyjson_obj_get(inc, "timeline"), i, n, v)
			prove_one(&s, json_text(inc, "number"), v, json);
		code = s.missing || s.differ ? EXIT_REFUSED : EXIT_DONE;
		if (!json)
			fprintf(stderr, "%s %zu  %s %zu\n", say("封印された記録にない:", "not in the sealed log:"), s.missing, say("食い違う:", "differ:"), s.differ);
	}
	yyjson_doc_free(s.shown);
	yyjson_doc_free(s.found);
	return code;
}

/* ---- shifts ---- */

static void show_handovers(yyjson_val *root, bool json)
{
	char t[CLOCK_TEXT], u[CLOCK_TEXT];
	size_t i, n;
	yyjson_val *v, *list = yyjson_obj_get(root, "handovers");
	if (json) {
		show_json_list(list);
		return;
	}
	yyjson_arr_foreach(list, i, n, v)
		printf("%s#%llu  %s  %s  %s %s\n%s\n", i ? "\n----\n" : "", (unsigned long long)ctl_u64(v, "id", 0), json_when(v, "time", t),
		       json_word(WORDS_SHIFT, v, "kind"), json_text(v, "taken_by")[0] ? say("引継ぎ済み", "taken by") : say("まだ引き継がれていません", "nobody took it yet"),
		       json_text(v, "taken_by")[0] ? json_when(v, "taken", u) : "", json_text(v, "text"));
}

static int handover(int argc, char **argv)
{
	struct asking a;
	struct err err = { 0 };
	int64_t since = 0;
	char kind[16];
	ask_begin(&a, &argc, argv, "shift.handover");
	const char *to = cli_option(&argc, argv, "--to"), *from = cli_option(&argc, argv, "--since");
	ask_option(&a, &argc, argv, "--by");
	if (argc || !to || strlen(to) > 5) {
		buf_done(&a.rq);
		return ask_usage(cli_shift, "handover");
	}
	if (cli_time(from, &since, &err) < 0) {
		buf_done(&a.rq);
		return cli_error(&err);
	}
	snprintf(kind, sizeof kind, "to_%s", to);
	json_field_s(&a.rq, "kind", kind);
	if (since)
		json_field_u64(&a.rq, "since", (uint64_t)since);
	return ask(&a, show_handovers);
}

static int handover_list(int argc, char **argv)
{
	struct asking a;
	ask_begin(&a, &argc, argv, "shift.list");
	if (!ask_number(&a, &argc, argv, "--limit") || argc) {
		buf_done(&a.rq);
		return ask_usage(cli_shift, "handover list");
	}
	return ask(&a, show_handovers);
}

static void show_taken(yyjson_val *root, bool json)
{
	if (json)
		cli_print_json(root);
	else
		printf("%s\n", say("引き継ぎました。", "Taken."));
}

static int handover_take(int argc, char **argv)
{
	struct asking a;
	uint64_t id;
	ask_begin(&a, &argc, argv, "shift.take");
	ask_option(&a, &argc, argv, "--by");
	if (argc != 1 || !str_to_u64(str_from(argv[0]), 1000000000, &id)) {
		buf_done(&a.rq);
		return ask_usage(cli_shift, "handover take");
	}
	json_field_u64(&a.rq, "id", id);
	return ask(&a, show_taken);
}

const struct cli_command cli_shift[] = {
	{ "incident sheet", "toride incident sheet NUMBER [--json]", "what to say on the telephone, to whom, and who was called already",
	  "電話の読み上げ文、電話番号、これまでの電話", incident_sheet },
	{ "incident call", "toride incident call NUMBER --to NAME --result answered|no_answer|busy|left_message|wrong_number [--phone N] [--text T] [--ack] --by NAME",
	  "records a telephone call; --ack: receipt was confirmed", "電話の結果を記録する(--ack: 受領確認が取れた)", incident_call },
	{ "incident prove", "toride incident prove NUMBER [--json]", "holds the timeline against the sealed log; 1 if a line is missing or differs",
	  "経過を封印された記録と突き合わせる(欠けや食い違いがあれば 1)", incident_prove },
	{ "handover", "toride handover --to day|night|noc|soc [--since TIME] [--json] --by NAME", "writes the hand-over to the next shift, the NOC or the SOC",
	  "引継書を作る(交代のときは自動)", handover },
	{ "handover list", "toride handover list [--limit N] [--json]", "hand-overs, newest first", "引継書の一覧", handover_list },
	{ "handover take", "toride handover take ID --by NAME [--json]", "records who took it over", "引き継いだことを記録する", handover_take },
	{ 0 },
};
