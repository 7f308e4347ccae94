#!/bin/bash
# A change from people's hands to the kernel and back, with the shipped programs: torided, controld, the jailed compile
# child, real nft, ip, unbound and conntrack, in a network namespace of its own.
set -u
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - apply # SKIP needs root"; exit 0; }
bin=$(dirname "$(command -v torided)") || { echo "not ok 1 - torided isn't built"; exit 1; }
src=${TORIDE_SOURCE:-$PWD}
top=$(mktemp -d /tmp/toride-apply.XXXXXX)
chmod 755 "$top"
export TORIDE_STATE=$top/state TORIDE_RUN=$top/run LC_ALL=C.UTF-8
[ -d "$bin/rules" ] || export TORIDE_RULES=${TORIDE_RULES:-$src/rules}
ns=tra-$$ n=0 pid=
mkdir "$TORIDE_STATE" "$TORIDE_RUN"
ip netns add "$ns"

. "$(dirname "$0")/lib.sh"
show=("$top/out" "$TORIDE_STATE/apply.log")
ready() { [ -s "$TORIDE_RUN/ready/$1" ] && [ -s "$TORIDE_RUN/pids/$1" ]; }
refused() { local want=$1 code; shift; "$@" >"$top/refused" 2>&1; code=$?; cat "$top/refused"; [ $code -ne 0 ] && grep -q "$want" "$top/refused"; }
toride() { "$bin/toride" "$@"; }
inside() { ip netns exec "$ns" "$@"; }
current() { basename "$(readlink "$TORIDE_STATE/current")"; }
rules() { inside nft -j list table inet toride | jq -r '.nftables[].rule?.comment // empty' | sort -u; }
stands_at() { # link, kernel rules and serving daemons agree
	is "sha256:$(current)" "$1" || return 1
	rules | cmp - <(jq -r '(.rules? // .)[].comment' "$TORIDE_STATE/current/nft/rules.json" | sort -u)
}
settled_at() { stands_at "$1" && toride generations --json | jq -se '.[0].changing == false'; } # and nothing is under way
start() { ip netns exec "$ns" "$bin/torided" >>"$top/out" 2>&1 & pid=$!; until_true 90 eval 'ready controld && ready postgres'; }
stop() { kill "$pid"; wait "$pid" 2>/dev/null; pid=; }
finish() {
	[ -n "$pid" ] && kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	ip netns del "$ns" 2>/dev/null
	sleep 0.2
	rm -rf "$top"
}
trap finish EXIT

# A small cloud: three bodies of the example, their interfaces as veth pairs.
mkdir -p "$top/d/orgs"
cp -r "$src/examples/saga/." "$top/d/"
sed -i -E '/"(state|run)_dir":/d; s|"node": "gw1",|"node": "gw1", "state_dir": "'"$TORIDE_STATE"'", "run_dir": "'"$TORIDE_RUN"'",|' "$top/d/service.json"
ip -n "$ns" link set lo up
for i in line0 line1 $(for f in "$top"/d/orgs/*.json; do echo "o$(basename "$f" .json)"; done); do
	ip -n "$ns" link add "$i" type veth peer name "p$i"
	ip -n "$ns" link set "$i" up; ip -n "$ns" link set "p$i" up
done
org=$(basename "$(ls "$top"/d/orgs/*.json | head -n 1)" .json)
cp -r "$top/d" "$top/e"
# The second description: one more rule for one body.
python3 - "$top/e/orgs/$org.json" <<'PY'
import json, re, sys
text = "".join(l for l in open(sys.argv[1]) if not l.lstrip().startswith("//"))
d = json.loads(re.sub(r",(\s*[}\]])", r"\1", text))
d.setdefault("fw", []).append({"id": "smtp-test", "direction": "out", "action": "allow", "to": ["203.0.113.25"],
                               "protocol": "tcp", "port_low": 2525, "comment": "test", "owner": "test"})
json.dump(d, open(sys.argv[1], "w"), ensure_ascii=False)
PY

start; ok $? "torided and controld start without a generation"
python3 "$src/tools/gen-examples.py" --nation 1788 "$top/nation"
sed -i -E '/"(state|run)_dir":/d; s|"node": "([^"]*)",|"node": "\1", "state_dir": "'"$TORIDE_STATE"'", "run_dir": "'"$TORIDE_RUN"'",|' "$top/nation/service.json"
try "a nation of 1,788 bodies can be handed in" eval 'toride submit "$top/nation" --as hanako | grep -q "^sha256:"'
try "a rollback has nowhere to go" refused "no generation before" toride rollback
cp -r "$top/d" "$top/f" # what root would read in a dry run, were it to believe a description about its own places
sed -i 's|"state_dir": "[^"]*"|"state_dir": "/root"|' "$top/f/service.json"
f=$(toride submit "$top/f" --as sato 2>"$top/try"); toride approve "$f" --as tanaka >/dev/null
try "a description for another state directory is refused by its place" refused "service.state_dir: this node's is" toride apply "$f"
sed -i 's|"state_dir": "[^"]*"|"state_dir": "'"$TORIDE_STATE"'"|; s|"run_dir": "[^"]*"|"run_dir": "/home"|' "$top/f/service.json"
f=$(toride submit "$top/f" --as sato 2>"$top/try"); toride approve "$f" --as tanaka >/dev/null
try "and one for another run directory" refused "service.run_dir: this node's is" toride apply "$f"
try "neither was made or tried" eval '[ ! -e "$TORIDE_STATE/check" ] && ! ls "$TORIDE_STATE"/generations/* >/dev/null 2>&1'
a=$(toride submit "$top/d" --as sato 2>"$top/try"); ok $? "a description is handed in"
b=$(toride submit "$top/e" --as sato 2>"$top/try"); ok $? "and a second"
try "an unapproved one isn't applied" refused "must be approved" toride apply "$a"
try "its author can't approve it" refused "another person" toride approve "$a" --as sato
for as in "sato " " sato" "$(printf 'sa\tto')" "$(printf 'sato\342\200\213')" "$(printf 's\320\260to')"; do
	try "a name that only looks like another isn't one" refused "not a name" toride approve "$a" --as "$as"
done
for as in Sato SATO ｓａｔｏ "s ato" "Ｓ　ａｔｏ"; do
	try "nor is '$as' another person" refused "another person" toride approve "$a" --as "$as"
done
try "so it is still unapproved" refused "must be approved" toride apply "$a"
try "another person can" toride approve "$a" --as tanaka
try "somebody who isn't root may read" setpriv --reuid 65534 --regid 65534 --clear-groups "$bin/toride" generations
try "but not change anything" refused "may read only" setpriv --reuid 65534 --regid 65534 --clear-groups "$bin/toride" approve "$b"
try "nor speak for another" refused "only root" setpriv --reuid 65534 --regid 65534 --clear-groups "$bin/toride" approve "$b" --as x
try "the first generation comes into force, verified" toride apply "$a"
try "link, kernel and rules agree" stands_at "$a"
try "its directory holds the description with that digest" is "sha256:$(sha256sum <"$TORIDE_STATE/current/description.json" | cut -d' ' -f1)" "$a"
ask() { ask_socket control.sock "$1"; }
try "status is answered over the control protocol" eval 'ask "{\"v\":1,\"do\":\"status\"}" | jq -se ".[0] | .ok and (.processes | length > 5)"'
try "what isn't a request is refused" eval 'ask "{\"v\":1,\"do\":\"nonsense\"}" | jq -se ".[0] | .ok == false and .code == \"invalid\""'
try "our daemons serve it" until_true 10 eval 'grep -q "'"$a"'" "$TORIDE_RUN/ready/intaked" "$TORIDE_RUN/ready/scand"'
before=$(inside nft -j list table inet toride | jq -c '[.nftables[].rule?.handle // empty]')
try "the same again touches nothing" toride apply "$a" --json
sed "s/^/# /" "$top/try"
try "the table wasn't replaced" is "$(inside nft -j list table inet toride | jq -c '[.nftables[].rule?.handle // empty]')" "$before"

try "the second is approved" toride approve "$b" --as tanaka
p=$(cat "$TORIDE_RUN/pids/intaked") u=$(cat "$TORIDE_RUN/pids/unbound")
try "one rule more is applied" toride apply "$b" --json
sed "s/^/# /" "$top/try"
try "in the kernel too" stands_at "$b"
try "the new rule is there" eval 'rules | grep -q "^'"$org"'/smtp-test/4$"'
# ---- hits of a rule: SYNs from the body's wire, counted over everything that follows ----
cat >"$top/knock.py" <<'PY'
import ipaddress, json, re, socket, struct, sys
text = "".join(l for l in open(sys.argv[1]) if not l.lstrip().startswith("//"))
d = json.loads(re.sub(r",(\s*[}\]])", r"\1", text))
def add(b):
    s = sum(struct.unpack(f"!{len(b) // 2}H", b))
    while s >> 16: s = (s & 65535) + (s >> 16)
    return ~s & 65535
src, dst = ipaddress.ip_network(d["prefixes"][0])[9].packed, socket.inet_aton("203.0.113.25")
mac = bytes.fromhex(open(f"/sys/class/net/{d['interface']}/address").read().strip().replace(":", ""))
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(("p" + d["interface"], 0))
for port in range(int(sys.argv[2]), int(sys.argv[3])):
    tcp = lambda c: struct.pack("!HHIIBBHHH", port, 2525, 1, 0, 80, 2, 1024, c, 0)
    ip = lambda c: struct.pack("!BBHHHBBH", 69, 0, 40, port, 0, 64, 6, c) + src + dst
    s.send(mac + b"\2\0\0\0\0\1\x08\0" + ip(add(ip(0))) + tcp(add(src + dst + struct.pack("!HH", 6, 20) + tcp(0))))
PY
knock() { inside python3 "$top/knock.py" "$top/e/orgs/$org.json" "$1" "$2"; }
counted() { is "$(toride fw hits --org "$org" --json | jq -c 'select(.rule == "smtp-test") | .hits')" "$1"; }
in_kernel() { inside nft list chain inet toride "out_$org" | grep smtp-test | grep -q "packets $1 "; }
try "three new connections by it" knock 50000 50003
try "reach the filter" until_true 5 in_kernel 3
try "the rule has been counted for no more than the last change" counted 0
try "no process was restarted for it" is "$(cat "$TORIDE_RUN/pids/intaked") $(cat "$TORIDE_RUN/pids/unbound")" "$p $u"
insert() { inside conntrack -I -w "$1" -p tcp -s "$2" -d "$3" --sport "$4" --dport "$5" --state ESTABLISHED -t 600; }
zone=$(jq '(.rules? // .)[] | select(.comment == "'"$org"'/smtp-test/4") | .zone' "$TORIDE_STATE/current/nft/rules.json")
try "a flow of the new rule" insert "$zone" 10.9.0.5 203.0.113.25 40001 2525
other=$(( zone == 1 ? 2 : 1 ))
try "the same of another body" insert "$other" 10.9.0.5 203.0.113.25 40002 2525
# In which zones a flow with this source port is: "1 2". The kernel's walk through a table that changes may show one twice.
flows() { inside conntrack -L 2>/dev/null | sed -n "s/.* sport=$1 .* zone=\([0-9]*\).*/\1/p" | sort -nu | paste -sd' '; }
flows_in() { local f; f=$(flows "$1"); [ "$f" = "$2" ] || { echo "port $1 is in zones [$f], not [$2]"; inside conntrack -L | grep -a "dport=2525\|dport=443"; return 1; }; }
try "the flow that the rule permits runs" until_true 5 flows_in 40001 "$zone"
try "the other body's too" until_true 5 flows_in 40002 "$other"
try "rollback" toride rollback --json
sed "s/^/# /" "$top/try"
try "the first is in force again" stands_at "$a"
try "the flow of the revoked permission is cut" until_true 5 flows_in 40001 ''
try "the same flow of another body isn't" until_true 5 flows_in 40002 "$other"

# ---- confirmation ----
try "apply with 8 seconds to confirm" toride apply "$b" --confirm-within 8
try "it is in force meanwhile" stands_at "$b"
try "its hits before the rollback are not forgotten" counted 3
knock 50003 50005
try "nothing else may be applied meanwhile" refused "confirm" toride apply "$a"
try "nobody confirms: it is undone" until_true 15 settled_at "$a"
try "and says so" until_true 15 grep -q '"by":"expiry","do":"rollback"' "$TORIDE_STATE/apply.log" # after it was read back
try "apply with confirmation again" toride apply "$b" --confirm-within 8
try "confirm" toride confirm
try "nor those of a generation that was undone" counted 5
try "a rule nobody used for a day: none has been counted that long" eval 'o=$(toride fw hits --unused 1 --json) && [ -z "$o" ]'
# A block's end meanwhile; of its seconds, too, none is the wall clock's: it is set for torided alone, as a debugger would (shift-clock).
here=$(cd "$(dirname "$0")" && pwd)
set_clock() { "$here/shift-clock" "$pid" $(($1 * 3600000)); }
cat >"$top/block.py" <<'PY'
import os, socket, struct, sys, time
def text(s): s = s.encode(); return struct.pack(">H", len(s)) + s
op, bid, org, kind, value, secs = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5], int(sys.argv[6])
now = int(time.time() * 1000)
block = text(bid) + text(org) + bytes([kind]) + text(value) + text("") + text("toride") + text("test") + struct.pack(">QQ", now, now + secs * 1000 if secs else 0)
msg = (bytes([op]) + text("") + struct.pack(">I", 0) + block).ljust(1024, b"\0")
s = socket.socket(socket.AF_UNIX); s.connect(os.environ["TORIDE_RUN"] + "/torided.sock")
s.sendall(struct.pack(">I", 1024) + msg)
data = b""
while len(data) < 4 + 768: data += s.recv(4096)
code = data[4]; n = struct.unpack(">H", data[5:7])[0]; m = struct.unpack(">H", data[7 + n:9 + n])[0]
print(code, data[9 + n:9 + n + m].decode()); sys.exit(1 if code else 0)
PY
order() { python3 "$top/block.py" "$@"; }
blocked() { inside nft list table inet toride_block | grep -q "$1"; }
try "a short one" order 4 B-5 "*" 1 203.0.113.68 2
try "one for 12 seconds, and the clock set a day ahead" eval 'order 4 B-6 "*" 1 203.0.113.69 12 && set_clock 24'
sleep 2
try "it holds" eval 'grep -aq B-6 "$TORIDE_STATE/blocks" && blocked 203.0.113.69'
try "until its 12 seconds are over" until_true 15 eval '! grep -aq B-6 "$TORIDE_STATE/blocks" && ! blocked 203.0.113.69'
set_clock -24
try "the short one has ended by itself too" until_true 10 eval '! grep -aq B-5 "$TORIDE_STATE/blocks" && ! blocked 203.0.113.68'
try "longer than it had to be confirmed: it stays" stands_at "$b"
try "there is nothing more to confirm" refused "nothing waits" toride confirm
try "back once more" toride rollback
try "apply with 3 seconds to confirm" toride apply "$b" --confirm-within 3
kill -9 "$pid"; wait "$pid" 2>/dev/null
sleep 3
start
try "torided was killed meanwhile and comes back too late: undone" until_true 20 settled_at "$a"

# ---- the wall clock is set meanwhile ----
try "apply with 8 seconds to confirm" until_true 10 toride apply "$b" --confirm-within 8
set_clock 5
sleep 2
try "the clock is set 5 hours ahead: its time isn't over" stands_at "$b"
try "after 8 seconds it is" until_true 15 settled_at "$a"
try "and again with 3" until_true 10 toride apply "$b" --confirm-within 3
set_clock -48
try "the clock is set 2 days back: undone all the same, and not after 2 days" until_true 15 settled_at "$a"
try "both is said" until_true 5 eval 'grep -qE "the wall clock was set by (17999|18000|18001) s" "$top/out" && grep -q "set by -172[0-9]* s" "$top/out"'
set_clock 43

# ---- blocks survive everything ----
try "a flow to what will be blocked" insert "$zone" 10.9.0.5 203.0.113.66 40003 443
try "a flow to it runs" until_true 5 flows_in 40003 "$zone"
try "a block for one body" order 4 B-1 "$org" 1 203.0.113.66 600
try "is in its set" blocked "\"o$org\" . 203.0.113.66"
try "and kills what runs" until_true 5 flows_in 40003 ''
try "a block without an end is refused" refused "needs an end" order 4 B-2 "*" 1 203.0.113.67 0
try "one of our own addresses is refused" refused "belongs to the service" order 4 B-2 "*" 1 192.0.2.10 600
try "a name for everybody" order 4 B-3 "*" 2 c2.example 600
try "a name for one body" order 4 B-4 "$org" 2 only.example 600
uc() { inside unbound-control -c "$TORIDE_STATE/current/unbound/unbound.conf" "$@"; }
names() { uc list_local_zones | grep -q '^c2.example. always_nxdomain' && uc view_list_local_zones "o$org" | grep -q '^only.example. always_nxdomain'; }
try "the resolver knows both" names
try "a change leaves them" toride apply "$b"
try "in the kernel" blocked 203.0.113.66
try "in the resolver" names
uc reload >/dev/null 2>&1
kill "$(cut -d' ' -f1 "$TORIDE_RUN/pids/unbound")"
try "a restart of the resolver too" until_true 15 names
kill -9 "$pid"; wait "$pid" 2>/dev/null
inside nft delete table inet toride_block; inside nft delete table inet toride
start
try "after a reboot the generation is in the kernel again" until_true 20 settled_at "$b"
try "and the hits are still known" counted 5
try "and the blocks" blocked 203.0.113.66
try "and the names" until_true 15 names
try "removal" order 5 B-3 "*" 2 c2.example 600
try "takes the name back" eval 'z=$(uc list_local_zones) && [ -n "$z" ] && ! grep -q c2.example <<<"$z"'

# ---- lists of addresses, pinned by digest, kept by differences ----
printf '203.0.113.25\n203.0.113.96/28\n2001:db8:66::/48\n' >"$top/list1"
printf '203.0.113.77\n203.0.113.96/28\n2001:db8:66::/48\n' >"$top/list2"
pinned() { # the second description with this list
	rm -rf "$top/g"; cp -r "$top/e" "$top/g"
	sed -i 's|"doh_resolvers":|"address_feeds": [{"name": "reputation", "digest": "'"$1"'", "comment": "test"}], "doh_resolvers":|' "$top/g/service.json"
	toride submit "$top/g" --as sato
}
list1=$(toride fw feed import "$top/list1" --json | jq -r .digest) list2=$(toride fw feed import "$top/list2" --json | jq -r .digest)
f1=$(pinned "$list1") f2=$(pinned "$list2") f3=$(pinned "sha256:$(printf 'ab%.0s' $(seq 32))")
for f in "$f1" "$f2" "$f3"; do toride approve "$f" --as tanaka >/dev/null; done
listed() { # asked again when the kernel says that somebody else changed its rules meanwhile (EINTR, as nft list does by itself)
	local said
	until said=$(inside nft get element inet toride_feed "$1" "{ $2 }" 2>&1); do
		case $said in *"Interrupted system call"*) sleep 0.1 ;; *) echo "$said"; return 1 ;; esac
	done
}
try "a description that pins a list is applied" toride apply "$f1"
try "its addresses are in the kernel" listed reputation_4_32 203.0.113.25
try "its networks too" listed reputation_6_48 2001:db8:66::
knock 50010 50013
feed_stopped() { inside nft list chain inet toride_feed to_reputation | grep -qE 'packets ([3-9]|[1-9][0-9]+) '; }
try "nothing goes there, whatever the rules allow" until_true 5 feed_stopped
inside nft add element inet toride_feed reputation_4_28 '{ 198.51.100.16 }' # by hand: whoever makes the set anew loses it
try "another day's list is applied" toride apply "$f2"
try "what came is in" listed reputation_4_32 203.0.113.77
try "what went is out" eval '! listed reputation_4_32 203.0.113.25'
try "what stayed was left alone" eval 'listed reputation_4_28 203.0.113.96 && listed reputation_4_28 198.51.100.16'
try "rollback" toride rollback
try "the first list again" listed reputation_4_32 203.0.113.25
try "a list that isn't on this node is refused" refused "isn't on this node" toride apply "$f3"
try "and the one in force stands" listed reputation_4_32 203.0.113.25
inside nft delete table inet toride_feed; inside nft delete table inet toride
kill -9 "$pid"; wait "$pid" 2>/dev/null
start
try "after a reboot the list is loaded again" until_true 20 listed reputation_4_32 203.0.113.25
try "a description without lists" toride apply "$a"
try "empties the kernel of them" eval '! listed reputation_4_32 203.0.113.25'
try "back to the second" toride apply "$b"

# ---- what fails is undone ----
try "the first again" toride rollback
mkdir "$top/fake"
real=$PATH
fake_nft() { printf '#!/bin/sh\ncase "$*" in "-f "*generations/%s*) echo no >&2; exit 1;; esac\nexec %s "$@"\n' "$1" "$(PATH=$real command -v nft)" >"$top/fake/nft"; chmod 755 "$top/fake/nft"; }
fake_nft "${b#sha256:}"
stop
PATH=$top/fake:$real
start
try "the filter can't be loaded: refused" refused "nft" toride apply "$b"
try "and the old generation stands" stands_at "$a"
try "not degraded" eval 'toride generations --json | jq -se ".[0].degraded == false"'
fake_nft ""
try "no filter can be loaded, the old neither" refused "undo failed" toride apply "$b"
try "that is said to be degraded" eval 'toride generations --json | jq -se ".[0].degraded == true"'
try "and nothing is applied on top" refused "recovered first" toride apply "$b"
PATH=$real
stop
try "at the console, with no daemon at all, first recovered" ip netns exec "$ns" "$bin/toride" --console rollback "$b"
try "the other generation is in the kernel" stands_at "$b"
try "and it is logged as the console's" grep -q '"by":"console","do":"rollback"' "$TORIDE_STATE/apply.log"
try "a file changed behind our back" eval 'echo "# x" >>"$TORIDE_STATE/generations/'"${a#sha256:}"'/nft/toride.nft"; refused "was changed" inside "$bin/toride" --console rollback "'"$a"'"'
try "never comes into force" stands_at "$b"
echo "1..$n"
