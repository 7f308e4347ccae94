/* See asker.h. A slot belongs to its thread between put and `answered`. */
#include "respond/asker.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>

struct slot {
	struct asker *of;
	pthread_t thread;
	bool used;
	_Atomic bool answered;
	struct buf request;
	struct asker_answer answer;
};

struct asker {
	asker_fn *ask;
	struct slot slots[ASKERS_MAX];
};

int asker_create(asker_fn *ask, struct asker **ret, struct err *err)
{
	struct asker *a = mem_alloc(sizeof *a);
	if (!a)
		return err_set(err, E_NOMEM, "", "no memory");
	a->ask = ask;
	*ret = a;
	return 0;
}

static void end(struct slot *s)
{
	pthread_join(s->thread, NULL);
	buf_done(&s->request);
	s->used = false;
}

void asker_destroy(struct asker **a)
{
	for (size_t i = 0; *a && i < ASKERS_MAX; i++)
		if ((*a)->slots[i].used) {
			end(&(*a)->slots[i]);
			buf_done(&(*a)->slots[i].answer.reply);
		}
	mem_free(*a);
	*a = NULL;
}

bool asker_has(const struct asker *a, int64_t id)
{
	for (size_t i = 0; i < ASKERS_MAX; i++)
		if (a->slots[i].used && a->slots[i].answer.id == id)
			return true;
	return false;
}

int asker_room(const struct asker *a)
{
	int n = 0;
	for (size_t i = 0; i < ASKERS_MAX; i++)
		n += !a->slots[i].used;
	return n;
}

bool asker_idle(const struct asker *a)
{
	return asker_room(a) == ASKERS_MAX;
}

static void *work(void *user)
{
	struct slot *s = user;
	s->answer.done = s->of->ask(buf_view(&s->request), &s->answer.reply, &s->answer.why);
	atomic_store(&s->answered, true);
	return NULL;
}

int asker_put(struct asker *a, int64_t id, struct str request)
{
	struct slot *s = a->slots;
	while (s < a->slots + ASKERS_MAX && s->used)
		s++;
	if (s == a->slots + ASKERS_MAX)
		return -E_LIMIT;
	*s = (struct slot){ .of = a, .answer = { .id = id } };
	buf_init(&s->request, 64 * KIB);
	buf_init(&s->answer.reply, 16 * MIB);
	buf_str(&s->request, request);
	if (s->request.failed || pthread_create(&s->thread, NULL, work, s) != 0) {
		buf_done(&s->request);
		return -E_NOMEM;
	}
	s->used = true;
	return 0;
}

bool asker_pop(struct asker *a, struct asker_answer *ret)
{
	for (size_t i = 0; i < ASKERS_MAX; i++)
		if (a->slots[i].used && atomic_load(&a->slots[i].answered)) {
			end(&a->slots[i]);
			*ret = a->slots[i].answer;
			return true;
		}
	return false;
}
