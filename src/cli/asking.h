/* What the commands about incidents and blocks share: a request put together from options, asked of controld, its answer shown. */
#ifndef CLI_ASKING_H
#define CLI_ASKING_H

#include "cli/cli.h"

#include "base/clock.h"
#include "wire/ctl.h"
#include "wire/words.h"

#define ASK_WAIT_MS 30000

struct asking {
	struct buf rq;
	bool json;
};

typedef void ask_show(yyjson_val *root, bool json);

void ask_begin(struct asking *a, int *argc, char **argv, const char *what);
/* "--name VALUE" as a text of the request ("--ordered-by" as ordered_by). */
void ask_option(struct asking *a, int *argc, char **argv, const char *option);
/* The same as a number; false when it isn't one. */
bool ask_number(struct asking *a, int *argc, char **argv, const char *option);
/* Sends and lets `show` print the answer; closes the asking. */
int ask(struct asking *a, ask_show *show);
int ask_usage(const struct cli_command *table, const char *name);
/* A command with one argument, called `key` in the request; options: texts, ended by NULL. */
int ask_one(const struct cli_command *table, const char *name, const char *what, const char *key, const char *const *options, int argc,
            char **argv, ask_show *show);

void show_json_list(yyjson_val *list); /* one object a line */
/* So, or each by `line`; none: said when there is nothing to show, or NULL. */
void show_list(yyjson_val *list, bool json, const char *none, void (*line)(yyjson_val *v));
const char *json_text(yyjson_val *o, const char *key); /* "" when absent */
const char *json_when(yyjson_val *o, const char *key, char dst[CLOCK_TEXT]); /* "-" when absent */
const char *json_word(enum words_of what, yyjson_val *o, const char *key);

/* cmd_incident.c */
ask_show show_incident, show_id;
void show_incident_line(yyjson_val *incident);
/* cmd_life.c: behind the timeline of an incident */
void show_life(yyjson_val *incident);
void show_inquiry(yyjson_val *inquiry);

#endif
