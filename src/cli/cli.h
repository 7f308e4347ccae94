/* The command line's table of commands. Each cmd_*.c holds the commands of one part of the product. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <yyjson.h>

/* Exit codes of the contract. */
enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_BLOCKED = 3, EXIT_COULD_NOT = 4 };

struct cli_command {
	const char *name;  /* "log verify" */
	const char *usage; /* "toride log verify [EXPORT] [--json]" */
	const char *help_en, *help_ja;
	int (*run)(int argc, char **argv); /* argv[0] is the first argument behind the name */
};

/* One table a part of the product. */
extern const struct cli_command cli_lab[];
extern const struct cli_command cli_scan[];
extern const struct cli_command cli_detect[];
extern const struct cli_command cli_intel[];
extern const struct cli_command cli_url[];
extern const struct cli_command cli_model[];
extern const struct cli_command cli_fw[];
extern const struct cli_command cli_ips[];
extern const struct cli_command cli_change[];
extern const struct cli_command cli_zone[];
extern const struct cli_command cli_decrypt[];
extern const struct cli_command cli_status[];
extern const struct cli_command cli_incident[];
extern const struct cli_command cli_life[];
extern const struct cli_command cli_shift[];
extern const struct cli_command cli_month[];
extern const struct cli_command cli_asset[];
extern const struct cli_command cli_log[];
extern const struct cli_command cli_export[];
extern const struct cli_command cli_witness[];
extern const struct cli_command cli_search[];
extern const struct cli_command cli_import[];
extern const struct cli_command cli_hold[];
extern const struct cli_command cli_lines[];
extern const struct cli_command cli_sources[];
extern const struct cli_command cli_pair[];
extern const struct cli_command cli_site[];
extern const struct cli_command cli_user[];
extern const struct cli_command cli_directory[];
extern const struct cli_command cli_ca[];
extern const struct cli_command cli_vault[];

extern const struct cli_command *const cli_tables[]; /* each ended by a row without name; main.c lists them */

bool cli_japanese(void);                           /* by LC_ALL, LC_MESSAGES, LANG */
const char *say(const char *ja, const char *en);   /* the one in the caller's language */
int cli_usage(const struct cli_command *c);        /* prints the usage to stderr; EXIT_USAGE */
/* The secret of that number, of a kind that is told to somebody outside (vault_numbered): the vault gives it to root on the node alone, and
 * records that it did. The caller wipes it. */
int cli_numbered(const char *kind, unsigned number, unsigned char ret[32], struct err *err);
int cli_error(const struct err *err);              /* "toride: PATH: what is wrong"; returns the fitting exit code */
/* Both look no further than "--". Takes "--name VALUE" or "--name=VALUE" out of argv; NULL when absent. cli_flag: takes "--name" out. */
const char *cli_option(int *argc, char **argv, const char *name);
bool cli_flag(int *argc, char **argv, const char *name);

/* One request of controld (doc/interfaces/control.md). cli_request initialises b with its beginning, as: in whose name, NULL for the
 * caller's own; json_field… adds to it. cli_ask ends and frees it, or refuses one that didn't fit; reply, initialised here, gets the
 * line answered and is the caller's to free, whatever came. */
void cli_request(struct buf *b, const char *what, const char *as);
/* `toride --as NAME COMMAND …`: requests that name nobody else are made for NAME, who must outlive them. */
void cli_act_for(const char *name);
const char *cli_acting(void); /* that name, or NULL */
int cli_ask(struct buf *request, struct buf *reply, int timeout_ms, struct err *err);
/* What a person would call it, by its looks: hostname url ip hash mail. */
const char *cli_observable(const char *value);
void cli_print_json(yyjson_val *v); /* as one line */
int cli_rules_coverage(int argc, char **argv); /* cmd_coverage.c */
struct finding;
void cli_finding(const struct finding *f, bool json, struct buf *b); /* appended as one line without its end */
/* A child's words, which may be anything: ended within size, and no control characters. */
void cli_harmless(char *s, size_t size);
void cli_line(struct buf *b); /* prints a line for people, of which others wrote parts, harmless; done with b */
size_t cli_control(struct str s); /* bytes of the control character at the front, C1 in UTF-8 too; 0: it is none */
int cli_print(struct buf *b);       /* all of it; frees it; EXIT_DONE, or the exit code after saying why not */
/* Is the time stamp in that file one over this text, by an authority of ca (PEM)? *ret_ms: when. cmd_witness.c. */
int cli_stamp_check(struct str witness, const char *stamp, const char *ca, int64_t *ret_ms, struct err *err);
/* "2026-11-22T09:00:00+09:00" as ms UTC; 0 when text is NULL. -E_INVALID names it. */
int cli_time(const char *text, int64_t *ret, struct err *err);
int cli_since(const char *text, int64_t *ret, struct err *err); /* also "30m", "2h", "7d": so long ago */

#endif
