/* 受領確認 without an account: each notice that asks for it holds a link of its own, which names the contact it went to. Opening it shows what
 * it is about; a button there confirms, once. Whoever reads that mail can confirm: as with an answer to it.
 * All inside a transaction. Requirement: M-087. */
#ifndef RESPOND_ACK_H
#define RESPOND_ACK_H

#include "incident/incident.h"
#include "respond/respond.h"

#define ACK_TOKEN 65                      /* hex of 32 random bytes, with its NUL */
#define ACK_DAYS_MS (30 * 86400 * 1000LL) /* a link older than that says nothing any more */

/* Adds the link's address to b; nothing where the description names no page_url. */
int ack_link(struct respond *r, const struct incident *i, const char *contact, int64_t now, struct buf *b, struct err *err);

struct ack_found {
	int64_t incident;
	char contact[104];
	bool used;
};
/* -E_NOT_FOUND: no such link, or too old. */
int ack_find(struct respond *r, const char *token, int64_t now, struct ack_found *ret, struct err *err);
int ack_spend(struct respond *r, const char *token, int64_t now, struct err *err);

#endif
