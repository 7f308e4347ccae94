/* The engines' own dry runs on a generation's files, before anything is touched. Each runs as a program with a time-out.
 * An engine that isn't part of the generation is left out. */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "base/proc.h"

struct err;

/* dir: the generation's directory. Configurations name their other files through STATE/current, which isn't this generation
 * yet: engines are shown a copy (in STATE/check) that names dir in its place. What names files runs as the engine's own
 * user, so that it opens only what the engine could. run: proc_run, or what a test puts in its place. Errors carry the
 * engine as path and the first of its words, without what it quotes from a file. */
int check_generation(const char *dir, int (*run)(const struct proc_opts *o, struct err *err), struct err *err);

#endif
