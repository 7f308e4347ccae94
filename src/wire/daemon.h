/* What every daemon's main() does the same way.
 *
 *   daemon_begin()    log, counters, signals (SIGPIPE ignored, core dumps off, dies with its supervisor)
 *   … open listeners, connect, read the compiled configuration (daemon_config) …
 *   daemon_confine()  no way back: seccomp and Landlock as src/jail/table.c says for this name. Users,
 *                     capabilities, namespaces and limits were set by torided before exec.
 *   daemon_ready()    tells torided which generation is being served; again after each reload
 *
 * Configuration: STATE/current is a symbolic link to the generation in force; a daemon reads
 * STATE/current/NAME.json (compile/NAME.c writes it) at start and again on SIGHUP. A generation that can't be
 * read is an error event; the old one stays in force and daemon_ready() isn't called. */
#ifndef WIRE_DAEMON_H
#define WIRE_DAEMON_H

#include "base/buf.h"
#include "wire/stats.h"

struct daemon {
	char name[32];         /* "proxyd" */
	struct stats *stats;
	char digest[72];       /* of the generation last read by daemon_config() */
};

int daemon_begin(const char *name, struct daemon *d, struct err *err);
/* Reads STATE/current/NAME.json into b (initialised by the caller) and notes the generation's digest. */
int daemon_config(struct daemon *d, struct buf *b, struct err *err);
int daemon_confine(const struct daemon *d, struct err *err);
/* Writes the digest to RUN/ready/NAME (torided made the file and gave it to us). */
void daemon_ready(const struct daemon *d);

/* This node is one of a pair and doesn't carry the traffic (RUN/pair-role, which torided writes). */
bool daemon_stands_by(void);
/* This node of a pair carries the traffic: false also where it isn't one of a pair. */
bool daemon_carries(void);

/* Set by the jail library so that wire needn't know it; daemon mains call jail_install() first. */
extern int (*daemon_confine_hook)(const char *name, struct err *err);

#endif
