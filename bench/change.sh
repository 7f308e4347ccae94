#!/bin/bash
# A change of one rule of one body (412015), order to verified, twenty times, each with a description never compiled
# before; the same order again; and back. Meanwhile other bodies' terminals ask on, and not one request may fail.
. "$(dirname "$0")/lab.sh"
times=${BENCH_TIMES:-20}
own=412015

# Writes the lab's description with one more firewall rule for a body.
described() { # FROM TO ORG ID ADDRESS PORT
	[ "$1" = "$2" ] || cp -rT "$1" "$2"
	python3 - "$2/orgs/$3.json" "$4" "$5" "$6" <<-'PY'
	import json, sys
	path, name, to, port = sys.argv[1:]
	d = json.load(open(path))
	d["fw"].append({"id": name, "direction": "out", "action": "allow", "to": [to], "protocol": "tcp",
	                "port_low": int(port), "port_high": int(port), "comment": "bench", "owner": "bench"})
	json.dump(d, open(path, "w"), ensure_ascii=False)
	PY
}
ready() { # DIR: handed in and approved; prints the digest
	local d
	d=$(toride submit "$1" --as bench-author) && toride approve "$d" --as bench-approver >/dev/null && echo "$d"
}

# asking NAME HOST ARGS: constant open-loop load in runs of 5 s until the end; a run's results are a line in NAME.
asking() {
	local name=$1 host=$2
	shift 2
	while [ ! -e "$work/stop" ]; do
		on "$host" "$load" --seconds 5 --rate 20 --connections 8 "$@" || [ -e "$work/stop" ] || echo '{"requests":0,"errors":1,"why":"no run"}'
	done >"$work/$name.load" & loads+=($!)
}
loads=()
traffic() {
	local news=(--proxy 192.0.2.10:8080 --host www.news.example --path '/10k.bin?n=' --objects 50 --size 10240)
	asking 412023-plain 412023-pc1 "${news[@]}" --port 80 --plain
	asking 412031-https 412031-pc1 "${news[@]}" --port 443 --ca "$lab/run/ca.pem"
	asking 412058-https-new 412058-pc1 "${news[@]}" --port 443 --ca "$lab/run/ca.pem" --fresh
	local saas=(--connect 203.0.113.40:443 --host saas.example --port 443 --ca "$lab/internet/ca.pem" --path '/n')
	asking 412031-direct 412031-pc2 "${saas[@]}"
	asking 412031-direct-new 412031-pc2 "${saas[@]}" --fresh
	pids+=("${loads[@]}")
}
sum() { cat "$work"/*.load | jq -s "map(.$1 // 0) | add"; }

# What it costs to load the same rules into a kernel that nobody serves, nothing else: no compile, check, verify, record.
bare() {
	local i
	ip netns add "$TORIDE_LAB-bare" || die "no namespace"
	timed "$work/first" ip netns exec "$TORIDE_LAB-bare" nft -f "$TORIDE_STATE/current/nft/toride.nft"
	for i in $(seq "$times"); do
		timed "$work/bare" ip netns exec "$TORIDE_LAB-bare" nft -f "$TORIDE_STATE/current/nft/toride.nft"
	done
}

lab_up
described "$lab/description" "$work/base" 412031 direct 203.0.113.40 443
base=$(ready "$work/base") || die "the base isn't accepted"
toride apply "$base" >/dev/null || die "the base isn't applied"
for i in $(seq "$times"); do
	described "$work/base" "$work/next" "$own" bench 203.0.113.25 $((2500 + i))
	ready "$work/next" >>"$work/digests" || die "description $i isn't accepted"
	rm -rf "$work/next"
done
bare
traffic
sleep 2
began=$(us)
while read -r digest; do
	timed "$work/apply" toride apply "$digest"
	[ "sha256:$(basename "$(readlink "$TORIDE_STATE/current")")" = "$digest" ] || die "$digest isn't in force"
	on gw1 nft list chain inet toride "out_$own" | grep -q "\"$own/bench/" || die "the kernel hasn't the rule"
	timed "$work/rollback" toride rollback
	on gw1 nft list chain inet toride "out_$own" | grep -q "\"$own/bench/" && die "the kernel still has the rule"
	timed "$work/noop" toride apply "$base"
done <"$work/digests"
say "$times changes, $times rollbacks and $times orders without a change in $(calc "($(us) - $began) / 1e6") s"
touch "$work/stop"
wait "${loads[@]}"

for k in apply rollback noop bare; do
	say "$k: median $(median <"$work/$k") s, worst $(worst <"$work/$k") s of $(wc -l <"$work/$k")"
done
for f in "$work"/*.load; do
	say "$(basename "$f" .load): $(jq -sc '{requests: map(.requests) | add, errors: map(.errors) | add, late: map(.late) | add,
		worst_p99_ms: map(.p99_ms) | max, why: map(.why) | unique | join(" ")}' "$f")"
done
limit=$(median <"$work/bare")
figure change.apply_one_rule "$(median <"$work/apply")" s limit "$limit" 1 below
figure change.noop "$(median <"$work/noop")" s - - 0.1 below
figure change.rollback "$(median <"$work/rollback")" s limit "$limit" 1 below
# Answered wrongly, not at all, or never begun (late) count alike; a body that asked nothing proves nothing.
for f in "$work"/*.load; do
	[ "$(jq -s 'map(.requests) | add' "$f")" -gt 0 ] || die "$(basename "$f") asked nothing"
done
say "others asked $(sum requests) times"
figure change.others_failed "$(($(sum errors) + $(sum late)))" requests - - 0 atmost
