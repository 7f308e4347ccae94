#!/bin/bash
# Two lines to the Internet, the second also for a named service. While a terminal downloads and another connection stands open, the first line's cable is
# pulled, later it fails without its cable noticing; traffic goes on by the second and comes back, each move an event with
# its times. What breaks out goes by the second line and from an address of its own, by the first while the second doesn't work.
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
s["breakout"] = {"line": "isp2", "services": [{"name": "saas", "title": "SaaS", "names": ["saas.example"], "comment": "test"}]}
json.dump(s, open(path, "w"), ensure_ascii=False)
path = sys.argv[1] + "/orgs/412015.json"
o = json.load(open(path))
o["fw"].append({"id": "echo", "direction": "out", "action": "allow", "to": ["203.0.113.50"], "protocol": "tcp", "port_low": 7, "port_high": 8,
                "comment": "test", "owner": "test"})
o.update(guaranteed_mbps=4, ceiling_mbps=8, burst_mbps=8)
o["url"]["white"] = ["saas.example"] # asked in a loop, it would be blocked as a command server
o["breakout"] = {"global4": "192.0.2.67", "ceiling_mbps": 4, "burst_mbps": 4,
                 "services": [{"service": "saas", "owner": "test", "reason": "test", "expires": "2035-01-01T00:00:00Z"}]}
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

# ---- the breakout: by name what the proxy fetches, by address what is routed
at inet nft 'add table inet count; add chain inet count in { type filter hook prerouting priority -300; }
	add rule inet count in iifname "eth0" ip saddr 192.0.2.67 counter
	add rule inet count in iifname "eth1" ip saddr 192.0.2.67 counter'
came() { at inet nft -j list chain inet count in | jq --arg d "$1" '[.nftables[].rule? | select(.) | select(.expr[0].match.right == $d) | .expr[2].counter.packets] | add'; }
more() { local was=$2; [ "$(came "$1")" -gt "$was" ]; }
saas() { local said; said=$(at "$1" curl -sSk -x 192.0.2.10:8080 --max-time 10 https://saas.example/ 2>&1); is "$said" "saas $2"; }
try "a service known by its name is reached from the breakout's address" until_true 20 saas 412015-pc1 192.0.2.67
try "its packets came by the second line" more eth1 0
try "and none by the first" is "$(came eth0)" 0
try "a body that hasn't opted for it is seen by its ordinary address" until_true 20 saas 412023-pc1 198.51.100.102

# Its addresses, in a list that is pinned by digest: flows past the proxy, which the body's rules allow or don't as before.
echo 203.0.113.50 >"$top/list"
list=$(node fw feed import "$top/list" --json | jq -r .digest)
cat >"$top/peer.py" <<'PY'
import socket, threading
def serve(c, a):
    try:
        c.sendall(("from %s\n" % a[0]).encode())
        while c.recv(1) == b"m": c.sendall(b"x" * 1000000)
    except OSError: pass
    c.close()
s = socket.create_server(("203.0.113.50", 8))
while True: threading.Thread(target=serve, args=s.accept(), daemon=True).start()
PY
$T lab exec inet -- python3 "$top/peer.py" & peer=$!
until_true 5 at inet sh -c 'ss -ltnH "sport = 8" | grep -q .'
from() { at 412015-pc1 sh -c 'echo | nc -w 5 203.0.113.50 8' | grep -qx "from $1"; }
try "control: without its addresses a routed flow takes the ordinary way" until_true 20 from 198.51.100.101
listed() { # DIGEST EXPIRES: the description with that list
	rm -rf "$top/b"; cp -r "$L/description" "$top/b"
	jq --arg d "$1" '.breakout.services[0].addresses = $d' "$L/description/service.json" >"$top/b/service.json"
	jq --arg e "$2" '.breakout.services[0].expires = $e' "$L/description/orgs/412015.json" >"$top/b/orgs/412015.json"
}
listed "sha256:$(printf 'ab%.0s' $(seq 32))" 2035-01-01T00:00:00Z
missing() { put_in_force node "$1" 2>&1 | grep "isn't on this node"; }
try "a list that isn't on this node is refused" missing "$top/b"
listed "$list" 2035-01-01T00:00:00Z
try "a list that is there is applied" put_in_force node "$top/b"
try "the routed flow leaves from the breakout's address" until_true 20 from 192.0.2.67
try "by the second line alone" is "$(came eth0)" 0
refused() { ! at 412015-pc1 nc -z -w 3 203.0.113.50 9; }
try "the breakout permits nothing: another port is refused as before" refused

# Its ceiling on that line, 4 Mbps; the body's other traffic has 8 of its own.
sent() { at gw1 tc -s class show dev "$1" | awk -v c="$2" '$3 == c { f = 1; next } f && $1 == "Sent" { print $2; exit }'; }
between() { [ "$1" -ge "$2" ] && [ "$1" -le "$3" ] || { echo "$1 isn't between $2 and $3"; return 1; }; }
$T lab exec 412015-pc1 -- python3 -c 'import socket
s = socket.create_connection(("203.0.113.50", 8))
while True: s.sendall(b"m"); s.recv(1 << 20)' & pull=$!
flows() { [ "$(sent toride-in2 1:4001)" -gt 500000 ]; }
try "what comes back is counted in the breakout's class of that line" until_true 20 flows
t=${EPOCHREALTIME/./} a=$(sent toride-in2 1:4001)
full() { [ "$(sent toride-in2 1:4001)" -ge $((a + 2500000)) ]; }
try "a large download goes on" until_true 30 full
b=$(sent toride-in2 1:4001) us=$((${EPOCHREALTIME/./} - t))
try "a large download keeps to its ceiling there" between $(((b - a) * 8000 / us)) 1 5000
kill $pull 2>/dev/null; wait $pull 2>/dev/null
shown() { node lines | sed -n '/broken out/,$p' | grep -E '^412015 .*[1-9]'; }
try "it is shown by body" until_true 20 shown

# The second line fails, by its cable and silently: what broke out goes by the first, from the same address.
was=$(came eth0)
at inet ip route replace 192.0.2.64/29 dev eth0 metric 2000 # the provider's, which went when that cable was out
at inet ip link set eth1 down
try "cable of the second line out: the service is still reached" until_true 20 saas 412015-pc1 192.0.2.67
try "by the first line" more eth0 "$was"
try "and so is what is routed" until_true 20 from 192.0.2.67
at inet ip link set eth1 up
was=$(came eth1)
again() { from 192.0.2.67 && more eth1 "$was"; }
try "cable in: by the second again" until_true 30 again
led() { at gw1 ip rule show pref 30000 | grep -q "lookup 90$1"; }
at inet nft 'add table inet dead; add chain inet dead in { type filter hook prerouting priority -400; }; add rule inet dead in iifname "eth1" drop'
try "the second line fails silently: what breaks out is led to the first" until_true 20 led 1
try "and arrives" until_true 20 from 192.0.2.67
at inet nft delete table inet dead
back() { at gw1 ip rule show pref 30000 | wc -l | grep -qx 0; }
try "and by its own again once that answers" until_true 30 back

# Its end: without a change of anything the service is an ordinary one again.
listed "$list" "$(date -u -d '+8 seconds' +%Y-%m-%dT%H:%M:%SZ)"
try "a breakout with an end is applied" put_in_force node "$top/b"
try "past its end the proxy reaches the service by the ordinary way" until_true 30 saas 412015-pc1 198.51.100.101
try "and so does a routed flow" until_true 20 from 198.51.100.101
kill $peer 2>/dev/null; wait $peer 2>/dev/null
echo "1..$n"
exit $bad
