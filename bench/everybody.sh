# A terminal of every body goes on asking while something is changed: plain pages through the proxy, each on a new connection, open loop. Sourced after lab.sh.
loads=()
approved() { local d; d=$(toride submit "$1" --as bench-author | grep -o 'sha256:[0-9a-f]*' | head -n 1) && toride approve "$d" --as bench-approver >/dev/null && echo "$d"; }

everybody() { # CODE...
	local c
	for c in "$@"; do
		while [ ! -e "$work/stop" ]; do
			on "$c-pc1" "$load" --proxy 192.0.2.10:8080 --host www.news.example --port 80 --plain --path '/10k.bin?n=' --objects 50 --size 10240 \
				--seconds 4 --rate "${BENCH_RATE:-4}" --connections 8 --fresh || [ -e "$work/stop" ] || echo '{"requests":0,"errors":1,"late":0,"why":"no run"}'
		done >"$work/$c.load" & loads+=($!)
	done
	pids+=("${loads[@]}")
	sleep 5
}
# outside DIR: visitors on the Internet go on asking for a page of every public site of the description, 10 a second, each on a new connection;
# resolvers there for names of every zone, and a terminal of each of CODE... for names of the Internet, 20 a second each.
outside() {
	local d=$1 web name; shift
	web=$(jq -r '.web4' "$d/service.json")
	cat "$d"/orgs/*.json | jq -r '.sites[]?.name' >"$work/sites"
	[ -s "$work/sites" ] || die "no public site"
	while read -r name; do printf 'url = "https://%s/?n"\noutput = "/dev/null"\nresolve = "%s:443:%s"\n' "$name" "$name" "$web"; done <"$work/sites" >"$work/urls"
	cat "$d"/orgs/*.json | jq -r '.zones[]?.name | "\(.) SOA\n\(.) NS"' >"$work/zone-names"
	printf '%s\n' "www.news.example A" "static.news.example A" "saas.example A" "www.news.example AAAA" >"$work/names"
	while [ ! -e "$work/stop" ]; do
		on inet curl -sS --http1.1 -k --max-time 10 --rate 10/s -K "$work/urls" -H "Connection: close" -A Mozilla/5.0 -w '%{http_code}\n' 2>"$work/visitors.err" |
			awk '{ n++; if ($1 != 200) { bad++; why = why " " $1 } } END { printf "{\"requests\":%d,\"errors\":%d,\"late\":0,\"why\":\"%s\"}\n", n, bad, why }'
	done >"$work/visitors.load" & loads+=($!)
	questions zones inet -s "$(jq -r '.name_servers[0].addr4' "$d/service.json")" -d "$work/zone-names"
	for name in "$@"; do questions "resolver-$name" "$name-pc1" -s "$(jq -r .dns4 "$d/service.json")" -d "$work/names"; done
	pids+=("${loads[@]}")
}
questions() { # NAME HOST DNSPERF ARGS
	local name=$1 host=$2; shift 2
	while [ ! -e "$work/stop" ]; do
		on "$host" dnsperf "$@" -Q 20 -l 4 -t 10 2>/dev/null |
			awk '/Queries sent:/ { s = $3 } /Queries completed:/ { c = $3 } /Response codes:/ { why = $0; sub(/.*: */, "", why) }
				END { good = match(why, /NOERROR [0-9]+/) ? substr(why, RSTART + 8, RLENGTH - 8) : 0
					printf "{\"requests\":%d,\"errors\":%d,\"late\":0,\"why\":\"%s\"}\n", s, s - good, s == good ? "" : why }'
	done >"$work/$name.load" & loads+=($!)
}
everybody_ends() {
	local f
	sleep 1
	touch "$work/stop"
	wait "${loads[@]}"
	for f in "$work"/*.load; do
		[ "$(jq -s 'map(.requests) | add' "$f")" -gt 0 ] || die "$(basename "$f" .load) asked nothing: $(tail -n 1 "$f")"
		jq -sc --arg c "$(basename "$f" .load)" '{requests: map(.requests) | add, failed: (map(.errors) | add), unasked: (map(.late) | add), slowest_ms: (map(.p99_ms // 0) | max), why: (map(.why) | unique | join(" "))} | select(.failed + .unasked > 0) | "\($c): \(.)"' "$f" >&2
	done
}
asked() { cat "$work"/*.load | jq -s 'map(.requests) | add'; }
failed() { cat "$work"/*.load | jq -s 'map(.errors) | add'; }
# Arrivals that the client hadn't come to asking at the end of its run: with pages of milliseconds that run, the client had no processor, not the asked one.
unasked() { cat "$work"/*.load | jq -s 'map(.late) | add'; }
