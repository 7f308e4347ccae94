/* toride report month: a month's numbers as text, CSV or JSON; doc/interfaces/respond.md. */
#include "cli/asking.h"

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
	printf("\r\n");
	csv_row("", say("全体", "all"), yyjson_obj_get(root, "all"));
	yyjson_arr_foreach(yyjson_obj_get(root, "orgs"), i, n, v)
		csv_row(json_text(v, "org"), say(json_text(v, "name"), json_text(v, "name_en")), v);
}

static bool as_csv;

static void show_month(yyjson_val *root, bool json)
{
	if (json)
		cli_print_json(root);
	else if (as_csv)
		show_csv(root);
	else
		show_text(root);
}

static int report_month(int argc, char **argv)
{
	struct asking a;
	ask_begin(&a, &argc, argv, "report.month");
	as_csv = cli_flag(&argc, argv, "--csv");
	ask_option(&a, &argc, argv, "--org");
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
	  "a month's incidents by organisation, severity, day and rule, and how long each step took", "月次監視報告の数字(団体・危険度・日・検知規則ごとの件数、対応の時間)", report_month },
	{ 0 },
};
