#!/bin/bash
# Two gateways, and a change of all that makes them a pair (keepalived, conntrackd, paird, replicad, bird, the own addresses), of the filter and the proxy. The node that carries
# the traffic is killed, with all that runs there, after steps of it. The other one takes over; each stands at one generation as a whole, and both at the same.
# STEPS=all kills after each step (tools/soak); else after some. What each engine does alone is steps.t's.
set -u
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - pairsteps # SKIP needs root"; exit 0; }
export TORIDE_LAB=ps TORIDE_SOURCE=$PWD LC_ALL=C.UTF-8
T=build/toride L=build/lab-ps
top=$(mktemp -d /tmp/toride-pairsteps.XXXXXX)
. test/system/lib.sh
. test/system/pair.sh
bad=0 show=("$L/log/torided.log" "$L/log/torided2.log")
finish() { flows_end; $T lab down >/dev/null 2>&1; rm -rf "$top"; }
trap finish EXIT
trap 'exit 1' INT TERM
state() { echo "$L/$([ "$1" = gw1 ] || echo gw2/)state"; }
run() { echo "$L/$([ "$1" = gw1 ] || echo gw2/)run"; }
shown_by() { is_role "$1" active && is_role "$(other "$1")" standby && open_door "$1" && ! open_door "$(other "$1")"; }
either() { shown_by gw1 || shown_by gw2; }
carrier() { is_role gw1 active && echo gw1 || echo gw2; }

# ---- what each node does: all of it of one generation ----

current() { echo "sha256:$(basename "$(readlink "$(state "$1")/current")")"; }
settled() { at "$1" $T status --json | jq -se '.[0] | (.processes | length > 15 and all(.state == "ready" or .state == "waiting"))' >/dev/null &&
	at "$1" $T generations --json | jq -se '.[0] | .changing == false and .degraded == false' >/dev/null; }
rules_are() { at "$1" nft -j list table inet toride | jq -r '.nftables[].rule?.comment // empty' | sort -u | cmp - <(jq -r '(.rules? // .)[].comment' "$(state "$1")/current/nft/rules.json" | sort -u); }
has_rule() { at "$1" nft list table inet toride | grep -c 'pairsteps' | sed 's/^[1-9].*/1/'; }
peers() { at "$1" birdc -s "$PWD/$(run "$1")/bird/bird.ctl" show protocols | grep -c '^up'; }
own6() { at "$1" ip -6 -o addr show | grep -c '2001:db8:100::6/64'; }
door6() { at "$1" nft list set netdev toride_pair own6 | grep -c '2001:db8:100::6'; }
cable() { at "$1" ip -4 -o addr show dev sync0 | sed 's/.*inet [0-9.]*//; s/ .*//' | paste -sd' '; }
# It begins anew with its configuration: what runs has begun since the generation became the current one.
tracker_is_newer() { local a b; a=$(stat -c %.9Y "$(run "$1")/pids/conntrackd") && b=$(stat -c %.9Y "$(state "$1")/current") && awk "BEGIN { exit !($a > $b) }"; }
does() { echo "$(has_rule "$1") $(peers "$1") $([ "$1" = gw1 ] && echo - || echo "$(own6 gw2)$(door6 gw2)") $(cable "$1")"; }
whole() { # NODE old|new
	local p d=$old expect
	[ "$2" = old ] || d=$new
	expect="0 1 $([ "$1" = gw1 ] && echo - || echo 00) /30"
	[ "$2" = old ] || expect="1 2 $([ "$1" = gw1 ] && echo - || echo 11) /29"
	is "$(current "$1")" "$d" && rules_are "$1" && tracker_is_newer "$1" || { echo "$1: of $2"; return 1; }
	for p in proxyd paird replicad; do [ "$(head -c 71 "$(run "$1")/ready/$p")" = "$d" ] || { echo "$p of $1 serves another"; return 1; }; done
	is "$(does "$1")" "$expect"
}
# The time between two signs of life, in hundredths of a second, as the node that carries the traffic says it (RFC 5798, 5.2.7).
heartbeat() { at "$(other "$1")" timeout 10 python3 -c 'import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 112); s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"sync0"); p = s.recv(4096)
print(struct.unpack_from(">H", p, (p[0] & 15) * 4 + 4)[0] & 4095)'; }
beats() { is "$(heartbeat "$(carrier)")" "$([ "$1" = old ] && echo 10 || echo 15)"; }
both() { either && whole gw1 "$1" && whole gw2 "$1" && beats "$1"; }

# ---- two generations of one pair ----

cp -r test/golden/two/description "$top/d" && without_sites "$top/d" && pair_description "$top/d"
jq '.mitigation = {"as": 64512, "peers": [{"name": "isp1", "address": "198.51.100.1", "as": 64500}]}' "$top/d/service.json" >"$top/s" && mv "$top/s" "$top/d/service.json"
try "a lab of two nodes" $T lab up "$top/d"
[ "$bad" = 0 ] || { tail -n 40 "$L/log/torided2.log" | cut -c1-200 | sed "s/^/# /"; echo "1..$n"; exit 1; }
try "one carries the traffic, and no more" until_true 20 either
old=$(current gw1)
cp -r "$L/description" "$top/new"
jq '.mitigation.peers += [{"name": "isp2", "address": "198.51.100.9", "as": 64501}] | .pair.heartbeat_ms = 150 | .pair.nodes[0].sync4 = "192.0.2.241/29" | .pair.nodes[1].sync4 = "192.0.2.242/29" |
	.pair.nodes[1].own[1] = "2001:db8:100::6/64" | .pair.nodes |= reverse' "$L/description/service.json" >"$top/new/service.json"
jq '.fw += [{"id":"pairsteps","direction":"out","action":"allow","to":["203.0.113.91"],"protocol":"tcp","port_low":2525,"port_high":2525,"comment":"b","owner":"b"}] | .url.black += ["pairsteps.example"]' \
	"$L/description/orgs/412015.json" >"$top/new/orgs/412015.json"
new=
known() { new=$(at "$1" $T submit "$top/new" --as alice | grep -o 'sha256:[0-9a-f]*') && at "$1" $T approve "$new" --as bob; } # what isn't in force is at the node alone where it was handed in
try "a change of what makes a pair is handed in" known "$(carrier)"
flows_begin
try "control: the open connection talks" until_true 20 talks
try "both nodes stand at the old one" until_true 30 both old

changing() { # NODE K: the change, watched; what journal-kill said is in $top/step
	rm -f "$top/step"
	"$PWD/test/system/journal-kill" "$PWD/$(state "$1")" "$(torided_of "$1")" "$2" >"$top/step" & local w=$!
	until_true 10 grep -q watching "$top/step"
	at "$1" $T apply "$new" --as alice; local code=$?
	until_true 5 eval "! kill -0 $w" || kill $w
	wait $w
	return $code
}
try "the change, with no kill" changing "$(carrier)" 255
sed '1d;$d' "$top/step" >"$top/plan"
count=$(wc -l <"$top/plan")
place_of() { grep -nx "$1" "$top/plan" | cut -d: -f1; }
all_parts() { local s; for s in NET_ADD NFT LINK "DAEMON proxyd" "DAEMON paird" "DAEMON replicad" "DAEMON keepalived" "DAEMON conntrackd" "DAEMON bird" VERIFY NET_DEL; do
	[ -n "$(place_of "$s")" ] || { echo "no $s"; cat "$top/plan"; return 1; }; done; }
try "has a step for every part of the pair" all_parts
try "and brings both nodes to the new one" until_true 30 both new
try "the open connection goes on" until_true 20 talks

back() { : >"$top/links-$1"; power_on "$1"; }
said_undone() { grep -c "$new, in force here when this node ended, gives way" "$L/log/torided$([ "$1" = gw1 ] || echo 2).log"; }
# Killed as the record of a step is written. The last record is the commit: what the other node hasn't heard of by then gives way to what it has.
if [ "${STEPS:-some}" = all ]; then kills=$(seq 0 $((count + 1))); else kills="$(place_of "DAEMON keepalived") $((count + 1))"; fi
for k in $kills; do
	node=$(carrier)
	[ "$(current "$node")" = "$old" ] || try "back to the old one" at "$node" $T apply "$old" --as alice
	try "both nodes stand at the old one" until_true 30 both old
	node=$(carrier)
	until_true 30 settled "$node"
	known "$node" >/dev/null 2>&1
	before=$(said_undone "$node")
	descent "$(torided_of "$node")" >"$top/ours"
	changing "$node" "$k" >"$top/try" 2>&1; code=$?
	read -r records step < <(tail -n 1 "$top/step")
	[ "$records" -le "$count" ] || step=commit
	try "$node is killed at record $records of the change ($step): nothing of it goes on" until_true 30 none_left "$top/ours" "TORIDE_RUN=$PWD/$L/run" "TORIDE_NODE=$node"
	try "who ordered it was not told that it is done" [ "$code" != 0 ]
	try "the other node carries the traffic" until_true 20 is_role "$(other "$node")" active
	# Only what is committed is followed; within the instant between the commit and the end of the node that may have been.
	now=old; [ "$records" -le "$count" ] || [ "$(current "$(other "$node")")" != "$new" ] || now=new
	try "at one generation, as a whole" until_true 20 whole "$(other "$node")" "$now"
	try "the open connection goes on" until_true 20 talks
	back "$node"
	try "started again it stands by, and no more than one is active" until_true 60 shown_by "$(other "$node")"
	try "and both nodes stand at that one" until_true 30 both "$now"
	if [ "$records" -le "$count" ] || [ "$now" = new ]; then
		try "what isn't lost isn't told" is "$(said_undone "$node")" "$before"
	else # once the other's is in force, which STATE/current says a moment earlier
		try "it tells that what was committed as it died gives way" until_true 20 eval '[ "$(said_undone "$node")" = $((before + 1)) ]'
	fi
done
try "the long file has come on through all of it" until_true 20 grows
echo "1..$n"
exit $bad
