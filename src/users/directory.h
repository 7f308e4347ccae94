/* One organisation's directory: who is it, and is it he? For a thread that may wait (toride-userd's).
 *
 *   bind_dn: look the name up as that account · bind as what was found, with the password · as the account again, follow its groups
 *   bind_as: bind as the person · look oneself up · follow one's groups
 *   proven by a ticket (ticket.h), with bind_dn alone: look the name up as that account · follow its groups
 *
 * TLS 1.2 or 1.3 always, the server's name verified against the organisation's own authorities; no referral is followed; LDAP is read by
 * libldap. Groups are followed upwards by groups_attribute, DIRECTORY_DEPTH deep, DIRECTORY_GROUPS entries at most.
 * userd.json (compile/userd.c):
 *   {"v":1,"orgs":[{"code","from4","from6","ldaps","host","port","servers":[…],"base","filter","name","groups_attribute",
 *     "bind_dn","bind_secret","bind_as","keytab","proxy","groups":[{"name","dn"}…]}…]}     authorities: userd/CODE.pem beside it */
#ifndef USERS_DIRECTORY_H
#define USERS_DIRECTORY_H

#include "base/arena.h"
#include "users/users.h"

#include <pthread.h>

#define DIRECTORY_CONNECT_MS 3000
#define DIRECTORY_ANSWER_MS 5000
#define DIRECTORY_WHOLE_MS 14000 /* nothing more is begun for a question: who asked (proxy/login.h) gives up then */
#define DIRECTORY_DEPTH 8
#define DIRECTORY_GROUPS 200
#define DIRECTORY_SECRET 256

struct directory {
	char code[8];
	struct prefix from4, from6; /* the node's address on the organisation's side: it decides the way */
	bool ldaps;
	const char *host;
	uint16_t port;
	struct prefix *servers;
	size_t n_servers;
	const char *base, *filter, *name, *groups_attribute, *bind_dn, *bind_secret, *bind_as;
	const char *keytab, *proxy; /* wrapped ("v1:…"), "": no tickets; the host they are for */
	struct user_group *groups;
	size_t n_groups;
	char ca[256]; /* path */
};

struct directories {
	struct arena arena;
	struct directory *list;
	size_t n;
};

#define DIRECTORY_CONFIG_MAX (64 * MIB)
int directories_parse(struct str json, const char *ca_dir, struct directories **ret, struct err *err);
void directories_destroy(struct directories **d);
const struct directory *directory_find(const struct directories *d, const char *code);

/* Once a process, before it is confined: what libldap and its TLS read from disk, they read now. */
int directory_init(struct err *err);

/* A question under way, so that another thread can end it: each answer may take DIRECTORY_ANSWER_MS, but who sends a byte now and then
 * would never be late. */
struct directory_call {
	pthread_mutex_t lock;
	int fd; /* its connection, again; -1: none */
	bool cut;
};
void directory_call_init(struct directory_call *c);
void directory_call_done(struct directory_call *c);
void directory_cut(struct directory_call *c); /* its connection is shut, and none is made any more */

/* secret: bind_dn's password, unwrapped; "" with bind_as. Blocks. OK and WRONG are the directory's word; else USERS_UNREACHABLE and why. */
enum users_result directory_ask(const struct directory *d, const char *secret, const struct users_request *r, struct directory_call *call, struct user *ret,
                                struct err *err);

#endif
