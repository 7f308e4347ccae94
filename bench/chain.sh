#!/bin/bash
# From packets to a block and a mail: terminals of several bodies call a C&C server as in lab/story.json, the first of
# them behind its body's own proxy. The times are those the product itself records; from outside it is measured when
# the terminal is first refused and when the mail host has the mail.
. "$(dirname "$0")/lab.sh"

# Bodies without prior consent: each is blocked by its own finding alone, not by an earlier body's.
samples=(412040-pc1@10.4.0.8:3128 412023-pc1@192.0.2.10:8080 412066-pc1@192.0.2.10:8080 412082-pc1@192.0.2.10:8080
	412104-pc1@192.0.2.10:8080 413411-pc1@192.0.2.10:8080 413461-pc1@192.0.2.10:8080)
rule=54495047-4606-4416-828f-9ef649def4be # rules/proxy_beacon.yml: five calls in a minute

# Inside the terminal. Five calls a second apart without a user agent; then a browser's (which the rule doesn't count)
# until it is refused; a call that is under way when the block comes is cut (000). Prints, in µs: when the fifth call
# began, when the last allowed one began, when the first refused or cut one began.
cat >"$work/beacon" <<'EOS'
get() { curl -s -A "$1" --max-time 5 -o /dev/null -w '%{http_code}' -x "http://$proxy" http://c2.example/beacon; }
proxy=$1
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

until_true() { local i; for i in $(seq 300); do "$@" && return 0; sleep 0.2; done; return 1; }
incident_of() { toride incident list --org "$1" --json | jq -er --arg r "$rule" 'select(.rule == $r) | .number' | grep -m 1 .; }
# The body's first contact has been told, and the block is in force; the answer stays in $work/show.
complete() {
	toride incident show "$1" --json >"$work/show" 2>/dev/null && [ -s "$work/show" ] &&
		jq -e --arg org "$2" '(.incident // .) | any(.notices[]; .step == "first" and .sent) and any(.blocks[]; .org == $org and .acted)' \
			"$work/show" >/dev/null
}
shown() { jq -r --arg org "$1" "(.incident // .) | $2" "$work/show"; }

# When the mail host had the mail with that reference: ms since 1970.
mail_at() {
	local f
	f=$(grep -ls "^X-Toride-Reference: $1" "$lab"/mail/* | head -n 1) && stat -c %.3Y "$f" | tr -d .
}

sample() { # HOST PROXY
	local org=${1%%-*} number fifth allowed refused event ingest created acted sent mail reference record
	read -r fifth allowed refused < <(on "$1" bash "$work/beacon" "$2") || return 1
	until_true incident_of "$org" >/dev/null || { say "$org: no incident"; return 1; }
	number=$(incident_of "$org")
	until_true complete "$number" "$org" || { say "$org: no block, or no notice"; cat "$work/show" >&2; return 1; }
	# The event that completed the finding: the newest of its records.
	for record in $(shown "$org" '.evidence[]'); do
		toride log show "$record" | jq -r '"\(.time) \(.ingest_time)"'
	done | sort -n | tail -n 1 >"$work/event"
	read -r event ingest <"$work/event"
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
	calc "($created - $event) / 1000" >>"$work/found"; echo >>"$work/found"
	calc "($acted - $created) / 1000" >>"$work/blocked"; echo >>"$work/blocked"
	calc "($sent - $created) / 1000" >>"$work/told"; echo >>"$work/told"
	calc "($refused - $fifth) / 1e6" >>"$work/refused"; echo >>"$work/refused"
}

lab_up
failed=0
for s in "${samples[@]}"; do
	sample "${s%@*}" "${s#*@}" || failed=$((failed + 1))
done
[ $failed = 0 ] || die "$failed of ${#samples[@]} chains broke"
for k in found blocked told refused; do
	say "$k: median $(median <"$work/$k") s, worst $(worst <"$work/$k") s of $(wc -l <"$work/$k")"
done
# The worst, not the median: each chain must hold.
figure chain.event_to_finding "$(worst <"$work/found")" s - - 1 below
figure chain.finding_to_block "$(worst <"$work/blocked")" s - - 5 below
figure chain.finding_to_notice "$(worst <"$work/told")" s - - 60 below
figure chain.call_to_refused "$(worst <"$work/refused")" s - - - -
