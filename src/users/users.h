/* Who uses the proxy: a name and a password, asked of the organisation's own directory (LDAP: RFC 4511; Active Directory).
 *
 *   proxyd ─users.sock─► toride-userd ─TLS─► the organisation's directory
 *
 * proxyd holds no directory's credential and reads no LDAP; userd sees no traffic. Which answers are kept, and how guessing is held
 * back, is tries.h; what is asked of a directory, directory.h.
 *
 * Messages on users.sock: u32 length (big endian), then
 *   request  u8 1, u64 id, text organisation, u8 family (4, 6), 16 bytes terminal, text name, text password, blob ticket
 *            a name and a password, or a ticket and neither: base64 as the header has it (users/ticket.h reads it)
 *   answer   u8 2, u64 id, u8 enum users_result, text user, text groups
 * Texts are u16 length and bytes, without NUL and newline (wire/cursor.h). Requirements: F-08, issue 5. */
#ifndef USERS_USERS_H
#define USERS_USERS_H

#include "base/buf.h"
#include "model/model.h"

#define USERS_NAME 128     /* bytes of a user's name, as the directory writes it, with its NUL */
#define USERS_PASSWORD 256
#define USERS_GROUPS (USER_GROUPS_MAX * USER_GROUP_NAME)
#define USERS_MESSAGE_MAX 2048
#define USERS_TICKET_MAX (63 * 1024) /* characters: no longer than a head may be */
#define USERS_REQUEST_MAX (USERS_MESSAGE_MAX + USERS_TICKET_MAX)

struct err;

struct user { /* "" : nobody said who he is */
	char name[USERS_NAME];
	char groups[USERS_GROUPS]; /* names of the description, commas between */
};

enum users_result {
	USERS_OK,
	USERS_WRONG,       /* name or password */
	USERS_LOCKED,      /* too many wrong ones: not asked for a while */
	USERS_UNREACHABLE, /* no directory answers, or not as it should */
	USERS_TICKET,      /* a ticket that isn't taken, or of nobody the directory knows */
	USERS_CLOCK,       /* … since the terminal's clock is off */
	USERS_REPLAYED,    /* … since it was shown before: a new one may be right */
	USERS_RESULTS,
};

struct users_request {
	uint64_t id;
	char org[8];
	struct prefix terminal;
	char name[USERS_NAME], password[USERS_PASSWORD]; /* whoever holds it wipes it: users_request_wipe() */
	char *ticket; /* in place of both; owned. NULL: none */
	bool proven;  /* userd's own: a ticket said the name, no password is asked for */
};
struct users_answer {
	uint64_t id;
	enum users_result result;
	struct user user; /* OK */
};

#define USERS_DIGEST 32
/* HMAC-SHA-256 by a key of the asker's own over organisation, name and password: what they are remembered by. */
void users_digest(const unsigned char key[32], const struct users_request *r, unsigned char ret[USERS_DIGEST]);
void users_request_wipe(struct users_request *r); /* frees the ticket too */
void users_request_write(struct buf *b, const struct users_request *r);
int users_request_read(const void *p, size_t n, struct users_request *ret); /* 0 or -E_INVALID */
void users_answer_write(struct buf *b, const struct users_answer *a);
int users_answer_read(const void *p, size_t n, struct users_answer *ret);

/* "Basic " and base64 of name:password (RFC 7617), in UTF-8, into r->name and r->password. 0; -E_NOT_FOUND: another scheme;
 * -E_INVALID: not well formed, a name no directory has (control characters, or what LDAP filters and DNs give a meaning), or an empty
 * password, which a directory would take for "anonymous" (RFC 4513 5.1.2). */
int users_basic(struct str header, struct users_request *r);
bool users_name_ok(struct str name);
/* "Negotiate " and a ticket (RFC 4559), into r->ticket, unread. 0; -E_NOT_FOUND: another scheme; -E_INVALID: not base64, or too long; -E_NOMEM. */
int users_negotiate(struct str header, struct users_request *r);

/* ---- asking, from an event loop; as scan/client.h ---- */

struct users_client;
typedef void (*users_done)(const struct users_answer *a, void *user); /* a is valid during the call */

int users_client_open(const char *socket_path, struct users_client **ret, struct err *err); /* NULL: RUN/users.sock */
void users_client_close(struct users_client **c); /* nobody is called back */
int users_client_fd(const struct users_client *c, bool *ret_want_write);
void users_client_work(struct users_client *c);
/* Calls back once, out of users_client_work(), by timeout_ms at the latest with USERS_UNREACHABLE; r->id is set, r->ticket taken, r may be
 * wiped afterwards. -E_LIMIT, -E_NOMEM. */
int users_client_ask(struct users_client *c, struct users_request *r, int timeout_ms, users_done done, void *user);
void users_client_cancel(struct users_client *c, uint64_t id); /* an unknown number does nothing */

#endif
