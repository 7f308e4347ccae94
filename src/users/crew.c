/* See crew.h. */
#include "users/crew.h"

#include "base/err.h"
#include "base/mem.h"

#define STACK (512 * 1024) /* libldap with GnuTLS takes a tenth of it */

struct crew {
	uv_async_t wake;
	uv_mutex_t lock;
	struct crew_work *ended; /* under lock */
	size_t running;
};

static void on_wake(uv_async_t *a)
{
	struct crew *c = a->data;
	uv_mutex_lock(&c->lock);
	struct crew_work *w = c->ended;
	c->ended = NULL;
	uv_mutex_unlock(&c->lock);
	while (w) {
		struct crew_work *next = w->next;
		uv_thread_join(&w->thread);
		c->running--;
		w->done(w);
		w = next;
	}
}

int crew_open(uv_loop_t *loop, struct crew **ret)
{
	struct crew *c = mem_alloc(sizeof *c);
	if (!c)
		return -E_NOMEM;
	if (uv_mutex_init(&c->lock) != 0 || uv_async_init(loop, &c->wake, on_wake) != 0) {
		mem_free(c);
		return -E_NOMEM;
	}
	c->wake.data = c;
	*ret = c;
	return 0;
}

static void run(void *arg)
{
	struct crew_work *w = arg;
	struct crew *c = w->crew;
	w->work(w);
	uv_mutex_lock(&c->lock);
	w->next = c->ended;
	c->ended = w;
	uv_mutex_unlock(&c->lock);
	uv_async_send(&c->wake);
}

int crew_start(struct crew *c, struct crew_work *w)
{
	const uv_thread_options_t options = { .flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = STACK };
	w->crew = c;
	c->running++;
	if (uv_thread_create_ex(&w->thread, &options, run, w) == 0)
		return 0;
	c->running--;
	return -E_LIMIT;
}

size_t crew_running(const struct crew *c)
{
	return c->running;
}
