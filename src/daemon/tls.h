/* The certificate of DNS over TLS and HTTPS, and of syslog over TLS: made anew whenever the resolver (the receiver) starts, by the vault, for the service's own addresses only. Its
 * key never lies on a disk but the run directory. */
#ifndef DAEMON_TLS_H
#define DAEMON_TLS_H

struct err;

/* Writes RUN/NAME/tls.key, tls.pem and tls.conf (Unbound's, read by a wildcard) when STATE/current/NAME/tls.names holds addresses;
 * else takes them away. In the child, as its user, before exec. */
int tls_prepare(const char *name, struct err *err);

#endif
