/* toride vault: where the vault's master key is kept, and the end of a body's key.
 *
 * token works on the vault's own files, as the vault's user, whether it runs or not: the key stays the same.
 *
 * destroy makes a body's records unreadable wherever a copy of them is (S-43, and the end of a contract). It can't be undone: the body has left the description,
 * nothing of it is held, two people stand for it, and both their names are on record, signed, before the key goes. Then its rows leave the index
 * (stored does that, which asks the vault itself whether the key is gone), and its segments are ended as those whose time is over: each end is signed. */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/description.h"
#include "normalise/sender.h"
#include "segment/segment.h"
#include "vault/store.h"
#include "vault/token.h"
#include "vault/vault_client.h"
#include "wire/ctl.h"
#include "wire/events.h"
#include "wire/identity.h"
#include "wire/place.h"

#include <grp.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* The PIN's file is read as who called; what comes then, as the vault's user: its files, and its right to the token. */
static int become_owner(const char *dir, struct err *err)
{
	struct stat st;
	if (stat(dir, &st) < 0)
		return err_errno(err, dir, "there is no vault yet: start Toride once");
	if (geteuid() == 0 && st.st_uid != 0 && (setgroups(0, NULL) < 0 || setgid(st.st_gid) < 0 || setuid(st.st_uid) < 0))
		return err_errno(err, dir, "cannot become its owner");
	return 0;
}

static int read_pin(const char *path, struct token *t, struct err *err)
{
	struct buf b;
	struct str pin;
	buf_init(&b, KIB);
	int r = fs_read(path, &b, err);
	struct str rest = buf_view(&b);
	if (r == 0 && (!str_next(&rest, '\n', &pin) || !pin.len || rest.len || !str_copy(pin, t->pin, sizeof t->pin)))
		r = err_set(err, E_INVALID, path, "one line is wanted: the PIN, up to 64 bytes");
	buf_wipe(&b);
	return r;
}

static int move_key(struct token *t, const char *pin, struct err *err)
{
	char dir[PLACE_MAX];
	struct store s;
	int r = read_pin(pin, t, err);
	r = r < 0 ? r : become_owner(place_in_state(dir, sizeof dir, "vault"), err);
	r = r < 0 ? r : store_attach(&s, dir, err);
	if (r < 0)
		return r;
	r = store_to_token(&s, t, err);
	store_done(&s);
	return r;
}

static int vault_token(int argc, char **argv)
{
	struct err err = { 0 };
	struct token t = { .module = "" };
	const char *module = cli_option(&argc, argv, "--module"), *name = cli_option(&argc, argv, "--token"), *pin = cli_option(&argc, argv, "--pin-file");
	if (argc || !module || !name || !pin || module[0] != '/' || strchr(module, '\n') || strchr(name, '\n') || !name[0] ||
	    !str_copy(str_from(module), t.module, sizeof t.module) || !str_copy(str_from(name), t.name, sizeof t.name))
		return cli_usage(cli_vault);
	int r = move_key(&t, pin, &err);
	OPENSSL_cleanse(&t, sizeof t);
	if (r < 0)
		return cli_error(&err);
	puts(say("主鍵はトークンで守られます。トークンがないと金庫は始まりません", "the master key is the token's to open: without it the vault doesn't start"));
	return EXIT_DONE;
}

/* ---- the end of a body's key ---- */

#define RECORDED_MS 60000
#define FORGET_MS 10000

struct ending {
	const char *org, *reason, *who, *other;
};

static void note(const struct ending *d, struct events *e, bool end, const char *fault)
{
	struct buf b;
	buf_init(&b, 16 * KIB);
	buf_puts(&b, "{\"class_uid\":6003");
	json_field_u64(&b, "time", (uint64_t)clock_now_ms());
	json_field_s(&b, "product", SENDER_CUSTODY);
	buf_puts(&b, ",\"actor\":{");
	json_field_s(&b, "user", d->who);
	buf_printf(&b, "},\"api\":{\"operation\":\"vault.destroy.%s\"}", end ? "end" : "begin");
	json_field_s(&b, "status", fault ? "Failure" : "Success");
	json_field_s(&b, "message", fault ? fault : d->reason);
	buf_puts(&b, ",\"unmapped\":{");
	json_field_s(&b, "destroyed", d->org);
	json_field_s(&b, "agreed_by", d->other);
	buf_puts(&b, "}}");
	events_put(e, STR("service"), buf_view(&b));
	buf_done(&b);
}

static int has_left(const char *code, struct err *err)
{
	struct model *m = NULL;
	struct faults faults = { 0 };
	int r = cli_load_in_force(&m, &faults, err);
	for (size_t i = 0; r == 0 && i < m->n_orgs; i++)
		if (strcmp(m->orgs[i].code, code) == 0)
			r = err_set(err, E_STATE, code, "%s", say("有効な設定にある団体です。先に設定から外して適用してください", "is a body of the description in force: take it out first"));
	model_destroy(&m);
	faults_done(&faults);
	return r;
}

/* A code mistyped would be that of a body to come, which could have no key then. Asked again for one that is gone already: what is left is done. */
static int was_here(const char *code, struct err *err)
{
	char records[PLACE_MAX], gone[PLACE_MAX];
	if (fs_exists(place_in_state(records, sizeof records, "segments/%s", code)) || fs_exists(place_in_state(gone, sizeof gone, "vault/orgs/%s.destroyed", code)))
		return 0;
	return err_set(err, E_NOT_FOUND, code, "%s", say("この団体の記録はここにありません。コードを確かめてください", "has no records here: is the code right?"));
}

static int drop_rows(const char *org, struct err *err)
{
	char path[PLACE_MAX];
	struct buf rq, reply;
	buf_init(&rq, KIB);
	buf_init(&reply, 64 * KIB);
	buf_puts(&rq, "{\"v\":1,\"do\":\"log.forget\"");
	json_field_s(&rq, "org", org);
	buf_putc(&rq, '}');
	int r = ctl_call(place_in_run(path, sizeof path, SOCK_SEARCH), buf_view(&rq), &reply, FORGET_MS, err);
	buf_done(&rq);
	buf_done(&reply);
	return r;
}

static int end_key(const struct ending *d, struct events *e, struct err *err)
{
	struct vault *v = NULL;
	note(d, e, false, NULL);
	if (events_flush(e, RECORDED_MS) < 0)
		return err_set(err, E_CLOSED, "intaked", "%s", say("記録できないので、鍵は消していません", "nobody takes records, and what isn't on record isn't done: the key is there still"));
	int r = vault_open(NULL, 5000, &v, err);
	r = r < 0 ? r : vault_destroy(v, d->org, err);
	vault_close(&v);
	note(d, e, true, r < 0 ? err->msg : NULL);
	events_flush(e, RECORDED_MS);
	return r < 0 ? r : drop_rows(d->org, err);
}

static int vault_end(int argc, char **argv)
{
	struct err err = { 0 };
	struct events *e = NULL;
	struct ending d = { .reason = cli_option(&argc, argv, "--reason"), .other = cli_option(&argc, argv, "--agreed-by"), .who = cli_acting() };
	if (argc != 1 || !d.reason || !*d.reason || !d.other || !d.who)
		return cli_usage(&cli_vault[1]);
	d.org = argv[0];
	int r = 0;
	if (!segment_org_ok(d.org) || strcmp(d.org, "service") == 0)
		r = err_set(&err, E_INVALID, d.org, "not a body's code");
	else if (!identity_ok(str_from(d.who)) || !identity_ok(str_from(d.other)) || !str_is_utf8(str_from(d.reason)))
		r = err_set(&err, E_INVALID, "as", "not a name: letters of Japanese or ASCII, no blank at its ends");
	else if (identity_same(d.who, d.other))
		r = err_set(&err, E_DENIED, "--agreed-by", "%s", say("別の人でなければなりません", "must be somebody else"));
	r = r < 0 ? r : has_left(d.org, &err);
	r = r < 0 ? r : was_here(d.org, &err);
	r = r < 0 ? r : events_open(SENDER_CUSTODY, 64 * KIB, &e, &err);
	r = r < 0 ? r : end_key(&d, e, &err);
	events_close(&e);
	if (r < 0)
		return cli_error(&err);
	printf(cli_japanese() ? "%s の鍵を破棄しました。記録は、以前に取った金庫のバックアップがない限り、どの写しからも読めません。検索の索引から消え、封印された区間も順に終わります。\n"
	                      : "%s: the key is destroyed. No copy of its records can be read, but by a backup of the vault from before. They leave the index, and their segments end.\n", d.org);
	return EXIT_DONE;
}

const struct cli_command cli_vault[] = {
	{ "vault token", "toride vault token --module LIBRARY.so --token LABEL --pin-file FILE", "has a PKCS#11 token (HSM) guard the vault's master key from now on; the key's file is erased",
	  "金庫の主鍵を PKCS#11 のトークン(HSM)で守る。鍵のファイルは消す", vault_token },
	{ "vault destroy", "toride vault destroy CODE --reason TEXT --agreed-by NAME [--as NAME]", "destroys the key of a body that has left: its records can't be read any more, anywhere, but by a backup of the vault",
	  "設定から外れた団体の鍵を破棄する(記録はどの写しからも読めなくなり、元に戻せない。以前に取った金庫のバックアップには及ばない)", vault_end },
	{ 0 },
};
