/* `toride check --packet`: what a description's firewall does with packets, in words or JSON. */
#ifndef CLI_PACKETS_H
#define CLI_PACKETS_H

#include "model/model.h"

/* One question (EXIT_DONE when it is allowed, EXIT_REFUSED when denied), or with one NULL a file of them, one a line, "-" for
 * standard input: EXIT_DONE when all could be answered. What isn't a question is EXIT_USAGE. */
int cli_packets(const struct model *m, const char *question, const char *file, bool json);

#endif
