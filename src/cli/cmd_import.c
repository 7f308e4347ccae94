/* toride log import: a file brought from outside (a body's old logs, a saved .evtx, a firewall's export) into the sealed log, as records of one
 * body in a series of their own, with who brought it, from where, and its hash.
 *
 * Two processes: import_read.c parses in a jail; this one, root's, holds the socket, says whose the records are, and keeps account in
 * STATE/imports/ORG-SHA256.json. An import has a name (id) made of file, body and attempt, which is its boot at intaked: one that was
 * killed goes on when the same command is given again, and what was taken isn't taken twice (intake/seen.h). */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "cli/description.h"
#include "cli/import_read.h"
#include "normalise/sender.h"
#include "segment/merkle.h"
#include "wire/ctl.h"
#include "wire/identity.h"
#include "wire/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define RING (4u * 1024 * 1024) /* of events that wait for intaked: less than its memory of numbers (SEEN_WINDOW) */
#define STUCK_MS 60000          /* nothing acknowledged for so long: nobody takes records */
#define FILE_BYTES (64ull * 1024 * 1024 * 1024)

struct counts {
	uint64_t records, unparsed, undated, lost, findings;
};
struct import {
	/* asked for */
	const char *file, *org, *parser, *handed, *who;
	struct device_source source;
	bool again, judge, json;
	/* the file */
	int fd, lock_fd;
	char path[PATH_MAX], sha[65], id[17];
	struct stat st;
	/* the account */
	char account[PLACE_MAX];
	uint64_t attempt;
	bool begun; /* by an earlier command that didn't come to its end */
	struct counts n;
};

/* ---- the file ---- */

static int hash_file(int fd, char ret[65], struct err *err)
{
	struct sha s;
	unsigned char hash[SEGMENT_HASH];
	char part[65536];
	off_t at = 0;
	ssize_t n;
	if (sha_open(&s) < 0)
		return err_set(err, E_NOMEM, "", "no memory");
	sha_begin(&s);
	for (; (n = pread(fd, part, sizeof part, at)) > 0; at += n)
		sha_add(&s, part, (size_t)n);
	int r = n < 0 ? err_errno(err, "file", "cannot be read") : 0;
	sha_end(&s, hash);
	sha_close(&s);
	hex_format(hash, sizeof hash, ret);
	return r;
}

static int open_file(struct import *im, struct err *err)
{
	im->fd = open(im->file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (im->fd < 0 || fstat(im->fd, &im->st) < 0)
		return err_errno(err, im->file, "cannot be read");
	if (!S_ISREG(im->st.st_mode))
		return err_set(err, E_INVALID, im->file, "not a file");
	if (im->st.st_size == 0 || (uint64_t)im->st.st_size > FILE_BYTES)
		return err_set(err, E_LIMIT, im->file, "empty, or larger than 64 GiB");
	if (!realpath(im->file, im->path))
		return err_errno(err, im->file, "has no path");
	if (!str_is_utf8(str_from(im->path)) || !str_is_utf8(str_from(im->handed)) || !str_is_utf8(str_from(im->source.name)))
		return err_set(err, E_INVALID, "import", "%s", say("ファイル名か引数が UTF-8 ではありません", "the file's name or an argument isn't UTF-8: it couldn't be put on record"));
	return hash_file(im->fd, im->sha, err);
}

/* Its name at intaked and in every record of it. */
static void name_it(struct import *im)
{
	unsigned char hash[SHA256_LEN];
	char text[128];
	int n = snprintf(text, sizeof text, "%s %s %llu", im->sha, im->org, (unsigned long long)im->attempt);
	hash_sha256(text, (size_t)n, hash);
	hex_format(hash, 8, im->id);
}

static uint64_t boot_of(const struct import *im)
{
	return strtoull(im->id, NULL, 16);
}

/* ---- the account ---- */

static int lock(struct import *im, struct err *err)
{
	char dir[PLACE_MAX], path[PLACE_MAX];
	place_in_state(dir, sizeof dir, "imports");
	int r = fs_mkdirs(dir, 0700, err);
	if (r < 0)
		return r;
	place_in_state(path, sizeof path, "imports/lock");
	im->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (im->lock_fd < 0)
		return err_errno(err, path, "cannot be opened");
	if (flock(im->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, E_STATE, "import", "another file is being taken in: wait for its end");
	return 0;
}

static int save_account(const struct import *im, bool done, struct err *err)
{
	struct buf b;
	buf_init(&b, 16 * KIB);
	buf_puts(&b, "{\"v\":1");
	json_field_s(&b, "id", im->id);
	json_field_s(&b, "org", im->org);
	json_field_s(&b, "sha256", im->sha);
	json_field_s(&b, "parser", im->parser);
	json_field_u64(&b, "zone_s", (uint64_t)im->source.zone_s);
	json_field_u64(&b, "attempt", im->attempt);
	json_field_s(&b, "who", im->who);
	json_field_u64(&b, "time", (uint64_t)clock_now_ms());
	json_field_bool(&b, "done", done);
	json_field_u64(&b, "records", im->n.records);
	buf_puts(&b, "}\n");
	int r = b.failed ? err_set(err, E_NOMEM, "", "no memory") : fs_write(im->account, buf_view(&b), 0600, err);
	buf_done(&b);
	return r;
}

static int refuse_known(const struct import *im, yyjson_val *v, struct err *err)
{
	char when[CLOCK_TEXT], id[24] = "";
	clock_format_jst((int64_t)ctl_u64(v, "time", 0), when);
	str_copy(ctl_str(v, "id"), id, sizeof id);
	return err_set(err, E_STATE, im->file, "%s %.19s (%s: %llu %s); %s", say("取り込み済みです:", "was taken in already on"), when, id,
	               (unsigned long long)ctl_u64(v, "records", 0), say("件", "records"), say("もう一度なら --again", "once more: --again"));
}

/* Was this file of this body's taken in before? */
static int look_at_account(struct import *im, struct err *err)
{
	struct buf b;
	place_in_state(im->account, sizeof im->account, "imports/%s-%s.json", im->org, im->sha);
	im->attempt = 1;
	if (!fs_exists(im->account))
		return 0;
	buf_init(&b, 16 * KIB);
	int r = fs_read(im->account, &b, err);
	yyjson_doc *doc = r == 0 ? yyjson_read(b.ptr, b.len, 0) : NULL;
	yyjson_val *v = yyjson_doc_get_root(doc);
	bool same = str_eq(ctl_str(v, "parser"), str_from(im->parser)) && ctl_u64(v, "zone_s", 1) == (uint64_t)im->source.zone_s;
	im->attempt = ctl_u64(v, "attempt", 1);
	im->begun = !ctl_bool(v, "done", true);
	if (r == 0 && !doc)
		r = err_set(err, E_CORRUPT, im->account, "can't be read");
	else if (r == 0 && im->again)
		im->attempt++, im->begun = false;
	else if (r == 0 && !im->begun)
		r = refuse_known(im, v, err);
	else if (r == 0 && !same)
		r = err_set(err, E_STATE, im->file, "%s", say("中断した取り込みと --parser か --zone が違います。同じにするか --again を付けてください",
		                                              "was begun with another --parser or --zone: give the same, or --again"));
	yyjson_doc_free(doc);
	buf_done(&b);
	return r;
}

/* ---- custody: who brought what, and what became of it ---- */

static void custody(const struct import *im, struct events *e, bool end, const char *fault)
{
	struct buf b;
	buf_init(&b, 32 * KIB);
	buf_puts(&b, "{\"class_uid\":6003");
	json_field_u64(&b, "time", (uint64_t)clock_now_ms());
	json_field_s(&b, "product", SENDER_CUSTODY);
	buf_puts(&b, ",\"actor\":{");
	json_field_s(&b, "user", im->who);
	buf_printf(&b, "},\"api\":{\"operation\":\"log.import.%s\"}", end ? "end" : "begin");
	json_field_s(&b, "status", fault ? "Failure" : "Success");
	json_field_s(&b, "message", fault ? fault : im->handed);
	buf_puts(&b, ",\"file\":{");
	json_field_s(&b, "path", im->path);
	json_field_s(&b, "hash", im->sha);
	json_field_u64(&b, "size", (uint64_t)im->st.st_size);
	buf_puts(&b, "},\"unmapped\":{");
	json_field_s(&b, "import", im->id);
	json_field_s(&b, "handed_by", im->handed);
	json_field_s(&b, "parser", im->parser);
	json_field_u64(&b, "attempt", im->attempt);
	json_field_u64(&b, "modified", (uint64_t)im->st.st_mtim.tv_sec * 1000);
	if (end) {
		json_field_u64(&b, "records", im->n.records);
		json_field_u64(&b, "unparsed", im->n.unparsed);
		json_field_u64(&b, "undated", im->n.undated);
		json_field_u64(&b, "lost", im->n.lost);
	}
	buf_puts(&b, "}}");
	events_put(e, str_from(im->org), buf_view(&b));
	buf_done(&b);
}

/* ---- the way up ---- */

struct flow {
	struct import *im;
	struct events *e;
	struct buf in;
	int fd;         /* frames come from there; -1: their end */
	uint64_t acked; /* when something was acknowledged last, */
	int64_t moved_ms; /* monotonic */
};

/* Another's words on our terminal. */
static void print_found(struct str s)
{
	for (size_t n; s.len; s.ptr += n, s.len -= n) {
		n = cli_control(s);
		putchar(n ? '?' : *s.ptr);
		n += n == 0;
	}
	putchar('\n');
}

/* Everything whole, as far as there is room. */
static int take_frames(struct flow *f, struct err *err)
{
	size_t off = 0;
	int r = 0;
	while (events_waiting(f->e) + IMPORT_FRAME_MAX < RING) {
		enum import_kind kind;
		struct str body;
		size_t used;
		r = import_frame((struct str){ f->in.ptr + off, f->in.len - off }, &kind, &body, &used);
		if (r < 0)
			break;
		off += used;
		struct counts *n = &f->im->n;
		if (kind == IMPORT_FINDING) {
			n->findings++;
			print_found(body);
		} else if (kind == IMPORT_LOST) {
			n->lost++;
		} else {
			n->records++;
			n->unparsed += kind == IMPORT_RAW;
			n->undated += kind == IMPORT_UNDATED;
			events_put(f->e, str_from(f->im->org), body);
		}
	}
	buf_drop(&f->in, off);
	return r == -E_INVALID ? err_set(err, E_INVALID, f->im->file, "its reader said what makes no sense") : 0;
}

static int read_frames(struct flow *f, struct err *err)
{
	if (!buf_room(&f->in, 64 * KIB))
		return err_set(err, E_NOMEM, "", "no memory");
	ssize_t n = read(f->fd, f->in.ptr + f->in.len, 64 * KIB);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : err_errno(err, f->im->file, "its reader is gone");
	f->in.len += (size_t)n;
	if (n == 0)
		f->fd = -1;
	return 0;
}

static int wait_a_while(struct flow *f, struct err *err)
{
	bool want_write, room = f->in.len <= IMPORT_FRAME_MAX;
	int64_t now = clock_mono_ms();
	if (events_acked(f->e) != f->acked || events_unacked(f->e) == 0) {
		f->acked = events_acked(f->e);
		f->moved_ms = now;
	}
	if (now - f->moved_ms > STUCK_MS)
		return err_set(err, E_CLOSED, "intaked", "%s", say("記録を受け取る処理が動いていません。同じコマンドで続きから再開できます",
		                                               "nobody takes records; the same command goes on from here later"));
	struct pollfd p[2] = { { .events = POLLIN }, { room ? f->fd : -1, POLLIN, 0 } };
	p[0].fd = events_fd(f->e, &want_write);
	p[0].events = (short)(POLLIN | (want_write ? POLLOUT : 0));
	return poll(p, 2, 50) > 0 && p[1].revents ? read_frames(f, err) : 0;
}

static int carry(struct flow *f, struct err *err)
{
	int r = 0;
	f->moved_ms = clock_mono_ms();
	while (r == 0 && (f->fd >= 0 || f->in.len >= IMPORT_FRAME_HEAD || events_unacked(f->e))) {
		events_work(f->e);
		r = take_frames(f, err);
		if (r == 0 && f->fd < 0 && f->in.len && events_waiting(f->e) + IMPORT_FRAME_MAX < RING)
			return err_set(err, E_INVALID, f->im->file, "its reader broke off");
		if (r == 0)
			r = wait_a_while(f, err);
	}
	return r;
}

/* ---- the reader ---- */

static int start_reader(const struct import *im, int *ret_fd, pid_t *ret_pid, struct err *err)
{
	int p[2];
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_errno(err, "pipe", "cannot be made");
	fflush(stdout);
	pid_t pid = fork();
	if (pid < 0) {
		close(p[0]);
		close(p[1]);
		return err_errno(err, "fork", "cannot start the reader");
	}
	if (pid == 0) {
		_exit(import_read(&(struct import_reading){ .fd = im->fd, .out = p[1], .size = (size_t)im->st.st_size, .source = im->source,
		                                            .written_ms = (int64_t)im->st.st_mtim.tv_sec * 1000, .org = im->org, .id = im->id,
		                                            .rules = im->judge ? place_rules() : NULL, .json = im->json }));
	}
	close(p[1]);
	*ret_fd = p[0];
	*ret_pid = pid;
	return 0;
}

static int end_reader(const struct import *im, pid_t pid, int r, struct err *err)
{
	int status = 0;
	if (r < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_DONE))
		r = err_set(err, E_INVALID, im->file, "%s", say("読み取りが途中で終わりました", "its reader came to no good end"));
	return r;
}

/* The same bytes still? What changed while it was read is no evidence. */
static int still_the_same(const struct import *im, struct err *err)
{
	char sha[65];
	int r = hash_file(im->fd, sha, err);
	if (r == 0 && strcmp(sha, im->sha) != 0)
		r = err_set(err, E_STATE, im->file, "%s", say("読み取り中に内容が変わりました", "it was changed while it was read"));
	return r;
}

static int lines_up(struct import *im, struct err *err)
{
	struct flow f = { .im = im, .fd = -1 };
	pid_t pid = -1;
	int fd = -1, r = events_open(SENDER_IMPORT, RING, &f.e, err);
	if (r == 0) {
		events_boot(f.e, boot_of(im));
		r = start_reader(im, &fd, &pid, err);
	}
	if (r == 0) {
		f.fd = fd;
		buf_init(&f.in, 2 * (IMPORT_FRAME_MAX + 64 * KIB));
		r = end_reader(im, pid, carry(&f, err), err);
		close(fd);
		buf_done(&f.in);
	}
	events_close(&f.e);
	return r < 0 ? r : still_the_same(im, err);
}

static int with_custody(struct import *im, struct err *err)
{
	struct events *e = NULL;
	int r = events_open(SENDER_CUSTODY, RING, &e, err);
	if (r < 0)
		return r;
	custody(im, e, false, NULL);
	if (events_flush(e, STUCK_MS) < 0)
		r = err_set(err, E_CLOSED, "intaked", "%s", say("記録を受け取る処理が動いていません", "nobody takes records: is the node running?"));
	if (r == 0)
		r = lines_up(im, err);
	custody(im, e, true, r < 0 ? err->msg : NULL);
	if (events_flush(e, r < 0 ? STUCK_MS / 20 : STUCK_MS) < 0 && r == 0)
		r = err_set(err, E_CLOSED, "intaked", "the end isn't on record yet: give the same command again");
	events_close(&e);
	return r < 0 ? r : save_account(im, true, err); /* what didn't come to its end goes on by the same command */
}

/* ---- the command ---- */

static void print_end(const struct import *im)
{
	struct buf b;
	if (!im->json) {
		printf(cli_japanese() ? "%s: %s に %llu 件を記録しました (解析できず原文のまま %llu、時刻なし %llu、読めず %llu、検知 %llu)。\n検索: toride log search %s --org %s --from …\n"
		                      : "%s: %s has %llu records of it (kept unparsed %llu, without a time %llu, unreadable %llu, findings %llu).\nSearch: toride log search %s --org %s --from …\n",
		       im->file, im->org, (unsigned long long)im->n.records, (unsigned long long)im->n.unparsed, (unsigned long long)im->n.undated,
		       (unsigned long long)im->n.lost, (unsigned long long)im->n.findings, im->id, im->org);
		return;
	}
	buf_init(&b, 4 * KIB);
	buf_putc(&b, '{');
	json_field_s(&b, "import", im->id);
	json_field_s(&b, "org", im->org);
	json_field_s(&b, "sha256", im->sha);
	json_field_u64(&b, "records", im->n.records);
	json_field_u64(&b, "unparsed", im->n.unparsed);
	json_field_u64(&b, "undated", im->n.undated);
	json_field_u64(&b, "lost", im->n.lost);
	json_field_u64(&b, "findings", im->n.findings);
	buf_putc(&b, '}');
	printf("%s\n", buf_cstr(&b));
	buf_done(&b);
}

static int known_org(const char *code, struct err *err)
{
	struct model *m = NULL;
	struct faults faults = { 0 };
	int r = cli_load_in_force(&m, &faults, err);
	bool known = false;
	for (size_t i = 0; r == 0 && i < m->n_orgs; i++)
		known |= strcmp(m->orgs[i].code, code) == 0;
	if (r == 0 && !known)
		r = err_set(err, E_NOT_FOUND, code, "%s", say("この団体は有効な設定にありません", "no such body in the description in force"));
	model_destroy(&m);
	faults_done(&faults);
	return r;
}

static int take_in(struct import *im, struct err *err)
{
	int r = geteuid() == 0 ? known_org(im->org, err) : err_set(err, E_DENIED, "import", "%s", say("root だけが取り込めます", "root alone may take files in"));
	if (r == 0)
		r = open_file(im, err);
	if (r == 0)
		r = lock(im, err);
	if (r == 0)
		r = look_at_account(im, err);
	if (r == 0) {
		name_it(im);
		r = save_account(im, false, err);
	}
	if (r == 0)
		r = with_custody(im, err);
	return r;
}

static bool take_options(struct import *im, int *argc, char **argv)
{
	const char *zone = cli_option(argc, argv, "--zone"), *device = cli_option(argc, argv, "--device");
	im->org = cli_option(argc, argv, "--org");
	im->parser = cli_option(argc, argv, "--parser");
	im->handed = cli_option(argc, argv, "--handed-by");
	im->again = cli_flag(argc, argv, "--again");
	im->judge = cli_flag(argc, argv, "--judge");
	im->json = cli_flag(argc, argv, "--json");
	im->who = cli_acting() ? cli_acting() : "root";
	bool utc = zone && strcmp(zone, "utc") == 0, evtx = im->parser && strcmp(im->parser, "evtx") == 0;
	if (*argc != 1 || !im->org || !im->parser || !im->handed || !*im->handed || (zone && !utc && strcmp(zone, "jst") != 0))
		return false;
	im->file = argv[0];
	im->source = (struct device_source){ .name = device ? device : "import", .zone_s = utc ? 0 : 9 * 3600,
		                             .format = device_format_find(str_from(evtx ? "windows" : im->parser)) };
	return im->source.format || strcmp(im->parser, "auto") == 0;
}

static int log_import(int argc, char **argv)
{
	struct import im = { .fd = -1, .lock_fd = -1 };
	struct err err = { 0 };
	if (!take_options(&im, &argc, argv))
		return cli_usage(&cli_import[0]);
	if (!identity_ok(str_from(im.who))) {
		err_set(&err, E_INVALID, "as", "not a name: letters of Japanese or ASCII, no blank at its ends");
		return cli_error(&err);
	}
	int r = take_in(&im, &err);
	if (im.fd >= 0)
		close(im.fd);
	if (im.lock_fd >= 0)
		close(im.lock_fd);
	if (r < 0)
		return cli_error(&err);
	print_end(&im);
	return im.n.lost ? EXIT_REFUSED : EXIT_DONE;
}

const struct cli_command cli_import[] = {
	{ "log import", "toride log import FILE --org CODE --parser auto|evtx|FORMAT --handed-by TEXT [--device NAME] [--zone jst|utc] [--judge] [--again] [--json]",
	  "takes a file of old logs into the sealed log, with who brought it from where and its hash; --judge: what the rules find in it",
	  "古いログのファイルを、誰がどこから持ち込んだかとハッシュとともに封印ログへ取り込む（--judge: ルールで検知も行う）", log_import },
	{ 0 },
};
