#!/bin/bash
# Public sites: what the WAF costs, and what the cache saves. The server is the one `toride compile` writes for a description of
# one body; the peer is the same nginx with nothing but proxy_pass, in front of the same origin, asked by the same h2load.
. "$(dirname "$0")/lib.sh"
command -v h2load >/dev/null || die "h2load isn't here (tools/setup bench)"
src=$here/..
n=${REQUESTS:-6000}
ip addr add 198.51.100.3/32 dev lo; ip addr add 2001:db8:100::3/128 dev lo nodad; ip addr add 10.1.0.80/32 dev lo; ip addr add 100.64.1.1/32 dev lo
mkdir -p "$work/d/orgs" "$work/s/edge/log" "$work/s/edge/cache" "$work/r/edge/tmp" "$work/www"
chmod 755 "$work"
for k in 10 50; do head -c ${k}000 /dev/urandom | base64 -w0 | head -c $((k * 1024)) >"$work/www/page$k.html"; done
cp -r "$src/examples/saga/prefectures" "$work/d/"
jq '.state_dir = "'"$work/s"'" | .run_dir = "'"$work/r"'" | .web_source_per_s = 10000 | .web_forms_per_min = 10000' \
	<(grep -v '^//' "$src/examples/saga/service.json") >"$work/d/service.json"
site() { echo '{"name": "'$1'.bench.example", "title": "x", "origins": [{"addr": "10.1.0.80", "port": 8080}], "paranoia": '$2', "cache_s": '$3'}'; }
jq ".sites = [$(site waf1 1 0), $(site waf4 4 0), $(site cached 1 600)]" "$src/examples/saga/orgs/412015.json" >"$work/d/orgs/412015.json"
"$build/toride" compile "$work/d" -o "$work/s/current" >/dev/null || die "cannot compile"
plain='daemon off; worker_processes 1; error_log stderr crit; events { worker_connections 1024; }'
temp='access_log off; types { text/html html; } client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;'
echo "user root; pid $work/o.pid; $plain http { $temp keepalive_requests 1000000; server { listen 10.1.0.80:8080; root $work/www; } }" >"$work/origin.conf"
echo "user root; pid $work/p.pid; ${plain/processes 1/processes 2} http { $temp proxy_http_version 1.1; proxy_set_header Connection \"\"; keepalive_requests 1000000;
	upstream o { server 10.1.0.80:8080; keepalive 8; } server { listen 127.0.0.1:8081; location / { proxy_pass http://o; } } }" >"$work/peer.conf"
sed -i '1i user root;' "$work/s/current/edge/nginx.conf"
run() { nginx -p "$work" -e stderr -c "$1" ${2:+-g "$2"} 2>>"$work/log" & pids+=($!); }
run "$work/origin.conf"; run "$work/peer.conf"; peer=$!; run "$work/s/current/edge/nginx.conf" "daemon off; load_module $build/toride_kept.so;"; edge=$!
up 8081 || die "the peer doesn't start"
for _ in $(seq 100); do curl -s --connect-timeout 1 -o /dev/null http://198.51.100.3/ && break; sleep 0.1; done

# measure PID URL ADDRESS: "RATE CPU_MS_PER_REQUEST FAILED"
measure() {
	local before after out
	h2load --h1 -n 200 -c 8 -t 1 --connect-to="$3" -H "User-Agent: Mozilla/5.0" -H "Accept: text/html" "$2" >/dev/null 2>&1
	before=$(ticks "$1")
	out=$(h2load --h1 -n "$n" -c 8 -t 1 --connect-to="$3" -H "User-Agent: Mozilla/5.0" -H "Accept: text/html" "$2" 2>&1)
	after=$(ticks "$1")
	echo "$(sed -n 's/^finished in .*, \([0-9.]*\) req\/s.*/\1/p' <<<"$out") $(calc "($after - $before) * 1000 / $hz / $n") $(sed -n 's/^status codes: \([0-9]*\) 2xx.*/\1/p' <<<"$out")"
}
# sites KIB SITE...: pages of that size, bare and through each site
sites() {
	local url="/page$1.html?id=12345&page=2" s name bare bare_cpu rate cpu answered # level 4 takes Japanese in a question for an attack
	local of=; [ "$1" = 10 ] || of=_$1k
	read -r bare bare_cpu answered <<<"$(measure $peer "http://peer.bench.example$url" 127.0.0.1:8081)"
	[ "$answered" = "$n" ] || { cat "$work/log" >&2; die "the peer answered $answered of $n"; }
	for s in "${@:2}"; do
		read -r rate cpu answered <<<"$(measure $edge "http://$s.bench.example$url" 198.51.100.3:80)"
		[ "$answered" = "$n" ] || die "$s answered $answered of $n"
		name=web_$s$of
		figure "$name" "$rate" req/s nginx_bare "$bare" "$(calc "$rate / $bare")" -
		figure "${name}_cpu" "$cpu" ms/request nginx_bare "$bare_cpu" "$(calc "$bare_cpu / $cpu")" -
	done
}
sites 10 waf1 waf4 cached
sites 50 waf1 cached # the size of C-11
