#!/bin/bash
# The authoritative name servers as the Internet and the desk see them: a record goes out by request and back, one body's change
# loads its zone alone and costs nobody an answer, one server may die, floods leave honest questions answered, and the watch sees it.
set -u
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - dns # SKIP needs root"; exit 0; }
cd "$(dirname "$0")/../.."
export TORIDE_LAB=tn TORIDE_SOURCE=$PWD
T=build/toride L=$PWD/build/lab-tn
top=$(mktemp -d /tmp/toride-dns.XXXXXX)
. test/system/lib.sh
show=("$L/state/apply.log" "$L/state/log/knot.log" "$L/state/log/nsd1.log")
finish() { kill ${load:-} ${second:-} 2>/dev/null; $T lab down >/dev/null 2>&1; rm -rf "$top"; }
trap finish EXIT
toride() { TORIDE_STATE=$L/state TORIDE_RUN=$L/run $T "$@"; }
inet() { $T lab exec inet -- "$@"; }
answer() { inet dig +norec +short +time=3 +tries=3 "@198.51.100.$1" "$2" "$3"; }
serial() { answer "$1" "$2" SOA | cut -d' ' -f3; }
apply() { put_in_force toride "$1"; }
edit() { # CODE NAME TYPE DATA: the same description with one record more, in $top/next
	rm -rf "$top/next"; cp -r "$L/description" "$top/next"
	python3 - "$top/next/orgs/$1.json" "$2" "$3" "$4" <<'PY'
import json, re, sys
text = "".join(l for l in open(sys.argv[1]) if not l.lstrip().startswith("//"))
d = json.loads(re.sub(r",(\s*[}\]])", r"\1", text))
d["zones"][0]["records"].append({"name": sys.argv[2], "type": sys.argv[3], "data": sys.argv[4], "ttl": 60})
json.dump(d, open(sys.argv[1], "w"), ensure_ascii=False)
PY
}
events() { toride log tail --org "$1" -n 20000; }

$T lab up >"$top/try" 2>&1; ok $? "the lab stands"

# ---- a record by request, on both servers, and back ----
zone=town.genkai.lg.example other=town.tara.lg.example
old=$(serial 53 $zone) quiet=$(serial 53 $other)
edit 413879 kouhou A 198.51.100.90
apply "$top/next" >"$top/try" 2>&1; ok $? "a record more is applied"
try "the first server answers it" is "$(answer 53 kouhou.$zone A)" 198.51.100.90
try "and the second" is "$(answer 54 kouhou.$zone A)" 198.51.100.90
new=$(serial 53 $zone)
[ "$new" -gt "$old" ] && [ "$new" = "$(serial 54 $zone)" ]; ok $? "with one serial, later than before"
try "the zone of another body wasn't touched" is "$(serial 53 $other)" "$quiet"
edit 413879 www CNAME kouhou.$zone
toride submit "$top/next" --as sato >"$top/try" 2>&1; [ $? -eq 1 ] && grep -q 'zones\[0\].records\[.*別名\|is an alias beside' "$top/try"; ok $? "an alias beside addresses is refused with its place"
toride rollback >"$top/try" 2>&1; ok $? "rollback"
try "the record is gone from the first" is "$(answer 53 kouhou.$zone A)" ""
try "and from the second" is "$(answer 54 kouhou.$zone A)" ""
[ "$(serial 53 $zone)" -gt "$new" ]; ok $? "by a serial that is later still"

# ---- one zone back, whatever else has changed since ----
before=$(basename "$(readlink "$L/state/current")")
edit 413879 kouhou A 198.51.100.93; apply "$top/next" >"$top/try" 2>&1; ok $? "the record comes again, another"
cp -r "$top/next" "$top/both"; edit 414417 tayori A 198.51.100.91; cp "$top/next/orgs/414417.json" "$top/both/orgs/"
apply "$top/both" >"$top/try" 2>&1; ok $? "and another body's after it"
try "the zone's history names the generations it changed in" eval '[ "$(toride zone history $zone --json | jq -s "map(.generation) | length")" -ge 4 ]'
back=$(toride zone undo $zone "$before" --as sato 2>"$top/try"); ok $? "one zone is asked back"
toride apply "$back" >"$top/try" 2>&1; [ $? -eq 1 ]; ok $? "another person must approve that too"
toride approve "$back" --as tanaka >/dev/null; toride apply "$back" >"$top/try" 2>&1; ok $? "approved, it is applied"
try "the zone is as it was" is "$(answer 54 kouhou.$zone A)" ""
try "the other body's record stays" is "$(answer 54 tayori.$other A)" 198.51.100.91
toride zone undo $zone "${before//[0-9]/0}" >"$top/try" 2>&1; [ $? -eq 1 ]; ok $? "a generation that never was is refused"

# ---- a transfer is anybody's who has the key, and nobody else's ----
inet dig @198.51.100.54 $zone AXFR >"$top/try" 2>&1; grep -q "Transfer failed" "$top/try" && ! grep -q _dmarc "$top/try"; ok $? "no transfer to strangers"
$T lab exec gw1 -- dig -p 5300 @127.0.0.1 $zone AXFR >"$top/try" 2>&1; grep -q "Transfer failed" "$top/try" && ! grep -q _dmarc "$top/try"; ok $? "nor to a process of the node without the key"
[ "$(stat -c %a "$L/run/knot/tsig.conf" "$L/run/nsd1/tsig.conf" | sort -u)" = 600 ] && [ -d "$L/state/generations" ] && [ -d "$L/state/knot" ] && [ -d "$L/state/nsd1" ] &&
	! grep -rqs "$(sed -n 's/.*secret: "\(.*\)"/\1/p' "$L/run/knot/tsig.conf")" "$L/state/generations" "$L/state/knot" "$L/state/nsd1"
ok $? "the key is in no generation and on no disk but the run directory"

# ---- a body's own secondary outside: told of changes and given the zone, by a key of its own ----
inet ip addr add 203.0.113.91/32 dev lo 2>/dev/null
inet ip addr add 203.0.113.92/32 dev lo 2>/dev/null
rm -rf "$top/second"; cp -r "$L/description" "$top/second"
python3 - "$top/second/orgs/413879.json" "$top/second/orgs/414417.json" <<'PY'
import json, re, sys
for n, f in enumerate(sys.argv[1:]):
    d = json.loads(re.sub(r",(\s*[}\]])", r"\1", "".join(l for l in open(f) if not l.lstrip().startswith("//"))))
    d["zones"][0]["secondaries"] = [{"name": "ns." + d["zones"][0]["name"], "address": "203.0.113.9%d" % (n + 1), "secret": 4 + n}]
    json.dump(d, open(f, "w"), ensure_ascii=False)
PY
apply "$top/second" >"$top/try" 2>&1; ok $? "two bodies name a secondary of their own"
read -r key4 _ secret4 <<<"$(toride zone secret 4)"; read -r key5 _ secret5 <<<"$(toride zone secret 5)"
axfr() { inet dig -b "$1" "@198.51.100.$2" "$3" AXFR -y "hmac-sha256:$4:$5"; } # ADDRESS SERVER ZONE KEY SECRET
gets() { axfr "$@" | grep -q "^$3.*SOA"; }
denied() { axfr "$@" >"$top/said"; grep -q "Transfer failed" "$top/said" && ! grep -q _dmarc "$top/said"; }
try "with its key it gets its zone from the first server" gets 203.0.113.91 53 $zone "$key4" "$secret4"
try "and from the second" gets 203.0.113.91 54 $zone "$key4" "$secret4"
try "another body's not" denied 203.0.113.91 53 $other "$key4" "$secret4"
try "nor from another address" denied 203.0.113.92 53 $zone "$key4" "$secret4"
try "nor by another's key" denied 203.0.113.91 53 $zone "$key5" "$secret5"
catalog4=secondary-4.catalog.ns1.toride.example catalog5=secondary-5.catalog.ns1.toride.example
try "the list of its zones is a zone too, which it gets by its key" eval 'axfr 203.0.113.91 53 $catalog4 "$key4" "$secret4" >"$top/said"; grep -q "PTR.$zone\." "$top/said" && ! grep -q "$other" "$top/said"'
try "another body's server gets another" eval 'axfr 203.0.113.92 54 $catalog5 "$key5" "$secret5" >"$top/said"; grep -q "PTR.$other\." "$top/said" && ! grep -q "$zone" "$top/said"'
try "and not the first's" denied 203.0.113.92 53 $catalog4 "$key5" "$secret5"
unheard() { local a; for a; do inet dig -b "$a" +norec +time=2 +tries=1 @198.51.100.53 version.$catalog4 TXT >"$top/said"
	cat "$top/said"; ! grep -q '"2"' "$top/said" && grep -q 'REFUSED\|no servers' "$top/said" || return 1; done; }
try "whose list it is nobody else hears" unheard 203.0.113.91 203.0.113.1
# It knows of no zone by name: the list says which there are (RFC 9432).
mkdir -p "$top/ns/db" "$top/ns/run"
printf 'server:\n  rundir: "%s/run"\n  listen: 203.0.113.91@53\nlog:\n  - target: stderr\n    any: info\ndatabase:\n  storage: "%s/db"\nkey:\n  - id: %s\n    algorithm: hmac-sha256\n    secret: "%s"\n' \
	"$top/ns" "$top/ns" "$key4" "$secret4" >"$top/ns/conf"
printf 'remote:\n  - id: cloud\n    address: [ 198.51.100.53@53, 198.51.100.54@53 ]\n    via: 203.0.113.91\n    key: %s\nacl:\n  - id: told\n    address: [ 198.51.100.53, 198.51.100.54 ]\n    key: %s\n    action: notify\ntemplate:\n  - id: theirs\n    storage: "%s"\n    master: cloud\n    acl: told\nzone:\n  - domain: %s.\n    template: theirs\n    catalog-role: interpret\n    catalog-template: theirs\n' \
	"$key4" "$key4" "$top/ns" "$catalog4" >>"$top/ns/conf"
$T lab exec inet -- knotd -c "$top/ns/conf" >"$top/ns/log" 2>&1 & second=$!
theirs() { inet dig +norec +short +time=3 +tries=3 @203.0.113.91 "$1" "$2"; }
serves_it() { [ "$(theirs www.$zone A)" = 198.51.100.80 ]; }
try "a name server out there serves the zone" until_true 20 serves_it
try "and is named in it, with its address" eval 'answer 53 $zone NS | grep -qx "ns.$zone." && [ "$(answer 53 ns.$zone A)" = 203.0.113.91 ]'
try "signed as ours is" eval 'inet dig +norec +dnssec @203.0.113.91 www.$zone A | grep -q "RRSIG.*A 13"'
cp -r "$top/second" "$top/third"
jq '.zones[0].records += [{"name": "shirase", "type": "A", "data": "198.51.100.94"}]
	| .zones += [{"name": ("matsuri." + .zones[0].name), "records": [{"name": "www", "type": "A", "data": "198.51.100.95"}], "secondaries": .zones[0].secondaries}]' \
	"$top/second/orgs/413879.json" >"$top/third/orgs/413879.json"
apply "$top/third" >"$top/try" 2>&1; ok $? "a record more and a zone more are applied"
told() { grep -q "notify, incoming, remote 198.51.100.5[34]" "$top/ns/log" && [ "$(theirs shirase.$zone A)" = 198.51.100.94 ]; }
try "it is told, and has the record at once (its refresh is an hour)" until_true 20 told
try "and the zone, of which nobody told it" until_true 20 eval '[ "$(theirs www.matsuri.$zone A)" = 198.51.100.95 ]'
toride rollback >"$top/try" 2>&1; ok $? "the zone is taken away again"
try "from it too" until_true 20 eval 'inet dig +norec @203.0.113.91 matsuri.$zone SOA | grep -q "status: NXDOMAIN" && serves_it'
kill $second; wait $second 2>/dev/null; second=
toride rollback "$back" >"$top/try" 2>&1; ok $? "and back to before"
try "it isn't named any more" eval 'answer 53 $zone NS >"$top/said" && grep -q "^ns1\." "$top/said" && ! grep "^ns.$zone" "$top/said"'

# ---- twenty changes of one body under constant questions for the others ----
for z in $other city.saga.lg.example city.tosu.lg.example pref.saga.lg.example town.arita.lg.example; do
	printf '%s SOA\nwww.%s A\n%s MX\n_dmarc.%s TXT\n' $z $z $z $z
done >"$top/names"
$T lab exec inet -- python3 test/system/ask_on.py 198.51.100.53 "$top/names" 100 "$top/load" & load=$!
changed=0
for i in $(seq 1 10); do
	edit 413879 "r$i" A 198.51.100.90
	apply "$top/next" >"$top/try" 2>&1 && toride rollback >>"$top/try" 2>&1 || { changed=1; break; }
done
ok $changed "twenty changes of one body's zone, each read back"
kill -INT $load; wait $load; load=
sed 's/^/# /' "$top/load"
read -r _ sent _ _ _ lost _ wrong <"$top/load"
[ "${sent:-0}" -gt 500 ] && [ "$lost $wrong" = "0 0" ]; ok $? "meanwhile every question for the others was answered ($sent asked)"
cp "$top/load" "$top/try"

# ---- one dies ----
kill -9 "$(cut -d' ' -f1 "$L/run/pids/nsd1")"
try "killed: the second answers" is "$(answer 54 www.$zone A)" 198.51.100.80
try "the first comes back by itself, with its zones" until_true 20 eval '[ "$(answer 53 www.$zone A)" = 198.51.100.80 ]'
wide() { $T lab exec gw1 -- ss -Hulnm "src 198.51.100.$1 or src [2001:db8:100::$1]" | grep -c rb8388608; }
try "a flood's questions wait for both, not in the 212 KB that the machine gives" until_true 20 eval '[ "$(wide 53) $(wide 54)" = "2 2" ]'
try "its death becomes an incident" until_true 30 eval 'toride incident list | grep -i "外部DNSサーバ\|name server ended"'
kill -9 "$(cut -d' ' -f1 "$L/run/pids/knot")"
try "the primary may die too: both go on answering" eval '[ "$(answer 53 www.$zone A)" = 198.51.100.80 ] && [ "$(answer 54 www.$zone A)" = 198.51.100.80 ]'
try "and it comes back" until_true 20 eval '[ -S "$L/run/knot/knot.sock" ] && [ -s "$L/run/ready/knot" ]'

# ---- floods ----
python3 - $zone >"$top/torture" <<'PY'
import random, sys
r = random.Random(1)
for _ in range(20000): print("".join(r.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(12)) + "." + sys.argv[1], "A")
PY
tracked() { $T lab exec gw1 -- sysctl -n net.netfilter.nf_conntrack_count; } # what changes before were read back by counts too
before=$(tracked)
inet dnsperf -s 198.51.100.53 -d "$top/torture" -Q 20000 -l 12 -t 1 -q 2000 >"$top/flood" 2>&1 & load=$!
sleep 1
# Honest resolvers ask from other addresses; a name server that is silent is asked again (RFC 1035 section 7.2).
inet ip addr add 203.0.113.200/32 dev lo 2>/dev/null
inet dnsperf -a 203.0.113.200 -s 198.51.100.53 -d "$top/names" -Q 50 -l 8 -t 5 >"$top/honest" 2>&1
grep -h 'Queries' "$top/honest" "$top/flood" | sed 's/^/# /'
wait $load; load=
done_=$(awk '/Queries completed:/{print $3}' "$top/honest") asked=$(awk '/Queries sent:/{print $3}' "$top/honest")
cp "$top/honest" "$top/try"
[ "${asked:-0}" -gt 300 ] && [ $((done_ * 100)) -ge $((asked * 95)) ]; ok $? "under a flood of made-up names 95 of 100 honest questions are answered ($done_ of $asked)"
$T lab exec gw1 -- nft list chain inet toride input >"$top/try"; grep 'dns-flood/4' "$top/try" | grep -qv 'packets 0 '; ok $? "what is over an address's rate was dropped and counted"
flows=$(tracked); echo "$before before the flood, $flows after it" >"$top/try"
[ "$flows" -lt $((before + 1000)) ]; ok $? "the flood left no connections in the table"
try "each question from outside is a record of the body it concerns" until_true 30 eval 'events 413879 | grep -q "\"hostname\":\"www.$zone\""'
try "the flood is counted by zone" until_true 30 eval 'events 413879 | grep "\"count\"" | grep -q "\"rcode\":\"NXDOMAIN\""'
try "and becomes an incident" until_true 60 eval 'toride incident list | grep "水責め\|water torture"'
echo "1..$n"
exit "${bad:-0}"
