/* toride scan, toride url check: what the gateway would say about a file or a URL. */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "model/model.h"
#include "scan/client.h"
#include "url/url.h"
#include "wire/place.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* ---- scan ---- */

static void print_verdict(const char *path, const struct verdict *v, bool json)
{
	char hex[2 * VERDICT_SHA + 1];
	hex_format(v->sha256, VERDICT_SHA, hex);
	if (!json) {
		printf("%s: %s%s%s (%s, sha256 %s)\n", path, verdict_kind_name(v->kind), v->malware[0] ? " " : "", v->malware,
		       v->type[0] ? v->type : "-", hex);
		return;
	}
	struct buf b;
	buf_init(&b, 64 * KIB);
	buf_puts(&b, "{");
	json_field_s(&b, "path", path);
	json_field_s(&b, "verdict", verdict_kind_name(v->kind));
	if (v->malware[0])
		json_field_s(&b, v->kind == VERDICT_MALICIOUS ? "malware" : "reason", v->malware);
	if (v->type[0])
		json_field_s(&b, "type", v->type);
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

/* ---- url check ---- */

static void put_list(struct buf *b, const char *key, const char **list, size_t n)
{
	json_key(b, key);
	buf_puts(b, "[");
	for (size_t i = 0; i < n; i++) {
		buf_puts(b, i ? "," : "");
		json_str(b, str_from(list[i]));
	}
	buf_puts(b, "]");
}

/* What compile/proxyd.c hands the proxy, for one organisation. */
static void put_policy(struct buf *b, const struct model *m, const struct org *o)
{
	buf_puts(b, "{");
	put_list(b, "common", m->service.black, m->service.n_black);
	json_field_s(b, "mode", o->url.mode == URL_WHITELIST_ONLY ? "whitelist_only" : "blacklist");
	put_list(b, "black", o->url.black, o->url.n_black);
	put_list(b, "white", o->url.white, o->url.n_white);
	json_key(b, "exceptions");
	buf_puts(b, "[");
	for (size_t i = 0; i < o->url.n_exceptions; i++) {
		const struct url_exception *e = &o->url.exceptions[i];
		buf_puts(b, i ? ",{" : "{");
		json_field_s(b, "pattern", e->pattern);
		json_field_bool(b, "allow", e->allow);
		json_field_u64(b, "expires_ms", (uint64_t)e->expires_ms);
		buf_puts(b, "}");
	}
	buf_puts(b, "]}");
}

static int decide(const struct model *m, const struct org *o, const struct url_query *q, struct url_decision *ret,
                  struct err *err)
{
	struct buf b;
	struct url_set *common = NULL;
	struct url_policy_set *policy = NULL;
	buf_init(&b, 512 * MIB);
	put_policy(&b, m, o);
	yyjson_doc *doc = b.failed ? NULL : yyjson_read(b.ptr, b.len, 0);
	yyjson_val *root = yyjson_doc_get_root(doc);
	int r = doc ? 0 : err_set(err, E_NOMEM, "", "no memory");
	if (r == 0)
		r = url_set_build(yyjson_obj_get(root, "common"), "service.black", &common, err);
	if (r == 0)
		r = url_policy_build(root, "url", common, &policy, err);
	if (r == 0)
		url_decide(policy, q, ret);
	url_policy_destroy(&policy);
	url_set_destroy(&common);
	yyjson_doc_free(doc);
	buf_done(&b);
	return r;
}

/* The pattern a rule such as "url.black[3]" names; "" for rules without one. */
static const char *pattern_of(const struct model *m, const struct org *o, const char *rule)
{
	const struct url_policy *u = &o->url;
	unsigned i = 0;
	if (sscanf(rule, "url.exceptions[%u]", &i) == 1 && i < u->n_exceptions)
		return u->exceptions[i].pattern;
	if (sscanf(rule, "url.white[%u]", &i) == 1 && i < u->n_white)
		return u->white[i];
	if (sscanf(rule, "service.black[%u]", &i) == 1 && i < m->service.n_black)
		return m->service.black[i];
	return sscanf(rule, "url.black[%u]", &i) == 1 && i < u->n_black ? u->black[i] : "";
}

static void print_decision(const struct model *m, const struct org *o, const char *url, const struct url_decision *d, bool json)
{
	const char *pattern = pattern_of(m, o, d->rule);
	struct buf b;
	if (!json) {
		const char *word = cli_japanese() ? (d->allow ? "許可" : "拒否") : d->allow ? "allow" : "deny";
		printf("%s: %s %s%s%s\n", url, word, d->rule, *pattern ? " " : "", pattern);
		return;
	}
	buf_init(&b, 64 * KIB);
	buf_puts(&b, "{");
	json_field_s(&b, "url", url);
	json_field_s(&b, "org", o->code);
	json_field_bool(&b, "allow", d->allow);
	json_field_s(&b, "rule", d->rule);
	if (*pattern)
		json_field_s(&b, "pattern", pattern);
	printf("%s}\n", buf_cstr(&b));
	buf_done(&b);
}

/* From a description's directory, or what is in force here. */
static int load(const char *dir, struct model **ret, struct err *err)
{
	char path[PLACE_MAX];
	struct faults faults = { 0 };
	struct buf b;
	int r;
	if (dir) {
		r = model_load(dir, ret, &faults, err);
	} else {
		buf_init(&b, 512 * MIB);
		r = fs_read(place_in_state(path, sizeof path, "current/description.json"), &b, err);
		if (r == 0)
			r = model_load_canonical(buf_view(&b), ret, &faults, err);
		buf_done(&b);
	}
	if (r < 0 && faults.n)
		err_set(err, E_INVALID, faults.list[0].path, "%s", faults.list[0].msg);
	faults_done(&faults);
	return r;
}

static int check_url(const struct model *m, const char *code, const char *url, bool json)
{
	struct err err;
	struct url_decision d;
	struct url_query q = { .now_ms = clock_now_ms() };
	const struct org *o = model_org(m, code);
	if (!o) {
		err_set(&err, E_NOT_FOUND, code, "no organisation has this code");
		return cli_error(&err);
	}
	if (url_split(str_from(url), &q) < 0) {
		err_set(&err, E_INVALID, url, "not an http:// or https:// URL");
		return cli_error(&err);
	}
	if (decide(m, o, &q, &d, &err) < 0)
		return cli_error(&err);
	print_decision(m, o, url, &d, json);
	return d.allow ? EXIT_DONE : EXIT_REFUSED;
}

static int cmd_url_check(int argc, char **argv)
{
	bool json = cli_flag(&argc, argv, "--json");
	const char *code = cli_option(&argc, argv, "--org"), *dir = cli_option(&argc, argv, "--desc");
	struct model *m = NULL;
	struct err err;
	if (argc != 1 || !code) {
		fprintf(stderr, "%s toride url check URL --org CODE [--desc DIR] [--json]\n", cli_japanese() ? "使い方:" : "usage:");
		return EXIT_USAGE;
	}
	if (load(dir, &m, &err) < 0)
		return cli_error(&err);
	int r = check_url(m, code, argv[0], json);
	model_destroy(&m);
	return r;
}

const struct cli_command cli_scan[] = {
	{ "scan", "toride scan FILE... [--json]",
	  "Ask the gateway's scanner for a verdict. 0: all clean, 1: something found or unscannable, 4: no verdict to be had.",
	  "ファイルをゲートウェイの検査に掛けます。0: すべて無害、1: 検知または検査不能、4: 判定が得られない。", cmd_scan },
	{ "url check", "toride url check URL --org CODE [--desc DIR] [--json]",
	  "Would this organisation's terminals get the URL, and which rule says so? 0: allowed, 1: denied.",
	  "この団体の端末からURLを見られるか、どの規則によるかを答えます。0: 許可、1: 拒否。", cmd_url_check },
	{ 0 },
};
