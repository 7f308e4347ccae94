/* toride detect, toride rules check|cost: the detection of the live service over a file, and what is wrong with rules. */
#include "cli/cli.h"
#include "detect/engine.h"
#include "device/device.h"
#include "device/evtx.h"
#include "wire/events.h"
#include "detect/intel.h"
#include "detect/sighting.h"
#include "jail/tool.h"
#include "normalise/eve.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DETECT_DIRS 32
#define SIGHTINGS_BYTES (64u * MIB)

static void say_fault(const struct err *err, void *user)
{
	(void)user;
	fprintf(stderr, "toride: %s: %s\n", err->path, err->msg);
}

struct output {
	bool json;
	uint64_t findings;
};

void cli_finding(const struct finding *f, bool json, struct buf *b)
{
	char when[CLOCK_TEXT];
	if (json) {
		finding_format(f, b);
		return;
	}
	clock_format_jst(f->time, when);
	buf_printf(b, "%s %s %s %s %s", when, *f->org ? f->org : "-", finding_level_name(f->rule.level), f->rule.id,
	           cli_japanese() && *f->rule.title_ja ? f->rule.title_ja : f->rule.title);
	if (*f->terminal)
		buf_printf(b, " terminal=%s", f->terminal);
	for (size_t i = 0; i < f->n_observables && i < 2; i++)
		buf_printf(b, " %s=%s", observable_type_name(f->observables[i].type), f->observables[i].value);
	buf_printf(b, " count=%llu %s", (unsigned long long)f->count, finding_action_name(f->action));
}

static void print_finding(const struct finding *f, void *user)
{
	struct output *o = user;
	struct buf b;
	o->findings++;
	buf_init(&b, FINDING_JSON_MAX * 2);
	cli_finding(f, o->json, &b);
	if (!b.failed)
		printf(STR_FMT "\n", STR_ARG(buf_view(&b)));
	buf_done(&b);
}

/* What is read: events as they are stored, or lines of a device, which become such by the same code as live. */
struct reading {
	struct engine *e;
	const char *name;
	const struct device_source *device; /* NULL: events */
	const struct orgs *eve;             /* what Suricata says, of nobody's organisation; NULL: it isn't that */
	uint64_t no, bad;
};

/* The event that a line is; false: it is none, as Suricata's counters aren't. */
static bool event_of(struct reading *rd, struct str s, struct buf *b, struct str *ret, struct err *err)
{
	struct device_result result;
	enum eve_kind kind = EVE_EVENT;
	struct eve_stats counters;
	const char *org;
	if (rd->device)
		device_event(s, rd->device, clock_now_ms(), NULL, false, b, &result);
	if (rd->eve && eve_line(s, &(struct eve_place){ rd->eve, clock_now_ms(), NULL }, b, &kind, &org, &counters) < 0)
		err_set(err, E_INVALID, "", "not a line of Suricata's");
	*ret = rd->device || rd->eve ? buf_view(b) : s;
	return err->code || kind == EVE_EVENT;
}

static void read_one(struct reading *rd, struct str s)
{
	struct err err = { 0 };
	char record[64];
	struct buf b;
	struct str json = STR("");
	buf_init(&b, EVENTS_MAX);
	snprintf(record, sizeof record, "input/%llu", (unsigned long long)rd->no);
	if (!event_of(rd, s, &b, &json, &err))
		;
	else if (err.code || engine_event(rd->e, &(struct engine_event){ .json = json, .record = str_from(record) }, &err) < 0) {
		fprintf(stderr, "toride: %s:%llu: %s\n", rd->name, (unsigned long long)rd->no, err.msg);
		rd->bad++;
	}
	buf_done(&b);
}

static void read_record(struct str json, void *user)
{
	struct reading *rd = user;
	rd->no++;
	read_one(rd, json);
}

static int read_whole(FILE *in, struct buf *b)
{
	char part[16384];
	size_t n;
	while ((n = fread(part, 1, sizeof part, in)) > 0)
		buf_put(b, part, n);
	return ferror(in) || b->failed ? -1 : 0;
}

/* A Windows event log file, as a whole. */
static int run_evtx(struct reading *rd, FILE *in)
{
	struct err err = { 0 };
	struct buf b;
	size_t n;
	buf_init(&b, 1024u * MIB);
	int r = read_whole(in, &b) == 0 ? 0 : err_set(&err, E_IO, rd->name, "cannot be read, or is larger than 1 GiB");
	if (r == 0 && !evtx_is(buf_view(&b)))
		r = err_set(&err, E_INVALID, rd->name, "isn't a Windows event log file");
	if (r == 0)
		rd->bad += evtx_each(buf_view(&b), read_record, rd, &n);
	else
		cli_error(&err);
	buf_done(&b);
	return r;
}

/* One JSON object, or a device's line, a line; `#` and empty lines are passed over. */
static int run_lines(struct reading *rd, FILE *in)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	for (rd->no = 1; (n = getline(&line, &cap, in)) >= 0; rd->no++) {
		struct str s = { line, (size_t)n };
		while (s.len && (s.ptr[s.len - 1] == '\n' || s.ptr[s.len - 1] == '\r'))
			s.len--;
		if (s.len && s.ptr[0] != '#')
			read_one(rd, s);
	}
	free(line);
	return ferror(in) ? -1 : 0;
}

static int read_intel(const char *path, struct intel **ret, struct err *err)
{
	int r = intel_create(clock_now_ms(), ret, err);
	if (r == 0)
		r = intel_load(*ret, path, say_fault, NULL, err);
	return r;
}

/* For who gave the intelligence. */
static int write_sightings(const struct sightings *s, FILE *out)
{
	struct buf b;
	buf_init(&b, SIGHTINGS_BYTES);
	sightings_format(s, clock_now_ms(), &b);
	buf_putc(&b, '\n');
	bool ok = !b.failed && fwrite(b.ptr, 1, b.len, out) == b.len && fflush(out) == 0;
	buf_done(&b);
	return ok ? EXIT_DONE : EXIT_COULD_NOT;
}

struct request {
	const char *input, *intel, *sightings;
	struct device_source device;
	bool json, lines, evtx, eve; /* lines: of a device */
};

/* A log of a device, Asia/Tokyo where its times name no zone; false: no such format. */
static bool take_format(struct request *q, const char *format)
{
	q->evtx = strcmp(format, "evtx") == 0;
	q->eve = strcmp(format, "eve") == 0;
	static struct mail_queue *queue;
	q->device = (struct device_source){ .name = "input", .queue = &queue, .format = device_format_find(str_from(q->evtx ? "windows" : format)), .zone_s = 9 * 3600 };
	q->lines = q->device.format || strcmp(format, "auto") == 0;
	return q->lines || q->eve || strcmp(format, "jsonl") == 0;
}

/* Input and what is written, opened before what others wrote is looked at. "-": the standard ones. */
struct files {
	FILE *in, *sightings;
};

static int open_files(const struct request *q, struct files *f, struct err *err)
{
	f->in = strcmp(q->input, "-") == 0 ? stdin : fopen(q->input, "re");
	if (!f->in)
		return err_errno(err, q->input, "cannot be read");
	if (q->sightings)
		f->sightings = strcmp(q->sightings, "-") == 0 ? stdout : fopen(q->sightings, "we");
	return q->sightings && !f->sightings ? err_errno(err, q->sightings, "cannot be written") : 0;
}

/* From here on what others wrote is looked at: rules, intelligence, logs. `more`: one more path to be read, or NULL. */
static int lock_in(const char *const *paths, size_t n, const char *more, struct err *err)
{
	const char **all = mem_array(n + 1, sizeof *all);
	if (!all)
		return err_set(err, E_NOMEM, "", "no memory");
	memcpy(all, paths, n * sizeof *all);
	all[n] = more;
	int r = jail_tool((struct jail_tool){ .compile = true, .read = all, .n_read = n + (more != NULL) }, err);
	mem_free(all);
	return r;
}

static int look_through(struct reading *rd, const struct request *q, FILE *in)
{
	if (q->evtx)
		return run_evtx(rd, in);
	if (run_lines(rd, in) == 0)
		return 0;
	fprintf(stderr, "toride: %s: %s\n", q->input, strerror(errno));
	return -1;
}

static int detect_file(const struct ruleset *s, const struct request *q, const struct files *f)
{
	struct intel *intel = NULL;
	struct sightings *seen = NULL;
	struct err err = { 0 };
	struct output o = { .json = q->json };
	struct engine *e = NULL;
	struct orgs *nobody = NULL;
	int code = EXIT_COULD_NOT;
	int r = q->intel ? read_intel(q->intel, &intel, &err) : 0;
	if (r == 0)
		r = sightings_create(&seen, &err);
	if (r == 0)
		r = engine_create(&(struct engine_opts){ .rules = s, .intel = intel, .sightings = seen, .on_finding = print_finding, .user = &o }, &e, &err);
	if (r == 0 && q->eve)
		r = orgs_parse(STR("{\"v\":1,\"uplinks\":[\"-\"],\"orgs\":[],\"zones\":[]}"), &nobody, &err);
	if (r < 0) {
		code = cli_error(&err);
	} else {
		struct reading rd = { .e = e, .name = q->input, .device = q->lines ? &q->device : NULL, .eve = nobody };
		if (look_through(&rd, q, f->in) == 0)
			code = o.findings || rd.bad ? EXIT_REFUSED : EXIT_DONE;
		engine_tick(e, INT64_MAX / 4); /* the end of the file: windows that wait are judged */
		if (code == EXIT_DONE && o.findings)
			code = EXIT_REFUSED;
		if (f->sightings && write_sightings(seen, f->sightings) != EXIT_DONE)
			code = EXIT_COULD_NOT;
	}
	engine_destroy(&e);
	orgs_destroy(&nobody);
	sightings_destroy(&seen);
	intel_destroy(&intel);
	return code;
}

static int cmd_detect(int argc, char **argv)
{
	const char *dirs[DETECT_DIRS], *dir;
	size_t n = 0;
	struct err err = { 0 };
	struct ruleset *s;
	while (n < DETECT_DIRS && (dir = cli_option(&argc, argv, "--rules")))
		dirs[n++] = dir;
	const char *input = cli_option(&argc, argv, "--input"), *format = cli_option(&argc, argv, "--format");
	struct request q = { .input = input, .intel = cli_option(&argc, argv, "--intel"), .sightings = cli_option(&argc, argv, "--sightings") };
	q.json = cli_flag(&argc, argv, "--json");
	for (int i = 0; n && i < argc && n < DETECT_DIRS && argv[i][0] != '-'; i++) /* --rules DIR DIR … */
		dirs[n++] = argv[i], argv[i] = NULL;
	bool left = argc > 0 && argv[argc - 1];
	if (left || !n || !input || !format) {
		fputs("usage: toride detect --rules DIR... --input FILE --format jsonl|auto|evtx|eve|FORMAT [--intel PATH] [--sightings FILE] [--json]\n", stderr);
		return EXIT_USAGE;
	}
	if (!take_format(&q, format)) {
		fprintf(stderr, "toride: %s: unknown format\n", format);
		return EXIT_USAGE;
	}
	struct files f = { 0 };
	int r = open_files(&q, &f, &err);
	r = r < 0 ? r : lock_in(dirs, n, q.intel, &err);
	r = r < 0 ? r : ruleset_load(dirs, n, &(struct ruleset_opts){ .on_fault = say_fault }, &s, &err);
	if (r < 0)
		return cli_error(&err);
	int code = s->n_faults ? EXIT_REFUSED : EXIT_DONE, x = detect_file(s, &q, &f);
	ruleset_destroy(&s);
	return x != EXIT_DONE ? x : code;
}

/* ---- what each rule costs */

struct cost {
	const struct rule *rule;
	struct rule_cost c;
};

static int by_time(const void *a, const void *b)
{
	const struct cost *x = a, *y = b;
	return x->c.ns < y->c.ns ? 1 : x->c.ns > y->c.ns ? -1 : 0;
}

static void print_cost(const struct cost *c, uint64_t events, bool json)
{
	double share = events ? (double)c->c.ns / (double)events : 0;
	unsigned long long each = c->c.asked ? c->c.ns / c->c.asked : 0, asked = c->c.asked, fired = c->c.fired;
	bool ja = cli_japanese() && *c->rule->title_ja;
	if (json)
		printf("{\"rule\":\"%s\",\"ns_per_event\":%.1f,\"asked\":%llu,\"fired\":%llu,\"ns_per_look\":%llu,\"every_event\":%s}\n",
		       c->rule->id, share, asked, fired, each, c->rule->regex_only ? "true" : "false");
	else
		printf("%10.1f %9llu %9llu %9llu %s %s  %s\n", share, each, asked, fired, c->rule->regex_only ? "*" : " ", c->rule->id,
		       ja ? c->rule->title_ja : c->rule->title);
}

static void print_costs(const struct ruleset *s, const struct matcher *m, size_t top, bool json)
{
	struct match_stats st;
	const struct rule_cost *all = matcher_costs(m);
	struct cost *list = mem_array(s->n_rules + 1u, sizeof *list);
	matcher_stats(m, &st);
	for (uint32_t i = 0; list && i < s->n_rules; i++)
		list[i] = (struct cost){ s->rules[i], all[i] };
	if (list)
		qsort(list, s->n_rules, sizeof *list, by_time);
	if (!json)
		puts(cli_japanese() ? "ns/イベント   ns/評価      評価      一致  (* = 全イベントで評価)"
		                    : "  ns/event   ns/look     looks     fired  (* = looked at for every event)");
	for (uint32_t i = 0; list && i < s->n_rules && i < top && list[i].c.asked; i++)
		print_cost(&list[i], st.events, json);
	if (!json)
		printf(cli_japanese() ? "%llu イベント、1 イベントあたり %.2f 回の評価、正規表現の打ち切り %llu\n"
		                      : "%llu events, %.2f looks an event, %llu regular expressions stopped\n",
		       (unsigned long long)st.events, st.events ? (double)st.asked / (double)st.events : 0, (unsigned long long)st.regex_limit);
	mem_free(list);
}

static int measure(const struct ruleset *s, FILE *in, const char *input, size_t top, bool json)
{
	struct err err = { 0 };
	struct engine *e;
	if (engine_create(&(struct engine_opts){ .rules = s }, &e, &err) < 0)
		return cli_error(&err);
	matcher_sample(engine_matcher(e), 1);
	struct reading rd = { .e = e, .name = input };
	int r = run_lines(&rd, in);
	if (r < 0)
		fprintf(stderr, "toride: %s: %s\n", input, strerror(errno));
	else
		print_costs(s, engine_matcher(e), top, json);
	engine_destroy(&e);
	return r < 0 ? EXIT_COULD_NOT : rd.bad ? EXIT_REFUSED : EXIT_DONE;
}

static int cmd_rules_cost(int argc, char **argv)
{
	struct err err = { 0 };
	struct ruleset *s;
	const char *input = cli_option(&argc, argv, "--input"), *text = cli_option(&argc, argv, "--top");
	bool json = cli_flag(&argc, argv, "--json");
	uint64_t top = 20;
	if (argc < 1 || !input || (text && !str_to_u64(str_from(text), 100000, &top))) {
		fputs("usage: toride rules cost PATH... --input FILE [--top N] [--json]\n", stderr);
		return EXIT_USAGE;
	}
	FILE *in = strcmp(input, "-") == 0 ? stdin : fopen(input, "re");
	if (!in) {
		fprintf(stderr, "toride: %s: %s\n", input, strerror(errno));
		return EXIT_COULD_NOT;
	}
	int code = EXIT_COULD_NOT, r = lock_in((const char *const *)argv, (size_t)argc, NULL, &err);
	if (r < 0 || ruleset_load((const char *const *)argv, (size_t)argc, &(struct ruleset_opts){ .on_fault = say_fault }, &s, &err) < 0)
		cli_error(&err);
	else {
		code = measure(s, in, input, (size_t)top, json);
		ruleset_destroy(&s);
	}
	if (in != stdin)
		fclose(in);
	return code;
}

static void count_fault(const struct err *err, void *user)
{
	++*(uint64_t *)user;
	say_fault(err, NULL);
}

static const char *const refused_ja[INTEL_REFUSED] = { "読めない値", "未対応の種別・パターン", "範囲が広すぎる", "予約済みアドレス", "クエリ付きURL (記録にないため照合不可)",
	"期限切れ", "取り消し済み" };

static int cmd_rules_check(int argc, char **argv)
{
	struct err err = { 0 };
	struct ruleset *s;
	bool json = cli_flag(&argc, argv, "--json");
	if (argc < 1) {
		fputs("usage: toride rules check PATH... [--json]\n", stderr);
		return EXIT_USAGE;
	}
	int r = lock_in((const char *const *)argv, (size_t)argc, NULL, &err);
	r = r < 0 ? r : ruleset_load((const char *const *)argv, (size_t)argc, &(struct ruleset_opts){ .on_fault = say_fault }, &s, &err);
	if (r < 0)
		return cli_error(&err);
	uint32_t slow = 0;
	for (uint32_t i = 0; i < s->n_rules; i++)
		slow += s->rules[i]->regex_only;
	if (json)
		printf("{\"files\":%u,\"rules\":%u,\"correlations\":%u,\"filters\":%u,\"faults\":%u,\"always_asked\":%u}\n", s->n_files,
		       s->n_rules, s->n_correlations, s->n_filters, s->n_faults, slow);
	else if (cli_japanese())
		printf("%u ファイル、%u ルール (うち相関 %u)、フィルタ %u、誤り %u、全イベントで評価 %u\n", s->n_files, s->n_rules,
		       s->n_correlations, s->n_filters, s->n_faults, slow);
	else
		printf("%u files, %u rules (%u correlations), %u filters, %u faults, %u asked for every event\n", s->n_files, s->n_rules,
		       s->n_correlations, s->n_filters, s->n_faults, slow);
	int code = s->n_faults ? EXIT_REFUSED : EXIT_DONE;
	ruleset_destroy(&s);
	return code;
}

static int cmd_intel_check(int argc, char **argv)
{
	struct err err = { 0 };
	struct intel *i = NULL;
	struct intel_stats s;
	bool json = cli_flag(&argc, argv, "--json");
	uint64_t faults = 0;
	if (argc < 1) {
		fputs("usage: toride intel check PATH... [--json]\n", stderr);
		return EXIT_USAGE;
	}
	int r = lock_in((const char *const *)argv, (size_t)argc, NULL, &err);
	r = r < 0 ? r : intel_create(clock_now_ms(), &i, &err);
	for (int k = 0; r == 0 && k < argc; k++)
		r = intel_load(i, argv[k], count_fault, &faults, &err);
	if (r < 0) {
		intel_destroy(&i);
		return cli_error(&err);
	}
	intel_stats(i, &s);
	if (json)
		printf("{\"files\":%llu,\"values\":%llu,\"faults\":%llu", (unsigned long long)s.files, (unsigned long long)s.items, (unsigned long long)faults);
	else
		printf(cli_japanese() ? "%llu ファイル、%llu 件を照合に使用、誤り %llu\n" : "%llu files, %llu values to look for, %llu faults\n",
		       (unsigned long long)s.files, (unsigned long long)s.items, (unsigned long long)faults);
	for (int k = 0; k < INTEL_REFUSED; k++)
		if (json)
			printf(",\"%s\":%llu", intel_refused_name((enum intel_refused)k), (unsigned long long)s.refused[k]);
		else if (s.refused[k])
			printf("  %s: %llu\n", cli_japanese() ? refused_ja[k] : intel_refused_name((enum intel_refused)k), (unsigned long long)s.refused[k]);
	if (json)
		puts("}");
	intel_destroy(&i);
	return faults ? EXIT_REFUSED : EXIT_DONE;
}

const struct cli_command cli_detect[] = {
	{ "detect", "toride detect --rules DIR... --input FILE --format jsonl|auto|evtx|eve|FORMAT [--intel PATH] [--sightings FILE] [--json]",
	  "findings of rules over a file of events, by the same code as the live service; 1 = something was found",
	  "イベントのファイルにルールを適用し検知結果を表示 (実運用と同じ処理)。1 = 検知あり", cmd_detect },
	{ "rules check", "toride rules check PATH... [--json]", "every fault of Sigma rules with file and line; 0 = none",
	  "Sigma ルールの誤りをファイルと行番号で全件表示。0 = 誤りなし", cmd_rules_check },
	{ "rules coverage", "toride rules coverage [PATH...] [--org CODE | --all-orgs] [--layer NAME | --json]",
	  "techniques of ATT&CK that the rules (of the node, or of PATH) could find, and the records they need; with --org which of them can't fire, as that body sends none of those (last 30 days); --layer: for ATT&CK Navigator",
	  "検知ルール(このノードのもの、または PATH)で見つけられる ATT&CK の技術と、必要なログ。--org: その団体からログが届いていないために働かないルール(過去30日)。--layer: ATT&CK Navigator 用", cli_rules_coverage },
	{ "rules cost", "toride rules cost PATH... --input FILE [--top N] [--json]",
	  "what each rule costs over a file of events (jsonl), dearest first", "イベントのファイル (jsonl) で各ルールの処理時間を測り、重い順に表示",
	  cmd_rules_cost },
	{ "intel check", "toride intel check PATH... [--json]", "what of threat intelligence (STIX 2.1, MISP, plain lists) will be looked for, and what is left out and why",
	  "脅威情報 (STIX 2.1・MISP・単純な一覧) のうち照合に使うもの、使わないものとその理由を表示", cmd_intel_check },
	{ 0 },
};
