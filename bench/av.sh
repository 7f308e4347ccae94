#!/bin/bash
# The whole of it beside what a body would build from packages: in clear and intercepted, URL policy and a verdict on every body, warm (each
# object was fetched before) and cold (never seen, the synthetic database), CPU-seconds of all processes. Peers: Squid alone, Squid
# with c-icap and clamd, e2guardian with clamd (in clear), nginx straight (peers.sh has each configuration, and why it is fair).
. "$(dirname "$0")/lib.sh"
. "$here/peers.sh"
seconds=${BENCH_SECONDS:-10}
ulimit -n "$(ulimit -Hn)"
declare -A hung # "KIND PEER": at a smaller size already
say "certificates, objects, database"
certificates
objects 10k 10240 1000
objects 131k 134144 300
objects 1m 1048576 60
objects cold 134144 200
origin
TORIDE_DATABASE=--large
toride_start || die "nothing to measure"
nginx_start || nginx_pid=
icap_start || icap_pids=
squid_start || squid_pid=
e2_start || e2_pids=

clamd_of() { case $1 in toride) echo "$toride_clamd" ;; icap) echo "$icap_clamd" ;; e2guardian) echo "$e2_clamd" ;; esac; }
intercepted="--host www.bench.test --port $origin_port --ca $work/pki/trust.pem"
clear="--host 127.0.0.1 --port $plain_port --plain"

# run PEER ARGUMENTS...: sets json, cpu and share (clamd's), seconds; cpu is `failed` when an answer was wrong, `hangs` when none came.
run() {
	local peer=$1 before clamd=0 of; shift
	of=$(clamd_of "$peer")
	[ -z "$of" ] || clamd=$(ticks "$of")
	before=$(ticks $(pids_of "$peer"))
	# shellcheck disable=SC2046
	json=$(timeout 150 "$load" $(where "$peer") "$@")
	cpu=$(calc "($(ticks $(pids_of "$peer")) - $before) / $hz" 6) share=0
	[ -z "$of" ] || share=$(calc "($(ticks "$of") - $clamd) / $hz" 6)
	[ "$(field "$json" late)" = 0 ] || say "$peer fell behind: $json"
	[ "$(field "$json" errors)" = 0 ] && [ "$(field "$json" requests)" != 0 ] && return
	say "$peer $*: ${json:-no end}"
	cpu=failed
	[ -z "$(sed -n 's/.*"why":"\([^"]*\)".*/\1/p' <<<"$json")" ] && cpu=hangs # no answer was wrong: none came
}
per() { case $1 in failed | hangs) echo "$1" ;; *) calc "$1 / $(field "$json" requests) * 1000" ;; esac; }

# tell NAME UNIT GOAL OURS PEER THEIRS
tell() {
	case "$4$6" in *failed* | *hangs*) figure "$1" "$4" "$2" "$5" "$6" - "$3" ;; *) figure "$1" "$4" "$2" "$5" "$6" "$(calc "$6 / $4" 3)" "$3" ;; esac
}

# warm KIND NAME BYTES OBJECTS RATE PEER:GOAL...
warm() {
	local kind=$1 name=$2 bytes=$3 objects=$4 rate=$5 p ours=; shift 5
	for p in toride:- "$@"; do
		local peer=${p%%:*} goal=${p#*:}
		[ -n "$(pids_of "$peer")" ] || continue
		say "$kind, warm, $name through $peer"
		cpu=hangs # every peer is warmed up: clamd remembers too
		[ -n "${hung[$kind $peer]:-}" ] || run "$peer" ${!kind} --path "/$name/" --size "$bytes" --objects "$objects" --each --connections 4 --seconds 50
		[ "$cpu" != hangs ] || hung[$kind $peer]=1
		[ "$cpu" = hangs ] || run "$peer" ${!kind} --path "/$name/" --size "$bytes" --objects "$objects" --rate "$rate" --seconds "$seconds" --connections 16
		[ "$peer" = toride ] && { ours=$(per "$cpu"); continue; }
		tell "av.$kind.warm.$name.${peer/nginx/limit}" cpu-s/1000req "$goal" "$ours" "${peer/nginx/limit}" "$(per "$cpu")"
	done
}
warm clear 10k 10240 1000 500 squid:- icap:4 e2guardian:-
warm clear 131k 134144 300 100 squid:- icap:4 e2guardian:-
warm clear 1m 1048576 60 15 squid:- icap:4 e2guardian:-
warm intercepted 10k 10240 1000 500 squid:- icap:4 nginx:-
warm intercepted 131k 134144 300 100 squid:- icap:4 nginx:-
warm intercepted 1m 1048576 60 15 squid:- icap:4 nginx:-

say "cold, 131k"
ours= ours_share=
for peer in toride icap e2guardian; do
	[ -n "$(pids_of $peer)" ] || continue
	cpu=hangs share=0
	[ -n "${hung[clear $peer]:-}" ] || run $peer $clear --path /cold/ --size 134144 --objects 200 --each --connections 4 --seconds 50
	[ $peer = toride ] && { ours=$(per "$cpu"); ours_share=$(per "$share"); continue; }
	tell "av.clear.cold.131k.$peer" cpu-s/1000req 1 "$ours" $peer "$(per "$cpu")"
	[ "$cpu" = failed ] || [ "$cpu" = hangs ] || tell "av.clear.cold.131k.without-clamd.$peer" cpu-s/1000req - "$(calc "$ours - $ours_share")" $peer "$(calc "$(per "$cpu") - $(per "$share")")"
done
figure av.clear.cold.131k.clamd_share "$(calc "100 * $ours_share / $ours" 3)" % - - - -
