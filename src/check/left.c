/* See left.h. Asked before a change is put in force, not when one is undone: what was in force once may be again. */
#include "check/left.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "segment/file.h"
#include "wire/place.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 640

/* "https://HOST/BUCKET", or "" where the generation has no store. */
static int read_place(const char *dir, char dst[NAME_MAX_BYTES], struct err *err)
{
	char path[PLACE_MAX];
	struct buf b;
	*dst = 0;
	snprintf(path, sizeof path, "%s/cold-store", dir);
	if (!fs_exists(path))
		return 0;
	buf_init(&b, 4 * KIB);
	int r = fs_read(path, &b, err);
	struct str rest = buf_view(&b), line = STR("");
	str_next(&rest, '\n', &line);
	if (r == 0 && !str_copy(line, dst, NAME_MAX_BYTES))
		r = err_set(err, E_INVALID, path, "isn't what the compiler writes");
	buf_done(&b);
	return r;
}

static bool may_be_left(const char *dir, const char *place)
{
	char path[PLACE_MAX];
	struct buf b;
	bool yes = false;
	snprintf(path, sizeof path, "%s/cold-left", dir);
	buf_init(&b, MIB);
	if (fs_read(path, &b, NULL) == 0) {
		struct str rest = buf_view(&b), line;
		while (!yes && rest.len && str_next(&rest, '\n', &line))
			yes = str_eq(line, str_from(place));
	}
	buf_done(&b);
	return yes;
}

struct count {
	const char *segments;
	bool away; /* the cold disk: its marks in the log's own place are all there is to go by */
	unsigned n;
};

static int one_name(const char *name, void *user)
{
	struct count *c = user;
	const char *dot = strchr(name, '.');
	c->n += dot && (c->away ? strcmp(dot, ".cold") == 0 : strcmp(dot, "." SEG_GOING) == 0 || strcmp(dot, "." SEG_END) == 0 || strcmp(dot, "." SEG_ENDED) == 0);
	return 0;
}

static int one_series(const char *org, const char *series, void *user)
{
	struct count *c = user;
	char path[1024];
	snprintf(path, sizeof path, "%s%s/%s/%s", c->segments, c->away ? "" : SEG_COLD, org, series);
	return fs_list(path, one_name, c, NULL);
}

static int count_objects(unsigned *ret, struct err *err)
{
	char segments[PLACE_MAX], dir[PLACE_MAX + sizeof SEG_COLD];
	struct count c = { .segments = place_in_state(segments, sizeof segments, "segments") };
	c.away = !seg_cold_disk(segments, "");
	snprintf(dir, sizeof dir, "%s%s", segments, c.away ? "" : SEG_COLD);
	int r = seg_each_series(dir, one_series, &c, err);
	*ret = c.n;
	return r;
}

int check_left(const char *from, const char *to, struct err *err)
{
	char was[NAME_MAX_BYTES], is[NAME_MAX_BYTES];
	unsigned n = 0;
	int r = read_place(from, was, err);
	r = r < 0 ? r : read_place(to, is, err);
	if (r < 0 || !*was || strcmp(was, is) == 0 || may_be_left(to, was))
		return r;
	r = count_objects(&n, err);
	if (r < 0 || n == 0)
		return r;
	return err_set(err, E_STATE, "service.cold", "%u segments of records lie in %.200s, and would be out of reach and never deleted: bring them elsewhere, or name it in service.cold_left", n, was);
}
