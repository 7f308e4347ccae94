/* What account.c and sign_in.c share. All inside a transaction. */
#ifndef ACCOUNT_PARTS_H
#define ACCOUNT_PARTS_H

#include "account/account.h"

void account_token_hash(const char *token, char ret[65]);
/* Always under a fresh name: one that the browser brought along (old; "" for none) is ended, never taken over. Fills who->ends_ms. */
int account_session_begin(struct accounts *a, struct session *who, const char *old, char ret_token[SESSION_TOKEN], struct err *err);
/* All sessions of this person. */
int account_sessions_end(struct accounts *a, const char *name, struct err *err);
/* A session of stage enrol and its secret ("" when none was made yet); -E_DENIED for any other. */
int account_session_enrolling(struct accounts *a, const char *token, struct session *ret, char ret_secret[TOTP_TEXT], struct err *err);

#endif
