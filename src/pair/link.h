/* The state of the desk on its way between the two nodes of a pair: PostgreSQL's replication (its own protocol, as its clients and server
 * speak it), passed on whole between a UNIX socket here and one at the other node. TLS 1.3 with a key that both vaults derive (RFC 8446
 * section 2.2, external PSK with (EC)DHE): who hasn't the key gets no further than the handshake, and there is no certificate to
 * look after. Nothing of what passes is read here. Row M-104. */
#ifndef PAIR_LINK_H
#define PAIR_LINK_H

#include <openssl/ssl.h>
#include <stdbool.h>

struct err;

#define LINK_KEY 32
#define LINK_HANDSHAKE_MS 3000

/* The key is copied and lives as long as the context. link_context_free() takes NULL. */
int link_context(const unsigned char key[LINK_KEY], bool server, SSL_CTX **ret, struct err *err);
void link_context_free(SSL_CTX **c);
/* The handshake on a connected TCP socket, which becomes non-blocking and stays the caller's. -E_DENIED: it isn't the other node. */
int link_begin(SSL_CTX *c, int tcp, SSL **ret, struct err *err);
void link_end(SSL **s);
/* Passes on until one side ends or fails; what it had said by then reaches the other. local: a connected UNIX socket, set non-blocking. */
void link_pump(SSL *s, int tcp, int local);

#endif
