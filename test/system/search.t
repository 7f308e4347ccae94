#!/bin/bash
# Searching the log: what terminals did is found by word, column, address and number; each sealed record is in the index once, also
# after indexd and stored were killed in the middle; a body's search shows no other body; who searched is on record.
set -u
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - search # SKIP needs root"; exit 0; }
source=$(cd "$(dirname "$0")/../.." && pwd)
bin=$(dirname "$(readlink -f "$(command -v toride)")") || { echo "not ok 1 - toride isn't built"; exit 1; }
[ -e "$bin/libchdb.so" ] || { echo "ok 1 - search # SKIP libchdb.so isn't there: the set-up couldn't fetch it"; echo "1..1"; exit 0; }
export TORIDE_LAB=ts TORIDE_SOURCE=$source LC_ALL=C.UTF-8
toride=$bin/toride lab=$bin/lab-ts
export TORIDE_STATE=$lab/state TORIDE_RUN=$lab/run TORIDE_RULES=$source/rules
top=$(mktemp -d /tmp/toride-search.XXXXXX)
proxy=http://192.0.2.10:8080
bad=0
. "$(dirname "$0")/lib.sh"
s3=
finish() {
	[ -z "$s3" ] || kill "$s3" 2>/dev/null
	mountpoint -q "$TORIDE_STATE/segments-cold" && umount -l "$TORIDE_STATE/segments-cold"
	"$toride" lab down >&2; rm -rf "$top"
}
trap finish EXIT
trap 'exit 1' INT TERM

on() { local host=$1; shift; ip netns exec "ts-$host" "$@"; }
get() { on "$1-pc1" curl -s -o /dev/null --max-time 20 --cacert "$TORIDE_RUN/ca.pem" -x "$proxy" "${@:3}" "$2"; }
# QUERY [OPTION...]: the records found, one object a line; fails when the search did (1: nothing found)
records() { "$toride" log search "$@" --from 1h -n 10000 --json || [ $? = 1 ]; }
# The same among pages: the searches themselves are on record too, with their words.
found() { local q=$1; shift; records "class:http ($q)" "$@"; }
number() { local f; f=$(found "$@") || return; [ -z "$f" ] && echo 0 || wc -l <<<"$f"; }
finds() { local want=$1; shift; [ "$(number "$@")" = "$want" ]; }
pid_of() { "$toride" status --json 2>/dev/null | jq -r --arg p "$1" '.processes[] | select(.name == $p and .state == "ready") | .pid'; }
back() { local p; p=$(pid_of "$1"); [ -n "$p" ] && [ "$p" != null ] && [ "$p" != "$2" ]; }
shoot() { local p; p=$(pid_of "$1"); [ -n "$p" ] || return 1; kill -9 "$p"; until_true 40 back "$1" "$p"; }
# Every record of today's sealed so far, by name, sorted; and as the index has them.
sealed() { "$toride" log tail -n 100000 | cut -f1 | grep -v /import/ | sort; }
indexed() { records | jq -r .name | sort; }
# More is sealed all the while, searches included: what was sealed before is what must be there, nothing twice.
all_once() {
	sealed >"$top/sealed"
	[ -s "$top/sealed" ] || { echo "log tail gave nothing"; return 1; }
	until_true 30 eval 'indexed >"$top/indexed"; [ -z "$(comm -23 "$top/sealed" "$top/indexed")" ]' || { comm -23 "$top/sealed" "$top/indexed" | head -5; return 1; }
	[ -z "$(uniq -d "$top/indexed")" ] || { echo "twice: $(uniq -d "$top/indexed" | head -5)"; return 1; }
}

day=$(TZ=Asia/Tokyo date +%Y%m%d) # it may end while this runs: then this one has records all the same
"$toride" lab up >&2; ok $? "lab up"
[ $bad = 0 ] || exit 1
try "indexd and stored are ready" until_true 40 eval '[ -n "$(pid_of indexd)" ] && [ -n "$(pid_of stored)" ]'

# ---- what is found ----

get 412015 "http://www.news.example/s/alpha-One.html"; get 412015 "https://www.news.example/s/beta?q=secret"
get 412023 "http://www.news.example/s/alpha-two.html"
get 412015 "http://www.news.example/s/%E8%AB%8B%E6%B1%82%E6%9B%B8.html"
try "four pages are in the index" until_true 20 finds 4 "url:*/s/*"
try "a page is found by a word of its address" finds 2 alpha
try "capital or small" finds 1 "ALPHA-ONE"
try "a word is whole" finds 0 alph
try "but for a star" finds 2 'alph*'
try "words with what stands between them" finds 1 '"alpha-two.html"'
try "by column" finds 1 url:http://www.news.example/s/alpha-one.html
try "a pattern in a column" finds 2 'url:*/s/alpha-*'
try "either" eval '[ "$(number "url:*alpha-one* or url:*alpha-two*")" = 2 ]'
try "not" eval '[ "$(number "alpha -two")" = 1 ]'
try "by number" eval '[ "$(number "url:*/s/* code>=400")" = "$(number "url:*/s/*")" ] && finds 0 "url:*/s/* code<400"'
src=$(found alpha --org 412015 | jq -r '.record.src_endpoint.ip')
try "by the terminal's address" eval '[ "$(number "alpha src:$src" --org 412015)" = 1 ]'
try "by prefix" eval '[ "$(number "alpha ip:10.0.0.0/8")" = 2 ] && finds 0 "alpha src:198.51.100.0/24"'
ja4=$(found "url:*/s/beta*" | jq -r .record.tls.ja4)
try "by how its program speaks TLS" eval '[[ $ja4 == t13* ]] && finds 1 "ja4:$ja4 url:*/s/*" && [ "$(found "ja4:$ja4 url:*/s/*" --org 412015 | jq -r .record.tls.ja4)" = "$ja4" ]'
try "… whole, but for a star" eval 'finds 0 "ja4:${ja4%?}" && finds 0 "ja4:${ja4%%_*}" && finds 1 "ja4:${ja4%%_*}* url:*/s/*" && finds 3 "-ja4:$ja4 url:*/s/*"'
try "… and counted by it" eval '[ "$("$toride" log search "class:http url:*/s/*" --by ja4 --json | jq -r "select(.value == \"$ja4\").count")" = 1 ]'
try "a query's secret isn't in the log" finds 0 secret
try "what wasn't asked isn't found" eval '"$toride" log search nowhere-at-all >/dev/null 2>&1; [ $? = 1 ]'
try "counts by column" eval '[ "$("$toride" log search class:http alpha --by org --json | jq -r "select(.value == \"412023\") | .count")" = 1 ]'
try "counts by day" eval '[ "$("$toride" log search class:http alpha --by day --json | jq -s "map(.count) | add")" = 2 ]'
name=$(found alpha --org 412015 | jq -r .name)
try "a record found is the one the log shows" eval '[ "$(found alpha --org 412015 | jq -cS .record)" = "$("$toride" log show "$name" | jq -cS .)" ]'
try "the list for people names it" eval '"$toride" log search class:http alpha | grep -F "$name"'

# ---- a question that asks too much: ended by the engine, which answers the next one (search.c puts these limits to every search) ----

engine() { curl -s --max-time 60 --unix-socket "$TORIDE_RUN/indexd/index.sock" http://x/ -d "$1"; }
# All at once by the engine itself, and as the search walks back to it, table by table.
whole() { engine "SELECT concat(org, '/', series, '/', leftPad(toString(segment), 6, '0'), '/', toString(idx)) FROM toride.events WHERE (url LIKE '%/s/%' OR host = 'www.news.example') $1 ORDER BY time DESC, org DESC, segment DESC, idx DESC"; }
walked() { "$toride" log search 'url:*/s/* or host:www.news.example' --from 1h --json "$@" | jq -r .name; }
try "newest first, of all classes and bodies" until_true 10 eval '[ "$(whole "" | wc -l)" -ge 4 ] && is "$(walked)" "$(whole "")"'
try "of one body too" until_true 10 eval 'is "$(walked --org 412015)" "$(whole "AND org = '\''412015'\''")" && walked --org 412015 | grep -q . && ! walked --org 412015 | grep -v ^412015/'
try "as many as are asked for, and these are the newest" until_true 10 eval 'is "$(walked -n 3)" "$(whole "" | head -n 3)"'
# Told by what the engine keeps in memory (columns.c, the partitions' key), in place of opening each part of the year.
elsewhere() { engine "EXPLAIN indexes = 1 SELECT count() FROM toride.c4002_http_activity WHERE org = '412015' AND time < toDateTime64('2020-01-01 00:00:00', 3, 'UTC')" >"$top/parts"; grep -A 6 Min-Max "$top/parts" | grep -q 'Parts: 0/[1-9]' || { cat "$top/parts"; return 1; }; }
# Of the engine's own word: each class's table.
tables() { engine "SELECT count() >= 8 AND countIf(sorting_key = 'org, time' AND startsWith(partition_key, 'toYYYYMMDD(arrival')) = count() AND count() = (SELECT uniqExact(table) FROM system.data_skipping_indices WHERE database = 'toride' AND name = 'words_index') FROM system.tables WHERE database = 'toride' AND match(name, '^c[0-9]+_')"; }
try "each class has a table, a body first in its key, a day of arrival a partition, its words indexed" eval 'tables >"$top/tables"; cat "$top/tables"; is "$(cat "$top/tables")" 1'
try "parts of other times aren't opened" elsewhere
# Of what isn't a page the index has the name and the columns (fill.c): what is told is the sealed record.
question() { records "class:dns host:www.news.example" --org 412015 | jq -cse '.[0]'; }
sealed_one() { local q; q=$(question) && is "$(jq -cS .record <<<"$q")" "$("$toride" log show "$(jq -r .name <<<"$q")" | jq -cS .)" && is "$(engine "SELECT sum(length(raw)) FROM toride.c4003_dns_activity")" 0; }
try "a record that the index doesn't keep is the one the log shows" until_true 10 sealed_one
segment=$TORIDE_STATE/segments/$(question | jq -r '.name | sub("/[0-9]+$"; "")').seg mode=$(stat -c %a "$segment")
chmod 0 "$segment"
try "where it can't be read its columns are told, and that" eval 'question | jq -se ".[0].whole == false and (.[0].record | (.message | test(\"log verify\")) and .query.hostname == \"www.news.example\" and .org == \"412015\" and .class_uid == 4003 and (.src_endpoint.ip | test(\"^[0-9.]+$\")) and .time > 1e12)"'
chmod "$mode" "$segment"
try "and then itself again" sealed_one
try "one that takes too long is ended" eval 'engine "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1 SETTINGS max_execution_time = 1" | grep -F "Code: 159"'
try "one that wants too much memory too" eval 'engine "SELECT length(groupArray(number)) FROM numbers(1000000000) SETTINGS max_memory_usage = 100000000" | grep -F "Code: 241"'
try "and the next is answered" finds 2 alpha
# 1.2 GB of names, to be counted by: more than the 1 GiB of one search; in a day of arrival that retention doesn't come to. The engine itself stops before
# the limit of its process.
try "the engine's own limit lies below its process's" eval '[ "$(engine "SELECT toUInt64(value) <= 6442450944 AND changed FROM system.server_settings WHERE name = '\''max_server_memory_usage'\''")" = 1 ]'
engine "INSERT INTO toride.c0_other (org, time, arrival, user) SELECT '412015', toDateTime64('2001-01-01 00:00:00', 3, 'UTC'), toDateTime64('2100-01-01 00:00:00', 3, 'UTC'), concat(toString(number), repeat('x', 60000)) FROM numbers(20000) SETTINGS max_block_size = 2000, min_insert_block_size_rows = 2000" >"$top/greedy"
greedy() { indexd=$(pid_of indexd); "$toride" log search --org 412015 --from 2001-01-01T08:59:00+09:00 --to 2001-01-01T09:01:00+09:00 --by user >"$top/greedy" 2>&1; is $? 1 && grep -q '使えるメモリの上限を超えました' "$top/greedy"; }
try "a search that wants more memory than one may have is refused, in words" greedy
try "the engine lives on, and the next search is answered" eval '[ "$(pid_of indexd)" = "$indexd" ] && finds 2 alpha'
engine "ALTER TABLE toride.c0_other DROP PARTITION 21000101" >"$top/greedy"
# ---- one that nobody waits for: ended too, wherever it is

long="SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 2"
running() { is "$(engine "SELECT count() FROM system.processes WHERE position(query, '= 2') > 0 AND position(query, 'processes') = 0")" "$1"; }
curl -s --unix-socket "$TORIDE_RUN/indexd/index.sock" http://x/ -d "$long" >"$top/long" & asker=$!
try "a long question runs" until_true 20 running 1
kill -9 $asker; wait $asker 2>/dev/null
try "its asker is killed: the engine has ended it" until_true 20 running 0
# The engine stands still, so that searches last.
plain() { ! grep -q $'\e' "$top/said" || { cat -v "$top/said"; return 1; }; } # what others wrote does nothing to the terminal of who reads it
underway() { "$toride" log queries --json; }
p=$(pid_of indexd); kill -STOP "$p"
"$toride" --as 佐藤 log search standing-still $'\e[2J' --org 412015 >"$top/one" 2>&1 & one=$!
"$toride" log search standing-still-too >"$top/two" 2>&1 & two=$!
try "searches under way are told, with who asks for what of whom" until_true 20 eval 'underway | jq -se "length == 2 and any(.[]; (.query | startswith(\"standing-still \u001b\")) and .org == \"412015\" and .by == \"佐藤\" and .do == \"log.search\")"'
try "… and their words do nothing to a terminal" eval '"$toride" log queries >"$top/said" && grep -F "standing-still  [2J" "$top/said" && plain'
kill "$one"; wait "$one" 2>/dev/null
try "one whose asker is gone is ended" until_true 20 eval 'underway | jq -se "length == 1 and .[0].query == \"standing-still-too\""'
try "one that isn't there can't be" eval '! "$toride" log kill 999999 2>"$top/none" && grep -F "no such search is under way" "$top/none"'
try "another is ended by hand" "$toride" --as 佐藤 log kill "$(underway | jq -r .id)"
wait "$two"; code=$?
try "… whose asker is told by whom" eval 'is "$code" 3 && grep -F "ended by 佐藤" "$top/two"'
try "… and nothing is under way" until_true 20 eval '[ -z "$(underway)" ]'
kill -CONT "$p"
try "the engine goes on" until_true 20 finds 2 alpha
ended() { "$toride" log tail --org service -n 500 | grep -F '"product":"stored"' | grep -F "log.search by root was ended by 佐藤"; }
try "it is on record" eval 'until_true 20 ended && "$toride" log tail --org service -n 500 | grep -F "\"operation\":\"log.kill\"" | grep 佐藤'

# ---- bodies apart, and who asked ----

try "a body's search shows its own" finds 1 alpha --org 412023
try "and no other's, whatever the query says" eval 'finds 0 "org:412015" --org 412023 && finds 0 "alpha or org:412015 or not alpha" --org 412040'
cat >"$top/quotes" <<'END'
x' OR 1=1 OR 'y'='y
url:x\' OR 1=1 OR "') OR 1=1 OR ('"
url:*\' OR url:*\*' OR host:\
END
none_of() { while IFS= read -r q; do finds 0 "$q" || { echo "$q"; return 1; }; done <"$top/quotes"; }
try "a quotation mark doesn't get out" none_of
try "a wrong query is told with its place" eval '"$toride" log search "alpha (beta" 2>&1 | grep -F "query:7: the bracket is never closed"'
try "so is an unknown column" eval '"$toride" log search "nosuch:1" 2>&1 | grep -F "query:1: no such column"'
try "another user may not search" eval '! setpriv --reuid 65534 --clear-groups "$toride" log search alpha >"$top/other" 2>&1 && grep -q "may read only" "$top/other" && ! grep -q alpha-two "$top/other"'
try "nor talk to the index itself" eval '! setpriv --reuid 65534 --clear-groups curl -s --max-time 5 --unix-socket "$TORIDE_RUN/indexd/index.sock" http://x/ -d "SELECT 1"'
try "who searched for what is on record" until_true 20 eval '"$toride" log tail --org service -n 500 | grep log.search | grep -F ALPHA-ONE'

# ---- a span of its own ----

try "an end long past without a beginning is a span before it" eval '"$toride" log search alpha --to 30d >"$top/span" 2>&1; [ $? = 1 ] && ! grep -q "not before the end" "$top/span"'
straight() { python3 -c 'import socket, sys; s = socket.socket(socket.AF_UNIX); s.settimeout(60); s.connect(sys.argv[1]); s.sendall(sys.argv[2].encode() + b"\n"); print(s.makefile().readline())' "$TORIDE_RUN/control.sock" "$1"; }
try "of the sites' numbers too" eval 'straight "{\"v\":1,\"do\":\"site.stats\",\"to\":$((($(date +%s) - 30 * 86400) * 1000))}" | jq -se ".[0].ok"'

# ---- what inspection doesn't get on with ----

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$top/own.key" -out "$top/own.pem" -subj /CN=own -days 3 2>/dev/null
pinned() { on 412015-pc1 curl -s -o /dev/null --max-time 20 --cacert "$top/own.pem" -x "$proxy" https://saas.example/; [ $? = 60 ]; } # a program that trusts its own authority only
try "a program refuses the cloud's certificate" pinned
proposed() { "$toride" decrypt proposals --json "$@" | jq -se ".[0] | .kind == \"pinned\" and .host == \"saas.example\" and .org == \"412015\" and .terminals == 1 and .trusting == 1 and .opened == 0 and (.strong | not) and (.ja4 | startswith(\"t13\"))"; }
try "it is proposed, with the evidence: one terminal, which trusts the authority elsewhere" until_true 20 proposed
try "to its own body" eval 'proposed --org 412015 && { "$toride" decrypt proposals --org 412023 --json >"$top/none"; is $? 1; } && [ ! -s "$top/none" ]'
try "in words too" eval '"$toride" decrypt proposals | grep -q "weak evidence"'
try "the program is opened for elsewhere: that speaks against it" eval 'get 412015 https://saas.example/ && until_true 20 eval "\"$toride\" decrypt proposals --json | jq -se \".[0].opened == 1\""'
accept() { "$toride" --as 佐藤 decrypt accept saas.example --org "$1" --owner 税務課 --reason "証明書を固定した道具" --expires "$2"; }
digest=$(accept 412015 2099-03-31T15:00:00Z)
try "accepted by one command: a change that waits for another person" eval '[[ $digest = sha256:* ]] && "$toride" generations --json | grep -F "$digest" | grep -q submitted'
try "its author may not approve it" eval '"$toride" --as 佐藤 approve "$digest"; is $? 1'
try "what it changes is said" eval 'straight "{\"v\":1,\"do\":\"change.diff\",\"digest\":\"$digest\"}" | jq -se ".[0].words | contains(\"saas.example\")"'
try "for no body, and without an end, it isn't taken" eval 'accept 999999 2099-03-31T15:00:00Z 2>&1 | grep -F 999999: && accept 412015 soon 2>&1 | grep -F expires'

# ---- files brought from outside ----

# FILE ORG PARSER [OPTION...]
bring() { "$toride" --as 佐藤 log import "$1" --org "$2" --parser "$3" --handed-by "総務課 田中、USB 3号" --json "${@:4}"; }
brought() { "$toride" log search "$1" --from 2024-01-01T00:00:00+09:00 -n 10000 --json "${@:2}" || [ $? = 1 ]; }
gone_by() { "$toride" log search "$1" --from 2024-01-01T00:00:00+09:00 --by "${@:2}" --json || [ $? = 1 ]; }
for i in $(seq 10 45); do
	echo "<86>May  1 09:00:$i web1 sshd[812]: Failed password for root from 10.1.0.66 port 400$i ssh2"
done >"$top/old.log"
echo '<86>May  1 09:01:00 web1 sshd[813]: Accepted password for root from 10.1.0.66 port 40100 ssh2' >>"$top/old.log"
touch -d 2024-05-02 "$top/old.log"
sed 's/date=2026-11-29/date=2024-05-01/; s/ eventtime=[0-9]*//' "$source/src/device/samples/traffic.fortigate.log" >"$top/fw.log"
printf 'what no parser reads: 冬眠\n\nits second line\n' >>"$top/fw.log"
fw=$(grep -c . "$top/fw.log")
try "a firewall's old log is taken in" eval 'bring "$top/fw.log" 412015 fortigate >"$top/fw.json" && jq -se ".[0] | .records == $fw and .unparsed == 2 and .lost == 0" "$top/fw.json"'
id=$(jq -r .import "$top/fw.json")
try "each of its lines is found" until_true 20 eval '[ "$(brought "$id -log.import.*" --org 412015 | grep -c .)" = "$fw" ]'
try "… at the time it happened, which isn't the time it came" eval 'brought "$id src:10.1.0.31" --org 412015 | jq -se "length > 0 and all(.[].record; .time < 1715000000000 and .ingest_time > 1750000000000 and (has(\"clock_skew_ms\") | not))"'
try "… what no parser read by its words" eval '[ "$(brought 冬眠 --org 412015 | jq -r .record.class_uid)" = 0 ]'
try "… in a series of its own" eval 'brought "$id src:10.1.0.31" --org 412015 | jq -se "all(.[].name; startswith(\"412015/import/\"))"'
try "who brought it, from whom, and its hash are on record" eval 'brought "$id operation:log.import.*" --org 412015 | jq -se "length == 2 and all(.[].record; .actor.user == \"佐藤\" and .file.hash == \"$(sha256sum "$top/fw.log" | cut -d" " -f1)\" and .unmapped.handed_by == \"総務課 田中、USB 3号\") and any(.[].record; .unmapped.records == $fw and .unmapped.unparsed == 2)"'
try "no other body has any of it" eval 'brought "$id" --org 412023 >"$top/none" && [ ! -s "$top/none" ]'
try "the same file again is refused" eval '! bring "$top/fw.log" 412015 fortigate 2>"$top/again" && grep -F "$id" "$top/again"'
try "… another body's isn't the same" eval 'bring "$top/fw.log" 412023 fortigate >"$top/other" && [ "$(jq -r .import "$top/other")" != "$id" ]'
try "… unless one asks for it" eval 'bring "$top/fw.log" 412015 auto --again >"$top/again" && jq -se ".[0].records == $fw" "$top/again"'
try "a body nobody knows has no log" eval '! bring "$top/fw.log" 999999 auto 2>"$top/none" && grep -F "no such body" "$top/none"'
try "the rules find in it what they would have found" eval 'bring "$top/old.log" 412015 linux --judge >"$top/judged" && jq -se ".[-1].findings >= 1 and any(.[]; .rule.id? == \"f8a99034-d34b-51e8-a6bd-fe617ede8dd0\" and .org == \"412015\")" "$top/judged"'
try "… a year the lines don't name is the file's" until_true 20 eval 'gone_by "Failed src:10.1.0.66" day --org 412015 | jq -se "length == 1 and .[0].value == \"2024-05-01\" and .[0].count == 36"'
python3 "$source/test/replay/device/make_evtx.py" "$top/x.evtx"
try "a Windows event log file too" eval 'bring "$top/x.evtx" 412015 evtx >"$top/evtx" && jq -se ".[0].records == 2" "$top/evtx"'
try "one that breaks off says what is missing" eval 'head -c 5000 "$top/x.evtx" >"$top/cut.evtx"; bring "$top/cut.evtx" 412015 evtx >"$top/evtx"; [ $? = 1 ] && jq -se ".[0].records == 0 and .[0].lost == 1" "$top/evtx"'
# Killed again and again, at whatever place; the same command goes on, and intaked dies as well.
seq 12000 | sed 's/.*/<86>May  1 10:00:00 web1 app[1]: burial &/' >"$top/large.log"; touch -d 2024-05-02 "$top/large.log"
account() { jq -r "$1" "$TORIDE_STATE/imports/412015-$(sha256sum "$top/large.log" | cut -d" " -f1).json"; }
for at in 0.3 0.5 0.7; do
	timeout -s KILL $at "$toride" log import "$top/large.log" --org 412015 --parser linux --handed-by test >"$top/killed" 2>&1
done
p=$(pid_of intaked); kill -9 "$p"
goes_on() { [ "$(account .done)" = true ] || "$toride" log import "$top/large.log" --org 412015 --parser linux --handed-by test; }
try "an import that was killed goes on" until_true 40 goes_on
large=$(account .id)
once() { gone_by "burial $large" class --org 412015 | jq -se 'length == 1 and .[0].count == 12000'; }
try "and has each line once" until_true 40 once
try "intaked is back" until_true 40 back intaked "$p"

# ---- holds ----

hold() { "$toride" --as "$1" log hold "${@:2}"; }
id=$(hold 佐藤 add --org 412015 --case "事件 R8-12" --reason "警察の照会") ; try "one person holds a body's records" grep -E '^[0-9a-f]{8}$' <<<"$id"
try "… which is listed with its reason" eval 'hold 佐藤 list --json | jq -se ".[0] | .org == \"412015\" and .by == \"佐藤\" and .reason == \"警察の照会\""'
try "… and where intaked and stored look, who see its name and not its words" eval 'for u in 47104 47118; do setpriv --reuid $u --regid $u --clear-groups ls "$TORIDE_STATE/holds" | grep "^412015.$id" && ! setpriv --reuid $u --regid $u --clear-groups cat "$TORIDE_STATE/holds/412015.$id" || exit 1; done'
printf 'half' >"$TORIDE_STATE/holds/412023.0badc0de"
try "… a file that can't be read stands there as such, and holds" eval 'hold 佐藤 list --json | jq -se "any(.[]; .org == \"412023\" and .id == \"0badc0de\" and .unreadable) and any(.[]; .id == \"$id\")" && hold 佐藤 list | grep "0badc0de .*can.t be read"'
rm "$TORIDE_STATE/holds/412023.0badc0de"
try "no hold without a reason" eval '! hold 佐藤 add --org 412015 --case x 2>"$top/none" && grep -F "reason: missing" "$top/none"'
try "the one who asks for its end doesn't end it" eval 'hold 佐藤 release "$id" --org 412015 --reason 終結 && ! hold 佐藤 release "$id" --org 412015 && test -e "$TORIDE_STATE/holds/412015.$id"'
try "somebody else does" eval 'hold 田中 release "$id" --org 412015 --json | jq -se ".[0].released" && ! test -e "$TORIDE_STATE/holds/412015.$id"'
recorded() { "$toride" log tail --org service -n 2000 | grep -F '"operation":"hold.'"$1"'"' | grep -F "$2" | grep -F "$3"; }
try "who did what is on record" until_true 20 eval 'recorded add 佐藤 警察の照会 && recorded release 佐藤 終結 && recorded released 田中 R8-12'

# ---- once, whatever dies ----

try "every sealed record is in the index once" all_once
(i=0; while [ -e "$top" ] && [ ! -e "$top/enough" ]; do i=$((i + 1)); get 412015 "http://www.news.example/k/$i"; done) &
busy=$!
try "stored killed five times" eval 'for i in 1 2 3 4 5; do shoot stored && sleep 0.$((RANDOM % 10)) || exit 1; done'
try "indexd killed five times" eval 'for i in 1 2 3 4 5; do shoot indexd && sleep 0.$((RANDOM % 10)) || exit 1; done'
# What stored sent and didn't live to see taken: indexd finds both the dead one's rows and the next one's question.
batch_begins() { touch "$top/stalled"; until_true 20 [ "$TORIDE_STATE/index-fill/intent" -nt "$top/stalled" ] || { echo "no batch began"; return 1; }; }
stalled() {
	local i s; i=$(pid_of indexd) s=$(pid_of stored)
	batch_begins || return 1
	kill -STOP "$i"; kill -9 "$s"; kill -CONT "$i"
	until_true 40 back stored "$s"
}
try "stored killed over a batch that waits to be taken, three times" eval 'stalled && stalled && stalled'
try "both" eval 'kill -9 $(pid_of indexd) $(pid_of stored); until_true 40 eval "[ -n \"\$(pid_of indexd)\" ] && [ -n \"\$(pid_of stored)\" ]"'
: >"$top/enough"; wait $busy
try "every sealed record is in the index once again" all_once

# ---- an index that is gone ----

"$toride" log rebuild >"$top/try"; ok $? "log rebuild"
try "the rebuilt index has every record once" until_true 40 all_once
try "what was brought in too" until_true 40 once
"$toride" log rebuild --day "$day" >"$top/try"; ok $? "log rebuild of one day"
try "the rebuilt day has every record once" until_true 40 all_once
try "what was brought in that day too, whenever it happened" until_true 40 once
p=$(pid_of indexd)
kill -STOP "$p"; rm -rf "$TORIDE_STATE/index/"*; kill -9 "$p"
try "an index whose data is gone fills itself again" until_true 40 eval 'back indexd "$p" && all_once'
# ---- retention of a class: its series goes from the index by its own days; the clock of stored alone is set. That the sealed one does: intake.t

rows() { engine "SELECT count() FROM toride.events WHERE org = '$1' AND series = '$2'"; }
jq '.retention = [{class: "http", days: 1}]' "$lab/description/orgs/412015.json" >"$top/org" && cp "$top/org" "$lab/description/orgs/412015.json"
try "the check says when records are destroyed" eval '"$toride" check "$lab/description" | grep -F "of 412015, web requests (http) are destroyed after 1 days"'
try "a body's pages are to be kept for a day" put_in_force "$toride" "$lab/description"
# What the counts say of a body's series is what its sealed records are, whom the clock of intaked keeps.
told() { "$toride" log counts --org "$1" --by series --json | jq -r --arg s "$2" 'select(.value == $s).records'; }
truth() { "$toride" log tail -n 100000 --org "$1" | cut -f1 | grep -c "^$1/$2/"; }
kept=$(rows 412015 events)
pages() { get 412015 "http://www.news.example/r/1"; [ "$(rows 412015 events-4002)" -ge 1 ]; }
try "then they are in a series of their own" until_true 20 pages
try "… and are found as before" eval '[ "$(number "url:*/r/1")" -ge 1 ]'
try "… while older ones stay where they were" eval '[ "$(rows 412015 events)" -ge "$kept" ]'
try "… all of them" until_true 20 eval 'is "$(rows 412015 events-4002)" "$(truth 412015 events-4002)"'
p=$(pid_of stored); "$(dirname "$0")/shift-clock" "$p" 172800000; kill -HUP "$p"
try "two days later the index has none of them" until_true 20 eval '[ "$(rows 412015 events-4002)" = 0 ]'
agrees() { local a; kill -HUP "$(pid_of stored)"; a=$(truth "$@"); [ "$a" -gt 0 ] && is "$(told "$@")" "$a"; }
try "… and still tells how many there were" eval '[ "$(truth 412015 events-4002)" -ge 1 ] && is "$(told 412015 events-4002)" "$(truth 412015 events-4002)"'
try "counts are those of the sealed records" eval 'until_true 20 agrees 412023 events && until_true 20 agrees 412015 import'
try "by what was asked for, of whom it was asked for" eval '"$toride" log counts --org 412023 --by org --json | jq -se "length == 1 and .[0].value == \"412023\"" && "$toride" log counts --by class --json | jq -se "any(.[]; .value == \"4002\" and .bytes_in > 0)"'
try "what isn't counted is told" eval '! "$toride" log counts --by host 2>"$top/none" && grep -F "not counted: host" "$top/none"'
"$toride" log rebuild --day "$day" >"$top/try"; ok $? "log rebuild of a day that is counted"
try "its counts are the same" eval 'until_true 40 agrees 412015 import && until_true 20 agrees 412015 events-4002'
try "all that is kept for longer is there" until_true 40 eval '[ "$(rows 412015 events)" -ge "$kept" ] && [ "$(rows 412023 events)" -ge 1 ]'
# ---- cold storage as a node runs it: intaked, coldd and who reads, each its own user in its own jail; the disk is mounted before they start

mount -t tmpfs -o size=256m,uid=47104,gid=47180,mode=2770 cold "$TORIDE_STATE/segments-cold"
for p in intaked stored detectd; do shoot $p || echo "# $p doesn't come back"; done
mkdir "$top/s3" && echo "the key" >"$TORIDE_STATE/cold/secret"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$top/s3.key" -out "$top/s3.pem" -days 3 -subj /CN=store -addext subjectAltName=IP:127.0.0.1 2>/dev/null
ip netns exec ts-gw1 python3 "$(dirname "$0")/s3.py" 9443 "$top/s3" "$top/s3.pem" "$top/s3.key" AK1 "the key" saga-log 2>>"$top/s3.log" & s3=$!
jq '.hot_days = 1 | .retention = [{class: "http", days: 30}]' "$lab/description/orgs/412023.json" >"$top/org" && cp "$top/org" "$lab/description/orgs/412023.json"
jq --arg ca "base64:$(grep -v CERTIFICATE "$top/s3.pem" | tr -d '\n')" '.origin_ca += [$ca] | .cold = {url: "https://127.0.0.1:9443/", bucket: "saga-log", region: "jp-north-1", key_id: "AK1"}' \
	"$lab/description/service.json" >"$top/org" && cp "$top/org" "$lab/description/service.json"
try "a body's records are to go to a store of objects" put_in_force "$toride" "$lab/description"
try "coldd serves, as nobody but itself" eval 'until_true 20 serves coldd && p=$(pid_of coldd) && grep -Ex "Uid:\s47134\s.*" /proc/$p/status && grep -Ex "CapPrm:\s0+" /proc/$p/status && grep -Ex "CapEff:\s0+" /proc/$p/status && grep -Ex "Seccomp:\s2" /proc/$p/status'
set_intaked() { "$(dirname "$0")/shift-clock" "$(pid_of intaked)" $(($1 * 3600000)); }
cold=$TORIDE_STATE/segments-cold/412023/events-4002/000001
has_segment() { get 412023 "http://www.news.example/c/$1"; ls "$TORIDE_STATE/segments/412023/events-4002/00000$1.seg"; }
set_intaked -26; try "with its clock 26 hours slow intaked begins the series" until_true 20 has_segment 1
shoot intaked
try "with the right one it has sealed what is a day old" until_true 20 has_segment 2
set_intaked 72
moved() { [ -s "$cold.end" ] && [ ! -e "$cold.seg" ] && ls "$top/s3/objects/412023/events-4002/"000001-*.seg; }
try "three days later the segment has gone to the disk, and from there to the store" until_true 30 moved
shoot stored
fallocate -l "$(($(stat -f -c '%a * %S' "$TORIDE_STATE/segments-cold")))" "$TORIDE_STATE/segments-cold/full"
of_coldd() { "$toride" log tail -n 5000 --org service | grep -F '"product":"coldd"' | grep -F "\"activity_name\":\"$1\""; }
try "with the disk full it can't come back: who fills the index again is told, and the watch" eval '! "$toride" log rebuild --wait >"$top/left" && grep -F "too little room" "$top/left" && until_true 20 of_coldd Alarm'
rm "$TORIDE_STATE/segments-cold/full"
try "room again is told too" until_true 30 of_coldd Start
try "… which stored has back from there, in its own jail" eval '"$toride" log rebuild && until_true 40 eval "[ \"\$(rows 412023 events-4002)\" = \"\$(truth 412023 events-4002)\" ]" && [ -s "$cold.seg" ]'
put_aside() { jq "$1" "$lab/description/service.json" >"$top/org" && cp "$top/org" "$lab/description/service.json"; }
put_aside 'del(.cold)'
try "the store can't be left while records lie there" eval '! put_in_force "$toride" "$lab/description" 2>"$top/left" && grep -F "1 segments of records lie in https://127.0.0.1:9443/saga-log" "$top/left" && serves coldd'
put_aside '.cold_left = ["https://127.0.0.1:9443/saga-log"]'
try "but for one who names it" put_in_force "$toride" "$lab/description"
rm -f "$cold.seg"
try "then its records are said to be there, and not to be had" eval 'until_true 20 eval "! serves coldd" && ! "$toride" log verify >"$top/left" && grep -F "the segment is in the store of objects, and can'"'"'t be had" "$top/left"'
try "nor is an index that was filled again without them called whole" eval '! "$toride" log rebuild --wait --json >"$top/left" && jq -se ".[0].lacking >= 1 and any(.[0].segments[]; .segment == \"412023/events-4002/000001\")" "$top/left"'
lacked() { "$toride" log tail -n 5000 --org service | grep -F "the index was filled again but for"; }
try "which is recorded, and in Japanese too" eval '! LC_ALL=ja_JP.UTF-8 "$toride" log rebuild --result >"$top/left" && grep -F "読めないセグメントがありました" "$top/left" && grep -F "412023/events-4002/000001" "$top/left" && until_true 20 lacked'
try "and are there again with the store" eval '"$toride" rollback --as tanaka && until_true 20 serves coldd'
try "… and in the index, which lacks nothing then" eval '"$toride" log rebuild --wait >"$top/left" && is "$(rows 412023 events-4002)" "$(truth 412023 events-4002)"'
try "the log is intact after all that" eval '"$toride" log verify --json | jq -se ".[-1].ok"'

# ---- a body has left and its key is destroyed: nothing of it can be read, here, on the cold disk, in the store, in the index
destroy() { "$toride" --as sato vault destroy 412023 --reason "contract ended" --agreed-by "$1"; }
refused() { ! "${@:2}" >"$top/left" 2>&1 && cat "$top/left" && grep -F "$1" "$top/left"; }
try "coldd comes back after kill -9" shoot coldd
try "what lies in the store is read" "$toride" log show 412023/events-4002/000001/0
try "the key of a body that is there isn't destroyed" refused "description in force" destroy tanaka
rm "$lab/description/orgs/412023.json"
put_aside 'del(.cold_left) | .cold = {url: "https://127.0.0.1:9443/", bucket: "saga-log", region: "jp-north-1", key_id: "AK1"}'
try "the body leaves" put_in_force "$toride" "$lab/description"
try "its records are there still, in log and index" eval '"$toride" log show 412023/events-4002/000001/0 && [ "$(rows 412023 events-4002)" -ge 1 ]'
try "its key isn't destroyed by one person" refused "somebody else" destroy SATO
try "nor that of a body that never was here: a slip of the code" eval 'refused "is the code right" "$toride" --as sato vault destroy 412032 --reason "contract ended" --agreed-by tanaka && [ ! -e "$TORIDE_STATE/vault/orgs/412032.destroyed" ]'
"$toride" --as sato log hold add --org 412023 --case "suit 5" --reason "wait" >/dev/null
try "nor while its records are held" refused "are held" destroy tanaka
id=$("$toride" log hold list --json | jq -r 'select(.org == "412023") | .id' | head -1)
"$toride" --as sato log hold release "$id" --org 412023 --reason "over" >/dev/null; "$toride" --as tanaka log hold release "$id" --org 412023 >/dev/null
"$toride" log export --org 412023 -o "$top/had" >/dev/null && [ -s "$top/had/records.jsonl" ]; ok $? "two destroy it; before that it could be taken out"
try "by two" destroy tanaka
try "no record of it is read any more, wherever it lies" eval 'refused "destroyed" "$toride" log show 412023/events-4002/000001/0 && ls "$TORIDE_STATE/segments/412023"'
try "nor taken out" eval '! "$toride" log export --org 412023 -o "$top/none.tar" && [ ! -e "$top/none.tar" ] && [ ! -e "$top/none.tar.part" ]'
try "none of its rows is in the index, all of the other's are" until_true 40 eval '[ "$(engine "SELECT count() FROM toride.events WHERE org = '"'412023'"'")" = 0 ] && [ "$(rows 412015 events)" -ge 1 ]'
try "who had it destroyed is on record, signed" eval '"$toride" log tail --org service -n 100000 | sed "s/^[^{]*//" | jq -se "map(select(.unmapped.destroyed? == \"412023\")) | any(.[]; .api.operation == \"vault.destroy.begin\" and .actor.user == \"sato\" and .unmapped.agreed_by == \"tanaka\") and any(.[]; .api.operation == \"vault.destroy.end\" and .status == \"Success\")"'
shoot intaked # which looks once an hour otherwise
in_the_store() { find "$top/s3/objects/412023" -name "000001-*.seg" 2>/dev/null | grep .; }
try "its segments end: the one in the store, too" until_true 40 eval '[ ! -e "$cold.end" ] && ! in_the_store'
try "each end is signed, and the log of all others intact" eval '"$toride" log verify --json | tail -n 1 | jq -se ".[0] | .ok and .segments_ended >= 1"'

echo "1..$n"
exit $bad
