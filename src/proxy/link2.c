/* HTTP/2 on channels; see link2.h. */
#include "proxy/link2.h"

#include "base/err.h"
#include "proxy/worker.h"

int link2_init(struct link2 *l, struct worker *w, struct chan *ch, const struct h2_opts *o)
{
	l->w = w;
	l->ch = ch;
	int r = h2_init(&l->h, o);
	if (r == 0)
		link2_touch(l);
	return r;
}

void link2_leave(struct link2 *l)
{
	l->dead = true;
	for (struct link2 **p = &l->w->links; l->waiting && *p; p = &(*p)->next)
		if (*p == l) {
			*p = l->next;
			break;
		}
	l->waiting = false;
}

void link2_done(struct link2 *l)
{
	h2_done(&l->h);
}

void link2_touch(struct link2 *l)
{
	if (l->waiting || l->dead)
		return;
	l->next = l->w->links;
	l->w->links = l;
	l->waiting = true;
}

static void give_up(struct link2 *l, const char *why)
{
	if (!l->dead)
		l->failed(l, why);
}

/* What fits into one send; false when there was nothing, or the end. */
static bool write_some(struct link2 *l)
{
	char *out = l->w->h2_out;
	long n = chan_drained(l->ch) ? h2_fill(&l->h, out) : 0;
	if (n < 0 || (n > 0 && chan_write(l->ch, out, (size_t)n) != n)) {
		give_up(l, n < 0 ? l->h.why : NULL);
		return false;
	}
	if (n > 0)
		l->flushed(l);
	return n > 0 && !l->dead;
}

static void flush(struct link2 *l)
{
	while (write_some(l))
		;
	if (!l->dead && chan_drained(l->ch) && h2_over(&l->h))
		give_up(l, l->h.why[0] ? l->h.why : NULL);
}

void link2_flush(struct worker *w)
{
	while (w->links) {
		struct link2 *l = w->links;
		w->links = l->next;
		l->waiting = false;
		flush(l);
	}
}

static void read_all(struct link2 *l)
{
	while (!l->dead) {
		long n = chan_read(l->ch, l->w->h2_in, H2_OUT);
		if (n == -E_AGAIN)
			return;
		if (n <= 0) {
			give_up(l, NULL);
			return;
		}
		link2_touch(l);
		if (h2_receive(&l->h, l->w->h2_in, (size_t)n, l->w->now) < 0 && !l->dead) {
			while (write_some(l)) /* the GOAWAY, as far as it goes */
				;
			give_up(l, l->h.why);
		}
	}
}

void link2_event(struct link2 *l, int what)
{
	if (what & CHAN_WRITABLE)
		link2_touch(l);
	if (what & CHAN_READABLE)
		read_all(l);
}
