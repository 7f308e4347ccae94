/* Asking toride-scand from an event loop, any event loop: a descriptor to poll and a function to call.
 *
 *   open → loop: poll(scan_client_fd) at most until scan_client_next_ms, then scan_client_work → close
 * Callbacks run inside scan_client_work(), or inside scan_client_close() (with VERDICT_ERROR "closed"), never
 * inside scan_client_submit(). Each submitted request calls back exactly once unless it is cancelled.
 * scand gone: the client reconnects by itself and sends what is open again (asking twice is harmless);
 * a request's deadline gives VERDICT_ERROR "timeout". Fail-open or closed is the caller's policy.
 *
 * A callback may submit and cancel, but not close. Not for threads: one client a thread. */
#ifndef SCAN_CLIENT_H
#define SCAN_CLIENT_H

#include "scan/verdict.h"

struct err;
struct scan_client;

typedef void (*scan_done)(const struct verdict *v, void *user); /* v is valid during the call */

struct scan_job {
	int fd;                  /* borrowed until the callback or the cancel; see verdict.h on sealing */
	const uint8_t *sha256;   /* with fd < 0: only look it up (VERDICT_UNKNOWN when nobody scanned it) */
	struct str org;          /* 6 digits or "" */
	struct str content_type; /* as the origin declared it; may be empty */
	struct str name;         /* file name or last part of the path; may be empty */
	struct str password;     /* for what asks for one; may be empty */
	int timeout_ms;          /* from now; 0: 30 s */
	scan_done done;
	void *user;
};

/* socket_path NULL: RUN/verdict.sock. Never fails for want of a peer. max_open bounds the requests at a time. */
int scan_client_open(const char *socket_path, size_t max_open, struct scan_client **ret, struct err *err);
void scan_client_close(struct scan_client **c);
/* The descriptor to poll for reading, and for writing when *ret_want_write; -1 when not connected. May change
 * after each submit and work. */
int scan_client_fd(const struct scan_client *c, bool *ret_want_write);
/* clock_mono_ms() at which work must be called at the latest; -1: nothing is open. */
int64_t scan_client_next_ms(const struct scan_client *c);
void scan_client_work(struct scan_client *c);
/* 0 and a number for cancel; -E_LIMIT when max_open are open, -E_NOMEM. */
int scan_client_submit(struct scan_client *c, const struct scan_job *job, uint64_t *ret_id);
void scan_client_cancel(struct scan_client *c, uint64_t id); /* an unknown number does nothing */
size_t scan_client_open_jobs(const struct scan_client *c);

/* Blocking, for command lines and tests. */
int scan_once(const char *socket_path, const struct scan_job *job, struct verdict *ret, struct err *err);
/* Copies memory into a sealed memfd (scan_job.fd); the caller closes it. */
int scan_memfd(const struct str *parts, size_t n, int *ret_fd, struct err *err);

#endif
