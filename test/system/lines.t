#!/bin/bash
# Two lines to the Internet. While a terminal downloads and another connection stands open, the first line's cable is
# pulled, later it fails without its cable noticing; traffic goes on by the second and comes back, each move an event with
# its times.
set -u
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - lines # SKIP needs root"; exit 0; }
export TORIDE_LAB=tv TORIDE_SOURCE=$PWD
T=build/toride L=build/lab-tv
top=$(mktemp -d /tmp/toride-lines.XXXXXX)
. test/system/lib.sh
bad=0 show=("$L/log/torided.log")
finish() { $T lab down >/dev/null 2>&1; rm -rf "$top"; }
trap finish EXIT
at() { local host=$1; shift; $T lab exec "$host" -- "$@"; }
node() { TORIDE_STATE=$PWD/$L/state TORIDE_RUN=$PWD/$L/run $T "$@"; }
using() { node status --json | jq -se "any(.[].counters[]; .org == \"\" and .probed.line_$1_in_use == 1)"; }
way() { at gw1 ip route get "$1" | grep -q "dev $2"; }
got() { stat -c %s "$top/page" 2>/dev/null || echo 0; }
grows() { local a; a=$(got); sleep 1; [ "$(got)" -gt "$a" ]; }

cp -r test/golden/two/description "$top/d" && without_sites "$top/d"
python3 - "$top/d" <<'PY'
import json, re, sys
path = sys.argv[1] + "/service.json"
s = json.loads("".join(l for l in open(path) if not l.lstrip().startswith("//")))
s["uplinks"][0]["probes"] = []
s["uplinks"].append({"name": "isp2", "interface": "wan1", "addr4": "192.0.2.66/29", "gateway4": "192.0.2.65", "addr6": "2001:db8:200::2/64",
                     "gateway6": "2001:db8:200::1", "in_mbps": 200, "out_mbps": 200, "priority": 2, "probes": ["203.0.113.2"]})
s["failover"] = {"back_s": 3}
json.dump(s, open(path, "w"), ensure_ascii=False)
path = sys.argv[1] + "/orgs/412015.json"
o = json.load(open(path))
o["fw"].append({"id": "echo", "direction": "out", "action": "allow", "to": ["203.0.113.50"], "protocol": "tcp", "port_low": 7, "port_high": 7,
                "comment": "test", "owner": "test"})
o.update(guaranteed_mbps=4, ceiling_mbps=8, burst_mbps=8)
json.dump(o, open(path, "w"), ensure_ascii=False)
PY
try "the lab is up with two lines" $T lab up "$top/d"
[ "$bad" = 0 ] || { echo "1..$n"; exit 1; }
try "the first line carries the traffic" until_true 20 using isp1
try "the kernel sends by it" way 203.0.113.10 wan0

# A connection past the proxy that stays open all the time: what is written comes back, in order.
cat >"$top/echo.py" <<'PY'
import socket
s = socket.create_server(("203.0.113.50", 7)); c, _ = s.accept()
while d := c.recv(4096): c.sendall(d)
PY
cat >"$top/talk.py" <<'PY'
import socket, sys, time
s = socket.create_connection(("203.0.113.50", 7)); s.settimeout(60)
n, end = 0, time.time() + 240
while time.time() < end:
    word = b"%08d" % n; s.sendall(word); got = b""
    while len(got) < 8: got += s.recv(8 - len(got))
    if got != word: sys.exit(1)
    n += 1; open(sys.argv[1], "w").write(str(n)); time.sleep(0.05)
PY
at inet python3 "$top/echo.py" & echoes=$!
until_true 5 at inet sh -c 'ss -ltnH "sport = 7" | grep -q .'
at 412015-pc1 python3 "$top/talk.py" "$top/said" & talk=$!
at 412015-pc2 sh -c "while :; do curl -s -x 192.0.2.10:8080 --max-time 60 http://www.news.example/1m.bin; done" >"$top/page" & page=$!
said() { cat "$top/said" 2>/dev/null || echo 0; }
talks() { local a; a=$(said); sleep 1; kill -0 $talk && [ "$(said)" -gt "$a" ]; }
try "control: the open connection talks" until_true 20 talks
try "control: pages come" until_true 20 grows

at inet ip link set eth0 down
try "cable out: the second line carries the traffic" until_true 20 using isp2
try "the kernel sends by it" way 203.0.113.10 wan1
try "the open connection goes on" until_true 20 talks
try "pages go on" until_true 20 grows
try "an event tells the failure with its times" until_true 20 sh -c "TORIDE_STATE=$PWD/$L/state TORIDE_RUN=$PWD/$L/run $T log tail --org service -n 200 | grep 'isp1 failed, silent for [0-9]* ms; traffic moved to isp2 in [0-9]* ms'"
at inet ip link set eth0 up
try "cable in: back to the first line" until_true 30 using isp1
try "the open connection goes on" until_true 20 talks
try "an event tells the return with its times" until_true 20 sh -c "TORIDE_STATE=$PWD/$L/state TORIDE_RUN=$PWD/$L/run $T log tail --org service -n 200 | grep 'isp1 answers again for [0-9]* ms; traffic moved back from isp2 in'"

# The line is dead beyond its first metre: the cable shows nothing, only the questions find it.
at inet nft 'add table inet dead; add chain inet dead in { type filter hook prerouting priority -400; }; add rule inet dead in iifname "eth0" drop'
try "a line that fails silently is left too" until_true 20 using isp2
try "its cable showed nothing" sh -c "$T lab exec gw1 -- ip link show wan0 | grep -q LOWER_UP"
try "the open connection goes on" until_true 20 talks
try "pages go on" until_true 20 grows
# It comes and goes for less than back_s: traffic stays where it is.
moves() { node status --json | jq '.counters[] | select(.org == "") | .probed.line_moves'; }
flap() { # it answers for a second; false where a busy machine has made more than back_s of it
	local began; began=$(date +%s%N)
	at inet nft flush chain inet dead in; sleep 1; at inet nft 'add rule inet dead in iifname "eth0" drop'
	[ $((($(date +%s%N) - began) / 1000000)) -lt 2800 ]
}
moved=0
comes_and_goes() {
	local m
	until_true 20 using isp2 && m=$(moves) && [ "${m:-0}" -gt 0 ] && flap && sleep 1 && flap || return
	sleep 1
	[ "$(moves)" = "$m" ] || moved=1
}
try "a line that comes and goes" until_true 10 comes_and_goes
try "moves nothing" is "$moved" 0
at inet nft delete table inet dead
try "it is used again once it has answered without a gap" until_true 30 using isp1

# A change of the description while the first line is dead doesn't move traffic back onto it.
at inet ip link set eth0 down
until_true 20 using isp2 >/dev/null
cp -r "$L/description" "$top/next"; sed -i 's/"users": *[0-9]*/"users": 2220/' "$top/next/orgs/412015.json"
try "a change is applied while the first line is dead" put_in_force node "$top/next"
try "traffic stays on the second" until_true 20 using isp2
try "the kernel says so" way 203.0.113.10 wan1
at inet ip link set eth0 up
try "and moves back under the new generation" until_true 30 using isp1
try "the open connection has lived through all of it" until_true 20 talks
kill $talk $page $echoes 2>/dev/null; wait 2>/dev/null
try "what each body used of the lines is shown" sh -c "TORIDE_STATE=$PWD/$L/state TORIDE_RUN=$PWD/$L/run $T lines | grep -E '412015 .*[1-9]'"
echo "1..$n"
exit $bad
