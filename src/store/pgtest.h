/* Tests only: a private PostgreSQL in a temporary directory, UNIX socket only, as an unprivileged user. */
#ifndef STORE_PGTEST_H
#define STORE_PGTEST_H

#include <stdbool.h>
#include <sys/types.h>

struct pgtest {
	char dir[128];  /* everything of it */
	char sock[160]; /* the socket directory */
	pid_t pid;
};

/* Starts it and runs store_bootstrap. False when PostgreSQL isn't installed (the caller skips); dies on failure. */
bool pgtest_start(struct pgtest *t);
/* Runs commands as the cluster's superuser, past every row rule; dies when one fails. */
void pgtest_sql(const struct pgtest *t, const char *commands);
void pgtest_kill(struct pgtest *t);    /* kill -9, as a crash */
void pgtest_restart(struct pgtest *t); /* after pgtest_kill() */
void pgtest_stop(struct pgtest *t);    /* and removes the directory */

#endif
