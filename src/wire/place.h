/* Where things are: the state directory, the run directory (sockets), and the numeric users.
 *
 * One instance of Toride = one state directory (TORIDE_STATE, default /var/lib/toride) and one run
 * directory (TORIDE_RUN, default /run/toride). The lab uses build/lab/state and build/lab/run.
 * Users are numbers of a block the supervisor owns (like systemd's dynamic users): no account is created. */
#ifndef WIRE_PLACE_H
#define WIRE_PLACE_H

#include <stddef.h>
#include <sys/types.h>

const char *place_state(void);
const char *place_run(void);
/* Which node of a pair this is: TORIDE_NODE, else the host name; of a name's own characters, "-" where there is none. */
const char *place_node(void);
/* The detection rules: TORIDE_RULES, or the installation's. */
const char *place_rules(void);
/* Where this program and its siblings are. */
const char *place_programs(void);
/* "STATE/a/b" and "RUN/x.sock" into dst; dies on overflow (they are ours). Returns dst. */
const char *place_in_state(char *dst, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
const char *place_in_run(char *dst, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
#define PLACE_MAX 512

/* Sockets in the run directory; who may connect stands in jail/table.c and is checked by SO_PEERCRED. */
#define SOCK_TORIDED "torided.sock"   /* fixed-size binary: order.h. from controld, respondd, probed, acmed, paird */
#define SOCK_AUTH "auth.sock"         /* JSON lines: who is signed in. from portald, controld */
#define SOCK_CONTROL "control.sock"   /* JSON lines: ctl.h. from toride(1), portald */
#define SOCK_VAULT "vault.sock"       /* vault/vault.h. who asks for what: vault/uses.c */
#define SOCK_VERDICT "verdict.sock"   /* scan/verdict.h. from proxyd */
#define SOCK_EVENTS "events.sock"     /* events.h. from every daemon */
#define SOCK_DNSTAP "dnstap.sock"     /* frame streams (intake/fstrm.h). from the name servers */
#define SOCK_EVE "eve.sock"           /* a JSON object a line: what Suricata sees. from it alone */
#define SOCK_FINDINGS "findings.sock" /* detect/finding.h. from detectd to respondd */
#define SOCK_RESPOND "respond.sock"   /* JSON lines: incidents and blocks. from controld */
#define SOCK_COURIER "courier.sock"   /* JSON lines: messages for gateways. from respondd */
#define SOCK_SEARCH "search.sock"     /* JSON lines: searches of the log. from controld, respondd */
#define SOCK_PROXY "proxy.sock"       /* fixed-size binary: blocks and policy. from torided */
#define SOCK_USERS "users.sock"       /* users/users.h: whose password is it. from proxyd */
#define SOCK_PORTAL "portal.sock"     /* SCGI. from nginx */
#define SOCK_ACME "acme.sock"         /* JSON lines: the public sites' certificates. from controld, paird */
#define SOCK_LOOK "look.sock"         /* JSON lines: what was seen of the public sites' pages. from controld */
#define SOCK_PURGE "purge.sock"       /* JSON lines: pages taken out of the sites' cache. from controld */
#define SOCK_COLD "cold.sock"         /* JSON lines: a segment brought back from the store of objects. from stored, detectd */
#define SOCK_INDEX "indexd/index.sock" /* ClickHouse's HTTP interface (index/serve.h). from stored alone */
#define SOCK_CLUSTER "cluster.sock"   /* the same of a ClickHouse elsewhere. from stored alone */
#define SOCK_PG "pg"                  /* directory of PostgreSQL's socket. respondd, portald, authd, replicad */
#define SOCK_REPLICA "replica"        /* directory of a socket that leads to the other node's PostgreSQL. from the one here alone */

#define UID_BASE 47100
#define UID_COUNT 100 /* all of the block are ours */
enum place_user {
	USER_CONTROL = UID_BASE,
	USER_VAULT,
	USER_PROXY,
	USER_SCAN,
	USER_INTAKE,
	USER_DETECT,
	USER_RESPOND,
	USER_PORTAL,
	USER_WORKER, /* throw-away parsers and the compile child */
	USER_WEB,    /* nginx in front of the portal */
	USER_CLAM,
	USER_UNBOUND,
	USER_POSTGRES,
	USER_PROBE,
	USER_SURICATA,
	USER_KNOT,
	USER_NSD1,
	USER_NSD2,
	USER_STORED,
	USER_INDEX,
	USER_TIME,
	USER_EDGE, /* nginx of the public sites */
	USER_RECV,
	USER_AUTH, /* accounts and sessions of the desk */
	USER_ACME,
	USER_PAIR,
	USER_KEEPALIVED,
	USER_CONNTRACKD,
	USER_PURGE,
	USER_COURIER, /* messages to SMS, voice and webhook gateways */
	USER_BGP,
	USER_USERS, /* asks the organisations' directories who uses the proxy */
	USER_LOOK, /* visits the public sites */
	USER_REPLICA, /* carries the desk's state to the other node of a pair */
	USER_COLD, /* carries cold segments to a store of objects */
	USER_CLUSTER, /* talks to a ClickHouse elsewhere */
};
#define GROUP_SEGMENTS (UID_BASE + 80) /* may read the sealed segments */

#endif
