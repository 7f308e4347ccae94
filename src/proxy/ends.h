/* Exceptions of decryption have an end (`decrypt_exceptions`): who answers for one hears of it a week before, a day before, and when it has
 * come, each once. What is open then is cut by the threads (conn_check_conf()). Of the main thread; no clock of its own. Requirements: F-09. */
#ifndef PROXY_ENDS_H
#define PROXY_ENDS_H

#include "base/map.h"
#include "proxy/conf.h"

#define ENDS_WEEK_MS (7 * 86400000ll)
#define ENDS_DAY_MS 86400000ll
#define ENDS_PAST_MS 3600000 /* one that ended longer ago was told then, by us or by who ran before us */
#define ENDS_MAX 65536       /* remembered; more are told again at each look */
#define ENDS_TEXT 1024

struct ends {
	struct map told; /* organisation, name and end -> stage */
};

/* org: whose it is; message: in English and Japanese. */
typedef void (*ends_tell)(const char *org, const char *message, void *user);

void ends_init(struct ends *e);
void ends_done(struct ends *e);
/* Calls tell for each stage that has come and wasn't told; of several that have come, the last one. */
void ends_look(struct ends *e, const struct conf *c, int64_t now_ms, ends_tell tell, void *user);

#endif
