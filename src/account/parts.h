/* What account.c and sign_in.c share. All inside a transaction. */
#ifndef ACCOUNT_PARTS_H
#define ACCOUNT_PARTS_H

#include "account/account.h"

#define SECRET_KEPT 256 /* a wrapped secret as text, with its NUL */
/* "v1:" and hex of what the keeper gave. context: the account's name, or the hash of a session's token. */
int secret_wrap(struct accounts *a, const char *context, const char *plain, char ret[SECRET_KEPT], struct err *err);
/* -E_CORRUPT: not wrapped, altered, or another's. */
int secret_unwrap(struct accounts *a, const char *context, const char *kept, char ret_plain[TOTP_TEXT], struct err *err);
void account_token_hash(const char *token, char ret[65]);
/* Always under a fresh name: one that the browser brought along (old; "" for none) is ended, never taken over. Fills who->ends_ms. */
int account_session_begin(struct accounts *a, struct session *who, const char *old, char ret_token[SESSION_TOKEN], struct err *err);
/* All sessions of this person. */
int account_sessions_end(struct accounts *a, const char *name, struct err *err);
/* A session of stage enrol and its secret as it is kept ("" when none was made yet); -E_DENIED for any other. */
int account_session_enrolling(struct accounts *a, const char *token, struct session *ret, char ret_kept[SECRET_KEPT], struct err *err);

#endif
