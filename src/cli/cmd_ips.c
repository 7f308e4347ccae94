/* toride ips rules: files of signatures from outside, from their import to the day each of them may drop (M-095; doc/IPS.md).
 *
 * Nothing here changes what is in force: each command writes a new file (ips/book.h) below STATE/feeds/ips and prints its digest, which
 * somebody puts into the description, somebody else approves, and a rollback takes out again. What was done is recorded by controld. */
#include "cli/cli.h"
#include "cli/description.h"
#include "cli/ips_try.h"

#include "apply/child.h"
#include "apply/trials.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "ips/book.h"
#include "wire/ctl.h"
#include "wire/cursor.h"
#include "wire/place.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CHILD_MS 300000
#define CHAIN_MAX 32      /* books back that a trial's time is looked for in */
#define SIDS_MAX 256      /* named by who asks */
#define SPOKE_MAX 10000
#define NOTES_MAX 20      /* refusals recorded one by one */
#define SEARCH_DAYS 180

/* ---- books of this node ---- */

struct shelf {
	struct model *m;
	char hex[BOOK_HEX];              /* the one in force of that source; "": none */
	struct buf text[CHAIN_MAX];      /* it, and those before it */
	uint64_t seconds[CHAIN_MAX];     /* in force */
	size_t n;
};

static int read_book(const char *hex, struct buf *b, struct err *err)
{
	char path[PLACE_MAX];
	buf_init(b, BOOK_FILE_MAX);
	return fs_read(place_in_state(path, sizeof path, "feeds/ips/%s.rules", hex), b, err);
}

/* A field of the head: 0 source, 1 input, 2 the book before. */
static struct str head_field(struct str text, int which)
{
	struct str line, word = { NULL, 0 };
	if (!book_is(text) || !str_next(&text, '\n', &line))
		return (struct str){ "", 0 };
	for (int i = 0; i < 4 + which; i++) /* "#", "toride-ips", "1" */
		if (!str_next(&line, ' ', &word))
			return (struct str){ "", 0 };
	return word;
}

static int load_model(struct shelf *s, struct err *err)
{
	struct faults f = { 0 };
	int r = cli_load_in_force(&s->m, &f, err);
	faults_done(&f);
	return r;
}

static int time_of_book(const char *hex, uint64_t *ret, struct err *err)
{
	unsigned char sha[SHA256_LEN];
	return hex_parse(str_from(hex), sha, sizeof sha) ? trials_seconds(sha, ret, err) : err_set(err, E_CORRUPT, hex, "not a digest");
}

/* One that is gone ends the chain: its time isn't known, so it doesn't count. */
static int load_chain(struct shelf *s, const char *hex, struct err *err)
{
	char path[PLACE_MAX], next[BOOK_HEX];
	int r = 0;
	snprintf(next, sizeof next, "%s", hex);
	while (r == 0 && s->n < CHAIN_MAX && *next && fs_exists(place_in_state(path, sizeof path, "feeds/ips/%s.rules", next))) {
		struct buf *b = &s->text[s->n];
		r = time_of_book(next, &s->seconds[s->n], err);
		r = r < 0 ? r : read_book(next, b, err);
		s->n++;
		struct str before = r == 0 ? head_field(buf_view(b), 2) : STR("-");
		next[0] = 0;
		if (before.len == 64)
			snprintf(next, sizeof next, STR_FMT, STR_ARG(before));
	}
	return r;
}

static void shelf_done(struct shelf *s)
{
	for (size_t i = 0; i < s->n; i++)
		buf_done(&s->text[i]);
	model_destroy(&s->m);
}

/* Fills hex with the pinned book of that source (NULL: the only one). -E_NOT_FOUND when there is none. */
static int find_pinned(struct shelf *s, const char *source, struct err *err)
{
	const struct service *v = &s->m->service;
	for (size_t i = 0; i < v->ips.n_rules; i++) {
		struct buf b;
		int r = read_book(v->ips.rules[i], &b, err);
		struct str name = head_field(buf_view(&b), 0);
		bool it = r == 0 && name.len && (!source || str_eq(name, str_from(source)));
		buf_done(&b);
		if (r < 0)
			return r;
		if (it && s->hex[0])
			return err_set(err, E_INVALID, "--source", "more than one source is in force: say which");
		if (it)
			snprintf(s->hex, sizeof s->hex, "%s", v->ips.rules[i]);
	}
	return s->hex[0] ? 0 : err_set(err, E_NOT_FOUND, source ? source : "service.ips.rules", "no signatures of it are in force");
}

static int write_book(struct str text, char hex[BOOK_HEX], struct err *err)
{
	char path[PLACE_MAX], dir[PLACE_MAX];
	unsigned char sum[SHA256_LEN];
	hash_sha256(text.ptr, text.len, sum);
	hex_format(sum, sizeof sum, hex);
	int r = fs_mkdirs(place_in_state(dir, sizeof dir, "feeds/ips"), 0755, err);
	return r < 0 ? r : fs_write(place_in_state(path, sizeof path, "feeds/ips/%s.rules", hex), text, 0644, err);
}

/* ---- the record ---- */

static void note(const char *operation, bool refused, const char *as, const char *message)
{
	struct buf rq, reply;
	struct err err = { 0 };
	cli_request(&rq, "ips.note", as);
	json_field_s(&rq, "operation", operation);
	json_field_s(&rq, "message", message);
	json_field_bool(&rq, "refused", refused);
	if (cli_ask(&rq, &reply, 10000, &err) < 0)
		fprintf(stderr, "toride: %s: %s%s%s\n", say("記録できませんでした", "not recorded"), err.path, *err.path ? ": " : "", err.msg);
	buf_done(&reply);
}

/* ---- what a new book says ---- */

struct summary {
	char source[33], hex[BOOK_HEX];
	uint32_t acting, trial, refused, moved; /* moved: promoted or put back */
	uint32_t young, spoke;                  /* not promoted: not long enough on trial; it spoke */
	struct str text;                        /* of the book */
};

/* "#refused SID REV WHERE WORDS" of a book; false when the line is none. */
static bool refusal(struct str line, struct str part[4])
{
	if (!str_starts(line, STR("#refused ")))
		return false;
	struct str rest = { line.ptr + 9, line.len - 9 };
	for (int i = 0; i < 3; i++)
		if (!str_next(&rest, ' ', &part[i]))
			return false;
	part[3] = rest;
	return true;
}

static void put_refused_json(const struct str p[4])
{
	struct buf b;
	buf_init(&b, 4 * KIB);
	buf_printf(&b, "{\"sid\":" STR_FMT ",\"rev\":" STR_FMT ",\"state\":\"refused\"", STR_ARG(p[0]), STR_ARG(p[1]));
	json_field(&b, "where", p[2]);
	json_field(&b, "reason", p[3]);
	printf("%s}\n", buf_cstr(&b));
	buf_done(&b);
}

/* "refused 2000123: it speaks of clean traffic (updates.pcap)" */
static void put_refused(const struct str p[4])
{
	bool line = str_starts(p[2], STR("line-")), engine = str_eq(p[2], STR("engine"));
	printf("%s", say("不採用", "refused"));
	if (!str_eq(p[0], STR("0")))
		printf(" " STR_FMT, STR_ARG(p[0]));
	if (!cli_japanese())
		printf(": " STR_FMT " (" STR_FMT ")\n", STR_ARG(p[3]), STR_ARG(p[2]));
	else if (line)
		printf(": %.*s 行目は使えません (" STR_FMT ")\n", (int)p[2].len - 5, p[2].ptr + 5, STR_ARG(p[3]));
	else if (engine)
		printf(": Suricata が読み込めません (" STR_FMT ")\n", STR_ARG(p[3]));
	else
		printf(": 無害な通信の記録 " STR_FMT " を攻撃と判定しました\n", STR_ARG(p[2]));
}

static void show_refused(const struct summary *s, const char *as, bool json)
{
	struct str rest = s->text, line, p[4];
	size_t noted = 0;
	char message[400];
	while (rest.len && str_next(&rest, '\n', &line)) {
		if (!refusal(line, p))
			continue;
		(json ? put_refused_json : put_refused)(p);
		if (as && noted < NOTES_MAX && !str_starts(p[2], STR("line-"))) {
			snprintf(message, sizeof message, "%s: " STR_FMT " refused: " STR_FMT " (" STR_FMT ")", s->source, STR_ARG(p[0]), STR_ARG(p[3]), STR_ARG(p[2]));
			note("import", true, *as ? as : NULL, message);
			noted++;
		}
	}
}

static void show_summary(const struct summary *s, bool json)
{
	if (json) {
		printf("{\"source\":\"%s\",\"digest\":\"%s\",\"acting\":%u,\"trial\":%u,\"refused\":%u,\"moved\":%u,\"young\":%u,\"spoke\":%u}\n", s->source, s->hex,
		       s->acting, s->trial, s->refused, s->moved, s->young, s->spoke);
		return;
	}
	printf(cli_japanese() ? "%s: 有効 %u 件、試行中 (検知のみ) %u 件、不採用 %u 件\n" : "%s: %u act, %u are on trial (they only alert), %u refused\n", s->source, s->acting,
	       s->trial, s->refused);
	if (s->young)
		printf(cli_japanese() ? "試行期間がまだ終わっていないもの %u 件\n" : "%u haven't been on trial long enough\n", s->young);
	if (s->spoke)
		printf(cli_japanese() ? "試行中に検知したため据え置いたもの %u 件 (内容を確かめ、正しければ --sid で指定してください)\n"
		                      : "%u spoke while on trial and stay there: look at what they found; --sid names those that were right\n", s->spoke);
	printf("%s\n%s\n", say("使うには、記述の service.ips.rules に次を書いて申請してください。", "To use it, hand in a description whose service.ips.rules holds:"), s->hex);
}

/* A child's answer: six numbers, then the book. */
static int take_answer(const struct buf *out, struct summary *s, struct err *err)
{
	struct rd rd = rd_from(out->ptr ? out->ptr : "", out->len);
	s->acting = rd_u32(&rd);
	s->trial = rd_u32(&rd);
	s->refused = rd_u32(&rd);
	s->moved = rd_u32(&rd);
	s->young = rd_u32(&rd);
	s->spoke = rd_u32(&rd);
	s->text = rd_blob(&rd);
	snprintf(s->source, sizeof s->source, STR_FMT, STR_ARG(head_field(s->text, 0)));
	return rd_end(&rd) < 0 || !book_source_ok(str_from(s->source)) ? err_set(err, E_CORRUPT, "signatures", "the child's answer is malformed") : 0;
}

static int give_answer(const struct book *b, const struct summary *s, struct buf *out, struct err *err)
{
	struct buf text;
	wr_u32(out, (uint32_t)book_count(b, IPS_STAGE_DROP));
	wr_u32(out, (uint32_t)book_count(b, IPS_STAGE_TRIAL));
	wr_u32(out, (uint32_t)b->n_refused);
	wr_u32(out, s->moved);
	wr_u32(out, s->young);
	wr_u32(out, s->spoke);
	buf_init(&text, BOOK_FILE_MAX);
	book_format(b, &text);
	wr_blob(out, buf_view(&text));
	int failed = text.failed ? text.failed : out->failed;
	buf_done(&text);
	return failed ? err_set(err, (enum err_code)-failed, "signatures", "too many, or no memory") : 0;
}

/* ---- import ---- */

struct import {
	const char *source;
	struct buf input;
	struct shelf shelf;
	struct ips_try try;
	struct buf draft, rules; /* book; what is tried */
};

/* Out: blob book, blob rules to try. */
static int child_draft(void *arg, struct buf *out, struct err *err)
{
	struct import *im = arg;
	struct book b = { .n = 0 }, before = { .n = 0 };
	struct buf text;
	buf_init(&text, BOOK_FILE_MAX);
	int r = book_import(buf_view(&im->input), im->source, &b, err);
	if (r == 0 && im->shelf.n)
		r = book_parse(buf_view(&im->shelf.text[0]), &before, err);
	if (r == 0 && im->shelf.n && (r = book_carry(&b, &before, im->shelf.hex)) < 0)
		err_set(err, (enum err_code)-r, im->source, "too many rules, or no memory");
	if (r == 0) {
		book_format(&b, &text);
		wr_blob(out, buf_view(&text));
		int failed = text.failed;
		buf_reset(&text);
		book_format_try(&b, &text);
		wr_blob(out, buf_view(&text));
		if (failed || text.failed || out->failed)
			r = err_set(err, E_LIMIT, im->source, "too many rules, or no memory");
	}
	buf_done(&text);
	book_done(&b);
	book_done(&before);
	return r;
}

static int draft(struct import *im, struct err *err)
{
	struct buf out;
	buf_init(&out, 2 * BOOK_FILE_MAX + 16);
	int r = child_call(0, child_draft, im, CHILD_MS, &out, err);
	struct rd rd = rd_from(out.ptr ? out.ptr : "", out.len);
	struct str book = rd_blob(&rd), rules = rd_blob(&rd);
	if (r == 0 && rd_end(&rd) < 0)
		r = err_set(err, E_CORRUPT, "signatures", "the child's answer is malformed");
	if (r == 0) {
		buf_str(&im->draft, book);
		buf_str(&im->rules, rules);
	}
	buf_done(&out);
	return r;
}

static int child_judge(void *arg, struct buf *out, struct err *err)
{
	struct import *im = arg;
	struct book b;
	const struct summary none = { .moved = 0 };
	int r = book_parse(buf_view(&im->draft), &b, err);
	if (r == 0 && (r = book_judge(&b, buf_view(&im->try.said), buf_view(&im->try.eve))) < 0)
		err_set(err, E_NOMEM, im->source, "no memory");
	if (r == 0 && !b.n)
		r = err_set(err, E_INVALID, im->source, "none of its rules is left: %s", b.n_refused ? b.refused[b.n_refused - 1].words : "");
	r = r < 0 ? r : give_answer(&b, &none, out, err);
	book_done(&b);
	return r;
}

static int import_all(struct import *im, const char *path, struct buf *out, struct summary *s, struct err *err)
{
	int r = fs_read(path, &im->input, err);
	r = r < 0 ? r : load_model(&im->shelf, err);
	if (r == 0 && (r = find_pinned(&im->shelf, im->source, err)) == -E_NOT_FOUND && !im->shelf.hex[0])
		r = 0; /* the first of this source */
	if (r == 0 && im->shelf.hex[0])
		r = load_chain(&im->shelf, im->shelf.hex, err);
	r = r < 0 ? r : draft(im, err);
	im->try.m = im->shelf.m;
	if (r == 0 && isatty(STDERR_FILENO))
		fprintf(stderr, "%s\n", say("無害な通信の記録で試しています (シグネチャ4万件で20秒ほど)…", "trying them on clean captures (40,000 take some twenty seconds) …"));
	r = r < 0 ? r : ips_try_run(&im->try, buf_view(&im->rules), err);
	r = r < 0 ? r : child_call(0, child_judge, im, CHILD_MS, out, err);
	r = r < 0 ? r : take_answer(out, s, err);
	return r < 0 ? r : write_book(s->text, s->hex, err);
}

static int run_import(int argc, char **argv)
{
	struct err err = { 0 };
	static struct import im;
	struct summary s = { .acting = 0 };
	struct buf out;
	char message[400];
	bool json = cli_flag(&argc, argv, "--json");
	const char *as = cli_option(&argc, argv, "--as");
	im.source = cli_option(&argc, argv, "--source");
	for (const char *c; im.try.n_captures < TRY_CAPTURES && (c = cli_option(&argc, argv, "--clean"));)
		im.try.captures[im.try.n_captures++] = c;
	if (argc != 1 || !im.source || !book_source_ok(str_from(im.source)))
		return cli_usage(&cli_ips[0]);
	buf_init(&im.input, BOOK_FILE_MAX);
	buf_init(&im.draft, BOOK_FILE_MAX);
	buf_init(&im.rules, BOOK_FILE_MAX);
	buf_init(&out, BOOK_FILE_MAX + KIB);
	int r = import_all(&im, argv[0], &out, &s, &err);
	if (r == 0) {
		show_refused(&s, as ? as : "", json);
		snprintf(message, sizeof message, "%s: %s: %u act, %u on trial, %u refused, silent on %zu captures", s.source, s.hex, s.acting, s.trial, s.refused, im.try.n_read);
		note("import", false, as, message);
		show_summary(&s, json);
	} else {
		snprintf(message, sizeof message, "%s: %.300s", im.source, err.msg);
		note("import", true, as, message);
	}
	ips_try_done(&im.try);
	shelf_done(&im.shelf);
	buf_done(&im.input);
	buf_done(&im.draft);
	buf_done(&im.rules);
	buf_done(&out);
	return r < 0 ? cli_error(&err) : EXIT_DONE;
}

/* ---- promote, demote ---- */

struct move {
	struct shelf shelf;
	bool demote;
	uint32_t sids[SIDS_MAX]; /* sorted as given; none: all that may */
	size_t n_sids;
	uint32_t *spoke;
	size_t n_spoke;
};

static bool holds(const uint32_t *list, size_t n, uint32_t sid)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == sid)
			return true;
	return false;
}

/* Who spoke on trial is promoted by name only. */
static bool may_act(const struct move *mv, const struct book_entry *e, struct summary *s)
{
	bool named = holds(mv->sids, mv->n_sids, e->rule.sid);
	if (mv->n_sids && !named)
		return false;
	if (e->trial_s < mv->shelf.m->service.ips.trial_s) {
		s->young++;
		return false;
	}
	if (!named && holds(mv->spoke, mv->n_spoke, e->rule.sid)) {
		s->spoke++;
		return false;
	}
	return true;
}

static int promote(struct move *mv, struct book *b, struct summary *s, struct err *err)
{
	uint32_t *sids = mem_array(b->n + 1, sizeof *sids);
	size_t n = 0;
	if (!sids)
		return err_set(err, E_NOMEM, "", "no memory");
	for (size_t i = 0; i < b->n; i++)
		if (b->list[i].stage == IPS_STAGE_TRIAL && may_act(mv, &b->list[i], s))
			sids[n++] = b->list[i].rule.sid;
	for (size_t i = 0; i < n; i++)
		s->moved += book_promote(b, sids[i]);
	mem_free(sids);
	return 0;
}

static int add_trial_times(struct move *mv, struct book *b, struct err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < mv->shelf.n; i++) {
		struct book older = { .n = 0 };
		r = book_parse(buf_view(&mv->shelf.text[i]), &older, err);
		if (r == 0)
			book_trial_time(b, &older, mv->shelf.seconds[i]);
		book_done(&older);
	}
	return r;
}

static int child_move(void *arg, struct buf *out, struct err *err)
{
	struct move *mv = arg;
	struct summary s = { .moved = 0 };
	struct book b = { .n = 0 };
	int r = book_parse(buf_view(&mv->shelf.text[0]), &b, err);
	r = r < 0 ? r : add_trial_times(mv, &b, err);
	if (r == 0)
		snprintf(b.before, sizeof b.before, "%s", mv->shelf.hex);
	if (r == 0 && !mv->demote)
		r = promote(mv, &b, &s, err);
	for (size_t i = 0; r == 0 && mv->demote && i < mv->n_sids; i++)
		s.moved += book_demote(&b, mv->sids[i]);
	r = r < 0 ? r : give_answer(&b, &s, out, err);
	book_done(&b);
	return r;
}

/* Which signatures spoke on trial, by the watch's own records. */
static int ask_spoke(struct move *mv, struct err *err)
{
	struct buf rq, reply;
	uint64_t sid;
	size_t i, n;
	yyjson_val *v;
	mv->spoke = mem_array(SPOKE_MAX, sizeof *mv->spoke);
	if (!mv->spoke)
		return err_set(err, E_NOMEM, "", "no memory");
	cli_request(&rq, "log.search", NULL);
	json_field_s(&rq, "query", "product:suricata trial");
	json_field_s(&rq, "group", "rule");
	json_field_u64(&rq, "from", (uint64_t)(clock_now_ms() - SEARCH_DAYS * INT64_C(86400000)));
	json_field_u64(&rq, "limit", SPOKE_MAX);
	int r = cli_ask(&rq, &reply, 60000, err);
	yyjson_doc *doc = r == 0 ? yyjson_read(reply.ptr, reply.len, 0) : NULL;
	yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(doc), "counts"), i, n, v)
		if (mv->n_spoke < SPOKE_MAX && str_to_u64(ctl_str(v, "value"), UINT32_MAX, &sid))
			mv->spoke[mv->n_spoke++] = (uint32_t)sid;
	if (r == 0 && ctl_bool(yyjson_doc_get_root(doc), "more", false))
		r = err_set(err, E_LIMIT, "log", "more than %d signatures spoke on trial: name those that may act (--sid)", SPOKE_MAX);
	yyjson_doc_free(doc);
	buf_done(&reply);
	return r;
}

static int move_all(struct move *mv, const char *source, struct buf *out, struct summary *s, struct err *err)
{
	int r = load_model(&mv->shelf, err);
	r = r < 0 ? r : find_pinned(&mv->shelf, source, err);
	r = r < 0 ? r : load_chain(&mv->shelf, mv->shelf.hex, err);
	if (r == 0 && !mv->demote && !mv->n_sids)
		r = ask_spoke(mv, err);
	r = r < 0 ? r : child_call(0, child_move, mv, CHILD_MS, out, err);
	r = r < 0 ? r : take_answer(out, s, err);
	if (r == 0 && !s->moved)
		r = err_set(err, E_STATE, s->source, mv->demote ? "none of these acts (有効なシグネチャではありません)"
		                                               : "none may act yet: %u not long enough on trial, %u spoke (まだ遮断に移せるものがありません: 試行期間中 %u 件、検知あり %u 件)",
		            s->young, s->spoke, s->young, s->spoke);
	return r < 0 ? r : write_book(s->text, s->hex, err);
}

static int run_move(int argc, char **argv, bool demote)
{
	struct err err = { 0 };
	static struct move mv;
	struct summary s = { .acting = 0 };
	struct buf out;
	uint64_t sid;
	char message[400];
	bool json = cli_flag(&argc, argv, "--json");
	const char *as = cli_option(&argc, argv, "--as"), *source = cli_option(&argc, argv, "--source");
	const struct cli_command *me = &cli_ips[demote ? 2 : 1];
	mv = (struct move){ .demote = demote };
	for (const char *c; mv.n_sids < SIDS_MAX && (c = cli_option(&argc, argv, "--sid"));) {
		if (!str_to_u64(str_from(c), UINT32_MAX, &sid) || !sid)
			return cli_usage(me);
		mv.sids[mv.n_sids++] = (uint32_t)sid;
	}
	if (argc != 0 || (demote && !mv.n_sids))
		return cli_usage(me);
	buf_init(&out, BOOK_FILE_MAX + KIB);
	int r = move_all(&mv, source, &out, &s, &err);
	snprintf(message, sizeof message, "%s: %.300s", r < 0 ? (source ? source : "-") : s.source, r < 0 ? err.msg : s.hex);
	if (r == 0)
		snprintf(message, sizeof message, "%s: %s: %u moved, %u act, %u on trial", s.source, s.hex, s.moved, s.acting, s.trial);
	note(demote ? "demote" : "promote", r < 0, as, message);
	if (r == 0)
		show_summary(&s, json);
	mem_free(mv.spoke);
	shelf_done(&mv.shelf);
	buf_done(&out);
	return r < 0 ? cli_error(&err) : EXIT_DONE;
}

static int run_promote(int argc, char **argv)
{
	return run_move(argc, argv, false);
}

static int run_demote(int argc, char **argv)
{
	return run_move(argc, argv, true);
}

/* ---- list ---- */

struct list {
	struct move mv;
	bool json, ja, all;
};

/* msg:"…" without its quotes. */
static struct str name_of(const struct book_entry *e)
{
	struct str s = e->rule.msg;
	return s.len >= 2 && s.ptr[0] == '"' && s.ptr[s.len - 1] == '"' ? (struct str){ s.ptr + 1, s.len - 2 } : s;
}

static void put_state(const struct list *l, const struct book_entry *e, struct buf *b)
{
	uint64_t needs = l->mv.shelf.m->service.ips.trial_s;
	bool trial = e->stage == IPS_STAGE_TRIAL;
	if (l->json) {
		buf_puts(b, "{");
		json_field_u64(b, "sid", e->rule.sid);
		json_field_u64(b, "rev", e->rule.rev);
		json_field_s(b, "state", trial ? "trial" : "acting");
		if (trial)
			json_field_u64(b, "trial_s", e->trial_s);
		json_field(b, "name", name_of(e));
		buf_puts(b, "}\n");
		return;
	}
	buf_printf(b, "%u/%u ", e->rule.sid, e->rule.rev);
	if (!trial)
		buf_puts(b, l->ja ? "有効" : "acts");
	else if (e->trial_s >= needs)
		buf_puts(b, l->ja ? "試行期間を終えました" : "its trial is over");
	else
		buf_printf(b, l->ja ? "試行中 (%llu/%llu 時間)" : "on trial (%llu of %llu h)", (unsigned long long)e->trial_s / 3600, (unsigned long long)needs / 3600);
	buf_printf(b, "  " STR_FMT "\n", STR_ARG(name_of(e)));
}

static int child_list(void *arg, struct buf *out, struct err *err)
{
	struct list *l = arg;
	struct book b = { .n = 0 };
	int r = book_parse(buf_view(&l->mv.shelf.text[0]), &b, err);
	r = r < 0 ? r : add_trial_times(&l->mv, &b, err);
	for (size_t i = 0; r == 0 && i < b.n; i++)
		if (l->all || b.list[i].stage == IPS_STAGE_TRIAL)
			put_state(l, &b.list[i], out);
	if (r == 0 && !l->json)
		buf_printf(out, l->ja ? "%s: 有効 %zu 件、試行中 %zu 件、不採用 %zu 件\n" : "%s: %zu act, %zu on trial, %zu refused\n", b.source, book_count(&b, IPS_STAGE_DROP),
		           book_count(&b, IPS_STAGE_TRIAL), b.n_refused);
	book_done(&b);
	return r < 0 ? r : out->failed ? err_set(err, (enum err_code)-out->failed, "", "too long") : 0;
}

/* Of one pinned file. One that is no book was made elsewhere: all of it acts as it is written. */
static int list_one(struct list *l, const char *hex, struct err *err)
{
	struct buf out;
	struct summary s = { .text = STR("") };
	buf_init(&out, BOOK_FILE_MAX);
	snprintf(l->mv.shelf.hex, BOOK_HEX, "%s", hex);
	int r = load_chain(&l->mv.shelf, hex, err);
	if (r == 0 && (!l->mv.shelf.n || !book_is(buf_view(&l->mv.shelf.text[0]))))
		r = err_set(err, E_INVALID, hex, "isn't one that toride ips rules import made");
	r = r < 0 ? r : child_call(0, child_list, l, CHILD_MS, &out, err);
	if (r == 0) {
		s.text = buf_view(&l->mv.shelf.text[0]);
		show_refused(&s, NULL, l->json);
		r = fwrite(out.ptr ? out.ptr : "", 1, out.len, stdout) == out.len ? 0 : err_set(err, E_IO, "", "can't write the output");
	}
	for (size_t i = 0; i < l->mv.shelf.n; i++)
		buf_done(&l->mv.shelf.text[i]);
	l->mv.shelf.n = 0;
	buf_done(&out);
	return r;
}

static int run_list(int argc, char **argv)
{
	struct err err = { 0 };
	static struct list l;
	l = (struct list){ .json = cli_flag(&argc, argv, "--json"), .all = cli_flag(&argc, argv, "--all"), .ja = cli_japanese() };
	if (argc > 1)
		return cli_usage(&cli_ips[3]);
	int r = load_model(&l.mv.shelf, &err);
	const struct service *v = r == 0 ? &l.mv.shelf.m->service : NULL;
	if (r == 0 && argc == 1)
		r = list_one(&l, argv[0], &err);
	for (size_t i = 0; r == 0 && argc == 0 && i < v->ips.n_rules; i++)
		r = list_one(&l, v->ips.rules[i], &err);
	if (r == 0 && argc == 0 && !v->ips.n_rules && !l.json)
		puts(say("外部のシグネチャは使われていません (自前の規則だけです)", "no signatures from outside are in force: only our own"));
	shelf_done(&l.mv.shelf);
	return r < 0 ? cli_error(&err) : EXIT_DONE;
}

const struct cli_command cli_ips[] = {
	{ "ips rules import", "toride ips rules import FILE --source NAME [--clean PCAP]... [--as WHO] [--json]",
	  "signatures in Suricata's language: tried on clean captures; those that stay silent go on trial, and the digest to put into service.ips.rules is printed",
	  "Suricata 形式のシグネチャを取り込みます。無害な通信の記録で誤検知しないものだけを試行 (検知のみ) とし、service.ips.rules に書くダイジェストを表示します", run_import },
	{ "ips rules promote", "toride ips rules promote [--source NAME] [--sid N]... [--as WHO] [--json]",
	  "those that were silent all through their trial may drop from now on (or those named, whatever they said); prints the new digest",
	  "試行期間中に検知のなかったシグネチャ (または --sid で指定したもの) を遮断に使えるようにし、新しいダイジェストを表示します", run_promote },
	{ "ips rules demote", "toride ips rules demote --sid N... [--source NAME] [--as WHO] [--json]", "puts signatures back on trial: they only alert; prints the new digest",
	  "シグネチャを試行 (検知のみ) に戻し、新しいダイジェストを表示します", run_demote },
	{ "ips rules list", "toride ips rules list [DIGEST] [--all] [--json]", "signatures of the files in force (or that one): on trial and for how long, refused and why; --all: those that act too",
	  "使用中のシグネチャの状態 (試行中とその期間、不採用と理由)。--all で有効なものも示します", run_list },
	{ 0 },
};
