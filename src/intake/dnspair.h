/* Questions of clients and what they were answered, brought together: one event each, with how long it took; a question
 * nobody answered within DNSPAIR_WAIT_MS becomes one too. Keyed by client, server, id and question; at most
 * DNSPAIR_MAX wait, then the oldest is told at once. An answer whose question isn't known is told by itself. */
#ifndef INTAKE_DNSPAIR_H
#define INTAKE_DNSPAIR_H

#include "normalise/dnstap.h"

#define DNSPAIR_WAIT_MS 10000
#define DNSPAIR_MAX 16384

struct dnspair;
typedef void (*dnspair_fn)(const struct dnstap *d, void *user); /* d is borrowed */

struct dnspair *dnspair_create(dnspair_fn tell, void *user); /* NULL: no memory */
void dnspair_destroy(struct dnspair **p); /* tells what waits */
void dnspair_take(struct dnspair *p, const struct dnstap *d, int64_t now_ms);
void dnspair_tick(struct dnspair *p, int64_t now_ms);

#endif
