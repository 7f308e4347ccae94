#!/bin/bash
# Two gateways. While a terminal talks past the proxy and the Internet fetches a long file from a published server, each part of the
# pair is killed, unplugged or cut off: connections outlive all of it, one node and no more shows itself, and what a node missed it has again
# when it comes back.
set -u
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - pair # SKIP needs root"; exit 0; }
export TORIDE_LAB=pr TORIDE_SOURCE=$PWD
T=build/toride L=build/lab-pr
top=$(mktemp -d /tmp/toride-pair.XXXXXX)
. test/system/lib.sh
. test/system/pair.sh
bad=0 show=("$L/log/torided.log" "$L/log/torided2.log")
finish() { $T lab down >/dev/null 2>&1; rm -rf "$top"; }
trap finish EXIT
only() { [ "$(role "$1")" = active ] && [ "$(role "$(other "$1")")" = standby ]; }
shown_by() { only "$1" && open_door "$1" && ! open_door "$(other "$1")"; }

cp -r test/golden/two/description "$top/d" && without_sites "$top/d" && pair_description "$top/d"
www=www.412015.lg.example
with_site() { # a public site whose certificate comes by ACME
	jq '.sites = [{name: "'$www'", title: "x", origins: [{addr: "10.1.0.80"}], cache_s: 3600, acme: true}]' "$1/orgs/412015.json" >"$top/site" && cp "$top/site" "$1/orgs/412015.json" &&
		jq '.acme = "https://ca.hosting.example/dir"' "$1/service.json" >"$top/site" && cp "$top/site" "$1/service.json"; }
with_site "$top/d"
jq '.mitigation = {"as": 64512, "peers": [{"name": "isp1", "address": "198.51.100.1", "as": 64500, "secret": 2}]}' "$top/d/service.json" >"$top/s" && mv "$top/s" "$top/d/service.json"
try "the lab is up with two nodes" $T lab up "$top/d"
[ "$bad" = 0 ] || { tail -n 40 "$L/log/torided2.log" | cut -c1-200 | sed "s/^/# /"; echo "1..$n"; exit 1; }
either() { shown_by gw1 || shown_by gw2; }
try "one carries the traffic, and no more" until_true 20 either
only gw1 || at gw2 $T pair yield --as alice >"$top/try" 2>&1 # who was well first carries it: on a busy machine either
try "the first carries the traffic, the second stands by" until_true 20 shown_by gw1
flows_begin
try "control: the open connection talks" until_true 20 talks
try "control: the long file comes" until_true 20 grows
try "control: pages come" until_true 10 page
try "the second knows both flows, each in its organisation's zone" until_true 20 \
	sh -c "$T lab exec gw2 -- conntrack -L 2>/dev/null | grep 'dport=7 ' | grep ESTABLISHED | grep -q 'zone=1' && $T lab exec gw2 -- conntrack -L 2>/dev/null | grep 'dport=8443\|dport=443 ' | grep -q 'zone=1'"
towards() { at "$1" ip -j route get "$2" | jq -r '.[0].dev'; }
mac() { at "$1" ip -j link show dev "$(towards "$1" 203.0.113.1)" | jq -r ".[0].address"; }
try "the one that stands by answers nobody; the other does" eval 'at inet arping -c 2 -w 2 -I "$(towards inet 198.51.100.101)" -S 203.0.113.1 198.51.100.101 >"$top/arp" 2>&1; a=$(mac gw1) && b=$(mac gw2) && echo "$a $b" && [ -n "$a" ] && [ -n "$b" ] && [ "$a" != "$b" ] && cat "$top/arp" && grep -qi "$a" "$top/arp" && ! grep -qi "$b" "$top/arp"'

state() { echo "$L/$([ "$1" = gw1 ] || echo gw2/)state"; }
visit() { at inet curl -sk -m 3 --resolve "$www:443:198.51.100.3" "https://$www/kept.html" | grep -o 'id=[0-9a-f]*'; } # each answer of its server has another
kept() { a=$(visit) && is "$(visit)" "$a"; }
certified() { openssl x509 -in "$(state "$1")/acme/live/$www.pem" -noout -issuer | grep -i pebble; }
# FROM TO: all that is there is here; what was made the moment before a power cut may be missing at the other.
has_keys_of() { ls "$(state "$1")/vault/sites" >"$top/from" && ls "$(state "$2")/vault/sites" >"$top/to" && [ -s "$top/from" ] && [ -z "$(comm -23 "$top/from" "$top/to")" ]; }
same_certificate() { certified gw1 && cmp "$(state gw1)/acme/live/$www.pem" "$(state gw2)/acme/live/$www.pem"; }
try "a public site gets its certificate at the first" until_true 40 certified gw1
try "the second has it too" until_true 30 same_certificate
try "visitors get its page, and it is kept" until_true 20 kept
page_there=$(visit)
at gw1 $T site csr new.412015.lg.example --as alice >"$top/csr"
try "and the keys that were made since" until_true 20 has_keys_of gw1 gw2
try "which lie in no file as they are" keyless "$(state gw1)/vault" "$(state gw2)/vault" "$(state gw2)/acme"

# The desk's state is PostgreSQL's: the second copies it, and what is acknowledged is at both.
desk_at_both() { at "$1" $T pair | grep -q 'both nodes' && at "$(other "$1")" $T pair | grep -q 'follows'; }
card() { local node=$1 filter=$2; at "$node" $T incident show "$I" --json | jq -se ".[0] | $filter"; }
mails() { grep -l "^Message-ID: <$1@" "$L"/mail/* | wc -l; }
try "the desk's state is copied; what is acknowledged is at both nodes" until_true 60 desk_at_both gw1
try "an incident is opened at the first" until_true 20 eval 'at gw1 $T incident open "pair test" --org 412015 --severity 3 --by alice --json >"$top/incident"'
I=$(jq -r .number "$top/incident")
try "the second shows it" card gw2 '.title == "pair test" and .severity.effective == 3'
try "and takes no change of it" eval 'at gw2 $T incident note "$I" --text no --by alice 2>&1 | grep "stands by"'
try "its notice has gone" until_true 30 card gw1 '[.notices[] | select(.step == "first" and .state == "sent")] | length == 1'
told=$(at gw1 $T incident show "$I" --json | jq -r '.notices[] | select(.step == "first").reference')
# The zones are signed at both nodes, with the same keys.
zone_keys() { at "$1" dig +short +tcp -p 5300 @127.0.0.1 city.saga.lg.example DNSKEY | sort; }
same_zone_keys() { a=$(zone_keys gw1) b=$(zone_keys gw2); [ "$(echo "$a" | wc -l)" -ge 2 ] && is "$a" "$b"; }
served_keys() { at inet dig +short +tcp @198.51.100.53 city.saga.lg.example DNSKEY | sort; }
try "the second signs the zones with the first one's keys" until_true 60 same_zone_keys
try "control: they are served" until_true 20 eval 'served=$(served_keys) && is "$served" "$(zone_keys gw1)"'

cp -r "$L/description" "$top/next"; sed -i 's/"users": *[0-9]*/"users": 2220/' "$top/next/orgs/412015.json"
digest=$(at gw1 $T submit "$top/next" --as alice | grep -o 'sha256:[0-9a-f]*' | head -n 1)
try "a change is approved and applied" sh -c "$T lab exec gw1 -- $T approve '$digest' --as bob && $T lab exec gw1 -- $T apply '$digest' --as bob"
in_force() { [ "sha256:$(basename "$(readlink "$L/$([ "$1" = gw1 ] || echo gw2/)state/current")")" = "$digest" ]; }
try "the second has it in force too" until_true 20 in_force gw2
try "in the name of who handed it in and approved it" sh -c "$T lab exec gw2 -- $T generations --json | grep -A3 '${digest#sha256:}' | grep alice | grep -q bob"
try "it takes no orders of its own" sh -c "$T lab exec gw2 -- $T rollback --as bob 2>&1 | grep -q 'stands by'"
try "a block is ordered" until_true 20 at gw1 $T block add 203.0.113.77 --kind address --org 412015 --reason test --by alice
hold() { local node=$1 who=$2; at "$node" $T --as "$who" log hold "${@:3}"; }
H=$(hold gw1 alice add --org 412015 --case C1 --reason test)
held() { test -e "$(state "$1")/holds/412015.$2"; }
try "a body's records are held at the first; at the second too" until_true 20 eval '[ -n "$H" ] && held gw1 "$H" && held gw2 "$H"'
blocked() { at "$1" nft list table inet toride_block | grep -q 203.0.113.77; }
try "the second has it too" until_true 20 blocked gw2

router() { at inet birdc -s "$PWD/$L/internet/upstream.ctl" "$@"; }
printf 'define secret_2 = "%s";\n' "$(at gw1 $T lines secret 2)" >"$L/internet/upstream.secrets"
try "the upstream's operator has the secret that signs" eval 'router configure | grep -qi reconfigur'
B=$(at gw1 $T block add 198.51.100.102 --kind blackhole --org 412023 --reason flood --by alice --json | jq -r .id)
try "two ask it to drop what goes to an address" at gw1 $T block consent "$B" --by bob
announced() { at "$1" birdc -s "$PWD/$L/$([ "$1" = gw1 ] || echo gw2/)run/bird/bird.ctl" show protocols up1 | grep -q Established && router show route table master4 | grep -q '198.51.100.102/32.*blackhole'; }
try "it hears so from the first" until_true 30 announced gw1
try "the second knows it" until_true 20 grep -qa "$B" "$L/gw2/run/pair-blocks/blocks"

try "receipt is confirmed at the first, and the power goes at that moment" at gw1 $T incident ack "$I" --by yamada
power_cut gw1
try "the first is dead: the second carries the traffic" until_true 20 is_role gw2 active
try "the open connection goes on" until_true 20 talks
try "the long file goes on" until_true 20 grows
try "pages come" until_true 20 page
try "and the zone, under the keys that its parent knows" until_true 20 eval 'is "$(served_keys)" "$served"'
try "and the public site, with a certificate whose key was made at the first" until_true 20 eval 'at inet timeout 5 openssl s_client -connect 198.51.100.3:443 -servername $www </dev/null 2>/dev/null | openssl x509 -noout -issuer | grep -i pebble'
try "visitors get its page there: asked for once more at its server, then kept" until_true 20 eval 'kept && ! is "$a" "$page_there"'
try "the desk goes on there: the receipt isn't lost" until_true 30 card gw2 '.notice.acked != null'
try "and takes changes" until_true 30 at gw2 $T incident note "$I" --text "at the second" --by alice
try "it says so" until_true 10 sh -c "TORIDE_STATE=$PWD/$L/gw2/state TORIDE_RUN=$PWD/$L/gw2/run $T log tail --org service -n 300 | grep 'the desk goes on at this node, with all'"
try "another version's programs lie beside these" new_build "$L/new"
seq 2000 | sed 's/.*/-I -p tcp -s 203.0.113.60 -d 203.0.113.61 --sport & --dport 9 -r 203.0.113.61 -q 203.0.113.60 --reply-port-src 9 --reply-port-dst & --state ESTABLISHED -u ASSURED,SEEN_REPLY -t 900/' >"$top/many"
many() { at "$1" conntrack -L -p tcp --dport 9 2>/dev/null | grep -c ' dport=9 '; }
try "the second has many connections" eval 'at gw2 conntrack -R "$top/many" && is "$(many gw2)" 2000'
power_on gw1 "$L/new"
try "the node that is back hears of each" until_true 40 eval 'is "$(many gw1)" 2000'
try "the first comes back and stands by" until_true 30 shown_by gw2
caught_up() { blocked gw1 && in_force gw1; }
try "it has the block and the generation" until_true 20 caught_up
try "and the certificate and keys of the meantime" until_true 30 eval 'same_certificate && has_keys_of gw2 gw1'
try "and the desk's state as the second has it, not its own" until_true 60 eval 'desk_at_both gw2 && card gw1 "[.timeline[].text | strings | select(contains(\"at the second\"))] | length == 1"'
try "what it had is kept aside" test -d "$(state gw1)/pg/data.before"
try "the upstream hears what to drop from the second" until_true 60 announced gw2
try "it has the flows again" until_true 20 sh -c "$T lab exec gw1 -- conntrack -L 2>/dev/null | grep 'dport=7 ' | grep -q 'zone=1'"
# keepalived speaks into the pipe that it opened at its start: it has to begin anew too, else the node would never hear that it is its turn.
killed=$(pid_of gw1 paird) speaker=$(pid_of gw1 keepalived)
end_process gw1 paird
listens_anew() { local a b; a=$(pid_of gw1 paird) b=$(pid_of gw1 keepalived); [ -n "$a" ] && [ -n "$b" ] && [ "$a" != "$killed" ] && [ "$b" != "$speaker" ]; }
try "who listens is killed where the node stands by: it and who speaks begin anew" until_true 20 listens_anew
try "asked to, the second lets it carry the traffic" until_true 20 at gw2 $T pair yield --as alice
try "it does" until_true 20 shown_by gw1
# The second carried the traffic and has entries of that time, which end there by their time or for newer ones of the same ports.
tells() { at "$1" conntrackd -C "$(state "$1")/current/conntrackd/$1-active.conf" -B; }
flow=$(flow_at gw1)
try "a flow's entry ends at the one that stands by" eval '[ -n "$flow" ] && [ -n "$(flow_at gw2)" ] && at gw2 conntrack -D -p tcp --dport 7'
try "it is told of it again" until_true 20 eval 'tells gw1 && [ -n "$(flow_at gw2)" ]'
try "the desk is the first's again, with all of it" until_true 60 eval 'desk_at_both gw1 && card gw1 ".notice.acked != null" && at gw1 $T incident note "$I" --text "back" --by alice'
try "the notice went once: nobody told again what the other had told" eval 'card gw1 "[.notices[] | select(.step == \"first\")] | length == 1" && is "$(mails "$told")" 1'
try "where the traffic is, the flow's entry is the one it was" eval 'is "$(flow_at gw1)" "$flow"'
try "the one that stands by has nothing to give" sh -c "! $T lab exec gw2 -- $T pair yield 2>/dev/null"
try "the open connection goes on" until_true 20 talks

# The first runs the new version already: one node is left.
# It is away for so long that the first keeps no more of what it missed.
sql() { at gw1 psql -h "$PWD/$L/run/pg" -U postgres -d postgres -Atqc "$1"; }
forgets() { sql "ALTER SYSTEM SET wal_keep_size = 0" && sql "SELECT pg_reload_conf()" && for i in 1 2 3; do sql "SELECT pg_switch_wal()" && sql CHECKPOINT || return; done; }
aside() { stat -c %i "$(state gw2)/pg/data.before"; }
before=$(aside)
try "the second is upgraded while it stands by" eval 'ends_in_order gw2 && forgets && power_on gw2 "$L/new"'
try "what it missed isn't kept for it: it copies all anew" until_true 40 grep -q "it is copied anew" "$L/log/torided2.log"
try "it stands by with the new version, and follows" until_true 60 eval 'shown_by gw1 && desk_at_both gw1 && at gw2 $T status --json | jq -se "any(.[].counters[]; .paird.pair_follows == 1)"'
try "and keeps what it had acknowledged by itself before" eval '[ -n "$before" ] && is "$(aside)" "$before"'
try "both nodes run the new version's programs" until_true 20 eval 'is "$(programs_of gw1)" "$PWD/$L/new" && is "$(programs_of gw2)" "$PWD/$L/new"'
try "the open connection has lived through the upgrade" until_true 20 talks
try "so has the long file" until_true 20 grows
at sw ip link set 4120151 down
try "an organisation's cable is out at the first: the second carries the traffic" until_true 20 shown_by gw2
at sw ip link set 4120151 up
try "the open connection goes on" until_true 20 talks
at gw1 ip link set sync0 down
sleep 2
try "the link between the two is cut: one carries the traffic, and no more" until_true 10 shown_by gw2
H2=$(hold gw1 alice add --org 412015 --case C2 --reason "made where the other can't see it")
try "two release a hold at the second; the first, which can't see it, has another one since" eval 'hold gw2 alice release "$H" --org 412015 --reason done && hold gw2 bob release "$H" --org 412015 && ! held gw2 "$H" && held gw1 "$H" && held gw1 "$H2" && ! held gw2 "$H2"'
at gw1 ip link set sync0 up
sleep 2
try "it is back: nothing moved" until_true 10 shown_by gw2
same_holds() { held gw1 "$H2" && held gw2 "$H2" && ! held gw1 "$H" && ! held gw2 "$H"; }
try "what one of them held is held at both, what was released at neither" until_true 20 same_holds
try "the long file goes on" until_true 20 grows
end_process gw2 keepalived
try "who decides is killed: the other node, and no more" until_true 20 shown_by gw1
try "the open connection goes on" until_true 20 talks
end_process gw1 paird
try "who listens to him is killed: the other node, and no more" until_true 20 shown_by gw2
try "the open connection has lived through all of it" until_true 20 talks
try "so has the long file" until_true 20 grows
try "each takeover is an event" sh -c "TORIDE_STATE=$PWD/$L/gw2/state TORIDE_RUN=$PWD/$L/gw2/run $T log tail --org service -n 300 | grep 'gw2 carries the traffic; the door was open after [0-9]* ms'"
# An auditor: each node sealed what it saw, with one seal key. What either exports is verified at the other one.
audits() { # NODE
	at "$1" $T log verify && rm -rf "$top/export-$1" && at "$1" $T log export --org service -o "$top/export-$1" && at "$(other "$1")" $T log verify "$top/export-$1"; }
try "the first's log is what was written, also by the second's key" audits gw1
try "the second's log is what was written, also by the first's key" audits gw2
flows_end
echo "1..$n"
exit $bad
