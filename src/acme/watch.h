/* What is known of each site's certificate, when something is due, and when somebody must be told. No clock of its own. */
#ifndef ACME_WATCH_H
#define ACME_WATCH_H

#include "acme/cert.h"
#include "acme/conf.h"

struct watched {
	const struct acme_site *site;
	struct cert cert;
	bool have;           /* a certificate could be read */
	bool served;         /* … and it is the one visitors get, when last looked */
	bool looked;
	bool asked;          /* somebody wants it renewed now */
	unsigned failures;   /* orders that failed, in a row */
	int64_t try_ms;      /* not before (monotonic) */
	char why[256];       /* of the last failure; "" */
	unsigned told;       /* alarms given: bit by stage */
};

/* Is a certificate to be asked for now? */
bool watch_due(const struct watched *w, int64_t now_s, int64_t mono_ms);
/* After a failure: a minute, doubled up to six hours. */
void watch_failed(struct watched *w, const char *why, int64_t mono_ms);
void watch_renewed(struct watched *w, const struct cert *c);
/* The stage that has come and wasn't told yet: words for an alarm in English and Japanese into dst. A certificate of ours: an
 * order failed, one sixth of its life is left, it has ended. A given one: 30, 14, 7 and 1 days are left, it has ended. */
bool watch_alarm(struct watched *w, int64_t now_s, char *dst, size_t size);
/* One JSON object of the list (doc/interfaces/control.md, site.list). */
void watch_put(const struct watched *w, int64_t now_s, struct buf *b);

#endif
