#!/bin/bash
# A device's line, through its parser, meets Sigma rules written for Windows, Linux, firewalls, proxies and FortiGate as SigmaHQ writes
# them: each rule here fires on exactly the lines it should.
cd "${TORIDE_SOURCE:-$(dirname "$0")/../..}" || exit 1
toride=${TORIDE:-toride}
work=$(mktemp -d /tmp/toride-device.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
n=0
tap() { n=$((n + 1)); if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi; }
"$toride" log parse test/replay/device/lines >"$work/events"; tap $? "every line is parsed"
# As intaked has them: whose, and of which device.
jq -c '. + {org: "412015", device: ((.device // {}) + {name: "dev1"})}' "$work/events" >"$work/stored"
mkdir "$work/rules" && cp test/replay/device/rules.yml "$work/rules/"
"$toride" detect --rules "$work/rules" --input "$work/stored" --format jsonl --json >"$work/findings" 2>"$work/said"
[ ! -s "$work/said" ]; tap $? "without a fault"
fires() { # RULE TIMES
	[ "$(jq -r .rule.id "$work/findings" | grep -c "0000000$(printf %05d "$1")\$")" = "$2" ]
	tap $? "$(grep -B1 "id: .*$(printf %05d "$1")\$" test/replay/device/rules.yml | sed -n 's/^title: //p'): $2"
}
for r in 1 2 3 4 5; do fires $r 1; done
fires 6 2; fires 7 1; fires 8 1; fires 9 0; fires 10 1
jq -se '[.[] | select(.rule.id | endswith("06")) | has("terminal")] | any | not' "$work/findings" >/dev/null; tap $? "an address of the Internet is nobody's terminal"
jq -se 'any(.[]; (.rule.id | endswith("07")) and .terminal == "10.1.0.32")' "$work/findings" >/dev/null; tap $? "the terminal behind a child proxy is the terminal"
echo "1..$n"
