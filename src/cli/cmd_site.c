/* Commands about public sites. */
#include "cli/cli.h"

#include "base/buf.h"
#include "base/mem.h"
#include "wire/ctl.h"

#include <stdio.h>
#include <stdlib.h>

static int run_csr(int argc, char **argv)
{
	const char *as = cli_option(&argc, argv, "--as");
	struct buf request, reply;
	struct err err = { 0 };
	if (argc < 1)
		return cli_usage(&cli_site[0]);
	cli_request(&request, "site.csr", as);
	json_key(&request, "names");
	for (int i = 0; i < argc; i++) {
		buf_puts(&request, i ? "," : "[");
		json_str(&request, str_from(argv[i]));
	}
	buf_putc(&request, ']');
	int r = cli_ask(&request, &reply, 30000, &err);
	yyjson_doc *doc = r == 0 ? yyjson_read(reply.ptr, reply.len, 0) : NULL;
	struct str csr = ctl_str(yyjson_doc_get_root(doc), "csr");
	if (r == 0)
		printf(STR_FMT, STR_ARG(csr));
	int code = r < 0 ? cli_error(&err) : csr.len ? EXIT_DONE : EXIT_COULD_NOT;
	yyjson_doc_free(doc);
	buf_done(&reply);
	return code;
}

struct word {
	const char *state, *ja, *en;
};

static const char *word_of(struct str state, const struct word *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(state, str_from(words[i].state)))
			return say(words[i].ja, words[i].en);
	return "?";
}

static void print_site(yyjson_val *v, bool json)
{
	static const struct word words[] = { { "good", "有効", "good" }, { "none", "証明書なし", "no certificate yet" }, { "ended", "失効", "ended" },
		                             { "unserved", "未反映", "not what visitors get" } };
	struct str org = ctl_str(v, "org"), site = ctl_str(v, "site"), until = ctl_str(v, "not_after"), state = ctl_str(v, "state"),
		   kind = ctl_str(v, "certificate"), why = ctl_str(v, "why");
	if (json) {
		cli_print_json(v);
		return;
	}
	printf(STR_FMT "  %-32.*s  %.10s  " STR_FMT "  %s%s" STR_FMT "\n", STR_ARG(org), STR_ARG(site), until.ptr ? until.ptr : "-         ", STR_ARG(kind), word_of(state, words, ARRAY_LEN(words)),
	       why.len ? ": " : "", STR_ARG(why));
}

static int run_list(int argc, char **argv)
{
	bool json = cli_flag(&argc, argv, "--json");
	struct buf request, reply;
	struct err err = { 0 };
	size_t i, n;
	yyjson_val *v;
	if (argc)
		return cli_usage(&cli_site[1]);
	cli_request(&request, "site.list", NULL);
	int r = cli_ask(&request, &reply, 30000, &err);
	yyjson_doc *doc = r == 0 ? yyjson_read(reply.ptr, reply.len, 0) : NULL;
	yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(doc), "sites"), i, n, v)
		print_site(v, json);
	yyjson_doc_free(doc);
	buf_done(&reply);
	return r < 0 ? cli_error(&err) : EXIT_DONE;
}

static int run_renew(int argc, char **argv)
{
	const char *as = cli_option(&argc, argv, "--as");
	struct buf request, reply;
	struct err err = { 0 };
	if (argc != 1)
		return cli_usage(&cli_site[2]);
	cli_request(&request, "site.renew", as);
	json_field_s(&request, "site", argv[0]);
	int r = cli_ask(&request, &reply, 30000, &err);
	buf_done(&reply);
	return r < 0 ? cli_error(&err) : EXIT_DONE;
}

static int run_purge(int argc, char **argv)
{
	static const char *const texts[] = { "url", "key", "org" };
	const char *as = cli_option(&argc, argv, "--as"), *given[3] = { cli_option(&argc, argv, "--url"), cli_option(&argc, argv, "--key"), cli_option(&argc, argv, "--org") };
	bool all = cli_flag(&argc, argv, "--all");
	struct buf request, reply;
	struct err err = { 0 };
	if (argc != 1 || !!given[0] + !!given[1] + all != 1)
		return cli_usage(&cli_site[3]);
	cli_request(&request, "site.purge", as);
	json_field_s(&request, "site", argv[0]);
	for (size_t i = 0; i < 3; i++)
		if (given[i])
			json_field_s(&request, texts[i], given[i]);
	if (all)
		json_field_bool(&request, "all", true);
	int r = cli_ask(&request, &reply, 30000, &err);
	yyjson_doc *doc = r == 0 ? yyjson_read(reply.ptr, reply.len, 0) : NULL;
	yyjson_val *root = yyjson_doc_get_root(doc);
	if (r == 0)
		printf(cli_japanese() ? "%llu ページを消しました (%llu ミリ秒)\n" : "%llu pages removed in %llu ms\n", (unsigned long long)ctl_u64(root, "pages", 0),
		       (unsigned long long)ctl_u64(root, "took_ms", 0));
	yyjson_doc_free(doc);
	buf_done(&reply);
	return r < 0 ? cli_error(&err) : EXIT_DONE;
}

static void print_page(yyjson_val *v, bool json)
{
	static const struct word words[] = { { "same", "変わりなし", "the same" }, { "changed", "改ざんの疑い", "CHANGED" }, { "learning", "学習中", "learning" }, { "unseen", "見られない", "not seen" } };
	struct str state = ctl_str(v, "state"), says = ctl_str(v, "says");
	if (json) {
		cli_print_json(v);
		return;
	}
	printf(STR_FMT "  " STR_FMT "  %s  %llu%%  " STR_FMT "\n", STR_ARG(ctl_str(v, "org")), STR_ARG(ctl_str(v, "url")), word_of(state, words, ARRAY_LEN(words)),
	       (unsigned long long)ctl_u64(v, "like", 0), STR_ARG(says));
	if (ctl_str(v, "after").len)
		printf("        %s: " STR_FMT "\n        %s: " STR_FMT "\n", say("以前", "before"), STR_ARG(ctl_str(v, "before")), say("現在", "now"), STR_ARG(ctl_str(v, "after")));
}

static int run_pages(int argc, char **argv)
{
	bool json = cli_flag(&argc, argv, "--json"), changed = false;
	const char *org = cli_option(&argc, argv, "--org");
	struct buf request, reply;
	struct err err = { 0 };
	size_t i, n;
	yyjson_val *v;
	if (argc)
		return cli_usage(&cli_site[5]);
	cli_request(&request, "site.pages", NULL);
	if (org)
		json_field_s(&request, "org", org);
	int r = cli_ask(&request, &reply, 30000, &err);
	yyjson_doc *doc = r == 0 ? yyjson_read(reply.ptr, reply.len, 0) : NULL;
	yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(doc), "pages"), i, n, v) {
		print_page(v, json);
		changed = changed || str_eq(ctl_str(v, "state"), STR("changed"));
	}
	yyjson_doc_free(doc);
	buf_done(&reply);
	return r < 0 ? cli_error(&err) : changed ? EXIT_REFUSED : EXIT_DONE;
}

static int run_approve(int argc, char **argv)
{
	const char *as = cli_option(&argc, argv, "--as"), *path = cli_option(&argc, argv, "--path"), *org = cli_option(&argc, argv, "--org");
	bool alone = cli_flag(&argc, argv, "--alone");
	struct buf request, reply;
	struct err err = { 0 };
	if (argc != 1)
		return cli_usage(&cli_site[6]);
	cli_request(&request, "site.approve", as);
	json_field_s(&request, "site", argv[0]);
	if (path)
		json_field_s(&request, "path", path);
	if (org)
		json_field_s(&request, "org", org);
	if (alone)
		json_field_bool(&request, "alone", true);
	int r = cli_ask(&request, &reply, 30000, &err);
	yyjson_doc *doc = r == 0 ? yyjson_read(reply.ptr, reply.len, 0) : NULL;
	if (r == 0)
		printf(cli_japanese() ? "%llu ページを正しいものとして登録しました\n" : "%llu pages are approved as they are\n", (unsigned long long)ctl_u64(yyjson_doc_get_root(doc), "pages", 0));
	yyjson_doc_free(doc);
	buf_done(&reply);
	return r < 0 ? cli_error(&err) : EXIT_DONE;
}

/* Japanese letters are two columns wide: the heads are padded by hand. */
static void print_stats_head(void)
{
	printf("%s\n", cli_japanese() ? "団体    サイト                            要求数  キャッシュ    2xx    3xx    4xx    5xx  送信MB  WAF検知  WAF遮断  回数制限  中央値ms  95%値ms"
	                               : "body    site                            requests   cached     2xx    3xx    4xx    5xx sent MB WAF told blocked  limited    p50 ms   p95 ms");
}

static void print_stats(yyjson_val *v)
{
	uint64_t n = ctl_u64(v, "requests", 0);
	printf(STR_FMT "  %-30.*s %9llu %7.1f%% %7llu %6llu %6llu %6llu %7.1f %8llu %7llu %8llu %9llu %8llu\n", STR_ARG(ctl_str(v, "org")), STR_ARG(ctl_str(v, "site")),
	       (unsigned long long)n, n ? 100.0 * (double)ctl_u64(v, "from_cache", 0) / (double)n : 0.0, (unsigned long long)ctl_u64(v, "ok", 0),
	       (unsigned long long)ctl_u64(v, "redirected", 0), (unsigned long long)ctl_u64(v, "refused", 0), (unsigned long long)ctl_u64(v, "failed", 0),
	       (double)ctl_u64(v, "bytes_out", 0) / 1e6, (unsigned long long)ctl_u64(v, "waf_told", 0), (unsigned long long)ctl_u64(v, "waf_blocked", 0),
	       (unsigned long long)ctl_u64(v, "limited", 0), (unsigned long long)ctl_u64(v, "p50_ms", 0), (unsigned long long)ctl_u64(v, "p95_ms", 0));
}

static int print_all_stats(yyjson_val *root, bool json)
{
	size_t i, n;
	yyjson_val *v, *list = yyjson_obj_get(root, "sites");
	if (!json && yyjson_arr_size(list))
		print_stats_head();
	yyjson_arr_foreach(list, i, n, v)
		(json ? cli_print_json : print_stats)(v);
	if (!json && n == 0)
		fprintf(stderr, "%s\n", cli_japanese() ? "この期間に記録はありません" : "no request is on record");
	if (!json && ctl_bool(root, "more", false))
		fprintf(stderr, "%s\n", cli_japanese() ? "ほかにもあります (--org か --site で絞ってください)" : "there are more: narrow by --org or --site");
	return n ? EXIT_DONE : EXIT_REFUSED;
}

static int run_stats(int argc, char **argv)
{
	bool json = cli_flag(&argc, argv, "--json");
	const char *org = cli_option(&argc, argv, "--org"), *site = cli_option(&argc, argv, "--site"), *since = cli_option(&argc, argv, "--since");
	struct buf request, reply;
	struct err err = { 0 };
	int64_t from;
	if (argc)
		return cli_usage(&cli_site[4]);
	if (cli_since(since, &from, &err) < 0)
		return cli_error(&err);
	cli_request(&request, "site.stats", NULL);
	if (org)
		json_field_s(&request, "org", org);
	if (site)
		json_field_s(&request, "site", site);
	if (from)
		json_field_u64(&request, "from", (uint64_t)from);
	int r = cli_ask(&request, &reply, 60000, &err);
	yyjson_doc *doc = r == 0 ? yyjson_read(reply.ptr, reply.len, 0) : NULL;
	int code = r < 0 ? cli_error(&err) : print_all_stats(yyjson_doc_get_root(doc), json);
	yyjson_doc_free(doc);
	buf_done(&reply);
	return code;
}

const struct cli_command cli_site[] = {
	{ "site csr", "toride site csr NAME [ALIAS...] [--as WHO]", "makes a site's key in the vault; prints the request for its certificate",
	  "サイトの鍵をヴォルトの中に作り、証明書の申請 (CSR) を示します", run_csr },
	{ "site list", "toride site list [--json]", "the certificates of the public sites: until when, from where, whether they are served",
	  "公開サイトの証明書の期限・取得方法・状態を示します", run_list },
	{ "site renew", "toride site renew NAME [--as WHO]", "asks for a new certificate now, where the site's is got by ACME",
	  "自動取得 (ACME) の証明書を、今すぐ更新します", run_renew },
	{ "site purge", "toride site purge NAME --all | --url URL | --key KEY [--org CODE] [--as WHO]",
	  "takes pages out of the cache at once: all, one (or all that begin so: URL*), or those whose origin gave them that Surrogate-Key",
	  "キャッシュのページをすぐに消します (全部、URL (末尾 * で前方一致)、または配信元が付けた Surrogate-Key で)", run_purge },
	{ "site stats", "toride site stats [--org CODE] [--site NAME] [--since 1h|7d|TIME] [--json]",
	  "what was asked of the public sites (last 24 hours): requests, share of the cache, statuses, bytes, WAF, times; 1 if nothing was",
	  "公開サイトの統計 (過去24時間): 要求数、キャッシュの割合、応答、送信量、WAF、応答時間。記録がなければ 1", run_stats },
	{ "site pages", "toride site pages [--org CODE] [--json]",
	  "the pages that are looked at for defacement: whether each is the one it was, and how much of it is; 1 if one isn't",
	  "改ざんを監視しているページの一覧: 以前と同じか、何%一致するか。変わったものがあれば 1", run_pages },
	{ "site approve", "toride site approve NAME [--path PATH] [--alone] [--org CODE] [--as WHO]",
	  "a page that was told of, or will be shown on a bad day, is right as it is now; --alone: and only so",
	  "今のページを正しいものとして登録します (作り直し、災害時のページなど)。--alone: 以前のものは忘れます", run_approve },
	{ 0 },
};
