#!/bin/bash
# Detection: our own rules, and SigmaHQ's where they are at hand ($TORIDE_CORPORA/sigma). Peer: see detect.c.
here=$(cd "$(dirname "$0")" && pwd)
build=${TORIDE_BUILD:-$here/../build}
"$build/bench-detect" "$here/../rules" detect_own_rules "${SECONDS_EACH:-3}"
sigma=${TORIDE_CORPORA:-/nonexistent}/sigma
if [ -d "$sigma/rules" ]; then
	all=
	for d in "$sigma"/rules "$sigma"/rules-*; do [ -d "$d" ] && all=$all${all:+:}$d; done
	for kind in proxy dns sysmon; do "$build/bench-detect" "$all" "detect_sigmahq_$kind" "${SECONDS_EACH:-3}" "$kind"; done
else
	echo "bench: no SigmaHQ rules at hand (TORIDE_CORPORA): their figures are left out" >&2
fi
