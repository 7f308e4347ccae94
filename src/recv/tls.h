/* Syslog over TLS (RFC 5425): TLS 1.2 and 1.3, and a certificate of the sender is asked for. Whose it is says its fingerprint (section
 * 4.2.2), which the description names; who signed it doesn't matter, so a device's own self-signed one will do. */
#ifndef RECV_TLS_H
#define RECV_TLS_H

#include "base/err.h"

#include <stddef.h>
#include <sys/types.h>

struct tls;
/* Once, before anything is confined. The files are PEM. */
int tls_server_open(const char *certificate, const char *key, struct err *err);
bool tls_server_ready(void);

int tls_accept(int fd, struct tls **ret); /* fd stays the caller's; 0 or -E_NOMEM */
void tls_free(struct tls **t);
/* 0, -E_AGAIN or -E_INVALID. */
int tls_handshake(struct tls *t);
/* Bytes, 0 when the sender closed in order, -E_AGAIN, or -E_IO (also when it closed without saying so). */
ssize_t tls_read(struct tls *t, char *to, size_t n);
bool tls_wants_write(const struct tls *t);
const unsigned char *tls_certificate(const struct tls *t); /* SHA-256 of the sender's; NULL before the handshake's end */
void tls_close(struct tls *t); /* says that our side is done */

#endif
