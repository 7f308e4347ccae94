#!/bin/bash
# What of RFC 9111 the public sites' cache keeps: the required cases of http-cache-tests through the server that `toride compile` writes for a
# cached site; the peer is the same nginx with proxy_cache and its own defaults, in the same run. Each class's count and what failed on stderr.
. "$(dirname "$0")/lib.sh"
src=$here/.. suite=${XDG_CACHE_HOME:-/var/cache}/toride/http-cache-tests-0.4.5
[ -d "$suite/tests" ] && command -v node >/dev/null || die "http-cache-tests or node isn't here (tools/setup bench)"
ip addr add 198.51.100.3/32 dev lo; ip addr add 2001:db8:100::3/128 dev lo nodad; ip addr add 10.1.0.80/32 dev lo; ip addr add 100.64.1.1/32 dev lo
mkdir -p "$work/d/orgs" "$work/s/edge/log" "$work/s/edge/cache" "$work/r/edge/tmp"
chmod 755 "$work"
cp -r "$src/examples/saga/prefectures" "$work/d/"
jq '.state_dir = "'"$work/s"'" | .run_dir = "'"$work/r"'" | .web_source_per_s = 10000 | .web_forms_per_min = 10000' \
	<(grep -v '^//' "$src/examples/saga/service.json") >"$work/d/service.json"
jq '.sites = [{name: "cached.bench.example", title: "x", origins: [{addr: "10.1.0.80", port: 8000}], waf: "detect", cache_s: 1}]' \
	"$src/examples/saga/orgs/412015.json" >"$work/d/orgs/412015.json"
"$build/toride" compile "$work/d" -o "$work/s/current" >/dev/null || die "cannot compile"
# The suite resolves no names of ours: the site answers to its address, too.
sed -i -e '1i user root;' -e 's/server_name cached.bench.example;/server_name cached.bench.example 198.51.100.3;/' "$work/s/current/edge/nginx.conf"
cat >"$work/peer.conf" <<-END
	user root; pid $work/p.pid; daemon off; error_log stderr crit; events { worker_connections 1024; }
	http { access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
	  proxy_cache_path $work/kept keys_zone=kept:8m;
	  server { listen 127.0.0.1:8081; location / { proxy_pass http://10.1.0.80:8000; proxy_cache kept; proxy_cache_revalidate on; } } }
END
(cd "$suite" && npm_config_port=8000 npm_config_protocol=http npm_config_pidfile="$work/suite.pid" exec node server/server.mjs) >"$work/suite.log" 2>&1 & pids+=($!)
run() { nginx -p "$work" -e stderr -c "$1" ${2:+-g "$2"} 2>>"$work/log" & pids+=($!); }
run "$work/peer.conf"; run "$work/s/current/edge/nginx.conf" "daemon off; load_module $build/toride_kept.so;"
up 8081 && up 8000 || { cat "$work/log" "$work/suite.log" >&2; die "a server doesn't start"; }
for _ in $(seq 100); do curl -s --connect-timeout 1 -o /dev/null http://198.51.100.3/ && break; sleep 0.1; done

cases() { node --no-warnings "$here/cache_drive.mjs" "$suite" "$1" >"$2" || die "the suite didn't run"; }
required() { awk -F'\t' -v how="$2" '$2 == "required" && ($3 == how || how == "all")' "$1" | wc -l; }
cases http://127.0.0.1:8081 "$work/peer.cases"
cases http://198.51.100.3 "$work/ours.cases"
awk -F'\t' '$2 == "required" { n[$1]++; ok[$1] += $3 == "pass"; if ($3 != "pass") why[$1] = why[$1] " " $4 ($3 == "untested" ? "(untested)" : "") }
	END { for (c in n) printf "bench: %s: %d of %d%s\n", c, ok[c], n[c], why[c] ? ";" why[c] : "" }' "$work/ours.cases" | sort >&2
say "required: $(required "$work/ours.cases" pass) of $(required "$work/ours.cases" all), $(required "$work/ours.cases" untested) untested by the suite's own rule"
ours=$(required "$work/ours.cases" pass) peer=$(required "$work/peer.cases" pass)
[ "$peer" -gt 50 ] || die "the peer passed $peer cases: nothing was measured"
figure web_cache.required "$ours" cases nginx_defaults "$peer" "$(calc "$ours / $peer" 3)" 130 "$ours"
