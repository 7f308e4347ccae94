/* clamd by descriptor passing: "zFILDES" with one descriptor over its UNIX socket, one connection a scan.
 *
 * INSTREAM isn't used: it would copy every body once more. A connection a scan (about 0.1 ms against the
 * milliseconds of a scan) keeps one slow or broken file from touching another's.
 * clamd away, starting or reloading: jobs wait and are tried again until their deadline. A file at which clamd dies
 * CLAMD_TRIES times is given up: it may be the reason. */
#ifndef SCAN_CLAMD_H
#define SCAN_CLAMD_H

#include "base/str.h"

#include <stdint.h>
#include <uv.h>

#define CLAMD_TRIES 3

struct err;
struct clamd;
struct clamd_job;

enum clamd_result { CLAMD_CLEAN, CLAMD_FOUND, CLAMD_BEYOND, CLAMD_FAILED, CLAMD_ENCRYPTED };

/* name: of the signature, of the limit (CLAMD_BEYOND: too large or deep), of the kind of encryption, or what failed. */
typedef void (*clamd_done)(enum clamd_result result, struct str name, void *user);
typedef void (*clamd_text)(struct str reply, void *user); /* reply.ptr NULL: clamd doesn't answer */

/* connections: scans at a time; max_queue: jobs waiting beside them. */
int clamd_open(uv_loop_t *loop, const char *socket_path, unsigned connections, size_t max_queue, struct clamd **ret,
               struct err *err);
void clamd_close(struct clamd **c); /* its jobs end with CLAMD_FAILED */
/* Takes fd in any case. NULL: the queue is full or no memory. done comes later, exactly once, never inside this call. */
struct clamd_job *clamd_scan(struct clamd *c, int fd, int64_t deadline_ms, clamd_done done, void *user);
/* A later deadline (somebody else waits for the same file). */
void clamd_extend(struct clamd_job *j, int64_t deadline_ms);
void clamd_cancel(struct clamd_job *j); /* done isn't called; clamd itself goes on to the end */
/* "VERSION", "RELOAD", "PING". */
int clamd_ask(struct clamd *c, const char *command, int timeout_ms, clamd_text done, void *user);
/* Milliseconds for which it has let itself be connected to and has said nothing to anybody: a process that is there and does nothing (stopped, or
 * locked up). While anybody asks something at least each few seconds; one that isn't there, or is ending, isn't mute. */
int64_t clamd_mute_for(const struct clamd *c);
uint64_t clamd_failures(const struct clamd *c); /* connections refused or broken, error replies */

/* What a reply line means; exported for its test and fuzz target. */
enum clamd_result clamd_reply(struct str reply, struct str *ret_name);

#endif
