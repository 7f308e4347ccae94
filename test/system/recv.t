#!/bin/bash
# The bodies' own devices: what they send by UDP and TCP becomes sealed records of the right body, though both have the same
# addresses; who isn't registered speaks for nobody; a hostile sender harms no one; a receiver killed with -9 loses nothing it
# had acknowledged; who falls silent is told, and told again when it comes back.
set -u
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - recv # SKIP needs root"; exit 0; }
export TORIDE_LAB=tr TORIDE_SOURCE=$PWD LC_ALL=C.UTF-8
T=build/toride L=$PWD/build/lab-tr
export TORIDE_STATE=$L/state TORIDE_RUN=$L/run
top=$(mktemp -d /tmp/toride-recv.XXXXXX)
. test/system/lib.sh
bad=0 show=("$L/log/torided.log")
trap '$T lab down >/dev/null 2>&1; rm -rf "$top"' EXIT
at() { local host=$1; shift; ip netns exec "tr-$host" "$@"; }
gauge() { $T status --json | jq -se --arg o "$1" "any(.[].counters[]; .org == \$o and .recvd[\"$2\"] $3)"; }
tail_of() { $T log tail --org "$1" -n 100000; }
has() { tail_of "$1" | grep -qF -- "$2"; }
count() { tail_of "$1" | grep -cF -- "$2"; }
pid_of() { $T status --json | jq -r ".processes[] | select(.name == \"$1\" and .state == \"ready\").pid"; }
source_is() { $T log sources --org "$1" --json | jq -se "any(.[]; .name == \"$2\" and ($3))"; }

cat >"$top/send.py" <<'PY'
# send.py udp|tcp FROM TEXT...: each text as a datagram, or all of them through one connection, which then waits for its end in order
import socket, sys
how, src, texts = sys.argv[1], sys.argv[2], [t.encode().decode("unicode_escape").encode("latin-1") for t in sys.argv[3:]]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if how == "udp" else socket.SOCK_STREAM)
s.bind((src, 0)); s.settimeout(20); s.connect(("192.0.2.14", 514))
for t in texts: s.sendall(t)
if how == "tcp":
    s.shutdown(socket.SHUT_WR)
    sys.exit(0 if s.recv(1) == b"" else 1)
PY
send() { local host=$1; shift; at "$host" python3 "$top/send.py" "$@"; }
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=fw9 -keyout "$top/fw9.key" -out "$top/fw9.pem" 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=fw9 -keyout "$top/other.key" -out "$top/other.pem" 2>/dev/null
fingerprint() { openssl x509 -in "$top/fw9.pem" -outform DER | sha256sum | cut -d' ' -f1; }
describe() { # SILENT_S
	local f=$top/d/orgs/412015.json
	jq ".log_sources = [{name: \"fw1\", addr: \"10.1.0.5\", silent_s: $1}, {name: \"sw1\", addr: \"10.1.0.60\", silent_s: 0, format: \"syslog\"},
		{name: \"sw2\", addr: \"10.1.0.60\", hostname: \"sw2.city\", silent_s: 0},
		{name: \"fw9\", addr: \"10.1.0.90\", silent_s: 0, certificate: \"$(fingerprint)\"}]" "$f" >"$f.new" && mv "$f.new" "$f"
	f=$top/d/orgs/412023.json
	jq '.log_sources = [{name: "fw2", addr: "10.1.0.5"}]' "$f" >"$f.new" && mv "$f.new" "$f"
}
cp -r test/golden/two/description "$top/d" && without_sites "$top/d" && describe 3600
try "the lab is up" $T lab up "$top/d"
[ "$bad" = 0 ] || { echo "1..$n"; exit 1; }
at 412015-pc1 ip addr add 10.1.0.60/32 dev eth0; at 412015-pc1 ip addr add 10.1.0.77/32 dev eth0; at 412015-pc1 ip addr add 10.1.0.90/32 dev eth0
ready() { [ -n "$(pid_of recvd)" ]; }
try "the receiver is ready" until_true 20 ready

# ---- the right body's ----
udp() { send "$1" udp 10.1.0.5 "<13>Nov 29 10:00:00 h app: $2"; }
try "a datagram of a device" until_true 10 eval 'udp 412015-pc1 udp-one && has 412015 udp-one'
try "… and of another body's with the same address" until_true 10 eval 'udp 412023-pc1 udp-two && has 412023 udp-two'
try "each stands in its own body's records" eval '! has 412015 udp-two && ! has 412023 udp-one && ! has service udp-one'
try "… with the device's name and address, and the line as it came" eval 'tail_of 412015 | grep -F udp-one | grep -qF "\"device\":{\"name\":\"fw1\",\"ip\":\"10.1.0.5\",\"hostname\":\"h\"}"'
try "a connection, counted and by lines" eval 'send 412015-pc1 tcp 10.1.0.5 "13 <13>tcp-one\\nx" "<13>" 2>/dev/null; send 412015-pc1 tcp 10.1.0.5 "<13>tcp-two\\n<13>tcp-three\\n" && has 412015 tcp-two && has 412015 tcp-three'
safe() { local i; for i in 1 2 3 4 5; do send 412015-pc1 tcp 10.1.0.60 "<13>safe-$i\\n" && has 412015 "safe-$i" || return; done; }
try "… is closed in order only once its lines are safe" safe

try "Shift_JIS is read as what it says" eval 'send 412015-pc1 udp 10.1.0.5 "<13>\\x8c\\x78\\x8d\\x90 sjis-one" && until_true 5 has 412015 "警告 sjis-one"'

# ---- behind a relay ----
try "a device behind a registered relay is told apart by the name in its lines" eval 'send 412015-pc1 udp 10.1.0.60 "<13>Nov 29 10:00:00 sw2.city app: relayed-one" && until_true 5 has 412015 relayed-one && tail_of 412015 | grep -F relayed-one | grep -qF "\"device\":{\"name\":\"sw2\""'
try "… from another address the name is only what the line says" eval 'send 412015-pc1 udp 10.1.0.5 "<13>Nov 29 10:00:00 sw2.city app: relayed-two" && until_true 5 has 412015 relayed-two && tail_of 412015 | grep -F relayed-two | grep -qF "\"device\":{\"name\":\"fw1\""'
# Without a time: the clock of sw1, whose line this is, is measured further below.
try "… a name nobody registered behind it is the relay's, and counted" eval 'send 412015-pc1 udp 10.1.0.60 "<13>1 - stranger app - - - relayed-three" && until_true 5 has 412015 relayed-three && tail_of 412015 | grep -F relayed-three | grep -qF "\"device\":{\"name\":\"sw1\"" && until_true 5 gauge 412015 log_unknown_host "== 1"'

# ---- TLS ----
cat >"$top/tls.py" <<'PY'
# tls.py KEYPAIR|- FROM TEXT...: through one TLS connection, whose end in order it waits for; the receiver proves who it is
import os, socket, ssl, sys
pair, src, texts = sys.argv[1], sys.argv[2], sys.argv[3:]
c = ssl.create_default_context(cafile=os.environ["TORIDE_RUN"] + "/ca.pem")
if pair != "-": c.load_cert_chain(pair + ".pem", pair + ".key")
s = socket.socket(); s.bind((src, 0)); s.settimeout(20); s.connect(("192.0.2.14", 6514))
s = c.wrap_socket(s, server_hostname="192.0.2.14")
for t in texts: s.sendall(("%d %s" % (len(t), t)).encode())
if pair == "-": # whether it is held: TLS 1.3 tells a client only after its first words that it wasn't let in
    s.settimeout(10)
    try: s.recv(1); sys.exit(1)
    except TimeoutError: sys.exit(0)
    except OSError: sys.exit(1)
s = s.unwrap() # close_notify, and theirs
PY
tls() { at 412015-pc1 python3 "$top/tls.py" "$@"; }
try "a device with its own certificate, by TLS to a receiver that proves who it is" eval 'tls "$top/fw9" 10.1.0.90 "<13>tls-one" && has 412015 tls-one'
try "… closed in order only once its lines are safe" eval 'tls "$top/fw9" 10.1.0.90 "<13>tls-two" "<13>tls-three" && has 412015 tls-three'
try "without a certificate there is no connection" eval '! tls - 10.1.0.90 "<13>tls-none" && ! has 412015 tls-none && ! has service tls-none'
try "with another's it speaks for nobody" eval 'tls "$top/other" 10.1.0.90 "<13>tls-other"; until_true 5 has service tls-other && ! has 412015 tls-other'
try "nor by UDP from its address" eval 'send 412015-pc1 udp 10.1.0.90 "<13>tls-udp" && until_true 5 has service tls-udp && ! has 412015 tls-udp'
try "… counted as forged" until_true 5 gauge 412015 log_forged "== 2"

# ---- what they mean ----
guess() { local i when; when=$(TZ=Asia/Tokyo date '+date=%F time=%T'); for i in {1..20}; do echo "<189>$when devname=fw1 logid=0101039426 type=event subtype=vpn action=ssl-login-fail remip=203.0.113.77 user=u$i msg=x"; done | at 412023-pc1 nc -q0 -s 10.1.0.5 192.0.2.14 514; }
found() { $T incident list --json | jq -se 'any(.[]; .org == "412023" and (.title | test("VPN")))'; }
try "twenty failed logons to a body's VPN become that body's incident" eval 'guess; until_true 20 found'
try "… and no other's" eval '$T incident list --json | jq -se "length > 0 and all(.[]; .org != \"412015\" or (.title | test(\"VPN\") | not))"'

# ---- nobody's ----
try "who isn't registered is kept raw by the service" eval 'send 412015-pc1 udp 10.1.0.77 "<13>stray-one" && until_true 5 has service stray-one && ! has 412015 stray-one'
try "… counted" until_true 5 gauge 412015 log_unregistered "> 0"

# ---- hostile ----
hostile() {
	send 412015-pc1 udp 10.1.0.5 'line-a\n<13>forged-line' && send 412015-pc1 udp 10.1.0.5 'nul-a\0b'
	send 412015-pc1 tcp 10.1.0.5 '5 <13>a<13>lied\n'; send 412015-pc1 tcp 10.1.0.5 '999999 <13>never'; send 412015-pc1 tcp 10.1.0.5 "$(printf 'x%.0s' {1..70000})\\n<13>behind-it\\n"
	head -c 100000 /dev/urandom | at 412015-pc1 timeout 5 nc -q1 -s 10.1.0.5 192.0.2.14 514
	true
}
try "a hostile sender" hostile
try "… speaks as itself: a line with a newline in it is one record, unread" until_true 5 eval 'tail_of 412015 | grep -F "forged-line" | grep -F "\"class_uid\":0" | grep -qF "holds a line break"'
try "… what is too long is cut, and what follows is read" until_true 5 has 412015 behind-it
try "… it is counted" until_true 5 gauge 412015 log_hostile ">= 4"
try "… and harms nobody else" eval 'send 412023-pc1 udp 10.1.0.5 "<13>after-all" && until_true 5 has 412023 after-all'

# A terminal that holds all the connections it can get shuts no device out.
hog() { at 412015-pc1 python3 -c 'import socket, sys, time
held = []
for i in range(60):
    s = socket.socket(); s.settimeout(3); s.bind(("10.1.0.77", 0))
    try: s.connect(("192.0.2.14", 514)); held.append(s)
    except OSError: pass
open(sys.argv[1], "w").write("all")
time.sleep(300)' "$top/hogged" & local p=$!; until_true 20 test -s "$top/hogged" && send 412015-pc1 tcp 10.1.0.5 '<13>beside-the-hog\n' && has 412015 beside-the-hog; local r=$?; kill $p; wait $p 2>/dev/null; return $r; }
try "a terminal that holds connections shuts no device out" hog
try "… and is counted" until_true 5 gauge "" log_connections_rejected "> 0"

# ---- more than is kept ----
cat >"$top/burst.py" <<'PY'
# burst.py tcp|udp N: as fast as it goes
import socket, sys
how, n = sys.argv[1], int(sys.argv[2])
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if how == "tcp" else socket.SOCK_DGRAM)
s.bind(("10.1.0.5", 0)); s.settimeout(60); s.connect(("192.0.2.14", 514))
for i in range(0, n, 100):
    lines = [b"<13>burst-%s-%d. %s" % (how.encode(), k, b"x" * 200) for k in range(i, i + 100)]
    if how == "tcp": s.sendall(b"\n".join(lines) + b"\n")
    else:
        for l in lines:
            try: s.send(l)
            except OSError: pass
if how == "tcp":
    s.shutdown(socket.SHUT_WR); sys.exit(0 if s.recv(1) == b"" else 1)
PY
burst() { # while nobody keeps records: a connection waits, UDP is lost and counted
	local i p r; i=$(pid_of intaked); kill -STOP "$i"
	at 412015-pc1 python3 "$top/burst.py" tcp 40000 & p=$!
	at 412015-pc1 timeout 20 python3 "$top/burst.py" udp 60000
	kill -0 $p || { kill -CONT "$i"; echo "it didn't wait"; return 1; }
	kill -CONT "$i"; wait $p
}
try "while nobody keeps records a connection waits, and is closed in order once all is kept" burst
burst_kept() { [ "$(tail_of 412015 | grep -oE 'burst-tcp-[0-9]+\.' | sort -u | wc -l)" = 40000 ]; }
try "every line of it, none lost" until_true 10 burst_kept
try "what UDP lost is counted and told" until_true 10 eval 'gauge 412015 log_udp_dropped "> 0" && has 412015 "came faster than they were taken"'

# ---- killed ----
cat >"$top/many.py" <<'PY'
# many.py FILE N: while it is there, connection upon connection of 200 lines each, numbered from N; prints those that were closed in order
import os, socket, sys, time
n = int(sys.argv[2])
while os.path.exists(sys.argv[1]):
    n += 1
    try:
        s = socket.socket(); s.bind(("10.1.0.5", 0)); s.settimeout(10); s.connect(("192.0.2.14", 514))
        s.sendall(b"".join(b"<13>many-%d-%d.\n" % (n, i) for i in range(200)))
        s.shutdown(socket.SHUT_WR)
        if s.recv(1) == b"": print(n, flush=True)
    except OSError: time.sleep(0.05)
    s.close()
PY
acked_more() { [ "$(wc -l <"$top/acked")" -ge "$1" ]; }
another() { local p; p=$(pid_of "$1"); [ -n "$p" ] && [ "$p" != "$2" ]; }
killed() { # PROCESS TIMES N: while a device sends, each time with two connections more kept since it came back
	: >"$top/sending"; : >"$top/acked"
	at 412015-pc1 python3 "$top/many.py" "$top/sending" "$3" >"$top/acked" & local p=$! was i code=0
	for i in $(seq "$2"); do
		until_true 20 acked_more $((2 * i)) && was=$(pid_of "$1") && kill -9 "$was" && until_true 20 another "$1" "$was" || code=1
	done
	until_true 20 acked_more $((2 * $2 + 2)) || code=1
	rm "$top/sending"; wait $p
	return $code
}
try "the receiver is killed with -9 three times while a device sends" killed recvd 3 1000
all_there() { tail_of 412015 | grep -oE 'many-[0-9]+-[0-9]+\.' | sort -u >"$top/stored"; while read -r c; do [ "$(grep -c "^many-$c-" "$top/stored")" = 200 ] || { echo "connection $c"; return 1; }; done <"$top/acked"; }
try "no line of a connection that was closed in order is missing" until_true 10 all_there
try "intaked too, killed, loses none" eval 'killed intaked 1 2000 && until_true 20 all_there'
try "the log is what was written" $T log verify

# ---- silence ----
rm -r "$top/d" && cp -r "$L/description" "$top/d" && describe 2
try "a shorter silence is described" put_in_force $T "$top/d"
try "a device that says nothing is told as silent" until_true 15 eval 'has 412015 "no log of fw1" && source_is 412015 fw1 .silent'
comes_back() { udp 412015-pc1 back-again; has 412015 "logs of fw1 (10.1.0.5) come again" && udp 412015-pc1 back-again && source_is 412015 fw1 ".silent == false"; } # it is silent again after two seconds
try "… and told when it comes back" until_true 5 comes_back
try "its clock is measured" eval 'send 412015-pc1 udp 10.1.0.60 "<13>$(date -u -d "-20 minutes" +"%Y-%m-%dT%H:%M:%SZ") h app: late" && until_true 10 source_is 412015 sw1 ".clock_skew_ms < -1100000"'
try "… and told when it is off" until_true 5 has 412015 "the clock of sw1 is off by"
echo "1..$n"
exit "$bad"
