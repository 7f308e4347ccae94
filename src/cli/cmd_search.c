/* toride log search, toride log rebuild: what the index of the log finds (doc/interfaces/search.md), asked through controld, which
 * records who asked for what. */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/mem.h"
#include "normalise/event.h"
#include "wire/ctl.h"

#include <poll.h>
#include <stdio.h>

#define SEARCH_WAIT_MS 60000
#define REBUILT_MS 500
#define SWEEP_WAIT_MS 300000 /* the sealed records may have to be read */

static struct str first_of(const struct event *e, const char *path, const char *otherwise)
{
	struct str s = event_str(e, path);
	return s.len ? s : event_str(e, otherwise);
}

/* What most says what a record is about; the rest is in --json and in log show. */
static void print_record(yyjson_val *r)
{
	static const char *const about[] = { "http_request.http_method", "http_request.url.url_string", "query.hostname", "dst_endpoint.ip",
		                                 "api.operation", "activity_name", "app.name", "malware.name", "message" };
	const struct event e = { .root = yyjson_obj_get(r, "record") };
	char when[CLOCK_TEXT];
	clock_format_jst((int64_t)ctl_u64(e.root, "time", 0), when);
	struct str rule = event_str(&e, "rule.uid"), name = ctl_str(r, "name");
	struct buf b;
	buf_init(&b, MIB);
	buf_printf(&b, "%.19s  %-7.*s %-8.*s %-9.*s %-15.*s", when, STR_ARG(event_str(&e, "org")), STR_ARG(event_str(&e, "product")),
	       STR_ARG(first_of(&e, "disposition", "action")), STR_ARG(first_of(&e, "src_endpoint.ip", "actor.user")));
	for (size_t i = 0; i < ARRAY_LEN(about); i++) {
		struct str s = event_str(&e, about[i]);
		if (s.len)
			buf_printf(&b, " " STR_FMT, STR_ARG(s));
	}
	buf_printf(&b, "%s" STR_FMT "%s  " STR_FMT, rule.len ? " [" : "", STR_ARG(rule), rule.len ? "]" : "", STR_ARG(name));
	cli_line(&b);
}

static void print_count(yyjson_val *c)
{
	char when[CLOCK_TEXT];
	struct buf b;
	buf_init(&b, MIB);
	clock_format_jst((int64_t)ctl_u64(c, "last", 0), when);
	buf_printf(&b, "%10llu  %.19s  " STR_FMT, (unsigned long long)ctl_u64(c, "count", 0), when, STR_ARG(ctl_str(c, "value")));
	cli_line(&b);
}

/* What was found is told, but nobody may take it for all there is: EXIT_COULD_NOT, also for those who read --json. */
static int print_incomplete(yyjson_val *root)
{
	char when[CLOCK_TEXT];
	clock_format_jst((int64_t)ctl_u64(root, "searched_from", 0), when);
	fprintf(stderr, cli_japanese() ? "時間切れです。%s より前はまだ検索していません。続きは --to %s で検索できます。\n" :
	                                 "The time has run out: nothing before %s was searched yet. --to %s goes on from there.\n", when, when);
	return EXIT_COULD_NOT;
}

/* 1 when nothing was found, as of grep. */
static int print_found(yyjson_val *root, bool json)
{
	yyjson_val *counts = yyjson_obj_get(root, "counts"), *list = counts ? counts : yyjson_obj_get(root, "records"), *v;
	size_t i, n;
	yyjson_arr_foreach(list, i, n, v)
		(json ? cli_print_json : counts ? print_count : print_record)(v);
	bool incomplete = ctl_bool(root, "incomplete", false);
	if (json)
		return incomplete ? print_incomplete(root) : n ? EXIT_DONE : EXIT_REFUSED;
	fprintf(stderr, cli_japanese() ? "%zu件%s(%.2f 秒)\n" : "%zu found%s (%.2f s)\n", n,
	        ctl_bool(root, "more", false) ? say("、ほかにもあります。-n で増やせます", ", there are more: -n shows more") : "",
	        (double)ctl_u64(root, "took_ms", 0) / 1000);
	return incomplete ? print_incomplete(root) : n ? EXIT_DONE : EXIT_REFUSED;
}

/* Whose, by what, and of when; NULL and 0: not said. */
static void put_scope(struct buf *rq, const char *org, const char *by, int64_t from, int64_t to)
{
	if (org)
		json_field_s(rq, "org", org);
	if (by)
		json_field_s(rq, "group", by);
	if (from)
		json_field_u64(rq, "from", (uint64_t)from);
	if (to)
		json_field_u64(rq, "to", (uint64_t)to);
}

static int log_search(int argc, char **argv)
{
	struct err err = { 0 };
	struct buf rq, reply, query;
	int64_t from, to;
	uint64_t n = 50;
	bool json = cli_flag(&argc, argv, "--json");
	const char *org = cli_option(&argc, argv, "--org"), *by = cli_option(&argc, argv, "--by"), *lines = cli_option(&argc, argv, "-n");
	const char *since = cli_option(&argc, argv, "--from"), *until = cli_option(&argc, argv, "--to");
	if (lines && !str_to_u64(str_from(lines), 10000, &n))
		return cli_usage(&cli_search[0]);
	if (cli_since(since, &from, &err) < 0 || cli_since(until, &to, &err) < 0)
		return cli_error(&err);
	buf_init(&query, 8 * KIB);
	for (int i = 0; i < argc; i++)
		buf_printf(&query, "%s%s", i ? " " : "", argv[i]);
	if (query.failed) {
		buf_done(&query);
		return cli_error(&(struct err){ .code = E_LIMIT, .path = "query", .msg = "too long" });
	}
	cli_request(&rq, "log.search", NULL);
	json_field(&rq, "query", buf_view(&query));
	put_scope(&rq, org, by, from, to);
	json_field_u64(&rq, "limit", n);
	int code = cli_ask(&rq, &reply, SEARCH_WAIT_MS, &err) < 0 ? cli_error(&err) : EXIT_DONE;
	if (code == EXIT_DONE) {
		yyjson_doc *doc = yyjson_read(reply.ptr, reply.len, 0);
		code = print_found(yyjson_doc_get_root(doc), json);
		yyjson_doc_free(doc);
	}
	buf_done(&query);
	buf_done(&reply);
	return code;
}

/* ---- who met it ---- */

static int print_hits(yyjson_val *root, bool json)
{
	yyjson_val *list = yyjson_obj_get(root, "hits"), *h;
	char first[CLOCK_TEXT], last[CLOCK_TEXT];
	size_t i, n;
	struct buf b;
	yyjson_arr_foreach(list, i, n, h) {
		if (json) {
			cli_print_json(h);
			continue;
		}
		clock_format_jst((int64_t)ctl_u64(h, "first", 0), first);
		clock_format_jst((int64_t)ctl_u64(h, "last", 0), last);
		buf_init(&b, MIB);
		buf_printf(&b, STR_FMT "  %-15.*s %s %llu %s %llu  %.19s - %.19s  " STR_FMT, STR_ARG(ctl_str(h, "org")), STR_ARG(ctl_str(h, "terminal")),
		       say("通った", "passed"), (unsigned long long)ctl_u64(h, "passed", 0), say("止めた", "refused"),
		       (unsigned long long)ctl_u64(h, "refused", 0), first, last, STR_ARG(ctl_str(h, "record")));
		cli_line(&b);
	}
	if (!json)
		fprintf(stderr, "%zu%s%s%s\n", n, say("台", " terminals"),
		        str_eq(ctl_str(root, "source"), STR("sealed")) ? say("(封印済みの記録から)", " (from the sealed records)") : "",
		        ctl_bool(root, "more", false) ? say("、ほかにもあります", ", there are more") : "");
	return n ? EXIT_DONE : EXIT_REFUSED;
}

static int log_who(int argc, char **argv)
{
	struct err err = { 0 };
	struct buf rq, reply;
	int64_t from, to;
	bool json = cli_flag(&argc, argv, "--json"), sealed = cli_flag(&argc, argv, "--sealed");
	const char *org = cli_option(&argc, argv, "--org"), *type = cli_option(&argc, argv, "--type");
	const char *since = cli_option(&argc, argv, "--from"), *until = cli_option(&argc, argv, "--to");
	if (argc != 1 || argv[0][0] == '-')
		return cli_usage(&cli_search[1]);
	if (cli_since(since, &from, &err) < 0 || cli_since(until, &to, &err) < 0)
		return cli_error(&err);
	cli_request(&rq, "log.sweep", NULL);
	json_field_s(&rq, "type", type ? type : cli_observable(argv[0]));
	json_field_s(&rq, "value", argv[0]);
	if (org)
		json_field_s(&rq, "org", org);
	if (from)
		json_field_u64(&rq, "from", (uint64_t)from);
	if (to)
		json_field_u64(&rq, "to", (uint64_t)to);
	json_field_bool(&rq, "sealed", sealed);
	int code = cli_ask(&rq, &reply, SWEEP_WAIT_MS, &err) < 0 ? cli_error(&err) : EXIT_DONE;
	if (code == EXIT_DONE) {
		yyjson_doc *doc = yyjson_read(reply.ptr, reply.len, 0);
		code = print_hits(yyjson_doc_get_root(doc), json);
		yyjson_doc_free(doc);
	}
	buf_done(&reply);
	return code;
}

/* ---- how many there were ---- */

static void print_total(yyjson_val *v)
{
	struct buf b;
	buf_init(&b, MIB);
	buf_printf(&b, "%12llu  %s %14llu  %s %14llu  " STR_FMT, (unsigned long long)ctl_u64(v, "records", 0), say("受信", "in"), (unsigned long long)ctl_u64(v, "bytes_in", 0),
	           say("送信", "out"), (unsigned long long)ctl_u64(v, "bytes_out", 0), STR_ARG(ctl_str(v, "value")));
	cli_line(&b);
}

static int print_counts(yyjson_val *root, bool json)
{
	yyjson_val *v;
	size_t i, n;
	yyjson_arr_foreach(yyjson_obj_get(root, "counts"), i, n, v)
		(json ? cli_print_json : print_total)(v);
	return n ? EXIT_DONE : EXIT_REFUSED;
}

static int log_counts(int argc, char **argv)
{
	struct err err = { 0 };
	struct buf rq, reply;
	int64_t from, to;
	bool json = cli_flag(&argc, argv, "--json");
	const char *org = cli_option(&argc, argv, "--org"), *by = cli_option(&argc, argv, "--by");
	const char *since = cli_option(&argc, argv, "--from"), *until = cli_option(&argc, argv, "--to");
	if (argc)
		return cli_usage(&cli_search[2]);
	if (cli_since(since, &from, &err) < 0 || cli_since(until, &to, &err) < 0)
		return cli_error(&err);
	cli_request(&rq, "log.counts", NULL);
	put_scope(&rq, org, by, from, to);
	int code = cli_ask(&rq, &reply, SEARCH_WAIT_MS, &err) < 0 ? cli_error(&err) : EXIT_DONE;
	if (code == EXIT_DONE) {
		yyjson_doc *doc = yyjson_read(reply.ptr, reply.len, 0);
		code = print_counts(yyjson_doc_get_root(doc), json);
		yyjson_doc_free(doc);
	}
	buf_done(&reply);
	return code;
}

/* What couldn't be read, a line a segment. EXIT_REFUSED when some couldn't. */
static int print_rebuilt(yyjson_val *root)
{
	size_t i, n;
	yyjson_val *v;
	char which[24] = "";
	unsigned long long lacking = ctl_u64(root, "lacking", 0), day = ctl_u64(root, "day", 0);
	if (!yyjson_obj_get(root, "ended_ms")) {
		printf("%s\n", say("索引の作り直しが指示されたことはありません。", "The index was never ordered to be filled again."));
		return EXIT_DONE;
	}
	if (day)
		snprintf(which, sizeof which, "%llu", day);
	printf("%s: ", *which ? which : say("索引の全体", "The whole index"));
	if (!lacking) {
		printf("%s\n", say("作り直しが終わりました。欠けはありません。", "filled again; nothing is lacking."));
		return EXIT_DONE;
	}
	printf("%s: %llu\n", say("作り直しましたが、読めないセグメントがありました。その記録は検索に出ません（記録そのものは元のままです）。読めるようにしてから、もう一度作り直してください",
	                        "filled again but for segments that couldn't be read. Searches don't find their records, which are where they were: see to it that they can be read, and fill it again"),
	       lacking);
	yyjson_arr_foreach(yyjson_obj_get(root, "segments"), i, n, v)
		printf("  " STR_FMT "%s: " STR_FMT "\n", STR_ARG(ctl_str(v, "segment")), ctl_bool(v, "and_behind", false) ? say(" とそれ以降", " and what is behind it") : "", STR_ARG(ctl_str(v, "why")));
	return EXIT_REFUSED;
}

/* wait: until it is over. */
static int show_rebuilt(bool wait, bool json)
{
	for (;;) {
		struct err err = { 0 };
		struct buf rq, reply;
		cli_request(&rq, "log.rebuilt", NULL);
		int code = cli_ask(&rq, &reply, SEARCH_WAIT_MS, &err) < 0 ? cli_error(&err) : EXIT_DONE;
		yyjson_doc *doc = code == EXIT_DONE ? yyjson_read(reply.ptr, reply.len, 0) : NULL;
		yyjson_val *root = yyjson_doc_get_root(doc);
		bool under_way = ctl_bool(root, "rebuilding", false);
		if (code == EXIT_DONE && !(wait && under_way)) {
			if (json)
				printf(STR_FMT "\n", STR_ARG(buf_view(&reply)));
			if (under_way && !json)
				printf("%s\n", say("作り直しの途中です。", "It is being filled again just now."));
			code = json ? (ctl_u64(root, "lacking", 0) ? EXIT_REFUSED : EXIT_DONE) : print_rebuilt(root);
		}
		yyjson_doc_free(doc);
		buf_done(&reply);
		if (code != EXIT_DONE || !wait || !under_way)
			return code;
		poll(NULL, 0, REBUILT_MS);
	}
}

static int log_rebuild(int argc, char **argv)
{
	struct err err = { 0 };
	struct buf rq, reply;
	uint64_t n = 0;
	bool wait = cli_flag(&argc, argv, "--wait"), result = cli_flag(&argc, argv, "--result"), json = cli_flag(&argc, argv, "--json");
	const char *day = cli_option(&argc, argv, "--day");
	if (argc || (day && (result || !str_to_u64(str_from(day), 99999999, &n))) || (json && !wait && !result))
		return cli_usage(&cli_search[3]);
	if (result)
		return show_rebuilt(wait, json);
	cli_request(&rq, "log.rebuild", NULL);
	if (day)
		json_field_u64(&rq, "day", n);
	int code = cli_ask(&rq, &reply, SEARCH_WAIT_MS, &err) < 0 ? cli_error(&err) : EXIT_DONE;
	buf_done(&reply);
	if (code == EXIT_DONE && wait)
		return show_rebuilt(true, json);
	if (code == EXIT_DONE)
		printf("%s\n", say("索引を封印済みの記録から作り直しています。終わったか、欠けがないかは toride log rebuild --result で分かります。",
		                   "The index is being filled again from the sealed records; toride log rebuild --result says whether it is over, and what is lacking."));
	return code;
}

/* ---- what is under way ---- */

static void print_query(yyjson_val *q)
{
	struct buf b;
	buf_init(&b, MIB);
	buf_printf(&b, "%6llu  %6.1f %s  %-11.*s %-20.*s %-7.*s " STR_FMT "%s", (unsigned long long)ctl_u64(q, "id", 0), (double)ctl_u64(q, "ms", 0) / 1000, say("秒", "s"),
	           STR_ARG(ctl_str(q, "do")), STR_ARG(ctl_str(q, "by")), STR_ARG(ctl_str(q, "org")), STR_ARG(ctl_str(q, "query")),
	           ctl_bool(q, "ending", false) ? say("  (終了中)", "  (ending)") : "");
	cli_line(&b);
}

static int print_queries(yyjson_val *root, bool json)
{
	yyjson_val *q;
	size_t i, n;
	yyjson_arr_foreach(yyjson_obj_get(root, "queries"), i, n, q)
		(json ? cli_print_json : print_query)(q);
	if (!json && !n)
		fprintf(stderr, "%s\n", say("実行中の検索はありません。", "No search is under way."));
	return EXIT_DONE;
}

static int log_queries(int argc, char **argv)
{
	struct err err = { 0 };
	struct buf rq, reply;
	bool json = cli_flag(&argc, argv, "--json");
	if (argc)
		return cli_usage(&cli_search[4]);
	cli_request(&rq, "log.queries", NULL);
	int code = cli_ask(&rq, &reply, SEARCH_WAIT_MS, &err) < 0 ? cli_error(&err) : EXIT_DONE;
	if (code == EXIT_DONE) {
		yyjson_doc *doc = yyjson_read(reply.ptr, reply.len, 0);
		code = print_queries(yyjson_doc_get_root(doc), json);
		yyjson_doc_free(doc);
	}
	buf_done(&reply);
	return code;
}

static int log_kill(int argc, char **argv)
{
	struct err err = { 0 };
	struct buf rq, reply;
	uint64_t id;
	if (argc != 1 || !str_to_u64(str_from(argv[0]), UINT64_MAX / 2, &id))
		return cli_usage(&cli_search[5]);
	cli_request(&rq, "log.kill", NULL);
	json_field_u64(&rq, "id", id);
	int code = cli_ask(&rq, &reply, SEARCH_WAIT_MS, &err) < 0 ? cli_error(&err) : EXIT_DONE;
	buf_done(&reply);
	if (code == EXIT_DONE)
		printf(cli_japanese() ? "検索 %llu を終了させます。\n" : "Search %llu is being ended.\n", (unsigned long long)id);
	return code;
}

const struct cli_command cli_search[] = {
	{ "log search", "toride log search QUERY [--org CODE] [--from TIME|7d|2h] [--to TIME] [--by COLUMN] [-n LINES] [--json]",
	  "finds records: words, host:*.example.jp, src:10.1.0.0/16, code>=500, and, or, not (doc/interfaces/search.md); 1 if none",
	  "記録を検索する（語、host:*.example.jp、src:10.1.0.0/16、code>=500、and・or・not。なければ 1）", log_search },
	{ "log who", "toride log who HOST|URL|ADDRESS|HASH|MAIL [--type T] [--org CODE] [--from TIME|30d] [--to TIME] [--sealed] [--json]",
	  "which terminals met a destination or a file, and whom a sender's mails went to, in the last 30 days; --sealed: by the sealed records, without the index; 1 if none",
	  "相手先・ファイルに触れた端末、ある差出人のメールを受け取った宛先を調べる（過去30日。--sealed: 索引を使わず封印済みの記録から。なければ 1）", log_who },
	{ "log counts", "toride log counts [--org CODE] [--by org|hour|day|class|product|action|disposition|status|rule|series] [--from TIME|30d] [--to TIME] [--json]",
	  "how many records came, in whole hours; for five years, also where the records have had their time; 1 if none",
	  "届いた記録の件数（1時間単位。記録が保存期間を過ぎて消えたあとも、5年分。なければ 1）", log_counts },
	{ "log rebuild", "toride log rebuild [--day YYYYMMDD] [--wait] | --result [--wait] [--json]",
	  "fills the index again from the sealed records: all of it, or one day, gone on with after a kill; --result, --wait: what the last one lacks; 1 if something",
	  "検索の索引を封印済みの記録から作り直す（全体または1日。--result・--wait: 終わったか、読めなかったものがあるか。あれば 1）", log_rebuild },
	{ "log queries", "toride log queries [--json]", "the searches that are under way: number, how long, which, by whom, of which body",
	  "実行中の検索の一覧（番号・経過時間・種類・依頼者・団体）", log_queries },
	{ "log kill", "toride log kill ID", "ends a search that is under way, at the engine too; it is recorded who did", "実行中の検索を終了させる（索引のエンジンでも止まり、誰が止めたかが記録される）", log_kill },
	{ 0 },
};
