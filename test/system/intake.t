#!/bin/bash
# Packets the kernel refuses, and events of a process, become sealed records of the right organisation: the shipped
# toride-intaked, toride-vaultd and toride, confined, in network namespaces of their own with real nft rules.
set -u
export LC_ALL=C.UTF-8
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - intake # SKIP needs root"; exit 0; }
command -v toride-intaked >/dev/null || { echo "not ok 1 - toride-intaked isn't built"; exit 1; }
bin=$(dirname "$(command -v toride-intaked)")
gw=trw-gw-$$ org1=trw-a-$$ org2=trw-b-$$ wan=trw-w-$$
top=$(mktemp -d /tmp/toride-intake.XXXXXX)
here=$(cd "$(dirname "$0")" && pwd)
chmod 755 "$top"
. "$(dirname "$0")/lib.sh"
cd "$top" || exit 1
export TORIDE_STATE=$top/state TORIDE_RUN=$top/run
vault='' intake='' writer='' s3='' cold='' hung=''

finish() {
	for p in $hung $writer $intake $cold $s3 $vault; do kill "$p" 2>/dev/null; done
	wait 2>/dev/null
	for ns in $gw $org1 $org2 $wan; do ip netns del "$ns" 2>/dev/null; done
	while mountpoint -q "$top/state/segments-cold" && umount "$top/state/segments-cold"; do :; done
	for m in "$top/small" "$top/disk"; do mountpoint -q "$m" && umount "$m"; done
	rm -rf "$top"
}
trap finish EXIT

# ---- a node with two organisations that use the same addresses, and an uplink
mkdir -p state/generations/{a,b} state/{segments,segments-cold,holds,intake,vault,vault-public} run/{stats,ready}
ln -s generations/a state/current
touch run/ready/{intaked,vaultd}
config() { # further organisations
	cat <<-END
	{"v":1,"uplinks":["wan0"],"orgs":[
	 {"code":"412015","index":1,"interface":"o412015","publics":["203.0.113.1"]},
	 {"code":"412023","index":2,"interface":"o412023","publics":["203.0.113.2"]}$1]}
	END
}
config '' >state/generations/a/intaked.json
config ',{"code":"412031","index":3,"interface":"o412031"}' >state/generations/b/intaked.json
for ns in $gw $org1 $org2 $wan; do ip netns add "$ns"; ip -n "$ns" link set lo up; done
join() { # NAMESPACE INTERFACE NODE-ADDRESS THEIR-ADDRESS
	ip -n "$gw" link add "$2" type veth peer name eth0 netns "$1"
	ip -n "$gw" addr add "$3" dev "$2" && ip -n "$gw" link set "$2" up
	ip -n "$1" addr add "$4" dev eth0 && ip -n "$1" link set eth0 up
}
join "$org1" o412015 10.1.0.1/24 10.1.0.5/24
join "$org2" o412023 10.2.0.1/24 10.2.0.5/24
join "$wan" wan0 203.0.113.1/24 203.0.113.9/24
ip -n "$org1" addr add fd00:1::5/64 dev eth0 nodad; ip -n "$gw" addr add fd00:1::1/64 dev o412015 nodad
ip netns exec "$gw" nft -f - <<-END
	table inet t {
	 chain i {
	  type filter hook input priority 0
	  meta l4proto ipv6-icmp accept
	  iifname "o412015" tcp dport 9 log prefix "412015 default-out" group 1 snaplen 128 drop
	  iifname "o412023" udp dport 9 log prefix "- default-out" group 1 snaplen 128 drop
	  iifname "o412023" tcp dport 10 log prefix "B:" group 1 snaplen 128 drop
	  iifname "wan0" ip daddr 203.0.113.1 tcp dport 9 log prefix "- default-in" group 1 snaplen 128 drop
	  iifname "o412015" udp dport 7 log prefix "412015 flood" group 1 snaplen 128 drop
	 }
	}
END
start_vault() { "$bin/toride-vaultd" 2>>vault.log & vault=$!; until_true 5 test -S run/vault.sock; }
start_intake() { ip netns exec "$gw" "$bin/toride-intaked" 2>>intake.log & intake=$!; }
ready() { [ "$(grep -c '"message":"ready' intake.log)" -ge "$1" ]; }
# A first packet and no waiting for what the filter never lets come: a time to give up in would end before a busy machine has begun.
send_tcp() { ip netns exec "$1" python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET); s.setblocking(False); s.connect_ex((sys.argv[1], int(sys.argv[2])))' "$2" "$3"; }
send_udp() { ip netns exec "$1" bash -c "echo x >/dev/udp/$2/$3"; true; }
tail_log() { "$bin/toride" log tail -n 100000 --org "$1"; }
has() { tail_log "$1" | grep -qF -- "$2"; } # ORG TEXT
hasnt() { ! has "$@"; }
verify() { "$bin/toride" log verify "$@"; }

start_vault
start_intake
try "intaked starts, confined, and is ready" until_true 10 ready 1
try "and holds no capability and a system call filter" bash -c "
	p=\$(pgrep -P $intake -x toride-intaked || echo $intake)
	grep -qE '^CapEff:\s+0+\$' /proc/\$p/status && grep -qE '^Seccomp:\s+2' /proc/\$p/status"

# ---- packets
send_tcp "$org1" 10.1.0.1 9
send_udp "$org2" 10.2.0.1 9
send_tcp "$org2" 10.2.0.1 10
send_tcp "$wan" 203.0.113.1 9
send_tcp "$org1" fd00:1::1 9
try "a denied connection is a record of its organisation, with rule, addresses and direction" until_true 5 has 412015 \
	'"src_endpoint":{"ip":"10.1.0.5","port":'
try "… denied, outbound, by the rule's id" has 412015 '"connection_info":{"protocol_num":6,"direction":"Outbound"},"action":"Denied","disposition":"Blocked","rule":{"uid":"default-out"}}'
try "IPv6 too" until_true 5 has 412015 '"src_endpoint":{"ip":"fd00:1::5"'
try "where the rule names no organisation, the interface does" until_true 5 has 412023 '"protocol_num":17,"direction":"Outbound"},"action":"Denied","disposition":"Blocked","rule":{"uid":"default-out"}'
try "what a block refused says so" until_true 5 has 412023 '"rule":{"uid":"block"}'
try "from outside, the global address does" until_true 5 has 412015 '"direction":"Inbound"},"action":"Denied","disposition":"Blocked","rule":{"uid":"default-in"}'
try "one body's records aren't the other's" hasnt 412015 10.2.0.5
unsigned() { verify --json | tail -n 1 | grep -q '"ok":true.*"unsigned":0,'; }
try "within moments everything is signed, and log verify finds it intact" until_true 5 unsigned
try "log show gives one record by its name" bash -c "$bin/toride log show 412015/events/000001/0 | grep -q '\"class_uid\":4001'"
try "segments hold nothing in the clear" bash -c "[ -s state/segments/412015/events/000001.seg ] && ! grep -rqa 'default-out' state/segments"
setpriv --reuid 12345 --regid 12345 --clear-groups timeout 20 nc -U run/events.sock </dev/null >/dev/null 2>&1
try "a stranger's user is sent away and counted" until_true 3 grep -q 'user 12345 dropped: not one of our processes' intake.log

# ---- a process that was taken over: with its own user it may connect, and can't speak for another
forge() { # USER SOURCE ORG JSON: wire/events.h
	python3 - "$@" <<-'END'
	import os, socket, struct, sys
	user, source, org, event = int(sys.argv[1]), *(a.encode() for a in sys.argv[2:])
	text = lambda t: struct.pack(">H", len(t)) + t
	frame = lambda m: struct.pack(">I", len(m)) + m
	os.setgroups([]); os.setgid(user); os.setuid(user)
	s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect("run/events.sock")
	s.sendall(frame(b"\1" + struct.pack(">Q", 4711 + user) + text(source)) +
	          frame(b"\2" + struct.pack(">Q", 1) + text(org) + struct.pack(">I", len(event)) + event))
	ack = s.recv(64)
	sys.exit(0 if ack == frame(b"\3" + struct.pack(">Q", 1)) else 1)
	END
}
page='{"class_uid":4002,"product":"proxyd","src_endpoint":{"ip":"10.1.0.5"},"action":"Allowed","disposition":"Allowed","ref":"forged-USER"}'
kept() { tail_log service | grep -c "\"source\":\"$1\".*\"class_uid\":0,.*\"raw\""; }
try "portald, which is no peer, isn't heard" eval '! forge 47107 portald 412015 "$page" && [ "$(kept portald)" = 0 ]'
for who in 47103:scand 47101:vaultd 47105:detectd; do
	try "what ${who#*:} says of a page is taken" forge "${who%:*}" "${who#*:}" 412015 "${page/USER/$who}"
	try "… kept as it came, by the service" test "$(kept "${who#*:}")" = 1
done
try "and is no record of the body" hasnt 412015 forged-
try "an alarm names who said it" until_true 5 has service '"activity_name":"Alarm","message":"scand handed in what it may not say (class_uid: not for this sender to say;'
try "proxyd itself says it" forge 47102 proxyd/9 412015 "${page/USER/not}"
try "… and is believed" has 412015 '"ref":"forged-not"'
try "nobody says it in proxyd's name" eval '! forge 47103 proxyd/9 412015 "$page"'

# ---- kill -9 under load, again and again
ip netns exec "$org1" bash -c 'i=0; while :; do i=$((i+1)); echo $i >/dev/udp/10.1.0.1/7; [ $((i % 20)) = 0 ] && sleep 0.01; done' 2>/dev/null & writer=$!
for round in 2 3 4 5; do
	sleep 0.7
	pid=$(pgrep -P "$intake" -x toride-intaked || echo "$intake")
	kill -9 "$pid"; wait "$intake" 2>/dev/null
	start_intake
	until_true 10 ready $round || break
done
sleep 0.5; kill "$writer"; wait "$writer" 2>/dev/null; writer=
sleep 1.5
try "killed four times in the middle of a flood it recovers each time" ready 5
try "and the log is intact" unsigned
count() { tail_log 412015 | grep -c '"uid":"flood"'; }
try "with the flood in it" bash -c "[ $(count) -gt 300 ] || { echo $(count); false; }"
twice() { tail_log 412015 | cut -f1 | sort | uniq -d | grep -q .; }
try "no record stands under two names or twice under one" bash -c "! $(declare -f tail_log twice); bin=$bin; ! twice"

# ---- reload, vault away
ln -sfn generations/b state/current
pid=$(pgrep -P "$intake" -x toride-intaked || echo "$intake")
kill -HUP "$pid"
try "a new generation is taken in" until_true 5 grep -q 'now of generation' intake.log
kill -9 "$vault"; wait "$vault" 2>/dev/null
send_tcp "$org2" 10.2.0.1 10
sleep 1.5
start_vault
try "without the vault records are kept all the same, and signed when it is back" until_true 15 unsigned

# ---- export, and what is found in it elsewhere
try "log export" "$bin/toride" log export --org 412015 -o "$top/export"
try "an export verifies in another place without the node's state" env TORIDE_STATE=/nonexistent TORIDE_RUN=/nonexistent "$bin/toride" log verify "$top/export"
try "and holds nothing of the other body" bash -c "grep -rqF 10.1.0.5 export && ! grep -rqF 10.2.0.5 export"
named() { # COMMAND ON A COPY, RECORD, WORD
	rm -rf copy; cp -r export copy; (cd copy && eval "$1")
	TORIDE_STATE=/nonexistent TORIDE_RUN=/nonexistent "$bin/toride" log verify copy >out; local code=$?
	cat out; [ $code = 1 ] && head -n 1 out | grep -q "^$2 .*$3"
}
try "an altered record is named" named "sed -i '3s/class_uid/class_uiD/' records.jsonl" 412015/events/000001/2 altered
try "a removed record is named" named "sed -i 5d records.jsonl" 412015/events/000001/4 removed
try "a reordered record is named" named "sed -i '7{h;d};8{G}' records.jsonl" 412015/events/000001/7 reordered
try "a duplicated record is named" named "sed -i 6p records.jsonl" 412015/events/000001/5 duplicated
cp -r state/segments/412015 saved
size=$(stat -c %s state/segments/412015/events/000001.seg)
perl -e 'open my $f, "+<", $ARGV[0] or die; seek $f, $ARGV[1], 0; read $f, my $b, 1 or die; seek $f, $ARGV[1], 0; print $f ~$b' state/segments/412015/events/000001.seg $((size / 2))
altered() { verify >out; [ $? = 1 ] && cat out && head -n 1 out | grep -qE '^412015/events/000001/[0-9]+ .*altered'; }
try "a byte altered in the store is named by record" altered
rm -rf state/segments/412015 && cp -rp saved state/segments/412015

# ---- disk full
pid=$(pgrep -P "$intake" -x toride-intaked || echo "$intake")
kill "$pid"; wait "$intake" 2>/dev/null; intake=

# ---- witnesses: what stands outside shows that the end was cut
mkdir tsa; echo ok >tsa/mode
python3 "$here/tsa.py" "$top/tsa" & tsa=$!
witness() { "$bin/toride" log witness "$@"; }
stamped() { echo "$1" >tsa/mode; witness -o "$2" --tsa "http://127.0.0.1:$(cat tsa/port)/" --tsa-ca tsa/ca.pem; }
unstamped() { echo "$1" >tsa/mode; rm -f x.tsr; ! stamped "$1" x >out 2>&1 && cat out && grep -qF "$2" out && [ ! -e x.tsr ]; }
until_true 20 test -e tsa/port
try "what a witness is to keep fits on a slip of paper" eval 'witness >slip && [ "$(wc -c <slip)" -lt 600 ]'
try "with the time stamp of an authority" stamped ok kept
try "… that stands there only if it is one: another's answer" unstamped stale "another question"
try "… none" unstamped refuse "made none"
try "… or something else" unstamped html "isn't one"
kill $tsa; wait $tsa 2>/dev/null
{ printf 'Subject: keep this\r\n\r\n'; sed 's/^/> /; s/$/\r/' kept; } >mail
try "the log agrees with what was kept, also as a mail brings it" eval 'verify --json --witness mail | tail -n 1 | jq -se ".[0] | .ok and .witness_found and .witnesses == 1"'
try "and the stamp says when it was there" eval 'verify --json --witness kept --stamp kept.tsr --tsa-ca tsa/ca.pem | tail -n 1 | jq -se ".[0] | .ok and (now - .stamped / 1000 | . > -60 and . < 600)"'
try "which it doesn't say of another slip" eval '! verify --witness mail --stamp kept.tsr --tsa-ca tsa/ca.pem 2>out && grep -i "imprint" out'
cp state/segments/checkpoints checkpoints && sed -i '$d' state/segments/checkpoints
try "the last signature cut off: nothing inside shows it" eval 'verify --json | tail -n 1 | jq -se ".[0].ok"'
try "… the witness does" eval '! verify --witness mail >out && grep -F "the end was cut" out'
try "an altered witness is no fault of the log's that passes unseen" eval 'sed "2s/$/0/" kept >bad; ! verify --witness bad >out && grep -F "wrongly signed" out'
cp checkpoints state/segments/checkpoints
mkdir small && mount -t tmpfs -o size=400k,mode=755 none small && cp -r state/segments/. small/ 2>/dev/null
rm -rf small/412015 small/412023 small/service small/checkpoints
mv state/segments state/segments.big && mkdir state/segments && mount --bind small state/segments
rm -f state/intake/senders
head -c 300k /dev/zero >small/filler
start_intake
until_true 10 ready 6
ip netns exec "$org1" bash -c 'for i in $(seq 1500); do echo $i >/dev/udp/10.1.0.1/7; done' 2>/dev/null
try "a full disk is said, not hidden" until_true 8 grep -q 'No space left on device' intake.log
try "that it is nearly full too" until_true 8 grep -q 'the disk of the records is nearly full: ' intake.log
rm -f small/filler
mount -o remount,size=20m small
try "and when there is room again nothing taken is lost" until_true 15 bash -c "$(declare -f tail_log); bin=$bin; [ \$(tail_log 412015 | grep -c '\"uid\":\"flood\"') = 1500 ]"
try "… both are on record" until_true 8 has service 'the disk of the records is nearly full: '
try "… and that there is room again" until_true 8 has service 'the disk of the records has room again'
try "the time without room is an event" until_true 8 has service 'could not be written for a while'
try "and the log is intact" until_true 8 unsigned
pid=$(pgrep -P "$intake" -x toride-intaked || echo "$intake"); kill "$pid"; wait "$intake" 2>/dev/null; intake=
umount state/segments

# ---- more than the kernel keeps for us: told as lost, and what comes afterwards is recorded as ever
rm -rf state/segments state/intake; mkdir state/segments state/intake
r=$(grep -c '"message":"ready' intake.log)
start_intake
until_true 10 ready $((r + 1))
pid=$(pgrep -P "$intake" -x toride-intaked || echo "$intake"); kill -STOP "$pid"
ip netns exec "$org1" python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(400000): s.sendto(b"x", ("10.1.0.1", 7))'
kill -CONT "$pid"
try "more denials than the kernel keeps are told as lost" until_true 15 has service 'the kernel dropped'
comes() { send_tcp "$org2" 10.2.0.1 10; has 412023 '"rule":{"uid":"block"}'; }
try "and what comes afterwards is recorded" until_true 15 comes
kill "$pid"; wait "$intake" 2>/dev/null; intake=

# ---- retention: a day for the packets of one body, thirty for the rest of it, nothing said for the other. The process's own clock is set back, so that what it begins
# is old when it comes back, and then forward past the day; the log verifier's isn't.
rm -rf state/segments state/intake; mkdir state/segments state/intake; mkdir -p state/generations/c
sed 's/"code":"412015",/&"retention_days":30,"retention":[{"class":4001,"days":1}],/; s/"code":"412023",/&"hot_days":1,/' state/generations/a/intaked.json >state/generations/c/intaked.json
ln -sfn generations/c state/current
hour=3600000
begin() { # HOURS the clock is off
	local r; r=$(grep -c '"message":"ready' intake.log)
	start_intake
	until_true 10 ready $((r + 1)) || return 1
	pid=$(pgrep -P "$intake" -x toride-intaked || echo "$intake")
	"$here/shift-clock" "$pid" $(($1 * hour))
}
end() { kill "$pid"; wait "$intake" 2>/dev/null; intake=; }
segment() { ls "state/segments/$1/$([ "$1" = 412015 ] && echo events-4001 || echo events)/$2.seg"; }
try "a process whose clock is 26 hours slow takes records" begin -26
send_tcp "$org1" 10.1.0.1 9; send_udp "$org2" 10.2.0.1 9
try "and signs them" until_true 5 eval 'segment 412015 000001 && segment 412023 000001 && unsigned'
end
begin 0
goes_on() { send_tcp "$org1" 10.1.0.1 9; send_udp "$org2" 10.2.0.1 9; segment 412015 000002 && segment 412023 000002; }
try "with the right one it seals what is a day old" until_true 8 goes_on
end
mkdir disk && mount -t tmpfs none disk
: >state/holds/412015.0a1b2c3d
later() { begin 72; until_true 8 "$@"; local r=$?; end; return $r; }
try "three days later the other body's day at hand is over, and no other disk is there: said" later has service "can't be moved to cold storage"
try "a body's day is over, and its records are held: they stay" eval 'segment 412015 000001 && segment 412023 000001'
mount --bind disk state/segments-cold && chmod 777 state/segments-cold
moved() { ! segment 412023 000001 && [ -s state/segments-cold/412023/events/000001.seg ]; }
try "with the other disk the segment goes there" later moved
try "what is held stays all the same" segment 412015 000001
try "log tail reads it there" eval '[ "$(tail_log 412023 | grep -c "^412023/events/000001/")" -ge 1 ]'
try "log verify too" eval 'verify --json | jq -se ".[-1] | .ok and .segments_ended == 0"'
try "and an export has it" eval '"$bin/toride" log export --org 412023 -o "$top/cold" && verify "$top/cold" && ls cold/leaves/events-000001.txt'
# ---- that disk stops answering, as a network's does: whoever looks at it waits, and nobody else
python3 "$here/hung.py" state/segments-cold hung.ready & hung=$!
until_true 10 test -e hung.ready
counted() { tail_log "$1" | grep -c '"class_uid":4001'; }
try "beside a cold disk that doesn't answer intaked begins" begin 72
before=$(counted 412015)
more() { send_tcp "$org1" 10.1.0.1 9; [ "$(counted 412015)" -ge $((before + 3)) ]; }
try "and takes records" until_true 10 more
kill $hung; wait $hung 2>/dev/null; hung=
end
umount state/segments-cold
try "nothing was removed for it, nothing lost" eval 'segment 412015 000001 && unsigned && verify --json | jq -se ".[-1].ok"'
umount state/segments-cold
try "the disk taken away is said to be away, and not that records were removed" eval '! verify >out && grep -F "is the second disk mounted?" out && ! grep -F removed out'
mount --bind disk state/segments-cold
rm state/holds/412015.0a1b2c3d
gone() { ! segment 412015 000001; }
try "the hold released, the body's day is over: the segment is gone" later gone
ended() { verify --json | jq -se '.[-1] | .ok and .segments_ended == 1 and .records_ended >= 1 and .kept_at_least_days >= 1'; }
try "and that is among its own records, in the series that stays" eval 'tail_log 412015 | grep -F "retention: segment 000001 of events-4001" | grep -F "had its 1 days" | grep "^412015/events/"'
try "log verify says that its time was over, and finds nothing missing" ended
try "in words too" eval 'verify | grep -q "were ended by retention, each end signed"'
try "an export holds what is left, and verifies elsewhere" eval '"$bin/toride" log export --org 412015 -o "$top/rest" && verify "$top/rest" && ! ls rest/leaves/events-4001-000001.txt'
mark=state/segments/412023/events/000001.cold there=state/segments-cold/412023/events/000001
cp "$there.seg" away && rm "$there.seg"; mv $mark away.cold
try "the same file gone without that signature is missed" eval '! verify >out && grep -q "^412023/events/000001/0 .*removed" out'
cp away "$there.seg" && mv away.cold $mark

# ---- from the cold disk on to a store of objects, which works signatures out by itself
mkdir -p s3 state/cold run/ready && touch run/ready/coldd && echo "the key/of+the store" >state/cold/secret
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout s3.key -out s3.pem -days 2 -subj /CN=store -addext subjectAltName=IP:127.0.0.1 2>/dev/null
jq -n --rawfile ca s3.pem '{v: 1, url: "https://127.0.0.1:9443/", bucket: "saga-log", region: "jp-north-1", key_id: "AK1", lock_days: 30, ca: $ca}' >state/generations/c/coldd.json
sum=$(sha256sum <away); object=s3/objects/412023/events/000001-${sum:0:32}.seg
other=s3/objects/412023/events/000001-0123456789abcdef0123456789abcdef.seg # of the other node's own log, whose numbers are the same
mkdir -p "${object%/*}" && echo other | tee $other >"${object%-*}.seg"
start_s3() { rm -f s3/ready; ip netns exec "$gw" python3 "$here/s3.py" 9443 s3 s3.pem s3.key AK1 "${1:-the key/of+the store}" saga-log 2>>s3.log & s3=$!; until_true 10 test -e s3/ready; }
start_cold() { ip netns exec "$gw" "$bin/toride-coldd" 2>>cold.log & cold=$!; }
show+=("$top/cold.log" "$top/s3.log")
told() { grep -F -- "$1" cold.log; }
try "a store that knows another key stands there" start_s3 another
start_cold
try "it refuses, which is said, and nothing is removed" eval 'until_true 20 told SignatureDoesNotMatch && [ -s $there.seg ] && [ ! -e $object ]'
kill $s3; wait $s3 2>/dev/null
echo half >s3/mode; start_s3; kill -HUP $cold
try "one that breaks off in the middle hasn't got it" eval 'until_true 20 grep -F "PUT 412023/events/000001-" s3/asked && [ -s $there.seg ] && [ ! -e $there.end ] && [ -s $there.going ]'
kill $s3; wait $s3 2>/dev/null; pid=$cold
echo talk >s3/mode; start_s3; kill -HUP $cold
try "one that answers with what nobody asked for harms nobody" eval 'until_true 20 told "sends more than it was asked for" && kill -0 $pid && [ -s $there.seg ] && [ ! -e $there.end ]'
kill -9 $cold $s3; wait $cold $s3 2>/dev/null; rm s3/mode
start_s3; start_cold
in_store() { [ ! -e $there.seg ] && [ -s $there.end ] && cmp away $object; }
try "also to who sends after a kill -9, as it is" until_true 20 in_store
try "intaked, another user, may read what retention goes by" eval '[ "$(stat -c %a $there.end)" = 644 ]'
try "locked for as long as was asked for" eval 'grep "^COMPLIANCE $(date -u -d "+30 days" +%Y-)" s3/412023_events_000001-*.lock'
try "log verify has it back from there" eval 'verify --json | jq -se ".[-1].ok" && cmp away $there.seg'
rm $there.seg; echo lie >s3/mode
try "a store that gives back other bytes is found out" eval '! verify >out && grep -F "isn'"'"'t what was put there" out && [ ! -e $there.seg ]'
rm s3/mode; echo away >s3/mode
try "one that is away too, and it isn't said that records were removed" eval '! verify >out && grep -F "the store says 503 SlowDown" out && ! grep -F removed out'
rm s3/mode; rm -r state/segments-cold/412023
try "the cold disk's files lost, the store has the record" eval 'kill -HUP $cold; until_true 20 cmp away $there.seg && verify --json | jq -se ".[-1].ok"'
try "in a directory that intaked, of the same group, may remove it from" eval '[ "$(stat -c %a "${there%/*}")" = 775 ]'
sed 's/"code":"412023",/&"retention_days":2,/' state/generations/c/intaked.json >intaked.json && mv intaked.json state/generations/c/intaked.json
rm $there.seg
try "its time over, the mark goes, by its end mark alone" later eval '[ ! -e $mark ]'
touch s3/versioned
try "a locked object stays until its lock is over" eval 'kill -HUP $cold; until_true 20 grep -F "DELETE 412023" s3/asked && [ -s $object ]'
mv $object $object.old && touch $object.mark # somebody has tried to delete it before
rm s3/*.lock
try "then the store loses it, in a bucket that keeps versions too" eval 'kill -HUP $cold; until_true 20 test ! -e $there.ended && ! ls $object*'
try "but not what others have of that number" eval 'cmp <(echo other) $other && cmp $other "${object%-*}.seg"'
try "and the log says that its time was over" eval 'verify --json | jq -se ".[-1] | .ok and .segments_ended == 2"'
kill $cold $s3; wait $cold $s3 2>/dev/null
echo "1..$n"
