/* toride directory …: what it takes to ask an organisation's directory who uses the proxy. */
#include "cli/cli.h"

#include "base/mem.h"
#include "users/keytab.h"
#include "vault/vault_client.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define SECRET_MAX 200
#define BOX_MAX (VAULT_WRAP_MAX + 64)

/* One line of standard input; a terminal doesn't show it. */
static bool read_line(char dst[SECRET_MAX])
{
	struct termios was, quiet;
	bool person = tcgetattr(STDIN_FILENO, &was) == 0;
	if (person) {
		fprintf(stderr, "%s", say("検索用アカウントのパスワード: ", "Password of the account that looks people up: "));
		quiet = was;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	bool ok = fgets(dst, SECRET_MAX, stdin);
	if (person) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
		fputc('\n', stderr);
	}
	char *end = ok ? strchr(dst, '\n') : NULL;
	if (!end)
		return false; /* too long, or no line */
	*end = 0;
	return end > dst;
}

static int print_wrapped(const struct buf *box)
{
	char hex[2 * BOX_MAX + 1];
	if (box->len > BOX_MAX)
		return EXIT_COULD_NOT;
	hex_format(box->ptr, box->len, hex);
	return printf("v1:%s\n", hex) > 0 && fflush(stdout) == 0 ? EXIT_DONE : EXIT_COULD_NOT;
}

static int directory_secret(int argc, char **argv)
{
	struct err err = { 0 };
	struct vault *v = NULL;
	struct buf box;
	char secret[SECRET_MAX];
	const char *org = cli_option(&argc, argv, "--org");
	if (argc || !org || strlen(org) != 6)
		return cli_usage(cli_directory);
	if (!read_line(secret)) {
		err_set(&err, E_INVALID, "stdin", "%s", say("パスワードを 1 行で入力してください", "one line with the password is wanted"));
		return cli_error(&err);
	}
	buf_init(&box, 4 * KIB);
	int r = vault_open(NULL, 3000, &v, &err);
	r = r < 0 ? r : vault_wrap(v, "directory", org, str_from(secret), &box, &err);
	OPENSSL_cleanse(secret, sizeof secret);
	int code = r < 0 ? cli_error(&err) : print_wrapped(&box);
	vault_close(&v);
	buf_done(&box);
	return code;
}

/* ---- the key that tickets are sealed with ---- */

static const char *const use_of_keys = "keytab";

/* Says what it is for, in whose realm: the mistakes that are made are seen here. */
static int wrap_keys(const char *org, const struct keytab *keys, struct err *err)
{
	struct buf plain, box;
	struct vault *v = NULL;
	buf_init(&plain, VAULT_WRAP_MAX);
	buf_init(&box, 4 * KIB);
	keytab_write(keys, &plain);
	for (size_t i = 0; i < keys->n; i++)
		fprintf(stderr, "%s/%s@%s, %s %u, %s\n", keys->keys[i].service, keys->keys[i].host, keys->keys[i].realm, say("鍵の番号", "key version"),
		        keys->keys[i].number, keytab_type(keys->keys[i].type));
	if (keys->left_out)
		fprintf(stderr, "%zu %s\n", keys->left_out, say("件は使いません (別の名前、または AES でない鍵)", "others are left out (another name, or not AES)"));
	int r = plain.failed ? err_set(err, E_LIMIT, "keytab", "too many keys: leave out the former ones") : vault_open(NULL, 3000, &v, err);
	r = r < 0 ? r : vault_wrap(v, use_of_keys, org, buf_view(&plain), &box, err);
	if (plain.ptr)
		OPENSSL_cleanse(plain.ptr, plain.cap);
	buf_done(&plain);
	int code = r < 0 ? cli_error(err) : print_wrapped(&box);
	vault_close(&v);
	buf_done(&box);
	return code;
}

static int one_realm(const struct keytab *k, struct err *err)
{
	for (size_t i = 1; i < k->n; i++)
		if (strcmp(k->keys[i].realm, k->keys[0].realm) != 0)
			return err_set(err, E_INVALID, "keytab", "keys of two realms, %s and %s", k->keys[0].realm, k->keys[i].realm);
	return 0;
}

static int directory_keytab(int argc, char **argv)
{
	static unsigned char file[KEYTAB_FILE_MAX + 1];
	struct err err = { 0 };
	struct keytab keys = { .n = 0 };
	const char *org = cli_option(&argc, argv, "--org"), *host = cli_option(&argc, argv, "--name");
	if (argc || !org || strlen(org) != 6 || !host)
		return cli_usage(cli_directory);
	size_t n = fread(file, 1, sizeof file, stdin);
	int r = keytab_read(file, n, "HTTP", host, &keys, &err);
	OPENSSL_cleanse(file, sizeof file);
	r = r < 0 ? r : one_realm(&keys, &err);
	int code = r < 0 ? cli_error(&err) : wrap_keys(org, &keys, &err);
	keytab_wipe(&keys);
	return code;
}

const struct cli_command cli_directory[] = {
	{ "directory secret", "toride directory secret --org CODE <PASSWORD", "wraps the password of the account that looks people up: the text for proxy_users.bind_secret",
	  "利用者を探すアカウントのパスワードを鍵保管庫で包む(proxy_users.bind_secret に書くもの)", directory_secret },
	{ "directory keytab", "toride directory keytab --org CODE --name PROXY_NAME <FILE", "wraps the proxy's Kerberos keys: the text for proxy_users.keytab",
	  "プロキシの Kerberos の鍵 (keytab) を鍵保管庫で包む(proxy_users.keytab に書くもの)", directory_keytab },
	{ 0 },
};
