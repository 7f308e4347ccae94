#!/bin/bash
# The municipal pack (rules/): for each file here NAME.cases cases that fire rules/NAME.yml and cases that don't.
#   # RULE-ID           the rule that is meant
#   + words             a case that fires it;   - words   one that doesn't; below it its events, one a line
# `"org":"@"` becomes a number of its own for each case, since no rule reaches over organisations; so one run of the live
# engine answers all cases, and a finding's org tells which.
cd "${TORIDE_SOURCE:-$(dirname "$0")/../..}" || exit 1
toride=${TORIDE:-toride}
work=$(mktemp -d /tmp/toride-rules.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
n=0
tap() { n=$((n + 1)); if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi; }

# number, file, rule, sign, words of each case; and the events of all.
awk -v list="$work/cases" -v events="$work/events" '
	FNR == 1 { id = $2; file = FILENAME; sub(/.*\//, "", file); next }
	/^[+-] / { org = 100000 + ++c; print org "\t" file "\t" id "\t" $1 "\t" substr($0, 3) > list; next }
	/^{/ { sub(/"org":"@"/, "\"org\":\"" org "\""); print > events }' test/replay/rules/*.cases
"$toride" detect --rules rules --input "$work/events" --format jsonl --json >"$work/findings" 2>"$work/said"; code=$?
[ $code -eq 1 ] && [ ! -s "$work/said" ]; tap $? "the events are read, without a fault"
jq -r '"\(.org) \(.rule.id)"' "$work/findings" | sort -u >"$work/found"
while IFS=$'\t' read -r org file id sign words; do
	if [ "$sign" = + ]; then
		grep -qx "$org $id" "$work/found"; tap $? "${file%.cases} fires: $words"
	else
		! grep -qx "$org $id" "$work/found"; tap $? "${file%.cases} is silent: $words"
	fi
done <"$work/cases"
# Every rule of the pack that tells by itself has both, here or in detect/.
for f in rules/*.yml; do
	name=$(basename "$f" .yml)
	id=$(sed -n 's/^id: //p' "$f" | head -n 1)
	if [ -f "test/replay/rules/$name.cases" ]; then
		grep -q '^+ ' "test/replay/rules/$name.cases" && grep -q '^- ' "test/replay/rules/$name.cases"
	else
		fires=$(grep -ls "^$id " test/replay/detect/*-fires/expected | head -n 1) stem= silent=1
		stem=$(basename "$(dirname "$fires")")
		for d in test/replay/detect/"${stem%%-*}"*-{silent,told}/; do
			[ -s "$d/events.jsonl" ] && ! grep -qs "^$id " "$d/expected" && silent=0
		done
		[ -n "$fires" ] && [ $silent = 0 ]
	fi
	tap $? "$name has a case that fires it and one that doesn't"
	grep -q '^    - attack\.t[0-9]' "$f"; tap $? "$name names a technique of ATT&CK"
done
# How many there are, as issue and README say.
"$toride" rules check rules --json | jq -se '.[0] | .rules >= 60 and .correlations >= 20 and .faults == 0' >/dev/null; tap $? "sixty rules and twenty correlations at least"
count() { "$toride" rules check rules --json | jq -r ".$1"; }
grep -qF -- "- $(count rules) Sigma rules ($(count correlations) correlations) in $(ls rules/*.yml | wc -l) files" README.md
tap $? "as many as README.md says"
grep -qF -- "- 検知ルール$(count rules)本(うち相関$(count correlations)本)、$(ls rules/*.yml | wc -l)ファイル" README.ja.md
tap $? "and README.ja.md"
echo "1..$n"
