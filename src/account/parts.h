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
/* Begins a session of stage `key` when this person has passkeys (*ret). A transaction of its own. */
int keys_begin(struct accounts *a, struct session *who, const char *old, bool *ret, char ret_token[SESSION_TOKEN], struct err *err);
/* A wrong try, in a transaction of its own; *how becomes SIGN_IN_LOCKS when it locks. And a right one, inside a transaction; step: the code's, or 0. */
int account_note_wrong(struct accounts *a, const struct session *who, enum sign_in *how, struct err *err);
int account_note_right(struct accounts *a, const char *name, int64_t step, struct err *err);
/* Password and code of the person whose full session it is; *ret_proven false: it was counted as a wrong try. */
int account_prove(struct accounts *a, const char *token, const struct credentials *c, bool *ret_proven, struct session *ret, struct err *err);
/* All sessions of this person. */
int account_sessions_end(struct accounts *a, const char *name, struct err *err);
/* A session of stage enrol and its secret as it is kept ("" when none was made yet); -E_DENIED for any other. */
int account_session_enrolling(struct accounts *a, const char *token, struct session *ret, char ret_kept[SECRET_KEPT], struct err *err);

#endif
