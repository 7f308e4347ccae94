#!/bin/bash
# The whole way on real packets: the lab with examples/saga, the scenario of separation and inspection, and the
# story of `make run`. One lab for both; nothing is left behind.
cd "$(dirname "$0")/../.."
. test/system/lib.sh
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
# What became of each attack of the story: ORG, severity, WORDS of its title or what it was about, which times it has (ms from what was found).
node() { TORIDE_STATE=build/lab-tt/state TORIDE_RUN=build/lab-tt/run $T "$@"; }
became() { # a notice's time is written once the relay has the mail
	node incident list --all --json >build/lab-tt/incidents
	jq -se --arg o "$org" --argjson s "$severity" --arg w "$words" --arg steps "$steps" '[.[] | select(.org == $o and (.title + " " + (.observable.value // "") | contains($w)))] |
		length == 1 and .[0].severity.effective == $s and (.[0].times as $t | $steps / " " | all($t["found_to_" + .] >= 0))' build/lab-tt/incidents >/dev/null
}
while IFS='|' read -r org severity words steps; do
	until_true 20 became
	settled=$?
	ok $settled "story: $org: $words: severity $severity, with its times: $steps"
	[ $settled = 0 ] || jq -c --arg o "$org" 'select(.org == $o) | [.severity.effective, .title, .observable.value, .times]' build/lab-tt/incidents | sed 's/^/# /'
done <<'END'
412040|3|calls one address of one host at short intervals|received block notice judged
412015|1|Attack on a public site refused|received
414417|2|Attack on a public site passed|received notice
412058|1|twenty packets denied within a minute (scan)|received
412066|3|long names in five minutes (DNS tunnel)|block notice
412023|3|A logon succeeds from an address that had many failures|received notice
412074|3|A tool sends twenty megabytes|received block notice
414417|3|is replaced or removed from outside|received block notice
412015|2|A published server is flooded|received notice
412015|1|A terminal tries to reach another body|received
413879|2|made-up names of one zone|received notice
END
# What its terminal did in other scenarios is the same incident's.
phished() { local i; for i in $(jq -r 'select(.org == "412015") | .number' build/lab-tt/incidents); do node incident show "$i" --json | grep -q login.phish.example && return; done; return 1; }
phished; ok $? "story: 412015: the download from a phishing site stands in an incident"
# What all of it left in the log.
node status --json >build/lab-tt/status
jq -se '[.[].counters[].intaked] | (map(.records // 0) | add) > 1000 and all(.[]; (.schema_faults // 0) == 0)' build/lab-tt/status >/dev/null
sound=$?; ok $sound "no event of ours was of another form than the page says"
[ $sound = 0 ] || jq -c '.counters[] | select(.intaked.schema_faults > 0) | [.org, .intaked]' build/lab-tt/status | sed 's/^/# /'
for org in 412015 412023 412040; do node log tail --org $org -n 100000 | cut -f2-; done | jq -c 'select((.class_uid == 4002 and .product == "proxyd") or
	(.class_uid == 4001 and .product == "nft" and .connection_info.direction != "Inbound") or (.class_uid == 4003 and .product == "unbound"))' >build/lab-tt/theirs
[ "$(jq -s '[group_by(.class_uid)[] | length] | length == 3 and min > 10' build/lab-tt/theirs)" = true ] && ! jq -ce 'select(.src_endpoint.ip == null)' build/lab-tt/theirs >build/lab-tt/nameless
named=$?; ok $named "each page, name and denied packet of a body names its terminal"
[ $named = 0 ] || head -n 5 build/lab-tt/nameless | cut -c1-400 | sed 's/^/# /'
[ $n -gt 80 ]; ok $? "all scenarios were played ($n checks)"
if [ $bad -ne 0 ]; then tail -n 50 build/lab-tt/log/torided.log | sed 's/^/# /'; fi
$T lab down; ok $? "lab down"
[ -z "$(ip netns list | grep '^tt-')" ]; ok $? "no namespace is left"
[ ! -e build/lab-tt ]; ok $? "no file is left"
! pgrep -f "$PWD/build/lab-tt" >/dev/null; ok $? "no process is left"
! grep -q "$PWD/build/lab-tt" /proc/mounts; ok $? "no mount is left"
echo "1..$n"
exit $bad
