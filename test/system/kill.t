#!/bin/bash
# kill -9 on the whole way: each process of the table, torided itself, detection and response in the middle of an
# incident; then a full disk, and an export somebody has altered. Terminals of two organisations keep asking all the
# while: what they were answered must stand in the sealed log once, and no malware may reach them.
set -u
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - kill # SKIP needs root"; exit 0; }
source=$(cd "$(dirname "$0")/../.." && pwd)
bin=$(dirname "$(readlink -f "$(command -v toride)")") || { echo "not ok 1 - toride isn't built"; exit 1; }
export TORIDE_LAB=tk TORIDE_SOURCE=$source LC_ALL=C.UTF-8
toride=$bin/toride lab=$bin/lab-tk
export TORIDE_STATE=$lab/state TORIDE_RUN=$lab/run TORIDE_RULES=$source/rules
top=$(mktemp -d /tmp/toride-kill.XXXXXX)
proxy=http://192.0.2.10:8080
bad=0 askers=() beacon= round=0

. "$(dirname "$0")/lib.sh"
on() { local host=$1; shift; ip netns exec "tk-$host" "$@"; }

end_jobs() { # the shells and what they just run
	rm -f "$top/asking"
	local p; for p in "${askers[@]}" $beacon; do kill "$p" 2>/dev/null; done
	wait "${askers[@]}" $beacon 2>/dev/null
	askers=() beacon=
}
finish() {
	end_jobs
	grep -qF "$lab/" /proc/mounts && umount -l "$TORIDE_STATE/segments"
	"$toride" lab down >&2
	rm -rf "$top"
}
trap finish EXIT
trap 'exit 1' INT TERM

# ---- terminals that keep asking ----

# Both ask, clear and inside TLS in turn, each time with a path of its own: "PATH EXIT STATUS" a line.
begin_asking() {
	round=$((round + 1))
	: >"$top/asking"
	ask 412015
	ask 412023
}
end_asking() { rm -f "$top/asking"; wait "${askers[@]}"; askers=(); }
ask() {
	on "$1-pc1" bash -c 'n=0; while [ -e "$1/asking" ]; do
		n=$((n + 1)) s=http; [ $((n % 3)) = 0 ] && s=https
		c=$(curl -s -o /dev/null -w "%{http_code}" --max-time 20 --cacert "$2" -x "$3" "$s://www.news.example/k/$0-$n")
		echo "/k/$0-$n $? $c"; sleep 0.02
	done' "$1-$round" "$top" "$TORIDE_RUN/ca.pem" "$proxy" >"$top/asked.$1" &
	askers+=($!)
}
# Malware, a new file each time so that no cache knows it.
ask_malware() {
	on 412015-pc2 bash -c 'n=0; while [ -e "$1/asking" ]; do
		n=$((n + 1))
		printf "%s%s" "X5O!P%@AP[4\\PZX54(P^)7CC)7}\$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!\$H+H*" " $n" >"$2/$n.bin"
		curl -s --max-time 20 -w "\nanswer %{http_code}\n" -x "$3" "http://login.phish.example/new/$n.bin" >>"$1/malware"
		rm -f "$2/$n.bin"; sleep 0.02
	done' - "$top" "$lab/internet/www/phish/new" "$proxy" &
	askers+=($!)
}
# An address that a block holds for 412023, which only the proxy can know of: asked at all times, also while the proxy starts.
ask_blocked() {
	on 412023-pc2 bash -c 'n=0; while [ -e "$1/asking" ]; do
		n=$((n + 1))
		curl -s --max-time 20 -w "\nanswer %{http_code}\n" -x "$2" "http://www.news.example/blocked?$n" >>"$1/blocked-url"; sleep 0.005
	done' - "$top" "$proxy" &
	askers+=($!)
}
leaked() { grep -c '^answer 404' "$top/blocked-url"; } # that page isn't at the origin
asked() { grep -c ' 0 404$' "$top/asked.$1"; }
asked_more() { [ "$(asked "$1")" -ge "$2" ]; }
goes_on() { # five more pages each
	local a b; a=$(asked 412015) b=$(asked 412023)
	until_true 20 asked_more 412015 $((a + 5)) && until_true 20 asked_more 412023 $((b + 5))
}

# ---- the log ----

export_of() { rm -rf "$top/export.$1"; "$toride" log export --org "$1" -o "$top/export.$1" >/dev/null; }
paths_of() { jq -r '.record | fromjson | select(.class_uid == 4002) | .http_request.url.path // empty' "$top/export.$1/records.jsonl"; }
last_answered() { awk '$2 == 0 { p = $1 } END { print p }' "$top/asked.$1"; }
exported() { export_of "$1" && paths_of "$1" | grep -qx "$(last_answered "$1")"; }
# Answered: once. Not answered (the proxy died under it): at most once. Told on stdout otherwise.
once() {
	until_true 20 exported "$1" || echo "the last request isn't there"
	paths_of "$1" | grep "^/k/......-$round-" | sort | uniq -c >"$top/count.$1"
	awk 'NR == FNR { seen[$2] = $1; next } { asked[$1] = 1 }
		$2 == 0 && seen[$1] != 1 { print $1, "was answered", $3, "and recorded", seen[$1] + 0, "times"; bad = 1 }
		$2 != 0 && seen[$1] > 1 { print $1, "wasn'\''t answered and recorded", seen[$1], "times"; bad = 1 }
		END { for (p in seen) if (!(p in asked)) { print p, "was never asked here"; bad = 1 } exit bad }' \
		"$top/count.$1" "$top/asked.$1"
}
intact() { "$toride" log verify --json | jq -se '.[-1].ok and .[-1].faults == 0'; }

# ---- processes ----

pid_of() { "$toride" status --json 2>/dev/null | jq -r --arg p "$1" '.processes[] | select(.name == $p and .state == "ready") | .pid'; }
back() { local p; p=$(pid_of "$1"); [ -n "$p" ] && [ "$p" != null ] && [ "$p" != "$2" ]; }
all_ready() { "$toride" status --json 2>/dev/null | jq -se '.[0].processes | length >= 21 and all(.state == "ready" or (.state == "waiting" and (.name | IN("paird", "conntrackd", "keepalived", "bird", "replicad", "dnskeysd", "userd", "lookd", "coldd", "clusterd"))))' >/dev/null; }
shoot() { # NAME: kill -9 the process of the table
	local p; p=$(pid_of "$1")
	[ -n "$p" ] || { echo "$1 isn't ready before it is shot"; return 1; }
	kill -9 "$p"
	until_true 40 back "$1" "$p" || { grep "\"$1\"" "$lab/log/torided.log" | tail -n 12; return 1; }
}
torided_pid() { awk '$3 == "torided" { p = $1 } END { print p }' "$lab/pids"; }
start_torided() { # as lab/node.c: in the node's network, in no mount namespace of its own, noted for lab down
	nsenter --net=/run/netns/tk-gw1 setsid "$bin/torided" >>"$lab/log/torided.log" 2>&1 </dev/null &
	local p=$!
	echo "$p $(since $p) torided" >>"$lab/pids"
	disown $p
}
all_ours() { local p; for p in $("$toride" status --json | jq '.processes[] | select(.state == "ready").pid'); do
	grep -q "^$p " "$top/ours" || { echo "process $p isn't below torided"; return 1; }; done; }
generation() { "$toride" status --json | jq -r .generation; }
counter() { "$toride" status --json | jq --arg p "$1" --arg c "$2" '.counters[] | select(.org == "") | .[$p][$c]'; }

# ---- 1. each process ----

"$toride" lab up >&2; ok $? "lab up"; [ $bad = 0 ] || exit 1
try "every process of the table is ready" until_true 40 all_ready
mkdir -p "$lab/internet/www/phish/new"
: >"$top/malware"
begin_asking
ask_malware
try "terminals of both organisations are served" goes_on
# Each that runs here; of the table's others, the test of what they are for kills them (lookd, and what a pair has).
"$toride" status --json | jq -r '.processes[] | select(.state == "ready") | .name' >"$top/names"
known() { local p; for p in vaultd authd controld scand proxyd intaked detectd indexd stored respondd recvd probed portald userd courierd purged acmed suricata edge clamd unbound knot nsd1 nsd2 chronyd postgres nginx; do grep -qx $p "$top/names" || { echo "$p isn't ready"; return 1; }; done; }
try "among them all that every node has" known
for p in $(cat "$top/names"); do
	began=$(date +%s%N)
	try "$p comes back after kill -9" shoot $p
	echo "# $p: ready again after $((($(date +%s%N) - began) / 1000000)) ms"
	try "$p: both organisations are served afterwards" goes_on
done
# One that is there and does nothing, which no end of a process tells: scand tells torided (after two minutes; here after four seconds).
scand_config=$(readlink -f "$TORIDE_STATE/current/scand.json")
cp -p "$scand_config" "$top/scand.json"
sed 's/^{/{"clamd_mute_s":4,/' "$top/scand.json" >"$scand_config"
try "scand comes back with less patience" shoot scand
clamd=$(pid_of clamd); kill -STOP "$clamd"
try "clamd stopped: it is ended, and another is there" until_true 90 back clamd "$clamd"
cp -p "$top/scand.json" "$scand_config"
try "scand is patient again" shoot scand
try "both organisations are served afterwards" goes_on
# The proxy once more, again and again: what it answered last is what is easiest to lose; and it must know what is blocked
# before it serves anybody.
: >"$top/blocked-url"
try "an address is blocked by hand" "$toride" block add http://www.news.example/blocked --kind url --org 412023 --reason test --by tester
ask_blocked
try "the proxy killed five times more comes back" eval 'for i in 1 2 3 4 5; do shoot proxyd && goes_on || exit 1; done'
end_asking
echo "# answered: $(awk '$2 == 0' "$top/asked.412015" | wc -l) of $(wc -l <"$top/asked.412015") and $(awk '$2 == 0' "$top/asked.412023" | wc -l) of $(wc -l <"$top/asked.412023"); malware asked: $(grep -c '^answer' "$top/malware")"
try "every request 412015 saw answered is recorded exactly once" once 412015
try "and every one of 412023, and none of another" once 412023
try "the log is intact" intact
try "malware was asked for all the while" eval '[ "$(grep -c "^answer [45]" "$top/malware")" -ge 50 ]'
try "and never delivered" eval '! grep -a EICAR-STANDARD "$top/malware"'
stopped() { grep -c '^answer 403' "$top/blocked-url"; }
try "what is blocked was refused" eval '[ "$(stopped)" -ge 20 ]'
try "and never let through, also while the proxy began" is "$(leaked)" 0

# Both ends of the way at once: what was under way between them waits in the proxy's files (wire/ring.h).
begin_asking
goes_on
p=$(pid_of proxyd) i=$(pid_of intaked)
kill -9 "$i" "$p"
try "intake and proxy killed at once come back" eval 'until_true 40 back proxyd $p && until_true 40 back intaked $i && goes_on'
end_asking
try "every request 412015 saw answered then is recorded exactly once" once 412015
try "and every one of 412023" once 412023
try "and the log is intact" intact

# ---- 3. an incident across kills ----

incidents() { "$toride" incident list --org 412040 --all --json | jq -r .number; }
has_incident() { [ -n "$(incidents 2>/dev/null)" ]; }
mails_for() { grep -l "^X-Rcpt-Args: <$1>" "$lab/mail/"* 2>/dev/null; }
told() { [ -n "$(mails_for "$1")" ]; }
active() { "$toride" block list --org "$1" --json 2>/dev/null | jq -se 'any(.[]; .value == "c2.example" and .state == "active")' >/dev/null; }
on 412040-pc1 bash -c 'while :; do
	curl -s -A "" --max-time 5 -o /dev/null -x http://10.4.0.8:3128 http://c2.example/beacon; sleep 1; done' &
beacon=$!
sleep 3
try "detectd is killed while the beacon is counted" shoot detectd
try "the incident is opened all the same" until_true 60 has_incident
try "respondd is killed while it acts on it" shoot respondd
try "PostgreSQL too" shoot postgres
try "detectd and respondd again" eval 'shoot detectd && shoot respondd'
try "the block is in force for its organisation" until_true 40 active 412040
number=$(incidents | head -1)
try "a person judges it grave" "$toride" incident judge "$number" --severity 3 --by tester --reason test
try "respondd is killed while it turns to the others" shoot respondd
try "and for one that agreed beforehand" until_true 40 active 412015
try "the first contact is told" until_true 40 told joho1@412040.lg.example
try "respondd is killed between first and second notice" shoot respondd
try "the second contact is told" until_true 40 told joho2@412040.lg.example
try "another organisation's contact is told" until_true 40 told joho1@412015.lg.example
try "there is one incident for that terminal" is "$(incidents | wc -l)" 1
asked_for() { "$toride" block list --all --json | jq -r 'select(.value == "c2.example") | .org' | sort >"$top/blocked"; is "$(sort -u "$top/blocked" | wc -l) $(wc -l <"$top/blocked")" "21 21"; }
try "each of the 21 organisations has exactly one block" until_true 20 asked_for
# reference -> recipient, and (recipient, subject) -> reference: the same notice twice has the same reference.
for m in "$lab/mail/"*; do
	awk '/^X-Rcpt-Args:/ { to = $2 } /^X-Toride-Reference:/ { ref = $2 } /^Subject:/ { s = $2; sub(/\r/, "", s); on = 1; next }
		on && /^[ \t]/ { t = $0; gsub(/[ \t\r]/, "", t); s = s t; next } { on = 0 } /^\r?$/ { exit }
		END { sub(/\r/, "", ref); print ref, to, s }' "$m"
done | sort >"$top/notices"
echo "# $(wc -l <"$top/notices") mails, $(cut -d' ' -f1 "$top/notices" | sort -u | wc -l) references"
try "one reference is one notice to one contact" is "$(sort -u "$top/notices" | cut -d' ' -f1 | uniq -d)" ""
"$toride" incident show "$number" --json >"$top/incident"
try "its notices name first and second contact" eval '[ "$(jq -r ".. | .notices? // empty | .[].mail" "$top/incident" | grep -c "^joho[12]@412040")" -ge 2 ]'
jq -r '.. | .notices? // empty | .[] | "\(.step) \(.mail)"' "$top/incident" | sort >"$top/steps"
points_back() { # the block and each notice to the incident, the incident to records of its body that the log shows
	local r
	"$toride" block list --all --json | jq -se --arg i "$number" 'map(select(.value == "c2.example" and .org == "412040")) | length == 1 and .[0].incident == $i' || return
	jq -se --arg i "$number-" '[.. | .notices? // empty | .[].reference] | length >= 2 and all(startswith($i))' "$top/incident" || return
	jq -r '.. | .evidence? // empty | .[]' "$top/incident" >"$top/evidence" && [ -s "$top/evidence" ] || return
	while read -r r; do [[ $r = 412040/* ]] && "$toride" log show "$r" | jq -se '.[0].org == "412040"' || { echo "$r"; return 1; }; done <"$top/evidence"
}
try "block, notices and incident point back to their records, over all these ends" points_back
try "and no step was taken twice" eval '[ -s "$top/steps" ] && is "$(uniq -d "$top/steps")" ""'
kill "$beacon"; wait "$beacon" 2>/dev/null; beacon=

# ---- 2. torided ----

page() { on "$1-pc1" curl -s --max-time 10 -x $proxy "$2"; }
refused() { page "$1" "$2" | grep -q 'P-20'; }
try "before: the page is there" eval 'page 412023 http://sns.example/ | grep -q "<p>sns</p>"'
try "a block is added by hand" "$toride" block add sns.example --kind name --org 412023 --reason test --by tester
try "it refuses the page" refused 412023 http://sns.example/
served=$(generation)
torided=$(torided_pid)
descent "$torided" >"$top/ours"
try "all of the table is below torided" all_ours
kill -9 "$torided"
try "kill -9 of torided leaves nothing of the node running" until_true 30 none_left "$top/ours" "TORIDE_RUN=$TORIDE_RUN"
try "and no mount" eval '! grep -F "$lab/" /proc/mounts'

# ---- 5. a disk of its own for the log, 48 MiB: also what start finds after a restore onto a new file system

cp -a "$TORIDE_STATE/segments" "$top/segments"
mount -t tmpfs -o size=48m,mode=2750 tmpfs "$TORIDE_STATE/segments"
cp -aT "$top/segments" "$TORIDE_STATE/segments"
: >"$top/blocked-url"
: >"$top/asking"
ask_blocked
start_torided
try "started again, every process is ready" until_true 40 all_ready
try "the same generation is served" is "$(generation)" "$served"
try "the block by hand is in force again" until_true 10 refused 412023 http://sns.example/
try "and the incident's" until_true 10 refused 412040 http://c2.example/beacon
try "for others too" refused 412015 http://c2.example/beacon
goes_refused() { [ "$(stopped)" -ge 5 ]; }
try "a blocked address too" until_true 10 goes_refused
end_asking
try "none of it was let through while all began" is "$(leaked)" 0
try "what isn't blocked is served" eval 'page 412015 http://www.news.example/ | grep -q "today.s news"'
kept_only() { is "$(incidents)" "$number" || { "$toride" incident list --all; return 1; }; }
try "the incident is still there, and no other" kept_only
try "the log is intact after it" intact

begin_asking
goes_on
dd if=/dev/zero of="$TORIDE_STATE/segments/filler" bs=64k >/dev/null 2>&1
try "a full disk is counted" until_true 20 eval '[ "$(counter intaked commits_failed)" -gt 0 ]'
try "the proxy goes on serving" goes_on
try "what can't be written is kept and known to be unwritten" eval '[ "$(counter intaked pending_bytes)" -gt 0 ]'
p=$(pid_of intaked)
kill -9 "$p"; sleep 2
echo "# intaked killed with the disk full: $("$toride" status --json | jq -c '.processes[] | select(.name == "intaked")')"
try "intaked killed with the disk full: the organisations are served all the same" goes_on
rm -f "$TORIDE_STATE/segments/filler"
try "with room again every process is ready" until_true 40 all_ready
try "and the organisations are served" goes_on
end_asking
try "every request of 412015 answered before, during and after is recorded once" once 412015
try "and every one of 412023" once 412023
alarmed() { export_of service && jq -r .record "$top/export.service/records.jsonl" | grep -q '"Alarm"'; }
try "an alarm says so in the log" until_true 10 alarmed
try "and it is intact" intact

# ---- 4. the proof ----

e=$top/export.412015
mid=$(($(wc -l <"$e/records.jsonl") / 2))
name_at() { sed -n "${1}p" "$e/records.jsonl" | jq -r .name; }
altered() { # WORDS LINE PROGRAM: the export with its records changed by sed names the record of that line, and no other
	rm -rf "$top/x"; cp -a "$e" "$top/x"; sed -i "$3" "$top/x/records.jsonl"
	"$toride" log verify "$top/x" --json >"$top/verdict"; local code=$?
	cat "$top/verdict" >"$top/try"
	is "$code $(jq -r '.record // empty' "$top/verdict" | tr '\n' ' ')" "1 $(name_at "$2") " >>"$top/try" 2>&1
	ok $? "an export with $1 is refused and names exactly that record"
}
try "an untouched export is intact" "$toride" log verify "$e"
altered "one byte altered" $mid "${mid}s/class_uid/class_uiD/" # whatever it tells of
altered "one record removed" $mid "${mid}d"
# Named is the one that comes too early.
altered "two records swapped" $((mid + 1)) "${mid}{h;d};$((mid + 1)){G}"
altered "one record twice" $mid "${mid}p"

try "lab down names what it can't remove" eval '! "$toride" lab down 2>"$top/down" && grep -q state/segments "$top/down"'
umount "$TORIDE_STATE/segments"
"$toride" lab down >&2; ok $? "and leaves nothing when it can"
try "nothing is left" eval 'none_left "$top/ours" "TORIDE_RUN=$TORIDE_RUN" && [ ! -e "$lab" ] && ! ip netns list | grep "^tk-" && ! grep -F "$lab/" /proc/mounts'
echo "1..$n"
exit $bad
