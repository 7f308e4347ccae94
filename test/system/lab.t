#!/bin/bash
# The whole way on real packets: the lab with examples/saga, the scenario of separation and inspection, and the
# story of `make run`. One lab for both; nothing is left behind.
cd "$(dirname "$0")/../.."
export TORIDE_LAB=tt TORIDE_SOURCE=$PWD
T=build/toride
n=0 bad=0
ok() { n=$((n + 1)); if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; bad=1; fi; }
scenario() { # renumbers the scenario's own TAP lines into ours
	local line
	while IFS= read -r line; do
		case $line in
		"ok "*) ok 0 "$(basename "$1" .json): ${line#ok * - }" ;;
		"not ok "*) ok 1 "$(basename "$1" .json): ${line#not ok * - }" ;;
		esac
	done < <($T lab run "$1" --tap --keep 2>&1)
}

$T lab down
$T lab up >&2; ok $? "lab up: 21 organisations served from one description"
scenario lab/scenarios/isolation.json
scenario lab/scenarios/url.json
scenario lab/scenarios/http2.json
scenario lab/scenarios/leak.json
scenario lab/scenarios/firewall.json
scenario lab/scenarios/dns.json
scenario lab/scenarios/resolver.json
scenario lab/story.json
[ $n -gt 80 ]; ok $? "all scenarios were played ($n checks)"
if [ $bad -ne 0 ]; then tail -n 50 build/lab-tt/log/torided.log | sed 's/^/# /'; fi
$T lab down; ok $? "lab down"
[ -z "$(ip netns list | grep '^tt-')" ]; ok $? "no namespace is left"
[ ! -e build/lab-tt ]; ok $? "no file is left"
! pgrep -f "$PWD/build/lab-tt" >/dev/null; ok $? "no process is left"
! grep -q "$PWD/build/lab-tt" /proc/mounts; ok $? "no mount is left"
echo "1..$n"
exit $bad
