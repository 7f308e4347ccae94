#!/bin/bash
# Seconds that terminals notice when a part of a pair of gateways is killed, unplugged or cut off, and when it comes back: a table of seconds per
# component (M-104). Three kinds: an open connection past the proxy and through both filters (it must go on), new connections past the proxy,
# new connections through it (those that the proxy of a dead node held are lost, and asked again by whoever had them).
. "$(dirname "$0")/lab.sh"
cd "$TORIDE_SOURCE" || exit 4
T=$build/toride L=$lab top=$work
. test/system/lib.sh
. test/system/pair.sh
before=2 after=${BENCH_AFTER:-7} rate=40 well_ms=300
kinds=(open direct-new proxy-new)

asking() { # SECONDS
	local common=(--seconds "$1" --rate $rate --connections 400 --port 443 --fresh)
	mkdir -p "$work/trace"
	rm -f "$work/trace"/*-new
	loads=()
	on 412015-pc2 "$load" "${common[@]}" --proxy 192.0.2.10:8080 --host www.news.example --path '/10k.bin?n=' --objects 50 --size 10240 \
		--ca "$lab/run/ca.pem" --trace "$work/trace/proxy-new" >/dev/null & loads+=($!)
	on 412015-pc2 "$load" "${common[@]}" --connect 203.0.113.40:443 --host saas.example --ca "$lab/internet/ca.pem" --path /n \
		--trace "$work/trace/direct-new" >/dev/null & loads+=($!)
	pids+=("${loads[@]}")
}

active() { open_door gw1 && echo gw1 || echo gw2; }
one_active() { if open_door gw1; then ! open_door gw2; else open_door gw2; fi; }

event() { # NAME COMMAND...
	local name=$1 from
	shift
	asking $((before + after))
	sleep $before
	from=$(mono)
	"$@" || die "$*"
	wait "${loads[@]}"
	cp "$work/talk" "$work/trace/open"
	kill -0 "$talk" 2>/dev/null || die "$name: the open connection is lost"
	until_true 5 grows >/dev/null 2>&1 || die "$name: the long file of a published server is lost"
	outages "pairs.$name" "$from" "${kinds[@]}"
	say "$(active) carries the traffic"
	until_true 30 one_active >/dev/null 2>&1 || die "$name: not one node carries the traffic"
	sleep 4 # what is well again counts after three
}

kill_torided() { kill -9 "$(torided_of "$1")"; }
unplug() { at sw ip link set "$1" down; }
plug() { at sw ip link set "$1" up; }
yield() { at "$(active)" $T pair yield --as bench; }

cp -rT test/golden/two/description "$work/d" && without_sites "$work/d" && pair_description "$work/d" || die "no description"
toride lab up "$work/d" 2>"$work/up" || { cat "$work/up" >&2; die "the lab isn't up"; }
until_true 30 is_role gw1 active || die "gw1 doesn't carry the traffic"
talk_trace=$work/talk
flows_begin
pids+=("${flows[@]}")
until_true 10 talks || die "the open connection doesn't talk"
asking 4; wait "${loads[@]}" # warms caches
event control true
# Which node carries the traffic is asked each time: a takeover that wasn't meant must not make the rest measure the other one.
number() { [ "$1" = gw1 ] && echo 1 || echo 2; } # its ports at the switch: line 0, body 412015's
node=$(active)
event power-cut power_cut "$node"
event power-back power_on "$node"
entries() { at "$1" conntrack -L 2>/dev/null | wc -l; }
knows_most() { [ $((10 * $(entries "$node"))) -ge $((9 * $(entries "$(other "$node")"))) ]; } # the rest are a node's own
until_true 12 knows_most || die "power-back: the node that is back knows $(entries "$node") of $(entries "$(other "$node")") connections"
event planned-move yield
port=412015$(number "$(active)")
event attachment-out unplug "$port"
event attachment-in plug "$port"
port=w0$(number "$(active)")
event line-out unplug "$port"
event line-in plug "$port"
node=$(active)
event between-out at "$node" ip link set sync0 down
event between-in at "$node" ip link set sync0 up
event keepalived end_process "$(active)" keepalived
event paird end_process "$(active)" paird
event conntrackd end_process "$(active)" conntrackd
event proxy end_process "$(active)" proxyd
event resolver end_process "$(active)" unbound
event torided kill_torided "$(active)"
flows_end
