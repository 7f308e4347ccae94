/* See signatures.h. */
#include "scan/signatures.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static const int64_t again_ms[] = { 20000, 90000, 240000 };

static void bump(struct signatures *s)
{
	atomic_fetch_add_explicit(s->generation, 1, memory_order_acq_rel);
}

void signatures_flush(struct signatures *s)
{
	bump(s);
}

static bool look(struct signatures *s)
{
	struct stat st;
	if (stat(s->directory, &st) < 0)
		return false;
	bool same = st.st_mtim.tv_sec == s->changed.tv_sec && st.st_mtim.tv_nsec == s->changed.tv_nsec;
	s->changed = st.st_mtim;
	return !same;
}

void signatures_init(struct signatures *s, const char *directory, _Atomic uint64_t *generation)
{
	*s = (struct signatures){ .directory = directory, .generation = generation };
	look(s);
	s->made_ms = (int64_t)s->changed.tv_sec * 1000;
	bump(s);
}

bool signatures_tick(struct signatures *s, int64_t mono_ms)
{
	bool changed = look(s);
	for (size_t i = 0; i < ARRAY_LEN(again_ms); i++) {
		if (changed) {
			s->flush_ms[i] = mono_ms + again_ms[i];
		} else if (s->flush_ms[i] && s->flush_ms[i] <= mono_ms) {
			s->flush_ms[i] = 0;
			bump(s);
		}
	}
	if (changed) {
		s->made_ms = (int64_t)s->changed.tv_sec * 1000;
		bump(s);
	}
	return changed;
}

void signatures_version(struct signatures *s, struct str reply)
{
	struct str rest = reply, part;
	uint64_t version;
	char date[64];
	s->clamd_up = reply.ptr != NULL;
	if (!reply.ptr || !str_next(&rest, '/', &part) || !str_next(&rest, '/', &part) || !str_to_u64(part, UINT32_MAX, &version))
		return;
	if (s->version && version != s->version)
		bump(s);
	s->version = version;
	struct tm tm = { 0 };
	if (rest.ptr && str_copy(rest, date, sizeof date) && strptime(date, "%a %b %d %H:%M:%S %Y", &tm))
		s->made_ms = (int64_t)timegm(&tm) * 1000;
}

uint64_t signatures_age_s(const struct signatures *s, int64_t now_ms)
{
	return s->made_ms == 0 || now_ms < s->made_ms ? 0 : (uint64_t)(now_ms - s->made_ms) / 1000;
}
