/* toride: finds the command in the tables and runs it. */
#include "cli/cli.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

const struct cli_command *const cli_tables[] = {
	cli_lab,
	cli_scan,
	cli_url,
	cli_model,
	cli_fw,
	cli_ips,
	cli_change,
	cli_zone,
	cli_decrypt,
	cli_status,
	cli_lines,
	cli_sources,
	cli_pair,
	cli_detect,
	cli_intel,
	cli_incident,
	cli_life,
	cli_shift,
	cli_month,
	cli_asset,
	cli_log,
	cli_export,
	cli_witness,
	cli_search,
	cli_import,
	cli_hold,
	cli_site,
	cli_user, cli_directory, cli_ca, cli_vault,
	NULL,
};

static bool begins_with(const struct cli_command *c, const char *word)
{
	struct str rest = str_from(c->name), first;
	return str_next(&rest, ' ', &first) && str_eq(first, str_from(word));
}

/* How many of the arguments the command's name takes; 0 when it isn't this one. */
static int matches(const struct cli_command *c, int argc, char **argv)
{
	struct str rest = str_from(c->name), word;
	int n = 0;
	while (str_next(&rest, ' ', &word)) {
		if (n >= argc || !str_eq(str_from(argv[n]), word))
			return 0;
		n++;
	}
	return n;
}

/* Of the commands that begin with the word, or of all. */
static void help(FILE *f, const char *word)
{
	bool ja = cli_japanese(), all = true;
	for (size_t t = 0; word && cli_tables[t]; t++)
		for (const struct cli_command *c = cli_tables[t]; c->name; c++)
			all &= !begins_with(c, word);
	fprintf(f, ja ? "砦 toride %s — 自治体情報セキュリティクラウド\n\n" : "toride %s: a security cloud for a prefecture and its municipalities\n\n",
	        TORIDE_VERSION);
	for (size_t t = 0; cli_tables[t]; t++)
		for (const struct cli_command *c = cli_tables[t]; c->name; c++)
			if (all || begins_with(c, word))
				fprintf(f, "  %-64s %s\n", c->usage, ja ? c->help_ja : c->help_en);
}

/* An option nobody reads would else be taken for a name, a file or a word to search. It stands in the usage, as a word of its own. */
static const char *unknown_option(const struct cli_command *c, int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
		size_t n = strcspn(argv[i], "=");
		const char *at = c->usage;
		if (strncmp(argv[i], "--", 2) != 0)
			continue;
		while ((at = memmem(at, strlen(at), argv[i], n)) && (at[n] == '-' || at[n] == '_' || (at[n] >= 'a' && at[n] <= 'z')))
			at++;
		if (!at)
			return argv[i];
	}
	return NULL;
}

static int run(const struct cli_command *c, int argc, char **argv)
{
	if (cli_flag(&argc, argv, "--help") || cli_flag(&argc, argv, "-h")) {
		printf("%s %s\n\n%s\n", cli_japanese() ? "使い方:" : "usage:", c->usage, cli_japanese() ? c->help_ja : c->help_en);
		return EXIT_DONE;
	}
	const char *unknown = unknown_option(c, argc, argv);
	if (unknown) {
		fprintf(stderr, cli_japanese() ? "toride: %s: そのような指定はありません\n" : "toride: %s: no such option\n", unknown);
		return cli_usage(c);
	}
	return c->run(argc, argv);
}

int main(int argc, char **argv)
{
	const struct cli_command *best = NULL;
	int taken = 0;
	setlocale(LC_ALL, "");
	log_open("toride", LOG_LEVEL_WARN);
	if (argc > 3 && strcmp(argv[1], "--as") == 0) {
		cli_act_for(argv[2]);
		argc -= 2;
		argv += 2;
	}
	for (size_t t = 0; cli_tables[t]; t++)
		for (const struct cli_command *c = cli_tables[t]; c->name; c++) {
			int n = matches(c, argc - 1, argv + 1);
			if (n > taken) {
				best = c;
				taken = n;
			}
		}
	if (best)
		return run(best, argc - 1 - taken, argv + 1 + taken);
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		printf("toride %s\n", TORIDE_VERSION);
		return EXIT_DONE;
	}
	bool asked = argc > 1 && (strcmp(argv[1], "help") == 0 || cli_flag(&argc, argv, "--help") || cli_flag(&argc, argv, "-h"));
	help(asked ? stdout : stderr, argc > 1 ? argv[1] : NULL);
	return asked ? EXIT_DONE : EXIT_USAGE;
}
