#!/bin/bash
# suricata-verify's cases, in place from $TORIDE_CORPORA/suricata-verify, by its own runner: the installed Suricata with the parsers,
# streams and limits that we compile. Which cases say something of that is suricata-verify.py's choice; those its runner leaves out
# (another version, a feature this build lacks) aren't counted. What doesn't pass is listed in suricata-verify.known and explained in doc/CORPORA.md.
cd "${TORIDE_SOURCE:-$(dirname "$0")/../..}" || exit 1
suite=${TORIDE_CORPORA:-}/suricata-verify
[ -f "$suite/run.py" ] || { echo "ok 1 - # SKIP suricata-verify: \$TORIDE_CORPORA/suricata-verify isn't there"; echo "1..1"; exit 0; }
top=$(mktemp -d /tmp/toride-suricata-verify.XXXXXX) || exit 1
trap 'rm -rf "$top"' EXIT
n=0
ok() { n=$((n + 1)); if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; bad=1; fi; }
"${TORIDE:-$PWD/build/toride}" compile test/golden/ips/description -o "$top/compiled" >/dev/null; ok $? "a description with an inspected line is compiled"
python3 test/replay/suricata-verify.py "$suite/tests" "$top/compiled/suricata/suricata.yaml" /etc/suricata/suricata.yaml "$top/run"
ok $? "cases are chosen"
cut -d: -f1 "$top/run/left" | sort | uniq -c | sed 's/^ */# left out: /'
(cd "$top/run" && PYTHONDONTWRITEBYTECODE=1 python3 "$suite/run.py" --no-validation --testdir "$top/run/tests" --outdir "$top/out" -j 2) >"$top/said" 2>&1
grep -aq '^PASSED: ' "$top/said"; ok $? "its runner ran to the end"
cp "$top/said" build/suricata-verify-result # all of it, for who wants to look
tail -n 3 "$top/said" | sed 's/^/# /'
[ "$(sed -n 's/^PASSED: *//p' "$top/said")" -ge 240 ]; ok $? "240 cases pass at least"
grep -aE '^===> [^ ]+: (FAILED|Sub test #[0-9]+: FAIL )' "$top/said" | sed -E 's/^===> ([^ ]+): .*/\1/' | sort -u >"$top/not"
grep -oE '^[a-z0-9][^ ]*' test/replay/suricata-verify.known | sort >"$top/known"
comm -23 "$top/not" "$top/known" >"$top/new"
while read -r c; do
	grep -aF "===> $c: " "$top/said" | cut -c1-300 | sed 's/^/# /'
	tail -n 5 "$top/out/$c/output/stderr" 2>/dev/null | sed 's/^/#   /'
done <"$top/new"
[ ! -s "$top/new" ]; ok $? "each that doesn't pass is known, and why"
comm -13 "$top/not" "$top/known" | sed 's/^/# passes by now: /'
[ -z "$(comm -13 "$top/not" "$top/known")" ]; ok $? "and none that is known passes by now"
echo "1..$n"
exit ${bad:-0}
