#!/bin/bash
# Floods against what a body publishes: how many honest visitors are answered meanwhile. The packet filter is the one that
# `toride compile` writes; the peer is the same without its limits, in the same flood. Three namespaces: the node, the body's server, the Internet.
. "$(dirname "$0")/lib.sh"
src=$here/.. seconds=${BENCH_SECONDS:-10}
ulimit -n 20000
ns=tfl-$$
on() { local h=$1; shift; ip netns exec "$ns-$h" "$@"; }
wiped() { local h; ended; for h in gw srv net; do ip netns del "$ns-$h" 2>/dev/null; done; }
trap wiped EXIT
for h in gw srv net; do ip netns add "$ns-$h"; ip -n "$ns-$h" link set lo up; done
ip -n "$ns-gw" link add o412015 type veth peer name eth0 netns "$ns-srv"
ip -n "$ns-gw" link add wan0 type veth peer name eth0 netns "$ns-net"
for i in o412015 wan0; do ip -n "$ns-gw" link set "$i" up; done

# ---- what the description says: a published server with limits
mkdir -p "$work/d/orgs" "$work/www"
chmod 755 "$work"
{ head -c 9000 /dev/urandom | base64 -w0; echo '</html>'; } >"$work/www/page.html"
cp -r "$src/examples/saga/prefectures" "$work/d/"
jq '.state_dir = "'"$work/s"'" | .run_dir = "'"$work/r"'"' <(grep -v '^//' "$src/examples/saga/service.json") >"$work/d/service.json"
jq '.sites = [] | .publish = [
	{"id": "www", "address": "198.51.100.101", "port": 80, "server": "10.1.0.80", "comment": "x", "owner": "x",
	 "limits": {"per_source": 50, "new_per_second": 20, "prefix_per_second": 300, "attack_per_second": 500, "attack_hold_s": 10}}]' \
	<(grep -v '^//' "$src/examples/saga/orgs/412015.json") >"$work/d/orgs/412015.json"
"$build/toride" compile "$work/d" -o "$work/s/current" >/dev/null || die "cannot compile"
jq '.publish[0].limits = {}' "$work/d/orgs/412015.json" >"$work/o" && mv "$work/o" "$work/d/orgs/412015.json"
"$build/toride" compile "$work/d" -o "$work/s/bare" >/dev/null || die "cannot compile"
while IFS='=' read -r k v; do on gw sysctl -qw "$k=$v" 2>/dev/null; done <"$work/s/current/net/sysctl"
cut -f1 "$work/s/current/net/keys" | sed -n 's/^-4 //p' | on gw ip -4 -force -batch - 2>/dev/null
ip -n "$ns-gw" route replace default via 198.51.100.1
filter() { on gw nft -f "$work/s/$1/nft/toride.nft" || die "the kernel doesn't take the filter"; }

ip -n "$ns-net" addr add 198.51.100.1/24 dev eth0; ip -n "$ns-net" link set eth0 up
for i in $(seq 50); do ip -n "$ns-net" addr add "203.0.113.$i/32" dev lo; done
for i in 1 2 3 4; do ip -n "$ns-net" addr add "8.8.4.$i/32" dev lo; done
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
	for _ in $(seq 50); do [ "$(flood honest "$address" 80 www.bench.example 1 1 | cut -d' ' -f2)" = 1 ] && break; done
	flood "$@" >"$work/sent" & f=$!
	sleep 2
	read -r asked answered p50 p99 <<<"$(flood honest "$address" 80 www.bench.example 40 "$seconds")"
	wait $f
	say "$name $setting: $answered of $asked answered, median $p50 ms, 99 of 100 within $p99 ms; flows $(on gw conntrack -C 2>/dev/null)"
	on gw conntrack -F >/dev/null 2>&1
	percent=$(calc "$answered * 100 / $asked")
}
one() { # NAME ADDRESS FLOOD...
	local name=$1 bare; shift
	honest "$name" bare "$@"; bare=$percent
	honest "$name" current "$@"
	figure "flood.$name.honest" "$percent" percent without_limits "$bare" "$(calc "$percent / ($bare > 0.01 ? $bare : 0.01)")" 95 "$percent"
}
published=198.51.100.101 long=$((seconds + 6))
one none $published udp 198.51.100.102 9 1 1
one syn $published syn $published 80 "${FLOOD_RATE:-10000}" $long
one udp $published udp $published 9 "${FLOOD_RATE:-10000}" $long
one connections $published http $published 80 www.bench.example 1500 $long
