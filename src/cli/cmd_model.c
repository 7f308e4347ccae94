/* toride check, schema, diff: what people do with a description before it is handed in. */
#include "cli/cli.h"
#include "cli/description.h"
#include "cli/packets.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "model/advice.h"
#include "model/diff.h"
#include "model/manual.h"
#include "model/model.h"
#include "model/schema.h"
#include "wire/place.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define OUT_MAX (256u * MIB)

/* "sha256:HEX" or HEX names a generation; ret_path is then its description. */
static bool digest_path(const char *name, char path[PLACE_MAX])
{
	unsigned char sum[32];
	struct str hex = str_from(strncmp(name, "sha256:", 7) == 0 ? name + 7 : name);
	if (hex.len != 64 || !hex_parse(hex, sum, sizeof sum))
		return false;
	place_in_state(path, PLACE_MAX, "generations/%s/description.json", hex.ptr);
	return true;
}

/* A directory, a file of canonical JSON, or a generation's digest. */
static int load(const char *name, struct model **ret, struct faults *f, struct err *err)
{
	char path[PLACE_MAX];
	struct stat st;
	if (stat(name, &st) == 0)
		return S_ISDIR(st.st_mode) ? model_load(name, ret, f, err) : cli_load_file(name, ret, f, err);
	if (!digest_path(name, path) || !fs_exists(path))
		return err_set(err, E_NOT_FOUND, name, "no such directory, file or generation");
	int r = cli_load_file(path, ret, f, err);
	if (r == 0 && !strstr(name, (*ret)->digest + 7)) {
		model_destroy(ret);
		r = err_set(err, E_CORRUPT, name, "the stored description has another digest");
	}
	return r;
}

static int advice_json(const struct model *m, struct buf *b, size_t *ret_n)
{
	struct faults f = { 0 };
	int r = model_advice(m, clock_now_ms(), &f);
	for (size_t i = 0; r == 0 && i < f.n; i++) {
		buf_putc(b, '{');
		json_field_s(b, "path", f.list[i].path);
		json_field_s(b, "warning", f.list[i].msg);
		json_field_s(b, "warning_ja", f.list[i].msg_ja);
		buf_puts(b, "}\n");
	}
	*ret_n = f.n;
	faults_done(&f);
	return r;
}

/* When records are destroyed: each length that bodies have, and of a body with classes of its own days each. */
static void print_retention(const struct model *m)
{
	for (size_t i = 0; i < m->n_orgs; i++) {
		size_t same = 0, before = 0;
		for (size_t k = 0; k < m->n_orgs; k++) {
			same += m->orgs[k].retention_days == m->orgs[i].retention_days;
			before += k < i && m->orgs[k].retention_days == m->orgs[i].retention_days;
		}
		if (before == 0)
			printf(cli_japanese() ? "記録は %u 日で消えます: %zu 団体\n" : "records are destroyed after %u days: %zu organisations\n", m->orgs[i].retention_days, same);
	}
	for (size_t i = 0; i < m->n_orgs; i++)
		for (size_t k = 0; k < m->orgs[i].n_retention; k++) {
			const struct class_retention *c = &m->orgs[i].retention[k];
			const struct word *w = word_of_value(schema_field(&schema_org, STR("retention"))->sub->fields->words, (int)c->class);
			printf(cli_japanese() ? "%s の記録のうち「%s」(%s) は %u 日で消えます\n" : "of %s, %s (%s) are destroyed after %u days\n", m->orgs[i].code,
			       cli_japanese() ? w->label.ja : w->label.en, w->word, c->days);
		}
}

/* What is valid, when records end, and what in it never decides anything. */
static int valid(const struct model *m, bool json)
{
	struct buf b;
	size_t n = 0;
	buf_init(&b, OUT_MAX);
	if (!json)
		printf(cli_japanese() ? "正しい記述です: %zu 団体、%s\n" : "valid: %zu organisations, %s\n", m->n_orgs, m->digest);
	if (!json)
		print_retention(m);
	int r = json ? advice_json(m, &b, &n) : cli_advice(m);
	if (r < 0) {
		buf_done(&b);
		return cli_error(&(struct err){ .code = -r, .msg = "no memory" });
	}
	if (json)
		printf("{\"valid\":true,\"digest\":\"%s\",\"orgs\":%zu,\"warnings\":%zu}\n", m->digest, m->n_orgs, n);
	return cli_print(&b);
}

static int check(int argc, char **argv)
{
	bool json = cli_flag(&argc, argv, "--json");
	const char *packet = cli_option(&argc, argv, "--packet"), *packets = cli_option(&argc, argv, "--packets");
	struct model *m = NULL;
	struct faults f = { 0 };
	struct err err = { 0 };
	if (argc != 1 || (packet && packets))
		return cli_usage(&cli_model[0]);
	int r = load(argv[0], &m, &f, &err);
	int code = r < 0 ? cli_refused(&f, &err, json) : EXIT_DONE;
	if (r == 0 && (packet || packets))
		code = cli_packets(m, packet, packets, json);
	else if (r == 0)
		code = valid(m, json);
	faults_done(&f);
	model_destroy(&m);
	return code;
}

static int schema(int argc, char **argv)
{
	bool json = cli_flag(&argc, argv, "--json-schema"), manual = cli_flag(&argc, argv, "--manual");
	const char *lang = cli_option(&argc, argv, "--lang");
	bool known = !lang || strcmp(lang, "ja") == 0 || strcmp(lang, "en") == 0;
	bool ja = lang ? strcmp(lang, "ja") == 0 : cli_japanese();
	struct buf b;
	if (argc != 0 || json == manual || !known)
		return cli_usage(&cli_model[1]);
	buf_init(&b, OUT_MAX);
	if (json)
		model_json_schema(&b, ja);
	else
		model_manual(&b, ja);
	return cli_print(&b);
}

static int diff(int argc, char **argv)
{
	bool json = cli_flag(&argc, argv, "--json");
	struct model *a = NULL, *b = NULL;
	struct faults f = { 0 };
	struct err err = { 0 };
	struct buf out;
	if (argc != 2)
		return cli_usage(&cli_model[2]);
	buf_init(&out, OUT_MAX);
	int r = load(argv[0], &a, &f, &err);
	if (r == 0)
		r = load(argv[1], &b, &f, &err);
	int code = r < 0 ? cli_refused(&f, &err, json) : EXIT_DONE;
	if (r == 0)
		r = model_diff(a, b, &out, cli_japanese(), json, &err);
	if (r < 0 && code == EXIT_DONE)
		code = cli_error(&err);
	if (r == 0 && out.len == 0 && !json)
		buf_puts(&out, cli_japanese() ? "変更はありません\n" : "nothing changes\n");
	if (r == 0)
		code = cli_print(&out);
	buf_done(&out);
	faults_done(&f);
	model_destroy(&a);
	model_destroy(&b);
	return code;
}

const struct cli_command cli_model[] = {
	{ "check", "toride check DIR [--packet 'from [CODE:]ADDRESS to ADDRESS:PORT [tcp|udp|icmp] [at TIME]' | --packets FILE] [--json]",
	  "checks a description: every fault with its path, every rule that never decides. Or says what its firewall does with a packet, and by which rule (FILE: one a line; - for standard input)",
	  "記述を確かめ、誤りと効くことのない規則をすべて場所とともに示します。または、あるパケットをどの規則がどう扱うかを答えます (FILE は 1 行に 1 件、- は標準入力)", check },
	{ "schema", "toride schema --json-schema|--manual [--lang ja|en]", "the description's JSON Schema or manual", "記述の JSON Schema または手引きを出力します",
	  schema },
	{ "diff", "toride diff DIR|FILE|DIGEST DIR|FILE|DIGEST [--json]", "what changes, per organisation, in words", "何が変わるかを団体ごとに言葉で示します", diff },
	{ 0 },
};
