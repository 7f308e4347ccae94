/* toride asset import, asset list, vuln import: what runs where, and what is known to be wrong with it. The files are read here, with
 * ceilings (asset/asset.h); respondd gets plain rows. */
#include "cli/asking.h"

#include "asset/asset.h"
#include "base/fs.h"
#include "base/mem.h"

#include <stdio.h>

#define ROWS_AT_ONCE 20000

static int read_file(const char *path, size_t max, struct buf *b, struct err *err)
{
	buf_init(b, max + 1);
	return fs_read(path, b, err);
}

static int done(struct err *err, struct buf *file, struct arena *a)
{
	buf_done(file);
	arena_done(a);
	return err->code ? cli_error(err) : EXIT_DONE;
}

static int asset_import(int argc, char **argv)
{
	struct err err = { 0 };
	struct buf file, rq, reply;
	struct arena a;
	struct asset *list = NULL;
	size_t n = 0, out = 0;
	const char *org = cli_option(&argc, argv, "--org"), *by = cli_option(&argc, argv, "--by");
	if (argc != 1 || !org)
		return ask_usage(cli_asset, "asset import");
	arena_init(&a, 256 * MIB);
	if (read_file(argv[0], ASSET_FILE_BYTES, &file, &err) < 0 || asset_parse(buf_view(&file), &a, &list, &n, &out, &err) < 0)
		return done(&err, &file, &a);
	cli_request(&rq, "asset.import", by);
	json_field_s(&rq, "org", org);
	json_key(&rq, "rows");
	buf_putc(&rq, '[');
	for (size_t i = 0; i < n; i++) {
		buf_puts(&rq, i ? ",{" : "{");
		json_field_s(&rq, "address", list[i].address);
		json_field_s(&rq, "name", list[i].name);
		json_field_s(&rq, "vendor", list[i].vendor);
		json_field_s(&rq, "product", list[i].product);
		json_field_s(&rq, "version", list[i].version);
		buf_putc(&rq, '}');
	}
	buf_putc(&rq, ']');
	cli_ask(&rq, &reply, 2 * ASK_WAIT_MS, &err);
	buf_done(&reply);
	if (!err.code)
		printf("%zu%s%zu%s\n", n, say(" 件を登録しました(読めない行 ", " taken ("), out, say(")", " lines left out)"));
	return done(&err, &file, &a);
}

static void put_vuln(struct buf *rq, const struct vuln *v)
{
	buf_putc(rq, '{');
	json_field_s(rq, "cve", v->cve);
	json_field_s(rq, "vendor", v->vendor);
	json_field_s(rq, "product", v->product);
	json_field_s(rq, "from", v->from);
	json_field_s(rq, "to", v->to);
	json_field_bool(rq, "from_excluded", v->from_excluded);
	json_field_bool(rq, "to_excluded", v->to_excluded);
	json_field_u64(rq, "score10", v->score10);
	buf_putc(rq, '}');
}

static int send_vulns(const char *name, const char *by, const struct vuln *list, size_t n, struct err *err)
{
	for (size_t from = 0; from == 0 || from < n; from += ROWS_AT_ONCE) {
		struct buf rq, reply;
		cli_request(&rq, "vuln.import", by);
		json_field_s(&rq, "list", name);
		json_field_bool(&rq, "first", from == 0);
		json_key(&rq, "rows");
		buf_putc(&rq, '[');
		for (size_t i = from; i < n && i < from + ROWS_AT_ONCE; i++) {
			buf_puts(&rq, i > from ? "," : "");
			put_vuln(&rq, &list[i]);
		}
		buf_putc(&rq, ']');
		int r = cli_ask(&rq, &reply, 4 * ASK_WAIT_MS, err);
		buf_done(&reply);
		if (r < 0)
			return r;
	}
	return 0;
}

static int vuln_import(int argc, char **argv)
{
	struct err err = { 0 };
	struct buf file;
	struct arena a;
	struct vuln *list = NULL;
	size_t n = 0, out = 0;
	const char *name = cli_option(&argc, argv, "--list"), *by = cli_option(&argc, argv, "--by");
	if (argc != 1)
		return ask_usage(cli_asset, "vuln import");
	const char *slash = strrchr(argv[0], '/');
	arena_init(&a, 512 * MIB);
	if (read_file(argv[0], VULN_FILE_BYTES, &file, &err) < 0 || vuln_parse(buf_view(&file), &a, &list, &n, &out, &err) < 0)
		return done(&err, &file, &a);
	if (send_vulns(name ? name : slash ? slash + 1 : argv[0], by, list, n, &err) == 0)
		printf("%zu%s%zu%s\n", n, say(" 件を登録しました(使えない項目 ", " taken ("), out, say(")", " entries left out)"));
	return done(&err, &file, &a);
}

static void line_asset(yyjson_val *v)
{
	size_t k, m;
	yyjson_val *w;
	printf("%s  %-15s %s  %s %s", json_text(v, "org"), json_text(v, "address"), json_text(v, "name"), json_text(v, "product"), json_text(v, "version"));
	yyjson_arr_foreach(yyjson_obj_get(v, "vulnerabilities"), k, m, w)
		printf("  %s (%.1f)", json_text(w, "cve"), (double)ctl_u64(w, "score10", 0) / 10);
	printf("\n");
}

static void show_assets(yyjson_val *root, bool json)
{
	show_list(yyjson_obj_get(root, "assets"), json, NULL, line_asset);
}

static int asset_list(int argc, char **argv)
{
	struct asking a;
	ask_begin(&a, &argc, argv, "asset.list");
	ask_option(&a, &argc, argv, "--org");
	if (argc) {
		buf_done(&a.rq);
		return ask_usage(cli_asset, "asset list");
	}
	return ask(&a, show_assets);
}

const struct cli_command cli_asset[] = {
	{ "asset import", "toride asset import FILE.csv --org CODE [--by NAME]", "replaces an organisation's asset list (columns address, name, vendor, product, version)",
	  "団体の資産一覧を登録する(前の一覧と入れ替え)", asset_import },
	{ "asset list", "toride asset list [--org CODE] [--json]", "what runs where, with what is known to be wrong with it", "資産の一覧と、該当する脆弱性", asset_list },
	{ "vuln import", "toride vuln import FILE.json [--list NAME] [--by NAME]", "takes a vulnerability list: NVD's JSON (2.0) or CSAF 2.0",
	  "脆弱性情報を取り込む(NVD の JSON または CSAF)", vuln_import },
	{ 0 },
};
