/* toride log export: a body's log, all of a time or what belongs to an incident, with its proof, for somebody elsewhere (S-23, S-24).
 *
 * Who took it out, what for, and what it was (SHA-256) is on record of the body itself (`product: custody`) before the first record is read and
 * behind the last: the first of these is in the export of an incident too, so that whoever has it knows where it comes from.
 *
 * What belongs to an incident: the records it names as evidence, the packets kept of the connections these tell of, each stage of its own history, and who handed in or took out what of the body since the
 * first of these. Found in the sealed log itself, not by the index. Its card (incident.json) is put in as the desk had it: the records prove it. */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "cli/asking.h"
#include "cold/client.h"
#include "normalise/sender.h"
#include "segment/bundle.h"
#include "segment/checkpoint.h"
#include "segment/export.h"
#include "segment/file.h"
#include "segment/reader.h"
#include "vault/vault_client.h"
#include "wire/ctl.h"
#include "wire/events.h"
#include "wire/identity.h"
#include "wire/place.h"

#include <limits.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#define RING (64u * 1024)
#define RECORDED_MS 5000     /* for custody to be on record */
#define SIGNED_MS 15000      /* … and signed */
#define BEFORE_MS 1000       /* a block's time is when it was closed */
#define EVIDENCE_MAX 1000    /* names in an incident's card */

struct taking {
	/* asked for */
	const char *out, *number, *reason, *who;
	bool json;
	struct export_opts o;
	/* the incident */
	struct buf card;
	char *card_text; /* yyjson's allocation */
	char (*evidence)[SEGMENT_NAME_TEXT]; /* sorted */
	size_t n_evidence, gone, left;       /* gone: no longer in the log; left: named by the incident, but not by its card, which ends somewhere */
	struct map flows;                    /* connections that evidence tells of: their packets belong to it */
	char org[8];
	/* custody */
	struct events *events;
	char id[17];
	bool recorded, seen; /* seen: its beginning is among what was exported */
	/* what came of it */
	char dir[PATH_MAX], path[PATH_MAX]; /* where it is made; what it is called in the end */
	bool one_file;
	struct export_report rep;
	struct bundle_report bundle;
};

/* What was handed out, by its hash: the file's, or the manifest's of a directory. */
static const char *digest(const struct taking *t, char dst[65])
{
	hex_format(t->one_file ? t->bundle.sha256 : t->rep.manifest, SEGMENT_HASH, dst);
	return dst;
}

/* ---- custody ---- */

static void custody(struct taking *t, bool end, const char *fault)
{
	struct buf b;
	char hash[65];
	buf_init(&b, 32 * KIB);
	buf_puts(&b, "{\"class_uid\":6003");
	json_field_u64(&b, "time", (uint64_t)clock_now_ms());
	json_field_s(&b, "product", SENDER_CUSTODY);
	buf_puts(&b, ",\"actor\":{");
	json_field_s(&b, "user", t->who);
	buf_printf(&b, "},\"api\":{\"operation\":\"log.export.%s\"}", end ? "end" : "begin");
	json_field_s(&b, "status", fault ? "Failure" : "Success");
	if (fault || t->reason)
		json_field_s(&b, "message", fault ? fault : t->reason);
	buf_puts(&b, ",\"file\":{");
	json_field_s(&b, "path", t->path);
	if (end && !fault) {
		digest(t, hash);
		json_field_s(&b, "hash", hash);
	}
	buf_puts(&b, "},\"unmapped\":{");
	json_field_s(&b, "export", t->id);
	if (t->number)
		json_field_s(&b, "incident", t->number);
	json_field_u64(&b, "from", (uint64_t)t->o.from_ms);
	json_field_u64(&b, "to", (uint64_t)t->o.to_ms);
	if (end)
		json_field_u64(&b, "records", t->rep.records);
	buf_puts(&b, "}}");
	events_put(t->events, str_from(t->o.org), buf_view(&b));
	buf_done(&b);
}

/* Whether there are signatures that came behind `number`. */
static int last_signed(struct str line, const char *file, uint64_t line_number, void *user)
{
	struct checkpoint c;
	(void)file;
	(void)line_number;
	if (checkpoint_parse(line, &c) < 0)
		return 0; /* the export says so */
	*(uint64_t *)user = c.number;
	checkpoint_done(&c);
	return 0;
}

static uint64_t newest(const char *dir)
{
	uint64_t number = 0;
	checkpoint_each(dir, true, last_signed, &number, NULL, NULL);
	return number;
}

/* Its beginning, on record and signed. Where nobody takes records the evidence can still be had: what is handed out says that it is on no record. */
static int custody_begins(struct taking *t, struct err *err)
{
	unsigned char id[8];
	if (RAND_bytes(id, sizeof id) != 1)
		return err_set(err, E_IO, "export", "no random numbers");
	hex_format(id, sizeof id, t->id);
	int r = events_open(SENDER_CUSTODY, RING, &t->events, err);
	if (r < 0)
		return r;
	custody(t, false, NULL);
	t->recorded = events_flush(t->events, RECORDED_MS) == 0;
	t->o.custody = t->recorded ? t->id : "unrecorded";
	uint64_t then = newest(t->o.dir);
	for (int64_t end = clock_mono_ms() + SIGNED_MS; t->recorded && t->number && newest(t->o.dir) == then && clock_mono_ms() < end;)
		usleep(50000);
	return 0;
}

static void custody_ends(struct taking *t, const char *fault)
{
	custody(t, true, fault);
	bool known = events_flush(t->events, t->recorded ? RECORDED_MS : 200) == 0;
	if (!known || !t->recorded)
		fprintf(stderr, "toride: %s\n", say("この書き出しは記録されていません（記録を受け取る処理が動いていません）。誰が何のために持ち出したかを、紙などに残してください",
		                                    "this export is on no record: nobody takes records. Keep otherwise who took it out, and what for"));
	events_close(&t->events);
}

/* ---- what belongs to an incident ---- */

static bool holds(struct str data, const char *word)
{
	return memmem(data.ptr, data.len, word, strlen(word)) != NULL;
}

static bool names_it(yyjson_val *v, const char *object, const char *key, const char *number)
{
	return yyjson_equals_str(yyjson_obj_get(yyjson_obj_get(v, object), key), number);
}

static bool belongs(struct taking *t, yyjson_val *v)
{
	if (yyjson_equals_str(yyjson_obj_get(v, "product"), SENDER_CUSTODY)) {
		t->seen |= names_it(v, "unmapped", "export", t->id);
		return true;
	}
	struct str flow = ctl_str(yyjson_obj_get(v, "connection_info"), "uid");
	return names_it(v, "incident", "number", t->number) || (yyjson_obj_get(v, "packet") && flow.len && map_get(&t->flows, flow));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool pick(const struct segment_name *name, struct str data, void *user)
{
	struct taking *t = user;
	char text[SEGMENT_NAME_TEXT];
	if (bsearch(segment_name_format(name, text), t->evidence, t->n_evidence, sizeof *t->evidence, by_name))
		return true;
	if (!holds(data, t->number) && !holds(data, SENDER_CUSTODY) && !(t->flows.len && holds(data, "\"packet\":{")))
		return false; /* not worth a reading */
	yyjson_doc *doc = yyjson_read(data.ptr, data.len, 0);
	bool yes = belongs(t, yyjson_doc_get_root(doc));
	yyjson_doc_free(doc);
	return yes;
}

static int ask_for_card(struct taking *t, yyjson_doc **ret, struct err *err)
{
	struct buf rq;
	cli_request(&rq, "incident.show", NULL);
	json_field_s(&rq, "number", t->number);
	int r = cli_ask(&rq, &t->card, ASK_WAIT_MS, err);
	*ret = r == 0 ? yyjson_read(t->card.ptr, t->card.len, 0) : NULL;
	return r == 0 && !*ret ? err_set(err, E_CORRUPT, t->number, "the desk said what makes no sense") : r;
}

static int keep_names(struct taking *t, yyjson_val *list, struct err *err)
{
	struct segment_name name;
	size_t i, n;
	yyjson_val *v;
	t->evidence = mem_array(EVIDENCE_MAX, sizeof *t->evidence);
	if (!t->evidence)
		return err_set(err, E_NOMEM, "", "no memory");
	yyjson_arr_foreach(list, i, n, v) {
		struct str s = { yyjson_get_str(v), yyjson_is_str(v) ? yyjson_get_len(v) : 0 };
		if (t->n_evidence < EVIDENCE_MAX && segment_name_parse(s, &name) == 0 && strcmp(name.org, t->o.org) == 0)
			segment_name_format(&name, t->evidence[t->n_evidence++]);
	}
	qsort(t->evidence, t->n_evidence, sizeof *t->evidence, by_name);
	return 0;
}

/* What it names is there, since when, and of which connection it tells. */
static int look_at(struct taking *t, struct reader *r, const struct segment_name *name, struct err *err)
{
	struct reader_record rec;
	int x = reader_seek(r, name, err);
	x = x < 0 ? x : reader_next(r, &rec, err);
	if (x < 0 || rec.name.segment != name->segment || rec.name.index != name->index) {
		t->gone++;
		return 0;
	}
	t->o.from_ms = rec.time_ms - BEFORE_MS < t->o.from_ms ? rec.time_ms - BEFORE_MS : t->o.from_ms;
	yyjson_doc *doc = yyjson_read(rec.data.ptr, rec.data.len, 0);
	struct str flow = ctl_str(yyjson_obj_get(yyjson_doc_get_root(doc), "connection_info"), "uid");
	x = flow.len ? map_put(&t->flows, flow, t) : 0;
	yyjson_doc_free(doc);
	return x < 0 ? err_set(err, E_NOMEM, "", "no memory") : 0;
}

static int look_at_evidence(struct taking *t, struct err *err)
{
	struct segment_name name;
	struct reader *r = NULL;
	char series[16] = "";
	int x = 0;
	for (size_t i = 0; i < t->n_evidence && x == 0; i++) {
		segment_name_parse(str_from(t->evidence[i]), &name);
		if (strcmp(series, name.series) != 0) {
			reader_close(&r);
			memcpy(series, name.series, sizeof series);
			x = reader_open(&(struct reader_opts){ .dir = t->o.dir, .key = t->o.key, .user = t->o.user, .org = name.org, .series = series }, &r, err);
		}
		x = x < 0 ? x : look_at(t, r, &name, err);
	}
	reader_close(&r);
	return x;
}

static int find_incident(struct taking *t, struct err *err)
{
	yyjson_doc *doc = NULL;
	int r = ask_for_card(t, &doc, err);
	yyjson_val *inc = yyjson_obj_get(yyjson_doc_get_root(doc), "incident");
	struct str org = ctl_str(inc, "org");
	if (r == 0 && !str_copy(org.len ? org : STR("service"), t->org, sizeof t->org))
		r = err_set(err, E_CORRUPT, t->number, "the desk said what makes no sense");
	if (r == 0 && t->o.org && strcmp(t->o.org, t->org) != 0)
		r = err_set(err, E_INVALID, t->number, "%s", say("この団体のインシデントではありません", "is no incident of this body"));
	t->o.org = t->org;
	t->o.from_ms = (int64_t)ctl_u64(inc, "created", 0) - BEFORE_MS;
	if (r == 0)
		r = keep_names(t, yyjson_obj_get(inc, "evidence"), err);
	uint64_t total = ctl_u64(inc, "evidence_total", 0), named = yyjson_arr_size(yyjson_obj_get(inc, "evidence"));
	t->left = total > named ? total - named : 0;
	if (r == 0)
		r = look_at_evidence(t, err);
	t->card_text = yyjson_val_write(inc, YYJSON_WRITE_PRETTY | YYJSON_WRITE_NEWLINE_AT_END, NULL);
	yyjson_doc_free(doc);
	t->o.pick = pick;
	t->o.pick_user = t;
	t->o.incident = t->number;
	return r == 0 && !t->card_text ? err_set(err, E_NOMEM, "", "no memory") : r;
}

/* ---- the command ---- */

static int export_key(const char *org, const char *series, uint32_t number, unsigned char ret[SEGMENT_KEY], void *user, struct err *err)
{
	return vault_segkey_wait(user, org, series, number, ret, err);
}

static int where_to(struct taking *t, struct err *err)
{
	char cwd[PATH_MAX] = "";
	size_t n = strlen(t->out);
	t->one_file = n > 4 && strcmp(t->out + n - 4, ".tar") == 0;
	if (t->out[0] != '/' && !getcwd(cwd, sizeof cwd))
		return err_errno(err, t->out, "has no path");
	if (snprintf(t->path, sizeof t->path, "%s%s%s", cwd, cwd[0] ? "/" : "", t->out) >= (int)sizeof t->path ||
	    snprintf(t->dir, sizeof t->dir, "%s%s", t->out, t->one_file ? ".part" : "") >= (int)sizeof t->dir)
		return err_set(err, E_LIMIT, t->out, "the name is too long");
	if (!str_is_utf8(str_from(t->path)) || (t->reason && !str_is_utf8(str_from(t->reason))))
		return err_set(err, E_INVALID, "export", "%s", say("ファイル名か理由が UTF-8 ではありません", "the file's name or the reason isn't UTF-8: it couldn't be put on record"));
	if (t->one_file && fs_exists(t->out))
		return err_set(err, E_EXISTS, t->out, "%s", say("すでにあります", "is there already"));
	if (t->one_file && fs_exists(t->dir)) /* one that was killed, or somebody's who waits for us there */
		return err_set(err, E_EXISTS, t->dir, "%s", say("すでにあります。中断した書き出しなら平文のログが入っています。消してからやり直してください",
		                                                 "is there already; if an export was killed it holds the log in the clear: remove it"));
	t->o.out = t->dir;
	return 0;
}

static int take_out(struct taking *t, struct err *err)
{
	struct export_text card = { "incident.json", str_from(t->card_text ? t->card_text : "") };
	t->o.texts = &card;
	t->o.n_texts = t->number ? 1 : 0;
	int r = segment_export(&t->o, &t->rep, err);
	if (r == 0 && t->number && t->recorded && !t->seen)
		r = err_set(err, E_STATE, t->number, "%s", say("持ち出しの記録にまだ署名がありません。署名が止まっていないか確かめてください",
		                                               "that it is taken out isn't signed yet: are the log's signatures made?"));
	if (r == 0 && t->one_file)
		r = bundle_write(t->dir, t->out, &t->bundle, err);
	if (t->one_file)
		fs_rmtree(t->dir, NULL);
	return r;
}

static int export_all(struct taking *t, struct err *err)
{
	int r = where_to(t, err);
	if (r == 0)
		r = vault_open(NULL, 2000, (struct vault **)&t->o.user, err);
	if (r == 0 && t->number)
		r = find_incident(t, err);
	if (r == 0 && !segment_org_ok(t->o.org))
		r = err_set(err, E_INVALID, t->o.org, "not an organisation");
	if (r < 0)
		return r;
	r = custody_begins(t, err);
	if (r < 0)
		return r;
	r = take_out(t, err);
	custody_ends(t, r < 0 ? err->msg : NULL);
	return r;
}

static void print_taken(const struct taking *t)
{
	char hash[65];
	struct buf b;
	digest(t, hash);
	if (t->json) {
		buf_init(&b, 16 * KIB);
		buf_putc(&b, '{');
		json_field_s(&b, "path", t->path);
		json_field_s(&b, "sha256", hash);
		json_field_s(&b, "custody", t->o.custody);
		json_field_u64(&b, "records", t->rep.records);
		json_field_u64(&b, "packets", t->rep.packets);
		json_field_u64(&b, "segments", t->rep.segments);
		json_field_u64(&b, "checkpoints", t->rep.checkpoints);
		json_field_u64(&b, "gone", t->gone);
		json_field_u64(&b, "left", t->left);
		buf_putc(&b, '}');
		printf("%s\n", buf_cstr(&b));
		buf_done(&b);
		return;
	}
	printf(cli_japanese() ? "%s: 記録 %llu件、区間 %llu、署名 %llu\nSHA-256%s: %s\n"
	                      : "%s: %llu records, %llu segments, %llu checkpoints\nSHA-256%s: %s\n", t->out,
	       (unsigned long long)t->rep.records, (unsigned long long)t->rep.segments, (unsigned long long)t->rep.checkpoints,
	       t->one_file ? "" : " (manifest.json)", hash);
	if (t->gone)
		printf(cli_japanese() ? "証拠とされた記録のうち %zu件は、すでにログにありません（保存期間の満了）。\n" : "%zu of the records named as evidence are no longer in the log (their time was over).\n", t->gone);
	if (t->left)
		printf(cli_japanese() ? "証拠とされた記録のうち %zu件は、多すぎるため入っていません。団体と期間を指定した書き出し(--org --from --to)で取り出してください。\n"
		                      : "%zu of the records named as evidence aren't in it: there are too many. Export the body's log of that time beside it (--org --from --to).\n", t->left);
}

static int log_export(int argc, char **argv)
{
	struct err err = { 0 };
	char dir[PLACE_MAX];
	seg_fetch_by(cold_fetch);
	struct taking t = { .o = { .dir = place_in_state(dir, sizeof dir, "segments"), .org = cli_option(&argc, argv, "--org"), .key = export_key } };
	const char *from = cli_option(&argc, argv, "--from"), *to = cli_option(&argc, argv, "--to");
	t.out = cli_option(&argc, argv, "-o");
	t.number = cli_option(&argc, argv, "--incident");
	t.o.reason = t.reason = cli_option(&argc, argv, "--for");
	t.o.by = t.who = cli_acting() ? cli_acting() : "root";
	t.json = cli_flag(&argc, argv, "--json");
	if (argc || !t.out || (t.number ? from || to || !t.reason : !t.o.org))
		return cli_usage(&cli_export[0]);
	map_init(&t.flows, EVIDENCE_MAX);
	int r = identity_ok(str_from(t.who)) ? 0 : err_set(&err, E_INVALID, "as", "not a name: letters of Japanese or ASCII, no blank at its ends");
	r = r < 0 ? r : cli_time(from, &t.o.from_ms, &err);
	r = r < 0 ? r : cli_time(to, &t.o.to_ms, &err);
	r = r < 0 ? r : export_all(&t, &err);
	vault_close((struct vault **)&t.o.user);
	if (r == 0)
		print_taken(&t);
	map_done(&t.flows);
	buf_done(&t.card);
	free(t.card_text);
	mem_free(t.evidence);
	return r < 0 ? cli_error(&err) : EXIT_DONE;
}

const struct cli_command cli_export[] = {
	{ "log export", "toride log export [--org CODE] [--from TIME] [--to TIME] [--incident NUMBER] [--for TEXT] -o DIR|FILE.tar [--json]",
	  "one organisation's records with their proof, for log verify elsewhere; --incident: those that belong to it, and the packets of its alerts; who took it out, and what for, is on record",
	  "一団体のログを証明つきで書き出す（--incident: そのインシデントの証拠だけ。警報のパケットを含む。誰が何のために持ち出したかを記録する）", log_export },
	{ 0 },
};
