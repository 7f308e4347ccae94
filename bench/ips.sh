#!/bin/bash
# What inspection in line costs: 131 KB pages in the clear, closed loop, from one namespace to another through the two sockets
# Suricata copies between, with 0, 5,000 and 40,000 signatures (each in both copies, as a description's are); beside it the same
# sockets with the door as a bridge (nftables handing packets over). The configuration is what `toride compile` writes. Behind each run the
# signatures are loaded anew twice and ten times more, and its memory is looked at again. Its environment is that of src/jail/table.c.
. "$(dirname "$0")/lib.sh"
seconds=${BENCH_SECONDS:-10}
tag=tb$$
for n in world mid desk; do ip netns add "$tag-$n" || die "no network namespaces here"; done
netns_gone() { for n in world mid desk; do ip netns del "$tag-$n" 2>/dev/null; done; }
trap 'netns_gone; ended' EXIT
world() { ip netns exec "$tag-world" "$@"; }
mid() { ip netns exec "$tag-mid" "$@"; }
desk() { ip netns exec "$tag-desk" "$@"; }
ip link add name eth0 netns "$tag-world" type veth peer name line0 netns "$tag-mid"
ip link add name wan0 netns "$tag-desk" type veth peer name i-wan0 netns "$tag-mid"
world ip addr add 203.0.113.66/24 dev eth0; desk ip addr add 203.0.113.1/24 dev wan0
world ip link set eth0 up; world ip link set lo up; desk ip link set wan0 up; desk ip link set lo up
mid ip link set line0 up; mid ip link set i-wan0 up
# The description also inspects what the proxy decrypts and the leg to the public sites' origins: their cables are there, and nothing comes by them.
for pair in "toride-mirror toride-mirror-i" "toride-leg i-toride-leg" "toride-leg-o toride-leg-p"; do
	set -- $pair; mid ip link add name "$1" type veth peer name "$2"; mid ip link set "$1" up; mid ip link set "$2" up
done
for e in "world eth0" "mid line0" "mid i-wan0" "desk wan0"; do set -- $e; $1 ethtool -K "$2" tx off tso off gso off gro off sg off >/dev/null 2>&1; done
door() { # bridge | inspect
	local a=drop b=drop; [ "$1" = inspect ] || { a='fwd to "i-wan0"' b='fwd to "line0"'; }
	mid nft -f - <<-END
	table netdev toride_ips
	delete table netdev toride_ips
	table netdev toride_ips {
	 chain at_line0 { type filter hook ingress device "line0" priority 0; policy drop; counter $a; }
	 chain at_inner { type filter hook ingress device "i-wan0" priority 0; policy drop; counter $b; }
	}
	END
}
objects p131k 134144 60
cat >"$work/nginx.conf" <<-END
worker_processes 1; pid $work/nginx.pid; error_log $work/error.log; daemon off; user root;
events { worker_connections 4096; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; keepalive_timeout 300; default_type text/html;
	server { listen 203.0.113.66:80; root $work/www; } }
END
ip netns exec "$tag-world" nginx -c "$work/nginx.conf" -p "$work" 2>/dev/null & pids+=($!)
"$build/toride" compile "$here/../test/golden/ips/description" -o "$work/out" >/dev/null || die "the description doesn't compile"
mkdir -p "$work/log"
# The body that prevents is the desk here, so that its rules look at all of it.
sed -E "s#198.51.100.101#203.0.113.1#g; s#/var/lib/toride/current#$work/out#; s#/run/toride/suricata#$work/log#; s#/run/toride/eve.sock#eve.json#
	s/unix_stream/regular/; s#/var/lib/toride/feeds/ips/[0-9a-f]+#$work/made-up#" "$work/out/suricata/suricata.yaml" >"$work/suricata.yaml"
packets() { mid cat /sys/class/net/line0/statistics/rx_packets /sys/class/net/line0/statistics/tx_packets 2>/dev/null | awk '{s+=$1} END{print s}'; }
cpu=0
measure() { # NAME [PID] -> $mbit $pps $ms $p99 $cpu_gbit
	local before after t0=0 t1=0 r
	desk "$load" --connect 203.0.113.66:80 --host www.bench.test --port 80 --path /p131k/ --plain --objects 60 --connections 16 --closed --seconds 2 >/dev/null
	before=$(packets); [ -z "${2:-}" ] || t0=$(ticks "$2")
	r=$(desk "$load" --connect 203.0.113.66:80 --host www.bench.test --port 80 --path /p131k/ --plain --objects 60 --connections 16 --closed --seconds "$seconds")
	after=$(packets); [ -z "${2:-}" ] || t1=$(ticks "$2")
	[ "$(field "$r" errors)" = 0 ] || say "$1: $r"
	mbit=$(calc "$(field "$r" bytes) * 8 / 1e6 / $(field "$r" seconds)")
	pps=$(calc "($after - $before) / $(field "$r" seconds)")
	cpu=$(calc "($t1 - $t0) / $hz / $(field "$r" seconds)")
	ms=$(desk ping -q -c 300 -i 0.002 203.0.113.66 | sed -n 's#.*= [0-9.]*/\([0-9.]*\)/.*#\1#p')
}
resident() { awk '/VmRSS/{print int($2/1024)}' "/proc/$1/status"; }
loads() { grep -c "rule reload complete" "$work/suricata.out"; }
reload() { # PID TIMES
	local i k had
	for i in $(seq "$2"); do
		had=$(loads); kill -USR2 "$1"
		for k in $(seq 1200); do [ "$(loads)" -gt "$had" ] && break; sleep 0.1; done
		[ "$(loads)" -gt "$had" ] || { say "a reload doesn't end"; return 1; }
	done
}
sleep 1
door bridge; measure bridge
bridge=$mbit bridge_pps=$pps bridge_ms=$ms
for n in ${BENCH_RULES:-0 5000 40000}; do
	python3 "$here/iprules.py" "$n" >"$work/made-up.rules"; echo "# none" >>"$work/made-up.rules"
	rm -f "$work/log/"*
	began=$(date +%s%N)
	MALLOC_MMAP_THRESHOLD_=131072 ip netns exec "$tag-mid" suricata -c "$work/suricata.yaml" --af-packet -v -l "$work/log" >"$work/suricata.out" 2>&1 & pid=$!; pids+=($pid)
	for _ in $(seq 600); do grep -q "Engine started" "$work/suricata.out" && break; kill -0 $pid 2>/dev/null || break; sleep 0.1; done
	start=$(calc "($(date +%s%N) - $began) / 1e9")
	grep -q "Engine started" "$work/suricata.out" || { say "Suricata doesn't start: $(tail -n 2 "$work/suricata.out")"; continue; }
	loaded=$(sed -n 's/.* \([0-9]*\) rules successfully loaded.*/\1/p' "$work/suricata.out")
	[ "${loaded:-0}" -ge $((2 * n)) ] || { say "only ${loaded:-no} rules are loaded of $((2 * n))"; continue; }
	door inspect; measure "$n rules" $pid
	rss=$(resident "$pid")
	goal=-; [ $n != 5000 ] || goal=$(calc "1500 / $bridge")
	figure "ips.mbit.$n" "$mbit" Mbit/s bridge "$bridge" "$(calc "$mbit / $bridge")" "$goal"
	figure "ips.packets.$n" "$pps" packets/s bridge "$bridge_pps" "$(calc "$pps / $bridge_pps")" -
	figure "ips.ping.$n" "$ms" ms bridge "$bridge_ms" "$(calc "$bridge_ms / $ms")" -
	figure "ips.cpu.$n" "$cpu" cores - - - -
	figure "ips.start.$n" "$start" s - - - -
	figure "ips.memory.$n" "$rss" MiB - - - -
	if reload "$pid" 2 && twice=$(resident "$pid") && reload "$pid" "${BENCH_RELOADS:-10}"; then
		again=$(resident "$pid")
		figure "ips.reloaded.$n" "$again" MiB after_two "$twice" "$(calc "$twice / $again")" 0.97
	fi
	door bridge; kill "$pid"; for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done; kill -9 "$pid" 2>/dev/null
done
