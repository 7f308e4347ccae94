/* An HTTP/2 connection (http/h2.h) on a channel of the worker, for down2.c and up2.c: reads, and writes once a turn of the
 * loop all that its streams had to say, so that a hundred of them cost one send and no callback runs inside another. */
#ifndef PROXY_LINK2_H
#define PROXY_LINK2_H

#include "http/chan.h"
#include "http/h2.h"

struct worker;

struct link2 {
	struct h2 h;
	struct chan *ch;
	struct worker *w;
	struct link2 *next;  /* of those with something to say */
	bool waiting, dead;  /* in that list; given up */
	/* Some of it went out: whose queue has run empty may put more. */
	void (*flushed)(struct link2 *l);
	/* It is over. why: what the peer broke, English; NULL: it was only closed. The channel is to be closed. */
	void (*failed)(struct link2 *l, const char *why);
};

int link2_init(struct link2 *l, struct worker *w, struct chan *ch, const struct h2_opts *o);
void link2_leave(struct link2 *l);  /* nothing is called any more */
void link2_done(struct link2 *l);   /* once the channel is closed */
void link2_event(struct link2 *l, int what);
void link2_touch(struct link2 *l);  /* it has something to say */
void link2_flush(struct worker *w); /* all that have */

#endif
