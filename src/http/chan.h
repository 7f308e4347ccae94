/* One end of a connection, in clear or TLS, on a libuv loop: reads and writes that never block and cost as few system
 * calls as the kernel allows.
 *
 * TLS records are written into a buffer the thread owns and sent together (up to CHAN_PIECE of content in
 * one send), and read ahead (one recv for several records). OpenSSL on the bare descriptor would need one call a
 * 16-KiB record each way. Kernel TLS would be better still but isn't there in Debian 12's default set-up.
 *
 * The callback gets CHAN_READABLE or CHAN_WRITABLE. Polling is level-triggered, but bytes inside OpenSSL don't wake
 * anybody: who reads, reads until -E_AGAIN, and who starts to read again after a pause calls its own
 * handler once. */
#ifndef HTTP_CHAN_H
#define HTTP_CHAN_H

#include "base/buf.h"

#include <openssl/ssl.h>
#include <uv.h>

#define CHAN_PIECE (64 * 1024u)
#define CHAN_SCRATCH (CHAN_PIECE + 16 * 1024u)
#define CHAN_READ_AHEAD (64 * 1024u)

enum { CHAN_READABLE = 1, CHAN_WRITABLE = 2 };

struct chan;
typedef void (*chan_fn)(struct chan *c, int what);

/* What the channels of one thread share. */
struct chan_thread {
	uv_loop_t *loop;
	char *scratch; /* CHAN_SCRATCH bytes, empty between calls */
	size_t used;
	struct chan *writer;
	uint64_t sends, recvs;
};

struct chan {
	struct chan_thread *t;
	uv_poll_t poll;
	SSL *ssl;
	SSL *outer;       /* TLS around ssl: a tunnel asked for over TLS, in which TLS is spoken */
	struct buf pend;  /* bytes (encrypted, with TLS) the kernel didn't take yet */
	struct buf first; /* bytes read before TLS began: they are read again */
	chan_fn fn;
	void (*closed)(struct chan *c);
	int fd, events;
	int budget;       /* recv calls the present read may still make */
	bool reading, broken, open, eof;
	bool quiet;       /* since the last chan_rest() nothing moved */
	bool ending;      /* of TLS: the end, or an error, that OpenSSL says when it is asked once more */
};

int chan_thread_init(struct chan_thread *t, uv_loop_t *loop);
void chan_thread_done(struct chan_thread *t);

/* Takes fd (connected, non-blocking); starts reading. 0, or -E_IO (fd stays the caller's then). */
int chan_open(struct chan *c, struct chan_thread *t, int fd, chan_fn fn);
/* Gives it up; `closed` is called later from the loop, after which c may be freed. */
void chan_close(struct chan *c, void (*closed)(struct chan *c));
/* From now on TLS, or TLS inside the one that is spoken: ssl is taken. `first`: bytes that were read in clear and belong to it. */
int chan_tls(struct chan *c, SSL *ssl, struct str first);
/* 1: done; 0: wait for the callback; -E_CLOSED: failed (ask OpenSSL's error queue). */
int chan_handshake(struct chan *c);
bool chan_speaks_h2(const struct chan *c); /* by ALPN, after the handshake */
/* Bytes read; 0 at the end; -E_AGAIN; -E_CLOSED. */
long chan_read(struct chan *c, void *p, size_t n);
/* Bytes taken, 0 when the kernel is full (CHAN_WRITABLE comes); -E_CLOSED. What was taken will be sent. */
long chan_write(struct chan *c, const void *p, size_t n);
bool chan_drained(const struct chan *c); /* nothing waits in pend */
void chan_pause(struct chan *c);
void chan_resume(struct chan *c);
/* Now and then, of each: what nothing has moved on since the last time keeps no buffers (OpenSSL's are 34 KB a connection, and 80 KB
 * where much is read ahead); they are made again when something comes. True: it keeps none. */
bool chan_rest(struct chan *c);
/* Says goodbye (close_notify) before a close, as far as it goes without waiting. */
void chan_goodbye(struct chan *c);
/* A BIO method of our own; once a process. */
int chan_global_init(void);

#endif
