#!/bin/bash
# Floods against what a body publishes: how many honest visitors are answered meanwhile. Packet filter and sites' server are those that
# `toride compile` writes; the peer is the same filter and server without their limits, in the same flood. Three namespaces: the node, the body's server, the Internet.
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

# ---- what the description says: a published server with limits, and a public site
mkdir -p "$work/d/orgs" "$work/s/edge/log" "$work/s/edge/cache" "$work/r/edge/tmp" "$work/www" "$work/bare/log" "$work/bare/cache"
chmod 755 "$work"
{ head -c 9000 /dev/urandom | base64 -w0; echo '</html>'; } >"$work/www/page.html"
cp -r "$src/examples/saga/prefectures" "$work/d/"
jq '.state_dir = "'"$work/s"'" | .run_dir = "'"$work/r"'"' <(grep -v '^//' "$src/examples/saga/service.json") >"$work/d/service.json"
jq '.sites = [{"name": "www.bench.example", "title": "x", "origins": [{"addr": "10.1.0.80", "port": 8080}], "cache_s": 600}] | .publish = [
	{"id": "www", "address": "198.51.100.101", "port": 80, "server": "10.1.0.80", "comment": "x", "owner": "x",
	 "limits": {"per_source": 50, "new_per_second": 20, "prefix_per_second": 300, "attack_per_second": 500, "attack_hold_s": 10}}]' \
	<(grep -v '^//' "$src/examples/saga/orgs/412015.json") >"$work/d/orgs/412015.json"
"$build/toride" compile "$work/d" -o "$work/s/current" >/dev/null || die "cannot compile"
jq '.publish[0].limits = {}' "$work/d/orgs/412015.json" >"$work/o" && mv "$work/o" "$work/d/orgs/412015.json"
"$build/toride" compile "$work/d" -o "$work/s/bare" >/dev/null || die "cannot compile"
while IFS='=' read -r k v; do on gw sysctl -qw "$k=$v" 2>/dev/null; done <"$work/s/current/net/sysctl"
for f in 4 6; do cut -f1 "$work/s/current/net/keys" | sed -n "s/^-$f //p" | on gw ip "-$f" -force -batch - 2>/dev/null; done
ip -n "$ns-gw" route replace default via 198.51.100.1
filter() { on gw nft -f "$work/s/$1/nft/toride.nft" || die "the kernel doesn't take the filter"; }

ip -n "$ns-net" addr add 198.51.100.1/24 dev eth0; ip -n "$ns-net" link set eth0 up
for i in $(seq 50); do ip -n "$ns-net" addr add "203.0.113.$i/32" dev lo; done
for i in 1 2 3 4; do ip -n "$ns-net" addr add "8.8.4.$i/32" dev lo; done
ip -n "$ns-srv" addr add 100.64.1.2/24 dev eth0; ip -n "$ns-srv" addr add 10.1.0.80/32 dev lo; ip -n "$ns-srv" link set eth0 up
ip -n "$ns-srv" route add default via 100.64.1.1
plain='daemon off; worker_processes 1; error_log stderr crit; events { worker_connections 4096; }'
temp='access_log off; types { text/html html; } client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;'
echo "user root; pid $work/o.pid; $plain http { $temp server { listen 10.1.0.80:8080; listen 10.1.0.80:80; root $work/www; } }" >"$work/origin.conf"
echo "user root; pid $work/p.pid; $plain http { $temp proxy_cache_path $work/bare/cache keys_zone=c:1m; upstream o { server 10.1.0.80:8080; }
	server { listen 198.51.100.3:80; location / { proxy_pass http://o; proxy_cache c; proxy_cache_valid 200 10m; } } }" >"$work/bare.conf"
sed -i '1i user root;' "$work/s/current/edge/nginx.conf"
ip netns exec "$ns-srv" nginx -p "$work" -e stderr -c "$work/origin.conf" 2>>"$work/log" & pids+=($!)
server() { # the sites' server, or the same without limits
	[ -z "${edge:-}" ] || { kill "$edge"; wait "$edge" 2>/dev/null; }
	case $1 in
	current) ip netns exec "$ns-gw" nginx -p "$work" -e stderr -c "$work/s/current/edge/nginx.conf" -g "daemon off;" 2>>"$work/log" & ;;
	bare) ip netns exec "$ns-gw" nginx -p "$work" -e stderr -c "$work/bare.conf" 2>>"$work/log" & ;;
	esac
	edge=$!; pids+=("$edge")
	for _ in $(seq 100); do on gw curl -s -o /dev/null --connect-timeout 1 http://198.51.100.3/ && return; sleep 0.1; done
	tail -n 3 "$work/log" >&2
	die "the sites' server doesn't start"
}
flood() { on net python3 "$here/flood.py" "$@"; }

# honest NAME SETTING ADDRESS FLOOD...: percent of honest visitors that got their page
honest() {
	local name=$1 setting=$2 address=$3 asked answered p50 p99 f; shift 3
	server "$setting"; filter "$setting"
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
published=198.51.100.101 site=198.51.100.3 long=$((seconds + 6))
one none $published udp 198.51.100.102 9 1 1
one syn $published syn $published 80 "${FLOOD_RATE:-10000}" $long
one udp $published udp $published 9 "${FLOOD_RATE:-10000}" $long
one connections $published http $published 80 www.bench.example 1500 $long
one http $site http $site 80 www.bench.example 1500 $long
one slow $site slow $site 80 www.bench.example 3000 $long
