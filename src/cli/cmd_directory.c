/* toride directory …: what it takes to ask an organisation's directory who uses the proxy. */
#include "cli/cli.h"

#include "base/mem.h"
#include "vault/vault_client.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define SECRET_MAX 200

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
	char hex[2 * (SECRET_MAX + 64) + 1];
	if (box->len > SECRET_MAX + 64)
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

const struct cli_command cli_directory[] = {
	{ "directory secret", "toride directory secret --org CODE <PASSWORD", "wraps the password of the account that looks people up: the text for proxy_users.bind_secret",
	  "利用者を探すアカウントのパスワードを鍵保管庫で包む(proxy_users.bind_secret に書くもの)", directory_secret },
	{ 0 },
};
