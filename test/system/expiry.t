#!/bin/bash
# Permissions that run out by themselves: nobody edits, applies or restarts anything. Firewall rules of a compiled
# description in a kernel of their own, with real terminals and real connections; no daemon of ours runs at all.
set -u
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - expiry # SKIP needs root"; exit 0; }
bin=$(dirname "$(readlink -f "$(command -v toride)")") || { echo "not ok 1 - toride isn't built"; exit 1; }
src=${TORIDE_SOURCE:-$PWD}
top=$(mktemp -d /tmp/toride-expiry.XXXXXX)
ns=tre-$$ bad=0
. "$(dirname "$0")/lib.sh"
show=("$top/nft")
on() { local host=$1; shift; ip netns exec "$ns-$host" "$@"; }
finish() {
	local p; for p in $(jobs -p); do kill "$p" 2>/dev/null; done
	for h in gw pc srv; do ip netns del "$ns-$h" 2>/dev/null; done
	rm -rf "$top"
}
trap finish EXIT

# A terminal, the node with its filter, a server: the forward path of one body.
for h in gw pc srv; do ip netns add "$ns-$h"; ip -n "$ns-$h" link set lo up; done
ip -n "$ns-gw" link add o412015 type veth peer name eth0 netns "$ns-pc"
ip -n "$ns-gw" link add wan0 type veth peer name eth0 netns "$ns-srv"
set_up() { # HOST INTERFACE ADDRESSES...
	local h=$1 i=$2 a; shift 2
	for a in "$@"; do ip -n "$ns-$h" addr add "$a" dev "$i"; done
	ip -n "$ns-$h" link set "$i" up
}
set_up gw o412015 10.1.0.1/16
set_up gw wan0 203.0.113.1/24
set_up pc eth0 10.1.0.5/16
set_up srv eth0 203.0.113.40/24
ip -n "$ns-pc" route add default via 10.1.0.1
ip -n "$ns-srv" route add 198.51.100.0/24 via 203.0.113.1
on gw sysctl -qw net.ipv4.ip_forward=1
for p in 7001 7002 7003; do on srv nc -lk -p $p >"$top/srv.$p" & done

cp -r "$src/examples/saga" "$top/d"
python3 - "$top/d/orgs/412015.json" <<'PY'
import json, re, sys, time
text = "".join(l for l in open(sys.argv[1]) if not l.lstrip().startswith("//"))
d = json.loads(re.sub(r",(\s*[}\]])", r"\1", text))
def rule(name, action, port, **more):
    return {"id": name, "direction": "out", "action": action, "to": ["203.0.113.40"], "protocol": "tcp",
            "port_low": port, "comment": "test", "owner": "test", **more}
end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 20))
d["fw"] = [rule("ends", "allow", 7001, expires=end), rule("stays", "allow", 7002),
           rule("denied", "deny", 7003, expires=end), rule("then", "allow", 7003)]
json.dump(d, open(sys.argv[1], "w"), ensure_ascii=False)
PY
try "the description is compiled" "$bin/toride" compile "$top/d" -o "$top/out"
try "the kernel takes its filter" on gw env TZ=Asia/Tokyo nft -f "$top/out/nft/toride.nft"
on gw nft list table inet toride >"$top/nft"
connects() { on pc nc -z -w 10 203.0.113.40 "$1"; }
talk() { # a connection that goes on until somebody ends it
	on pc bash -c 'exec 3<>/dev/tcp/203.0.113.40/$1 && while echo x >&3; do echo . >>"$2"; sleep 0.1; done' - "$1" "$top/talk.$1" 2>/dev/null
	echo ended >>"$top/talk.$1"
}
said() { grep -c '^\.' "$top/talk.$1" 2>/dev/null; }
beyond() { [ "$(said "$1")" -gt "$2" ]; }
more() { local was; was=$(said "$1"); until_true 5 beyond "$1" "${was:-0}"; }
talk 7001 & talk 7002 &
try "before its end the exception lets through" until_true 2 connects 7001
try "a flow of it runs" more 7001
try "what is denied until then is denied" eval '! connects 7003'
gone() { ! connects 7001; }
try "after its end it lets nothing new through" until_true 25 gone
try "and the flow that ran has been ended" until_true 5 grep -q ended "$top/talk.7001"
try "the denial has ended too" connects 7003
try "a rule without an end goes on" connects 7002
try "and so does its flow" more 7002
refused_by() { on gw nft list chain inet toride "$1" | grep 'default-out' | grep -q 'packets [1-9]'; }
try "what is refused now is counted and logged as any other" refused_by out_412015
try "read back: every rule the description names is in the kernel" is \
	"$(on gw nft -j list table inet toride | jq -r '.nftables[].rule?.comment // empty' | sort -u | sha256sum)" \
	"$(jq -r '.rules[].comment' "$top/out/nft/rules.json" | sort -u | sha256sum)"
echo "1..$n"
exit $bad
