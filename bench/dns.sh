#!/bin/bash
# Name servers and resolver of the whole lab beside bare ones of the same engines, the same zones and the same load, in the same run:
# what filter, watch (dnstap), limits and policies cost, and what a flood leaves of honest answers.
. "$(dirname "$0")/lab.sh"
command -v dnsperf >/dev/null || die "dnsperf isn't there (tools/setup bench)"
seconds=${BENCH_SECONDS:-10}
hz=$(getconf CLK_TCK)
# Clock ticks of the processes and all below them.
ticks() {
	cat /proc/[0-9]*/stat 2>/dev/null | awk -v roots=" $* " '
	{ pid = $1; sub(/^.*\) /, ""); split($0, f, " "); parent[pid] = f[2]; t[pid] = f[12] + f[13] }
	END { for (p in t) { q = p; while (index(roots, " " q " ") == 0 && q > 1 && (q in parent)) q = parent[q]; if (index(roots, " " q " ")) sum += t[p] } print sum + 0 }'
}
pid_of() { cut -d' ' -f1 "$lab/run/pids/$1"; }
# asked OUT HOST PID... -- DNSPERF ARGS: runs it; CPU-seconds of the processes for 100,000 answers.
asked() {
	local out=$1 host=$2 before after done_; shift 2
	local p=(); while [ "$1" != -- ]; do p+=("$1"); shift; done; shift
	before=$(ticks "${p[@]}")
	on "$host" dnsperf -l "$seconds" -t 2 "$@" >"$out" 2>&1
	after=$(ticks "${p[@]}")
	done_=$(awk '/Queries completed:/ { print $3 }' "$out")
	say "$(basename "$out"): $(awk '/Queries (sent|lost|per second):/ { printf "%s %s, ", $2, $NF == $3 || $2 == "per" ? $NF : $3 }' "$out")"
	[ "${done_:-0}" -gt 0 ] && calc "($after - $before) / $hz / $done_ * 100000"
}

# Of a run: how many were asked, how many answered (a refusal or "the server failed" is no answer), in how many seconds.
told() { awk '/Queries sent:/ { s = $3 } /Run time \(s\):/ { t = $4 } /Response codes:/ { for (i = 3; i < NF; i++) if ($i == "NOERROR" || $i == "NXDOMAIN") c += $(i + 1) } END { print s + 0, c + 0, t + 0 }' "$work/$1"; }
lost() { told "$1" | awk '{ printf "%.4g", $1 ? 100 - $2 * 100 / $1 : 100 }'; }
# Answers a second of everybody in these runs.
answered() { local f; for f in "$@"; do told "$f"; done | awk '$3 { s += $2 / $3 } END { printf "%.4g", s }'; }
flooded() { local f; for f in "$@"; do say "$f: $(told "$f" | awk '{ printf "%d asked, %d answered", $1, $2 }')"; done; }
# more NAME VALUE PEER PEERVALUE: a figure of which more is better, without a goal.
more() { printf 'figure %s %s answers/s peer %s %s ratio %s goal - -\n' "$1" "$2" "$3" "$4" "$(awk "BEGIN { if ($4 > 0) printf \"%.3g\", $2 / $4; else printf \"-\" }")"; }

lab_up
# The zones as they are served, signed, from the primary's own copy.
mkdir -p "$work/bare"
zones=$(jq -r '.zones[].zone' "$lab/state/current/zones.json")
secret=$(sed -n 's/.*secret: "\(.*\)"/\1/p' "$lab/run/knot/tsig.conf")
for z in $zones; do
	on gw1 dig +noall +answer +onesoa -p 5300 @127.0.0.1 -y "hmac-sha256:transfer:$secret" "$z" AXFR >"$work/bare/$z.zone" || die "no copy of $z"
	printf '%s SOA\nwww.%s A\n_toride.%s TXT\n' "$z" "$z" "$z" >>"$work/names"
done
# The bare server: the same engine, processes and zones; no limit, no watch.
{
	printf 'server:\n ip-address: 198.51.100.2@5399\n username: ""\n chroot: ""\n database: ""\n pidfile: ""\n zonesdir: "%s"\n xfrdfile: "%s/x"\n zonelistfile: "%s/l"\n server-count: 2\n minimal-responses: yes\n rrl-ratelimit: 0\n' "$work/bare" "$work" "$work"
	printf 'remote-control:\n control-enable: no\n'
	for z in $zones; do printf 'zone:\n name: "%s"\n zonefile: "%s.zone"\n' "$z" "$z"; done
} >"$work/nsd.conf"
on gw1 nsd -d -c "$work/nsd.conf" >"$work/nsd.log" 2>&1 & bare=$!; pids+=("$bare")
for _ in $(seq 100); do on gw1 dig +short +time=1 +tries=1 -p 5399 @198.51.100.2 "$(head -n 1 <<<"$zones")" SOA | grep -q . && break; sleep 0.1; done

# Authoritative: 5,000 questions a second for 66 names, over the node's loopback, so that only the servers differ.
own=$(asked "$work/own" gw1 "$(pid_of nsd1)" -- -s 198.51.100.53 -d "$work/names" -Q 5000)
peer=$(asked "$work/peer" gw1 "$bare" -- -s 198.51.100.2 -p 5399 -d "$work/names" -Q 5000)
figure dns.authoritative.cpu "$own" s/100k nsd "$peer" - below
more dns.authoritative.core "$(calc "100000 / $own" 5)" nsd "$(calc "100000 / $peer" 5)"

# Recursive: 3,000 a second that are remembered, from a terminal through its view and policies; bare: the same engine, two threads, no views, no
# policies, no watch, on the terminal's path too.
printf '%s\n' "www.news.example A" "static.news.example A" "www.bank.example A" "saas.example A" "www.news.example AAAA" >"$work/asked"
{
	printf 'server:\n interface: 198.51.100.2@5398\n interface: 100.64.1.53@5398\n interface: 100.64.2.53@5398\n username: ""\n chroot: ""\n pidfile: ""\n do-daemonize: no\n use-syslog: no\n num-threads: 2\n so-reuseport: yes\n access-control: 0.0.0.0/0 allow\n minimal-responses: yes\n'
	printf ' root-hints: "%s/current/unbound/root.hints"\n trust-anchor-file: "%s/internet/root.ds"\n outgoing-interface: 198.51.100.2\nremote-control:\n control-enable: no\n' "$lab/state" "$lab"
} >"$work/unbound.conf"
on gw1 unbound -d -c "$work/unbound.conf" >"$work/unbound.log" 2>&1 & bare=$!; pids+=("$bare")
sleep 2
own=$(asked "$work/own-r" gw1 "$(pid_of unbound)" -- -s 100.64.2.53 -d "$work/asked" -Q 3000)
peer=$(asked "$work/peer-r" gw1 "$bare" -- -s 198.51.100.2 -p 5398 -d "$work/asked" -Q 3000)
figure dns.recursive.cpu "$own" s/100k unbound "$peer" - below
more dns.recursive.core "$(calc "100000 / $own" 5)" unbound "$(calc "100000 / $peer" 5)"

# Floods from outside: what is left of 50 honest questions a second from another address. Bare: the server without limits, let in for it.
python3 - $zones >"$work/torture" <<'PY'
import random, sys
r = random.Random(1)
for _ in range(50000): print("".join(r.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(12)) + "." + r.choice(sys.argv[1:]), "A")
PY
on gw1 nft insert rule inet toride input udp dport 5399 accept
on inet ip addr add 203.0.113.200/32 dev lo
honest() { # NAME SERVER PORT: percent of honest questions that got no answer
	on inet dnsperf -s "$2" -p "$3" -d "$work/torture" -l $((seconds + 2)) -t 1 -q 5000 -Q 40000 >"$work/flood-$1" 2>&1 & local f=$!
	sleep 1
	on inet dnsperf -a 203.0.113.200 -s "$2" -p "$3" -d "$work/names" -Q 50 -l "$seconds" -t 2 >"$work/honest-$1" 2>&1
	wait $f
	flooded "honest-$1" "flood-$1"
	lost "honest-$1"
}
lost=$(honest own 198.51.100.53 53)
bare_lost=$(honest bare 198.51.100.2 5399)
figure dns.flood.honest_lost "$lost" percent - - 5 atmost
say "the server without limits lost $bare_lost percent in the same flood"
more dns.flood.honest_answered "$(answered honest-own)" nsd "$(answered honest-bare)"
more dns.flood.answered "$(answered honest-own flood-own)" nsd "$(answered honest-bare flood-bare)"

# Forged sources: made-up names asked by everybody, which no limit of an address stops; and the zone's keys as if one had asked who didn't, to whom
# the answers go. What came to him is counted at his own address.
forged() { # NAME KIND SERVER PORT: percent of honest questions that got no answer meanwhile
	on inet python3 "$here/flood.py" "$2" "$3" "$4" "${FLOOD_RATE:-10000}" $((seconds + 2)) "$(head -n 1 <<<"$zones")" >"$work/sent-$1" & local f=$!
	sleep 1
	on inet dnsperf -a 203.0.113.200 -s "$3" -p "$4" -d "$work/names" -Q 50 -l "$seconds" -t 2 >"$work/honest-$1" 2>&1
	wait $f
	flooded "honest-$1"
	say "$1: $(cat "$work/sent-$1") forged questions"
	lost "honest-$1"
}
lost=$(forged forged dns 198.51.100.53 53)
bare_lost=$(forged forged-bare dns 198.51.100.2 5399)
figure dns.forged.honest_lost "$lost" percent - - 5 atmost
say "the server without limits lost $bare_lost percent in the same flood"
more dns.forged.honest_answered "$(answered honest-forged)" nsd "$(answered honest-forged-bare)"
on inet ip addr add 8.8.4.1/32 dev lo
on inet nft 'add table inet victim; add chain inet victim in { type filter hook prerouting priority -400; }; add rule inet victim in ip daddr 8.8.4.1 udp sport 53 counter'
lost=$(forged reflected reflect 198.51.100.53 53)
got=$(on inet nft -j list chain inet victim in | jq '[.nftables[].rule?.expr[]?.counter?.bytes | select(.)] | add')
asked_bytes=$(calc "$(cat "$work/sent-reflected") * (20 + 8 + 12 + $(head -n 1 <<<"$zones" | wc -c) + 1 + 4 + 11)" 12)
figure dns.reflected.bytes "$(calc "$got / $asked_bytes")" times - - 1 atmost
figure dns.reflected.honest_lost "$lost" percent - - 5 atmost

# The resolver: one body's terminal asks for made-up names as fast as it can; what another body's terminal gets meanwhile. Bare: the engine of
# above, by the same way.
sed 's/\..*/.news.example A/' "$work/torture" >"$work/torture-r"
on gw1 nft 'insert rule inet toride input udp dport 5398 accept; insert rule inet toride nat_in iifname @attached ip daddr 192.0.2.53 udp dport 5398 dnat ip to meta mark map @dns4'
resolving() { # NAME SERVER PORT: percent of honest questions that got no answer
	on 412015-pc1 dnsperf -s "$2" -p "$3" -d "$work/torture-r" -l $((seconds + 2)) -t 1 -q 2000 -Q 20000 >"$work/flood-$1" 2>&1 & local f=$!
	sleep 1
	on 412023-pc1 dnsperf -s "$2" -p "$3" -d "$work/asked" -Q 50 -l "$seconds" -t 2 >"$work/honest-$1" 2>&1
	wait $f
	flooded "honest-$1" "flood-$1"
	lost "honest-$1"
}
lost=$(resolving resolver 192.0.2.53 53)
bare_lost=$(resolving resolver-bare 192.0.2.53 5398)
figure dns.recursive.flood.honest_lost "$lost" percent - - 5 atmost
say "the bare resolver lost $bare_lost percent in the same flood"
more dns.recursive.flood.honest_answered "$(answered honest-resolver)" unbound "$(answered honest-resolver-bare)"
more dns.recursive.flood.answered "$(answered honest-resolver flood-resolver)" unbound "$(answered honest-resolver-bare flood-resolver-bare)"
