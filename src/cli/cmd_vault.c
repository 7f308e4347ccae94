/* toride vault: where the vault's master key is kept. It works on the vault's own files, as the vault's user, whether it runs or not: the key stays
 * the same. */
#include "cli/cli.h"

#include "base/fs.h"
#include "base/mem.h"
#include "vault/store.h"
#include "vault/token.h"
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

const struct cli_command cli_vault[] = {
	{ "vault token", "toride vault token --module LIBRARY.so --token LABEL --pin-file FILE", "has a PKCS#11 token (HSM) guard the vault's master key from now on; the key's file is erased",
	  "金庫の主鍵を PKCS#11 のトークン(HSM)で守る。鍵のファイルは消す", vault_token },
	{ 0 },
};
