/* A body's devices while they send: what each said and when, whether it has fallen silent, how far its clock is off.
 *
 * Nothing of the network in here. Silence is measured by the monotonic clock from the last line (from the start of this process at
 * first). A clock's error is the least late line of a minute: lines wait on their way, none comes before it was written. */
#ifndef RECV_SOURCE_H
#define RECV_SOURCE_H

#include "device/queue.h"
#include "recv/conf.h"
#include "wire/events.h"
#include "wire/stats.h"

#define SKEW_WINDOW_MS 60000
#define SKEW_ALARM_MS (5 * 60 * 1000) /* told beyond this, and again when it is within half of it */
#define STRAY_PER_SECOND 50           /* lines of unregistered senders kept, of each body; the rest is counted */

struct source {
	struct conf_source c;
	bool silent, skew_off;
	struct mail_queue *queue; /* of a mail server */
	int64_t heard_ms;        /* monotonic */
	int64_t window_ms;       /* when the window under way began; 0: none */
	int64_t window_skew_ms;  /* the largest device time − arrival in it */
	_Atomic uint64_t *lines, *unparsed, *bytes, *heard, *is_silent, *skew, *skew_known, *on;
};

/* One body's. */
struct origin {
	char code[8];
	struct source *sources; /* sorted by address */
	size_t n;
	struct conf_org conf;   /* .sources is not ours: NULL */
	int64_t stray_second;
	unsigned strays;
	_Atomic uint64_t *unregistered, *forged, *unknown_host, *hostile, *dropped, *refused;
	struct stats *stats;
};

void origin_init(struct origin *o, const struct conf_org *c, struct stats *stats);
/* Takes another list of sources; those with the same name and address go on as they were. -E_NOMEM: nothing changed. */
int origin_sources(struct origin *o, const struct conf_org *c, int64_t mono_ms);
void origin_done(struct origin *o);
/* Who sends from there itself: of several the relay. */
struct source *origin_find(const struct origin *o, const struct conf_addr *a);

struct arrival {
	struct str line;
	bool cut, broken;              /* longer than allowed; its framing was broken */
	const struct conf_addr *peer;
	const char *peer_ip;
	const unsigned char *certificate; /* SHA-256, by TLS; else NULL */
	int64_t now_ms, mono_ms; /* when it was read: asked for once for all that was read together */
};
/* One line: to events as the body's, or raw as the service's. -E_LIMIT: there is no room for it now (nothing was counted). */
int origin_take(struct origin *o, struct source *s, const struct arrival *a, struct events *events);
/* About once a second: alarms for who fell silent or whose clock is off, and that they are right again. */
void origin_tick(struct origin *o, int64_t mono_ms, struct events *events);

#endif
