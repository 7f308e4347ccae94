/* What userd remembers of questions: answers for a while, so that a directory is asked once a person and not once a page, and wrong ones,
 * so that nobody gets to guess. In memory only; a restart forgets both.
 *
 * A right password is good for TRIES_FRESH_MS without asking again, and for TRIES_STALE_MS where no directory answers. The same wrong
 * password again is no new guess: a browser that has an old one stored sends it with each picture. Of different ones within
 * TRIES_WINDOW_MS, TRIES_PAIR lock that name at that terminal, TRIES_NAME that name everywhere, TRIES_TERMINAL all names at that
 * terminal, for TRIES_LOCK_MS; what was right within TRIES_STALE_MS is no guess and passes all the same (the directory is asked as ever), so
 * nobody is locked out of his own desk by others' guesses while he works. A directory that locks accounts by itself is asked less often than it takes to do so, where it allows more than
 * TRIES_PAIR. Whom a ticket has proven (users/ticket.h) guesses nothing: he is remembered by his name alone, and locked by nobody.
 * Times are of the monotonic clock. */
#ifndef USERS_TRIES_H
#define USERS_TRIES_H

#include "users/users.h"

#define TRIES_FRESH_MS 300000
#define TRIES_STALE_MS 3600000
#define TRIES_WRONG_MS 60000
#define TRIES_WINDOW_MS 900000
#define TRIES_LOCK_MS 900000
#define TRIES_PAIR 5
#define TRIES_NAME 30
#define TRIES_TERMINAL 50
#define TRIES_KEPT 65536 /* answers, and counts */

struct tries;
#define TRIES_KEY USERS_DIGEST /* of one name and password in one organisation: a keyed digest, of no use elsewhere */

int tries_create(struct tries **ret);
void tries_destroy(struct tries **t);
void tries_key(const struct tries *t, const struct users_request *r, unsigned char ret[TRIES_KEY]);

/* True: answered without the directory, by what is known or since it is locked (ret->result says which). */
bool tries_look(struct tries *t, const struct users_request *r, int64_t now_ms, struct users_answer *ret);
/* True: it was right within TRIES_STALE_MS; for when no directory answers. */
bool tries_stale(struct tries *t, const struct users_request *r, int64_t now_ms, struct users_answer *ret);

struct tries_news {
	bool first;  /* right, and not known to be so: a person has come */
	bool locked; /* wrong, and now one too many … */
	const char *what; /* … of "name at terminal", "name", "terminal" */
};
/* a: the directory's answer, OK or WRONG. */
void tries_note(struct tries *t, const struct users_request *r, const struct users_answer *a, int64_t now_ms, struct tries_news *ret);
/* Forgets what is right of an organisation: its description has changed. */
void tries_forget(struct tries *t, const char *org);

#endif
