/* toride url: lists into an index, what is in one, and what the gateway would say about a URL. */
#include "cli/child.h"
#include "cli/cli.h"
#include "cli/description.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "compile/compile.h"
#include "jail/tool.h"
#include "model/model.h"
#include "model/category.h"
#include "url/import.h"
#include "url/puny.h"
#include "wire/cursor.h"
#include "wire/place.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* ---- url import ---- */

#define BAD_SHOWN 20
#define BAD_PERCENT 10 /* more bad lines than that: not the list, or not the format, that was meant */

struct import_run {
	struct url_import im;
	unsigned shown;
};

static void on_bad(const char *path, uint64_t line, const char *why, void *user)
{
	struct import_run *run = user;
	if (run->shown++ < BAD_SHOWN)
		fprintf(stderr, "toride: %s:%llu: %s\n", path, (unsigned long long)line, why);
}

/* "CATEGORY=PATH" or PATH. */
static int import_one(struct import_run *run, char *word, enum url_format format, struct err *err)
{
	char category[URL_CATEGORY_NAME], *eq = strchr(word, '=');
	bool named = eq && !memchr(word, '/', (size_t)(eq - word));
	if (named && url_category_name((struct str){ word, (size_t)(eq - word) }, category) < 0)
		return err_set(err, E_INVALID, word, "not a category's name before the =");
	uint64_t lines = run->im.lines, bad = run->im.bad_lines;
	int r = url_import_list(&run->im, named ? eq + 1 : word, format, named ? category : NULL, err);
	lines = run->im.lines - lines;
	bad = run->im.bad_lines - bad;
	if (r == 0 && bad * 100 > lines * BAD_PERCENT)
		return err_set(err, E_INVALID, named ? eq + 1 : word, "%llu of %llu lines are bad: is it the list, and the format, that was meant?",
		               (unsigned long long)bad, (unsigned long long)lines);
	return r;
}

/* A list that shrank to less than half is more likely broken than cleaned. */
static int check_shrink(const char *path, uint64_t entries, struct err *err)
{
	struct url_index *old = NULL;
	struct url_index_info info;
	if (!fs_exists(path) || url_index_open(path, &old, NULL) < 0)
		return 0;
	url_index_info(old, &info);
	url_index_unref(&old);
	if (entries >= info.entries / 2)
		return 0;
	return err_set(err, E_STATE, path, "the new index has %llu entries, the one there %llu; --shrink replaces it all the same",
	               (unsigned long long)entries, (unsigned long long)info.entries);
}

/* ---- the child: it sees the lists and the index that is there, nothing else, and writes the new one into a file that is open */

struct import_job {
	struct import_run run;
	char **words;
	int n;
	enum url_format format;
	const char *out;
	bool shrink;
	int fd;
	uint64_t entries, size;
};

static int write_index(struct import_job *j, struct err *err)
{
	struct buf b;
	buf_init(&b, SIZE_MAX / 2);
	int r = url_build_finish(j->run.im.build, clock_now_ms(), &b, &j->entries, err);
	if (r == 0 && j->entries == 0)
		r = err_set(err, E_INVALID, j->out, "no list has a usable entry");
	if (r == 0 && !j->shrink)
		r = check_shrink(j->out, j->entries, err);
	j->size = b.len;
	r = r < 0 ? r : fs_write_all(j->fd, b.ptr, b.len, err);
	buf_done(&b);
	return r;
}

/* "CATEGORY=PATH" or PATH. */
static const char *path_of(const char *word)
{
	const char *eq = strchr(word, '=');
	return eq && !memchr(word, '/', (size_t)(eq - word)) ? eq + 1 : word;
}

/* Lists of millions take more memory than other readers get. */
static int shut_in(const struct import_job *j, struct err *err)
{
	struct rlimit memory;
	const char **paths = mem_array((size_t)j->n + 1, sizeof *paths);
	if (!paths)
		return err_set(err, E_NOMEM, "", "no memory");
	for (int i = 0; i < j->n; i++)
		paths[i] = path_of(j->words[i]);
	paths[j->n] = j->out;
	getrlimit(RLIMIT_DATA, &memory);
	memory.rlim_cur = memory.rlim_max;
	setrlimit(RLIMIT_DATA, &memory);
	int r = jail_tool((struct jail_tool){ .read = paths, .n_read = (size_t)j->n + 1 }, err);
	mem_free(paths);
	return r;
}

static int import_jailed(void *user, struct buf *out, struct err *err)
{
	struct import_job *j = user;
	struct import_run *run = &j->run;
	int r = shut_in(j, err);
	r = r < 0 ? r : url_build_create(&run->im.build, err);
	for (int i = 0; r == 0 && i < j->n; i++)
		r = import_one(run, j->words[i], j->format, err);
	if (run->shown > BAD_SHOWN)
		fprintf(stderr, cli_japanese() ? "toride: ほかに不正な行が %u 行あります\n" : "toride: and %u more bad lines\n", run->shown - BAD_SHOWN);
	r = r < 0 ? r : write_index(j, err);
	url_build_destroy(&run->im.build);
	wr_u64(out, j->entries), wr_u64(out, j->size);
	wr_u64(out, run->im.lines), wr_u64(out, run->im.bad_lines), wr_u64(out, run->im.left_out);
	return r;
}

/* ---- the parent */

struct import_done {
	uint64_t entries, size, lines, bad_lines, left_out;
};

static void print_import(const struct import_done *d, const char *out, bool json)
{
	if (json) {
		struct buf b;
		buf_init(&b, 64 * KIB);
		buf_puts(&b, "{");
		json_field_s(&b, "index", out);
		json_field_u64(&b, "entries", d->entries);
		json_field_u64(&b, "bytes", d->size);
		json_field_u64(&b, "lines", d->lines);
		json_field_u64(&b, "bad_lines", d->bad_lines);
		json_field_u64(&b, "left_out", d->left_out);
		printf("%s}\n", buf_cstr(&b));
		buf_done(&b);
	} else {
		printf(cli_japanese() ? "%s: %llu 件 (%.1f バイト/件)、読んだ行 %llu、不正な行 %llu、対象外 %llu\n" :
		                        "%s: %llu entries (%.1f bytes each), %llu lines read, %llu bad, %llu left out\n",
		       out, (unsigned long long)d->entries, (double)d->size / (double)(d->entries ? d->entries : 1), (unsigned long long)d->lines,
		       (unsigned long long)d->bad_lines, (unsigned long long)d->left_out);
	}
}

static int import_all(struct import_job *j, bool json)
{
	struct err err = { 0 };
	struct buf report;
	int r = cli_child_file(import_jailed, j, &j->fd, j->out, 256, &report, &err);
	struct rd rd = rd_from(report.ptr, r < 0 ? 0 : report.len);
	struct import_done d = { 0 };
	d.entries = rd_u64(&rd), d.size = rd_u64(&rd), d.lines = rd_u64(&rd), d.bad_lines = rd_u64(&rd), d.left_out = rd_u64(&rd);
	if (r == 0 && rd_end(&rd) < 0)
		r = err_set(&err, E_IO, j->out, "what reads the lists gave no report");
	buf_done(&report);
	if (r < 0)
		return cli_error(&err);
	print_import(&d, j->out, json);
	return EXIT_DONE;
}

static int cmd_url_import(int argc, char **argv)
{
	bool json = cli_flag(&argc, argv, "--json"), shrink = cli_flag(&argc, argv, "--shrink");
	const char *out = cli_option(&argc, argv, "-o"), *word = cli_option(&argc, argv, "--format");
	struct import_job j = { .run = { .im = { .bad = on_bad } }, .words = argv, .n = argc, .shrink = shrink, .fd = -1 };
	j.run.im.user = &j.run;
	char here[PLACE_MAX];
	j.out = out ? out : place_in_state(here, sizeof here, "feeds/url/" URL_INDEX_FILE);
	if (argc < 1 || (word && !url_format_parse(word, &j.format)))
		return cli_usage(&cli_url[1]);
	return import_all(&j, json);
}

/* ---- url show ---- */

static void show_source(const struct url_index_source *s, bool json, bool first)
{
	char hex[65];
	struct buf b;
	hex_format(s->sha256, 32, hex);
	if (!json) {
		printf("  %-20s %10llu  %s\n", s->category[0] ? s->category : "-", (unsigned long long)s->entries, s->name);
		return;
	}
	buf_init(&b, 64 * KIB);
	buf_puts(&b, first ? "{" : ",{");
	json_field_s(&b, "list", s->name);
	json_field_s(&b, "category", s->category);
	json_field_u64(&b, "entries", s->entries);
	json_field_s(&b, "sha256", hex);
	printf("%s}", buf_cstr(&b));
	buf_done(&b);
}

static int cmd_url_show(int argc, char **argv)
{
	bool json = cli_flag(&argc, argv, "--json");
	struct url_index *x = NULL;
	struct url_index_info info;
	struct err err;
	char when[CLOCK_TEXT];
	if (argc != 1)
		return cli_usage(&cli_url[2]);
	if (url_index_open(argv[0], &x, &err) < 0)
		return cli_error(&err);
	url_index_info(x, &info);
	clock_format_jst(info.built_ms, when);
	printf(json           ? "{\"entries\":%llu,\"bytes\":%llu,\"built\":\"%s\",\"lists\":[" :
	       cli_japanese() ? "%llu 件、%llu バイト、作成 %s\n" :
	                        "%llu entries, %llu bytes, built %s\n",
	       (unsigned long long)info.entries, (unsigned long long)info.size, when);
	for (size_t i = 0; i < info.n_sources; i++)
		show_source(url_index_source(x, i), json, i == 0);
	if (json)
		printf("]}\n");
	url_index_unref(&x);
	return EXIT_DONE;
}

/* ---- url check ---- */

struct asked {
	const struct model *m;
	const struct org *o;
	const char *url;
	struct url_query q;
	uint8_t terminal[16];
	char host[256]; /* of a name in other letters */
	struct url_index *index; /* NULL: there is none */
	bool json;
};

static int decide(const struct asked *a, struct url_decision *ret, struct err *err)
{
	const struct service *s = &a->m->service;
	struct buf b;
	struct url_set *common = NULL;
	struct url_policy_set *policy = NULL;
	_cleanup_free_ struct str *black = mem_array(s->n_black + 1, sizeof *black);
	buf_init(&b, 512 * MIB);
	compile_url_policy(a->m, a->o, &b); /* what compile/proxyd.c hands the proxy */
	yyjson_doc *doc = b.failed ? NULL : yyjson_read(b.ptr, b.len, 0);
	for (size_t i = 0; i < s->n_black && black; i++)
		black[i] = str_from(s->black[i]);
	int r = doc && black ? 0 : err_set(err, E_NOMEM, "", "no memory");
	if (r == 0)
		r = url_set_build_list(black, s->n_black, "service.black", &common, err);
	if (r == 0)
		r = url_policy_build(yyjson_doc_get_root(doc), "url", common, &policy, err);
	if (r == 0)
		url_decide(policy, &a->q, ret);
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

/* Why, in words, by the beginning of the rule's name. */
static const char *why(const char *rule, bool ja)
{
	static const struct {
		const char *rule, *ja, *en;
	} words[] = {
		{ "url.exceptions", "期限付きの例外に当たります", "an exception that hasn't run out" },
		{ "url.white_only", "ホワイトリストのみの方式で、どのリストにもありません", "white list only, and it is on none" },
		{ "url.white", "団体のホワイトリストにあります", "on the organisation's white list" },
		{ "service.black", "全団体共通のブラックリストにあります", "on the black list common to all" },
		{ "service.deny_categories", "全団体共通で拒否するカテゴリです", "in a category denied for all" },
		{ "url.black", "団体のブラックリストにあります", "on the organisation's black list" },
		{ "url.categories", "団体のカテゴリ規則に当たります", "the organisation's rule by category" },
		{ "url.group_white", "利用者グループのホワイトリストにあります", "on the white list of the user's group" },
		{ "url.group_black", "利用者グループのブラックリストにあります", "on the black list of the user's group" },
		{ "url.invalid", "URL として正しくありません", "not a well-formed URL" },
		{ "url.default", "どのリストや規則にも当たりません", "no list or rule says anything" },
	};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_starts(str_from(rule), str_from(words[i].rule)))
			return ja ? words[i].ja : words[i].en;
	return "";
}

/* The names of a mask, or what people call them. */
static void names_of(const struct url_index *x, uint64_t mask, bool label, bool ja, struct buf *b)
{
	const char *sep = "";
	for (; mask; mask &= mask - 1) {
		const char *name = url_index_category(x, (unsigned)__builtin_ctzll(mask));
		buf_puts(b, sep);
		buf_puts(b, label ? url_category_label(name, ja) : name);
		sep = label && ja ? "・" : ", ";
	}
}

#define REASONS 16
static void print_words(const struct asked *a, const struct url_decision *d, const struct url_reason *r, size_t n)
{
	const char *pattern = pattern_of(a->m, a->o, d->rule);
	bool ja = cli_japanese();
	printf("%s: %s %s%s%s\n  %s", a->url, ja ? (d->allow ? "許可" : "拒否") : d->allow ? "allow" : "deny", d->rule, *pattern ? " " : "",
	       pattern, why(d->rule, ja));
	printf(d->category[0] ? ": %s\n" : "\n", url_category_label(d->category, ja));
	for (size_t i = 0; i < n; i++) {
		struct buf b;
		buf_init(&b, 64 * KIB);
		names_of(a->index, r[i].categories, true, ja, &b);
		printf("  %s %s: %s\n", ja ? "索引の項目" : "index entry", r[i].entry,
		       r[i].categories ? buf_cstr(&b) : ja ? "対象外とする" : "exempt");
		buf_done(&b);
	}
}

static void print_json(const struct asked *a, const struct url_decision *d, const struct url_reason *r, size_t n)
{
	const char *pattern = pattern_of(a->m, a->o, d->rule);
	struct buf b, names;
	buf_init(&b, 256 * KIB);
	buf_init(&names, 64 * KIB);
	buf_puts(&b, "{");
	json_field_s(&b, "url", a->url);
	json_field_s(&b, "org", a->o->code);
	json_field_bool(&b, "allow", d->allow);
	json_field_s(&b, "rule", d->rule);
	json_field_s(&b, "why", why(d->rule, false));
	json_field_s(&b, "why_ja", why(d->rule, true));
	if (*pattern)
		json_field_s(&b, "pattern", pattern);
	if (d->category[0])
		json_field_s(&b, "category", d->category);
	json_key(&b, "entries");
	for (size_t i = 0; i < n; i++) {
		buf_puts(&b, i ? ",{" : "[{");
		json_field_s(&b, "entry", r[i].entry);
		buf_reset(&names);
		names_of(a->index, r[i].categories, false, false, &names);
		json_field_s(&b, "categories", buf_cstr(&names));
		buf_putc(&b, '}');
	}
	buf_puts(&b, n ? "]" : "[]");
	printf("%s}\n", buf_cstr(&b));
	buf_done(&names);
	buf_done(&b);
}

static int check_url(struct asked *a)
{
	struct err err;
	struct url_decision d;
	struct url_target t;
	struct url_reason r[REASONS];
	if (decide(a, &d, &err) < 0)
		return cli_error(&err);
	size_t n = url_target_from(&a->q, &t) == 0 ? url_index_explain(a->index, &t, r, REASONS) : 0;
	(a->json ? print_json : print_words)(a, &d, r, n);
	return d.allow ? EXIT_DONE : EXIT_REFUSED;
}

/* The terminal's address as the policy wants it. */
static bool terminal_parse(const char *text, uint8_t dst[16])
{
	struct prefix p;
	static const uint8_t head[12] = { [10] = 0xff, [11] = 0xff };
	if (prefix_parse(str_from(text), &p) < 0)
		return false;
	memcpy(dst, head, 12);
	memcpy(p.family == 4 ? dst + 12 : dst, p.addr, p.family == 4 ? 4 : 16);
	return true;
}

struct check_options {
	const char *code, *dir, *index, *terminal, *at, *groups;
};

/* A slip in a name would answer for somebody else. */
static int groups_unknown(const struct org *o, const char *groups, struct err *err)
{
	struct str rest = str_from(groups), one;
	while (str_next(&rest, ',', &one)) {
		bool found = false;
		for (size_t i = 0; i < o->proxy_users.n_groups; i++)
			found = found || str_eq(one, str_from(o->proxy_users.groups[i].name));
		if (!found)
			return err_set(err, E_NOT_FOUND, groups, "the organisation has no group %.*s", (int)one.len, one.ptr);
	}
	return 0;
}

static int take_options(struct asked *a, const struct check_options *o, struct err *err)
{
	char path[PLACE_MAX];
	place_in_state(path, sizeof path, "feeds/url/" URL_INDEX_FILE);
	a->q.now_ms = clock_now_ms();
	if (url_split(str_from(a->url), &a->q) < 0)
		return err_set(err, E_INVALID, a->url, "not an http:// or https:// URL");
	if (url_host_from_utf8(a->q.host, a->host) == 0)
		a->q.host = str_from(a->host);
	if (o->terminal && !terminal_parse(o->terminal, a->terminal))
		return err_set(err, E_INVALID, o->terminal, "not an address");
	if (o->at && clock_parse(o->at, strlen(o->at), &a->q.now_ms) < 0)
		return err_set(err, E_INVALID, o->at, "not a time as in 2026-12-01T12:30:00+09:00");
	a->q.terminal = o->terminal ? a->terminal : NULL;
	a->q.groups = o->groups;
	if (o->groups && groups_unknown(a->o, o->groups, err) < 0)
		return -err->code;
	if ((o->index || fs_exists(path)) && url_index_open(o->index ? o->index : path, &a->index, err) < 0)
		return -err->code;
	a->q.index = a->index;
	return 0;
}

static int cmd_url_check(int argc, char **argv)
{
	struct asked a = { .json = cli_flag(&argc, argv, "--json") };
	const struct check_options o = { cli_option(&argc, argv, "--org"), cli_option(&argc, argv, "--desc"), cli_option(&argc, argv, "--index"),
		                         cli_option(&argc, argv, "--terminal"), cli_option(&argc, argv, "--at"), cli_option(&argc, argv, "--groups") };
	struct model *m = NULL;
	struct err err;
	if (argc != 1 || !o.code)
		return cli_usage(&cli_url[0]);
	a.url = argv[0];
	int r = cli_load(o.dir, &m, &err);
	a.m = m;
	a.o = r == 0 ? model_org(m, o.code) : NULL;
	if (r == 0 && !a.o)
		r = err_set(&err, E_NOT_FOUND, o.code, "no organisation has this code");
	r = r < 0 ? r : take_options(&a, &o, &err);
	r = r < 0 ? cli_error(&err) : check_url(&a);
	url_index_unref(&a.index);
	model_destroy(&m);
	return r;
}

static int cmd_url_categories(int argc, char **argv)
{
	size_t n;
	const struct url_category *t = url_category_table(&n);
	if (argc != 0)
		return cli_usage(&cli_url[3]);
	for (size_t i = 0; i < n; i++)
		printf("%-16s %s\n", t[i].name, cli_japanese() ? t[i].ja : t[i].en);
	return EXIT_DONE;
}

const struct cli_command cli_url[] = {
	{ "url check", "toride url check URL --org CODE [--desc DIR] [--index FILE] [--terminal ADDR] [--groups NAME,...] [--at TIME] [--json]",
	  "Would this organisation's terminals get the URL, and which rule says so, and why? 0: allowed, 1: denied.",
	  "この団体の端末からURLを見られるか、どの規則によるか、なぜかを答えます。0: 許可、1: 拒否。", cmd_url_check },
	{ "url import", "toride url import [CATEGORY=]LIST... [-o INDEX] [--format plain|hosts|rpz|ut1|csv] [--shrink] [--json]",
	  "Builds the URL index from lists and puts it in the old one's place (without -o: this gateway's, which uses it at once).\n"
	  "Bad lines are told with their place and left out; a list with more than 10 % of them, or an index half the size of the old one, is refused.",
	  "リストから URL 索引を作り、古い索引と入れ替えます (-o がなければこのゲートウェイの索引。すぐ反映)。不正な行は場所を示して除きます。\n"
	  "不正な行が 10 % を超えるリスト、件数が半分未満になる索引は受け付けません。", cmd_url_import },
	{ "url show", "toride url show INDEX [--json]", "What is in a URL index: entries, lists, their digests.",
	  "URL 索引の件数、元のリストと照合値を示します。", cmd_url_show },
	{ "url categories", "toride url categories", "The categories a description may name. Those of a list of your own begin with x-.",
	  "記述に書けるカテゴリの一覧。独自のリストのカテゴリは x- で始まります。", cmd_url_categories },
	{ 0 },
};
