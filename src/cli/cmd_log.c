/* toride log: verify, show, tail. Reads the sealed segments itself; keys come from the vault, so on the node
 * only root sees records. verify of an export needs neither. Searching is cmd_search.c. */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cold/client.h"
#include "segment/checkpoint.h"
#include "segment/bundle.h"
#include "segment/file.h"
#include "segment/reader.h"
#include "segment/verify.h"
#include "vault/vault_client.h"
#include "wire/place.h"

#include <openssl/pem.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DAY_MS (24LL * 3600 * 1000)

static int key_of(const char *org, const char *series, uint32_t number, unsigned char ret[SEGMENT_KEY], void *user,
                  struct err *err)
{
	return vault_segkey_wait(user, org, series, number, ret, err); /* a long log has more segments than keys a second are given */
}

static const char *segments_dir(char dst[PLACE_MAX])
{
	seg_fetch_by(cold_fetch);
	return place_in_state(dst, PLACE_MAX, "segments");
}

/* 64 hex digits, or a PEM public key. */
static int read_public_key(const char *path, unsigned char ret[32], struct err *err)
{
	struct buf b;
	size_t n = 32;
	buf_init(&b, 64 * KIB);
	int r = fs_read(path, &b, err);
	struct str text = str_trim(buf_view(&b));
	while (text.len && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
		text.len--;
	if (r == 0 && !hex_parse(text, ret, 32)) {
		BIO *bio = BIO_new_mem_buf(b.ptr, (int)b.len);
		EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
		if (!key || EVP_PKEY_get_raw_public_key(key, ret, &n) != 1 || n != 32)
			r = err_set(err, E_INVALID, path, "not an Ed25519 public key, neither hex nor PEM");
		EVP_PKEY_free(key);
		BIO_free(bio);
	}
	buf_done(&b);
	return r;
}

/* ---- verify ---- */

static void print_fault(const struct verify_fault *f, bool json)
{
	struct buf b;
	if (!json) {
		printf("%s%s%s: %s\n", f->record, f->record[0] ? "  " : "", f->file, f->why);
		return;
	}
	buf_init(&b, 8 * KIB);
	buf_putc(&b, '{');
	if (f->record[0])
		json_field_s(&b, "record", f->record);
	json_field_s(&b, "file", f->file);
	json_field_s(&b, "why", f->why);
	buf_putc(&b, '}');
	printf("%s\n", buf_cstr(&b));
	buf_done(&b);
}

static void print_summary_json(const struct verify_report *r, const char *hash, const char *key, int64_t stamp_ms)
{
	struct buf b;
	buf_init(&b, 8 * KIB);
	buf_putc(&b, '{');
	json_field_bool(&b, "ok", r->n == 0 && !r->more_faults);
	json_field_u64(&b, "faults", r->n);
	json_field_u64(&b, "segments", r->segments);
	json_field_u64(&b, "records", r->records);
	json_field_u64(&b, "compared", r->decrypted);
	json_field_u64(&b, "unsigned", r->unsigned_records);
	json_field_u64(&b, "segments_without_key", r->without_key);
	json_field_u64(&b, "outside_range", r->outside);
	json_field_u64(&b, "packets", r->packets);
	json_field_u64(&b, "segments_ended", r->ended);
	json_field_u64(&b, "records_ended", r->ended_records);
	if (r->ended)
		json_field_u64(&b, "kept_at_least_days", (uint64_t)(r->ended_after_ms > 0 ? r->ended_after_ms / DAY_MS : 0));
	json_field_u64(&b, "checkpoints", r->checkpoints);
	json_field_u64(&b, "last_checkpoint", r->last_number);
	json_field_u64(&b, "last_time_ms", (uint64_t)r->last_ms);
	json_field_s(&b, "last_hash", hash);
	json_field_s(&b, "key", key);
	json_field_bool(&b, "witness_found", r->witness_found);
	json_field_u64(&b, "witnesses", r->witnesses);
	if (stamp_ms)
		json_field_u64(&b, "stamped", (uint64_t)stamp_ms);
	buf_putc(&b, '}');
	printf("%s\n", buf_cstr(&b));
	buf_done(&b);
}

static void print_summary(const struct verify_report *r, const char *hash, const char *key, int64_t stamp_ms)
{
	char when[CLOCK_TEXT];
	clock_format_jst(r->last_ms, when);
	if (r->n == 0)
		printf("%s\n", say("改変なし: 書き換え・削除・並べ替え・重複は見つかりませんでした。",
		                   "Intact: nothing was altered, removed, reordered or duplicated."));
	else
		printf(cli_japanese() ? "改変あり: %zu件%s。\n"
	               : "NOT intact: %zu faults%s.\n", r->n,
		       r->more_faults ? say("以上", " and more") : "");
	printf(cli_japanese() ? "記録 %llu件(平文で照合 %llu件)、区間 %llu、署名 %llu\n"
	               : "%llu records (%llu compared in the clear), %llu segments, %llu checkpoints\n",
	       (unsigned long long)r->records, (unsigned long long)r->decrypted, (unsigned long long)r->segments,
	       (unsigned long long)r->checkpoints);
	if (r->ended)
		printf(cli_japanese() ? "保存期間の満了で消した区間 %llu(記録 %llu件): 消したことは署名されています。封印から最短 %lld日保存しました。\n"
		               : "%llu segments (%llu records) were ended by retention, each end signed, none before %lld days after it was sealed.\n",
		       (unsigned long long)r->ended, (unsigned long long)r->ended_records, (long long)(r->ended_after_ms / DAY_MS));
	if (r->without_key)
		printf(cli_japanese() ? "鍵を得られない区間 %llu: 順序・件数・署名だけを確かめました。\n"
	               : "%llu segments without key: only order, number and signatures were checked.\n",
		       (unsigned long long)r->without_key);
	if (r->unsigned_records)
		printf(cli_japanese() ? "最後の署名より後の記録 %llu件は、まだ署名で守られていません。\n"
	               : "%llu records behind the last signature aren't covered by one yet.\n",
		       (unsigned long long)r->unsigned_records);
	if (r->outside)
		printf(cli_japanese() ? "この写しの範囲外の記録 %llu件はハッシュだけです。\n"
	               : "%llu records outside the exported range are there as hashes only.\n",
		       (unsigned long long)r->outside);
	if (r->packets && r->n == 0)
		printf(cli_japanese() ? "パケット %llu個(packets.pcapng): 記録のとおりです。\n" : "%llu packets (packets.pcapng): as the records hold them.\n",
		       (unsigned long long)r->packets);
	if (r->checkpoints)
		printf(cli_japanese() ? "最後の署名: %llu番 %s\n  %s\n公開鍵: %s\n"
	               : "Last checkpoint: number %llu, %s\n  %s\nPublic key: %s\n",
		       (unsigned long long)r->last_number, when, hash, key);
	printf("%s\n", r->witness_found
	                       ? say("立会人の署名と一致しました。", "It agrees with what the witness keeps.")
	                       : say("末尾ごと切り取られていないことは、外部の立会人が持つ署名との照合(--witness)でしかわかりません。",
	                             "That the end wasn't cut together with its signatures only an outside witness can show (--witness)."));
	if (stamp_ms) {
		clock_format_jst(stamp_ms, when);
		printf(cli_japanese() ? "立会人の写しは %s にはすでにありました(タイムスタンプ)。\n" : "The witness's copy was there at %s (time stamp).\n", when);
	}
}

/* An export that is one file is laid out first, in a directory of its own that goes again. "" in dir: file isn't one. */
static int lay_out(const char *file, char dir[PLACE_MAX], struct err *err)
{
	struct stat st;
	const char *tmp = getenv("TMPDIR");
	dir[0] = 0;
	if (stat(file, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	if (snprintf(dir, PLACE_MAX, "%s/toride-verify.XXXXXX", tmp && *tmp ? tmp : "/tmp") >= PLACE_MAX || !mkdtemp(dir))
		return err_errno(err, "TMPDIR", "no directory can be made there");
	int r = bundle_open(file, dir, err);
	if (r == 0 && !verify_is_export(dir))
		r = err_set(err, E_INVALID, file, "isn't an export: it has no manifest");
	if (r < 0)
		fs_rmtree(dir, NULL);
	return r;
}

/* Where it was laid out means nothing to anybody. */
static void name_within(struct verify_fault *f, const char *dir)
{
	size_t n = strlen(dir);
	if (n && strncmp(f->file, dir, n) == 0 && f->file[n] == '/')
		memmove(f->file, f->file + n + 1, strlen(f->file + n + 1) + 1);
}

static int verify_print(const struct verify_opts *o, bool export, const char *laid, bool json, int64_t stamp_ms)
{
	struct verify_report r;
	struct err err = { 0 };
	char hash[65], key[65];
	int x = export ? verify_export(o, &r, &err) : verify_store(o, &r, &err);
	for (size_t i = 0; x == 0 && i < r.n; i++) {
		name_within(&r.faults[i], laid);
		print_fault(&r.faults[i], json);
	}
	hex_format(r.last_hash, sizeof r.last_hash, hash);
	hex_format(r.key, sizeof r.key, key);
	if (x == 0)
		json ? print_summary_json(&r, hash, key, stamp_ms) : print_summary(&r, hash, key, stamp_ms);
	bool intact = r.n == 0 && !r.more_faults;
	verify_report_done(&r);
	return x < 0 ? cli_error(&err) : intact ? EXIT_DONE : EXIT_REFUSED;
}

static int log_verify(int argc, char **argv)
{
	struct err err = { 0 };
	struct buf witness;
	unsigned char pub[32];
	char dir[PLACE_MAX], laid[PLACE_MAX] = "";
	bool json = cli_flag(&argc, argv, "--json");
	const char *org = cli_option(&argc, argv, "--org"), *key_file = cli_option(&argc, argv, "--key");
	const char *witness_file = cli_option(&argc, argv, "--witness"), *stamp = cli_option(&argc, argv, "--stamp"), *stamp_ca = cli_option(&argc, argv, "--tsa-ca");
	int64_t stamp_ms = 0;
	if (argc > 1 || !stamp != !stamp_ca || (stamp && !witness_file))
		return cli_usage(&cli_log[0]);
	buf_init(&witness, CHECKPOINT_LINE_MAX);
	if ((witness_file && fs_read(witness_file, &witness, &err) < 0) || (key_file && read_public_key(key_file, pub, &err) < 0))
		return cli_error(&err);
	if (stamp && cli_stamp_check(buf_view(&witness), stamp, stamp_ca, &stamp_ms, &err) < 0)
		return cli_error(&err);
	if (argc && lay_out(argv[0], laid, &err) < 0)
		return cli_error(&err);
	struct verify_opts o = { .dir = laid[0] ? laid : argc ? argv[0] : segments_dir(dir), .org = org, .key = key_file ? pub : NULL,
		                 .witness = buf_view(&witness) };
	bool export = verify_is_export(o.dir);
	if (argc && !export && !fs_exists(o.dir)) {
		err_set(&err, E_NOT_FOUND, o.dir, "there is no such directory");
		return cli_error(&err);
	}
	struct vault *v = NULL;
	char pem[PLACE_MAX];
	if (!export && vault_open(NULL, 2000, &v, NULL) == 0) {
		o.get_key = key_of;
		o.user = v;
		place_in_state(pem, sizeof pem, "vault-public/seal.pub.pem");
		if (!key_file && !argc && fs_exists(pem) && read_public_key(pem, pub, NULL) == 0)
			o.key = pub;
	}
	int code = verify_print(&o, export, laid, json, stamp_ms);
	vault_close(&v);
	if (laid[0])
		fs_rmtree(laid, NULL);
	buf_done(&witness);
	return code;
}

/* ---- show, tail ---- */

static int log_show(int argc, char **argv)
{
	struct err err = { 0 };
	struct segment_name name;
	struct reader_record rec;
	struct reader *r = NULL;
	struct vault *v = NULL;
	char dir[PLACE_MAX];
	if (argc != 1)
		return cli_usage(&cli_log[1]);
	if (segment_name_parse(str_from(argv[0]), &name) < 0) {
		err_set(&err, E_INVALID, argv[0], "not a record's name like 412015/events/000001/17");
		return cli_error(&err);
	}
	int x = vault_open(NULL, 2000, &v, &err);
	struct reader_opts o = { .dir = segments_dir(dir), .key = key_of, .user = v, .org = name.org, .series = name.series };
	if (x == 0)
		x = reader_open(&o, &r, &err);
	if (x == 0)
		x = reader_seek(r, &name, &err);
	if (x == 0)
		x = reader_next(r, &rec, &err);
	if (x == -E_AGAIN || (x == 0 && (rec.name.segment != name.segment || rec.name.index != name.index)))
		x = err_set(&err, E_NOT_FOUND, argv[0], "there is no such record");
	if (x == 0)
		printf(STR_FMT "\n", STR_ARG(rec.data));
	reader_close(&r);
	vault_close(&v);
	return x < 0 ? cli_error(&err) : EXIT_DONE;
}

struct tail {
	struct reader *r;
	const char *dir, *org;
};

/* From the last segment that has records: the one before, when the newest was only just begun. */
static int seek_last(const char *org, const char *series, void *user)
{
	struct tail *t = user;
	_cleanup_free_ uint32_t *numbers = NULL;
	size_t n;
	if ((t->org && strcmp(t->org, org) != 0) || seg_numbers(t->dir, org, series, &numbers, &n, NULL) < 0 || n == 0)
		return 0;
	struct segment_name at = { .segment = numbers[n > 1 ? n - 2 : 0] };
	snprintf(at.org, sizeof at.org, "%s", org);
	snprintf(at.series, sizeof at.series, "%s", series);
	return reader_seek(t->r, &at, NULL);
}

struct last_lines {
	char **line;
	size_t n, next;
};

static void keep_line(struct last_lines *l, const char *name, struct str data)
{
	struct buf b;
	buf_init(&b, SEGMENT_RECORD_MAX + 128);
	buf_printf(&b, "%s\t" STR_FMT, name, STR_ARG(data));
	mem_free(l->line[l->next]);
	l->line[l->next] = mem_strdup(buf_cstr(&b));
	l->next = (l->next + 1) % l->n;
	buf_done(&b);
}

static void print_lines(struct last_lines *l)
{
	for (size_t i = 0; i < l->n; i++) {
		char *line = l->line[(l->next + i) % l->n];
		if (line)
			printf("%s\n", line);
		mem_free(line);
	}
	mem_free(l->line);
	l->line = NULL;
	fflush(stdout);
}

/* Prints the last lines once all that is there was read, then, when following, each as it comes. */
static int tail_all(struct reader *r, size_t n, bool follow, struct err *err)
{
	struct reader_record rec;
	char name[SEGMENT_NAME_TEXT];
	struct last_lines l = { .line = mem_array(n, sizeof(char *)), .n = n };
	if (!l.line)
		return err_set(err, E_NOMEM, "", "no memory");
	for (;;) {
		int x = reader_next(r, &rec, err);
		if (x == 0 && l.line) {
			keep_line(&l, segment_name_format(&rec.name, name), rec.data);
		} else if (x == 0) {
			printf("%s\t" STR_FMT "\n", segment_name_format(&rec.name, name), STR_ARG(rec.data));
			fflush(stdout);
		} else if (x == -E_AGAIN) {
			if (l.line)
				print_lines(&l);
			if (!follow)
				return 0;
			struct pollfd p = { reader_fd(r), POLLIN, 0 };
			poll(&p, 1, 200);
		} else {
			cli_error(err);
		}
		if (ferror(stdout))
			return err_set(err, E_CLOSED, "", "nobody reads any more");
	}
}

static int log_tail(int argc, char **argv)
{
	struct err err = { 0 };
	char dir[PLACE_MAX];
	struct vault *v = NULL;
	bool follow = cli_flag(&argc, argv, "--follow") || cli_flag(&argc, argv, "-f");
	struct tail t = { .dir = segments_dir(dir), .org = cli_option(&argc, argv, "--org") };
	const char *lines = cli_option(&argc, argv, "-n");
	uint64_t n = 20;
	if (argc || (lines && !str_to_u64(str_from(lines), 100000, &n)) || n == 0)
		return cli_usage(&cli_log[2]);
	int x = vault_open(NULL, 2000, &v, &err);
	if (x == 0)
		x = reader_open(&(struct reader_opts){ dir, key_of, v, t.org, NULL, NULL, false }, &t.r, &err);
	if (x == 0)
		x = seg_each_series(dir, seek_last, &t, &err);
	if (x == 0)
		x = tail_all(t.r, n, follow, &err);
	reader_close(&t.r);
	vault_close(&v);
	return x < 0 ? cli_error(&err) : EXIT_DONE;
}

const struct cli_command cli_log[] = {
	{ "log verify", "toride log verify [EXPORT|FILE.tar] [--org CODE] [--key FILE] [--witness FILE [--stamp FILE --tsa-ca FILE]] [--json]",
	  "is the log what was written? names the first altered, removed, reordered or duplicated record; 1 if any",
	  "ログの改変・削除・並べ替え・重複の有無を確かめ、最初の記録を示す", log_verify },
	{ "log show", "toride log show ORG/SERIES/SEGMENT/INDEX", "one record", "記録を一件表示する", log_show },
	{ "log tail", "toride log tail [--org CODE] [-n LINES] [--follow]", "the newest records, with their names",
	  "最新の記録を表示する", log_tail },
	{ 0 },
};
