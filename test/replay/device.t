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
# Windows event log files: one of our own making, and SigmaHQ's real ones beside the JSON they were exported as.
python3 test/replay/device/make_evtx.py "$work/x.evtx" && "$toride" log parse "$work/x.evtx" >"$work/evtx"; tap $? "an .evtx file is read"
jq -se 'length == 2 and (.[0] | .class_uid == 3002 and .status == "Failure" and .time == 1795914000123 and .user.name == "太郎" and .unmapped.EventID == 4625
	and .unmapped.SubjectUserSid == "S-1-5-21-1000-500" and .unmapped.Status == "0xc000006d" and .unmapped.LogonType == "3") and (.[1].user.name == "hanako")' "$work/evtx" >/dev/null
tap $? "… a template used twice, text, numbers, times, SIDs"
# Broken off within the second record; then within the first.
second=$(LC_ALL=C grep -obUaP '\x2a\x2a\0\0' "$work/x.evtx" | sed -n '2s/:.*//p')
broken() { head -c "$1" "$work/x.evtx" >"$work/cut.evtx"; "$toride" log parse "$work/cut.evtx" >"$work/cut" 2>"$work/said"; [ $? = 1 ] && grep -q '^toride: 1 ' "$work/said" && cmp "$work/cut" "$2"; }
head -n 1 "$work/evtx" >"$work/first"
broken $((second + 100)) "$work/first"; tap $? "a file that breaks off gives what is whole, and says that not all is there"
broken 5000 /dev/null; tap $? "… nothing, when nothing is"
"$toride" detect --rules "$work/rules" --input test/replay/device/lines --format auto --json >"$work/straight" 2>&1
[ "$(jq -r .rule.id "$work/straight" | sort)" = "$(jq -r .rule.id "$work/findings" | sort)" ]; tap $? "toride detect reads a device's lines itself"
sed -i 's/EventID: 4625, LogonType: 3, TargetUserName: taro/EventID: 4625, LogonType: 3, TargetUserName: 太郎/' "$work/rules/rules.yml"
"$toride" detect --rules "$work/rules" --input "$work/x.evtx" --format evtx --json 2>&1 | jq -se 'length == 1 and (.[0].rule.id | endswith("01"))' >/dev/null; tap $? "… and .evtx files"
corpus=${TORIDE_CORPORA:-/nonexistent}/sigma/regression_data
if [ -d "$corpus" ]; then
	python3 test/replay/device/compare_evtx.py "$toride" "$corpus"; tap $? "SigmaHQ's .evtx files say what their JSON says"
else
	n=$((n + 1)); echo "ok $n - SigmaHQ's .evtx files # SKIP TORIDE_CORPORA isn't set"
fi
echo "1..$n"
