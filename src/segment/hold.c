/* See hold.h. */
#include "segment/hold.h"

#include "base/fs.h"
#include "base/str.h"
#include "segment/segment.h"
#include "wire/place.h"

#include <errno.h>
#include <sys/stat.h>

#define UNHEARD_MS 600000 /* it is asked once a second, from the moment on that the node knows its part */

/* 1: held. A file that is being written, or was when its writer was killed (fs_write()), isn't one. */
static int of_org(const char *name, void *user)
{
	const char *org = user;
	struct str s = str_from(name), head;
	if (str_ends(s, STR(".new")))
		return 0;
	str_next(&s, '.', &head);
	char code[8];
	if (!str_copy(head, code, sizeof code) || !segment_org_ok(code))
		return 0;
	return !org || strcmp(org, "service") == 0 || strcmp(org, code) == 0;
}

static bool look(const char *dir, const char *org)
{
	struct stat st;
	if (stat(dir, &st) < 0)
		return errno != ENOENT;
	return fs_list(dir, of_org, (void *)(uintptr_t)org, NULL) != 0;
}

bool hold_on(const char *dir, const char *org)
{
	return look(dir, org);
}

bool hold_any(const char *dir)
{
	return look(dir, NULL);
}

int64_t hold_unheard_ms(void)
{
	char path[PLACE_MAX];
	return fs_exists(place_in_state(path, sizeof path, "current/paird.json")) ? UNHEARD_MS : 0;
}
