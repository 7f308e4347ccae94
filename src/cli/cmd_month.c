/* toride report month: a month's numbers as text, CSV or JSON; doc/interfaces/respond.md. */
#include "cli/asking.h"
#include "cli/month.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
	const char *key, *ja, *en;
} sums[] = {
	{ "incidents", "インシデント", "incidents" },
	{ "closed", "完了", "closed" },
	{ "judged", "担当者が判断", "judged" },
	{ "changed", "判断で危険度が変わったもの", "severity changed by judgement" },
	{ "acked", "受領確認", "receipt confirmed" },
	{ "late", "期限を過ぎた緊急連絡", "notices too late" },
	{ "findings", "検知", "findings" },
	{ "events", "関係する記録", "events" },
	{ "blocks", "遮断", "blocks" },
	{ "notices", "連絡", "notices" },
	{ "calls", "電話", "calls" },
	{ "reports", "申告", "reported by people" },
}, spans[] = {
	{ "found_to_judged", "検知から判断まで", "found to judged" },
	{ "judged_to_notice", "判断から緊急連絡まで", "judged to notice" },
	{ "found_to_notice", "検知から緊急連絡まで", "found to notice" },
	{ "notice_to_ack", "連絡から受領確認まで", "notice to receipt" },
};

static unsigned long long at(yyjson_val *list, size_t i)
{
	return yyjson_get_uint(yyjson_arr_get(list, i));
}

/* ---- text ---- */

static void text_span(yyjson_val *times, size_t k)
{
	yyjson_val *t = yyjson_obj_get(times, spans[k].key);
	if (t)
		printf("  %s: %s %.1f%s  95%% %.1f%s  %s %.1f%s (%llu)\n", say(spans[k].ja, spans[k].en), say("中央値", "median"), (double)ctl_u64(t, "median", 0) / 60000,
		       say("分", " min"), (double)ctl_u64(t, "p95", 0) / 60000, say("分", " min"), say("最大", "max"), (double)ctl_u64(t, "max", 0) / 60000,
		       say("分", " min"), (unsigned long long)ctl_u64(t, "n", 0));
}

/* What devices and others wrote, on one line and without control characters. */
static const char *harmless(const char *s, char dst[600])
{
	snprintf(dst, 600, "%s", s);
	cli_harmless(dst, 600);
	return dst;
}

static void text_table(yyjson_val *list, const char *title, const enum words_of *words)
{
	size_t i, n;
	yyjson_val *v;
	char t[600];
	if (!yyjson_arr_size(list))
		return;
	printf("    %s:", title);
	yyjson_arr_foreach(list, i, n, v)
		printf("%s %s %llu", i ? say("、", ",") : "", words ? json_word(*words, v, "value") : harmless(json_text(v, "value"), t), (unsigned long long)ctl_u64(v, "records", 0));
	printf("\n");
}

static void text_records(yyjson_val *records)
{
	static const enum words_of class = WORDS_CLASS, disposition = WORDS_DISPOSITION;
	size_t i, n;
	yyjson_val *v;
	if (!records)
		return;
	printf("  %s %llu\n", say("届いた記録", "records"), (unsigned long long)ctl_u64(records, "sum", 0));
	if (!ctl_u64(records, "sum", 0))
		return;
	printf("    %s:", say("日ごと", "a day"));
	yyjson_arr_foreach(yyjson_obj_get(records, "days"), i, n, v)
		printf(" %llu", (unsigned long long)yyjson_get_uint(v));
	printf("\n");
	text_table(yyjson_obj_get(records, "class"), say("種類", "kinds"), &class);
	text_table(yyjson_obj_get(records, "disposition"), say("処置", "done with them"), &disposition);
	text_table(yyjson_obj_get(records, "rules"), say("多かった規則", "rules that decided most"), NULL);
}

static void text_part(yyjson_val *p)
{
	size_t i, n;
	yyjson_val *v, *sev = yyjson_obj_get(p, "severity");
	printf("  %s %llu  (%s 3: %llu  2: %llu  1: %llu  0: %llu)\n", say("件数", "incidents"), (unsigned long long)ctl_u64(p, "incidents", 0), say("危険度", "severity"),
	       at(sev, 3), at(sev, 2), at(sev, 1), at(sev, 0));
	for (i = 1; i < ARRAY_LEN(sums); i++)
		if (ctl_u64(p, sums[i].key, 0))
			printf("  %s %llu\n", say(sums[i].ja, sums[i].en), (unsigned long long)ctl_u64(p, sums[i].key, 0));
	for (i = 0; i < ARRAY_LEN(spans); i++)
		text_span(yyjson_obj_get(p, "times"), i);
	text_records(yyjson_obj_get(p, "records"));
	if (ctl_u64(p, "incidents", 0) == 0)
		return;
	printf("  %s:", say("日ごとの件数", "a day"));
	yyjson_arr_foreach(yyjson_obj_get(p, "days"), i, n, v)
		printf(" %llu", (unsigned long long)yyjson_get_uint(v));
	printf("\n");
	yyjson_arr_foreach(yyjson_obj_get(p, "rules"), i, n, v)
		printf("  %2zu. %s  %s %llu\n", i + 1, say(json_text(v, "title_ja"), json_text(v, "title")), say("検知", "findings"),
		       (unsigned long long)ctl_u64(v, "findings", 0));
	yyjson_arr_foreach(yyjson_obj_get(p, "list"), i, n, v) {
		char t[CLOCK_TEXT];
		printf("  %s  %s  %llu  %s  %s  %s\n", json_text(v, "number"), json_when(v, "created", t), (unsigned long long)ctl_u64(v, "severity", 0),
		       json_word(WORDS_STATE, v, "state"), json_text(v, "terminal"), say(json_text(v, "title_ja"), json_text(v, "title")));
	}
}

/* ---- what the watch judges by ---- */

static const char *operation_words(const char *operation)
{
	static const struct {
		const char *operation, *ja, *en;
	} table[] = { { "apply", "記述の適用", "description put in force" }, { "rollback", "記述を前に戻した", "description rolled back" }, { "undo", "途中の適用を取り消した", "unfinished change undone" },
		      { "ips.rules.import", "シグネチャの取込み", "signatures taken" }, { "ips.rules.promote", "シグネチャを遮断に", "signatures may drop" },
		      { "ips.rules.demote", "シグネチャを検知のみに", "signatures alert only" }, { "detect.rules", "検知ルールの変更", "detection rules changed" },
		      { "detect.intel", "脅威情報の変更", "threat intelligence changed" } };
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (strcmp(table[i].operation, operation) == 0)
			return say(table[i].ja, table[i].en);
	return operation;
}

static void text_change(yyjson_val *c)
{
	char when[CLOCK_TEXT], t[600];
	size_t i, n;
	yyjson_val *v, *approved = yyjson_obj_get(c, "approved");
	printf("  %s  %s  %s", json_when(c, "time", when), operation_words(json_text(c, "operation")), harmless(json_text(c, "by"), t));
	if (ctl_str(c, "digest").ptr)
		printf("  sha256:%.12s…  %s %s  %s", json_text(c, "digest"), say("提出", "handed in by"), harmless(json_text(c, "author"), t), say("承認", "approved by"));
	yyjson_arr_foreach(approved, i, n, v)
		printf(" %s", harmless(yyjson_is_str(v) ? yyjson_get_str(v) : "", t));
	printf("\n");
	yyjson_arr_foreach(yyjson_obj_get(c, "what"), i, n, v)
		printf("    %s%s%s\n", json_text(v, "org"), ctl_str(v, "org").len ? " " : "", harmless(json_text(v, say("ja", "en")), t));
	if (ctl_u64(c, "more", 0))
		printf("    %s %llu\n", say("ここに載せきれない、検知に関わるほかの変更", "more changes of detection than are listed here:"), (unsigned long long)ctl_u64(c, "more", 0));
	if (ctl_u64(c, "others", 0))
		printf("    %s %llu\n", say("検知に関わらないほかの変更", "other changes, not of detection"), (unsigned long long)ctl_u64(c, "others", 0));
}

static void text_policy(yyjson_val *policy)
{
	size_t i, n;
	yyjson_val *v, *changes = yyjson_obj_get(policy, "changes");
	if (!policy)
		return;
	printf("\n%s\n", say("■ 検知の方針の変更", "Changes of what the watch judges by"));
	if (!yyjson_arr_size(changes))
		printf("  %s\n", say("ありません", "none"));
	yyjson_arr_foreach(changes, i, n, v)
		text_change(v);
	yyjson_arr_foreach(yyjson_obj_get(policy, "unknown"), i, n, v)
		printf("  %s %s: %s\n", say("取得できなかったもの", "couldn't be had"), json_text(v, "what"), json_text(v, "why"));
}

static void show_text(yyjson_val *root)
{
	size_t i, n;
	yyjson_val *v;
	printf("%s %s\n\n%s\n", say("月次監視報告", "Monthly report"), json_text(root, "month"), say("■ 全体傾向", "All"));
	text_part(yyjson_obj_get(root, "all"));
	yyjson_arr_foreach(yyjson_obj_get(root, "orgs"), i, n, v) {
		printf("\n%s %s (%s)\n", say("■ 個別傾向", "Of"), say(json_text(v, "name"), json_text(v, "name_en")), json_text(v, "org"));
		text_part(v);
	}
	text_policy(yyjson_obj_get(root, "policy"));
}

/* ---- CSV (RFC 4180): a row a body, all first ---- */

static void csv_text(const char *s)
{
	/* a cell that a spreadsheet would take for a formula begins with an apostrophe */
	printf("\"%s", strchr("=+-@\t", *s) && *s ? "'" : "");
	for (; *s; s++)
		printf(*s == '"' ? "\"\"" : "%c", *s);
	printf("\"");
}

static void csv_row(const char *org, const char *name, yyjson_val *p)
{
	yyjson_val *sev = yyjson_obj_get(p, "severity"), *times = yyjson_obj_get(p, "times");
	csv_text(org), printf(","), csv_text(name);
	for (size_t s = 0; s < 4; s++)
		printf(",%llu", at(sev, s));
	for (size_t i = 0; i < ARRAY_LEN(sums); i++)
		printf(",%llu", (unsigned long long)ctl_u64(p, sums[i].key, 0));
	for (size_t i = 0; i < ARRAY_LEN(spans); i++) {
		yyjson_val *t = yyjson_obj_get(times, spans[i].key);
		printf(t ? ",%.1f,%.1f" : ",,", (double)ctl_u64(t, "median", 0) / 1000, (double)ctl_u64(t, "max", 0) / 1000);
	}
	printf(yyjson_obj_get(p, "records") ? ",%llu" : ",", (unsigned long long)ctl_u64(yyjson_obj_get(p, "records"), "sum", 0));
	printf("\r\n");
}

static void show_csv(yyjson_val *root)
{
	size_t i, n;
	yyjson_val *v;
	printf("%s,%s,%s0,%s1,%s2,%s3", say("団体コード", "org"), say("団体", "name"), say("危険度", "severity "), say("危険度", "severity "), say("危険度", "severity "),
	       say("危険度", "severity "));
	for (i = 0; i < ARRAY_LEN(sums); i++)
		printf(",%s", say(sums[i].ja, sums[i].en));
	for (i = 0; i < ARRAY_LEN(spans); i++)
		printf(",%s %s,%s %s", say(spans[i].ja, spans[i].en), say("中央値(秒)", "median s"), say(spans[i].ja, spans[i].en), say("最大(秒)", "max s"));
	printf(",%s", say("届いた記録", "records"));
	printf("\r\n");
	csv_row("", say("全体", "all"), yyjson_obj_get(root, "all"));
	yyjson_arr_foreach(yyjson_obj_get(root, "orgs"), i, n, v)
		csv_row(json_text(v, "org"), say(json_text(v, "name"), json_text(v, "name_en")), v);
}

static bool as_csv;
static const char *of_org;

/* What the index and the node know beside respondd's numbers. Who acts for somebody of one prefecture or body sees no change of all of them. */
static yyjson_mut_doc *with_more(yyjson_val *root)
{
	struct err err = { 0 };
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *copy = doc ? yyjson_val_mut_copy(doc, root) : NULL;
	if (!copy) {
		yyjson_mut_doc_free(doc);
		return NULL;
	}
	yyjson_mut_doc_set_root(doc, copy);
	if (month_records(doc, of_org, &err) < 0)
		fprintf(stderr, "toride: %s: %s\n", say("記録の件数を取得できません", "the counts of records can't be had"), err.msg);
	if (!cli_acting() && month_policy(doc, &err) < 0)
		fprintf(stderr, "toride: %s: %s\n", say("方針の変更を取得できません", "the changes of policy can't be had"), err.msg);
	return doc;
}

static void show_month(yyjson_val *root, bool json)
{
	yyjson_mut_doc *more = with_more(root);
	yyjson_doc *doc = more ? yyjson_mut_doc_imut_copy(more, NULL) : NULL;
	yyjson_val *all = doc ? yyjson_doc_get_root(doc) : root;
	if (json)
		cli_print_json(all);
	else if (as_csv)
		show_csv(all);
	else
		show_text(all);
	yyjson_mut_doc_free(more);
	yyjson_doc_free(doc);
}

static int report_month(int argc, char **argv)
{
	struct asking a;
	ask_begin(&a, &argc, argv, "report.month");
	as_csv = cli_flag(&argc, argv, "--csv");
	of_org = cli_option(&argc, argv, "--org");
	if (of_org)
		json_field_s(&a.rq, "org", of_org);
	json_field_bool(&a.rq, "detail", cli_flag(&argc, argv, "--detail"));
	if (argc != 1 || argv[0][0] == '-') {
		buf_done(&a.rq);
		return ask_usage(cli_month, "report month");
	}
	json_field_s(&a.rq, "month", argv[0]);
	return ask(&a, show_month);
}

const struct cli_command cli_month[] = {
	{ "report month", "toride report month YYYY-MM [--org CODE] [--detail] [--csv|--json]",
	  "a month's incidents by organisation, severity, day and rule, and how long each step took; records by day; changes of what the watch judges by",
	  "月次監視報告の数字(団体・危険度・日・検知規則ごとの件数、対応の時間、日ごとの記録、検知の方針の変更)", report_month },
	{ 0 },
};
