#!/bin/bash
# The watch at work: a clerk's suspicion with no alert behind it becomes an incident that finds, from what terminals really fetched,
# who else met the page; steps, duties and tasks are kept with who did what when.
set -u
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - soc # SKIP needs root"; exit 0; }
source=$(cd "$(dirname "$0")/../.." && pwd)
bin=$(dirname "$(readlink -f "$(command -v toride)")") || { echo "not ok 1 - toride isn't built"; exit 1; }
export TORIDE_LAB=sc TORIDE_SOURCE=$source LC_ALL=C.UTF-8
toride=$bin/toride lab=$bin/lab-sc
export TORIDE_STATE=$lab/state TORIDE_RUN=$lab/run TORIDE_RULES=$source/rules
top=$(mktemp -d /tmp/toride-soc.XXXXXX)
proxy=http://192.0.2.10:8080
bad=0 show=("$lab/log/respondd.log")
. "$(dirname "$0")/lib.sh"
trap '"$toride" lab down >&2; rm -rf "$top"' EXIT
trap 'exit 1' INT TERM

on() { local host=$1; shift; ip netns exec "sc-$host" "$@"; }
get() { on "$1" curl -s -o /dev/null --max-time 20 --cacert "$TORIDE_RUN/ca.pem" -x "$proxy" "$2"; }
card() { "$toride" incident show "$1" --json; }
# NUMBER FILTER: holds of the incident
of() { card "$1" | jq -se ".[0] | $2"; }

began=$(TZ=Asia/Tokyo date +%Y-%m)
"$toride" lab up >&2; ok $? "lab up"
[ $bad = 0 ] || exit 1
try "respondd and stored are ready" until_true 40 eval 'serves respondd && serves stored'

# ---- a suspicion ----

page=http://www.news.example/soc/prize.html
get 412015-pc1 "$page?password=secret"; get 412015-pc1 "$page"; get 412015-pc2 http://www.news.example/soc/other.html; get 412023-pc1 "$page"
pc1=$(on 412015-pc1 hostname -I | cut -d" " -f1)
try "the records themselves tell who met the page" until_true 5 eval '[ "$("$toride" log who "$page" --sealed --json | jq -s "map(.passed) | add")" = 3 ]'
try "of one body only, when asked so" eval '[ "$("$toride" log who "$page" --sealed --org 412023 --json | jq -r .org)" = 412023 ]'
if [ -e "$bin/libchdb.so" ]; then
	try "the index tells the same" until_true 5 eval '[ "$("$toride" log who "$page" --json | wc -l)" = 2 ] && diff <("$toride" log who "$page" --json | jq -S .) <("$toride" log who "$page" --sealed --json | jq -S .)'
fi
try "a page nobody met" eval '"$toride" log who http://www.news.example/soc/none.html --sealed; [ $? = 1 ]'
try "a suspicion opens an incident" eval '"$toride" incident report "$page?password=x" --org 412015 --reporter "Yamada" --phone 0952-00-0001 --text "typed a password" --by analyst --json >"$top/report"'
I=$(jq -r .number "$top/report")
try "which finds who else met it" until_true 5 of "$I" '.inquiries[0] | .state == "done" and .orgs == 2 and .terminals == 2'
try "with the terminal's own record as evidence" eval 'r=$(of "$I" ".evidence[0]" | jq -r .) && "$toride" log show "$r" | jq -se ".[0].http_request.url.url_string == \"$page\" and .[0].src_endpoint.ip == \"$pc1\""'
try "and no record of another body" of "$I" '.evidence | all(startswith("412015/"))'
try "the other body gets its own, with its own record" eval '"$toride" incident spread "$I" --by analyst --json | jq -se ".[0].org == \"412023\"" && "$toride" incident list --org 412023 --json | jq -se "length == 1 and .[0].severity.provisional == 1"'
# By night the lab's own change is an incident too, of the service itself: it is no body's.
try "nobody else does" eval '[ "$("$toride" incident list --json | jq -s "map(select(.org != \"\")) | length")" = 2 ]'

# ---- the work ----

try "a judgement stands beside the system's word, and stays" eval '"$toride" incident judge "$I" --severity 1 --reason "no password was taken" --by analyst && of "$I" ".severity.provisional == 1 and .severity.judged.severity == 1 and (.judgements | length == 1)"'
try "the step it stands for is done" of "$I" '.tasks | any(.step == "analyse" and .done_by == "analyst")'
try "somebody is sent there on the prefecture's order" "$toride" incident task "$I" --kind dispatch --role noc --owner Jiro --ordered-by "Pref. IT" --by noc
try "and on nobody else's" eval '! "$toride" incident task "$I" --kind dispatch --role noc --owner Jiro --by noc'
stop=$("$toride" incident task "$I" --kind stop --role noc --owner Taro --title "public site" --by noc --json | jq -r '.tasks // empty'; of "$I" '.tasks[] | select(.step == "stop") | .id')
try "no service is stopped before the body was told" eval '"$toride" incident step "$I" --task "$stop" --by noc 2>&1 | grep -F "told before a service is stopped"'
try "then it is" eval '"$toride" incident step "$I" --step report_before_stop --result "by telephone" --by analyst && "$toride" incident step "$I" --task "$stop" --by noc'
echo evidence >"$top/mail.eml"
try "a file is attached by its hash" eval '"$toride" incident attach "$I" "$top/mail.eml" --kind mail --by analyst && of "$I" ".attachments[0].sha256 == \"$(sha256sum "$top/mail.eml" | cut -d" " -f1)\""'
try "people read it in Japanese" eval 'LC_ALL=ja_JP.UTF-8 "$toride" incident show "$I" | grep -F "不審なページ" && LC_ALL=ja_JP.UTF-8 "$toride" incident show "$I" | grep -F "端末を使う人がすることを知らせる"'

# ---- blocks: whom they would hit, and one terminal alone ----

code() { on "$1" curl -s -o /dev/null -w '%{http_code}' --max-time 10 -x "$proxy" "$2"; }
cut_off() { local c; c=$(code "$1" "$2"); [ "$c" = 403 ] || [ "$c" = 000 ]; }
was() { [ "$(code "$1" "$2")" = "$3" ]; }
"$toride" block try www.news.example --kind name --org '*' --by analyst --json >"$top/try.json"
try "whom a block would have hit is told, and nothing is blocked" eval 'jq -se ".[-1] | .orgs == 2 and .terminals == 3 and .passed == 4" "$top/try.json" && was 412023-pc1 "$page" 404'
try "the desk's own name is never blocked" eval '"$toride" block try toride.example --kind name --org 412015 --by analyst | grep -F "a name of this service"'
T=$("$toride" incident open "odd terminal" --org 412015 --terminal "$pc1" --by analyst --json | jq -r .number)
try "one terminal is cut off from the Internet" eval '"$toride" incident isolate "$T" --reason "infected?" --by analyst && until_true 2 cut_off 412015-pc1 "$page"'
try "and no other of its body" was 412015-pc2 "$page" 404
try "nor one of the same address elsewhere" was 412023-pc1 "$page" 404
try "and not from the offices' own network" on 412015-pc1 ping -c 1 -W 2 "$(on 412015-pc2 hostname -I | cut -d" " -f1)"
try "the body is told" until_true 5 eval '"$toride" incident show "$T" --json | jq -se ".[0].blocks[0].kind == \"terminal\" and .[0].blocks[0].state == \"active\""'
try "it is given back" eval '"$toride" incident release "$T" --by analyst && until_true 5 was 412015-pc1 "$page" 404'

# ---- the telephone, what is provable, the next shift ----

try "the sheet is ready, in Japanese, with the numbers" eval '"$toride" incident sheet "$I" --json | jq -r .call_sheet >"$top/sheet" && grep -F "受付番号 $I" "$top/sheet" && grep -F "電話番号" "$top/sheet"'
"$toride" incident judge "$I" --severity 2 --reason "a password was typed" --by analyst >/dev/null
try "a call nobody answered is no notice of receipt" eval '"$toride" incident call "$I" --to Yamada --phone 0952-00-0001 --result no_answer --by analyst && of "$I" ".notice | has(\"acked\") | not"'
try "one that was answered confirms receipt" eval '"$toride" incident call "$I" --to Yamada --phone 0952-00-0001 --result answered --ack --by analyst && of "$I" ".notice.acked_by == \"Yamada\" and .times.judged_to_notice < 900000"'
try "who called whom is in the timeline" of "$I" '[.timeline[] | select(.kind == "call") | .values | fromjson | .[1]] == ["no_answer", "answered"]'
try "every stage is in the sealed log" until_true 20 of "$I" '.timeline | length > 10 and all(.sealed)'
if [ -e "$bin/libchdb.so" ]; then
	try "where it is found, word for word" until_true 20 "$toride" incident prove "$I"
	r=$("$toride" incident prove "$I" --json | jq -r 'select(.stage == "judged") | .record' | head -1)
	try "and signed" eval '"$toride" log show "$r" | jq -se ".[0].incident.number == \"$I\" and .[0].actor.user == \"analyst\"" && "$toride" log verify --org 412015'
fi
# ---- what is handed to a court: the incident's records, with their proof, in one file
hand_out() { "$toride" --as kanri log export --incident "$I" --for "police request 12" -o "$top/$I.tar" --json >"$top/handed_out" && cat "$top/handed_out"; }
elsewhere() { TORIDE_STATE=/nonexistent TORIDE_RUN=/nonexistent "$toride" log verify "$1" --json >"$top/verified"; local code=$?; cat "$top/verified"; return $code; }
handed() { jq -r .record "$top/records.jsonl" | jq -se "$1"; } # FILTER: holds of the records in it
try "what belongs to an incident is handed out as one file" hand_out
try "which any tar opens" eval 'tar -xOf "$top/$I.tar" records.jsonl >"$top/records.jsonl" && tar -xOf "$top/$I.tar" incident.json | jq -se ".[0].number == \"$I\""'
try "and which is proven where there is nothing else" eval 'elsewhere "$top/$I.tar" && tail -n 1 "$top/verified" | jq -se --argjson n "$(jq .records "$top/handed_out")" ".[0] | .ok and .records == \$n and .compared == \$n"'
try "the evidence is in it" eval 'of "$I" ".evidence[]" | jq -r . | sort >"$top/names" && [ -s "$top/names" ] && jq -r .name "$top/records.jsonl" | sort | comm -23 "$top/names" - | is "$(cat)" ""'
try "and each stage" handed "[.[] | select(.incident.number == \"$I\") | .incident.id | numbers] | unique | length >= 10"
try "who took it out, and what for" handed 'any(.[]; .product == "custody" and .api.operation == "log.export.begin" and .actor.user == "kanri" and .message == "police request 12")'
try "and nothing else: none of another body, none that has nothing to do with it" eval 'jq -r .name "$top/records.jsonl" | grep -v "^412015/" | is "$(cat)" "" && jq -r "select(.record | fromjson | .incident.number != \"$I\" and .product != \"custody\").name" "$top/records.jsonl" | sort | comm -13 "$top/names" - | is "$(cat)" ""'
try "its hash is on record, by which any copy is known again" until_true 10 eval '"$toride" log tail --org 412015 -n 100000 | sed "s/^[^{]*//" | jq -se --arg h "$(sha256sum <"$top/$I.tar" | cut -d" " -f1)" "any(.[]; .api.operation == \"log.export.end\" and .file.hash == \$h and .actor.user == \"kanri\")"'
try "one byte of it altered: the record is named" eval 'sed "s/log.export.begin/log.export.bigin/" "$top/$I.tar" >"$top/bad.tar"; ! cmp -s "$top/$I.tar" "$top/bad.tar" && ! elsewhere "$top/bad.tar" && grep -E "altered" "$top/verified"'
try "what it is for has to be said, and a file that is there stays" eval '! "$toride" log export --incident "$I" -o "$top/x.tar" && ! hand_out && [ ! -e "$top/x.tar" ] && [ ! -e "$top/$I.tar.part" ] && mkdir "$top/y.tar.part" && ! "$toride" log export --incident "$I" --for x -o "$top/y.tar" && [ -d "$top/y.tar.part" ]'
slip() { ask_socket search.sock '{"v":1,"do":"log.witness"}' | jq -r '.slip // empty' >"$top/slip"; [ -s "$top/slip" ]; }
try "what the prefecture is mailed every morning is the log's signature" eval 'until_true 5 slip && "$toride" log verify --witness "$top/slip" --json | tail -n 1 | jq -se ".[0] | .ok and .witness_found"'
try "the last shift's hand-over wrote itself" eval '"$toride" handover list --json | jq -se "any(.[]; .by == \"toride\")"'
# By its number: at a change of shifts the newest is another.
try "the NOC takes over what is open" eval '"$toride" handover --to noc --by analyst --json >"$top/handed" && jq -se --arg i "$I" ".[0].text | contains(\$i)" "$top/handed" && "$toride" handover take "$(jq .id "$top/handed")" --by noc && "$toride" handover list --json | jq -se --argjson id "$(jq .id "$top/handed")" "any(.[]; .id == \$id and .taken_by == \"noc\")"'
# ---- SMS, voice and webhooks ----

cp -r "$lab/description" "$top/next"
python3 - "$top/next" "$pc1" <<'PY'
import json, re, sys
def edit(path, change):
    text = "".join(l for l in open(path) if not l.lstrip().startswith("//"))
    d = json.loads(re.sub(r",(\s*[}\]])", r"\1", text))
    change(d)
    json.dump(d, open(path, "w"), ensure_ascii=False)
gateway = "http://203.0.113.25:8099/"
edit(sys.argv[1] + "/service.json", lambda d: d.update(gateways=[
    {"name": "sms", "kind": "sms", "url": gateway + "sms", "plain": True, "form": True, "body": "number={{to}}&message={{text}}"},
    {"name": "voice", "kind": "voice", "url": gateway + "voice", "plain": True},
    {"name": "chat", "kind": "webhook", "url": gateway + "chat", "plain": True, "body": '{"text":"{{text}} ({{severity}})"}'}]))
for code in ["412015", "412023"]: # each with a mail server that tells us what it does, at the address of a terminal we have
    edit(sys.argv[1] + "/orgs/%s.json" % code, lambda d: d.update(log_sources=d.get("log_sources", []) + [{"name": "mx1", "addr": sys.argv[2], "format": "linux"}]))
edit(sys.argv[1] + "/orgs/412015.json", lambda d: [c.update(sms="090-0000-0001", voice="0952-00-0001", webhook="chat") for c in d["contacts"][:1]] + [d.update(scan_max_mib=50)])
PY
on inet python3 "$source/test/system/gateway.py" 203.0.113.25 8099 "$top/gateway" & gateway=$!
trap 'kill $gateway; "$toride" lab down >&2; rm -rf "$top"' EXIT
try "a description with gateways is applied" put_in_force "$toride" "$top/next"
echo "s3cret-token" >"$TORIDE_STATE/courier/sms.token"
kill -9 "$("$toride" status --json | jq -r '.processes[] | select(.name == "courierd") | .pid')" # what waits for it waits
S=$("$toride" incident open "grave" --org 412015 --severity 3 --terminal "$pc1" --by analyst --json | jq -r .number)
taken() { jq -se --arg p "/$1" --arg k "$S-N1-$1" 'map(select(.path == $p and .key == $k)) | map(.status) == [503, 200]' "$top/gateway"; }
for c in sms voice; do try "$c: the busy gateway is asked again, under the same reference" until_true 15 taken $c; done
try "the webhook, too" until_true 15 eval 'jq -se "map(select(.path == \"/chat\" and .status == 200)) | length >= 1" "$top/gateway"'
try "the number, the words and the token are where the gateway wants them" eval 'jq -se "map(select(.path == \"/sms\"))[0] | (.body | startswith(\"number=090-0000-0001&message=%\")) and .auth == \"Bearer s3cret-token\"" "$top/gateway" &&
	jq -se "map(select(.path == \"/voice\"))[0] | (.body | fromjson | .to == \"0952-00-0001\" and (.text | contains(\"$S\"))) and .auth == null" "$top/gateway"'
try "the card says what each channel did" until_true 10 of "$S" '[.notices[] | select(.step == "first" and .channel != "mail") | .state] == ["sent", "sent", "sent"]'

# ---- a mail: did it reach a box, and who else got one of that sender ----

# BODY QUEUE-ID ACTION SYMBOLS MAILBOX...: what Postfix and Rspamd say of one mail, each line as they write it; then it is kept
mails() {
	local body=$1 id=$2 action=$3 symbols=$4 now to; shift 4; now=$(TZ=Asia/Tokyo date '+%b %e %T')
	{
		echo "<22>$now mx1 postfix/smtpd[7]: $id: client=unknown[203.0.113.66]"
		echo "<30>$now mx1 rspamd[9]: <a1>; task; rspamd_task_write_log: id: <m1@fake.example>, qid: <$id>, ip: 203.0.113.66, from: <evil@fake.example>, (default: T ($action): [9.10/15.00] [$symbols]), len: 3000, time: 120.1ms, rcpts: <$1>"
		echo "<22>$now mx1 postfix/qmgr[8]: $id: from=<evil@fake.example>, size=2048, nrcpt=$# (queue active)"
		for to in "$@"; do echo "<22>$now mx1 postfix/local[8]: $id: to=<$to>, relay=local, delay=0.2, delays=0.1/0/0/0.1, dsn=2.0.0, status=sent (delivered to mailbox)"; done
	} | on "$body-pc1" nc -N -w 10 -s "$pc1" 192.0.2.14 514
}
served_mx1() { "$toride" log sources --json | jq -se '[.[] | select(.name == "mx1") | .org] | sort == ["412015", "412023"]'; }
try "both bodies' mail servers are known" until_true 20 served_mx1
mails 412015 4AB0C0FFEE01 "add header" "DBL_PHISH(6.50){fake.example:url;},MIME_GOOD(-0.10){text/plain;}" taro@city.saga.example hanako@city.saga.example
mails 412023 4AB0C0FFEE02 "no action" "MIME_GOOD(-0.10){text/plain;}" jiro@city.karatsu.example
reached() { "$toride" incident list --org 412015 --json | jq -se 'map(select(.observable.value == "evil@fake.example" and .severity.provisional == 2)) | length == 1 and (.[0].severity.reasons | any(.code == "mail_delivered"))'; }
try "a dangerous mail that reached a mailbox is an incident, for that reason" until_true 30 reached
try "what the filter let pass elsewhere isn't" eval '"$toride" incident list --org 412023 --json | jq -se "all(.observable.value != \"evil@fake.example\")"'
who_got() { "$toride" log who evil@fake.example --type mail --json "$@" | jq -se 'map(.terminal) | sort == ["hanako@city.saga.example", "jiro@city.karatsu.example", "taro@city.saga.example"]'; }
try "the records tell to whom a sender's mail went" until_true 20 eval 'who_got --sealed && who_got'
"$toride" incident report evil@fake.example --kind mail --org 412015 --reporter "Yamada" --by analyst --json >"$top/report"
M=$(jq -r .number "$top/report")
try "a reported mail finds who else got one of that sender, at whatever body" until_true 10 of "$M" '.inquiries[0] | .state == "done" and .orgs == 2 and (.hits | length) == 3'
try "with the deliveries as evidence" eval 'of "$M" ".evidence | length >= 2 and all(startswith(\"412015/\"))"'

# ---- what runs where, and what is known of it ----

printf 'address,name,vendor,product,version\n%s,pc1,Apache,HTTP Server,2.4.49\n,www.city.example,,,1\n' "$pc1" >"$top/assets.csv"
cat >"$top/nvd.json" <<'END'
{"vulnerabilities":[{"cve":{"id":"CVE-2021-41773","metrics":{"cvssMetricV31":[{"cvssData":{"baseScore":9.8}}]},"configurations":[{"nodes":[{"cpeMatch":[{"vulnerable":true,
"criteria":"cpe:2.3:a:apache:http_server:2.4.49:*:*:*:*:*:*:*"}]}]}]}}]}
END
try "an asset list is taken, and what can't be used is told" eval '"$toride" asset import "$top/assets.csv" --org 412015 | grep -F "1 taken (1 left out)"'
try "and a vulnerability list" eval '"$toride" vuln import "$top/nvd.json" | grep -F "1 taken"'
try "what is wrong with it is told" eval '"$toride" asset list --org 412015 --json | jq -se ".[0].vulnerabilities == [{cve: \"CVE-2021-41773\", score10: 98}]"'
cat >"$top/jvn.xml" <<'END'
<VULDEF-Document xmlns="http://jvn.jp/vuldef/"><Vulinfo><VulinfoID>JVNDB-2021-000001</VulinfoID><VulinfoData><Affected><AffectedItem><Name>Apache Software Foundation</Name>
<ProductName>Apache HTTP Server</ProductName><Cpe version="2.2">cpe:/a:apache:http_server</Cpe><VersionNumber>2.4.49 およびそれ以前</VersionNumber></AffectedItem></Affected>
</VulinfoData></Vulinfo></VULDEF-Document>
END
try "JVN's XML too, what has no CVE by JVN's number" eval '"$toride" vuln import "$top/jvn.xml" | grep -F "2 taken" && "$toride" asset list --org 412015 --json | jq -se ".[0].vulnerabilities | map(.cve) | index(\"JVNDB-2021-000001\") and length == 2"'
try "a file that is neither is refused" eval '! "$toride" vuln import "$top/assets.csv"'

# The month may end while this test runs: then its numbers stand in two.
month() { TZ=Asia/Tokyo date +%Y-%m; }
months() { local m; for m in $(printf '%s\n' "$began" "$(month)" | sort -u); do "$toride" report month "$m" "$@" || return; done; }
try "the month's numbers are the incidents'" until_true 10 eval 'months --json | jq -se --argjson n "$("$toride" incident list --all --json | jq -sc "[length, (map(select(.org != \"\")) | length)]")" "[(map(.all.incidents) | add), ([.[].orgs[].incidents] | add)] == \$n and (map(.all.calls) | add) == 2 and any(.[]; .all.times.judged_to_notice.n >= 1)"'
# What the watch judges by: the description above, and a list of intelligence that comes and goes.
mkdir -p "$TORIDE_STATE/feeds/intel" && echo c2.evil.example >"$TORIDE_STATE/feeds/intel/soc.list"
told() { "$toride" log tail -n 100000 | grep -F '"operation":"detect.intel"' | grep -qF "$1"; }
try "intelligence that is laid down is on record" until_true 40 told "first time"
rm "$TORIDE_STATE/feeds/intel/soc.list"
gone() { "$toride" incident list --all --json | jq -se 'any(.[]; .org == "" and (.title | test("taken away")))'; }
try "what was taken away is an incident of the service" until_true 40 gone
changed='[.[].policy.changes[]] | any(.operation == "apply" and .by == "tanaka" and .author == "sato" and .approved == ["tanaka"] and .others > 0 and any(.what[]; .org == "412015" and (.ja | contains("検査上限"))))'
if [ -e "$bin/libchdb.so" ]; then
	try "the month says who changed what of how the watch judges, and who approved it" until_true 20 eval 'months --json | jq -se "$changed"'
	try "and which files of intelligence" until_true 20 eval 'months --json | jq -se "[.[].policy.changes[]] | any(.operation == \"detect.intel\" and (.what[0].en | contains(\"removed: soc.list\")))"'
	try "in words, for the report" eval 'LC_ALL=ja_JP.UTF-8 months >"$top/month" && grep -F "検知の方針の変更" "$top/month" && grep -F "412015 検査上限" "$top/month" && grep -F "届いた記録" "$top/month"'
	records='[.[].orgs[] | select(.org == "412015").records] | (map(.sum) | add) > 0 and all(.[]; .sum == (.days | add)) and any(.[].class[]; .value == "4002")'
	try "and how many records came by day, and of what" until_true 10 eval 'months --json | jq -se "$records" && months --json --org 412015 | jq -se "$records"'
	try "whom it is for: who acts for a body sees no change of another" eval '"$toride" --as noc report month "$(month)" --json | jq -se ".[0].policy == null and .[0].all != null"'
fi
try "also as CSV, and one body's alone" eval 'months --csv --org 412023 | tail -n 1 | grep -F "\"412023\"" && ! months --csv --org 412023 | grep -F 412015'

echo "1..$n"
exit $bad
