/* What a certificate authority answers (RFC 8555 section 7.1), read with limits: it is a stranger's program to us. */
#ifndef ACME_ANSWER_H
#define ACME_ANSWER_H

#include "base/buf.h"

struct err;

#define ACME_URL 512
#define ACME_TOKEN 256
#define ACME_NAMES 8      /* names of one certificate: VAULT_NAMES */
#define ACME_BODY (128 * 1024)

enum acme_state { ACME_PENDING = 1, ACME_READY, ACME_PROCESSING, ACME_VALID, ACME_INVALID };

struct acme_directory {
	char new_nonce[ACME_URL], new_account[ACME_URL], new_order[ACME_URL];
};
struct acme_order_answer {
	enum acme_state state;
	char finalize[ACME_URL], certificate[ACME_URL]; /* certificate: "" until it is valid */
	char authorizations[ACME_NAMES][ACME_URL];
	size_t n;
	char why[200]; /* of an invalid one */
};
struct acme_authorization {
	enum acme_state state;
	char challenge[ACME_URL], token[ACME_TOKEN]; /* of http-01; "": it isn't offered */
	char why[200];
};

/* All URLs must be https. -E_INVALID with words where it isn't of the form. */
int acme_read_directory(struct str json, struct acme_directory *ret, struct err *err);
int acme_read_order(struct str json, struct acme_order_answer *ret, struct err *err);
int acme_read_authorization(struct str json, struct acme_authorization *ret, struct err *err);
/* A problem document (RFC 7807): its type without the name space ("badNonce") and one line of words. */
void acme_read_problem(struct str json, char type[64], char words[200]);

#endif
