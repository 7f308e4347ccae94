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
# Every rule of the pack that tells by itself (not a step of a correlation alone) has both, here or in detect/.
python3 - rules/*.yml >"$work/tell" <<'END'
import os, sys, yaml
docs = [(os.path.basename(f)[:-4], d) for f in sys.argv[1:] for d in yaml.safe_load_all(open(f)) if d]
steps = {r for _, d in docs if "correlation" in d and not d["correlation"].get("generate") for r in d["correlation"]["rules"]}
for name, d in docs:
    if not {d.get("id"), d.get("name")} & steps and not d.get("x-toride", {}).get("step") and "filter" not in d:
        print(d["id"], name, any(t.startswith("attack.t") for t in d.get("tags", [])), d["title"], sep="\t")
END
[ "$(wc -l <"$work/tell")" -ge 100 ]; tap $? "the rules that tell by themselves are known"
here() { awk -F'\t' -v id="$1" -v sign="$2" '$3 == id && $4 == sign { found = 1 } END { exit !found }' "$work/cases"; } # ID SIGN
there() { # ID: a case in detect/ fires it, and one of the same kind doesn't
	local fires stem d
	fires=$(grep -ls "^$1 " test/replay/detect/*-fires/expected | head -n 1)
	[ -n "$fires" ] || return 1
	stem=$(basename "$(dirname "$fires")" -fires)
	while :; do
		for d in test/replay/detect/"$stem"*-{silent,told}/; do
			[ -s "$d/events.jsonl" ] && ! grep -qs "^$1 " "$d/expected" && return
		done
		[ "$stem" != "${stem%-*}" ] || return 1
		stem=${stem%-*}
	done
}
while IFS=$'\t' read -r id name tagged title; do
	{ here "$id" + && here "$id" -; } || there "$id"; tap $? "$name has a case that fires it and one that doesn't: $title"
	[ "$tagged" = True ]; tap $? "$name names a technique of ATT&CK: $title"
done <"$work/tell"
# An ordinary minute: people sign in, an account is made, a VPN opens, pages, names and mails come. Nobody is told of anything.
"$toride" detect --rules rules --input test/replay/rules/quiet.jsonl --format jsonl --json >"$work/quiet" 2>&1; code=$?
[ $code -eq 0 ] && [ ! -s "$work/quiet" ]; tap $? "what is ordinary tells nobody anything"
cat "$work/quiet" | sed 's/^/# /'
# Techniques, and a layer as MITRE's Navigator reads it.
"$toride" rules coverage rules --json | jq -se '.[0] | .known == false and .blind == 0 and .untagged == 0 and (.techniques | length) > 50 and any(.techniques[]; .id == "T1110" and .rules > 2)
	and any(.sources[]; .source == "windows" and .rules > 20)' >/dev/null; tap $? "what the pack could find is told by technique and source"
"$toride" rules coverage rules --layer pack | jq -se '.[0] | .name == "pack" and .domain == "enterprise-attack" and .versions.layer == "4.5" and (.techniques | length) > 50
	and all(.techniques[]; (.techniqueID | test("^T[0-9]{4}(\\.[0-9]{3})?$")) and .score > 0 and .comment != "")' >/dev/null; tap $? "and as a layer"
# How many there are, as issue and README say.
"$toride" rules check rules --json | jq -se '.[0] | .rules >= 60 and .correlations >= 20 and .faults == 0' >/dev/null; tap $? "sixty rules and twenty correlations at least"
count() { "$toride" rules check rules --json | jq -r ".$1"; }
grep -qF -- "- $(count rules) Sigma rules ($(count correlations) correlations) in $(ls rules/*.yml | wc -l) files" README.md
tap $? "as many as README.md says"
grep -qF -- "- 検知ルール$(count rules)本(うち相関$(count correlations)本)、$(ls rules/*.yml | wc -l)ファイル" README.ja.md
tap $? "and README.ja.md"
echo "1..$n"
