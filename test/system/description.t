#!/bin/bash
# toride check, diff, schema, and the generator of examples: the shipped binary, its exit codes and what it prints. TAP.
set -u
cd "${TORIDE_SOURCE:-$(dirname "$0")/../..}"
export LC_ALL=C.UTF-8
n=0 bad=0 work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ok() { # NAME: of the command that ran last
	local code=$?
	n=$((n + 1))
	if [ "$code" -eq 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; bad=1; fi
}
code() { # WANTED COMMAND...: its output is kept in $work/out and $work/err
	local want=$1 got; shift
	"$@" >"$work/out" 2>"$work/err"; got=$?
	[ "$got" -eq "$want" ] || { echo "# exit code $got, wanted $want: $*"; return 1; }
}
has() { grep -qF -- "$2" "$work/$1" || { echo "# no \"$2\" in:"; sed 's/^/# /' "$work/$1"; return 1; }; }

code 0 toride check examples/saga && has out 'valid: 21 organisations, sha256:'; ok "the example is valid"
code 0 toride check examples/saga --json && has out '{"valid":true,"digest":"sha256:'; ok "and says so as JSON"

cp -r examples/saga "$work/broken"
sed -i 's/"ceiling_mbps": 130/"ceiling_mbps": 13/; s/203\.0\.113\.40/198.18.0.9/' "$work/broken/orgs/412015.json"
sed -i 's/soc@toride.example/soc/' "$work/broken/service.json"
code 1 toride check "$work/broken" && [ "$(wc -l <"$work/err")" -eq 3 ] &&
	has err 'toride: orgs[412015].guaranteed_mbps: is above ceiling_mbps' &&
	has err "toride: orgs[412015].fw[0].to[0]: may never be allowed: reaches LGWAN 198.18.0.0/16" &&
	has err "toride: service.mail.from: isn't a mail address"; ok "three slips are three faults, each with its path"
code 1 env LC_ALL=ja_JP.UTF-8 toride check "$work/broken" && has err '許可できません: LGWAN 198.18.0.0/16 に届きます'; ok "in Japanese too"
code 1 toride check "$work/broken" --json && [ "$(wc -l <"$work/out")" -eq 3 ] &&
	python3 -c 'import json,sys; [json.loads(l)["reason_ja"] for l in open(sys.argv[1])]' "$work/out"; ok "and as JSON, one a line"
code 1 toride check "$work/absent" && has err "toride: $work/absent: no such directory"; ok "a directory that isn't there"
code 2 toride check; ok "no argument is a usage error"

cp -r examples/saga "$work/other"
sed -i 's/"edr": false/"edr": true/' "$work/other/orgs/412031.json"
code 0 toride diff examples/saga "$work/other" && has out '412031 Tosu City' && has out '  options edr: no → yes' &&
	[ "$(wc -l <"$work/out")" -eq 2 ]; ok "a difference, of the organisation concerned alone"
code 0 env LANG=ja_JP.UTF-8 LC_ALL= toride diff examples/saga "$work/other" && has out '  オプション EDR: なし → あり'; ok "a difference in Japanese"
code 0 toride diff examples/saga examples/saga && has out 'nothing changes'; ok "no difference"
code 1 toride diff examples/saga "$work/broken"; ok "a broken description has no differences but faults"
code 1 toride diff examples/saga sha256:$(printf '0%.0s' {1..64}); ok "a generation that isn't there"

code 0 toride schema --json-schema && python3 -m json.tool "$work/out" >/dev/null; ok "the JSON Schema is JSON"
code 0 toride schema --manual --lang ja && has out '| `guaranteed_mbps` | 保証帯域 (Mbps) |'; ok "the manual in Japanese"
code 0 toride schema --manual --lang en && has out '| `guaranteed_mbps` | whole number 1–400000 |'; ok "the manual in English"
code 2 toride schema --manual --lang fr; ok "no third language"

python3 tools/gen-examples.py "$work/saga" && diff -r "$work/saga" examples/saga >"$work/out"; ok "the example is what its generator writes"
python3 tools/gen-examples.py --nation 1788 "$work/nation" && code 0 toride check "$work/nation" && has out 'valid: 1788 organisations'
ok "a nation of 1,788 organisations is read"
# ---- what a clerk asks about a firewall
cp -r examples/saga "$work/hidden"
sed -i 's|"fw": \[$|"fw": [ {"id": "no-web", "direction": "out", "action": "deny", "to": ["203.0.113.0/24"], "protocol": "tcp", "comment": "x", "owner": "x"},|' "$work/hidden/orgs/412015.json"
code 0 toride check "$work/hidden" && has err 'toride: warning: orgs[412015].fw[1]: contradiction: all that it would allow is denied before it, by fw[0] (no-web)'; ok "a rule that never decides is named, with who hides it"
code 0 env LC_ALL=ja_JP.UTF-8 toride check "$work/hidden" && has err 'toride: 注意: orgs[412015].fw[1]: 矛盾: この規則が許可する通信は、先にある fw[0] (no-web) がすべて拒否します'; ok "in Japanese too"
code 0 toride check "$work/hidden" --json && has out '"warnings":1' && has out '"path":"orgs[412015].fw[1]","warning":"contradiction'; ok "and as JSON"
code 0 toride check examples/saga --packet 'from 412015:10.1.0.5 to 203.0.113.40:443' && has out 'allowed: rule r1 (organisation 412015, orgs[412015].fw[0])'; ok "what passes, and by which rule"
code 1 toride check "$work/hidden" --packet 'from 412015:10.1.0.5 to 203.0.113.40:443' && has out 'denied (refused at once): rule no-web'; ok "what doesn't: exit code 1"
code 1 env LC_ALL=ja_JP.UTF-8 toride check examples/saga --packet 'from 412023:10.1.0.5 to 10.3.0.5:445' && has out '他団体とサービスの内部には決して届きません'; ok "why, in Japanese"
code 2 toride check examples/saga --packet 'from 412015:10.1.0.5 to nowhere' && has err "isn't an address and a port"; ok "what isn't a question: exit code 2"
printf 'from 412015:10.1.0.5 to 203.0.113.40:443\n# a comment\nfrom 203.0.113.9 to 198.51.100.101:443\n' >"$work/questions"
code 0 toride check examples/saga --packets "$work/questions" --json && [ "$(wc -l <"$work/out")" -eq 2 ] && has out '"server":"10.1.0.6","server_port":8443'; ok "many, one a line"
printf '203.0.113.9\n0.0.0.0/0\nevil.example\n' >"$work/list"
code 1 toride fw feed import "$work/list" -o "$work/addr" && has err 'list:2: is wider than a /8' && has err '2 of 3 lines are bad' && [ ! -e "$work/addr" ]; ok "a list of addresses that is something else is refused, its lines named"
# ---- rules that nobody uses, by counts of ninety days: each rule counted for so many days, and last used so many days ago
code 0 toride compile examples/saga -o "$work/counted/current"; ok "a description stands in force"
python3 - "$work/counted/hits" <<'PY'
import struct, sys, time
now, day = int(time.time() * 1000), 86400000
rules = [("412015/r1/4", 91, 1), ("412015/www/4", 91, None), ("412015/www6/6", 120, 91), ("412023/r1/4", 89, None)]
out = struct.pack(">4sI", b"THIT", len(rules))
for name, counted, used in rules:
    out += struct.pack(">H", len(name)) + name.encode()
    out += struct.pack(">4Q", used is not None, 0, now - counted * day, 0 if used is None else now - used * day)
open(sys.argv[1], "wb").write(out)
PY
unused() { code 0 env TORIDE_STATE="$work/counted" toride fw hits --unused "$@" --json && jq -r '"\(.org) \(.rule)"' "$work/out" >"$work/unused"; }
unused 90 && [ "$(cat "$work/unused")" = $'412015 www\n412015 www6' ]; ok "after 90 days the rules that nobody used are named, and not one that was, nor one counted for less"
unused 90 --org 412023 && [ ! -s "$work/unused" ]; ok "of another body, none"
unused 89 --org 412023 && grep -qx '412023 r1' "$work/unused"; ok "by a day less one of them is"
code 0 env TORIDE_STATE="$work/counted" LC_ALL=ja_JP.UTF-8 toride fw hits --unused 90 && has out 'から一度も使われていません'; ok "and in words for who looks after it"

# ---- every command: --help, and no option that nobody reads
usages() { toride --help | grep -oE '^  toride [a-z-]+( [a-z]+)*' | sed 's/^  toride //'; }
helped=0 refused=0
while read -r -a words; do
	code 0 toride "${words[@]}" --help && has out "usage: toride ${words[*]}" && helped=$((helped + 1))
	code 2 toride "${words[@]}" --no-such-option x && has err 'toride: --no-such-option: no such option' && refused=$((refused + 1))
done < <(usages)
want=$(usages | wc -l)
[ "$want" -gt 40 ] && [ "$helped" -eq "$want" ]; ok "each of $want commands explains itself"
[ "$refused" -eq "$want" ]; ok "and takes no option it doesn't know for something else"
code 2 toride log search --orgg 412015 word && has err '--orgg: no such option' && has err 'usage: toride log search'; ok "a longer one isn't a shorter one"
code 0 toride block --help && [ "$(grep -c '^  toride block ' "$work/out")" = "$(grep -c '^  ' "$work/out")" ]; ok "the commands of one word are listed by it"
echo "1..$n"
exit $bad
