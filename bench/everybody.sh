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
everybody_ends() {
	local f
	sleep 1
	touch "$work/stop"
	wait "${loads[@]}"
	for f in "$work"/*.load; do
		[ "$(jq -s 'map(.requests) | add' "$f")" -gt 0 ] || die "$(basename "$f" .load) asked nothing: $(tail -n 1 "$f")"
		jq -sc --arg c "$(basename "$f" .load)" '{requests: map(.requests) | add, failed: (map(.errors + .late) | add), why: (map(.why) | unique | join(" "))} | select(.failed > 0) | "\($c): \(.)"' "$f" >&2
	done
}
asked() { cat "$work"/*.load | jq -s 'map(.requests) | add'; }
failed() { cat "$work"/*.load | jq -s 'map(.errors + .late) | add'; }
