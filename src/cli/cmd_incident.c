/* toride incident … and toride block …: what the desk does, asked through controld; doc/interfaces/respond.md. */
#include "cli/asking.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <yyjson.h>

#define ACT_WAIT_MS 10000 /* for a block to act */
#define TRY_WAIT_MS 300000 /* the sealed records may have to be read */

/* ---- showing ---- */

void show_incident_line(yyjson_val *i)
{
	char t[CLOCK_TEXT];
	yyjson_val *sev = yyjson_obj_get(i, "severity"), *notice = yyjson_obj_get(i, "notice");
	const char *told = ctl_u64(notice, "acked", 0)  ? say("受領済", "acknowledged")
	                   : ctl_u64(notice, "sent", 0) ? say("連絡済", "told")
	                   : ctl_u64(notice, "started", 0) ? say("連絡中", "telling")
	                                                   : "-";
	printf("%-17s %s  %llu %s  %-10s %-12s %s  %s  %s\n", json_text(i, "number"), json_text(i, "org"),
	       (unsigned long long)ctl_u64(sev, "effective", 0), yyjson_obj_get(sev, "judged") ? say("判断", "judged") : say("暫定", "provisional"),
	       json_word(WORDS_STATE, i, "state"), told, json_when(i, "created", t), json_text(i, "terminal"), say(json_text(i, "title_ja"), json_text(i, "title")));
}

/* "1.2s", or "-" while it didn't happen. */
static const char *span_text(yyjson_val *times, const char *key, char dst[24])
{
	yyjson_val *ms = yyjson_obj_get(times, key);
	snprintf(dst, 24, "-");
	if (ms)
		snprintf(dst, 24, "%.1fs", (double)yyjson_get_uint(ms) / 1000);
	return dst;
}

static void times_line(yyjson_val *i)
{
	char received[24], block[24], notice[24];
	yyjson_val *times = yyjson_obj_get(i, "times");
	printf("%-15s %s %s %llu  %s %-6s %s %-6s %s %-6s  %s\n", json_text(i, "number"), json_text(i, "org"), say("危険度", "severity"),
	       (unsigned long long)ctl_u64(yyjson_obj_get(i, "severity"), "effective", 0), say("受付", "opened after"), span_text(times, "found_to_received", received),
	       say("遮断", "blocked"), span_text(times, "found_to_block", block), say("連絡", "told"), span_text(times, "found_to_notice", notice),
	       say(json_text(i, "title_ja"), json_text(i, "title")));
}

/* How long it took from the event that raised each. */
static void show_times(yyjson_val *root, bool json)
{
	show_list(yyjson_obj_get(root, "incidents"), json, NULL, times_line);
}

static void show_incidents(yyjson_val *root, bool json)
{
	show_list(yyjson_obj_get(root, "incidents"), json, say("対応中のインシデントはありません。", "No open incident."), show_incident_line);
}

/* Below a block: why it is held, whom it would have hit. */
static void line_replay(yyjson_val *b)
{
	yyjson_val *replay = yyjson_obj_get(b, "replay");
	if (json_text(b, "held")[0])
		printf("    %s\n", json_word(WORDS_REFUSAL, b, "held"));
	if (replay && strcmp(json_text(replay, "state"), "done") == 0)
		printf("    %s %llu %s %llu %s %llu\n", say("過去30日: 団体", "in 30 days: organisations"), (unsigned long long)ctl_u64(replay, "orgs", 0), say("端末", "terminals"),
		       (unsigned long long)ctl_u64(replay, "terminals", 0), say("通った通信", "calls that passed"), (unsigned long long)ctl_u64(replay, "passed", 0));
}

static void line_block(yyjson_val *b)
{
	char t[CLOCK_TEXT];
	printf("%-17s %s  %-9s %-9s %s  %s %s  %s\n", json_text(b, "id"), json_text(b, "org"), json_word(WORDS_BLOCK, b, "state"),
	       json_word(WORDS_OBSERVABLE, b, "kind"), json_text(b, "value"), say("期限", "until"), json_when(b, "expires", t),
	       json_text(b, cli_japanese() || !json_text(b, "reason_en")[0] ? "reason" : "reason_en"));
	if (json_text(b, "verified")[0])
		printf("    %s(%s %llu %s %llu)\n", json_word(WORDS_CHECK, b, "verified"), say("止めた通信", "refused:"),
		       (unsigned long long)ctl_u64(b, "refused", 0), say("通った通信", "passed:"), (unsigned long long)ctl_u64(b, "passed", 0));
	line_replay(b);
}

static void show_blocks(yyjson_val *root, bool json)
{
	show_list(yyjson_obj_get(root, "blocks"), json, say("遮断はありません。", "No block."), line_block);
}

static void show_lists(yyjson_val *inc)
{
	char t[CLOCK_TEXT];
	size_t i, n;
	yyjson_val *v;
	yyjson_arr_foreach(yyjson_obj_get(inc, "observables"), i, n, v)
		printf("  %s: %s\n", json_word(WORDS_OBSERVABLE, v, "type"), json_text(v, "value"));
	printf("\n%s\n", say("経過", "Timeline"));
	yyjson_arr_foreach(yyjson_obj_get(inc, "timeline"), i, n, v)
		printf("  %s  %-10s %s\n", json_when(v, "time", t), json_word(WORDS_ACTOR, v, "actor"), say(json_text(v, "text_ja"), json_text(v, "text")));
	printf("\n%s\n", say("連絡", "Notices"));
	yyjson_arr_foreach(yyjson_obj_get(inc, "notices"), i, n, v)
		printf("  %-22s %-10s %-9s %s <%s> %s\n", json_text(v, "reference"), json_word(WORDS_STEP, v, "step"), json_word(WORDS_MAIL, v, "state"), json_text(v, "recipient"),
		       json_text(v, "mail"), json_text(v, "phone"));
	printf("\n%s\n", say("遮断", "Blocks"));
	yyjson_arr_foreach(yyjson_obj_get(inc, "blocks"), i, n, v)
	{
		printf("  ");
		line_block(v);
	}
	printf("\n%s\n", say("証拠(記録の名前)", "Evidence (names of records)"));
	yyjson_arr_foreach(yyjson_obj_get(inc, "evidence"), i, n, v)
		printf("  %s\n", yyjson_get_str(v));
}

void show_incident(yyjson_val *root, bool json)
{
	yyjson_val *inc = yyjson_obj_get(root, "incident"), *v;
	size_t i, n;
	if (json) {
		cli_print_json(inc);
		return;
	}
	show_incident_line(inc);
	yyjson_arr_foreach(yyjson_obj_get(yyjson_obj_get(inc, "severity"), "reasons"), i, n, v)
		printf("  %s\n", say(json_text(v, "text_ja"), json_text(v, "text")));
	if (yyjson_obj_get(inc, "timeline")) {
		show_lists(inc);
		show_life(inc);
	}
	if (json_text(inc, "call_sheet")[0])
		printf("\n%s%s", say("", "To be read to the organisation by telephone, in Japanese:\n"), json_text(inc, "call_sheet"));
}

void show_id(yyjson_val *root, bool json)
{
	if (json)
		cli_print_json(root);
	else
		printf("%s\n", json_text(root, "id"));
}

static void line_consent(yyjson_val *v)
{
	printf("%s  %s  %s >= %llu  %s %s\n", json_text(v, "org"), ctl_bool(v, "given", false) ? say("事前承認あり", "given") : say("なし", "none"),
	       say("危険度", "severity"), (unsigned long long)ctl_u64(v, "min_severity", 0), json_text(v, "by"), json_text(v, "date"));
}

static void show_consents(yyjson_val *root, bool json)
{
	yyjson_val *list = yyjson_obj_get(root, "consents");
	if (list)
		show_list(list, json, NULL, line_consent);
	else
		show_id(root, json);
}

/* ---- commands ---- */

static int run_list(const char *name, const char *what, int argc, char **argv, void (*show)(yyjson_val *, bool))
{
	struct asking a;
	ask_begin(&a, &argc, argv, what);
	ask_option(&a, &argc, argv, "--org");
	if (cli_flag(&argc, argv, "--all"))
		json_field_bool(&a.rq, "all", true);
	if (argc != 0) {
		buf_done(&a.rq);
		return ask_usage(cli_incident, name);
	}
	return ask(&a, show);
}

static int incident_list(int argc, char **argv)
{
	bool times = cli_flag(&argc, argv, "--times");
	return run_list("incident list", "incident.list", argc, argv, times ? show_times : show_incidents);
}

static int block_list(int argc, char **argv)
{
	return run_list("block list", "block.list", argc, argv, show_blocks);
}

static const char *const by[] = { "--by", "--org", NULL };
static const char *const by_reason[] = { "--by", "--org", "--reason", NULL };
static const char *const by_note[] = { "--by", "--org", "--text", "--state", "--report", NULL };
static const char *const by_open[] = { "--by", "--org", "--terminal", "--observable", "--observable_type", NULL };
static const char *const by_block[] = { "--by", "--org", "--kind", "--reason", "--incident", NULL };

static int incident_open(int argc, char **argv)
{
	return ask_one(cli_incident, "incident open", "incident.open", "title", by_open, argc, argv, show_incident);
}

static int incident_show(int argc, char **argv)
{
	return ask_one(cli_incident, "incident show", "incident.show", "number", by, argc, argv, show_incident);
}

static int incident_judge(int argc, char **argv)
{
	return ask_one(cli_incident, "incident judge", "incident.judge", "number", by_reason, argc, argv, show_incident);
}

static int incident_ack(int argc, char **argv)
{
	return ask_one(cli_incident, "incident ack", "incident.ack", "number", by, argc, argv, show_incident);
}

static int incident_note(int argc, char **argv)
{
	return ask_one(cli_incident, "incident note", "incident.note", "number", by_note, argc, argv, show_incident);
}

static int incident_close(int argc, char **argv)
{
	return ask_one(cli_incident, "incident close", "incident.close", "number", by_reason, argc, argv, show_incident);
}

/* ---- blocks: respondd answers when the order is on its way; people want to know that it acts ---- */

static char awaited[40]; /* the id of show_order() */

static void show_order(yyjson_val *root, bool json)
{
	snprintf(awaited, sizeof awaited, "%s", json_text(root, "id"));
	show_id(root, json);
}

/* The state of the awaited block into dst; "" when it can't be learnt. */
static void ask_state(char *dst, size_t size)
{
	struct buf request, reply;
	size_t i, n;
	yyjson_val *v;
	dst[0] = 0;
	cli_request(&request, "block.list", NULL);
	json_field_bool(&request, "all", true);
	if (cli_ask(&request, &reply, ASK_WAIT_MS, NULL) == 0) {
		yyjson_doc *doc = yyjson_read(reply.ptr, reply.len, 0);
		yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(doc), "blocks"), i, n, v)
			if (strcmp(json_text(v, "id"), awaited) == 0)
				snprintf(dst, size, "%s", json_text(v, "state"));
		yyjson_doc_free(doc);
	}
	buf_done(&reply);
}

/* Until torided has answered. The order stands all the same when it takes longer: respondd goes on trying. */
static int run_order(int code, const char *under_way)
{
	char state[20] = "";
	for (int64_t end = clock_mono_ms() + ACT_WAIT_MS; code == EXIT_DONE && awaited[0] && clock_mono_ms() < end; usleep(30000)) {
		ask_state(state, sizeof state);
		if (strcmp(state, under_way) != 0)
			break;
	}
	if (strcmp(state, "failed") == 0) {
		fprintf(stderr, "%s\n", say("遮断できませんでした。", "The block could not be set."));
		return EXIT_REFUSED;
	}
	if (strcmp(state, "requested") == 0)
		fprintf(stderr, "%s toride block consent %s\n", say("別の人の承認を待っています:", "It waits for another person's approval:"), awaited);
	if (strcmp(state, under_way) == 0)
		fprintf(stderr, "%s\n", say("指示しましたが、まだ実施の確認がありません。", "Ordered; that it acts isn't confirmed yet."));
	return code;
}

static int block_add(int argc, char **argv)
{
	return run_order(ask_one(cli_incident, "block add", "block.add", "value", by_block, argc, argv, show_order), "ordered");
}

static int block_remove(int argc, char **argv)
{
	return run_order(ask_one(cli_incident, "block remove", "block.remove", "id", by, argc, argv, show_order), "removing");
}

/* ---- whom it would have hit ---- */

static unsigned long long tried;

static void show_guarded(yyjson_val *root, bool json)
{
	size_t i, n;
	yyjson_val *v;
	tried = ctl_u64(root, "inquiry", 0);
	yyjson_arr_foreach(yyjson_obj_get(root, "guarded"), i, n, v)
		if (json)
			cli_print_json(v);
		else
			printf("%s  %s: %s\n", json_text(v, "org"), say("止めません", "never blocked"), say(json_text(v, "reason"), json_text(v, "reason_en")));
}

static int block_try(int argc, char **argv)
{
	static const char *const options[] = { "--org", "--kind", "--by", NULL };
	bool json = false;
	for (int i = 0; i < argc; i++)
		json = json || strcmp(argv[i], "--json") == 0;
	int code = ask_one(cli_incident, "block try", "block.try", "value", options, argc, argv, show_guarded);
	for (int64_t end = clock_mono_ms() + TRY_WAIT_MS; code == EXIT_DONE && tried && clock_mono_ms() < end; usleep(100000)) {
		struct buf rq, reply;
		cli_request(&rq, "block.tried", NULL);
		json_field_u64(&rq, "inquiry", tried);
		yyjson_doc *doc = cli_ask(&rq, &reply, ASK_WAIT_MS, NULL) == 0 ? yyjson_read(reply.ptr, reply.len, 0) : NULL;
		yyjson_val *q = yyjson_arr_get_first(yyjson_obj_get(yyjson_doc_get_root(doc), "inquiries"));
		bool over = !q || strcmp(json_text(q, "state"), "waiting") != 0;
		if (over && q)
			json ? cli_print_json(q) : show_inquiry(q);
		yyjson_doc_free(doc);
		buf_done(&reply);
		if (over)
			break;
	}
	return code;
}

static int incident_isolate(int argc, char **argv)
{
	static const char *const options[] = { "--by", "--org", "--terminal", "--reason", NULL };
	return run_order(ask_one(cli_incident, "incident isolate", "incident.isolate", "number", options, argc, argv, show_order), "ordered");
}

static void show_released(yyjson_val *root, bool json)
{
	if (json)
		cli_print_json(root);
	else
		printf("%s %llu\n", say("切り離しを解除します:", "given back:"), (unsigned long long)ctl_u64(root, "released", 0));
}

static int incident_release(int argc, char **argv)
{
	return ask_one(cli_incident, "incident release", "incident.release", "number", by, argc, argv, show_released);
}

static int block_consent(int argc, char **argv)
{
	return ask_one(cli_incident, "block consent", "block.consent", "id", by, argc, argv, show_consents);
}

const struct cli_command cli_incident[] = {
	{ "incident list", "toride incident list [--org CODE] [--all] [--times] [--json]", "open incidents (--all: closed ones too; --times: how long each step took)",
	  "対応中のインシデントの一覧(--all: 終了分も。--times: 検知から受付・遮断・連絡までの時間)", incident_list },
	{ "incident open", "toride incident open TITLE --org CODE --by NAME [--severity 0-3] [--terminal ADDR] [--observable V --observable_type T] [--json]",
	  "opens an incident by hand", "インシデントを手動で登録する", incident_open },
	{ "incident show", "toride incident show NUMBER [--json]", "one incident with its timeline, notices, blocks and evidence",
	  "インシデントの内容(経過・連絡・遮断・証拠)", incident_show },
	{ "incident judge", "toride incident judge NUMBER --severity 0-3 --reason TEXT --by NAME [--json]", "records a named person's judgement; starts the notice clock",
	  "担当者の判断を記録する(緊急連絡の時計が始まる)", incident_judge },
	{ "incident ack", "toride incident ack NUMBER --by NAME [--json]", "records that receipt was confirmed; stops the escalation",
	  "受領確認を記録する(次の連絡先への連絡を止める)", incident_ack },
	{ "incident note", "toride incident note NUMBER --by NAME [--text T] [--state S] [--report first|follow|final] [--json]",
	  "adds to the timeline; moves the state; records a report", "経過の記入・状態の変更・報告の記録", incident_note },
	{ "incident close", "toride incident close NUMBER --reason TEXT --by NAME [--json]", "closes an incident", "インシデントを終了する", incident_close },
	{ "incident isolate", "toride incident isolate NUMBER --reason TEXT [--terminal ADDR] [--hours N] --by NAME [--json]",
	  "cuts one terminal off from the Internet, and only it", "端末1台だけをインターネットから切り離す", incident_isolate },
	{ "incident release", "toride incident release NUMBER --by NAME [--json]", "gives the incident's terminals back", "端末の切り離しを解除する", incident_release },
	{ "block try", "toride block try VALUE --kind address|name|url --org CODE|* [--json] --by NAME",
	  "whom a block would have hit in the last 30 days, and for whom it is never set; blocks nothing", "遮断した場合に過去30日で影響を受けた端末を調べる(遮断はしない)", block_try },
	{ "block list", "toride block list [--org CODE] [--all] [--json]", "blocks in force and requested", "実施中・確認待ちの遮断の一覧", block_list },
	{ "block add", "toride block add VALUE --kind address|name|url|terminal|blackhole|flow --org CODE|* --reason TEXT --by NAME [--hours N] [--incident NUMBER] [--json]",
	  "blocks at once, for a limited time; blackhole and flow ask the upstream, once another person has approved", "期限つきで直ちに遮断する(blackhole・flow は別の人の承認後に上位へ依頼)", block_add },
	{ "block remove", "toride block remove ID --by NAME [--json]", "undoes a block", "遮断を解除する", block_remove },
	{ "block consent", "toride block consent [ID --by NAME] [--json]", "records a body's consent to a requested block; without ID: the prior consents",
	  "遮断への同意を記録する(IDなし: 事前承認の一覧)", block_consent },
	{ 0 },
};
