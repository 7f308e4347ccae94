/* The certificates of DNS over TLS and HTTPS, of syslog over TLS and of the desk: made anew whenever their server starts, by the vault, for the
 * service's own names and addresses only. A key never lies on a disk but the run directory. A server that doesn't end by itself is started
 * anew for a new one in time (supervise.c). */
#ifndef DAEMON_TLS_H
#define DAEMON_TLS_H

#include <stdbool.h>
#include <stdint.h>

struct err;

#define TLS_DAYS 390 /* that one is good from now on, … */
#define TLS_BEFORE_DAYS 7 /* … and for so long before: somebody's clock may be wrong */

/* Writes RUN/NAME/tls.key, tls.pem and tls.conf (Unbound's, read by a wildcard) when STATE/current/NAME/tls.names holds addresses;
 * else takes them away. In the child, as its user, before exec. */
int tls_prepare(const char *name, struct err *err);

/* Is it time for another than that of made_ms? From 330 days on at night in Japan, from 360 on at any hour, and when the clock stood
 * so far ahead then that it isn't good yet. */
bool tls_is_due(int64_t made_ms, int64_t now_ms);

#endif
