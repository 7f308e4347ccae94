/* New signatures are tried on captures before anybody may pin them (M-095): Suricata of this machine, unprivileged, with the parsers and
 * streams of the description in force, reads what is known to be clean, and what it says of it is kept. */
#ifndef CLI_IPS_TRY_H
#define CLI_IPS_TRY_H

#include "base/buf.h"
#include "base/err.h"
#include "model/model.h"

#define TRY_CAPTURES 64 /* named by who asks */

struct ips_try {
	const struct model *m;
	const char *captures[TRY_CAPTURES]; /* beside ours and those of STATE/feeds/ips/clean */
	size_t n_captures;
	size_t n_read; /* how many there were in all */
	struct buf said, eve; /* of Suricata while loading; of the captures. Both hostile: they quote rules */
};
/* rules: book_format_try()'s. said and eve are initialised here, the caller's to free, whatever came. */
int ips_try_run(struct ips_try *t, struct str rules, struct err *err);
void ips_try_done(struct ips_try *t);

#endif
