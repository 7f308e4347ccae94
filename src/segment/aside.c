/* See aside.h. */
#include "segment/aside.h"

#include "base/clock.h"
#include "base/mem.h"
#include "segment/file.h"

#include <stdio.h>

enum { RUNNING, DONE, LEFT };

static void run(void *arg)
{
	struct aside *a = arg;
	int (*const what[])(struct aside *, struct err *) = { [ASIDE_COOL] = aside_cool, [ASIDE_END] = aside_end, [ASIDE_REMOVE] = aside_remove };
	a->res = what[a->kind](a, &a->err);
	if (atomic_exchange(&a->state, DONE) == LEFT)
		mem_free(a);
}

int aside_post(struct writer *w, enum aside_kind kind, struct series *s, uint32_t number, struct err *err)
{
	struct aside *a = mem_alloc(sizeof *a);
	if (!a)
		return err_set(err, E_NOMEM, "", "no memory");
	*a = (struct aside){ .kind = kind, .s = s, .number = number, .rate = w->o.aside ? w->o.cool_rate : 0, .in = -1, .out = -1 };
	snprintf(a->dir, sizeof a->dir, "%s", w->dir);
	memcpy(a->org, s->org, sizeof a->org);
	memcpy(a->series, s->series, sizeof a->series);
	seg_path(a->dir, a->org, a->series, number, a->from, sizeof a->from);
	seg_cold_path(a->dir, a->org, a->series, number, a->to, sizeof a->to);
	snprintf(a->fresh, sizeof a->fresh, "%.1000s.new", a->to);
	atomic_store(&a->moved_ms, clock_mono_ms());
	w->job = a;
	if (!w->o.aside) {
		run(a);
		return 0;
	}
	int r = w->o.aside(run, a, w->o.user, err);
	if (r < 0) {
		w->job = NULL;
		mem_free(a);
	}
	return r;
}

struct aside *aside_take(struct writer *w, enum aside_kind kind, enum aside_kind or)
{
	struct aside *a = w->job;
	if (!a || (a->kind != kind && a->kind != or) || atomic_load(&a->state) != DONE)
		return NULL;
	w->job = NULL;
	return a;
}

void aside_leave(struct writer *w)
{
	struct aside *a = w->job;
	w->job = NULL;
	if (!a)
		return;
	atomic_store(&a->stop, true);
	if (atomic_exchange(&a->state, LEFT) == DONE)
		mem_free(a);
}

int64_t writer_cold_silent_ms(const struct writer *w)
{
	return w->job && atomic_load(&w->job->state) == RUNNING ? clock_mono_ms() - atomic_load(&w->job->moved_ms) : 0;
}
