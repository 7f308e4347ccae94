#!/bin/bash
# Detection: our own rules, and SigmaHQ's where they are at hand ($TORIDE_CORPORA/sigma). Peer: see detect.c.
here=$(cd "$(dirname "$0")" && pwd)
build=${TORIDE_BUILD:-$here/../build}
"$build/bench-detect" "$here/../rules" detect_own_rules "${SECONDS_EACH:-3}"
for d in rules/web/proxy_generic rules; do
	[ -d "${TORIDE_CORPORA:-/nonexistent}/sigma/$d" ] || continue
	name=detect_sigmahq_all; [ "$d" = rules ] || name=detect_sigmahq_proxy
	"$build/bench-detect" "$TORIDE_CORPORA/sigma/$d" "$name" "${SECONDS_EACH:-3}"
done
