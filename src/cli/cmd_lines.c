/* toride lines: the uplinks, which of them carries the traffic, and what each organisation's bandwidth classes carried. */
#include "cli/cli.h"

#include "base/mem.h"
#include "model/model.h"
#include "vault/vault_client.h"
#include "wire/ctl.h"

#include <openssl/crypto.h>
#include <stdio.h>

static yyjson_val *counters_of(yyjson_val *root, const char *org)
{
	size_t i, n;
	yyjson_val *row;
	yyjson_arr_foreach(yyjson_obj_get(root, "counters"), i, n, row)
		if (str_eq(ctl_str(row, "org"), str_from(org)))
			return yyjson_obj_get(row, "probed");
	return NULL;
}

/* "line_NAME_usable" of the service's counters is a line. */
static int show_lines(yyjson_val *service)
{
	size_t i, n;
	yyjson_val *k, *v;
	int code = EXIT_DONE;
	yyjson_obj_foreach(service, i, n, k, v) {
		struct str key = { yyjson_get_str(k), yyjson_get_len(k) };
		char use[96];
		if (!str_starts(key, STR("line_")) || !str_ends(key, STR("_usable")))
			continue;
		struct str name = { key.ptr + 5, key.len - 12 };
		snprintf(use, sizeof use, "line_" STR_FMT "_in_use", STR_ARG(name));
		bool usable = yyjson_get_uint(v) != 0;
		printf("%-16.*s %s%s\n", STR_ARG(name), usable ? say("応答あり", "answers") : say("応答なし", "doesn't answer"),
		       ctl_u64(service, use, 0) ? say(" · 使用中", " · in use") : "");
		code = usable ? code : EXIT_REFUSED;
	}
	printf("%s %llu\n\n", say("切り替えた回数:", "moves:"), (unsigned long long)ctl_u64(service, "line_moves", 0));
	return code;
}

static void heading(bool breakout)
{
	if (breakout)
		printf("\n%s\n", say("ブレイクアウト", "broken out"));
	printf("%s\n", say("団体     下り MB    上り MB    下り破棄   上り破棄 (パケット)", "body     in MB      out MB     in dropped out dropped (packets)"));
}

/* "line": what a body's ordinary classes carried; "breakout": what broke out, which has classes of its own. */
static void show_orgs(yyjson_val *root, const char *kind)
{
	static const char *const names[] = { "in_bytes", "out_bytes", "in_dropped", "out_dropped" };
	size_t i, n, shown = 0;
	yyjson_val *row;
	yyjson_arr_foreach(yyjson_obj_get(root, "counters"), i, n, row) {
		uint64_t v[ARRAY_LEN(names)], sum = 0;
		yyjson_val *p = yyjson_obj_get(row, "probed");
		struct str org = ctl_str(row, "org");
		for (size_t k = 0; k < ARRAY_LEN(names); k++) {
			char key[32];
			snprintf(key, sizeof key, "%s_%s", kind, names[k]);
			sum += v[k] = ctl_u64(p, key, 0);
		}
		bool breakout = strcmp(kind, "breakout") == 0;
		if (!org.len || !p || (breakout && !sum))
			continue;
		if (!shown++)
			heading(breakout);
		printf("%-8.*s %-10.1f %-10.1f %-10llu %llu\n", STR_ARG(org), (double)v[0] / 1e6, (double)v[1] / 1e6, (unsigned long long)v[2],
		       (unsigned long long)v[3]);
	}
}

static int run_lines(int argc, char **argv)
{
	struct buf request, reply;
	struct err err = { 0 };
	(void)argv;
	if (argc != 0)
		return cli_usage(cli_lines);
	cli_request(&request, "status", NULL);
	int r = cli_ask(&request, &reply, 5000, &err);
	yyjson_doc *doc = r == 0 ? yyjson_read(reply.ptr, reply.len, 0) : NULL;
	yyjson_val *root = yyjson_doc_get_root(doc), *service = counters_of(root, "");
	if (r == 0 && !service)
		r = err_set(&err, E_STATE, "probed", "it doesn't run: nothing is known of the lines");
	int code = r < 0 ? cli_error(&err) : show_lines(service);
	if (r == 0) {
		show_orgs(root, "line");
		show_orgs(root, "breakout");
	}
	yyjson_doc_free(doc);
	buf_done(&reply);
	return code;
}

/* For the provider's router (service.mitigation.peers[].secret). */
static int run_secret(int argc, char **argv)
{
	unsigned char secret[32];
	char text[BGP_SECRET_TEXT];
	struct err err = { 0 };
	uint64_t number = 0;
	if (argc != 1 || !str_to_u64(str_from(argv[0]), BGP_SECRETS, &number) || number == 0)
		return cli_usage(&cli_lines[1]);
	int r = cli_numbered("bgp", (unsigned)number, secret, &err);
	if (r == 0) {
		bgp_secret(secret, text);
		puts(text);
	}
	OPENSSL_cleanse(secret, sizeof secret);
	OPENSSL_cleanse(text, sizeof text);
	return r < 0 ? cli_error(&err) : EXIT_DONE;
}

const struct cli_command cli_lines[] = {
	{ "lines", "toride lines", "the lines to the Internet and what each organisation used of them; 1 when one doesn't answer",
	  "回線の状態と団体ごとの使用量（応答しない回線があれば 1）", run_lines },
	{ "lines secret", "toride lines secret NUMBER", "the secret of that number, which signs the session to an upstream's router: for its operator; root on the node alone",
	  "上位ルータとのセッションを署名する、その番号の合言葉（上位の運用者に伝える値。ノードの root だけが見られます）", run_secret },
	{ 0 },
};
