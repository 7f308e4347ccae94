#!/bin/bash
# Floods against what a body publishes: how many honest visitors are answered meanwhile. The packet filter is the one that
# `toride compile` writes; the peer is the same without its limits, in the same flood. Three namespaces: the node, the body's server, the Internet.
. "$(dirname "$0")/lib.sh"
src=$here/.. seconds=${BENCH_SECONDS:-10}
ulimit -n 20000
ns=tfl-$$
on() { local h=$1; shift; ip netns exec "$ns-$h" "$@"; }
share=/sys/fs/cgroup/cpu/$ns # a share of the processors for the sites' server alone (cgroup v1)
wiped() { local h; ended; [ ! -d "$share" ] || rmdir "$share"; for h in gw srv net; do ip netns del "$ns-$h" 2>/dev/null; done; }
trap wiped EXIT
for h in gw srv net; do ip netns add "$ns-$h"; ip -n "$ns-$h" link set lo up; done
ip -n "$ns-gw" link add o412015 type veth peer name eth0 netns "$ns-srv"
ip -n "$ns-gw" link add wan0 type veth peer name eth0 netns "$ns-net"
for i in o412015 wan0; do ip -n "$ns-gw" link set "$i" up; done

# ---- what the description says: a published server with limits
mkdir -p "$work/d/orgs" "$work/www"
chmod 755 "$work"
head -c 2000000 /dev/zero | tr '\0' a >"$work/www/large.html"
{ head -c 9000 /dev/urandom | base64 -w0; echo '</html>'; } >"$work/www/page.html"
cp -r "$src/examples/saga/prefectures" "$work/d/"
mkdir -p "$work/s/edge/log" "$work/s/edge/cache" "$work/r/edge/tmp"
jq '.state_dir = "'"$work/s"'" | .run_dir = "'"$work/r"'" | .web_connections = 25 | del(.web6)' <(grep -v '^//' "$src/examples/saga/service.json") >"$work/d/service.json"
# A site beside it. A slow flood is of an eighth of its size, so what it may hold is too: connections of a visitor, of a network, of the server.
jq '.ips = "off" | .sites = [{"name": "www.bench.example", "title": "x", "origins": [{"addr": "10.1.0.80"}]}] | .publish = [
	{"id": "www", "address": "198.51.100.101", "port": 80, "server": "10.1.0.80", "comment": "x", "owner": "x",
	 "limits": {"per_source": 50, "new_per_second": 20, "prefix_per_second": 300, "attack_per_second": 500, "attack_hold_s": 10}}]' \
	<(grep -v '^//' "$src/examples/saga/orgs/412015.json") >"$work/d/orgs/412015.json"
"$build/toride" compile "$work/d" -o "$work/s/current" >/dev/null || die "cannot compile"
eighth() { sed -e '1i user root;' -e 's/worker_connections 16384/worker_connections 2048/; s/limit_conn open 100/limit_conn open 12/; s/limit_conn near 1000/limit_conn near 125/' "$1"; }
edge=$work/s/current/edge/nginx.conf
eighth "$edge" >"$work/edge-current.conf"
# The peer: the same server and WAF, no limits, and as patient as nginx is by itself.
grep -vE '^ *(limit_(req|conn)|crowd) ' "$work/edge-current.conf" | sed 's/ client_header_timeout 10s;\| client_body_timeout 10s;\|  send_timeout 20s;\| reset_timedout_connection on;//g' >"$work/edge-bare.conf"
jq '.publish[0].limits = {}' "$work/d/orgs/412015.json" >"$work/o" && mv "$work/o" "$work/d/orgs/412015.json"
"$build/toride" compile "$work/d" -o "$work/s/bare" >/dev/null || die "cannot compile"
while IFS='=' read -r k v; do on gw sysctl -qw "$k=$v" 2>/dev/null; done <"$work/s/current/net/sysctl"
cut -f1 "$work/s/current/net/keys" | sed -n 's/^-4 //p' | on gw ip -4 -force -batch - 2>/dev/null
ip -n "$ns-gw" route replace default via 198.51.100.1
filter() {
	on gw nft -f "$work/s/$1/nft/toride.nft" || die "the kernel doesn't take the filter"
	[ "$1" != bare ] || on gw nft insert rule inet toride input iifname wan0 tcp dport 80 accept
}
held_to() { # PERCENT of one processor is what the server gets; "": what there is
	[ -z "$1" ] || { mkdir -p "$share" && echo "$1"000 >"$share/cpu.cfs_quota_us" && for p in "$server" $(cat "/proc/$server/task/$server/children"); do echo "$p" >"$share/cgroup.procs"; done; } || die "no share of a processor"
}
site=198.51.100.3 server= # the public sites', of the setting last asked for
sites() {
	[ -z "$server" ] || { kill "$server"; wait "$server"; } 2>/dev/null
	# A session of its own: the scheduler then shares the processors between it and the flood as if each had its machine (sched_autogroup).
	setsid ip netns exec "$ns-gw" nginx -p "$work" -e stderr -c "$work/edge-$1.conf" -g "daemon off; load_module $build/toride_kept.so;" 2>>"$work/log" & server=$!; pids+=($server)
	for _ in $(seq 100); do [ "$(on net curl -s -m 2 -o /dev/null -w '%{http_code}' -A Mozilla/5.0 -H "Host: www.bench.example" http://$site/page.html)" = 200 ] && return; sleep 0.1; done
	die "the site isn't there: $(tail -n 3 "$work/log")"
}

ip -n "$ns-net" addr add 198.51.100.1/24 dev eth0; ip -n "$ns-net" link set eth0 up
for i in $(seq 50); do ip -n "$ns-net" addr add "203.0.113.$i/32" dev lo; done
for i in 1 2 3 4; do ip -n "$ns-net" addr add "8.8.4.$i/32" dev lo; done
for i in 0 1 2 3 4 5 6 7 8 9; do for k in $(seq 25); do echo "addr add 9.9.$i.$k/32 dev lo"; done; done | ip -n "$ns-net" -batch -
ip -n "$ns-srv" addr add 100.64.1.2/24 dev eth0; ip -n "$ns-srv" addr add 10.1.0.80/32 dev lo; ip -n "$ns-srv" link set eth0 up
ip -n "$ns-srv" route add default via 100.64.1.1
plain='daemon off; worker_processes 1; error_log stderr crit; events { worker_connections 4096; }'
temp='access_log off; types { text/html html; } client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;'
echo "user root; pid $work/o.pid; $plain http { $temp server { listen 10.1.0.80:80; root $work/www; } }" >"$work/origin.conf"
ip netns exec "$ns-srv" nginx -p "$work" -e stderr -c "$work/origin.conf" 2>>"$work/log" & pids+=($!)
flood() { on net python3 "$here/flood.py" "$@"; }

# honest NAME SETTING ADDRESS FLOOD...: percent of honest visitors that got their page
honest() {
	local name=$1 setting=$2 address=$3 asked answered p50 p99 f; shift 3
	filter "$setting"
	[ "$address" != "$site" ] || { sites "$setting"; held_to "${starved:-}"; }
	for _ in $(seq 50); do [ "$(flood honest "$address" 80 www.bench.example 1 1 | cut -d' ' -f2)" = 1 ] && break; done
	flood "$@" >"$work/sent" & f=$!
	local t; t=$(ticks "${server:-$$}")
	sleep "${before:-2}"
	read -r asked answered p50 p99 <<<"$(flood honest "$address" 80 www.bench.example 40 "$seconds")"
	wait $f
	[ ! -s "$work/sent" ] || say "$name $setting: the flood: $(cat "$work/sent")"
	[ "$address" != "$site" ] || say "$name $setting: the server took $(calc "($(ticks "$server") - $t) / $hz") s of a processor"
	say "$name $setting: $answered of $asked answered, median $p50 ms, 99 of 100 within $p99 ms; flows $(on gw conntrack -C 2>/dev/null)"
	on gw conntrack -F >/dev/null 2>&1
	[ -z "${FLOOD_SHOW:-}" ] || on gw nft list ruleset | grep -E "web:" >&2
	percent=$(calc "$answered * 100 / $asked")
}
one() { # NAME ADDRESS FLOOD...
	local name=$1 bare; shift
	[[ $name == ${FLOOD_ONLY:-*} ]] || return 0
	honest "$name" bare "$@"; bare=$percent
	honest "$name" current "$@"
	figure "flood.$name.honest" "$percent" percent without_limits "$bare" "$(calc "$percent / ($bare > 0.01 ? $bare : 0.01)")" 95 "$percent"
}
published=198.51.100.101 long=$((seconds + 6))
one none $published udp 198.51.100.102 9 1 1
one syn $published syn $published 80 "${FLOOD_RATE:-10000}" $long
one udp $published udp $published 9 "${FLOOD_RATE:-10000}" $long
one connections $published http $published 80 www.bench.example 1500 $long
one site_none $site udp 198.51.100.102 9 1 1
one site_requests $site requests $site 80 www.bench.example 20 200 $long
one site_requests_wide $site requests $site 80 www.bench.example 250 16 $long
before=12 # until who asks most has to ask less
one site_tokens_wide $site tokens $site 80 www.bench.example 250 16 $((long + 10))
before=8 starved=15
[ ! -e "${share%/*}/cpu.cfs_quota_us" ] || one site_requests_starved $site requests $site 80 www.bench.example 250 16 $((long + 6))
starved=
before=8 # until it holds what it can
for kind in header body read; do one site_slow_$kind $site $kind $site 80 www.bench.example 250 5000 $((long + 10)); done
