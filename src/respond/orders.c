/* See orders.h. A ring: got <= answered <= put; a slot belongs to the thread between put and answered. */
#include "respond/orders.h"

#include "base/mem.h"

#include <pthread.h>

struct orders {
	order_fn *call;
	struct order_task ring[ORDERS_MAX];
	uint64_t put, answered, got;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	bool started, stop;
};

int orders_create(order_fn *call, struct orders **ret, struct err *err)
{
	struct orders *o = mem_alloc(sizeof *o);
	if (!o)
		return err_set(err, E_NOMEM, "", "no memory");
	*o = (struct orders){ .call = call };
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->more, NULL);
	*ret = o;
	return 0;
}

static void *work(void *user)
{
	struct orders *o = user;
	pthread_mutex_lock(&o->lock);
	while (!o->stop) {
		if (o->answered == o->put) {
			pthread_cond_wait(&o->more, &o->lock);
			continue;
		}
		struct order_task *t = &o->ring[o->answered % ORDERS_MAX];
		struct order_reply reply;
		pthread_mutex_unlock(&o->lock);
		t->done = o->call(&t->order, ORDER_WAIT_MS, &reply, &t->why);
		pthread_mutex_lock(&o->lock);
		o->answered++;
	}
	pthread_mutex_unlock(&o->lock);
	return NULL;
}

void orders_destroy(struct orders **o)
{
	if (!*o)
		return;
	pthread_mutex_lock(&(*o)->lock);
	(*o)->stop = true;
	pthread_cond_signal(&(*o)->more);
	pthread_mutex_unlock(&(*o)->lock);
	if ((*o)->started)
		pthread_join((*o)->thread, NULL);
	pthread_cond_destroy(&(*o)->more);
	pthread_mutex_destroy(&(*o)->lock);
	mem_free(*o);
	*o = NULL;
}

bool orders_idle(struct orders *o)
{
	return o->got == o->put; /* both are the caller's */
}

int orders_put(struct orders *o, const struct order_task *t)
{
	if (o->put - o->got == ORDERS_MAX)
		return -E_LIMIT;
	if (!o->started && pthread_create(&o->thread, NULL, work, o) != 0)
		return -E_NOMEM;
	o->started = true;
	pthread_mutex_lock(&o->lock);
	o->ring[o->put++ % ORDERS_MAX] = *t;
	pthread_cond_signal(&o->more);
	pthread_mutex_unlock(&o->lock);
	return 0;
}

bool orders_pop(struct orders *o, struct order_task *ret)
{
	pthread_mutex_lock(&o->lock);
	bool there = o->got < o->answered;
	if (there)
		*ret = o->ring[o->got++ % ORDERS_MAX];
	pthread_mutex_unlock(&o->lock);
	return there;
}
