/* What the tests of the desk share: a real PostgreSQL, a small mail sink, a pretended torided and stored, and a clock that stands still. */
#ifndef RESPOND_DESKTEST_H
#define RESPOND_DESKTEST_H

#include "base/test.h"

#include "base/clock.h"
#include "base/mem.h"
#include "incident/incident.h"
#include "respond/asker.h"
#include "respond/orders.h"
#include "respond/respond.h"
#include "respond/sinktest.h"
#include "store/pgtest.h"

#include <stdatomic.h>

#define A "412015"
#define B "412023"
#define C "412031"
#define T0 1795338000000LL /* 2026-11-22T18:00:00 in Japan */

extern struct pgtest pg;
extern bool have_pg;
extern struct sink sink;
extern struct respond r;
extern const char *boot; /* of the next start() */

struct pretended_torided {
	struct order last[64];
	int n, fail; /* the next `fail` orders aren't answered */
	atomic_bool held; /* none is answered until it is false again (10 s at most) */
	enum err_code refuse;
};
extern struct pretended_torided torided;
int orders(uint8_t op, const char *org, const char *value); /* given so far; value NULL: any */

struct pretended_stored {
	int n, fail;        /* asked; the next `fail` aren't answered */
	char last[4096];    /* the request */
	const char *answer; /* a whole line */
};
extern struct pretended_stored stored;

struct pretended_courier {
	int n, fail; /* asked (four at a time, in no order); the next `fail` aren't taken */
	enum err_code refuse; /* how; 0: nobody there */
	char sent[32][4096];
};
extern struct pretended_courier courier;

void start(void);
void stop(void);
extern int uid_seed;
struct finding beacon(const char *org, const char *terminal, const char *host);
void give(const struct finding *f);
void settle(void);                          /* works until nothing is under way */
char *ask(const char *json, int expect);    /* the answer, or the words of the error */
int64_t sql_number(const char *text);

/* Set-up and tear-down of a test, and of all. */
int fresh(void **state);
int done(void **state);
int begin(void **state);
int end(void **state);

#define NEED_PG()                                                                                                    \
	do {                                                                                                         \
		(void)state;                                                                                         \
		if (!have_pg)                                                                                        \
			skip();                                                                                      \
	} while (0)

#define T(fn) cmocka_unit_test_setup_teardown(fn, fresh, done)

#endif
