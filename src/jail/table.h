/* The process table: what runs, as whom, with which rights, in which order. Data only (table.c).
 *
 * Read by torided (users, namespaces, capabilities, limits, sockets, start and restart), by jail.c (system calls,
 * paths, peers) and by `toride status`. Order is start order; stop is the reverse. All are
 * restarted when they end, whatever the reason.
 * Paths begin with "%S/" (state directory), "%R/" (run directory), "%L" (rules), "%X/" (beside our programs) or "/" (the system's), and may hold "%N", the node of a pair, and "%P", what it does: active or standby; table_path() fills them in, in other words too. */
#ifndef JAIL_TABLE_H
#define JAIL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* System calls by group; every row has the base (memory, descriptors it holds, time, polling, own signals). */
enum calls {
	CALLS_READ = 1 << 0,    /* open for reading, list, stat (which paths: Landlock) */
	CALLS_WRITE = 1 << 1,   /* create, rename, remove, sync */
	CALLS_UNIX = 1 << 2,    /* UNIX sockets */
	CALLS_INET = 1 << 3,    /* TCP and UDP; never raw */
	CALLS_NETLINK = 1 << 4, /* netlink: addresses of this node for libraries */
	CALLS_THREADS = 1 << 5,
	CALLS_FORK = 1 << 6,    /* prefork workers of the same program: fork, wait, kill own children */
	CALLS_EXEC = 1 << 7,
	CALLS_MEMFD = 1 << 8,
	CALLS_JIT = 1 << 9,     /* executable memory: PCRE2 JIT, libraries loaded late */
	CALLS_CHANGE_USER = 1 << 10,
	CALLS_WORKERS = 1 << 11, /* forked workers lower their own limits and enter jail_calls_worker()'s filter */
};

enum prepare {
	PREPARE_POSTGRES = 1 << 0,
	PREPARE_EDGE = 1 << 1,
	PREPARE_TSIG = 1 << 2, /* RUN/NAME/tsig.conf, from the vault */
	PREPARE_BGP = 1 << 7,  /* RUN/bird/secrets, from the vault */
	PREPARE_TLS = 1 << 3,  /* RUN/NAME/tls.* */
	PREPARE_NOTIFY = 1 << 6, /* RUN/pair/notify is waited for */
	PREPARE_LOCK = 1 << 5, /* what conntrackd leaves when it is killed: RUN/conntrackd/lock and control.sock */
	PREPARE_TIME = 1 << 9, /* started anew while no server above is believed (RUN/probed/time) */
	PREPARE_ROLE = 1 << 8, /* started anew when its node carries the traffic of a pair, or does no longer */
	PREPARE_PID = 1 << 4,  /* NAME.pid in its first writable directory is removed */
};

#define TABLE_PATHS 14
#define TABLE_ARGS 12
#define TABLE_PEERS 24

struct table_process {
	const char *name;              /* "vaultd" */
	const char *argv[TABLE_ARGS];  /* argv[0] without "/": beside torided. Paths as above */
	uid_t uid;                     /* also its group */
	gid_t group;                   /* one more: GROUP_SEGMENTS; 0: none */
	uint64_t caps_start;           /* bit masks of capabilities: given by torided … */
	uint64_t caps_kept;            /* … and left after daemon_confine() */
	bool own_net;                  /* an empty network of its own; else the node's */
	bool engine;                   /* another project's program: confined from outside, readiness by probe */
	uint32_t calls;                /* enum calls; engines: ignored */
	const char *read[TABLE_PATHS], *write[TABLE_PATHS];
	uint64_t memory;               /* bytes of private writable memory (RLIMIT_DATA); 0: no limit */
	uint32_t files, processes;     /* RLIMIT_NOFILE; RLIMIT_NPROC: threads count, and those of the same user's other node or lab on the machine */
	bool lock_memory;              /* may lock all its memory (keys stay out of swap) */
	uint32_t queue;                /* bytes of datagrams that wait for it at each of its UDP sockets (queue.h); 0: what the machine gives */
	const char *needs;             /* starts when this path exists; NULL: at once */
	const char *unless;            /* and this one doesn't; NULL: whatever there is */
	const char *probe;             /* engine: a UNIX socket that accepts when it is ready; NULL: alive for 0.5 s */
	const char *mute;              /* engine: a file that holds something while it lets itself be asked and says nothing: killed, started anew; NULL: nobody knows */
	const char *variable;          /* "NAME=value", one more of its environment; NULL: none */
	uint32_t prepare;              /* enum prepare: done in the child, before exec, as its user */
	int stop_signal;               /* 0: SIGTERM */
};

/* A UNIX socket in the run directory. torided makes it, keeps it over restarts and hands it to its server: a client
 * that comes while the server restarts waits instead of failing. Its group is TABLE_GID + its index; only the peers'
 * processes are in that group, so the kernel refuses others; servers ask jail_peer_allowed() besides. */
struct table_socket {
	const char *name;              /* "vault.sock" */
	const char *server;            /* row above */
	uid_t peers[TABLE_PEERS];      /* besides root; 0 ends */
	bool anyone;                   /* every local user may connect; the server decides by uid what he may */
};
#define TABLE_GID 47200

/* Directories torided makes at start. */
struct table_dir {
	const char *path;
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

extern const struct table_process table_processes[]; /* ended by a row without name */
extern const struct table_socket table_sockets[];
extern const struct table_dir table_dirs[];

const struct table_process *table_find(const char *name);
const struct table_socket *table_find_socket(const char *name, size_t *ret_index);
/* Fills "%S", "%R", "%L" and "%X" in; dies when it doesn't fit (paths are ours). Returns dst. */
const char *table_path(const char *path, char *dst, size_t size);

#endif
