/* The key of our account at the certificate authority (RFC 8555 section 7.1.2): made at its first use, never given away. */
#ifndef VAULT_ACCOUNT_H
#define VAULT_ACCOUNT_H

#include "vault/store.h"

struct account;

int account_open(struct store *s, struct account **ret, struct err *err);
void account_close(struct account **a);
/* ES256 over input (RFC 7518 section 3.4); an empty input gives the public key (x‖y) alone and leaves ret_sig as it is. */
int account_sign(struct account *a, struct str input, unsigned char ret_pub[64], unsigned char ret_sig[64], struct err *err);

#endif
