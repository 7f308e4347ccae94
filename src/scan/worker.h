/* Where hostile bytes are walked through: a process a file, thrown away afterwards.
 *
 *   scand ── ask: limits, two descriptors ──► nursery ── fork ──► worker: walk(), then gone
 *     ▲                                                              │
 *     └──────── members and the end, over the second descriptor ─────┘
 * The nursery is forked from scand at its beginning, before threads, configuration of clients and connections are there:
 * no path (Landlock), no network, only what forking needs. It parses nothing. A worker holds the file and its channel, no
 * more: it can open nothing, start nothing and send to nobody (jail_calls_worker), with limits of memory, processor and
 * wall-clock time. What kills it harms its own file's verdict alone.
 *
 * Messages on the channel (SOCK_SEQPACKET, wire/cursor.h). Worker to scand:
 *   member  u8 1, u8 wait, u32 depth, u64 size, text name, text type, 32 bytes SHA-256; with wait: a descriptor, and the
 *           worker waits for a byte: 0 go on, 1 end
 *   end     u8 2, u32 found, u32 inside, u64 files, u64 bytes, text reason, text where
 * Closed before `end`: the worker died, of its limits or of the file.
 *
 * Our rules (scan/yara.h) are compiled in a worker too; the nursery loads the outcome, and all workers after that have it. */
#ifndef SCAN_WORKER_H
#define SCAN_WORKER_H

#include "base/buf.h"
#include "scan/verdict.h"
#include "scan/walk.h"

struct err;

#define WORKER_MESSAGE 1024
#define WORKER_MEMORY (1024ull * 1024 * 1024) /* private memory of one; what is unpacked lies in memfds, under the walk's budget */
#define WORKER_CPU_S 60        /* of processor, however large the file */
#define WORKER_CPU_LEAST_S 10  /* for a small one: one that makes a library turn without end takes no more */
#define WORKER_CPU_EACH (512u * 1024) /* bytes that bring a second more */
#define WORKER_RULES_S 10 /* the rules' time for one file */

#define WORKER_MEMBER 1
#define WORKER_END 2

struct worker_ask {
	uint32_t timeout_ms, depth, files, ratio;
	uint32_t cpu_s; /* at most WORKER_CPU_S */
	uint64_t bytes;
	char name[WALK_NAME], password[WALK_PASSWORD];
};

struct worker_member {
	bool wait;
	uint32_t depth;
	uint64_t size;
	char name[WALK_NAME], type[12];
	uint8_t sha256[VERDICT_SHA];
};

/* Seconds of processor for a file of so many bytes. */
uint32_t worker_cpu_s(uint64_t size);
/* Forks the nursery; *ret_fd is ours. Confines it (not us). Before libuv is used: at a fork it closes what it had open. */
int nursery_start(int *ret_fd, struct err *err);
/* Both descriptors stay the caller's. 0, -E_AGAIN (ask again later) or -E_CLOSED (the nursery is gone). */
int nursery_ask(int nursery, const struct worker_ask *a, int file, int channel);

/* New rules: bundle is a file with what yara_bundle_add() made. Waits for the outcome, up to 30 s. On an error the old rules stay.
 * *ret_count: how many there are. */
int nursery_rules(int nursery, int bundle, unsigned *ret_count, struct err *err);
/* The same without waiting: the channel's end tells (nursery_rules_result()) when it can be read. */
int nursery_rules_begin(int nursery, int bundle, int *ret_channel, struct err *err);
int nursery_rules_result(int channel, unsigned *ret_count, struct err *err);

/* The messages; exported for their reader, tests and fuzz target. */
void worker_member_write(struct buf *b, const struct worker_member *m);
void worker_end_write(struct buf *b, const struct walk_result *r);
int worker_member_read(const void *p, size_t n, struct worker_member *ret); /* 0 or -E_INVALID */
int worker_end_read(const void *p, size_t n, struct walk_result *ret);

#endif
