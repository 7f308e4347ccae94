#!/bin/bash
# What a terminal notices when a line to the Internet fails and when it comes back: open-loop requests by five ways (through the
# proxy plain and intercepted, kept alive and each new; past the proxy by a firewall rule; names never asked before), while the
# first line's cable is out, its far end is dead with the cable in, and while it loses a part of its packets.
. "$(dirname "$0")/lab.sh"
before=3 after=${BENCH_SECONDS:-10} rate=40 well_ms=300

description() { # DIR PORT
	cp -rT "$here/../test/golden/two/description" "$1"
	python3 - "$1" "$2" <<-'PY'
	import json, sys, glob
	path = sys.argv[1] + "/service.json"
	s = json.loads("".join(l for l in open(path) if not l.lstrip().startswith("//")))
	s["uplinks"].append({"name": "isp2", "interface": "wan1", "addr4": "192.0.2.66/29", "gateway4": "192.0.2.65", "addr6": "2001:db8:200::2/64",
	                     "gateway6": "2001:db8:200::1", "in_mbps": 1500, "out_mbps": 1500, "priority": 2, "probes": ["203.0.113.2", "203.0.113.1"]})
	s["failover"] = {"back_s": 3}
	s["uplinks"][0].update({"port": sys.argv[2]} if sys.argv[2] else {})
	json.dump(s, open(path, "w"), ensure_ascii=False)
	for path in glob.glob(sys.argv[1] + "/orgs/*.json"):
	    o = json.loads("".join(l for l in open(path) if not l.lstrip().startswith("//")))
	    o.pop("sites", None)
	    json.dump(o, open(path, "w"), ensure_ascii=False)
	PY
}

ways=(plain https https-new direct-new name)
# One kind of request for SECONDS into trace/KIND: "due µs, took µs, well" a line.
asking() { # SECONDS
	local news=(--proxy 192.0.2.10:8080 --host www.news.example --path '/10k.bin?n=' --objects 50 --size 10240) k
	local common=(--seconds "$1" --rate $rate --connections 400)
	mkdir -p "$work/trace"
	rm -f "$work/trace"/*
	loads=()
	on 412015-pc1 "$load" "${common[@]}" "${news[@]}" --port 80 --plain --trace "$work/trace/plain" >/dev/null & loads+=($!)
	on 412015-pc1 "$load" "${common[@]}" "${news[@]}" --port 443 --ca "$lab/run/ca.pem" --trace "$work/trace/https" >/dev/null & loads+=($!)
	on 412015-pc2 "$load" "${common[@]}" "${news[@]}" --port 443 --ca "$lab/run/ca.pem" --fresh --trace "$work/trace/https-new" >/dev/null & loads+=($!)
	on 412015-pc2 "$load" "${common[@]}" --connect 203.0.113.40:443 --host saas.example --port 443 --ca "$lab/internet/ca.pem" --path /n \
		--fresh --trace "$work/trace/direct-new" >/dev/null & loads+=($!)
	on 412015-pc1 python3 "$here/lines_ask.py" 192.0.2.53 $rate "$1" "$work/trace/name" & loads+=($!)
	pids+=("${loads[@]}")
}

using() { toride status --json | jq -se "any(.[].counters[]; .org == \"\" and .probed.line_$1_in_use == 1)" >/dev/null; }
until_using() { local i; for i in $(seq 200); do using "$1" && return; sleep 0.1; done; die "line $1 isn't used"; }

# One event while requests go on; then what each way noticed of it, as figures.
event() { # NAME COMMAND...
	local name=$1 from
	shift
	asking $((before + after))
	sleep $before
	from=$(mono)
	"$@" || die "$*"
	wait "${loads[@]}"
	outages "lines.$name" "$from" "${ways[@]}"
}

cable() { on inet ip link set eth0 "$1"; }
# Nothing comes through any more, though the cable is in; the provider's routing has found that out by itself and reaches the
# line's networks by the other line (how fast a provider does that is its own affair, and not measured).
dead() {
	on inet nft 'add table netdev dead; add chain netdev dead in { type filter hook ingress device eth0 priority 0; policy drop; }' &&
		on inet ip route del 198.51.100.0/24 dev eth0 && on inet ip -6 route del 2001:db8:100::/64 dev eth0
}
alive() {
	on inet nft delete table netdev dead && on inet ip route add 198.51.100.0/24 dev eth0 &&
		on inet ip -6 route add 2001:db8:100::/64 dev eth0 metric 256
}
lossy() { # PERCENT of what comes in
	on inet nft "add table netdev dead; add chain netdev dead in { type filter hook ingress device eth0 priority 0; numgen random mod 100 < $1 drop; }"
}
lossless() { on inet nft delete table netdev dead; }

# PLAIN|INSPECTED: with a virtual cable behind the socket (a port), the carrier shows nothing to the kernel's routes.
lines() {
	local tag=$1
	description "$work/d-$1" "$2"
	toride lab up "$work/d-$1" 2>"$work/up" || { cat "$work/up" >&2; die "the lab isn't up"; }
	until_using isp1
	asking 4; wait "${loads[@]}" # warms caches
	event control$tag true
	event cable-out$tag cable down
	until_using isp2
	event cable-in$tag cable up
	until_using isp1
	event far-end-dead$tag dead
	until_using isp2
	event far-end-back$tag alive
	until_using isp1
	[ -z "$tag" ] || return 0
	event loss-30 lossy 30
	until_using isp2
	event loss-over lossless
	until_using isp1
}
[ "${BENCH_ONLY:-plain}" = inspected ] || lines "" ""
lines -inspected line0
