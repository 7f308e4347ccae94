/* HTTP/2 between a terminal and its transactions: each stream is one (struct txn_down of conn.h). */
#ifndef PROXY_DOWN2_H
#define PROXY_DOWN2_H

#include "proxy/conn.h"

int down2_open(struct conn *c);  /* the handshake chose h2: c->h2. 0 or -E_NOMEM */
void down2_event(struct conn *c, int what);
void down2_tick(struct conn *c);
void down2_each(struct conn *c, void (*fn)(struct txn *t)); /* fn may end it */
void down2_leave(struct conn *c, const char *disposition);  /* c is being destroyed: its transactions end */
void down2_free(struct conn *c); /* and c->h2 */

#endif
