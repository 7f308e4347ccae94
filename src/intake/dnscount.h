/* What our authoritative servers were asked, summed up: one event a server, zone and rcode for each window in which there was
 * something to count. Anybody on the Internet can ask them as fast as the line carries, so not every question can be
 * a record: of each server's answers the first DNSCOUNT_TOLD a second are told one by one, the rest only here. */
#ifndef INTAKE_DNSCOUNT_H
#define INTAKE_DNSCOUNT_H

#include "normalise/dnstap.h"

#define DNSCOUNT_WINDOW_MS 10000
#define DNSCOUNT_TOLD 500
#define DNSCOUNT_MAX 20000 /* sums in a window; what comes beyond is summed without its zone */

struct dnscount;
typedef void (*dnscount_fn)(const char *org, struct str json, void *user);

struct dnscount *dnscount_create(dnscount_fn tell, void *user); /* NULL: no memory */
void dnscount_destroy(struct dnscount **c); /* tells the window under way */
/* Counts an answer; true when it shall be told by itself too. server has static life ("ns1"). */
bool dnscount_take(struct dnscount *c, const char *server, const struct dnstap *d, const struct orgs *orgs, int64_t now_ms);
void dnscount_tick(struct dnscount *c, int64_t now_ms);

#endif
