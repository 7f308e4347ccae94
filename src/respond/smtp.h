/* Handing mails to the relay, several at a time, without ever making the desk wait: RFC 5321 by libcurl, in threads of
 * its own (libcurl waits for the answer to QUIT, however slow the relay). Threads start with the first mail, so that
 * they are born confined. What a result means for the queue is notify.h's matter. */
#ifndef RESPOND_SMTP_H
#define RESPOND_SMTP_H

#include "base/str.h"

struct mailer;
struct err;

#define MAILER_MAX 8     /* mails taken at once */
#define MAILER_THREADS 4

/* code: the relay's last answer (250, 451, 550 …), 0 when there was none. */
typedef void (*mailer_done)(int64_t id, bool ok, int code, const char *words, void *user);

int mailer_create(mailer_done done, void *user, struct mailer **ret, struct err *err);
void mailer_destroy(struct mailer **m); /* what is under way is broken off, without a call of done */
int mailer_room(const struct mailer *m);
bool mailer_has(const struct mailer *m, int64_t id);
/* Copies all. timeout_ms for the whole dialogue. */
int mailer_send(struct mailer *m, int64_t id, const char *host, uint16_t port, const char *from, const char *to,
                struct str message, int timeout_ms, struct err *err);
/* Calls done, in the caller's thread, for what ended. Returns how many are still under way. Never waits. */
int mailer_work(struct mailer *m);

#endif
