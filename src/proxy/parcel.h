/* Files that a person waits for by a page with progress (wait.c): what all threads must know of each, since the page's next
 * request may come in at another thread than the one that fetches. None of it lies on the way of other requests, so one lock
 * is enough here.
 *
 * The thread that fetches owns a parcel from parcel_create() to parcel_leave(); it tells how far it is and, once the verdict is
 * there, what is to be handed over: the file, or the page that says why not. Anybody who knows the token asks; the token (128
 * random bits) holds for the terminal, its user, organisation and origin it was made for, and hands over once. The origin (RFC 6454), since
 * a site's scripts can read the page that stands at its address, and the token in it: at another site's address its file
 * would be that site's word, with its cookies and scripts. */
#ifndef PROXY_PARCEL_H
#define PROXY_PARCEL_H

#include "base/str.h"
#include "model/model.h"
#include "proxy/page.h"
#include "users/users.h"

#define PARCEL_PATH "/.toride-wait"
#define PARCEL_MAX 1024          /* of the process; how many bytes they hold is counted as every body's is (share.h) */
#define PARCEL_ORG 256           /* of one organisation */
#define PARCEL_TERMINAL 16       /* of one terminal */
#define PARCEL_TOKEN 33
#define PARCEL_NAME 256
#define PARCEL_PASSWORD 64
#define PARCEL_SILENT_MS 150000  /* nobody asks so long (browsers ask once a minute from a tab in the background): given up */
#define PARCEL_KEEP_MS 900000    /* a finished one, and one whose password nobody gives */
#define PARCEL_ORIGIN 288        /* "https://" and TARGET_AUTHORITY (target.h) */

struct parcel;

enum parcel_state {
	PARCEL_COMING,
	PARCEL_JUDGING,
	PARCEL_LOCKED,  /* it opens with a password only: the person is asked for it */
	PARCEL_READY,   /* a file */
	PARCEL_REFUSED, /* a page instead of it */
	PARCEL_GONE,    /* handed over, cut, or given up */
};

struct parcel_for {
	const char *org;
	struct prefix terminal;
	char origin[PARCEL_ORIGIN]; /* "https://example.jp:8443" */
	char user[USERS_NAME];      /* "": nobody said who he is */
};

struct parcel_view {
	enum parcel_state state;
	uint64_t received, total; /* bytes; total 0: unknown */
	unsigned wrong;           /* LOCKED: passwords that didn't fit */
	char name[PARCEL_NAME], ref[PAGE_REF];
};

struct parcel_goods {
	char *head;    /* mem_free() */
	size_t head_len;
	int fd;        /* a sealed memfd, the caller's; -1: empty */
	uint64_t size;
	uint16_t status;
	char ref[PAGE_REF];
};

/* ---- by its owner ---- */

/* 0, -E_LIMIT (of the process, the organisation, or the terminal). */
int parcel_create(const struct parcel_for *f, struct str name, const char *ref, int64_t now_ms, struct parcel **ret);
const char *parcel_token(const struct parcel *p);
void parcel_progress(struct parcel *p, uint64_t received, uint64_t total, bool judging);
/* READY or REFUSED: g's head and fd are taken. */
void parcel_finish(struct parcel *p, bool refused, const struct parcel_goods *g, int64_t now_ms);
bool parcel_wanted(const struct parcel *p, int64_t now_ms); /* false: handed over, or nobody asks for it any more */
void parcel_lock(struct parcel *p, unsigned wrong, int64_t now_ms); /* LOCKED */
bool parcel_password(struct parcel *p, char dst[PARCEL_PASSWORD]); /* somebody gave one; it is forgotten here */
void parcel_leave(struct parcel **p);

/* ---- by who holds the token ---- */

/* 0, -E_NOT_FOUND: none of this terminal's and origin's, or gone. Each look keeps it. */
int parcel_look(struct str token, const struct parcel_for *f, int64_t now_ms, struct parcel_view *ret);
uint64_t parcel_size(struct str token, const struct parcel_for *f); /* of what would be taken, 0: nothing */
int parcel_take(struct str token, const struct parcel_for *f, struct parcel_goods *ret); /* once */
int parcel_unlock(struct str token, const struct parcel_for *f, const char *password); /* LOCKED: JUDGING from now on; else -E_NOT_FOUND */

/* A request to PARCEL_PATH: ?t=TOKEN, and &get where the file itself is wanted. 0; -E_NOT_FOUND: another path; -E_INVALID. */
int parcel_request_parse(struct str path, struct str *ret_token, bool *ret_get);

#endif
