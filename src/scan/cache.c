/* Verdicts by hash; see cache.h. Stands on the warm path of every page, so it makes no system call. */
#include "scan/cache.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "wire/place.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define WAYS 8
#define PAGE 4096

struct verdict_cache_slot {
	uint8_t sha256[VERDICT_SHA];
	uint64_t generation; /* 0: empty */
	uint32_t age_s;      /* clock_mono_ms() / 1000 when it was put */
	uint8_t kind;
	uint8_t used; /* looked at since the hand last passed */
	uint8_t inside;
	char type[12];
	char malware[69];
};
_Static_assert(sizeof(struct verdict_cache_slot) == 128, "two cache lines");

int verdict_cache_init(struct verdict_cache *c, size_t entries, int64_t max_age_ms, const _Atomic uint64_t *generation)
{
	size_t sets = 1;
	while (sets * WAYS < entries)
		sets *= 2;
	*c = (struct verdict_cache){ .sets = sets, .max_age_ms = max_age_ms, .generation = generation };
	c->seed = rnd_u64() | 1;
	c->slots = mem_array(sets * WAYS, sizeof *c->slots);
	return c->slots ? 0 : -E_NOMEM;
}

void verdict_cache_done(struct verdict_cache *c)
{
	mem_free(c->slots);
	*c = (struct verdict_cache){ 0 };
}

static struct verdict_cache_slot *set_of(const struct verdict_cache *c, const uint8_t sha256[VERDICT_SHA])
{
	uint64_t h;
	memcpy(&h, sha256 + 8, sizeof h);
	return c->slots + (((h * c->seed) >> 20) & (c->sets - 1)) * WAYS;
}

static uint64_t now_generation(const struct verdict_cache *c)
{
	return c->generation ? atomic_load_explicit(c->generation, memory_order_acquire) : 0;
}

static bool fresh(const struct verdict_cache *c, const struct verdict_cache_slot *s, uint64_t generation, int64_t now_ms)
{
	if (s->generation != generation || generation == 0)
		return false;
	return c->max_age_ms == 0 || s->kind == VERDICT_MALICIOUS || now_ms - (int64_t)s->age_s * 1000 <= c->max_age_ms;
}

bool verdict_cache_get(struct verdict_cache *c, const uint8_t sha256[VERDICT_SHA], int64_t now_ms, struct verdict *ret)
{
	uint64_t generation = now_generation(c);
	struct verdict_cache_slot *s = c->slots ? set_of(c, sha256) : NULL;
	for (size_t i = 0; s && i < WAYS; i++) {
		if (memcmp(s[i].sha256, sha256, VERDICT_SHA) != 0 || !fresh(c, &s[i], generation, now_ms))
			continue;
		s[i].used = 1;
		*ret = (struct verdict){ .kind = s[i].kind, .cached = true, .generation = generation, .inside = s[i].inside };
		memcpy(ret->malware, s[i].malware, sizeof s[i].malware);
		memcpy(ret->type, s[i].type, sizeof s[i].type);
		memcpy(ret->sha256, sha256, VERDICT_SHA);
		return true;
	}
	return false;
}

/* Its own place, else an empty or outdated one, else the first not used since the last pass. */
static struct verdict_cache_slot *place_for(struct verdict_cache *c, const struct verdict *v, int64_t now_ms)
{
	struct verdict_cache_slot *s = set_of(c, v->sha256), *free = NULL;
	for (size_t i = 0; i < WAYS; i++) {
		if (memcmp(s[i].sha256, v->sha256, VERDICT_SHA) == 0)
			return &s[i];
		if (!free && !fresh(c, &s[i], v->generation, now_ms))
			free = &s[i];
	}
	if (free)
		return free;
	for (size_t i = 0; i < WAYS; i++) {
		if (!s[i].used)
			return &s[i];
		s[i].used = 0;
	}
	return &s[now_ms & (WAYS - 1)];
}

void verdict_cache_put(struct verdict_cache *c, const struct verdict *v, int64_t now_ms)
{
	if (!c->slots || (v->kind != VERDICT_CLEAN && v->kind != VERDICT_MALICIOUS) || v->generation == 0 ||
	    v->generation != now_generation(c))
		return;
	struct verdict_cache_slot *s = place_for(c, v, now_ms);
	*s = (struct verdict_cache_slot){ .generation = v->generation, .age_s = (uint32_t)(now_ms / 1000), .kind = v->kind, .inside = v->inside };
	memcpy(s->sha256, v->sha256, VERDICT_SHA);
	memcpy(s->type, v->type, sizeof s->type - 1);
	memcpy(s->malware, v->malware, sizeof s->malware - 1);
}

/* ---- the shared number ---- */

static const char *page_path(char dst[PLACE_MAX])
{
	return place_in_run(dst, PLACE_MAX, "scand/generation");
}

int scan_generation_open(const _Atomic uint64_t **ret, struct err *err)
{
	char path[PLACE_MAX];
	struct stat st;
	*ret = NULL;
	_cleanup_fd_ int fd = open(page_path(path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size < PAGE)
		return 0;
	void *p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return err_errno(err, path, "cannot map");
	*ret = p;
	return 0;
}

/* Never made shorter: that would kill its readers. */
int scan_generation_create(_Atomic uint64_t **ret, struct err *err)
{
	char path[PLACE_MAX];
	place_in_run(path, sizeof path, "scand");
	if (!fs_exists(path) && fs_mkdirs(path, 0755, err) < 0)
		return -E_IO;
	_cleanup_fd_ int fd = open(page_path(path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || ftruncate(fd, PAGE) < 0)
		return err_errno(err, path, "cannot create");
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return err_errno(err, path, "cannot map");
	*ret = p;
	return 0;
}

void scan_generation_close(const _Atomic uint64_t **p)
{
	if (*p)
		munmap((void *)(uintptr_t)*p, PAGE);
	*p = NULL;
}
