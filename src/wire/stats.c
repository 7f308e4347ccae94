/* See stats.h. The file is an array of rows; a row counts once its name is set (release/acquire). */
#include "wire/stats.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "wire/place.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct row {
	_Atomic uint64_t value;
	char org[8];
	char name[47];
	_Atomic uint8_t used;
};
_Static_assert(sizeof(struct row) == 64, "a row is a cache line");

struct stats {
	struct row *rows;
	struct map index;     /* "org/name" -> row */
	size_t n;
	pthread_mutex_t lock; /* of index and n */
	struct row spare;
};

#define STATS_BYTES (STATS_ROWS * sizeof(struct row))

int stats_open(const char *process, struct stats **ret, struct err *err)
{
	char path[PLACE_MAX];
	place_in_run(path, sizeof path, "stats/%s", process);
	_cleanup_fd_ int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || ftruncate(fd, STATS_BYTES) < 0)
		return err_errno(err, path, "cannot create");
	struct stats *s = mem_alloc(sizeof *s);
	if (!s)
		return err_set(err, E_NOMEM, "", "no memory");
	s->rows = mmap(NULL, STATS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (s->rows == MAP_FAILED) {
		mem_free(s);
		return err_errno(err, path, "cannot map");
	}
	map_init(&s->index, STATS_ROWS);
	pthread_mutex_init(&s->lock, NULL);
	*ret = s;
	return 0;
}

void stats_close(struct stats **s)
{
	if (!*s)
		return;
	munmap((*s)->rows, STATS_BYTES);
	map_done(&(*s)->index);
	pthread_mutex_destroy(&(*s)->lock);
	mem_free(*s);
	*s = NULL;
}

static struct row *row_for(struct stats *s, const char *org, const char *name)
{
	char key[sizeof s->rows->org + sizeof s->rows->name + 2];
	int len = snprintf(key, sizeof key, "%.7s/%.46s", org, name);
	struct str k = { key, (size_t)len };
	struct row *r = map_get(&s->index, k);
	if (r)
		return r;
	if (s->n == STATS_ROWS || map_put(&s->index, k, &s->rows[s->n]) < 0)
		return &s->spare;
	r = &s->rows[s->n++];
	snprintf(r->org, sizeof r->org, "%s", org);
	snprintf(r->name, sizeof r->name, "%s", name);
	atomic_store_explicit(&r->used, 1, memory_order_release);
	return r;
}

_Atomic uint64_t *stats_counter(struct stats *s, const char *org, const char *name)
{
	pthread_mutex_lock(&s->lock);
	struct row *r = row_for(s, org, name);
	pthread_mutex_unlock(&s->lock);
	return &r->value;
}

struct reading {
	void (*fn)(const char *, const char *, const char *, uint64_t, void *);
	void *user;
};

static int read_one(const char *process, void *user)
{
	struct reading *rd = user;
	char path[PLACE_MAX];
	place_in_run(path, sizeof path, "stats/%s", process);
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0 || (size_t)st.st_size < STATS_BYTES)
		return 0;
	struct row *rows = mmap(NULL, STATS_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	if (rows == MAP_FAILED)
		return 0;
	for (size_t i = 0; i < STATS_ROWS && atomic_load_explicit(&rows[i].used, memory_order_acquire); i++) {
		char org[sizeof rows[i].org], name[sizeof rows[i].name];
		snprintf(org, sizeof org, "%.*s", (int)sizeof org - 1, rows[i].org);
		snprintf(name, sizeof name, "%.*s", (int)sizeof name - 1, rows[i].name);
		rd->fn(process, org, name, rows[i].value, rd->user);
	}
	munmap(rows, STATS_BYTES);
	return 0;
}

int stats_read_all(void (*fn)(const char *, const char *, const char *, uint64_t, void *), void *user, struct err *err)
{
	char dir[PLACE_MAX];
	struct reading rd = { fn, user };
	return fs_list(place_in_run(dir, sizeof dir, "stats"), read_one, &rd, err);
}
