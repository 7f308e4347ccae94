#!/bin/bash
# A zone's keys roll to their end, in seconds: the policy that `toride compile` writes with its times shortened, and a parent that does what a
# registry does that reads CDS (RFC 7344, 8078). All the while a validating resolver without memory asks.
set -u
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - keys # SKIP needs root"; exit 0; }
[ -n "${KEYS_NET:-}" ] || KEYS_NET=1 exec unshare -n bash "$0" "$@"
cd "$(dirname "$0")/../.."
ip link set lo up
top=$(mktemp -d /tmp/toride-keys.XXXXXX)
. test/system/lib.sh
bad=0 show=("$top/log") asking=
finish() { kill "$knot" $asking 2>/dev/null; wait; rm -rf "$top"; }
knot=
trap finish EXIT
z=town.genkai.lg.example up=lg.example
ask() { dig +short +norec +time=3 +tries=3 -p 5311 @127.0.0.1 "$@"; }
tags() { dig +norec +multi +time=3 +tries=3 -p 5311 @127.0.0.1 $z DNSKEY | sed -n "s/.*$1.*key id = \([0-9]*\).*/\1/p" | sort | tr '\n' ' '; }
shown() { ask $z DS | cut -d' ' -f1 | sort | tr '\n' ' '; }
told() { ask $z CDS | cut -d' ' -f1 | sort | tr '\n' ' '; }

try "a description compiles" build/toride compile examples/saga -o "$top/g"
mkdir -p "$top/zones" "$top/db" "$top/run"
{
	printf 'server:\n  rundir: "%s/run"\n  listen: [ 127.0.0.1@5311 ]\nlog:\n  - target: stderr\n    any: info\ndatabase:\n  storage: "%s/db"\n' "$top" "$top"
	awk '/^zone:/ { exit } { print }' "$top/g/knot/zones.conf" |
		sed 's/203\.0\.113\.2@53/127.0.0.1@5311/; s/zsk-lifetime: 30d/zsk-lifetime: 8s/; s/ksk-lifetime: 365d/ksk-lifetime: 12s/; s/: 1h/: 2s/; s/: 1d/: 2s/'
	printf 'policy:\n  - id: parent\n    algorithm: ecdsap256sha256\n    dnskey-ttl: 1\n'
	printf 'template:\n  - id: t\n    storage: "%s/zones"\n    file: "%%s.zone"\n    zonefile-sync: -1\n    zonefile-load: difference-no-serial\n    journal-content: all\n    dnssec-signing: on\n' "$top"
	printf 'zone:\n  - domain: %s.\n    template: t\n    dnssec-policy: policy0\n  - domain: %s.\n    template: t\n    dnssec-policy: parent\n' $z $up
} >"$top/knot.conf"
sed 's/^\$TTL.*/$TTL 1/; s/ 60 TXT/ TXT/' "$top/g/knot/zones/$z.zone" >"$top/zones/$z.zone"
printf '$TTL 1\n%s. SOA ns. h. 1 60 60 600 1\n%s. NS ns.%s.\nns.%s. A 127.0.0.1\n%s. NS ns1.toride.example.\n' $up $up $up $up $z >"$top/zones/$up.zone"
knotd -c "$top/knot.conf" >"$top/log" 2>&1 & knot=$!
registry() { # takes over what the zone says in CDS, whatever stood there
	local ds c; ds=$(ask $z CDS) && [ -n "$ds" ] || return
	for c in "zone-begin $up" "zone-unset $up $z. DS" "zone-set $up $z. 1 DS $ds" "zone-commit $up"; do
		knotc -s "$top/run/knot.sock" $c || [[ $c == zone-unset* ]] || return
	done
}
has_cds() { [ "$(told | wc -w)" = 1 ] && [ -n "$(ask $up DNSKEY)" ]; }
try "the zone says in CDS what its parent shall show" until_true 10 has_cds
try "the parent takes it over" registry
printf 'trust-anchors { %s static-key 257 3 13 "%s"; };\n' $up "$(ask $up DNSKEY | awk '$1 == 257 { print $4 $5 $6; exit }')" >"$top/anchor"
proven() { delv -a "$top/anchor" +root=$up -p 5311 @127.0.0.1 $z SOA 2>&1 | grep "fully validated"; }
try "the zone is proven from its parent's key" until_true 10 proven
sed 's/"\(....\)/"AAAA\1/' "$top/anchor" >"$top/wrong"
try "control: from another key it isn't" eval '! delv -a "$top/wrong" +root=$up -p 5311 @127.0.0.1 $z SOA 2>&1 | grep "fully validated"'
# A resolver that gets keys and signatures of two moments asks again; three times in a row is a broken zone.
( while :; do proven >/dev/null || proven >/dev/null || proven >/dev/null || echo broken; echo asked; done ) >"$top/asked" 2>/dev/null & asking=$!
first=$(shown) zone_keys=$(tags ZSK)
next_is_told() { [ "$(told)" != "$first" ] && [ "$(tags KSK | wc -w)" = 2 ]; }
try "in time the next key-signing key is made and told in CDS" until_true 30 next_is_told
denied() { grep -c "KSK submission check: negative" "$top/log"; }
n0=$(denied)
asked_again() { [ "$(denied)" -ge $((n0 + 3)) ]; }
try "while the parent doesn't follow, it is asked again and again" until_true 20 asked_again
try "and the old key stays" eval '[[ " $(tags KSK)" == *" $first"* ]] && [ "$(shown)" = "$first" ]'
try "the parent follows" registry
rolled() { [ "$(shown)" != "$first" ] && [ -n "$(tags KSK)" ] && [[ " $(tags KSK)" != *" $first"* ]]; }
try "then the old key goes" until_true 20 rolled
zones_rolled() { local k; for k in $zone_keys; do [[ " $(tags ZSK)" != *" $k "* ]] || return; done; [ -n "$(tags ZSK)" ]; }
try "zone keys have rolled by themselves too" until_true 20 zones_rolled
try "and the zone is proven from the new one" until_true 10 proven
kill $asking; wait $asking 2>/dev/null; asking=
echo "# asked $(grep -c asked "$top/asked") times"
try "at no moment was it not" eval '[ "$(grep -c asked "$top/asked")" -ge 10 ] && ! grep broken "$top/asked"'
echo "1..$n"
exit $bad
