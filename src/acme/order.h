/* One certificate from the authority (RFC 8555 section 7, http-01 of section 8.3), from the directory to the chain. What
 * touches the world (requests, keys, the challenge's file, waiting) is the caller's: tests play an authority. */
#ifndef ACME_ORDER_H
#define ACME_ORDER_H

#include "acme/answer.h"
#include "acme/jose.h"

struct acme_reply {
	int status;
	char nonce[256], location[ACME_URL]; /* headers Replay-Nonce and Location; "" when absent */
	unsigned retry_after_s;              /* 0: not said */
	struct buf body;                     /* initialised by the caller, emptied before each call */
};

struct acme_world {
	/* GET when body is {NULL,0}, else POST of application/jose+json. 0 with any status. */
	int (*call)(void *user, const char *url, struct str body, struct acme_reply *ret, struct err *err);
	jose_sign sign;
	/* Shows content at /.well-known/acme-challenge/TOKEN of every name; {NULL,0}: no more. */
	int (*show)(void *user, const char *token, struct str content, struct err *err);
	/* A new key and its certification request (PEM) for the names. */
	int (*request)(void *user, const char *const *names, size_t n, struct buf *ret_pem, struct err *err);
	void (*wait)(void *user, unsigned ms);
	void *user;
};

struct acme_order {
	const char *directory; /* URL */
	const char *contact;   /* mail address */
	const char *const *names;
	size_t n;              /* 1 to ACME_NAMES */
};

/* Appends the chain (PEM) whose first certificate is for all names and for the key that was asked for. */
int acme_order(const struct acme_world *w, const struct acme_order *o, struct buf *ret_pem, struct err *err);

#endif
