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
	cli_change,
	cli_zone,
	cli_status,
	cli_lines,
	cli_sources,
	cli_detect,
	cli_incident,
	cli_life,
	cli_shift,
	cli_month,
	cli_log,
	cli_search,
	cli_site,
	cli_user,
	NULL,
};

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

static void help_all(FILE *f)
{
	bool ja = cli_japanese();
	fprintf(f, ja ? "砦 toride %s — 自治体情報セキュリティクラウド\n\n" : "toride %s: a security cloud for a prefecture and its municipalities\n\n",
	        TORIDE_VERSION);
	for (size_t t = 0; cli_tables[t]; t++)
		for (const struct cli_command *c = cli_tables[t]; c->name; c++)
			fprintf(f, "  %-64s %s\n", c->usage, ja ? c->help_ja : c->help_en);
}

static int run(const struct cli_command *c, int argc, char **argv)
{
	if (cli_flag(&argc, argv, "--help") || cli_flag(&argc, argv, "-h")) {
		printf("%s %s\n\n%s\n", cli_japanese() ? "使い方:" : "usage:", c->usage, cli_japanese() ? c->help_ja : c->help_en);
		return EXIT_DONE;
	}
	return c->run(argc, argv);
}

int main(int argc, char **argv)
{
	const struct cli_command *best = NULL;
	int taken = 0;
	setlocale(LC_ALL, "");
	log_open("toride", LOG_LEVEL_WARN);
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
	bool asked = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0);
	help_all(asked ? stdout : stderr);
	return asked ? EXIT_DONE : EXIT_USAGE;
}
