# What the benches on the whole product share: the lab (its own prefix, so that another may run beside it), figure
# lines, statistics. Sourced; when the shell ends, its processes and the lab are gone.
set -u
[ "$(id -u)" = 0 ] || { echo "bench: this needs root (the lab's network namespaces)" >&2; exit 4; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$(cd "${TORIDE_BUILD:-$here/../build}" && pwd)
TORIDE_SOURCE=$(cd "$here/.." && pwd)
export TORIDE_SOURCE TORIDE_LAB=${TORIDE_LAB:-tc} LC_ALL=C.UTF-8 PATH=/usr/sbin:/sbin:$PATH
lab=$build/lab-$TORIDE_LAB
export TORIDE_STATE=$lab/state TORIDE_RUN=$lab/run
load=$build/bench-load
work=$(mktemp -d /dev/shm/toride-bench.XXXXXX)
pids=()
say() { printf 'bench: %s\n' "$*" >&2; }
die() { say "$*"; exit 4; }
toride() { "$build/toride" "$@"; }
on() { local host=$1; shift; ip netns exec "$TORIDE_LAB-$host" "$@"; }
us() { echo "${EPOCHREALTIME/./}"; }

ended() {
	local p t
	touch "$work/stop" 2>/dev/null
	for p in "${pids[@]:-}"; do [ -n "$p" ] && kill "$p" 2>/dev/null; done
	t=$(us)
	toride lab down || say "the lab could not be taken down"
	say "lab down took $(calc "($(us) - $t) / 1e6") s"
	rm -rf "$work"
}
trap ended EXIT
trap 'exit 130' INT TERM

lab_up() { # [DIR]: a description other than the example
	toride lab up "$@" 2>"$work/up" || { cat "$work/up" >&2; tail -n 20 "$lab/log/torided.log" >&2; die "the lab isn't up"; }
}

# timed FILE COMMAND...: its wall clock in seconds, from the order to the answer "in force and verified".
timed() {
	local file=$1 from
	shift
	from=$(us)
	"$@" >"$work/out" 2>&1 || { cat "$work/out" >&2; die "failed: $*"; }
	calc "($(us) - $from) / 1e6" 6 >>"$file"
	echo >>"$file"
}

calc() { awk "BEGIN { printf \"%.${2:-4}g\", $1 }"; }
# Of numbers on standard input, one a line.
median() { sort -g | awk '{ v[NR] = $1 } END { if (NR) printf "%.4g", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
worst() { sort -g | tail -n 1; }

# What bench-load --trace tells of an outage. Seconds from the instant $2 (CLOCK_MONOTONIC, µs) to the first request after which all were answered well within well_ms;
# the longest wait; how many were answered wrongly or not at all.
noticed() { # TRACE FROM
	sort -n "$1" | awk -v from="$2" -v well=$((well_ms * 1000)) '
	$1 + $2 < from { next }
	{ n++; if ($2 > worst) worst = $2; bad += !$3; if (!$3 || $2 > well) last = $1 + 1000000 / '"$rate"' }
	END { o = last > from ? (last - from) / 1e6 : 0; printf "%.3f %.3f %d %d\n", o, worst / 1e6, bad, n }'
}
mono() { python3 -c 'import time; print(time.monotonic_ns() // 1000)'; }

# FIGURE FROM KIND...: what the traces of all kinds tell of an outage since FROM, and the worst as a figure.
outages() {
	local name=$1 from=$2 k o w bad n worst=0
	shift 2
	for k in "$@"; do
		read -r o w bad n < <(noticed "$work/trace/$k" "$from")
		[ "${n:-0}" -gt 0 ] || die "$name: $k asked nothing"
		say "$name, $k: well again after $o s, longest wait $w s, $bad of $n failed"
		worst=$(printf '%s\n' "$worst" "$o" | worst)
	done
	figure "$name" "$worst" s - - 1 below
}

# figure NAME VALUE UNIT PEER PEERVALUE GOAL BELOW|ATMOST: smaller is better in all of these.
figure() {
	local ratio=- verdict=-
	[ -n "$2" ] || { say "$1: nothing was measured"; return 1; }
	[ "$5" = - ] || ratio=$(calc "$5 / $2" 3)
	[ "$6" = - ] || verdict=$(awk "BEGIN { print ($2 < $6 || (\"$7\" == \"atmost\" && $2 == $6)) ? \"met\" : \"short\" }")
	printf 'figure %s %s %s peer %s %s ratio %s goal %s %s\n' "$1" "$2" "$3" "$4" "$5" "$ratio" "$6" "$verdict"
}
