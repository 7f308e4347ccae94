#!/bin/bash
# kill -9 of torided, and with it of all that runs on the node, after steps of one change that touches every engine, in a lab of two bodies. Started again, every part must stand at one
# generation: the old one until the change is committed. Each part is asked itself, by what it does. STEPS=all kills after each step (tools/soak); else after some.
set -u
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - steps # SKIP needs root"; exit 0; }
cd "$(dirname "$0")/../.."
export TORIDE_LAB=tz TORIDE_SOURCE=$PWD LC_ALL=C.UTF-8
T=$PWD/build/toride lab=$PWD/build/lab-tz
export TORIDE_STATE=$lab/state TORIDE_RUN=$lab/run TORIDE_RULES=$PWD/rules
top=$(mktemp -d /tmp/toride-steps.XXXXXX)
bad=0 A=412015 listener= proxy=http://192.0.2.10:8080
. test/system/lib.sh
toride=$T
show=("$lab/log/torided.log" "$TORIDE_STATE/apply.log")
finish() { [ -z "$listener" ] || kill "$listener" 2>/dev/null; "$T" lab down >&2; rm -rf "$top"; }
trap finish EXIT
trap 'exit 1' INT TERM
on() { local host=$1; shift; ip netns exec "tz-$host" "$@"; }

# ---- torided, as kill.t does ----

torided_pid() { awk '$3 == "torided" { p = $1 } END { print p }' "$lab/pids"; }
start_torided() { # as lab/node.c: in the node's network, in no mount namespace of its own, noted for lab down
	nsenter --net=/run/netns/tz-gw1 setsid "$PWD/build/torided" >>"$lab/log/torided.log" 2>&1 </dev/null &
	local p=$!
	echo "$p $(since $p) torided" >>"$lab/pids"
	disown $p
}
settled() { "$T" status --json | jq -se '.[0] | (.processes | length > 15 and all(.state == "ready" or .state == "waiting")) and .lines == "inspect"' >/dev/null &&
	"$T" generations --json | jq -se '.[0] | .changing == false and .degraded == false' >/dev/null; }
current() { echo "sha256:$(basename "$(readlink "$TORIDE_STATE/current")")"; }

# ---- what each part does: OLD, NEW, or what it said ----

told() { case $1 in "$2") echo old ;; "$3") echo new ;; *) echo "$1" ;; esac; }
page() { on $A-pc1 curl -s -m 10 -x $proxy "$@"; }
does_proxy() { told "$(page -o /dev/null -w '%{http_code}' http://www.news.example/)" 200 403; }
does_ips() { local f; f=$(page http://login.phish.example/photo.png | tr -d '\0' | grep -aoE 'P-20|This program cannot' | head -n 1); told "$f" "This program cannot" P-20; }
does_filter() { on $A-pc1 curl -s -m 5 -o /dev/null http://203.0.113.91:2525/; told $? 7 0; }
does_resolver() { told "$(on $A-pc1 dig +short +time=3 +tries=1 @192.0.2.53 sns.example A)" 203.0.113.50 ''; }
does_zone() { # SERVER: a zone's record, and another zone; a server that doesn't answer says so
	local z; for z in bench.city.saga.lg.example www.steps.lg.example; do on inet dig +norec +short +time=3 +tries=1 "@198.51.100.$1" $z A; done >"$top/dig"
	told "$(paste -sd' ' "$top/dig")" '' "198.51.100.101 198.51.100.101"
}
does_ns1() { does_zone 53; }
does_ns2() { does_zone 54; }
does_site() { told "$(on inet curl -s --cacert "$lab/internet/ca.pem" -m 10 --interface 203.0.113.77 --resolve "www.$A.lg.example:443:198.51.100.3" -o /dev/null -w '%{http_code}' "https://www.$A.lg.example/?id=1%27%20or%20%271%27=%271")" 403 200; }
does_bandwidth() { told "$(on gw1 tc class show dev wan0 | grep -oE 'ceil (130|129)Mbit' | sort -u)" "ceil 130Mbit" "ceil 129Mbit"; }
does_routes() { told "$(on gw1 ip route show table all 10.77.0.0/16 | wc -l)" 0 1; }
parts=(filter routes bandwidth resolver ns1 ns2 site proxy ips)
daemons=(courierd respondd detectd proxyd chronyd probed) # whose part changes; the others were told nothing
rules_are() { on gw1 nft -j list table inet toride | jq -r '.nftables[].rule?.comment // empty' | sort -u | cmp - <(jq -r '(.rules? // .)[].comment' "$TORIDE_STATE/current/nft/rules.json" | sort -u); }
sites_are() { on gw1 curl -s -m 10 --unix-socket "$TORIDE_RUN/edge/status.sock" http://status/generation | cmp - "$TORIDE_STATE/current/edge/generation"; }
whole() { # OLD|NEW DIGEST: every part does what is of that generation, and says that it is it
	local p d
	is "$(current)" "$2" && rules_are && sites_are || return
	for p in "${daemons[@]}"; do [ "$(head -c 71 "$TORIDE_RUN/ready/$p")" = "$2" ] || { echo "$p serves another"; return 1; }; done
	for p in "${parts[@]}"; do
		d=$("does_$p")
		[ "$d" = "$1" ] || { echo "$p is at: $d"; return 1; }
	done
}

# ---- two generations of one cloud ----

# Asking for a page again and again is what a C&C beacon does: an incident would block it, and a block rightly outlives every kill. What a body's white list names is
# never blocked so; the change takes the page off it.
mkdir -p "$top/d/orgs"
cp -r examples/saga/prefectures examples/saga/service.json "$top/d/"
cp examples/saga/orgs/{412015,412023}.json "$top/d/orgs/"
jq '.ips = "detect" | .url.white = ["login.phish.example", "www.news.example"] | .url.black = []' examples/saga/orgs/$A.json >"$top/d/orgs/$A.json"
"$T" lab up "$top/d" >"$top/try" 2>&1; ok $? "a lab of two bodies, with every engine"
[ "$bad" = 0 ] || { tail -n 5 "$lab/log/torided.log"; echo "1..$n"; exit 1; }
cp -r "$lab/description" "$top/new"
jq '.fw += [{"id":"steps","direction":"out","action":"allow","to":["203.0.113.91"],"protocol":"tcp","port_low":2525,"port_high":2525,"comment":"b","owner":"b"}] |
	.prefixes += ["10.77.0.0/16"] | .ceiling_mbps -= 1 | .burst_mbps = .ceiling_mbps | .url.black = ["www.news.example"] | .url.white = ["login.phish.example"] | .ips = "prevent" | .sites[0].waf = "detect" |
	.zones[0].records += [{"name":"bench","type":"A","data":"198.51.100.101"}] |
	.zones += [.zones[0] | .name = "steps.lg.example" | .records = [{"name":"www","type":"A","data":"198.51.100.101"}]] | .contacts[0].phone = "0000-99-0001"' "$lab/description/orgs/$A.json" >"$top/new/orgs/$A.json"
jq '.black += ["sns.example"] | .time.servers += [{"host": "203.0.113.124"}] | .time.silent_s = 77' "$lab/description/service.json" >"$top/new/service.json"
old=$(current)
new=$("$T" submit "$top/new" --as sato 2>"$top/try" | grep -o 'sha256:[0-9a-f]*'); ok $? "a change of all of it is handed in"
try "and approved" "$T" approve "$new" --as tanaka
on inet ip addr add 203.0.113.91/32 dev lo
on inet python3 -m http.server 2525 --bind 203.0.113.91 --directory "$top" >/dev/null 2>&1 & listener=$!
try "every part stands at the old one" until_true 30 whole old "$old"

changing() { # K: the change, watched; what journal-kill said is in $top/step
	rm -f "$top/step" # what the one before said must not be taken for this one's
	"$PWD/test/system/journal-kill" "$TORIDE_STATE" "$(torided_pid)" "$1" >"$top/step" & local w=$!
	until_true 10 grep -q watching "$top/step"
	"$T" apply "$new" --as sato; local code=$?
	until_true 5 eval "! kill -0 $w" || kill $w # of a change that failed it would wait for more
	wait $w
	return $code
}
try "the change, with no kill" changing 255
sed '1d;$d' "$top/step" >"$top/plan"
count=$(wc -l <"$top/plan")
at() { grep -nx "$1" "$top/plan" | cut -d: -f1; }
all_engines() { local s; for s in NET_ADD SHAPE_ADD NFT LINK UNBOUND KNOT "NSD nsd1" "NSD nsd2" EDGE IPS "DAEMON courierd" "DAEMON respondd" "DAEMON detectd" "DAEMON proxyd" "DAEMON chronyd" "DAEMON probed" "DAEMON nginx" VERIFY; do
	[ -n "$(at "$s")" ] || { echo "no $s"; cat "$top/plan"; return 1; }; done; }
try "has a step for every engine" all_engines
try "and brings every part to the new one" until_true 30 whole new "$new"

# Killed as the record of a step is written: what came before is done, it has just begun. The last record is the commit.
if [ "${STEPS:-some}" = all ]; then kills=$(seq 0 $((count + 1))); else kills="$(at LINK) $(at "DAEMON proxyd") $((count + 1))"; fi
for k in $kills; do
	[ "$(current)" = "$old" ] || try "back to the old one" "$T" apply "$old" --as sato
	until_true 30 settled
	try "the old one stands" until_true 30 whole old "$old"
	descent "$(torided_pid)" >"$top/ours"
	changing "$k" >"$top/try" 2>&1
	read -r records step < <(tail -n 1 "$top/step")
	try "killed at record $records of the change ($step): nothing of the node goes on" until_true 30 none_left "$top/ours" "TORIDE_RUN=$TORIDE_RUN"
	start_torided
	try "started again, all runs" until_true 60 settled
	if [ "$records" -le "$count" ]; then
		try "and every part stands at the old one" until_true 15 whole old "$old"
	else
		try "and every part stands at the new one" until_true 15 whole new "$new"
	fi
done
echo "1..$n"
exit $bad
