#!/bin/bash
# One correlation over an sshd log, beside sec (Simple Event Correlator, Perl): five failed logons from one address within a minute. CPU-seconds per
# million lines of the whole program, reading included; what is found must be the same addresses.
cache=${XDG_CACHE_HOME:-/var/cache}/toride/bench
if ! compgen -G "$cache/sec_*.deb" >/dev/null; then
	(mkdir -p "$cache" && cd "$cache" && apt-get download sec) >/dev/null 2>&1 || echo "bench: sec can't be fetched" >&2
fi
. "$(dirname "$0")/lib.sh"
n=${BENCH_LINES:-400000}

# 20,000 addresses, drawn so that some are met often and most hardly; all within forty seconds.
python3 - "$n" >"$work/lines" <<'PY'
import random, sys
r, n = random.Random(1), int(sys.argv[1])
for i in range(n):
    a = min(int(r.paretovariate(0.6)), 20000)
    print("<38>Nov 29 10:00:%02d host sshd[%d]: Failed password for root from 203.%d.%d.9 port %d ssh2" % (i * 40 // n, 1000 + i % 60000, a // 250, a % 250, 1024 + i % 60000))
PY
mkdir "$work/rules"
cat >"$work/rules/guess.yml" <<'END'
title: five failed logons in a minute
id: 7d1b1a0e-7f3b-4d0c-9c63-1c2a6cf3a6c1
correlation:
    type: event_count
    rules: [one]
    group-by: [src_ip]
    timespan: 60s
    condition:
        gte: 5
---
title: a failed logon
id: 7d1b1a0e-7f3b-4d0c-9c63-1c2a6cf3a6c2
name: one
logsource:
    product: linux
    service: sshd
detection:
    selection:
        status: Failure
    condition: selection
END
cat >"$work/sec.conf" <<END
type=SingleWithThreshold
ptype=RegExp
pattern=sshd\[\d+\]: Failed \S+ for \S+ from (\S+)
desc=guessing from \$1
action=write $work/sec.found \$1
window=60
thresh=5
END
# cpu COMMAND...: user and system seconds of it
cpu() {
	local TIMEFORMAT='%U %S'
	{ time "$@" >"$work/out" 2>"$work/err"; } 2>"$work/time"
	awk '{ print $1 + $2 }' "$work/time"
}
ours=$(cpu "$build/toride" detect --rules "$work/rules" --input "$work/lines" --format linux --json)
jq -r '[.observables[] | select(.type == "ip") | .value][0] // .terminal' "$work/out" | sort -u >"$work/found"
[ -s "$work/found" ] || die "nothing was found: $(head -n 3 "$work/err")"
dpkg-deb -x "$cache"/sec_*.deb "$work/sec" 2>/dev/null && touch "$work/sec.found" &&
	peer=$(cpu perl "$work/sec/usr/bin/sec" --conf="$work/sec.conf" --input="$work/lines" --notail)
if [ -n "${peer:-}" ] && [ -s "$work/sec.found" ]; then
	sort -u "$work/sec.found" >"$work/theirs"
	cmp -s "$work/found" "$work/theirs" || die "found $(wc -l <"$work/found"), sec $(wc -l <"$work/theirs")"
	figure sec.correlate "$(calc "$ours * 1000000 / $n")" cpu-s/M sec "$(calc "$peer * 1000000 / $n")" "$(calc "$peer / $ours")" -
else
	say "sec isn't there, or found nothing: $(head -n 3 "$work/err")"
	figure sec.correlate "$(calc "$ours * 1000000 / $n")" cpu-s/M - - - -
fi
