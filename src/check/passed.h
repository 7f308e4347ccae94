/* What an engine has let pass isn't asked again: such checks of files that no one had changed were two fifths of an apply. */
#ifndef CHECK_PASSED_H
#define CHECK_PASSED_H

#include <stdbool.h>

#define PASSED_FOREIGN 6

struct passed {
	const char *engine;                  /* its directory in the generation, and the name it is remembered by */
	const char *foreign[PASSED_FOREIGN]; /* what else its answer hangs on: files and directories of the system. Each counts by name, size, inode and times */
	char sum[65];                        /* passed_before() fills it in */
};

/* Have just these files passed, read by just these programs? The packages installed and our own program count too, so that an update of whatever
 * is asked anew. What can't be read counts as changed. dir: the generation's directory. */
bool passed_before(struct passed *p, const char *dir);
/* They have. Kept in STATE/check; what can't be kept is asked again. */
void passed_note(const struct passed *p);

#endif
