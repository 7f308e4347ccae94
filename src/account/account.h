/* Accounts of the desk's people, their sign-in and their sessions, in PostgreSQL (schema.h). toride-authd is the one user.
 *
 * A name is an identity as controld writes it down (wire/identity.h); names that read alike are one. A new account has a one-time
 * password, good for a week; with it one gets a session of stage `enrol`, which can do one thing: set a password of one's own (S-31) and
 * an authenticator app. From then on both are asked for. After ACCOUNT_TRIES wrong tries in a row the account is locked for a quarter of an
 * hour, or until somebody unlocks it (S-32): a lock without end would let anybody shut the watch out.
 * Not for threads: one struct accounts a thread, each with its own store. */
#ifndef ACCOUNT_ACCOUNT_H
#define ACCOUNT_ACCOUNT_H

#include "account/password.h"
#include "account/role.h"
#include "account/stage.h"
#include "account/totp.h"
#include "account/way.h"
#include "store/store.h"
#include "wire/identity.h"

#define ACCOUNT_NAME 60 /* bytes; what respondd writes down (respond/desk.h) */
#define ACCOUNT_TRIES 5
#define ACCOUNT_LOCK_MS (15 * 60 * 1000)
#define ACCOUNT_ONE_TIME_MS (7 * 24 * 3600 * 1000LL)
#define ACCOUNT_REMEMBERED 5                    /* own passwords that can't be taken again */
#define ACCOUNTS_MAX 10000
#define SESSION_IDLE_MS (30 * 60 * 1000)
#define SESSION_MAX_MS (10 * 3600 * 1000)       /* a shift */
#define SESSION_ENROL_MS (15 * 60 * 1000)
#define SESSION_KEY_MS (5 * 60 * 1000)
#define PASSKEYS_EACH 10
#define SESSIONS_EACH 5                         /* the one longest unseen gives way */
#define SESSION_TOKEN 65                        /* hex of 32 random bytes, with its NUL */

/* Who wraps the apps' secrets, so that the database alone is of no use: the vault (account/secret.c); tests hold it. context: whose it is. */
struct keeper {
	int (*wrap)(void *user, const char *context, struct str secret, struct buf *ret, struct err *err);
	int (*unwrap)(void *user, const char *context, struct str wrapped, struct buf *ret, struct err *err);
	void *user;
};

struct accounts {
	struct store *store;
	struct keeper keeper;
	int iterations;   /* of new hashes: PASSWORD_ITERATIONS but in tests */
	char nobody[PASSWORD_HASH_MAX]; /* compared with when there is no such name, so that it takes as long; made at first need */
};

int accounts_migrate(struct accounts *a, struct err *err);
/* Wraps the secrets that lie there as they were kept before; *ret: how many. Again: nothing is left to do. */
int accounts_wrap(struct accounts *a, size_t *ret, struct err *err);

/* ---- looking after them: `toride user …` ---- */

struct account_new {
	const char *name, *role, *org, *by; /* org: "" unless the role is of one body */
	const char *prefecture;             /* an approver's: "41", or "all"; else "" */
};
/* -E_EXISTS: the name, or one that reads alike. */
int account_add(struct accounts *a, const struct account_new *n, char ret_password[PASSWORD_ONE_TIME], struct err *err);
struct session;
/* Whom somebody who is named (by whatever spelling) may see: their role and body or prefecture into *ret, with ret->ends_ms 0.
 * -E_NOT_FOUND: nobody has that name. */
int account_person(struct accounts *a, const char *name, struct session *ret, struct err *err);
/* "users":[{name, role, org, prefecture, state, created, by, signed_in}] as a JSON field; state: enabled, disabled, locked, invited, expired. */
int account_list(struct accounts *a, struct buf *b, struct err *err);
/* All three end the account's sessions but `unlock`. reset: a new one-time password, and the app is forgotten. */
int account_reset(struct accounts *a, const char *name, char ret_password[PASSWORD_ONE_TIME], struct err *err);
int account_enable(struct accounts *a, const char *name, bool enabled, struct err *err);
int account_unlock(struct accounts *a, const char *name, struct err *err);

/* ---- signing in ---- */

struct session {
	char name[IDENTITY_MAX], org[8], prefecture[4]; /* one of the two, or neither: all bodies */
	enum role role;
	enum session_stage stage; /* _ENROL: may do nothing but account_enrol(); _KEY: nothing but account_key_sign_in() */
	int64_t ends_ms;
};

enum sign_in {
	SIGN_IN_DONE,
	SIGN_IN_NO_SUCH,   /* no such name, or disabled */
	SIGN_IN_PASSWORD,
	SIGN_IN_CODE,      /* the password was right */
	SIGN_IN_EXPIRED,   /* a one-time password after its week */
	SIGN_IN_LOCKED,    /* not looked at */
	SIGN_IN_LOCKS,     /* wrong, and the account is locked now */
	SIGN_IN_KEY,       /* the password was right; a session of stage `key` was begun, which a passkey is asked of */
	SIGN_IN_PLACE,     /* not by this way; not looked at any further: another body's network can lock nobody out */
};
const char *sign_in_name(enum sign_in s); /* "done", "no_such_account", … */

struct credentials {
	const char *name, *password, *code; /* code: "" when none was given */
	const char *old;                    /* the session the browser has already, which ends; "" for none */
	struct way way;
	bool keys;                          /* a passkey will do in place of a code that is left empty: the page can ask for one */
};
/* 0 whatever came of it (*ret_how); ret_token and ret are written when SIGN_IN_DONE, ret->name and org also when the account is known. */
int account_sign_in(struct accounts *a, const struct credentials *c, enum sign_in *ret_how, char ret_token[SESSION_TOKEN], struct session *ret,
                    struct err *err);
/* The secret for the app, the same until the session ends; of a session of stage enrol. */
int account_enrol_secret(struct accounts *a, const char *token, char ret_secret[TOTP_TEXT], struct err *err);
enum enrol {
	ENROL_DONE,
	ENROL_PASSWORD, /* refused: *ret_fault */
	ENROL_CODE,     /* not the app's */
};
/* A new session takes the place of the one of stage enrol. */
int account_enrol(struct accounts *a, const char *token, const char *password, const char *code, enum enrol *ret_how, enum password_fault *ret_fault,
                  char ret_token[SESSION_TOKEN], struct session *ret, struct err *err);
/* A new password by its owner, who gives the old one and a code: ENROL_CODE when one of them is wrong, which counts as a wrong try. All
 * sessions end but a new one. */
int account_change_password(struct accounts *a, const char *token, const struct credentials *c, const char *password, enum enrol *ret_how,
                            enum password_fault *ret_fault, char ret_token[SESSION_TOKEN], struct session *ret, struct err *err);
/* -E_DENIED when there is none, or it is over. touch: somebody did something; false for a page that refreshes itself. */
int account_session(struct accounts *a, const char *token, bool touch, struct session *ret, struct err *err);
/* ---- passkeys (account/passkey.h) ---- */

/* What a browser's script sent; the bytes are borrowed. id: hex of the credential's. name, below: the RP ID. */
struct key_reply {
	const char *id;
	struct str client_data, auth_data, signature, spki;
};
/* "keys":[{id, label, added, used}], and "challenge" (base64url), good once; of a session of stage `key`. */
int account_key_ask(struct accounts *a, const char *token, struct buf *b, struct err *err);
/* SIGN_IN_DONE: a new session takes that one's place. Else SIGN_IN_CODE or _LOCKS: it counts as a wrong try. */
int account_key_sign_in(struct accounts *a, const char *token, const char *name, const struct key_reply *k, enum sign_in *ret_how, char ret_token[SESSION_TOKEN],
                        struct session *ret, struct err *err);
int account_key_list(struct accounts *a, const char *token, struct buf *b, struct err *err);
/* To register one: password and code once more (c->password, c->code; *ret_proven false: a wrong try), then what account_key_ask() gives, and
 * "account". -E_LIMIT: PASSKEYS_EACH. */
int account_key_begin(struct accounts *a, const char *token, const struct credentials *c, bool *ret_proven, struct buf *b, struct err *err);
int account_key_add(struct accounts *a, const char *token, const char *name, const struct key_reply *k, const char *label, struct session *ret, struct err *err);
/* Password and code as to register one: whoever finds a desk open takes none of its locks away. */
int account_key_remove(struct accounts *a, const char *token, const struct credentials *c, const char *id, bool *ret_proven, struct session *ret, struct err *err);

/* The person says that others may know the password (S-33): the account is disabled and all its sessions end. */
int account_leaked(struct accounts *a, const char *token, struct session *ret, struct err *err);
/* Whose it was; -E_DENIED when there is none. */
int account_sign_out(struct accounts *a, const char *token, struct session *ret, struct err *err);

#endif
