#!/bin/bash
# The URL index at ten million entries; see url.c. Lists and index lie in memory: no disk is measured.
# Peer: squidGuard 1.6 of Debian, asked on stdin as Squid asks it, with the first list only (a tenth of the entries, one
# category), in its own database, in memory: whatever is unfair is in its favour.
cd "$(dirname "$0")/.." || exit 4
build=${TORIDE_BUILD:-$PWD/build}
work=$(mktemp -d /dev/shm/toride-bench-url.XXXXXX) || exit 4
trap 'rm -rf "$work"' EXIT
out=$("$build/bench-url" "$work" "${BENCH_URL_ENTRIES:-10000000}") || exit 4
echo "$out"
command -v squidGuard >/dev/null || { echo "bench: squidGuard isn't installed (tools/setup bench)" >&2; exit 0; }
mkdir -p "$work/db/bad" && mv "$work/list0.txt" "$work/db/bad/domains" && rm -f "$work"/list*.txt "$work/url.index"
cat >"$work/conf" <<-END
	dbhome $work/db
	logdir $work
	dest bad { domainlist bad/domains }
	acl { default { pass !bad all
	  redirect http://192.0.2.1/ } }
END
TIMEFORMAT='%U %S'
squidGuard -c "$work/conf" -C all >/dev/null 2>&1
used=$( { time squidGuard -c "$work/conf" <"$work/questions" >"$work/answers" 2>/dev/null; } 2>&1 )
asked=$(wc -l <"$work/questions") held=$(grep -c 192.0.2.1 "$work/answers")
if [ "$(wc -l <"$work/answers")" -ne "$asked" ] || [ "$held" -lt $((asked / 2000)) ]; then
	echo "bench: squidGuard answered wrongly: $held of $asked" >&2
	echo "figure url.decide.squidguard - decisions/s/core peer squidguard failed ratio - goal - -"
	exit 0
fi
awk -v ours="$(awk '$2 == "url.decide" { print $3 }' <<<"$out")" -v n="$asked" -v used="$used" 'BEGIN {
	split(used, t, " "); peer = n / (t[1] + t[2])
	printf "figure url.decide.squidguard %.4g decisions/s/core peer squidguard %.4g ratio %.3g goal - -\n", ours, peer, ours / peer }'
