/* toride incident report, search, spread, step, task, owner, playbook, attach: the work on an incident, asked through controld;
 * doc/interfaces/respond.md. */
#include "cli/asking.h"

#include "base/mem.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FOUND_WAIT_MS 20000 /* for the log to be searched; it goes on without us */

/* ---- shown behind the timeline ---- */

static void show_tasks(yyjson_val *inc)
{
	char t[CLOCK_TEXT];
	size_t i, n;
	yyjson_val *v;
	printf("\n%s\n", say("手順と作業", "Steps and tasks"));
	yyjson_arr_foreach(yyjson_obj_get(inc, "tasks"), i, n, v) {
		bool done = yyjson_obj_get(v, "done");
		printf("  [%s] %4llu %-10s %s%s%s%s%s\n", done ? "x" : " ", (unsigned long long)ctl_u64(v, "id", 0), json_text(v, "role"),
		       say(json_text(v, "text_ja"), json_text(v, "text")), json_text(v, "title")[0] ? ": " : "", json_text(v, "title"),
		       json_text(v, "owner")[0] ? say("  担当 ", "  owner ") : "", json_text(v, "owner"));
		if (done)
			printf("                        %s  %s %s\n", json_when(v, "done", t), json_word(WORDS_ACTOR, v, "done_by"), json_text(v, "result"));
	}
}

void show_inquiry(yyjson_val *q)
{
	char t[CLOCK_TEXT], u[CLOCK_TEXT];
	size_t i, n;
	yyjson_val *h;
	printf("  %s: %s  %s%s%s\n", json_text(q, "value"), json_word(WORDS_INQUIRY, q, "state"),
	       strcmp(json_text(q, "source"), "sealed") == 0 ? say("(封印済みの記録から) ", "(from the sealed records) ") : "", json_text(q, "error"),
	       ctl_bool(q, "more", false) ? say(" ほかにもあります", " there are more") : "");
	yyjson_arr_foreach(yyjson_obj_get(q, "hits"), i, n, h)
		printf("    %s  %-15s %s  %s %llu %s %llu  %s - %s  %s\n", json_text(h, "org"), json_text(h, "terminal"), json_text(h, "name"),
		       say("通った", "passed"), (unsigned long long)ctl_u64(h, "passed", 0), say("止めた", "refused"),
		       (unsigned long long)ctl_u64(h, "refused", 0), json_when(h, "first", t), json_when(h, "last", u), json_text(h, "record"));
}

static void show_inquiries(yyjson_val *inc)
{
	size_t i, n;
	yyjson_val *v;
	if (yyjson_arr_size(yyjson_obj_get(inc, "inquiries")) == 0)
		return;
	printf("\n%s\n", say("記録の調査", "Searched in the log"));
	yyjson_arr_foreach(yyjson_obj_get(inc, "inquiries"), i, n, v)
		show_inquiry(v);
}

void show_life(yyjson_val *inc)
{
	size_t i, n;
	yyjson_val *v;
	yyjson_arr_foreach(yyjson_obj_get(inc, "report"), i, n, v)
		printf("\n%s: %s %s (%s) %s\n", say("申告", "Reported"), json_text(v, "reporter"), json_text(v, "phone"), json_word(WORDS_SUSPICION, v, "kind"),
		       json_text(v, "words"));
	show_tasks(inc);
	show_inquiries(inc);
	if (yyjson_arr_size(yyjson_obj_get(inc, "attachments")))
		printf("\n%s\n", say("証拠のファイル", "Files attached"));
	yyjson_arr_foreach(yyjson_obj_get(inc, "attachments"), i, n, v)
		printf("  %s  %s  %s\n", json_text(v, "sha256"), json_text(v, "name"), json_text(v, "place"));
}

/* ---- a suspicion, and who else met it ---- */

static struct {
	char number[40];
	unsigned long long inquiry;
} asked; /* of the request just answered */

static void note_asked(yyjson_val *root, bool json)
{
	yyjson_val *inc = yyjson_obj_get(root, "incident");
	if (inc)
		snprintf(asked.number, sizeof asked.number, "%s", json_text(inc, "number"));
	asked.inquiry = ctl_u64(root, "inquiry", 0);
	if (inc && !json)
		show_incident_line(inc);
}

/* The inquiry's object of the incident, kept in *doc; NULL when it can't be learnt. */
static yyjson_val *read_inquiry(yyjson_doc **doc)
{
	struct buf rq, reply;
	size_t i, n;
	yyjson_val *v, *found = NULL;
	cli_request(&rq, "incident.show", NULL);
	json_field_s(&rq, "number", asked.number);
	*doc = cli_ask(&rq, &reply, ASK_WAIT_MS, NULL) == 0 ? yyjson_read(reply.ptr, reply.len, 0) : NULL;
	buf_done(&reply);
	yyjson_arr_foreach(yyjson_obj_get(yyjson_obj_get(yyjson_doc_get_root(*doc), "incident"), "inquiries"), i, n, v)
		if (ctl_u64(v, "id", 0) == asked.inquiry)
			found = v;
	return found;
}

static int wait_for_found(int code, bool json)
{
	yyjson_doc *doc = NULL;
	yyjson_val *q = NULL;
	if (code != EXIT_DONE || !asked.inquiry)
		return code;
	for (int64_t end = clock_mono_ms() + FOUND_WAIT_MS; clock_mono_ms() < end; usleep(100000)) {
		yyjson_doc_free(doc);
		q = read_inquiry(&doc);
		if (!q || strcmp(json_text(q, "state"), "waiting") != 0)
			break;
	}
	if (q && !json)
		show_inquiry(q);
	if (q && strcmp(json_text(q, "state"), "waiting") == 0)
		fprintf(stderr, "%s toride incident show %s\n", say("まだ調べています。結果はあとで見られます:", "Still searching; see later:"), asked.number);
	yyjson_doc_free(doc);
	return code;
}

static int incident_report(int argc, char **argv)
{
	static const char *const options[] = { "--org", "--reporter", "--phone", "--terminal", "--text", "--title", NULL };
	struct asking a;
	ask_begin(&a, &argc, argv, "incident.report");
	const char *kind = cli_option(&argc, argv, "--kind"), *type = cli_option(&argc, argv, "--type");
	bool ok = ask_number(&a, &argc, argv, "--days");
	for (size_t i = 0; options[i]; i++)
		ask_option(&a, &argc, argv, options[i]);
	ask_option(&a, &argc, argv, "--by");
	if (!ok || argc > 1 || (argc == 1 && argv[0][0] == '-')) {
		buf_done(&a.rq);
		return ask_usage(cli_life, "incident report");
	}
	json_field_s(&a.rq, "kind", kind ? kind : argc ? "page" : "other");
	if (argc) {
		json_field_s(&a.rq, "observable_type", type ? type : kind && strcmp(kind, "mail") == 0 ? "mail" : cli_observable(argv[0]));
		json_field_s(&a.rq, "observable", argv[0]);
	}
	bool json = a.json;
	int code = wait_for_found(ask(&a, note_asked), json);
	if (code == EXIT_DONE && json)
		printf("{\"number\":\"%s\",\"inquiry\":%llu}\n", asked.number, asked.inquiry);
	return code;
}

static int incident_search(int argc, char **argv)
{
	struct asking a;
	ask_begin(&a, &argc, argv, "incident.search");
	const char *value = cli_option(&argc, argv, "--value"), *type = cli_option(&argc, argv, "--type");
	bool ok = ask_number(&a, &argc, argv, "--days"), json = a.json;
	ask_option(&a, &argc, argv, "--by");
	if (!ok || argc != 1 || argv[0][0] == '-') {
		buf_done(&a.rq);
		return ask_usage(cli_life, "incident search");
	}
	json_field_s(&a.rq, "number", argv[0]);
	if (value) {
		json_field_s(&a.rq, "observable", value);
		json_field_s(&a.rq, "observable_type", type ? type : cli_observable(value));
	}
	snprintf(asked.number, sizeof asked.number, "%s", argv[0]);
	return wait_for_found(ask(&a, note_asked), json);
}

static void line_opened(yyjson_val *v)
{
	printf("%s  %s\n", json_text(v, "org"), json_text(v, "number"));
}

static void show_opened(yyjson_val *root, bool json)
{
	show_list(yyjson_obj_get(root, "opened"), json, say("記録から見つかった他団体はありません。", "The log shows no other organisation."), line_opened);
}

static const char *const by[] = { "--by", "--org", NULL };
static const char *const by_step[] = { "--by", "--org", "--step", "--result", NULL };
static const char *const by_owner[] = { "--by", "--org", "--step", "--owner", NULL };
static const char *const by_task[] = { "--by", "--org", "--kind", "--title", "--role", "--owner", "--ordered-by", NULL };
static const char *const by_playbook[] = { "--by", "--org", "--playbook", NULL };

static int incident_spread(int argc, char **argv)
{
	return ask_one(cli_life, "incident spread", "incident.spread", "number", by, argc, argv, show_opened);
}

static int incident_step(int argc, char **argv)
{
	return ask_one(cli_life, "incident step", "incident.step", "number", by_step, argc, argv, show_incident);
}

static int incident_task(int argc, char **argv)
{
	return ask_one(cli_life, "incident task", "incident.task", "number", by_task, argc, argv, show_incident);
}

static int incident_owner(int argc, char **argv)
{
	return ask_one(cli_life, "incident owner", "incident.owner", "number", by_owner, argc, argv, show_incident);
}

static int incident_playbook(int argc, char **argv)
{
	return ask_one(cli_life, "incident playbook", "incident.playbook", "number", by_playbook, argc, argv, show_incident);
}

/* ---- files ---- */

static int hash_file(const char *path, char hex[65], uint64_t *ret_bytes, struct err *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned char b[65536], h[32];
	ssize_t n = 0;
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok = fd >= 0 && c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1;
	for (*ret_bytes = 0; ok && (n = read(fd, b, sizeof b)) > 0; *ret_bytes += (uint64_t)n)
		ok = EVP_DigestUpdate(c, b, (size_t)n) == 1;
	ok = ok && n == 0 && EVP_DigestFinal_ex(c, h, NULL) == 1;
	EVP_MD_CTX_free(c);
	if (!ok)
		return err_set(err, E_IO, path, "cannot be read");
	hex_format(h, sizeof h, hex);
	return 0;
}

static int incident_attach(int argc, char **argv)
{
	struct asking a;
	struct err err = { 0 };
	char hex[65];
	uint64_t bytes;
	ask_begin(&a, &argc, argv, "incident.attach");
	const char *kind = cli_option(&argc, argv, "--kind");
	ask_option(&a, &argc, argv, "--place");
	ask_option(&a, &argc, argv, "--by");
	int code = argc != 2 || argv[0][0] == '-' ? ask_usage(cli_life, "incident attach") : EXIT_DONE;
	if (code == EXIT_DONE && hash_file(argv[1], hex, &bytes, &err) < 0)
		code = cli_error(&err);
	if (code != EXIT_DONE) {
		buf_done(&a.rq);
		return code;
	}
	const char *slash = strrchr(argv[1], '/');
	json_field_s(&a.rq, "number", argv[0]);
	json_field_s(&a.rq, "name", slash ? slash + 1 : argv[1]);
	json_field_s(&a.rq, "sha256", hex);
	json_field_s(&a.rq, "kind", kind ? kind : "other");
	json_field_u64(&a.rq, "bytes", bytes);
	return ask(&a, show_incident);
}

const struct cli_command cli_life[] = {
	{ "incident report", "toride incident report [URL|HOST|ADDRESS|HASH|MAIL] [--type T] --org CODE --reporter NAME [--kind page|mail|file|call|other] [--phone N] [--terminal ADDR] [--text T] [--days N] --by NAME [--json]",
	  "opens an incident from a person's suspicion; finds who else met it", "申告からインシデントを登録し、ほかに誰が接続・受信したかを記録から調べる", incident_report },
	{ "incident search", "toride incident search NUMBER [--value V] [--type T] [--days N] --by NAME [--json]", "looks in the log for who met what the incident is about",
	  "インシデントの相手先に接続した端末を記録から調べる", incident_search },
	{ "incident spread", "toride incident spread NUMBER --by NAME [--json]", "opens an incident for each other organisation that met the same",
	  "調べて見つかった他団体にもインシデントを登録して知らせる", incident_spread },
	{ "incident step", "toride incident step NUMBER --step CODE|--task ID [--result TEXT] --by NAME [--json]", "a step or task is done", "手順・作業を済みにする", incident_step },
	{ "incident task", "toride incident task NUMBER --kind dispatch|stop|restore|ask|other --role soc|noc|org|prefecture --owner NAME [--title T] [--ordered-by NAME] --by NAME [--json]",
	  "adds a task with an owner", "担当を決めて作業を加える(現地対応・サービス停止など)", incident_task },
	{ "incident owner", "toride incident owner NUMBER --step CODE|--task ID --owner NAME --by NAME [--json]", "says who does a step or task", "手順・作業の担当を決める", incident_owner },
	{ "incident playbook", "toride incident playbook NUMBER --playbook infection|inbound|outbound --by NAME [--json]", "changes which case it is", "不正通信の種別(3ケース)を変える",
	  incident_playbook },
	{ "incident attach", "toride incident attach NUMBER FILE [--kind log|mail|file|image|packets|other] [--place TEXT] --by NAME [--json]",
	  "attaches a file by its SHA-256; the file stays where it is", "ファイルをハッシュ値で証拠に加える(ファイルは動かさない)", incident_attach },
	{ 0 },
};
