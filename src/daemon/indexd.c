/* toride-indexd: the embedded ClickHouse in a process of its own, so that what half a gigabyte of another project's code does to
 * itself, a query that eats the memory included, harms neither the records nor who fills and asks. It is confined from outside,
 * as an engine (jail/table.c), has no network, and answers stored alone. Without libchdb.so beside it, it isn't started. */
#include "base/err.h"
#include "base/log.h"
#include "index/engine.h"
#include "wire/place.h"
#include "wire/sock.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

static bool allowed(unsigned uid)
{
	return uid == USER_STORED || uid == 0 || uid == geteuid();
}

/* Blocked in every thread that comes, the engine's own included: the end is read from a descriptor. */
static int ends(struct err *err)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd < 0 ? err_errno(err, "signals", "cannot be read") : fd;
}

int main(void)
{
	struct err err = { 0 };
	struct engine *e = NULL;
	char library[PATH_MAX], data[PLACE_MAX], sock[PLACE_MAX];
	int fd = -1, stop_fd = -1;
	log_open("indexd", LOG_LEVEL_INFO);
	signal(SIGPIPE, SIG_IGN);
	int r = stop_fd = ends(&err);
	snprintf(library, sizeof library, "%s/libchdb.so", place_programs());
	place_in_state(data, sizeof data, "index");
	if (r >= 0)
		r = engine_open(library, data, &e, &err);
	if (r == 0)
		r = sock_listen(place_in_run(sock, sizeof sock, SOCK_INDEX), 0660, &fd, &err);
	if (r == 0) {
		log_info("", library, "ready");
		r = serve_run(&engine_ops, e, fd, stop_fd, allowed, &err);
	}
	if (r < 0)
		log_err(LOG_LEVEL_ERROR, "", r == -E_STATE ? "engine" : "start", &err);
	_exit(r < 0); /* the engine's own threads don't like to be taken down one by one */
}
