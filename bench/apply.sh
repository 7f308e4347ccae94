#!/bin/bash
# Seconds of a change, engine by engine, on the whole of Saga and of Mie in the lab: order to verified; the same order again; and back. Each change is one of
# one body's (or the service's), in a description never compiled before. Beside them, in turn with them, the engine alone: the same rules or classes into a
# kernel that nobody serves, or the running engine told to read again what it has. No compile, no check, no journal, no canary, no record in that.
. "$(dirname "$0")/lab.sh"
times=${BENCH_TIMES:-3}
state=$TORIDE_STATE run=$TORIDE_RUN
# Name; what of a generation it has to change, or nothing was measured; file of the description (ORG: the body, EACH: another body each time); jq, with $i
# for the number of the change; the peer's name and function.
changes=(
	filter nft ORG '.fw += [{"id":"bench","direction":"out","action":"allow","to":["203.0.113.25"],"protocol":"tcp","port_low":(2500+$i),"port_high":(2500+$i),"comment":"b","owner":"b"}]' nft bare_nft
	shaping shape ORG '.ceiling_mbps -= $i' tc bare_tc
	resolver unbound service.json '.black += ["bench\($i).malware.example"]' unbound-control bare_unbound
	zones knot ORG '.zones[0].records += [{"name":"bench\($i)","type":"A","data":"198.51.100.101"}]' knotc bare_knot
	sites edge ORG '.sites[0].cache_s = 6 + $i' nginx bare_edge
	proxy proxyd.json ORG '.url.black += ["bench\($i).example"]' proxyd bare_proxyd
	inspection suricata EACH '.ips = (if .ips == "detect" then "prevent" else "detect" end)' suricatasc bare_suricata
	time chrony service.json '.time.servers += [{"host":"203.0.113.\(150 + $i)","nts":true}]' - -
	notices respondd.json ORG '.contacts[0].phone = "0000-99-000\($i)"' respondd bare_respondd
)
kinds=${BENCH_KINDS:-filter shaping resolver zones sites proxy inspection time notices all}

approved() { local d; d=$(toride submit "$1" --as bench-author | grep -o 'sha256:[0-9a-f]*' | head -n 1) && toride approve "$d" --as bench-approver >/dev/null && echo "$d"; }
current() { echo "sha256:$(basename "$(readlink "$state/current")")"; }
pid_of() { cut -d' ' -f1 "$run/pids/$1"; }
till() { local n; for n in $(seq 3000); do "$@" && return; sleep 0.01; done; die "never: $*"; }

# ---- the engines alone
bare_made() {
	local dev
	ip netns add "$TORIDE_LAB-bare" || die "no namespace"
	sed -n 's/.*dev \([^ \t]*\).*/\1/p' "$state/current/shape/keys" | sort -u | while read -r dev; do on bare ip link add "$dev" type ifb; done
	awk -F'\t' '$1 == "qdisc" { print "qdisc add", $2, $3 }' "$state/current/shape/keys" | on bare tc -batch - || die "no htb"
}
bare_nft() { on bare nft -f "$state/current/nft/toride.nft"; }
bare_tc() {
	awk -F'\t' '$1 == "class" { print "class replace", $2, $3 } $1 == "leaf" { print "qdisc replace", $2, "'"$leaf"'", $3 }' "$state/current/shape/keys" | on bare tc -batch -
}
bare_unbound() { on gw1 unbound-control -c "$state/current/unbound/unbound.conf" reload_keep_cache; }
bare_knot() { on gw1 knotc -b -t 50 -s "$run/knot/knot.sock" zone-reload "$zone"; }
bare_suricata() { on gw1 suricatasc -c reload-rules "$run/suricata/control.sock"; }
# Until there is a worker that wasn't there.
newer() { pgrep -P "$1" | grep -qvxFf "$work/workers"; }
bare_edge() {
	local pid; pid=$(pid_of edge)
	pgrep -P "$pid" >"$work/workers"
	kill -HUP "$pid" && till newer "$pid"
}
# Until the process says which generation it serves.
again() { truncate -s 0 "$run/ready/$1" && kill -HUP "$(pid_of "$1")" && till test -s "$run/ready/$1"; }
bare_proxyd() { again proxyd; }
bare_respondd() { again respondd; }

# ---- the changes
# described NAME I DIR: the description in DIR with change I of that name (all: every one of them).
described() {
	local k file
	for ((k = 0; k < ${#changes[@]}; k += 6)); do
		[ "$1" = all ] || [ "$1" = "${changes[k]}" ] || continue
		case ${changes[k + 2]} in
		ORG) file=$org ;;
		EACH) file=${bodies[$2 % ${#bodies[@]}]} ;;
		*) file=${changes[k + 2]} ;;
		esac
		jq --argjson i "$2" "${changes[k + 3]}" "$3/$file" >"$work/changed" && mv "$work/changed" "$3/$file" || die "$1: $file cannot be changed"
	done
}
# The figure is of nothing when its engine's files are the same.
touched() { # NAME FROM TO
	local k
	for ((k = 0; k < ${#changes[@]}; k += 6)); do
		[ "$1" = all ] || [ "$1" = "${changes[k]}" ] || continue
		diff -rq "$2/${changes[k + 1]}" "$3/${changes[k + 1]}" >/dev/null 2>&1
		case $? in 1) ;; 0) die "$1: ${changes[k + 1]} is as before" ;; *) die "$1: no ${changes[k + 1]} to compare" ;; esac
	done
	return 0
}
once() { # NAME I PEER
	local digest d=$work/next
	rm -rf "$d" && cp -r "$work/base" "$d" && described "$1" "$2" "$d"
	digest=$(approved "$d") || die "$1 $2 isn't accepted"
	timed "$work/$1.apply" toride apply "$digest"
	[ "$(current)" = "$digest" ] || die "$1: $digest isn't in force"
	touched "$1" "$state/generations/${base#sha256:}" "$state/current"
	timed "$work/$1.noop" toride apply "$digest"
	timed "$work/$1.rollback" toride rollback
	[ "$(current)" = "$base" ] || die "$1: the one before isn't back"
	[ "$3" = - ] || timed "$work/$1.bare" "$3"
}
measured() { # NAME
	local i k peer=- bare=- limit=-
	for ((k = 0; k < ${#changes[@]}; k += 6)); do [ "${changes[k]}" = "$1" ] && peer=${changes[k + 4]} bare=${changes[k + 5]}; done
	for i in $(seq "$times"); do once "$1" "$i" "$bare"; done
	[ "$bare" = - ] || limit=$(median <"$work/$1.bare")
	say "$of $1: apply $(median <"$work/$1.apply") s (worst $(worst <"$work/$1.apply")), rollback $(median <"$work/$1.rollback") s (worst $(worst <"$work/$1.rollback"))," \
		"load $(cut -d' ' -f1 /proc/loadavg)"
	figure "apply.$of.$1" "$(median <"$work/$1.apply")" s "$peer" "$limit" - below
	figure "apply.$of.$1.rollback" "$(median <"$work/$1.rollback")" s "$peer" "$limit" - below
	figure "apply.$of.$1.noop" "$(median <"$work/$1.noop")" s - - 0.1 below
	rm -f "$work/$1".*
}

# Every registered terminal, of which the lab raises two a body.
registered() { # DIR of the full description
	local f
	for f in "${bodies[@]}"; do
		jq --slurpfile full <(sed '/^\/\//d' "$1/$f") '.terminals = $full[0].terminals' "$work/base/$f" >"$work/changed" && mv "$work/changed" "$work/base/$f" || die "$f: no terminals"
	done
}

# prefecture NAME [DIR FULL]
prefecture() {
	local k from
	of=$1; shift
	from=$(us)
	lab_up ${1:+"$1"}
	say "$of is up after $(calc "($(us) - $from) / 1e6") s"
	rm -rf "$work/base" && cp -r "$lab/description" "$work/base"
	sed -i '/^\/\//d' "$work"/base/service.json "$work"/base/orgs/*.json
	bodies=($(cd "$work/base" && echo orgs/*.json))
	[ -z "${2:-}" ] || registered "$2"
	for org in "${bodies[@]}"; do jq -e '.zones[0] and .sites[0] and .url.mode == "blacklist"' "$work/base/$org" >/dev/null && break; done
	zone=$(jq -r '.zones[0].name' "$work/base/$org")
	base=$(approved "$work/base") && toride apply "$base" >/dev/null || die "the base isn't applied"
	leaf="fq_codel memory_limit"; on gw1 tc qdisc show | grep -q fq_codel || leaf="bfifo limit"
	bare_made
	say "$of: ${#bodies[@]} bodies, $(cat "$work"/base/orgs/*.json | jq -s 'map(.sites // [] | length) | add') sites, $(cat "$work"/base/orgs/*.json | jq -s 'map(.terminals // [] | length) | add') terminals, $(wc -l <"$state/current/nft/toride.nft") lines of rules; the body is $org"
	for k in $kinds; do measured "$k"; done
	ip netns del "$TORIDE_LAB-bare"
}

for p in ${BENCH_OF:-saga mie}; do
	if [ "$p" = mie ]; then
		python3 "$here/../tools/gen-examples.py" --mie 33 66 "$work/mie" && python3 "$here/../tools/gen-examples.py" --mie 33 26500 "$work/full" || die "no description"
		prefecture mie "$work/mie" "$work/full"
	else
		prefecture "$p"
	fi
	[ "$p" = mie ] || toride lab down || die "the lab cannot be taken down"
done
