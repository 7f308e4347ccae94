/* HTTP/2 between transactions and an origin: a connection that many share, a stream each (struct txn_up of conn.h). */
#ifndef PROXY_UP2_H
#define PROXY_UP2_H

#include "proxy/conn.h"

extern const struct txn_up up2;

int up2_open(struct origin *o);            /* the handshake chose h2: o->h2. 0 or -E_NOMEM */
bool up2_may_begin(const struct origin *o); /* one more stream? */
bool up2_idle(const struct origin *o);     /* nobody waits for anything on it */
void up2_leave(struct origin *o);          /* o is being closed */
void up2_free(struct origin *o);           /* and o->h2 */

#endif
