/* The process table; see table.h. A row is a promise of the threat model: widen one only with a reason beside it. */
#include "jail/table.h"

#include "base/err.h"
#include "base/mem.h"
#include "wire/daemon.h"
#include "wire/place.h"
#include "pg_bin.h" /* meson makes it */

#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define CAP(x) (1ull << (x))
#define GIB (1024ull * MIB)
/* What glibc and OpenSSL read behind our back: zone, resolver, CA certificates. */
#define LIBS "/usr/share/zoneinfo", "/etc/localtime"
#define NETLIBS "/etc/resolv.conf", "/etc/hosts", "/etc/ssl", "/usr/share/ca-certificates"
#define ENGINE_READ \
	"/usr", "/lib", "/lib64", "/etc", "/dev/null", "/dev/urandom", "/proc", "/sys/devices/system/cpu"

const struct table_process table_processes[] = {
	{ .name = "vaultd", .argv = { "toride-vaultd" }, .uid = USER_VAULT, .own_net = true,
	  .calls = CALLS_READ | CALLS_WRITE | CALLS_UNIX,
	  .read = { LIBS, "%S/generations", "%S/current" /* the names that may be certified */, "%S/holds" }, .write = { "%S/vault", "%S/vault-public" },
	  .memory = 256 * MIB, .files = 512, .processes = 64, .lock_memory = true },
	{ .name = "controld", .argv = { "toride-controld" }, .uid = USER_CONTROL, .own_net = true,
	  .calls = CALLS_READ | CALLS_WRITE | CALLS_UNIX | CALLS_THREADS | CALLS_MEMFD,
	  .read = { LIBS, "%S/generations", "%S/current", "%R" }, .write = { "%S/submitted", "%S/control", "%S/holds" },
	  .memory = 1 * GIB, .files = 512, .processes = 64 },
	{ .name = "postgres", .engine = true, .prepare = PREPARE_POSTGRES, .uid = USER_POSTGRES, .own_net = true,
	  .argv = { TORIDE_PG_BIN "/postgres", "-D", "%S/pg/data", "-k", "%R/pg" },
	  .read = { ENGINE_READ }, .write = { "%S/pg", "%R/pg", "/dev/null" },
	  .files = 1024, .processes = 256, .probe = "%R/pg/.s.PGSQL.5432",
	  .stop_signal = SIGINT /* fast: SIGTERM would wait for every client */ },
	{ .name = "intaked", .argv = { "toride-intaked" }, .uid = USER_INTAKE, .group = GROUP_SEGMENTS, /* what coldd leaves on the cold disk is the group's */
	  .caps_start = CAP(CAP_NET_ADMIN), /* to bind nflog groups, before it reads a byte of them */
	  .calls = CALLS_READ | CALLS_WRITE | CALLS_UNIX | CALLS_INET | CALLS_THREADS,
	  .read = { LIBS, "%S/generations", "%S/current", "%S/vault-public", "%S/holds" }, .write = { "%S/segments", "%S/segments-cold", "%S/intake", "%S/edge/log" },
	  .memory = 1 * GIB, .files = 4096, .processes = 64, .needs = "%S/current/intaked.json" },
	/* It reads what any machine of a body sends: no key, no file but its list of who may. */
	{ .name = "recvd", .argv = { "toride-recvd" }, .prepare = PREPARE_TLS, .uid = USER_RECV,
	  .caps_start = CAP(CAP_NET_BIND_SERVICE), .caps_kept = CAP(CAP_NET_BIND_SERVICE), /* port 514 of a body that joins later */
	  .calls = CALLS_READ | CALLS_UNIX | CALLS_INET | CALLS_NETLINK | CALLS_THREADS,
	  .read = { LIBS, "%S/generations", "%S/current" },
	  .memory = 512 * MIB, .files = 8192, .processes = 64, .needs = "%S/current/recvd.json" },
	{ .name = "clamd", .engine = true, .uid = USER_CLAM, .own_net = true,
	  .argv = { "/usr/sbin/clamd", "--foreground", "-c", "%S/current/clamd/clamd.conf" },
	  .read = { ENGINE_READ, "%S", "/var/lib/clamav" }, .write = { "%R/clamd", "/dev/null" },
	  .files = 1024, .processes = 128, .needs = "%S/current/clamd/clamd.conf", .probe = "%R/clamd/clamd.sock",
	  .mute = "%R/scand/mute" /* its asker's word */ },
	{ .name = "scand", .argv = { "toride-scand" }, .uid = USER_SCAN, .own_net = true,
	  .calls = CALLS_READ | CALLS_UNIX | CALLS_THREADS | CALLS_MEMFD,
	  .read = { LIBS, "%S/generations", "%S/current", "%S/feeds", "%L" },
	  .memory = 2 * GIB, .files = 4096, .processes = 512, .needs = "%S/current/scand.json" },
	{ .name = "unbound", .engine = true, .prepare = PREPARE_TLS, .uid = USER_UNBOUND, .caps_start = CAP(CAP_NET_BIND_SERVICE),
	  .argv = { "/usr/sbin/unbound", "-d", "-p", "-c", "%S/current/unbound/unbound.conf" },
	  .read = { ENGINE_READ, "%S/generations", "%S/current", "%S/rpz" }, .write = { "%R/unbound", "%S/unbound", "/dev/null" },
	  .files = 16384, .processes = 64, .needs = "%S/current/unbound/unbound.conf", .probe = "%R/unbound/control.sock" },
	/* Whatever happens to it, the door on its lines is torided's (apply/door.h). NET_RAW: AF_PACKET. */
	{ .name = "suricata", .engine = true, .uid = USER_SURICATA, .caps_start = CAP(CAP_NET_RAW),
	  .argv = { "/usr/bin/suricata", "-c", "%S/current/suricata/suricata.yaml", "--af-packet" },
	  /* A reload frees blocks of megabytes. glibc would take the first of them as a sign to carve such blocks out of its heaps from then on,
	   * where a small one behind them keeps them from going back to the kernel; said like this, it goes on mapping each (mallopt(3)). */
	  .variable = "MALLOC_MMAP_THRESHOLD_=131072",
	  .read = { ENGINE_READ, "%S/generations", "%S/current", "%S/feeds" }, .write = { "%R/suricata", "%R/eve.sock", "/dev/null" },
	  .files = 4096, .processes = 256, .needs = "%S/current/suricata/suricata.yaml", .probe = "%R/suricata/control.sock" },
	{ .name = "knot", .engine = true, .prepare = PREPARE_TSIG | PREPARE_PID, .uid = USER_KNOT,
	  .argv = { "/usr/sbin/knotd", "-c", "%S/current/knot/knot.conf" },
	  .read = { ENGINE_READ, "%S/generations", "%S/current" }, .write = { "%R/knot", "%S/knot", "/dev/null", "/tmp" /* its configuration as a database, always there */ },
	  .files = 4096, .processes = 64, .needs = "%S/current/knot/knot.conf", .probe = "%R/knot/knot.sock" },
	/* Two of them, so that one may die: each has its own user, directories and copy of the zones. 8 MiB are 11,000 questions: a second
	 * of a flood that no address's limit stops, while others have the processor. */
	{ .name = "nsd1", .engine = true, .prepare = PREPARE_TSIG, .uid = USER_NSD1, .caps_start = CAP(CAP_NET_BIND_SERVICE),
	  .argv = { "/usr/sbin/nsd", "-d", "-c", "%S/current/nsd1/nsd.conf" },
	  .read = { ENGINE_READ, "%S/generations", "%S/current" }, .write = { "%R/nsd1", "%S/nsd1", "/dev/null" },
	  .files = 4096, .processes = 64, .queue = 8 * MIB, .needs = "%S/current/nsd1/nsd.conf", .probe = "%R/nsd1/control.sock" },
	{ .name = "nsd2", .engine = true, .prepare = PREPARE_TSIG, .uid = USER_NSD2, .caps_start = CAP(CAP_NET_BIND_SERVICE),
	  .argv = { "/usr/sbin/nsd", "-d", "-c", "%S/current/nsd2/nsd.conf" },
	  .read = { ENGINE_READ, "%S/generations", "%S/current" }, .write = { "%R/nsd2", "%S/nsd2", "/dev/null" },
	  .files = 4096, .processes = 64, .queue = 8 * MIB, .needs = "%S/current/nsd2/nsd.conf", .probe = "%R/nsd2/control.sock" },
	/* Passwords pass through it, and those of the directories' accounts stay: out of swap. */
	{ .name = "userd", .argv = { "toride-userd" }, .uid = USER_USERS,
	  .calls = CALLS_READ | CALLS_WRITE | CALLS_UNIX | CALLS_INET | CALLS_NETLINK | CALLS_THREADS,
	  .read = { LIBS, NETLIBS, "%S/generations", "%S/current" }, .write = { "%R/userd" }, /* the tickets it has seen */
	  .memory = 1 * GIB, .files = 2048, .processes = 512, .lock_memory = true, .needs = "%S/current/userd.json" }, /* a thread a body */
	{ .name = "proxyd", .argv = { "toride-proxyd" }, .uid = USER_PROXY,
	  /* NET_RAW: SO_MARK and IP_TRANSPARENT on each connection; seccomp refuses raw sockets themselves. */
	  .caps_start = CAP(CAP_NET_RAW) | CAP(CAP_NET_BIND_SERVICE), .caps_kept = CAP(CAP_NET_RAW) | CAP(CAP_NET_BIND_SERVICE),
	  .calls = CALLS_READ | CALLS_UNIX | CALLS_INET | CALLS_NETLINK | CALLS_THREADS | CALLS_MEMFD,
	  .read = { LIBS, NETLIBS, "%S/generations", "%S/current", "%S/feeds/url", "%R/scand" },
	  .memory = 4 * GIB, .files = 65536, .processes = 256, .needs = "%S/current/proxyd.json" },
	{ .name = "detectd", .argv = { "toride-detectd" }, .uid = USER_DETECT, .group = GROUP_SEGMENTS, .own_net = true,
	  .calls = CALLS_READ | CALLS_WRITE | CALLS_UNIX | CALLS_THREADS | CALLS_JIT,
	  .read = { LIBS, "%S/generations", "%S/current", "%S/segments", "%S/segments-cold", "%S/vault-public", "%S/feeds", "%L" },
	  .write = { "%S/detect", "%R/detect" },
	  .memory = 2 * GIB, .files = 1024, .processes = 64, .needs = "%S/current/detectd.json" },
	/* Ours, but half a gigabyte of another project's code inside: confined as an engine. No library, no index. */
	{ .name = "indexd", .engine = true, .uid = USER_INDEX, .own_net = true, .argv = { "toride-indexd" },
	  /* Memory that is free is kept a minute in place of five seconds: between two batches it needn't be given back and asked for again. */
	  .variable = "JE_MALLOC_CONF=dirty_decay_ms:60000",
	  .read = { ENGINE_READ, "%X/toride-indexd", "%X/libchdb.so" }, .write = { "%S/index", "%R/indexd", "/dev/null" },
	  .memory = 8 * GIB, .files = 16384, .processes = 512, .needs = "%X/libchdb.so", .unless = "%S/current/clusterd.json", .probe = "%R/" SOCK_INDEX },
	/* In place of it: what it carries is what the index holds, but it can open no segment and asks for nothing by itself. */
	{ .name = "clusterd", .argv = { "toride-clusterd" }, .uid = USER_CLUSTER,
	  .calls = CALLS_READ | CALLS_UNIX | CALLS_INET | CALLS_NETLINK | CALLS_THREADS,
	  .read = { LIBS, NETLIBS, "%S/generations", "%S/current", "%S/cluster" },
	  .memory = 2 * GIB, .files = 512, .processes = 64, .needs = "%S/current/clusterd.json" },
	{ .name = "stored", .argv = { "toride-stored" }, .uid = USER_STORED, .group = GROUP_SEGMENTS, .own_net = true,
	  .calls = CALLS_READ | CALLS_WRITE | CALLS_UNIX | CALLS_THREADS | CALLS_MEMFD,
	  .read = { LIBS, "%S/generations", "%S/current", "%S/segments", "%S/segments-cold", "%S/holds", "%S/vault-public", "%R/indexd" },
	  .write = { "%S/index-fill" },
	  .memory = 2 * GIB, .files = 1024, .processes = 64, .needs = "%S/current/stored.json" },
	/* The cold disk's directories are intaked's, and its group's to write (segment/cold.c): Landlock leaves that to coldd alone of the group. What it carries is
	 * encrypted, and not by it. */
	{ .name = "coldd", .argv = { "toride-coldd" }, .uid = USER_COLD, .group = GROUP_SEGMENTS,
	  .calls = CALLS_READ | CALLS_WRITE | CALLS_UNIX | CALLS_INET | CALLS_NETLINK | CALLS_THREADS,
	  .read = { LIBS, NETLIBS, "%S/generations", "%S/current", "%S/segments", "%S/cold", "%S/holds" }, .write = { "%S/segments-cold" },
	  .memory = 512 * MIB, .files = 512, .processes = 64, .needs = "%S/current/coldd.json" },
	/* The only one that goes to gateways: it has nothing to lose but their tokens. */
	{ .name = "courierd", .argv = { "toride-courierd" }, .uid = USER_COURIER,
	  .calls = CALLS_READ | CALLS_UNIX | CALLS_INET | CALLS_NETLINK | CALLS_THREADS,
	  .read = { LIBS, NETLIBS, "%S/generations", "%S/current", "%S/courier" },
	  .memory = 256 * MIB, .files = 256, .processes = 64, .needs = "%S/current/courierd.json" },
	{ .name = "respondd", .argv = { "toride-respondd" }, .uid = USER_RESPOND,
	  .calls = CALLS_READ | CALLS_WRITE | CALLS_UNIX | CALLS_INET | CALLS_NETLINK | CALLS_THREADS,
	  .read = { LIBS, NETLIBS, "%S/generations", "%S/current", "%R" }, .write = { "%S/respond" },
	  .memory = 1 * GIB, .files = 1024, .processes = 64, .needs = "%S/current/respondd.json" },
	{ .name = "authd", .argv = { "toride-authd" }, .uid = USER_AUTH, .own_net = true,
	  .calls = CALLS_READ | CALLS_UNIX | CALLS_THREADS,
	  .read = { LIBS, "%S/generations", "%S/current", "%R" },
	  .memory = 256 * MIB, .files = 256, .processes = 64, .needs = "%S/current/authd.json" },
	/* -x and no CAP_SYS_TIME: it serves time and sets none. -U: it needn't be root then. */
	{ .name = "chronyd", .engine = true, .prepare = PREPARE_PID | PREPARE_TIME, .uid = USER_TIME, .caps_start = CAP(CAP_NET_BIND_SERVICE),
	  .argv = { "/usr/sbin/chronyd", "-d", "-x", "-U", "-f", "%S/current/chrony/chrony.conf" },
	  .read = { ENGINE_READ, "%S/generations", "%S/current" }, .write = { "%R/chrony", "/dev/null" },
	  .files = 1024, .processes = 64, .needs = "%S/current/chrony/chrony.conf" },
	{ .name = "probed", .argv = { "toride-probed" }, .uid = USER_PROBE,
	  .calls = CALLS_READ | CALLS_WRITE | CALLS_UNIX | CALLS_INET | CALLS_NETLINK | CALLS_THREADS,
	  .read = { LIBS, "%S/generations", "%S/current" }, .write = { "%R/probed" },
	  .memory = 256 * MIB, .files = 512, .processes = 64, .needs = "%S/current/probed.json" },
	{ .name = "acmed", .argv = { "toride-acmed" }, .uid = USER_ACME,
	  .calls = CALLS_READ | CALLS_WRITE | CALLS_UNIX | CALLS_INET | CALLS_THREADS,
	  .read = { LIBS, NETLIBS, "%S/generations", "%S/current", "%R" }, .write = { "%S/acme/live", "%S/acme/challenge", "%R/acme" },
	  .memory = 512 * MIB, .files = 512, .processes = 64, .needs = "%S/current/acmed.json" },
	/* It visits from a nursery of its own, forked before this holds; itself it has no network. */
	{ .name = "lookd", .argv = { "toride-lookd" }, .uid = USER_LOOK,
	  .calls = CALLS_READ | CALLS_WRITE | CALLS_UNIX | CALLS_THREADS,
	  .read = { LIBS, "%S/generations", "%S/current" }, .write = { "%S/look" },
	  .memory = 512 * MIB, .files = 256, .processes = 64, .needs = "%S/current/lookd.json" },
	/* DAC_OVERRIDE: the kept pages are files of the sites' server, in directories of its own; Landlock leaves it these alone. */
	{ .name = "purged", .argv = { "toride-purged" }, .uid = USER_PURGE, .own_net = true,
	  .caps_start = CAP(CAP_DAC_OVERRIDE), .caps_kept = CAP(CAP_DAC_OVERRIDE),
	  .calls = CALLS_READ | CALLS_WRITE | CALLS_UNIX | CALLS_THREADS,
	  .read = { LIBS, "%S/generations", "%S/current" }, .write = { "%S/edge/cache" },
	  .memory = 128 * MIB, .files = 256, .processes = 128, .needs = "%S/current/edge/stores" },
	{ .name = "portald", .argv = { "toride-portald" }, .uid = USER_PORTAL, .own_net = true,
	  .calls = CALLS_READ | CALLS_UNIX | CALLS_THREADS | CALLS_FORK,
	  .read = { LIBS, "%S/generations", "%S/current", "%R", "/usr/share/toride" },
	  .memory = 1 * GIB, .files = 1024, .processes = 64, .needs = "%S/current/portald.json" },
	{ .name = "nginx", .engine = true, .uid = USER_WEB, .caps_start = CAP(CAP_NET_BIND_SERVICE), .prepare = PREPARE_TLS,
	  .argv = { "/usr/sbin/nginx", "-p", "%R/nginx", "-c", "%S/current/nginx/nginx.conf", "-g", "daemon off;" },
	  .read = { ENGINE_READ, "%S/generations", "%S/current", "%R" }, .write = { "%R/nginx", "%S/nginx", "/dev/null" },
	  .files = 32768, .processes = 64, .needs = "%S/current/nginx/nginx.conf" },
	{ .name = "edge", .engine = true, .uid = USER_EDGE, .caps_start = CAP(CAP_NET_BIND_SERVICE), .prepare = PREPARE_EDGE,
	  .argv = { "/usr/sbin/nginx", "-p", "%R/edge", "-e", "stderr", "-c", "%S/current/edge/nginx.conf", "-g", "daemon off; load_module %X/toride_kept.so;" },
	  .read = { ENGINE_READ, "%S/generations", "%S/current", "%S/acme", "%X/toride.so", "%X/toride_kept.so" }, .write = { "%R/edge", "%S/edge", "/dev/null" },
	  .files = 65536, .processes = 64, .needs = "%S/current/edge/nginx.conf", .probe = "%R/edge/status.sock",
	  .stop_signal = SIGQUIT /* what is under way is finished */ },
	/* It decides which node carries the traffic, and does nothing about it: that is paird's, who asks torided. NET_RAW: VRRP is a protocol
	 * of its own; NET_ADMIN: the address on lo that it wants to move. */
	{ .name = "paird", .argv = { "toride-paird" }, .uid = USER_PAIR,
	  .caps_start = CAP(CAP_NET_RAW), /* to tell neighbours where the addresses are now: one socket, opened before it reads anything */
	  .calls = CALLS_READ | CALLS_WRITE | CALLS_UNIX | CALLS_INET | CALLS_THREADS,
	  .read = { LIBS, "%S/generations", "%S/current", "%S/submitted", "%S/acme", "%R" }, .write = { "%R/pair", "%R/pair-knot" },
	  .memory = 256 * MIB, .files = 512, .processes = 64, .needs = "%S/current/pair/%N.bin" },
	{ .name = "conntrackd", .engine = true, .uid = USER_CONNTRACKD, .caps_start = CAP(CAP_NET_ADMIN) | CAP(CAP_SYS_NICE), .prepare = PREPARE_LOCK | PREPARE_ROLE,
	  .argv = { "/usr/sbin/conntrackd", "-C", "%S/current/conntrackd/%N-%P.conf" },
	  .read = { ENGINE_READ, "%S/generations", "%S/current" }, .write = { "%R/conntrackd", "/dev/null" },
	  .files = 1024, .processes = 64, .needs = "%S/current/conntrackd/%N-standby.conf", .probe = "%R/conntrackd/control.sock" },
	{ .name = "keepalived", .engine = true, .uid = USER_KEEPALIVED, .caps_start = CAP(CAP_NET_ADMIN) | CAP(CAP_NET_RAW), .prepare = PREPARE_PID | PREPARE_NOTIFY,
	  .argv = { "/usr/sbin/keepalived", "-n", "-l", "-P", "-f", "%S/current/keepalived/%N.conf", "-p", "%R/keepalived/keepalived.pid",
	            "-r", "%R/keepalived/vrrp.pid" },
	  .read = { ENGINE_READ, "%S/generations", "%S/current", "%R/pair" }, .write = { "%R/keepalived", "%R/pair", "/dev/null" },
	  .files = 1024, .processes = 64, .needs = "%S/current/keepalived/%N.conf" },
	/* Knot's own user: it makes and takes copies of the keys that user has, by knotc, and hands paird what paird can't open. */
	{ .name = "dnskeysd", .engine = true, .uid = USER_KNOT, .own_net = true, .argv = { "toride-dnskeysd" },
	  .read = { ENGINE_READ, "%X/toride-dnskeysd", "%R" }, .write = { "%R/knot", "%S/knot", "%R/pair-knot", "/dev/null" },
	  .files = 256, .processes = 64, .needs = "%S/current/pair/%N.bin" },
	/* All of the desk's state passes through it, sealed; its role in the database may copy it and change one setting (pair/copy.h). */
	{ .name = "replicad", .argv = { "toride-replicad" }, .uid = USER_REPLICA,
	  .calls = CALLS_READ | CALLS_WRITE | CALLS_UNIX | CALLS_INET | CALLS_THREADS,
	  .read = { LIBS, "%S/generations", "%S/current", "%R" }, .write = { "%R/replica" },
	  .memory = 256 * MIB, .files = 256, .processes = 64, .needs = "%S/current/pair/%N.bin" },
	/* It only speaks, to the routers that the description names, from a port of its own: no privilege, and nobody is let in. */
	{ .name = "bird", .engine = true, .prepare = PREPARE_BGP, .uid = USER_BGP,
	  .argv = { "/usr/sbin/bird", "-f", "-c", "%S/current/bird/bird.conf", "-s", "%R/bird/bird.ctl" },
	  .read = { ENGINE_READ, "%S/generations", "%S/current" }, .write = { "%R/bird", "/dev/null" },
	  .files = 256, .processes = 16, .needs = "%S/current/bird/bird.conf" },
	{ 0 },
};

/* clamd.sock and PostgreSQL's are made by their engines, in directories of table_dirs. */
const struct table_socket table_sockets[] = {
	{ .name = SOCK_TORIDED, .server = "torided", .peers = { USER_CONTROL, USER_RESPOND, USER_PROBE, USER_ACME, USER_PAIR } },
	{ .name = SOCK_CONTROL, .server = "controld", .anyone = true },
	{ .name = SOCK_VAULT, .server = "vaultd", .peers = { USER_PROXY, USER_INTAKE, USER_DETECT, USER_STORED, USER_CONTROL, USER_KNOT, USER_NSD1,
	                                                 USER_NSD2, USER_UNBOUND, USER_EDGE, USER_RECV, USER_ACME, USER_PAIR, USER_WEB, USER_AUTH, USER_BGP,
	                                                 USER_USERS, USER_REPLICA } },
	{ .name = SOCK_VERDICT, .server = "scand", .peers = { USER_PROXY } },
	{ .name = SOCK_EVENTS, .server = "intaked",
	  .peers = { USER_CONTROL, USER_VAULT, USER_PROXY, USER_SCAN, USER_DETECT, USER_RESPOND, USER_AUTH, USER_PROBE,
	             USER_RECV, USER_ACME, USER_PAIR, USER_USERS, USER_LOOK, USER_REPLICA, USER_STORED, USER_COLD } },
	{ .name = SOCK_DNSTAP, .server = "intaked", .peers = { USER_UNBOUND, USER_NSD1, USER_NSD2 } },
	{ .name = SOCK_EVE, .server = "intaked", .peers = { USER_SURICATA } },
	{ .name = SOCK_FINDINGS, .server = "respondd", .peers = { USER_DETECT } },
	{ .name = SOCK_RESPOND, .server = "respondd", .peers = { USER_CONTROL } },
	{ .name = SOCK_PURGE, .server = "purged", .peers = { USER_CONTROL } },
	{ .name = SOCK_LOOK, .server = "lookd", .peers = { USER_CONTROL } },
	{ .name = SOCK_ACME, .server = "acmed", .peers = { USER_CONTROL, USER_PAIR } },
	{ .name = SOCK_COURIER, .server = "courierd", .peers = { USER_RESPOND } },
	{ .name = SOCK_COLD, .server = "coldd", .peers = { USER_STORED, USER_DETECT } },
	{ .name = SOCK_CLUSTER, .server = "clusterd", .peers = { USER_STORED } },
	{ .name = SOCK_SEARCH, .server = "stored", .peers = { USER_CONTROL, USER_RESPOND } },
	{ .name = SOCK_PROXY, .server = "proxyd" },
	{ .name = SOCK_USERS, .server = "userd", .peers = { USER_PROXY } },
	{ .name = SOCK_PORTAL, .server = "portald", .peers = { USER_WEB } },
	{ .name = SOCK_AUTH, .server = "authd", .peers = { USER_CONTROL, USER_PORTAL } },
	{ 0 },
};

const struct table_dir table_dirs[] = {
	{ "%S", 0, 0, 0755 },
	{ "%S/generations", 0, 0, 0755 },
	{ "%S/log", 0, 0, 0750 },
	{ "%S/vault", USER_VAULT, USER_VAULT, 0700 },
	{ "%S/vault-public", USER_VAULT, USER_VAULT, 0755 },
	{ "%S/submitted", USER_CONTROL, USER_CONTROL, 0755 },
	{ "%S/control", USER_CONTROL, USER_CONTROL, 0700 },
	{ "%S/pg", USER_POSTGRES, USER_POSTGRES, 0700 },
	{ "%S/segments", USER_INTAKE, GROUP_SEGMENTS, 02750 }, /* detectd and stored read; new files inherit the group */
	{ "%S/segments-cold", USER_INTAKE, GROUP_SEGMENTS, 02770 }, /* where another disk is mounted: segment/cold.c. coldd writes too */
	{ "%S/cold", USER_COLD, USER_COLD, 0700 }, /* the key of the store of objects, put there by root */
	{ "%S/cluster", USER_CLUSTER, USER_CLUSTER, 0700 }, /* the key of the ClickHouse elsewhere, put there by root */
	{ "%S/holds", USER_CONTROL, USER_CONTROL, 0755 },            /* whose records are held, by the names of files: segment/hold.h */
	{ "%S/index", USER_INDEX, USER_INDEX, 0700 },
	{ "%S/index-fill", USER_STORED, USER_STORED, 0700 },
	{ "%S/intake", USER_INTAKE, USER_INTAKE, 0700 },
	{ "%S/detect", USER_DETECT, USER_DETECT, 0700 },
	{ "%S/courier", USER_COURIER, USER_COURIER, 0700 }, /* tokens, put there by root */
	{ "%S/respond", USER_RESPOND, USER_RESPOND, 0700 },
	{ "%S/unbound", USER_UNBOUND, USER_UNBOUND, 0755 }, /* trust anchor, RFC 5011 */
	{ "%S/knot", USER_KNOT, USER_KNOT, 0700 }, /* DNSSEC keys, journal */
	{ "%S/nsd1", USER_NSD1, USER_NSD1, 0700 },
	{ "%S/nsd2", USER_NSD2, USER_NSD2, 0700 },
	{ "%S/nginx", USER_WEB, USER_WEB, 0700 },
	{ "%S/edge", USER_EDGE, USER_EDGE, 0755 },
	{ "%S/edge/cache", USER_EDGE, USER_EDGE, 0700 },
	{ "%S/edge/log", USER_EDGE, USER_INTAKE, 02750 },    /* intaked reads */
	{ "%S/acme", 0, 0, 0755 },
	{ "%S/acme/live", USER_ACME, USER_ACME, 0755 },      /* certificates, read by the sites' server */
	{ "%S/acme/challenge", USER_ACME, USER_ACME, 0755 }, /* shown to the authority */
	{ "%S/imports", 0, 0, 0700 },                       /* which files were taken into the log: toride log import */
	{ "%S/look", USER_LOOK, USER_LOOK, 0700 }, /* pages as they were */
	{ "%S/feeds", 0, 0, 0755 },
	{ "%S/feeds/url", 0, 0, 0755 },                     /* the URL index, put there by toride url import */
	{ "%S/feeds/addr", 0, 0, 0755 },                    /* address lists by digest: toride fw feed import */
	{ "%S/feeds/ips", 0, 0, 0755 },                     /* files of signatures by digest: toride ips rules import */
	{ "%S/rpz", 0, 0, 0755 },                           /* the block zone torided writes */
	{ "%R", 0, 0, 0755 },
	{ "%R/stats", 0, 0, 0755 },
	{ "%R/ready", 0, 0, 0755 },
	{ "%R/pids", 0, 0, 0755 },
	{ "%R/pg", USER_POSTGRES, USER_POSTGRES, 0755 },
	{ "%R/clamd", USER_CLAM, USER_SCAN, 02750 },        /* its socket commands clamd: for scand alone */
	{ "%R/scand", USER_SCAN, USER_SCAN, 0755 },         /* the signatures' generation, read by proxyd */
	{ "%R/indexd", USER_INDEX, USER_STORED, 02750 },    /* its socket is the whole log: for stored alone */
	{ "%R/unbound", USER_UNBOUND, USER_UNBOUND, 0755 },
	{ "%R/userd", USER_USERS, USER_USERS, 0700 },
	{ "%R/proxyd", USER_PROXY, USER_PROXY, 0700 },      /* events that wait, past its own death */
	{ "%R/recvd", USER_RECV, USER_RECV, 0700 },
	{ "%R/suricata", USER_SURICATA, USER_WORKER, 02750 }, /* its socket commands it: read back by the verify child */
	{ "%R/knot", USER_KNOT, USER_KNOT, 0700 }, /* these three hold the TSIG key and control sockets: for root alone */
	{ "%R/nsd1", USER_NSD1, USER_NSD1, 0700 },
	{ "%R/nsd2", USER_NSD2, USER_NSD2, 0700 },
	{ "%R/chrony", USER_TIME, USER_TIME, 0750 },
	{ "%R/probed", USER_PROBE, USER_PROBE, 0755 },      /* that no time is believed, for torided */
	{ "%R/nginx", USER_WEB, USER_WEB, 0755 },
	{ "%R/edge", USER_EDGE, USER_EDGE, 0755 },
	{ "%R/acme", USER_ACME, USER_ACME, 0755 },
	{ "%R/detect", USER_DETECT, USER_DETECT, 0755 },    /* what the rules in force could find, for controld */
	{ "%R/pair", USER_PAIR, USER_KEEPALIVED, 02770 },   /* keepalived tells paird, and reads what the node is worth */
	{ "%R/replica", USER_REPLICA, USER_POSTGRES, 02750 }, /* the way to the other node's database: for the one here alone */
	{ "%R/pair-knot", USER_KNOT, USER_PAIR, 02770 },    /* sealed: Knot's keys, this node's and the other one's */
	{ "%R/pair-blocks", 0, USER_PAIR, 02750 },          /* what torided copies there for the other node */
	{ "%R/conntrackd", USER_CONNTRACKD, USER_CONNTRACKD, 0700 }, /* its socket commands it: for root alone */
	{ "%R/keepalived", USER_KEEPALIVED, USER_KEEPALIVED, 0700 },
	{ "%R/bird", USER_BGP, USER_BGP, 0700 }, /* its socket commands it: for root alone */
	{ "%R/edge/tmp", USER_EDGE, USER_EDGE, 0700 },
	{ 0 },
};

const struct table_process *table_find(const char *name)
{
	for (const struct table_process *p = table_processes; p->name; p++)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

const struct table_socket *table_find_socket(const char *name, size_t *ret_index)
{
	for (const struct table_socket *s = table_sockets; s->name; s++)
		if (strcmp(s->name, name) == 0) {
			*ret_index = (size_t)(s - table_sockets);
			return s;
		}
	return NULL;
}

/* What a word of two characters stands for; "" where it is none. */
static const char *word(const char *p)
{
	return strncmp(p, "%S", 2) == 0 ? place_state() :
	       strncmp(p, "%R", 2) == 0 ? place_run() :
	       strncmp(p, "%L", 2) == 0 ? place_rules() :
	       strncmp(p, "%X", 2) == 0 ? place_programs() :
	       strncmp(p, "%N", 2) == 0 ? place_node() :
	       strncmp(p, "%P", 2) == 0 ? (daemon_carries() ? "active" : "standby") : "";
}

const char *table_path(const char *path, char *dst, size_t size)
{
	size_t n = 0;
	for (const char *p = path; *p;) {
		const char *with = word(p);
		int k = *with ? snprintf(dst + n, size - n, "%s", with) : snprintf(dst + n, size - n, "%c", *p);
		p += *with ? 2 : 1;
		n += (size_t)k;
		if (k < 0 || n >= size)
			bug("path too long: %s", path);
	}
	return dst;
}
