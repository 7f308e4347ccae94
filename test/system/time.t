#!/bin/bash
# Time for the bodies: from a server above that proves who it is (NTS), to terminals that have the same address in two
# bodies. A server that can't prove it is not believed; a node's clock that is off is told.
set -u
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - time # SKIP needs root"; exit 0; }
export TORIDE_LAB=ty TORIDE_SOURCE=$PWD
T=build/toride L=$PWD/build/lab-ty
top=$(mktemp -d /tmp/toride-time.XXXXXX)
. test/system/lib.sh
bad=0 show=("$L/log/torided.log" "$L/log/time.log")
servers=()
finish() { [ ${#servers[@]} = 0 ] || kill "${servers[@]}" 2>/dev/null; $T lab down >/dev/null 2>&1; rm -rf "$top"; }
trap finish EXIT
at() { local host=$1; shift; $T lab exec "$host" -- "$@"; }
node() { TORIDE_STATE=$L/state TORIDE_RUN=$L/run $T "$@"; }
gauge() { node status --json | jq -se "any(.[].counters[]; .org == \"\" and .probed.$1 == $2)"; }
told() { node log tail --org service -n 300 | grep "$1"; }
times() { told "$1" | wc -l; }
again() { [ "$(times "$1")" -gt "$2" ]; } # WORDS TIMES: told once more than that
pid_of() { node status --json | jq -r ".processes[] | select(.name == \"$1\").pid"; }

cat >"$top/ask.py" <<'PY'
# ask.py SERVER [FROM PORT]: what the server says, as "stratum N off S"; "unsynchronised"; or an error
import socket, struct, sys, time
six = ":" in sys.argv[1]
s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(2)
if len(sys.argv) > 2: s.bind((sys.argv[2], int(sys.argv[3])))
t1 = time.time()
s.sendto(b"\x23" + bytes(39) + struct.pack(">II", int(t1) + 2208988800, 1), (sys.argv[1], 123))
m, who = s.recvfrom(512)
assert who[0] == sys.argv[1], who
leap, stratum = m[0] >> 6, m[1]
sent = struct.unpack(">II", m[40:48])
off = sent[0] - 2208988800 + sent[1] / 2**32 - time.time()
print("unsynchronised" if leap == 3 or not 0 < stratum < 16 else f"stratum {stratum} off {abs(off):.0f}")
PY
says() { local host=$1 want=$2; shift 2; at "$host" python3 "$top/ask.py" "$@" | tee /dev/stderr | grep -qx "$want"; }

cp -r test/golden/two/description "$top/d" && without_sites "$top/d"
sed -i 's/"time": *{/&"silent_s": 6, /' "$top/d/service.json"
try "the lab is up" $T lab up "$top/d"
[ "$bad" = 0 ] || { echo "1..$n"; exit 1; }
synchronised() { gauge time_synchronised 1; }
try "the time server has its time from above, under NTS" until_true 40 synchronised
try "a terminal gets it" until_true 5 says 412015-pc1 "stratum 2 off 0" 192.0.2.123
both() { # the same address and port in two bodies, at once
	at 412015-pc1 python3 "$top/ask.py" 192.0.2.123 10.1.0.5 40123 >"$top/a" & local a=$!
	at 412023-pc1 python3 "$top/ask.py" 192.0.2.123 10.1.0.5 40123 >"$top/b" && wait $a && grep -qx "stratum 2 off 0" "$top/a" && grep -qx "stratum 2 off 0" "$top/b"
}
try "two terminals with the same address and port, in two bodies, get it at once" until_true 5 both
try "by IPv6 too" until_true 5 says 412015-pc1 "stratum 2 off 0" 2001:db8:2::123
try "nobody on the Internet is answered" eval '! says inet ".*" 198.51.100.2'
try "chronyd may not set the clock" eval '[ "$(grep CapEff "/proc/$(pid_of chronyd)/status" | cut -f2)" = 0000000000000400 ]'

# A server that can't prove who it is: the same address, without NTS.
above() { # CONF...: other servers in place of the lab's
	pgrep -f "^chronyd.* $L/internet/chrony.conf" | xargs -r kill # and its helper for NTS
	[ ${#servers[@]} = 0 ] || kill "${servers[@]}" 2>/dev/null
	servers=()
	until_true 5 eval '! at inet ss -lun "sport = 123" | grep -q 203.0.113.123'
	local c
	for c in "$@"; do $T lab exec inet -- chronyd -d -x -f "$c" >>"$top/servers.log" 2>&1 & servers+=("$!"); done
}
common="bindaddress 203.0.113.123
allow
user root
cmdport 0
bindcmdaddress /"
printf '%s\nlocal stratum 1\npidfile %s/plain.pid\n' "$common" "$top" >"$top/plain.conf"
above "$top/plain.conf"
# Where its keys are asked for somebody answers who has none: chrony wouldn't ask again for 34 minutes (doc/TIME.md).
$T lab exec inet -- python3 -c 'import socket
s = socket.create_server(("203.0.113.123", 4460))
while True: s.accept()[0].close()' & nobody=$!
until_true 5 at inet sh -c 'ss -ltnH "sport = 4460" | grep -q .'
rm -f "$L"/run/chrony/*.nts
silent="no time server above answers as it should" well="the time servers above answer again"
before=$(times "$silent")
kill "$(pid_of chronyd)"
try "one that can't prove who it is isn't believed" until_true 20 says 412015-pc1 unsynchronised 192.0.2.123
try "that is told" until_true 20 again "$silent" "$before"
before=$(times "$well")

# One that proves it, and says it is five seconds later: then it is our clock that is off.
printf '%s\nlocal stratum 1\nport 1123\npidfile %s/source.pid\n' "$common" "$top" >"$top/source.conf"
printf '%s\nserver 203.0.113.123 port 1123 iburst minpoll 0 maxpoll 0 offset 5\nntsserverkey %s/internet/time.key\nntsservercert %s/internet/time.pem\npidfile %s/late.pid\n' \
	"$common" "$L" "$L" "$top" >"$top/late.conf"
kill $nobody; wait $nobody 2>/dev/null
until_true 5 eval '! at inet ss -ltn "sport = 4460" | grep -q 203.0.113.123'
above "$top/source.conf" "$top/late.conf"
until_true 10 says inet "stratum 2 off 5" 203.0.113.123 # it has its own time from the one above it
try "asked anew by itself, it believes one that proves it, and the alarm ends" until_true 60 again "$well" "$before"
try "a node's clock that is off is told" until_true 60 told "the node.s clock is off: the time servers say [+-][45][0-9]* ms"
try "terminals get the true time, not the node's" until_true 10 says 412015-pc1 "stratum 3 off 5" 192.0.2.123
echo "1..$n"
exit $bad
