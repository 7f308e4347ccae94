#!/bin/bash
# Our own rules (rules/) over events in the shape of doc/interfaces, with all that is found told exactly (rules.t has a
# firing and a silent case for each rule). DIR/events.jsonl in, DIR/expected out: a line "RULE-ID ORG TERMINAL COUNT ACTION" a finding, sorted.
# The clock is the events' own `time`, so nothing waits.
cd "${TORIDE_SOURCE:-$(dirname "$0")/../..}" || exit 1
toride=${TORIDE:-toride}
n=0
tap() { n=$((n + 1)); if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi; }

"$toride" rules check rules >/dev/null; tap $? "our rules have no fault"
[ "$(grep -l 'title_ja: .' rules/*.yml | wc -l)" -eq "$(ls rules/*.yml | wc -l)" ]; tap $? "every rule has a Japanese title"
for d in test/replay/detect/*/; do
	name=$(basename "$d")
	got=$("$toride" detect --rules rules --input "$d/events.jsonl" --format jsonl --json 2>&1); code=$?
	lines=$(printf '%s' "$got" | jq -r '"\(.rule.id) \(.org) \(.terminal // "-") \(.count) \(.outcome.action)"' 2>&1 | sort)
	[ "$lines" = "$(cat "$d/expected")" ]; same=$?
	want=1; [ -s "$d/expected" ] || want=0
	[ $same -eq 0 ] && [ $code -eq $want ]; r=$?
	tap $r "$name"
	[ $r -eq 0 ] || printf '# exit %s, wanted %s\n# got:\n%s\n' "$code" "$want" "$lines" | sed '2,$s/^/# /'
done
# The same events twice are the same findings: uids don't depend on when or how often.
a=$("$toride" detect --rules rules --input test/replay/detect/beacon-fires/events.jsonl --format jsonl --json | jq -r .uid)
b=$("$toride" detect --rules rules --input test/replay/detect/beacon-fires/events.jsonl --format jsonl --json | jq -r .uid)
[ -n "$a" ] && [ "$a" = "$b" ]; tap $? "uids are the same in a second run"
# A tunnel's finding names the zone that the data went to: its names are asked for once each, and the resolver is everybody's.
for i in $(seq 90); do
	printf '{"class_uid":4003,"time":%d,"org":"412066","product":"unbound","src_endpoint":{"ip":"10.6.0.5"},"dst_endpoint":{"ip":"100.64.6.53"},"query":{"hostname":"%056d.t.hosting.example","type":"A"},"action":"Allowed"}\n' $((1795395600000 + i)) "$i"
done >/tmp/tunnel.$$
"$toride" detect --rules rules --input /tmp/tunnel.$$ --format jsonl --json | jq -se 'map(select(.rule.id == "d275635b-e2e1-58a1-8ac9-9b71af66c559")) | length >= 1 and
	all(.observables | map("\(.type) \(.value)") | sort == ["hostname t.hosting.example", "terminal 10.6.0.5"])' >/dev/null
tap $? "a DNS tunnel's finding names its zone, and not the resolver"
rm -f /tmp/tunnel.$$
printf '{"class_uid":4002,"time":1795395600000,"org":"412015","product":"waf","site":"www.city.example","src_endpoint":{"ip":"203.0.113.9"},"http_request":{"http_method":"GET","url":{"path":"/x"}},"http_response":{"code":%d},"action":"Allowed","disposition":"Allowed","waf":{"mode":"detect","rules":[942100]},"rule":{"uid":"942100"}}\n' 500 404 >/tmp/answered.$$
"$toride" detect --rules rules --input /tmp/answered.$$ --format jsonl --json | jq -se 'length >= 1 and .[-1].outcome == {"action": "Allowed", "http_status": 500}' >/dev/null
tap $? "what a site's server answered goes with the finding"
rm -f /tmp/answered.$$
# What each rule costs, dearest first, and only those that were looked at.
cost=$("$toride" rules cost rules --input test/replay/detect/beacon-fires/events.jsonl --json); code=$?
[ $code -eq 0 ] && printf '%s' "$cost" | jq -se 'length > 0 and all(.asked > 0) and any(.fired > 0) and (map(.ns_per_event) | . == (sort | reverse))' >/dev/null
tap $? "rules cost: dearest first"
"$toride" rules cost rules --input /nonexistent >/dev/null 2>&1; [ $? -eq 4 ]; tap $? "rules cost: no such file: exit 4"
# Threat intelligence: one finding for the terminal and value, what was left out is said, and its giver gets a count without names.
dir=test/replay/intel
"$toride" intel check $dir --json | jq -se '.[0].values == 1 and .[0].unsupported == 1 and .[0].faults == 0' >/dev/null; tap $? "intel check: what is looked for, what is left out"
got=$("$toride" detect --rules rules --input test/replay/detect/beacon-fires/events.jsonl --format jsonl --intel $dir --sightings /tmp/sightings.$$ --json |
	jq -r 'select(.rule.id == "54495047-7e11-4ced-8001-ca11ed000002") | "\(.rule.level) \(.org) \(.terminal) \(.observables[0].value)"')
[ "$got" = "high 412040 10.4.0.5 c2.example" ]; tap $? "a value of the intelligence is found, once for the terminal"
[ -s /tmp/sightings.$$ ] && jq -e '.type == "bundle" and (.objects | length) == 1 and .objects[0].sighting_of_ref == "indicator--1f0e7a11-6f3a-4a53-9c30-0a4bb1b4b0f1" and .objects[0].count > 1' /tmp/sightings.$$ >/dev/null &&
	! grep -q 412040 /tmp/sightings.$$; tap $? "sightings are a STIX bundle that names nobody"
rm -f /tmp/sightings.$$
printf '{"manifest":1}' >/tmp/manifest.$$.json; "$toride" intel check /tmp/manifest.$$.json >/dev/null 2>&1; [ $? -eq 1 ]; tap $? "intel check: a file that is none says so"
rm -f /tmp/manifest.$$.json
# What reads others' files reaches nothing else: a link that leads out of what was named stays shut, for root too; what root alone may read is read.
jail=$(mktemp -d); mkdir -m 700 "$jail/own"; echo c2.example >"$jail/outside"; echo c3.example >"$jail/own/inside.txt"; ln -s ../outside "$jail/own/link.txt"
said=$("$toride" intel check "$jail/own" --json 2>"$jail/err"); printf '%s' "$said" | jq -se '.[0].values == 1 and .[0].faults == 1' >/dev/null && grep -q 'link.txt.*Permission denied' "$jail/err"; tap $? "intel check reaches no file but those it was given"
cp rules/proxy_tor.yml "$jail/own/"; sed 's/^id: .*/id: 2b9e4c58-8d3a-4a52-9f50-0c8c6f7a1d11/; s/^    condition:/    p:\n        cs-host|expand: "%some_hosts%"\n    condition:/' rules/proxy_tor.yml >"$jail/own/placeholder.yml"; echo '{"some_hosts": ["x.example"]}' >"$jail/own/placeholders.json"
"$toride" rules check "$jail/own" --json | jq -se '.[0].rules == 2 and .[0].faults == 0' >/dev/null; tap $? "rules check reads what root alone may read"
: >"$jail/empty"; "$toride" detect --rules "$jail/own" --intel "$jail/own" --input "$jail/empty" --format jsonl 2>&1 | grep -q 'link.txt.*Permission denied'; tap $? "detect is as shut in, rules and intelligence included"
rm -rf "$jail"
# Suricata's own file, offline: whose addresses these are isn't known there, so no rule that asks for the direction fires.
eve=$(mktemp -d)
printf 'title: any\nid: 1d9b8f27-95a4-4b37-8f0e-2a1f1f7a6a99\nlogsource:\n    product: suricata\ndetection:\n    s:\n        alert.severity|lte: 2\n    condition: s\n' >"$eve/any.yml"
{ cat src/normalise/seeds/eve/alert; echo; cat src/normalise/seeds/eve/stats; echo; echo '{"no":"line of its"}'; } >"$eve/eve.json"
"$toride" detect --rules "$eve" rules --input "$eve/eve.json" --format eve --json >"$eve/out" 2>"$eve/err"
jq -se 'length == 1 and .[0].rule.title == "any" and .[0].records == ["input/1"]' "$eve/out" >/dev/null && grep -q "eve.json:3: not a line" "$eve/err"; tap $? "detect reads Suricata's EVE, and tells a line that isn't any"
rm -rf "$eve"
"$toride" detect --rules rules --input x --format evtx >/dev/null 2>&1; [ $? -eq 4 ]; tap $? "a file that isn't there: exit 4"
echo "1..$n"
