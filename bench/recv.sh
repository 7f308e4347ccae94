#!/bin/bash
# Lines of firewalls by TCP: received, parsed, normalised, handed over, sealed and synced by toride-recvd and toride-intaked; beside rsyslog and
# syslog-ng that write the same lines to a file as they came, and syslog-ng that splits key=value and writes JSON. CPU-seconds of all
# processes that take part, per million lines. Disks aren't measured: everything lies in memory.
# Debian's syslog-ng and rsyslog refuse to be installed together: this one is fetched, and unpacked beside, before the network is left.
cache=${XDG_CACHE_HOME:-/var/cache}/toride/bench
if ! compgen -G "$cache/syslog-ng-core_*.deb" >/dev/null; then
	(mkdir -p "$cache" && cd "$cache" && apt-get download syslog-ng-core) >/dev/null 2>&1 || echo "bench: syslog-ng can't be fetched" >&2
fi
. "$(dirname "$0")/lib.sh"
n=${BENCH_LINES:-400000}

# What a city's FortiGate says of its traffic; every line another.
python3 - "$n" >"$work/lines" <<'PY'
import random, sys
r = random.Random(1)
for i in range(int(sys.argv[1])):
    t = "%02d:%02d:%02d" % (9 + i // 36000 % 9, i // 600 % 60, i // 10 % 60)
    print('<189>date=2026-11-29 time=%s devname="FG-CITY" devid="FG100F0000000001" logid="0000000013" type="traffic" subtype="forward" level="notice" vd="root" '
          'srcip=10.1.%d.%d srcport=%d srcintf="lan" dstip=203.0.113.%d dstport=443 dstintf="wan1" policyid=%d sessionid=%d proto=6 action="%s" service="HTTPS" '
          'duration=%d sentbyte=%d rcvdbyte=%d' % (t, r.randrange(256), r.randrange(256), r.randrange(1024, 65536), r.randrange(256), r.randrange(40), i,
          r.choice(("close", "close", "deny")), r.randrange(600), r.randrange(100000), r.randrange(1000000)))
PY
lines=$(wc -l <"$work/lines")
[ "$lines" = "$n" ] || die "no lines"
until_true() { local i; for i in $(seq 600); do "$@" && return 0; sleep 0.1; done; return 1; }
sent() { timeout 300 nc -N 127.0.0.1 "$1" <"$work/lines" >/dev/null; } # until the other side has closed
has_lines() { [ "$(wc -l <"$1" 2>/dev/null)" = "$n" ]; }
per_million() { calc "$1 / $hz * 1000000 / $n"; }

# ---- ours ----
export TORIDE_STATE=$work/state TORIDE_RUN=$work/run
mkdir -p "$work"/state/{generations/a,segments,intake,vault,vault-public,edge/log} "$work"/run/{stats,ready,recvd}
ln -s generations/a "$work/state/current"; touch "$work"/run/ready/{intaked,vaultd,recvd}
echo '{"v":1,"uplinks":["wan0"],"orgs":[{"code":"412015","index":1,"interface":"o412015","publics":["198.51.100.1"]}],"zones":[]}' >"$work/state/current/intaked.json"
echo '{"v":1,"addr4":"127.0.0.1","port":5514,"tls_port":6514,"orgs":[{"code":"412015","interface":"","sources":[{"name":"fw1","addr":"127.0.0.1","format":"fortigate","zone_s":32400,"silent_s":0,"certificate":""}]}]}' >"$work/state/current/recvd.json"
start() { local program=$1; shift; "$@" "$build/toride-$program" >>"$work/log" 2>&1 & pids+=($!); eval "$program=$!"; }
user=$((47100 + $(sed -n '/USER_CONTROL = /,/USER_RECV/p' "$here/../src/wire/place.h" | grep -c 'USER_') - 1)) # intaked believes its user, not its name
chmod 755 "$work"; chown "$user" "$work/run/stats" "$work/run/ready/recvd"
start vaultd; until_true [ -S "$work/run/vault.sock" ] || die "vaultd: $(tail -n 3 "$work/log")"
start intaked; until_true grep -q '"message":"ready' "$work/log" || die "intaked: $(tail -n 3 "$work/log")"
start recvd setpriv --reuid "$user" --regid "$user" --clear-groups; up 5514 || die "recvd: $(tail -n 3 "$work/log")"
before=$(ticks "$vaultd" "$intaked" "$recvd") began=$(date +%s.%N)
sent 5514 || die "recvd took not all"
ours=$(($(ticks "$vaultd" "$intaked" "$recvd") - before)) took=$(calc "$(date +%s.%N) - $began")
part_recvd=$(ticks "$recvd") part_intaked=$(ticks "$intaked")
stored=$("$build/toride" log verify --json 2>/dev/null | tail -n 1 | jq .records)
[ "${stored:-0}" -ge "$n" ] || say "stored: ${stored:-?} of $n"
kill "$recvd" "$intaked" "$vaultd"; wait "$recvd" "$intaked" "$vaultd" 2>/dev/null
rm -rf "$work/state" "$work/export"
say "$n lines in $took s; recvd $(per_million "$part_recvd"), intaked $(per_million "$part_intaked") CPU-s a million"

# ---- the peers ----
measured=-
# peer NAME PORT FILE COMMAND...: sets measured
peer() {
	local name=$1 port=$2 out=$3 pid before; shift 3
	"$@" >>"$work/log" 2>&1 & pid=$!; pids+=("$pid")
	measured=-
	up "$port" || { say "$name doesn't start: $(tail -n 3 "$work/log")"; return 1; }
	before=$(ticks "$pid")
	timeout 120 nc -N -q 1 127.0.0.1 "$port" <"$work/lines" >/dev/null
	until_true has_lines "$out" || { say "$name wrote $(wc -l <"$out") of $n lines"; kill "$pid"; return 1; }
	measured=$(($(ticks "$pid") - before))
	kill "$pid"; wait "$pid" 2>/dev/null
	rm -f "$out"
}
compare() { # NAME
	[ "$measured" = - ] && { figure "recv.$1" "$(per_million $ours)" cpu-s/M "$2" - - -; return; }
	figure "recv.$1" "$(per_million $ours)" cpu-s/M "$2" "$(per_million "$measured")" "$(calc "$measured / $ours")" -
}

cat >"$work/rsyslog.conf" <<END
module(load="imtcp")
input(type="imtcp" port="5515" address="127.0.0.1" ruleset="r")
ruleset(name="r" queue.type="linkedlist" queue.size="100000") { action(type="omfile" file="$work/rsyslog.out") }
END
peer rsyslog 5515 "$work/rsyslog.out" rsyslogd -n -f "$work/rsyslog.conf" -i "$work/rsyslog.pid"
compare writing rsyslog

dpkg-deb -x "$cache"/syslog-ng-core_*.deb "$work/sng" || say "syslog-ng isn't there"
lib=$(dirname "$(find "$work/sng" -name 'libsyslog-ng-*.so.*' 2>/dev/null | head -n 1)")
modules=$(dirname "$(find "$work/sng" -name libafsocket.so 2>/dev/null | head -n 1)")
sng() { LD_LIBRARY_PATH=$lib exec "$work/sng/usr/sbin/syslog-ng" -F --module-path "$modules" -f "$1" -R "$work/sng.persist" -p "$work/sng.pid" -c "$work/sng.ctl"; }
base() { printf '@version: 3.38\noptions { stats-freq(0); };\nsource s { network(ip("127.0.0.1") port(%s) transport("tcp") log-iw-size(10000)); };\n' "$1"; }
{ base 5516; printf 'destination d { file("%s" log-fifo-size(1000000)); };\nlog { source(s); destination(d); flags(flow-control); };\n' "$work/sng.out"; } >"$work/sng1.conf"
{ base 5517; printf 'parser p { kv-parser(); };\ndestination d { file("%s" template("$(format-json --scope nv-pairs,core)\\n") log-fifo-size(1000000)); };\nlog { source(s); parser(p); destination(d); flags(flow-control); };\n' "$work/sng.out"; } >"$work/sng2.conf"
peer syslog-ng 5516 "$work/sng.out" sng "$work/sng1.conf"
compare writing.2 syslog-ng
peer syslog-ng-parsing 5517 "$work/sng.out" sng "$work/sng2.conf"
compare parsing syslog-ng
figure recv.rate "$(calc "$n / $took")" lines/s - - - -
