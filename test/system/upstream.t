#!/bin/bash
# What the upstream is asked to drop: a router of the lab's Internet hears by BGP of one address that is flooded and drops its packets before
# the line; nobody is asked alone, nothing but one's own single addresses is ever announced, and what ends is withdrawn.
set -u
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - upstream # SKIP needs root"; exit 0; }
export TORIDE_LAB=tq TORIDE_SOURCE=$PWD
T=build/toride L=build/lab-tq
top=$(mktemp -d /tmp/toride-upstream.XXXXXX)
. test/system/lib.sh
bad=0 show=("$L/log/torided.log" "$L/log/upstream.log")
finish() { $T lab down >/dev/null 2>&1; rm -rf "$top"; }
trap finish EXIT
at() { local host=$1; shift; $T lab exec "$host" -- "$@"; }
node() { TORIDE_STATE=$PWD/$L/state TORIDE_RUN=$PWD/$L/run $T "$@"; }
router() { at inet birdc -s "$PWD/$L/internet/upstream.ctl" "$@"; }
hears() { router show route table "$1" | grep -q "$2"; }
silent() { local said; said=$(router show route table "$1") && ! grep -q "$2" <<<"$said"; }
state() { node block list --all --json | jq -se --arg id "$1" --arg s "$2" 'any(.[]; .id == $id and .state == $s)'; }
ask() { node block add "$1" --kind "$2" --org "${3:-412015}" --reason test --by alice --json | jq -r .id; }
listed() { [[ $1 == B-* ]] || { echo "no block: $1"; return 1; }; }

cp -r test/golden/two/description "$top/d" && without_sites "$top/d"
jq '.mitigation = {"as": 64512, "peers": [{"name": "isp1", "address": "198.51.100.1", "as": 64500, "flowspec": true, "secret": 2}], "guard": ["198.51.100.102"]}' \
	<(grep -v '^//' "$top/d/service.json") >"$top/s" && mv "$top/s" "$top/d/service.json"
try "the lab is up with an upstream that takes announcements" $T lab up "$top/d"
[ "$bad" = 0 ] || { echo "1..$n"; exit 1; }
up() { router show protocols customer1 | grep -q Established; }
# The session is signed. The router doesn't know by what yet, as in life, and hears nothing of us.
signed() { at gw1 grep -q secret_2 "$PWD/$L/state/current/bird/bird.conf" && [ "$(stat -c %a "$L/run/bird/secrets")" = 600 ]; }
try "the session is signed by a secret that lies in the run directory alone" until_true 30 signed
refuses() { at inet nstat -as TcpExtTCPMD5Failure TcpExtTCPMD5Unexpected TcpExtTCPMD5NotFound 2>/dev/null | awk '/MD5/ { n += $2 } END { exit !n }'; }
try "a router that was told another secret refuses our packets" until_true 30 refuses
try "and has no session with us" eval '! up'
printf 'define secret_2 = "%s";\n' "$(node lines secret 2)" >"$L/internet/upstream.secrets"
try "told by its operator, it takes it" eval 'router configure | grep -qi reconfigur'
try "the session stands" until_true 30 up
try "another number is another secret" eval 'a=$(node lines secret 2) b=$(node lines secret 3); [ "$a" != "$b" ] && [ ${#a} = 40 ] && [ ${#b} = 40 ]'

# A flood towards two bodies' addresses, counted as it comes in by the line.
at gw1 nft 'add table inet count; add chain inet count in { type filter hook prerouting priority -400; }
	add rule inet count in iifname "wan0" udp sport 53 ip daddr 198.51.100.101 counter
	add rule inet count in iifname "wan0" udp sport 53 ip daddr 198.51.100.102 counter'
came() { at gw1 nft -j list chain inet count in | jq --arg d "$1" '[.nftables[].rule? | select(.) | select([.expr[].match?.right] | index($d)) | .expr[].counter?.packets | select(.)] | add'; }
cat >"$top/flood.py" <<'PY'
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("203.0.113.77", 53))
while True:
    for a in "198.51.100.101", "198.51.100.102":
        try: s.sendto(b"x" * 100, (a, 9999))
        except OSError: pass
    time.sleep(0.01)
PY
$T lab exec inet -- python3 "$top/flood.py" & flood=$!
past() { [ "$(came "$1")" -gt "$2" ]; }
comes() { until_true 5 past "$1" "$(came "$1")"; }
# twenty packets to the other body have come, and none to this one
stopped() { local a b; a=$(came "$1"); b=$(came "$2"); until_true 5 past "$2" $((b + 20)) && is "$(came "$1")" "$a"; }
try "control: the flood comes in" until_true 20 comes 198.51.100.101

id=$(ask 198.51.100.101 blackhole)
try "a blackhole is asked for" listed "$id"
try "it waits for another person" until_true 10 state "$id" requested
own() { node block consent "$id" --by Alice 2>&1 | grep -i "doesn't approve"; }
try "who asked doesn't approve" own
try "nothing is announced" silent master4 198.51.100.101
try "another person approves" node block consent "$id" --by bob
try "the router hears of it" until_true 20 hears master4 '198.51.100.101/32.*blackhole'
try "its kernel drops what goes there" until_true 10 at inet sh -c 'ip route show type blackhole | grep -q 198.51.100.101'
try "the flood stops before the line" until_true 20 stopped 198.51.100.101 198.51.100.102
try "control: what goes to the other body still comes" until_true 20 comes 198.51.100.102
try "the block acts" until_true 20 state "$id" active

# What may never be announced, whoever approves.
unasked() { ! node block add "$1" --kind "$2" --org "$3" --reason test --by alice >"$top/said" 2>&1 && grep "never blocked: not" "$top/said"; }
try "a guarded address is refused to who asks for it" unasked 198.51.100.102 blackhole 412023
try "and so is another body's" unasked 198.51.100.102 blackhole 412015
try "and so is a network" unasked 198.51.100.0/24 blackhole 412015
try "and so are flows to another's" unasked "to 198.51.100.102 udp" flow 412015
refused() { listed "$1" && node block consent "$1" --by bob && until_true 20 state "$1" failed; }
try "a flow that isn't one is refused by who would announce it" refused "$(ask 'to 198.51.100.101 udp; }' flow)"
one() { [ "$(router show route table master4 | grep -c blackhole)" = 1 ] && [ "$(at inet ip route show type blackhole | wc -l)" = 1 ]; }
try "the router has heard of one address alone" one

flow=$(ask 'to 198.51.100.101 udp from-port 53' flow)
try "single flows are asked for too" listed "$flow"
try "with approval" node block consent "$flow" --by bob
try "the router hears of them" until_true 20 hears flows4 'dst 198.51.100.101/32; proto 17; sport 53;'
rate() { router show route table flows4 all | grep -qi '0x80060000'; }
try "to be dropped (traffic-rate 0)" rate

pid=$(cut -d' ' -f1 "$L/run/pids/bird")
kill -9 "$pid"
again() { local p; p=$(cut -d' ' -f1 "$L/run/pids/bird") && [ "$p" != "$pid" ] && up && hears master4 198.51.100.101/32 && hears flows4 198.51.100.101/32; }
try "killed, it comes back and announces the same" until_true 40 again

try "the block is taken back" node block remove "$id" --by bob
try "the router forgets it" until_true 20 silent master4 198.51.100.101
try "the flood comes in again" until_true 20 comes 198.51.100.101
try "the flow stands, it wasn't taken back" hears flows4 198.51.100.101/32
try "then it is" node block remove "$flow" --by bob
try "and forgotten" until_true 20 silent flows4 198.51.100.101
kill "$flood" 2>/dev/null; wait "$flood" 2>/dev/null
echo "1..$n"
exit $bad
