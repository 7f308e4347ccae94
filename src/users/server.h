/* userd's side of users.sock (users.h): peers and their questions in, answers out. What passwords came through is wiped. */
#ifndef USERS_SERVER_H
#define USERS_SERVER_H

#include "users/users.h"

#include <uv.h>

struct users_server;
/* A question of this peer's: to be answered by users_server_answer(), once, now or later. rq is wiped afterwards, its ticket freed. */
typedef void (*users_question)(uint64_t peer, struct users_request *rq, void *user);

struct users_server_opts {
	uv_loop_t *loop;
	bool (*allowed)(uid_t uid); /* may this user ask? */
	users_question question;
	void *user;
};

int users_server_open(const char *socket_path, const struct users_server_opts *o, struct users_server **ret, struct err *err); /* lives as long as the process */
void users_server_answer(struct users_server *s, uint64_t peer, const struct users_answer *a); /* the peer may be gone: nothing happens */

#endif
