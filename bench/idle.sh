#!/bin/bash
# What waiting costs: memory of 10,000 connections in clear and of 12,500 intercepted ones (one each of Saga's terminals) that are kept
# alive and say nothing, all answered before and after; and what a page takes at 1,430 requests a second. Peers as in proxy.sh; two
# threads of ours (one takes 8,192 connections of a body; Squid and nginx are given one worker, whose memory is all they have).
. "$(dirname "$0")/lib.sh"
. "$here/peers.sh"
seconds=${BENCH_SECONDS:-10}
ulimit -n "$(ulimit -Hn)"
certificates
objects 1k 1024 10
objects 10k 10240 1000
objects 131k 134144 300
origin
TORIDE_THREADS=2
toride_start || die "nothing to measure"
squid_start || squid_pid=
nginx_start || nginx_pid=
intercepted="--host www.bench.test --port $origin_port --ca $work/pki/trust.pem"
clear="--host 127.0.0.1 --port $plain_port --plain"

# idle KIND PEER COUNT: sets per, bytes a connection; `failed` unless all COUNT were open at once and answered afterwards, too.
idle() {
	local before
	# shellcheck disable=SC2046
	timeout 60 "$load" $(where "$2") ${!1} --path /1k/ --size 1024 --objects 1 --closed --seconds 1 --connections 4 >/dev/null # pools and caches are there
	before=$(memory $(pids_of "$2"))
	rm -f "$work/park"; mkfifo "$work/park"
	# shellcheck disable=SC2046
	timeout 300 "$load" $(where "$2") ${!1} --path /1k/ --size 1024 --objects 1 --connections "$3" --sources 500 --park --seconds 200 <"$work/park" >"$work/parked" & local l=$!
	exec 9>"$work/park"
	while kill -0 $l 2>/dev/null && ! [ -s "$work/parked" ]; do sleep 0.2; done
	per=$(calc "($(memory $(pids_of "$2")) - $before) / $3" 6)
	exec 9>&-
	wait $l
	json=$(tail -n 1 "$work/parked")
	[ "$(head -n 1 "$work/parked")" = "parked $3" ] && [ "$(field "$json" requests)" = $((2 * $3)) ] && [ "$(field "$json" errors)" = 0 ] && return
	say "$2 $1: $(tr '\n' ' ' <"$work/parked")"
	per=failed
}
for kind in "clear 10000" "intercepted 12500"; do
	# shellcheck disable=SC2086
	set -- $kind
	idle "$1" toride "$2"; ours=$per
	for peer in squid nginx; do
		[ -n "$(pids_of $peer)" ] && { [ $peer != nginx ] || [ "$1" = intercepted ]; } || continue
		idle "$1" $peer "$2"
		case "$ours$per" in *failed*) ratio=- ;; *) ratio=$(calc "$per / $ours" 3) ;; esac
		figure "idle.$1.memory.${peer/nginx/limit}" "$ours" bytes/connection "${peer/nginx/limit}" "$per" "$ratio" -
	done
	[ "$ours" = failed ] || figure "idle.$1.memory.all" "$(calc "$ours * $2 / 1e6" 4)" MB - - - -
done

# Open loop, from the due time. Added: over the same requests straight to the origin, in the same run.
# latency NAME PATH SIZE OBJECTS
latency() {
	local peer name
	declare -A p50 p99 added
	for peer in toride squid nginx direct; do
		[ $peer = direct ] || [ -n "$(pids_of $peer)" ] || continue
		say "1,430 requests/s of $3 bytes through $peer"
		# shellcheck disable=SC2046
		[ $peer = nginx ] || [ $peer = direct ] || timeout 120 "$load" $(where $peer) $intercepted --path "$2" --size "$3" --objects "$4" --each --connections 4 >/dev/null
		# shellcheck disable=SC2046
		json=$("$load" $(where $peer) $intercepted --path "$2" --size "$3" --objects "$4" --rate 1430 --seconds "$seconds" --connections 64)
		[ "$(field "$json" errors)$(field "$json" late)" = 00 ] || say "$peer: $json"
		p50[$peer]=$(field "$json" p50_ms) p99[$peer]=$(field "$json" p99_ms)
	done
	for peer in toride squid nginx; do
		[ -n "${p99[$peer]:-}" ] && added[$peer]=$(calc "${p99[$peer]} - ${p99[direct]}")
	done
	for peer in squid nginx; do
		[ -n "${p99[$peer]:-}" ] || continue
		name=${peer/nginx/limit}
		figure "latency.$1.p50.$name" "${p50[toride]}" ms "$name" "${p50[$peer]}" "$(calc "${p50[$peer]} / ${p50[toride]}" 3)" -
		figure "latency.$1.p99.$name" "${p99[toride]}" ms "$name" "${p99[$peer]}" "$(calc "${p99[$peer]} / ${p99[toride]}" 3)" -
	done
	[ -z "${added[nginx]:-}" ] ||
		figure "latency.$1.p99.added" "${added[toride]}" ms limit "${added[nginx]}" - 1 "$(awk "BEGIN { print (${added[toride]} > 0 ? 5 / ${added[toride]} : 99) }")"
}
latency 1430 /10k/ 10240 1000
latency 1430.131k /131k/ 134144 300
