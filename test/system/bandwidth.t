#!/bin/bash
# Bandwidth on real packets: two bodies behind a line of 60 Mbps. A town with a small promise and a large burst floods it
# both ways, through the proxy and past it; the other keeps what it was promised, the town no more than its ceiling.
# Bytes are counted, in windows long enough for a busy machine; bounds leave a third.
set -u
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - bandwidth # SKIP needs root"; exit 0; }
export TORIDE_LAB=tb TORIDE_SOURCE=$PWD
T=build/toride L=build/lab-tb
top=$(mktemp -d /tmp/toride-bandwidth.XXXXXX)
. test/system/lib.sh
bad=0 show=("$L/log/torided.log")
finish() { $T lab down >/dev/null 2>&1; rm -rf "$top"; }
trap finish EXIT
at() { local host=$1; shift; $T lab exec "$host" -- "$@"; }
node() { TORIDE_STATE=$PWD/$L/state TORIDE_RUN=$PWD/$L/run $T "$@"; }
# DEVICE CLASS: bytes sent so far
sent() { at gw1 tc -s class show dev "$1" | awk -v c="$2" '$3 == c { f = 1; next } f && $1 == "Sent" { print $2; exit }'; }
between() { [ "$1" -ge "$2" ] && [ "$1" -le "$3" ] || { echo "$1 isn't between $2 and $3"; return 1; }; }
# DEVICE SECONDS: kbit/s of the town and of the other over a window: $town $other. Divided by what the window took, since a busy machine sleeps longer.
both() { at gw1 tc -s class show dev "$1" | awk '/^class/ { c = $3 } $1 == "Sent" { s[c] = $2 } END { print s["1:1"] + 0, s["1:2"] + 0 }'; }
measure() {
	local a b c d t u
	read -r a c <<<"$(both "$1")"; t=$(date +%s%N)
	sleep "$2"
	read -r b d <<<"$(both "$1")"; u=$(($(date +%s%N) - t))
	sent_now=$b now=$((t + u))
	town=$(((b - a) * 8000000 / u)) other=$(((d - c) * 8000000 / u))
	echo "the town $town kbit/s, the other $other kbit/s"
}
# DEVICE CEILING: the town's credit for bursts is spent
spent() { measure "$1" 1; first=$sent_now since=$now; [ "$town" -le "$2" ] && [ "$town" -ge 1000 ]; }
# DEVICE LOW HIGH: a window in which both got what they were promised; that the town got more than it may since its credit was spent is kept in
# $over (not in the window alone: while a busy machine lets a flood rest it earns credit again, which isn't more than it may)
window() {
	measure "$1" 3
	local mean=$(((sent_now - first) * 8000000 / (now - since)))
	[ "$mean" -le "$3" ] || over=$mean
	[ "$town" -ge "$2" ] && between "$other" 24000 60000
}

# 412015: a town, 6 Mbps promised, 10 for long, 40 for 2 s. 412023: 36 promised, 40 at most.
cp -r test/golden/two/description "$top/d" && without_sites "$top/d"
sed -i 's/"in_mbps": 1500/"in_mbps": 60/; s/"out_mbps": 1500/"out_mbps": 60/' "$top/d/service.json"
python3 - "$top/d/orgs" <<'PY'
import json, sys
def edit(code, **values):
    path = f"{sys.argv[1]}/{code}.json"
    o = json.load(open(path))
    o.update(values, url={"mode": "blacklist", "black": []})
    rule = {"id": "up", "direction": "out", "action": "allow", "to": ["203.0.113.50"], "comment": "test", "owner": "test"}
    o["fw"] = [dict(rule, id="udp", protocol="udp", port_low=9, port_high=9), dict(rule, id="tcp", protocol="tcp", port_low=9, port_high=9)]
    json.dump(o, open(path, "w"), ensure_ascii=False)
edit("412015", guaranteed_mbps=6, ceiling_mbps=10, burst_mbps=40, burst_s=2)
edit("412023", guaranteed_mbps=36, ceiling_mbps=40, burst_mbps=40)
PY
try "the lab is up: two bodies behind 60 Mbps" $T lab up "$top/d"
[ "$bad" = 0 ] || { echo "1..$n"; exit 1; }

proxy=192.0.2.10:8080 page=http://news.example/1m.bin
try "control: a page of a megabyte comes through the proxy" until_true 20 at 412015-pc1 curl -sf -x $proxy -o /dev/null --max-time 20 http://www.news.example/1m.bin
page=http://www.news.example/1m.bin

# The burst: what its credit holds comes at four times the ceiling's speed. From rest: the control above cost some of it. A busy
# machine may take its second before curl has asked: then once more, from rest.
burst() {
	local a b kbit
	sleep 2
	a=$(sent toride-in1 1:1)
	at 412015-pc1 timeout 1 sh -c "while :; do curl -s -x $proxy -o /dev/null $page; done"
	b=$(sent toride-in1 1:1)
	kbit=$(((b - a) * 8 / 1000))
	echo "$kbit kbit in a second, ceiling 10000"
	[ $kbit -le 60000 ] || over=$kbit
	[ $kbit -ge 13000 ]
}
over=0
try "a moment's burst passes well above the ceiling" until_true 5 burst
try "and not above its own" is $over 0

# Four at once from the town, all through the proxy.
flood() { for _ in 1 2 3 4; do at "$1" sh -c "while :; do curl -s -x $proxy -o /dev/null $page; done" & done; }
flood 412015-pc1; floods=$(jobs -p)
until_true 5 spent toride-in1 13500
at 412023-pc1 sh -c "while :; do curl -s -x $proxy -o /dev/null $page; done" & asking=$!
over=0
try "inbound, by the proxy: the town and the other get what they were promised" until_true 8 window toride-in1 4000 13500
try "inbound, by the proxy: the town no more than its ceiling" is $over 0
kill $floods $asking 2>/dev/null; wait 2>/dev/null
try "nothing of theirs was taken for the node's own" between "$(sent toride-in1 1:fffe)" 0 1000000

# Outbound, past the proxy: a UDP flood of the town; the other sends by TCP.
at inet sh -c 'exec nc -lk -s 203.0.113.50 -p 9 >/dev/null' & sink=$!
until_true 5 at inet sh -c 'ss -ltnH "sport = 9" | grep -q .'
cat >"$top/udp.py" <<'PY'
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(("203.0.113.50", 9))
end = time.time() + 300
while time.time() < end:
    for _ in range(15):
        try: s.send(b"x" * 1400)
        except OSError: pass
    time.sleep(0.002)
PY
at 412015-pc1 python3 "$top/udp.py" & flood=$!
until_true 5 spent wan0 13500
at 412023-pc1 sh -c 'exec nc 203.0.113.50 9 </dev/zero' & sending=$!
over=0
try "outbound: beside a flood of UDP the other gets what it was promised" until_true 8 window wan0 5000 13500
try "outbound: the flood is cut to the ceiling" is $over 0
dropped=$(at gw1 tc -s class show dev wan0 | awk '$3 == "1:1" { f = 1 } f && /dropped/ { gsub(",", "", $7); print $7; exit }')
try "what was cut is counted" between "${dropped:-0}" 1000 100000000

# The town buys more while both send: nothing that runs is broken, and the kernel says so.
python3 - "$L/description/orgs/412015.json" "$top/next" <<'PY'
import json, os, shutil, sys
shutil.copytree(os.path.dirname(os.path.dirname(sys.argv[1])), sys.argv[2])
path = sys.argv[2] + "/orgs/412015.json"
o = json.load(open(path)); o.update(ceiling_mbps=16); json.dump(o, open(path, "w"), ensure_ascii=False)
PY
try "the ceiling is raised while traffic runs" put_in_force node "$top/next"
try "the flow that runs goes on" kill -0 $sending
until_true 5 spent wan0 18500
over=0
try "the town gets more, and the other still what it was promised" until_true 8 window wan0 13800 18500
try "the new ceiling holds" is $over 0
kill $flood $sending $sink 2>/dev/null; wait 2>/dev/null

# What somebody changes behind our back is found at the next change, and put right.
at gw1 tc class change dev wan0 parent 1:8001 classid 1:1 htb rate 1mbit ceil 2mbit 2>/dev/null
rollback() { node rollback --as tanaka && at gw1 tc class show dev wan0 | grep 'htb 1:1 ' | grep -q 'rate 6Mbit ceil 40Mbit'; }
try "a class changed behind torided's back is what the generation says after a roll-back" rollback
echo "1..$n"
exit $bad
