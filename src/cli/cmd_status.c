/* toride status: every process, engine and organisation as controld sees them. */
#include "cli/cli.h"

#include "base/fs.h"
#include "base/mem.h"
#include "wire/ctl.h"

#include <stdio.h>
#include <string.h>

static const char *state_word(struct str state)
{
	static const struct {
		const char *state, *ja;
	} words[] = { { "ready", "稼働中" },  { "starting", "起動中" }, { "waiting", "待機" },  { "missing", "未導入" },
		      { "backoff", "再起動待ち" }, { "stopping", "停止中" }, { "stopped", "停止" } };
	static char other[32];
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_eq(state, str_from(words[i].state)))
			return say(words[i].ja, words[i].state);
	snprintf(other, sizeof other, "%.*s", (int)(state.len < 31 ? state.len : 31), state.ptr);
	return other;
}

static const char *duration(uint64_t s, char dst[32])
{
	if (s >= 86400)
		snprintf(dst, 32, "%llud%02lluh", (unsigned long long)s / 86400, (unsigned long long)s / 3600 % 24);
	else if (s >= 3600)
		snprintf(dst, 32, "%lluh%02llum", (unsigned long long)s / 3600, (unsigned long long)s / 60 % 60);
	else
		snprintf(dst, 32, "%llum%02llus", (unsigned long long)s / 60, (unsigned long long)s % 60);
	return dst;
}

/* Terminal columns: an East Asian wide letter (here: any of three bytes in UTF-8) takes two. */
static void cell(const char *text, int width)
{
	int columns = 0;
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		columns += *c < 0x80 ? 1 : *c >= 0xe0 ? 2 : 0;
	printf("%s%*s", text, width > columns ? width - columns : 1, "");
}

static void show_processes(yyjson_val *list)
{
	size_t i, n;
	yyjson_val *p;
	cell(say("プロセス", "process"), 12);
	cell(say("状態", "state"), 12);
	cell(say("稼働時間", "up"), 10);
	cell(say("再起動", "restarts"), 10);
	cell(say("メモリ", "memory"), 10);
	printf("%s\n", say("世代・最後の終了", "generation · last end"));
	yyjson_arr_foreach(list, i, n, p) {
		char up[32] = "-", text[64];
		struct str name = ctl_str(p, "name"), ready = ctl_str(p, "ready"), last = ctl_str(p, "last_end");
		snprintf(text, sizeof text, "%.*s", STR_ARG(name));
		cell(text, 12);
		cell(state_word(ctl_str(p, "state")), 12);
		cell(yyjson_obj_get(p, "pid") ? duration(ctl_u64(p, "uptime_s", 0), up) : up, 10);
		snprintf(text, sizeof text, "%llu", (unsigned long long)ctl_u64(p, "restarts", 0));
		cell(text, 10);
		snprintf(text, sizeof text, "%llu MiB", (unsigned long long)ctl_u64(p, "rss_bytes", 0) / MIB);
		cell(text, 10);
		printf("%.*s%s%.*s\n", (int)(ready.len < 19 ? ready.len : 19), ready.len ? ready.ptr : "", last.len && ready.len ? " · " : "",
		       STR_ARG(last));
	}
}

/* The counters people ask for first; --json has all. */
static const struct {
	const char *process, *name, *ja, *en;
} columns[] = {
	{ "proxyd", "requests", "要求", "requests" }, { "proxyd", "denied", "拒否", "denied" }, { "proxyd", "blocked", "遮断", "blocked" },
	{ "intaked", "events", "記録", "events" },    { "detectd", "findings", "検知", "findings" },
};

static void show_organisations(yyjson_val *list)
{
	size_t i, n;
	yyjson_val *o;
	bool head = false;
	yyjson_arr_foreach(list, i, n, o) {
		struct str org = ctl_str(o, "org");
		char text[64];
		if (!org.len)
			continue;
		if (!head) {
			printf("\n");
			cell(say("団体", "organisation"), 14);
			for (size_t c = 0; c < ARRAY_LEN(columns); c++)
				cell(say(columns[c].ja, columns[c].en), 12);
			printf("\n");
			head = true;
		}
		snprintf(text, sizeof text, "%.*s", STR_ARG(org));
		cell(text, 14);
		for (size_t c = 0; c < ARRAY_LEN(columns); c++) {
			snprintf(text, sizeof text, "%llu",
			         (unsigned long long)ctl_u64(yyjson_obj_get(o, columns[c].process), columns[c].name, 0));
			cell(text, 12);
		}
		printf("\n");
	}
}

/* Not all that should run does: 1. A process whose part isn't in the generation ("waiting") or isn't installed doesn't count. */
static int verdict(yyjson_val *root)
{
	size_t i, n;
	yyjson_val *p;
	int code = EXIT_DONE;
	yyjson_arr_foreach(yyjson_obj_get(root, "processes"), i, n, p) {
		struct str s = ctl_str(p, "state");
		if (!str_eq(s, STR("ready")) && !str_eq(s, STR("waiting")) && !str_eq(s, STR("missing")))
			code = EXIT_REFUSED;
	}
	return str_eq(ctl_str(root, "apply"), STR("ok")) ? code : EXIT_REFUSED;
}

static void show(yyjson_val *root)
{
	struct str generation = ctl_str(root, "generation"), apply = ctl_str(root, "apply");
	if (!generation.len)
		generation = STR("-");
	printf("%s %.*s\n", say("適用中の世代:", "generation in force:"), STR_ARG(generation));
	if (!str_eq(apply, STR("ok")))
		printf("%s %.*s\n", say("適用の異常:", "apply:"), STR_ARG(apply));
	printf("\n");
	show_processes(yyjson_obj_get(root, "processes"));
	show_organisations(yyjson_obj_get(root, "counters"));
}

static int run_status(int argc, char **argv)
{
	bool json = cli_flag(&argc, argv, "--json");
	struct buf request, reply;
	struct err err = { 0 };
	if (argc != 0)
		return cli_usage(cli_status);
	cli_request(&request, "status", NULL);
	int r = cli_ask(&request, &reply, 5000, &err);
	yyjson_doc *doc = r == 0 ? yyjson_read(reply.ptr, reply.len, 0) : NULL;
	if (r == 0 && !doc)
		r = err_set(&err, E_INVALID, "controld", "the answer is malformed");
	int code = r < 0 ? cli_error(&err) : verdict(yyjson_doc_get_root(doc));
	if (r == 0 && json)
		printf("%s\n", buf_cstr(&reply));
	else if (r == 0)
		show(yyjson_doc_get_root(doc));
	yyjson_doc_free(doc);
	buf_done(&reply);
	return code;
}

const struct cli_command cli_status[] = {
	{ "status", "toride status [--json]", "every process, engine and organisation; 1 when one that should run does not",
	  "全プロセス、エンジン、団体の状態（動くべきものが動いていなければ 1）", run_status },
	{ 0 },
};
