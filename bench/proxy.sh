#!/bin/bash
# Interception: CPU-seconds of Toride's proxy against Squid ssl-bump and the limit (nginx), same objects, same arrivals.
. "$(dirname "$0")/lib.sh"
. "$here/peers.sh"
seconds=${BENCH_SECONDS:-10}
say "certificates and objects"
certificates
objects 10k 10240 1000
objects 131k 134144 300
objects 1m 1048576 60
origin
policy_list 100000 || die "no list"
events_sink
toride_start || die "nothing to measure"
squid_start || squid_pid=
policed_start || policed_pid=
nginx_start || nginx_pid=

common="--host www.bench.test --port $origin_port --ca $work/pki/trust.pem"

# run PEER ARGUMENTS...: sets json and cpu (seconds) of one run; errors are told, and void the figure.
run() {
	local peer=$1 before; shift
	before=$(ticks $(pids_of "$peer"))
	# shellcheck disable=SC2046
	json=$("$load" $(where "$peer") $common "$@")
	cpu=$(calc "($(ticks $(pids_of "$peer")) - $before) / $hz" 6)
	[ "$(field "$json" errors)" = 0 ] || say "$peer $*: $json"
	[ "$(field "$json" late)" = 0 ] || say "$peer $*: fell behind: $json"
}

declare -A per1000 pergb p99 rps cps
peers="toride"; [ -n "$squid_pid" ] && peers="$peers squid"; [ -n "$nginx_pid" ] && peers="$peers nginx"

# kept alive: 16 connections, Zipf(1) over the objects, a fixed rate all peers can hold, or as fast as they are answered
kept() { # NAME BYTES OBJECTS RATE|closed [PATH [PEERS]]
	local peer path=/${5:-$1}/ how="--rate $4"
	[ "$4" != closed ] || how=--closed
	for peer in ${6:-$peers}; do
		say "$1 kept alive through $peer"
		[ "$peer" = nginx ] || run "$peer" --path "$path" --size "$2" --objects "$3" --each --connections 4 # warm
		run "$peer" --path "$path" --size "$2" --objects "$3" $how --seconds "$seconds" --connections 16
		per1000[$peer.$1]=$(calc "$cpu / $(field "$json" requests) * 1000")
		pergb[$peer.$1]=$(calc "$cpu / $(field "$json" bytes) * 1e9")
		p99[$peer.$1]=$(field "$json" p99_ms)
		rps[$peer.$1]=$(field "$json" rps)
		[ "$(field "$json" errors)" = 0 ] || per1000[$peer.$1]=failed pergb[$peer.$1]=failed rps[$peer.$1]=failed
	done
}

# against NAME UNIT GOAL PEER OURS THEIRS: less is better
against() {
	case "$5$6" in *failed*) figure "$1" "$5" "$2" "$4" "$6" - "$3" ;; *) figure "$1" "$5" "$2" "$4" "$6" "$(calc "$6 / $5" 3)" "$3" ;; esac
}

tell() { # NAME GOAL
	[ -n "$squid_pid" ] && against "intercept.$1.cpu" cpu-s/1000req "$2" squid "${per1000[toride.$1]}" "${per1000[squid.$1]}"
	[ -n "$nginx_pid" ] && against "intercept.$1.cpu.limit" cpu-s/1000req - limit "${per1000[toride.$1]}" "${per1000[nginx.$1]}"
	[ -n "$squid_pid" ] && against "intercept.$1.cpu.gb" cpu-s/GB - squid "${pergb[toride.$1]}" "${pergb[squid.$1]}"
	[ -n "$squid_pid" ] && against "intercept.$1.p99" ms - squid "${p99[toride.$1]}" "${p99[squid.$1]}"
}

kept 10k 10240 1000 1000; tell 10k 4
kept 10k.mie 10240 1000 3000 10k; tell 10k.mie 4 # all three hold it
kept 10k.busy 10240 1000 closed 10k; tell 10k.busy 4
# With what a body would have to add to Squid for the same: a list of 100,000 names (Toride has it as an index), and a log.
if [ -n "$policed_pid" ]; then
	for how in 1000 closed; do
		name=10k.policed; [ $how = 1000 ] || name=10k.policed.busy
		kept $name 10240 1000 $how 10k "toride policed"
		against "intercept.$name.cpu" cpu-s/1000req 4 squid+squidguard "${per1000[toride.$name]}" "${per1000[policed.$name]}"
	done
	[ -s "$work/squid$policed_port/access.log" ] && [ "$(tail -n 1 "$work/squid$policed_port/access.log" | grep -c /10k/)" = 1 ] || say "squid+squidguard: there is no log"
fi
kept 131k 134144 300 200; tell 131k 2.3
kept 1m 1048576 60 30; tell 1m 2.3
# The ceiling here, load and origin on the same cores; and what Mie's 3,030 requests/s (C-01) would take if each were of 131 KB, which is
# 3.25 Gbit/s: cores of the proxy alone, from the CPU it took, so that neither the load's share nor other work moves it much.
kept 131k.busy 134144 300 closed 131k; tell 131k.busy -
ours=${rps[toride.131k.busy]} theirs=${rps[squid.131k.busy]:--} ratio=-
case "$ours$theirs" in *failed* | *-) ;; *) ratio=$(calc "$ours / $theirs" 3) ;; esac
figure intercept.131k.ceiling "$ours" req/s squid "$theirs" "$ratio" -
cores() { [ "$1" = failed ] && echo failed || calc "3.03 * $1" 3; } # CPU-S/1000REQ
[ -n "$squid_pid" ] && against intercept.131k.cores cores - squid "$(cores "${per1000[toride.131k.busy]}")" "$(cores "${per1000[squid.131k.busy]}")"

# new NAME GOAL ARGUMENTS...: new intercepted connections a second and core, one request of 10 KB each. The goal is
# for the value itself, not for the ratio.
new() {
	local name=$1 goal=$2 peer verdict=-; shift 2
	for peer in $peers; do
		say "new connections ($name) through $peer"
		run "$peer" --path /10k/ --size 10240 --objects 1000 --closed --fresh --connections 8 "$@"
		cps[$peer]=$(calc "$(field "$json" requests) / $cpu")
		[ "$(field "$json" errors)" = 0 ] || cps[$peer]=failed
	done
	[ "$goal" = - ] || verdict=$(awk "BEGIN { print (${cps[toride]//failed/0} >= $goal) ? \"met\" : \"short\" }")
	for peer in squid nginx; do
		[ -n "${cps[$peer]:-}" ] || continue
		printf 'figure intercept.new.%s%s %s /s/core peer %s %s ratio %s goal %s %s\n' "$name" "${peer/squid/}" "${cps[toride]}" \
			"${peer/nginx/limit}" "${cps[$peer]}" "$(calc "${cps[toride]//failed/0} / ${cps[$peer]//failed/1}" 3)" "$goal" "$verdict" |
			sed 's/nginx \([0-9f]\)/.limit \1/'
	done
}
new leaf-cached 2000 --seconds "$seconds"
new leaf-cached.client-resumes - --seconds "$seconds" --resume
new leaf-new - --hosts 2000 --requests 2000 --seconds 60
