/* toride scan: what the gateway would say about a file. */
#include "cli/cli.h"
#include "cli/signatures.h"

#include "base/buf.h"
#include "base/mem.h"
#include "scan/client.h"
#include "scan/type.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static void put_inside(struct buf *b, unsigned groups)
{
	if (!groups)
		return;
	json_key(b, "inside");
	char open = '[';
	for (unsigned g = 0; g < GROUP_COUNT; g++)
		if (groups & 1u << g) {
			buf_putc(b, open);
			json_str(b, str_from(file_group_name((enum file_group)g)));
			open = ',';
		}
	buf_putc(b, ']');
}

static void print_verdict(const char *path, const struct verdict *v, bool json)
{
	char hex[2 * VERDICT_SHA + 1];
	hex_format(v->sha256, VERDICT_SHA, hex);
	if (!json) {
		printf("%s: %s%s%s%s%s (%s, sha256 %s)\n", path, verdict_kind_name(v->kind), v->malware[0] ? " " : "", v->malware,
		       v->where[0] ? " in " : "", v->where, v->type[0] ? v->type : "-", hex);
		return;
	}
	struct buf b;
	buf_init(&b, 64 * KIB);
	buf_puts(&b, "{");
	json_field_s(&b, "path", path);
	json_field_s(&b, "verdict", verdict_kind_name(v->kind));
	if (v->malware[0])
		json_field_s(&b, v->kind == VERDICT_MALICIOUS ? "malware" : "reason", v->malware);
	if (v->where[0])
		json_field_s(&b, "where", v->where);
	if (v->type[0])
		json_field_s(&b, "type", v->type);
	put_inside(&b, v->inside);
	json_field_s(&b, "sha256", hex);
	json_field_bool(&b, "cached", v->cached);
	printf("%s}\n", buf_cstr(&b));
	buf_done(&b);
}

static int scan_file(const char *path, bool json)
{
	struct err err;
	struct verdict v;
	const char *slash = strrchr(path, '/');
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		err_errno(&err, path, "cannot open");
		return cli_error(&err);
	}
	struct scan_job job = { .fd = fd, .name = str_from(slash ? slash + 1 : path), .timeout_ms = 120000 };
	if (scan_once(NULL, &job, &v, &err) < 0)
		return cli_error(&err);
	if (v.kind == VERDICT_ERROR) {
		err_set(&err, E_TIMEOUT, path, "no verdict: %s", v.malware);
		return cli_error(&err);
	}
	print_verdict(path, &v, json);
	return v.kind == VERDICT_CLEAN ? EXIT_DONE : EXIT_REFUSED;
}

static int cmd_scan(int argc, char **argv)
{
	bool json = cli_flag(&argc, argv, "--json");
	int worst = EXIT_DONE;
	if (argc == 0) {
		fprintf(stderr, "%s toride scan FILE... [--json]\n", cli_japanese() ? "使い方:" : "usage:");
		return EXIT_USAGE;
	}
	for (int i = 0; i < argc; i++) {
		int r = scan_file(argv[i], json);
		worst = r > worst ? r : worst;
	}
	return worst;
}

const struct cli_command cli_scan[] = {
	{ "scan", "toride scan FILE... [--json]",
	  "Ask the gateway's scanner for a verdict. 0: all clean, 1: something found, unscannable or encrypted, 4: no verdict to be had.",
	  "ファイルをゲートウェイの検査に掛けます。0: すべて無害、1: 検知、検査不能またはパスワード付き、4: 判定が得られない。", cmd_scan },
	{ "signatures import", "toride signatures import DIR [--clean DIR]... [--json]",
	  "Try new malware signatures (clamd's files in DIR) and put them in force: they must find the test file, and nothing in what this node "
	  "runs, in STATE/feeds/clean and in each --clean. 0: in force, 1: refused, the old ones stay.",
	  "新しいシグネチャ (DIR にある clamd のファイル) を試してから有効にします。試験用ファイルを検知し、かつ、このノードのプログラム、"
	  "STATE/feeds/clean、--clean の無害なファイルに誤検知がないことを確かめます。0: 有効にした、1: 拒否 (これまでのものが残ります)。", cmd_signatures_import },
	{ 0 },
};
