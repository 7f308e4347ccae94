/* The control protocol: one JSON request and one JSON answer a line over a UNIX stream socket.
 *
 *   -> {"v":1,"do":"apply","digest":"sha256:…","confirm_within":60}
 *   <- {"v":1,"ok":true, …}      or      {"v":1,"ok":false,"code":"denied","path":"…","error":"…"}
 * Spoken by controld (SOCK_CONTROL), respondd (SOCK_RESPOND) and intaked's queries; doc/interfaces/control.md
 * lists the requests. The peer's uid (SO_PEERCRED) says who asks. */
#ifndef WIRE_CTL_H
#define WIRE_CTL_H

#include "base/buf.h"

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>
#include <yyjson.h>

#define CTL_VERSION 1
#define CTL_MAX (16 * 1024 * 1024)            /* bytes of an answer, and of a request of anyone but root */
#define CTL_REQUEST_MAX (80 * 1024 * 1024)    /* bytes of root's: a description of 64 MiB, as handed in */

struct err;

/* Client. request: a JSON object without newline. reply gets the line. An answer with ok:false becomes an error. */
int ctl_call(const char *socket_path, struct str request, struct buf *reply, int timeout_ms, struct err *err);
/* The same, given up with -E_CLOSED once gone() says that nobody waits for the answer any more; it is asked now and then. NULL: somebody does. */
int ctl_call_unless(const char *socket_path, struct str request, struct buf *reply, int timeout_ms, bool (*gone)(void *user), void *user, struct err *err);
/* Has the other end of this UNIX socket hung up? One that only said that it sends nothing more waits for its answer. */
bool ctl_hung_up(int fd);

/* Server on a libuv loop. The handler writes the fields of its answer (json_field…) into b, which holds
 * `{"v":1,"ok":true` already, and returns 0, or a negative code with *err filled (b is dropped then).
 * Returning -E_AGAIN means: the answer comes later by ctl_reply(). */
struct ctl_server;
struct ctl_request {
	uid_t uid;
	yyjson_val *root; /* valid during the call only */
	uint64_t peer; /* names the connection in ctl_reply() */
};
typedef int (*ctl_handler)(const struct ctl_request *rq, const char *what, struct buf *b, void *user, struct err *err);

int ctl_listen(uv_loop_t *loop, const char *socket_path, mode_t mode, ctl_handler handler, void *user,
               struct ctl_server **ret, struct err *err);
void ctl_close(struct ctl_server **s);
/* Has the peer hung up? */
bool ctl_gone(const struct ctl_server *s, uint64_t peer);
/* Late answer: fields as above, or err (then fields is ignored). The peer may be gone: nothing happens. */
void ctl_reply(struct ctl_server *s, uint64_t peer, struct str fields, const struct err *err);

/* Getters on a JSON object: the default when absent, false/-1 path when of another kind is the caller's matter. */
struct str ctl_str(yyjson_val *obj, const char *key);             /* {NULL,0} when absent */
uint64_t ctl_u64(yyjson_val *obj, const char *key, uint64_t def);
bool ctl_bool(yyjson_val *obj, const char *key, bool def);

#endif
