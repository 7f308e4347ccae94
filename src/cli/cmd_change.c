/* Commands that change what runs: compile, submit, approve, apply, confirm, rollback, generations. All but compile and
 * `--console rollback` ask controld; what is refused is said by the one who refuses. */
#include "cli/cli.h"
#include "cli/description.h"

#include "apply/transaction.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "compile/compile.h"
#include "model/model.h"
#include "wire/ctl.h"
#include "wire/place.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WAIT_MS (16 * 60 * 1000)

static int usage_of(const char *name)
{
	for (const struct cli_command *c = cli_change; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return cli_usage(c);
	return EXIT_USAGE;
}

/* ---- descriptions ---- */

static int load(const char *dir, bool json, struct model **ret)
{
	struct faults f = { 0 };
	struct err err = { 0 };
	int r = model_load(dir, ret, &f, &err);
	int code = r == 0 ? EXIT_DONE : cli_refused(&f, &err, json);
	faults_done(&f);
	return code;
}

/* ---- compile ---- */

static int write_outset(const struct outset *out, const char *dir, struct err *err)
{
	char path[PLACE_MAX];
	for (size_t i = 0; i < out->n; i++) {
		if (snprintf(path, sizeof path, "%s/%s", dir, out->files[i].path) >= (int)sizeof path)
			return err_set(err, E_LIMIT, dir, "path too long");
		char *slash = strrchr(path, '/');
		*slash = 0;
		int r = fs_mkdirs(path, 0755, err);
		*slash = '/';
		if (r == 0)
			r = fs_write(path, out->files[i].data, 0644, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int run_compile(int argc, char **argv)
{
	const char *to = cli_option(&argc, argv, "-o");
	bool json = cli_flag(&argc, argv, "--json");
	struct model *m = NULL;
	struct outset out;
	struct err err = { 0 };
	if (argc != 1 || !to)
		return usage_of("compile");
	int code = load(argv[0], json, &m);
	if (code != EXIT_DONE)
		return code;
	outset_init(&out);
	int r = compile_all(m, &out, &err);
	if (r == 0)
		r = write_outset(&out, to, &err);
	if (r < 0)
		code = cli_error(&err);
	else if (json)
		printf("{\"digest\":\"%s\",\"files\":%zu}\n", m->digest, out.n);
	else
		printf("%s\n", m->digest);
	outset_done(&out);
	model_destroy(&m);
	return code;
}

/* ---- asking controld ---- */

/* What takes longer than two seconds says so on a terminal. */
struct waiting {
	atomic_bool over;
	const char *words;
};

static void *show_progress(void *user)
{
	struct waiting *w = user;
	int64_t from = clock_mono_ms();
	bool shown = false;
	while (!atomic_load(&w->over)) {
		usleep(100000);
		int64_t s = (clock_mono_ms() - from) / 1000;
		if (s >= 2 && !atomic_load(&w->over)) {
			fprintf(stderr, "\r%s %lld s", w->words, (long long)s);
			shown = true;
		}
	}
	if (shown)
		fprintf(stderr, "\r\033[K");
	return NULL;
}

/* As cli_ask, with the progress on a terminal; frees reply when it fails. 0 or an exit code. */
static int ask(struct buf *request, struct buf *reply, const char *words)
{
	struct err err = { 0 };
	struct waiting w = { .words = words };
	pthread_t thread;
	bool watched = words && isatty(2) && pthread_create(&thread, NULL, show_progress, &w) == 0;
	int r = cli_ask(request, reply, WAIT_MS, &err);
	atomic_store(&w.over, true);
	if (watched)
		pthread_join(thread, NULL);
	if (r == 0)
		return EXIT_DONE;
	buf_done(reply);
	return cli_error(&err);
}

/* Prints the answer as one JSON line, or the text. */
static int finish(struct buf *reply, bool json, const char *text)
{
	if (json)
		printf("%s\n", buf_cstr(reply));
	else if (*text)
		printf("%s\n", text);
	buf_done(reply);
	return fflush(stdout) == 0 ? EXIT_DONE : EXIT_COULD_NOT;
}

static int run_submit(int argc, char **argv)
{
	const char *as = cli_option(&argc, argv, "--as");
	bool json = cli_flag(&argc, argv, "--json");
	struct model *m = NULL;
	if (argc != 1)
		return usage_of("submit");
	int code = load(argv[0], json, &m);
	if (code != EXIT_DONE)
		return code;
	if (!json && cli_advice(m) < 0)
		fprintf(stderr, "toride: no memory to look for rules that never decide\n");
	return cli_submit(&m, as, json);
}

static int with_digest(int argc, char **argv, const char *what, const char *words, const char *done)
{
	const char *as = cli_option(&argc, argv, "--as"), *confirm = cli_option(&argc, argv, "--confirm-within");
	bool json = cli_flag(&argc, argv, "--json");
	struct buf request, reply;
	uint64_t seconds = 0;
	bool optional = strcmp(what, "rollback") == 0, none = strcmp(what, "confirm") == 0;
	if (argc > (none ? 0 : 1) || (argc == 0 && !optional && !none) || (confirm && strcmp(what, "apply") != 0) ||
	    (confirm && (!str_to_u64(str_from(confirm), 7 * 86400, &seconds) || seconds == 0)))
		return usage_of(what);
	cli_request(&request, what, as);
	if (argc == 1)
		json_field_s(&request, "digest", argv[0]);
	if (seconds)
		json_field_u64(&request, "confirm_within", seconds);
	int code = ask(&request, &reply, words);
	return code == EXIT_DONE ? finish(&reply, json, done) : code;
}

static int run_approve(int argc, char **argv)
{
	return with_digest(argc, argv, "approve", NULL, say("承認しました", "approved"));
}

static int run_apply(int argc, char **argv)
{
	return with_digest(argc, argv, "apply", say("適用しています", "applying"), say("適用し、確認しました", "in force and verified"));
}

static int run_confirm(int argc, char **argv)
{
	return with_digest(argc, argv, "confirm", NULL, say("確定しました", "confirmed"));
}

static int run_rollback(int argc, char **argv)
{
	return with_digest(argc, argv, "rollback", say("戻しています", "rolling back"),
	                   say("前の世代に戻し、確認しました", "the earlier generation is in force and verified"));
}

/* ---- generations ---- */

static const char *state_words(struct str state)
{
	static const struct {
		const char *name, *ja;
	} names[] = { { "current", "適用中" }, { "previous", "ひとつ前" }, { "compiled", "保存済み" },
		      { "approved", "承認済み" }, { "submitted", "承認待ち" } };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(state, str_from(names[i].name)))
			return cli_japanese() ? names[i].ja : names[i].name;
	return "?";
}

static void show_generation(yyjson_val *g)
{
	struct str digest = ctl_str(g, "digest"), author = ctl_str(g, "author"), time = ctl_str(g, "time");
	size_t i, max;
	yyjson_val *a;
	printf(STR_FMT "  %s  " STR_FMT "  " STR_FMT, STR_ARG(digest), state_words(ctl_str(g, "state")), STR_ARG(time),
	       STR_ARG(author));
	yyjson_arr_foreach(yyjson_obj_get(g, "approvals"), i, max, a) {
		struct str by = ctl_str(a, "by");
		printf("%s" STR_FMT, i ? ", " : " → ", STR_ARG(by));
	}
	putchar('\n');
}

static int run_generations(int argc, char **argv)
{
	bool json = cli_flag(&argc, argv, "--json");
	struct buf request, reply;
	size_t i, max;
	yyjson_val *g;
	if (argc)
		return usage_of("generations");
	cli_request(&request, "generations", NULL);
	int code = ask(&request, &reply, NULL);
	if (code != EXIT_DONE || json)
		return code == EXIT_DONE ? finish(&reply, true, "") : code;
	yyjson_doc *doc = yyjson_read(reply.ptr, reply.len, 0);
	yyjson_val *root = yyjson_doc_get_root(doc);
	uint64_t until = ctl_u64(root, "confirm_until", 0);
	char text[CLOCK_TEXT];
	yyjson_arr_foreach(yyjson_obj_get(root, "generations"), i, max, g)
		show_generation(g);
	clock_format_jst((int64_t)until, text);
	if (until)
		printf("%s %s\n", say("確定待ち。期限:", "waits for confirmation until"), text);
	if (ctl_bool(root, "changing", false))
		printf("%s\n", say("変更を適用しています", "a change is under way"));
	if (ctl_bool(root, "degraded", false))
		printf("%s\n", say("復旧が必要です(前の世代を入れ直せていません)", "degraded: the earlier generation could not be restored"));
	yyjson_doc_free(doc);
	return finish(&reply, false, "");
}

/* ---- the node's console ---- */

/* When an apply has cut the way to the node, or nothing answers any more: no socket, no daemon, root at the console. A change
 * that was cut off or could not be undone is recovered first. What is done is journalled and logged as by "console". */
static int run_console_rollback(int argc, char **argv)
{
	struct err err = { 0 };
	char hex[GEN_NAME] = "", path[PLACE_MAX];
	bool json = cli_flag(&argc, argv, "--json");
	if (argc > 1)
		return usage_of("--console rollback");
	if (geteuid() != 0)
		return cli_error((err_set(&err, E_DENIED, "", "%s", say("rootで実行してください", "only root at the node may do this")), &err));
	struct env env = env_real;
	env.no_daemons = process_pid("controld") <= 0; /* torided's children live and end with it */
	int r = argc ? gen_name(argv[0], hex, &err) : 0;
	if (r == 0)
		r = change_recover(&env, false, &err);
	if (r == 0)
		r = change_run(&env, &(struct change_opts){ .to = hex, .rollback = true, .by = BY_CONSOLE }, &err);
	if (r < 0 && r != -E_EXISTS)
		return cli_error(&err);
	change_status(false, path, NULL);
	printf("%s\n", json ? "{\"v\":1,\"ok\":true}" :
	                      say("前の世代に戻し、確認しました", "the earlier generation is in force and verified"));
	return EXIT_DONE;
}

const struct cli_command cli_change[] = {
	{ "compile", "toride compile DIR -o OUT [--json]", "compiles a description into files", "記述から設定ファイルを作ります", run_compile },
	{ "submit", "toride submit DIR [--as NAME] [--json]", "hands a description in; prints its digest",
	  "記述を提出し、ダイジェストを示します", run_submit },
	{ "approve", "toride approve DIGEST [--as NAME] [--json]", "approves what another person handed in",
	  "他の人が提出した記述を承認します", run_approve },
	{ "apply", "toride apply DIGEST [--confirm-within S] [--as NAME] [--json]", "puts an approved description into force",
	  "承認済みの記述を適用します", run_apply },
	{ "confirm", "toride confirm [--as NAME] [--json]", "keeps what --confirm-within would undo", "適用した世代を確定します", run_confirm },
	{ "rollback", "toride rollback [DIGEST] [--as NAME] [--json]", "back to the generation before, or to that one",
	  "前の世代、または指定した世代に戻します", run_rollback },
	{ "--console rollback", "toride --console rollback [DIGEST] [--json]", "the same at the node's console, without any daemon",
	  "ノードの端末で、常駐プログラムなしに前の世代へ戻します", run_console_rollback },
	{ "generations", "toride generations [--json]", "descriptions handed in, approved, in force", "提出・承認・適用された世代の一覧",
	  run_generations },
	{ 0 },
};
