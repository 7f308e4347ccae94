/* See daemon.h. */
#include "wire/daemon.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "wire/place.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

int (*daemon_confine_hook)(const char *name, struct err *err);

int daemon_begin(const char *name, struct daemon *d, struct err *err)
{
	memset(d, 0, sizeof *d);
	snprintf(d->name, sizeof d->name, "%s", name);
	log_open(name, getenv("TORIDE_DEBUG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	signal(SIGPIPE, SIG_IGN);
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	prctl(PR_SET_DUMPABLE, 0);
	return stats_open(name, &d->stats, err);
}

/* STATE/current -> generations/HEX; the digest is its name. */
static int note_digest(struct daemon *d, struct err *err)
{
	char link[PLACE_MAX], to[PLACE_MAX];
	place_in_state(link, sizeof link, "current");
	ssize_t n = readlink(link, to, sizeof to - 1);
	if (n < 0)
		return err_errno(err, link, "no generation is in force");
	to[n] = 0;
	const char *slash = strrchr(to, '/');
	snprintf(d->digest, sizeof d->digest, "sha256:%.64s", slash ? slash + 1 : to);
	return 0;
}

int daemon_config(struct daemon *d, struct buf *b, struct err *err)
{
	char path[PLACE_MAX];
	int r = note_digest(d, err);
	return r < 0 ? r : fs_read(place_in_state(path, sizeof path, "current/%s.json", d->name), b, err);
}

int daemon_confine(const struct daemon *d, struct err *err)
{
	if (!daemon_confine_hook)
		return err_set(err, E_STATE, d->name, "jail_install() was not called");
	return daemon_confine_hook(d->name, err);
}

void daemon_ready(const struct daemon *d)
{
	char path[PLACE_MAX];
	_cleanup_fd_ int fd = open(place_in_run(path, sizeof path, "ready/%s", d->name), O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0 || write(fd, d->digest, strlen(d->digest)) < 0)
		log_warn("", path, "cannot say that we are ready");
}

static bool role_is(const char *role)
{
	char path[PLACE_MAX];
	struct buf b;
	buf_init(&b, 64);
	bool yes = fs_read(place_in_run(path, sizeof path, "pair-role"), &b, NULL) == 0 && str_eq(buf_view(&b), str_from(role));
	buf_done(&b);
	return yes;
}

bool daemon_stands_by(void)
{
	return role_is("standby");
}

bool daemon_carries(void)
{
	return role_is("active");
}
