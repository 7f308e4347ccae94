/* How a process hands its events to toride-intaked, and how it learns that they are safe.
 *
 * Stream socket SOCK_EVENTS, length-prefixed messages (sock.h):
 *   hello  u8 1, u64 boot (random), text source ("proxyd/0")
 *   event  u8 2, u64 sequence (from 1, without gaps), text org ("" = service), blob JSON object (OCSF names)
 *   ack    u8 3, u64 sequence: this one and all before it are synced to disk   (the answer)
 * A sender keeps what isn't acknowledged and sends it again after a reconnect, and where it keeps it in a file also after its own
 * death; intaked drops what it has (source, boot, sequence). When the ring is full the oldest unsent are dropped and counted: the sender's
 * own work (a page, a block) never waits for the watch unless it asks to.
 *
 * Not for threads: one sender a thread, each with its own source name. */
#ifndef WIRE_EVENTS_H
#define WIRE_EVENTS_H

#include "base/buf.h"

#define EVENTS_HELLO 1
#define EVENTS_EVENT 2
#define EVENTS_ACK 3
#define EVENTS_MAX (256 * 1024) /* bytes of one message */

struct events;
struct err;

/* Never fails for want of a peer: it connects when there is one. ring_bytes bounds the memory. */
int events_open(const char *source, size_t ring_bytes, struct events **ret, struct err *err);
/* What waits stands in a file, wire/ring.h: who opens it after our death hands over what we couldn't, under our boot and
 * numbers, and then begins with its own. */
int events_open_kept(const char *source, const char *path, size_t ring_bytes, struct events **ret, struct err *err);
void events_close(struct events **e);
/* Before anything is put: its boot, in place of a random one. Who comes again with the same boot, source and numbers is known again, so that
 * what was taken isn't taken twice. */
void events_boot(struct events *e, uint64_t boot);
/* Queues one event. 0, or -E_LIMIT when the ring is full (counted). The JSON is copied. */
int events_put(struct events *e, struct str org, struct str json);
/* Appends the JSON of an event of class 6002, Application Lifecycle: `product` says it of `name`, now. activity: Start, Stop,
 * Crash, Restart or Alarm. _begin: as far as that, for who has more to say than a message; the object is the caller's to end. */
void event_app_begin(struct buf *b, const char *product, const char *name, const char *activity);
void event_app(struct buf *b, const char *product, const char *name, const char *activity, const char *message);
/* Puts one. 0, or as events_put(); the message is short: with the rest within 4 KiB. */
int events_app(struct events *e, struct str org, const char *product, const char *name, const char *activity, const char *message);
/* The descriptor to poll (may change between calls; -1 when not connected) and what for. */
int events_fd(const struct events *e, bool *ret_want_write);
/* Call when the descriptor is ready, and every 100 ms: connects, writes, reads acknowledgements. */
void events_work(struct events *e);
/* Only hands over what was put, for who does so often: acknowledgements wait for events_work(). */
void events_send(struct events *e);
uint64_t events_unacked(const struct events *e);
/* Numbers of the last event put and of the last one that is safe (0: none yet), and the bytes that wait for the latter. */
uint64_t events_last(const struct events *e);
uint64_t events_acked(const struct events *e);
size_t events_waiting(const struct events *e);
uint64_t events_dropped(const struct events *e);
/* Blocks until all is acknowledged or time is out. */
int events_flush(struct events *e, int timeout_ms);

#endif
