/* toride asset import, asset list, vuln import: what runs where, and what is known to be wrong with it. A child without files or rights reads
 * the file, with ceilings (asset/asset.h), and gives back plain rows; respondd gets these. */
#include "cli/asking.h"
#include "cli/child.h"

#include "asset/asset.h"
#include "base/fs.h"
#include "base/mem.h"
#include "jail/tool.h"
#include "wire/cursor.h"

#include <stdio.h>

#define ROWS_AT_ONCE 20000
#define ROWS_BYTES (256u * MIB)

/* ---- the child: two counts, taken and left out, then the rows' values in the order of these lists */

static void put_assets(struct buf *out, const struct asset *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *v[] = { list[i].address, list[i].name, list[i].vendor, list[i].product, list[i].version };
		for (size_t k = 0; k < ARRAY_LEN(v); k++)
			wr_text(out, str_from(v[k]));
	}
}

static int read_assets(void *user, struct buf *out, struct err *err)
{
	const struct buf *file = user;
	struct arena a;
	struct asset *list = NULL;
	size_t n = 0, left_out = 0;
	arena_init(&a, 256 * MIB);
	int r = jail_tool((struct jail_tool){ 0 }, err);
	r = r < 0 ? r : asset_parse(buf_view(file), &a, &list, &n, &left_out, err);
	wr_u32(out, (uint32_t)n), wr_u32(out, (uint32_t)left_out);
	put_assets(out, list, n);
	arena_done(&a);
	return r;
}

static void put_vulns(struct buf *out, const struct vuln *list, size_t n)
{
	for (const struct vuln *v = list; v < list + n; v++) {
		const char *texts[] = { v->cve, v->vendor, v->product, v->from, v->to };
		for (size_t k = 0; k < ARRAY_LEN(texts); k++)
			wr_text(out, str_from(texts[k]));
		wr_u8(out, v->from_excluded), wr_u8(out, v->to_excluded), wr_u8(out, (uint8_t)v->score10);
	}
}

static int read_vulns(void *user, struct buf *out, struct err *err)
{
	const struct buf *file = user;
	struct arena a;
	struct vuln *list = NULL;
	size_t n = 0, left_out = 0;
	arena_init(&a, 512 * MIB);
	int r = jail_tool((struct jail_tool){ 0 }, err);
	r = r < 0 ? r : vuln_parse(buf_view(file), &a, &list, &n, &left_out, err);
	wr_u32(out, (uint32_t)n), wr_u32(out, (uint32_t)left_out);
	put_vulns(out, list, n);
	arena_done(&a);
	return r;
}

/* ---- the parent */

struct rows {
	struct buf bytes;
	struct rd rd;
	uint32_t n, left_out;
};

static int rows_of(const char *path, size_t max, cli_work *work, struct rows *ret, struct err *err)
{
	struct buf file;
	buf_init(&file, max + 1);
	buf_init(&ret->bytes, 1);
	int r = fs_read(path, &file, err);
	r = r < 0 ? r : cli_child(work, &file, -1, ROWS_BYTES, &ret->bytes, path, err);
	buf_done(&file);
	ret->rd = rd_from(ret->bytes.ptr, r < 0 ? 0 : ret->bytes.len);
	ret->n = rd_u32(&ret->rd), ret->left_out = rd_u32(&ret->rd);
	return r;
}

static void put_texts(struct rd *rd, struct buf *rq, const char *const *keys, size_t n)
{
	char value[ASSET_FIELD + 1];
	for (size_t i = 0; i < n; i++) {
		rd_text(rd, value, sizeof value);
		json_field_s(rq, keys[i], value);
	}
}

static void put_asset(struct rd *rd, struct buf *rq)
{
	static const char *const keys[] = { "address", "name", "vendor", "product", "version" };
	put_texts(rd, rq, keys, ARRAY_LEN(keys));
}

static void put_vuln(struct rd *rd, struct buf *rq)
{
	static const char *const keys[] = { "cve", "vendor", "product", "from", "to" };
	put_texts(rd, rq, keys, ARRAY_LEN(keys));
	json_field_bool(rq, "from_excluded", rd_u8(rd) != 0);
	json_field_bool(rq, "to_excluded", rd_u8(rd) != 0);
	json_field_u64(rq, "score10", rd_u8(rd));
}

/* The next n rows as the request's last field. */
static void put_rows(struct rows *rows, uint32_t n, void (*put)(struct rd *, struct buf *), struct buf *rq)
{
	json_key(rq, "rows");
	buf_putc(rq, '[');
	for (uint32_t i = 0; i < n && !rows->rd.bad; i++) {
		buf_puts(rq, i ? ",{" : "{");
		put(&rows->rd, rq);
		buf_putc(rq, '}');
	}
	buf_putc(rq, ']');
}

static int ask_rows(struct rows *rows, struct buf *rq, bool last, struct err *err)
{
	struct buf reply;
	if (rows->rd.bad || (last && rd_end(&rows->rd) < 0)) {
		buf_done(rq);
		return err_set(err, E_IO, "", "what reads the file gave back no rows");
	}
	int r = cli_ask(rq, &reply, 4 * ASK_WAIT_MS, err);
	buf_done(&reply);
	return r;
}

static int finish(struct rows *rows, struct err *err)
{
	if (!err->code)
		printf("%u%s%u%s\n", rows->n, say(" 件を登録しました(使えない項目 ", " taken ("), rows->left_out, say(")", " left out)"));
	buf_done(&rows->bytes);
	return err->code ? cli_error(err) : EXIT_DONE;
}

static int asset_import(int argc, char **argv)
{
	struct err err = { 0 };
	struct buf rq;
	struct rows rows;
	const char *org = cli_option(&argc, argv, "--org"), *by = cli_option(&argc, argv, "--by");
	if (argc != 1 || !org)
		return ask_usage(cli_asset, "asset import");
	if (rows_of(argv[0], ASSET_FILE_BYTES, read_assets, &rows, &err) == 0) {
		cli_request(&rq, "asset.import", by);
		json_field_s(&rq, "org", org);
		put_rows(&rows, rows.n, put_asset, &rq);
		ask_rows(&rows, &rq, true, &err);
	}
	return finish(&rows, &err);
}

static int vuln_import(int argc, char **argv)
{
	struct err err = { 0 };
	struct buf rq;
	struct rows rows;
	const char *name = cli_option(&argc, argv, "--list"), *by = cli_option(&argc, argv, "--by");
	if (argc != 1)
		return ask_usage(cli_asset, "vuln import");
	const char *slash = strrchr(argv[0], '/');
	int r = rows_of(argv[0], VULN_FILE_BYTES, read_vulns, &rows, &err);
	for (uint32_t from = 0, n; r == 0 && (from == 0 || from < rows.n); from += n ? n : 1) {
		n = rows.n - from < ROWS_AT_ONCE ? rows.n - from : ROWS_AT_ONCE;
		cli_request(&rq, "vuln.import", by);
		json_field_s(&rq, "list", name ? name : slash ? slash + 1 : argv[0]);
		json_field_bool(&rq, "first", from == 0);
		put_rows(&rows, n, put_vuln, &rq);
		r = ask_rows(&rows, &rq, from + n == rows.n, &err);
	}
	return finish(&rows, &err);
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
	{ "vuln import", "toride vuln import FILE [--list NAME] [--by NAME]", "takes a vulnerability list: NVD's JSON (2.0), CSAF 2.0 or JVN iPedia's XML (VULDEF)",
	  "脆弱性情報を取り込む(NVD の JSON、CSAF、または JVN iPedia の XML)", vuln_import },
	{ 0 },
};
