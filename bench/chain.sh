#!/bin/bash
# From packets to a block and a mail: terminals of several bodies call a C&C server as in lab/story.json, the first of
# them behind its body's own proxy; CHAIN_ROUNDS (5) times, each time another terminal of each body and another of the server's names, two bodies at
# once, so that there are findings enough to tell a percentile of. The times are those the product itself records; from outside it is measured when
# the terminal is first refused and when the mail host has the mail. CHAIN_LOAD=9500: all of it while a body's firewall sends so many
# lines a second and the log is searched over and over.
. "$(dirname "$0")/lab.sh"

# Bodies without prior consent: each is blocked by its own finding alone, not by an earlier body's.
samples=(412040-pc1@10.4.0.8:3128 412023-pc1@192.0.2.10:8080 412066-pc1@192.0.2.10:8080 412082-pc1@192.0.2.10:8080
	412104-pc1@192.0.2.10:8080 413411-pc1@192.0.2.10:8080 413461-pc1@192.0.2.10:8080)
rule=54495047-4606-4416-828f-9ef649def4be # rules/proxy_beacon.yml: five calls in a minute

# Inside the terminal. Five calls a second apart without a user agent; then a browser's (which the rule doesn't count)
# until it is refused; a call that is under way when the block comes is cut (000). Prints, in µs: when the fifth call
# began, when the last allowed one began, when the first refused or cut one began.
cat >"$work/beacon" <<'EOS'
get() { curl -s -A "$1" --max-time 5 -o /dev/null -w '%{http_code}' --interface "$from" -x "http://$proxy" "http://$host/beacon"; }
proxy=$1 host=$2 from=$3
for i in 1 2 3 4 5; do
	fifth=${EPOCHREALTIME/./}
	[ "$(get '')" = 200 ] || { echo "call $i wasn't let through" >&2; exit 1; }
	[ $i = 5 ] || sleep 1
done
allowed=$fifth refused=
for i in $(seq 1000); do
	at=${EPOCHREALTIME/./}
	code=$(get Mozilla/5.0)
	[ "$code" = 200 ] && { refused=; allowed=$at; }
	[ "$code" = 200 ] || refused=${refused:-$at}
	[ "$code" != 403 ] || break
	sleep 0.02
done
[ "$code" = 403 ] || { echo "not blocked: $code" >&2; exit 1; }
echo "$fifth $allowed $refused"
EOS

# ---- load: FortiGate lines of 412015 through one connection, evenly; what couldn't be handed over in time is told at the end
cat >"$work/firewall" <<'EOS'
import os, random, socket, sys, time
rate, stop, told = int(sys.argv[1]), sys.argv[2], sys.argv[3]
r, n, late, began = random.Random(1), 0, 0.0, time.monotonic()
s = socket.create_connection(("192.0.2.14", 514), source_address=("10.1.0.5", 0))
while not os.path.exists(stop):
    due = int((time.monotonic() - began) * rate)
    if due <= n:
        time.sleep(0.005)
        continue
    late = max(late, (due - n) / rate)
    out = []
    while n < due:
        n += 1
        out.append('<189>date=2026-11-29 time=10:00:00 devname="FG-CITY" devid="FG100F0000000001" logid="0000000013" type="traffic" subtype="forward" level="notice" '
                   'vd="root" srcip=10.1.%d.%d srcport=%d srcintf="lan" dstip=203.0.113.%d dstport=443 dstintf="wan1" policyid=%d sessionid=%d proto=6 action="close" '
                   'service="HTTPS" duration=%d sentbyte=%d rcvdbyte=%d' % (r.randrange(256), r.randrange(256), r.randrange(1024, 65536), r.randrange(256),
                   r.randrange(40), n, r.randrange(600), r.randrange(100000), r.randrange(1000000)))
    s.sendall("\n".join(out).encode() + b"\n")
took = time.monotonic() - began
s.shutdown(socket.SHUT_WR); s.settimeout(120)
safe = s.recv(1) == b""
open(told, "w").write("%d %.0f %.1f %d\n" % (n, n / took, late, safe))
EOS
load_begin() {
	cp -r "$TORIDE_SOURCE/examples/saga" "$work/loaded"
	jq '.log_sources = [{name: "fw1", addr: "10.1.0.5", format: "fortigate"}]' "$work/loaded/orgs/412015.json" >"$work/x" && mv "$work/x" "$work/loaded/orgs/412015.json"
	lab_up "$work/loaded"
	on 412015-pc1 python3 "$work/firewall" "$CHAIN_LOAD" "$work/enough" "$work/sent" & firewall=$!
	(while [ ! -e "$work/enough" ]; do for q in FG-CITY 203.0.113.7 nowhere-at-all; do toride log search "$q" --org 412015 >/dev/null 2>&1 && echo >>"$work/searches"; done; done) & searcher=$!
	pids+=("$firewall" "$searcher")
	sleep 20 # the load's own first seconds aren't the state it is about
}
load_end() {
	local n rate late safe p pid
	toride status --json | jq -r '.processes[] | select(.state == "ready") | "\(.name) \(.pid)"' | while read -r p pid; do
		figure "$name.memory.$p" "$(awk '/VmHWM/ { printf "%d", $2 / 1024 }' "/proc/$pid/status")" MiB - - - -
	done
	: >"$work/enough"; wait "$firewall" "$searcher"
	read -r n rate late safe <"$work/sent" || die "the firewall told nothing"
	say "beside it $n lines at $rate a second, at most $late s behind; $(wc -l <"$work/searches") searches answered"
	[ "$safe" = 1 ] || die "not all lines were safe at the end"
	[ "$rate" -ge $((CHAIN_LOAD * 95 / 100)) ] || die "the load fell short"
}

until_true() { local i; for i in $(seq 300); do "$@" && return 0; sleep 0.2; done; return 1; }
# ORG: its incident of that rule that wasn't looked at yet, into $number
new_incident() { number=$(toride incident list --org "$1" --json | jq -r --arg r "$rule" 'select(.rule == $r) | .number' | grep -vxFf "$work/seen.$1" | head -n 1); [ -n "$number" ]; }
# The body's first contact has been told, and the block is in force; the answer stays in $work/show.ORG.
complete() {
	toride incident show "$1" --json >"$work/show.$2" 2>/dev/null && [ -s "$work/show.$2" ] &&
		jq -e --arg org "$2" '(.incident // .) | any(.notices[]; .step == "first" and .sent) and any(.blocks[]; .org == $org and .acted)' \
			"$work/show.$2" >/dev/null
}
shown() { jq -r --arg org "$1" "(.incident // .) | $2" "$work/show.$1"; }

# When the mail host had the mail with that reference: ms since 1970.
mail_at() {
	local f
	f=$(grep -ls "^X-Toride-Reference: $1" "$lab"/mail/* | head -n 1) && stat -c %.3Y "$f" | tr -d .
}

# On a busy machine a body's own proxy takes a while to begin.
served() { [ "$(on "$1" curl -s -A Mozilla/5.0 --max-time 10 -o /dev/null -w '%{http_code}' -x "http://$2" http://www.news.example/)" = 200 ]; }
sample() { # HOST PROXY ROUND
	local org=${1%%-*} number fifth allowed refused event ingest created acted sent mail reference record first
	first=$(on "$1" ip -4 -o addr show scope global | awk '{ sub("/.*", "", $4); print $4; exit }')
	on "$1" ip addr replace "${first%.*}.$((60 + $3))/32" dev "$(on "$1" ip -4 -o addr show scope global | awk '{ print $2; exit }')"
	read -r fifth allowed refused < <(on "$1" bash "$work/beacon" "$2" "r$3.c2.example" "${first%.*}.$((60 + $3))") || return 1
	until_true new_incident "$org" || { say "$org: no incident"; return 1; }
	echo "$number" >>"$work/seen.$org"
	until_true complete "$number" "$org" || { say "$org: no block, or no notice"; cat "$work/show.$org" >&2; return 1; }
	# The event that completed the finding: the newest of its records.
	for record in $(shown "$org" '.evidence[]'); do
		toride log show "$record" | jq -r '"\(.time) \(.ingest_time)"'
	done | sort -n | tail -n 1 >"$work/event.$org"
	read -r event ingest <"$work/event.$org"
	created=$(shown "$org" .created)
	acted=$(shown "$org" '[.blocks[] | select(.org == $org) | .acted] | min')
	sent=$(shown "$org" '[.notices[] | select(.step == "first") | .sent] | min')
	reference=$(shown "$org" '[.notices[] | select(.step == "first") | .reference] | first')
	until_true mail_at "$reference" >/dev/null || { say "$org: the mail host has no mail $reference"; return 1; }
	mail=$(mail_at "$reference")
	say "$org $number: event +$((ingest - event)) ms in the log +$((created - ingest)) finding taken +$((acted - created)) block acts;" \
		"notice sent $((sent - created)) after the finding. Outside: the fifth call to the first refused $(((refused - fifth) / 1000)) ms" \
		"(the last allowed one began $(((allowed - fifth) / 1000)) after it), to the mail $((mail - fifth / 1000))"
	# The clock of both is the same, so what the product says can't lie outside what the terminal saw.
	[ $((event * 1000)) -ge $((fifth - 1000)) ] || { say "$org: the event is older than the call"; return 1; }
	[ $((acted * 1000)) -le $((refused + 1000000)) ] || { say "$org: refused before the block acted"; return 1; }
	[ $((allowed / 1000)) -le $((acted + 1000)) ] || { say "$org: let through a second after the block is said to act"; return 1; }
	printf '%s\n' "$(calc "($created - $event) / 1000")" >>"$work/found"
	printf '%s\n' "$(calc "($acted - $created) / 1000")" >>"$work/blocked"
	printf '%s\n' "$(calc "($sent - $created) / 1000")" >>"$work/told"
	printf '%s\n' "$(calc "($refused - $fifth) / 1e6")" >>"$work/refused"
}
# FILE: of so many numbers the least that 99 of a hundred don't exceed; of fewer than a hundred, that is the worst
p99() { sort -g "$1" | awk '{ v[NR] = $1 } END { i = int(NR * 0.99); if (i < NR * 0.99) i++; print v[i] }'; }
# PLACE...: one after another, round by round
lane() {
	local s r
	for r in $(seq "${CHAIN_ROUNDS:-5}"); do
		for s; do sample "${s%@*}" "${s#*@}" "$r" || echo "$s $r" >>"$work/broken"; done
	done
}

name=chain
if [ -n "${CHAIN_LOAD:-}" ]; then name=chain.loaded; load_begin; else lab_up; fi
: >"$work/broken"
for s in "${samples[@]}"; do
	echo none >"$work/seen.${s%%-*}"
	until_true served "${s%@*}" "${s#*@}" || die "${s%@*}: its way out isn't open"
done
lane "${samples[@]:0:4}" & one=$!
lane "${samples[@]:4}" & other=$!
pids+=("$one" "$other")
wait "$one" "$other"
[ -z "${CHAIN_LOAD:-}" ] || load_end
[ ! -s "$work/broken" ] || die "$(wc -l <"$work/broken") chains broke: $(paste -sd, "$work/broken")"
for k in found blocked told refused; do
	say "$k: median $(median <"$work/$k") s, worst $(worst <"$work/$k") s of $(wc -l <"$work/$k")"
done
figure $name.event_to_finding "$(p99 "$work/found")" s - - 1 below
# The worst, not the median: each chain must hold.
figure $name.finding_to_block "$(worst <"$work/blocked")" s - - 5 below
figure $name.finding_to_notice "$(worst <"$work/told")" s - - 60 below
figure $name.call_to_refused "$(worst <"$work/refused")" s - - - -
