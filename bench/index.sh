#!/bin/bash
# The event index: filling it from sealed segments, its size, and searches of a body's week; see index.c. Data lies in build/, on a
# real disk. INDEX_RECORDS (3,000,000) is how many records. Peer of the searches: grep -c of the same records as text, of one body.
. "$(dirname "$0")/lib.sh"
[ -e "$build/libchdb.so" ] || die "libchdb.so isn't there: make setup fetches it"
n=${INDEX_RECORDS:-3000000}
d=$build/bench-index.d
rm -rf "$d"; mkdir -p "$d/state" "$d/run/indexd"
export TORIDE_STATE=$d/state TORIDE_RUN=$d/run INDEX_SEGMENTS=$d/segments
sock=$d/run/indexd/index.sock
begin() { "$build/toride-indexd" 2>>"$d/log" & pids+=($!); engine=$!; for _ in $(seq 100); do [ -S "$sock" ] && curl -sf --unix-socket "$sock" http://x/ -d 'SELECT 1' >/dev/null && return; sleep 0.1; done; die "indexd doesn't start: $(tail -n 2 "$d/log")"; }
stop() { kill "$engine"; wait "$engine" 2>/dev/null; rm -f "$sock"; }
trap 'ended; rm -rf "$d"' EXIT
begin
say "sealing and indexing $n records"
read -r rate limit bytes < <("$build/bench-index" fill "$d" "$sock" "$n" "$engine") || die "filling failed"
figure index.fill "$rate" records/s/core limit "$limit" "$(calc "$rate/$limit")" 100000 "$rate"
ask() { curl -sf --unix-socket "$sock" http://x/ -d "$1"; }
size=$(ask "SELECT sum(bytes_on_disk) / sum(rows) FROM system.parts WHERE active AND database = 'toride'")
figure index.size "$(calc "$size" 3)" bytes/record records "$bytes" "$(calc "$bytes/$size" 3)" -
figure index.memory "$(awk '/VmHWM/{printf "%d", $2/1024}' /proc/$engine/status)" MiB - - - -
org=412015
say "the same body's records as text, for grep"
"$build/bench-index" text "$d/segments" "$org" >"$work/text" || die "the text for grep can't be had"
[ "$(wc -l <"$work/text")" = "$(ask "SELECT count() FROM toride.events WHERE org = '$org'")" ] || die "the text for grep isn't whole"
ms() { local t0; t0=$(date +%s%N); "$@" >"$work/count"; echo $((($(date +%s%N) - t0) / 1000000)); } # into /dev/null grep would stop at its first hit
one() { # NAME WORD WANT
	stop; sync; echo 3 >/proc/sys/vm/drop_caches 2>/dev/null; begin
	local cold warm best=999999 found peer i
	read -r cold found < <("$build/bench-index" search "$sock" "$2" "$org")
	[ "$found" = "$3" ] || die "$2: found $found"
	for i in 1 2 3 4 5; do
		read -r warm _ < <("$build/bench-index" search "$sock" "$2" "$org")
		best=$(awk "BEGIN { print ($warm < $best) ? $warm : $best }")
	done
	peer=$(ms grep -ciw -- "$2" "$work/text")
	figure "index.search.$1.cold" "$cold" ms grep "$peer" "$(calc "$peer/$cold")" -
	figure "index.search.$1.warm" "$best" ms grep "$peer" "$(calc "$peer/$best")" -
}
one rare rareword 1
one common html 1
one none nosuchword 0
