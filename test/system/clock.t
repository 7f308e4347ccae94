#!/bin/bash
# Somebody sets the wall clock of running processes of the node by hours, forward and back, while a terminal beacons: it is
# found, told, escalated and blocked, and each step comes when it would have come. The shipped, confined programs in the lab;
# each one's clock is set from outside (shift-clock), the machine's stays.
set -u
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - clock # SKIP needs root"; exit 0; }
source=${TORIDE_SOURCE:-$PWD}
bin=$(dirname "$(readlink -f "$(command -v toride)")") || { echo "not ok 1 - toride isn't built"; exit 1; }
here=$(cd "$(dirname "$0")" && pwd)
export TORIDE_LAB=tc TORIDE_SOURCE=$source LC_ALL=C.UTF-8
toride=$bin/toride lab=$bin/lab-tc
export TORIDE_STATE=$lab/state TORIDE_RUN=$lab/run TORIDE_RULES=$source/rules
top=$(mktemp -d /tmp/toride-clock.XXXXXX)
bad=0 beacon=
. "$here/lib.sh"
show=("$lab/log/torided.log")
finish() { [ -z "$beacon" ] || kill "$beacon" 2>/dev/null; "$toride" lab down >&2; rm -rf "$top"; }
trap finish EXIT
trap 'exit 1' INT TERM

on() { local host=$1; shift; ip netns exec "tc-$host" "$@"; }
pid_of() { "$toride" status --json | jq -r --arg p "$1" '.processes[] | select(.name == $p) | .pid'; }
set_clock() { # HOURS PROCESS...
	local by=$(($1 * 3600000)) p; shift
	for p in "$@"; do
		[ "$p" = torided ] && p=$(awk '$3 == "torided" { p = $1 } END { print p }' "$lab/pids") || p=$(pid_of "$p")
		"$here/shift-clock" "$p" "$by" || return 1
	done
}
incidents() { "$toride" incident list --org 412040 --all --json | jq -r .number; }
has_incident() { [ -n "$(incidents 2>/dev/null)" ]; }
told() { grep -lq "^X-Rcpt-Args: <$1>" "$lab/mail/"* 2>/dev/null; }
active() { "$toride" block list --org 412040 --json | jq -r 'select(.value == "c2.example" and .state == "active") | .id' | grep .; } # jq -e is content with no input
refused() { on 412040-pc1 curl -s --max-time 5 -x http://10.4.0.8:3128 http://c2.example/beacon | grep -q 'P-20'; }
served() { on 412015-pc1 curl -s --max-time 10 -x http://192.0.2.10:8080 http://www.news.example/ | grep -q "today.s news"; }
intact() { "$toride" log verify --json | jq -se '.[-1].ok and .[-1].faults == 0'; }

"$toride" lab up >&2; ok $? "lab up"
pids() { "$toride" status --json | jq -c "[.processes[] | [.name, .pid]]"; }
was=$(pids)
on 412040-pc1 bash -c 'while :; do
	curl -s -A "" --max-time 5 -o /dev/null -x http://10.4.0.8:3128 http://c2.example/beacon; sleep 1; done' & beacon=$!
sleep 2.5
try "in the middle of the calls proxy, intake and detection are set 5 hours back" set_clock -5 proxyd intaked detectd
try "and respondd 30 hours ahead" set_clock 30 respondd
try "the calls before and after make one finding: an incident" until_true 30 has_incident
number=$(incidents | head -n 1)
try "the block acts" until_true 20 active
try "the first contact is told" until_true 20 told joho1@412040.lg.example
try "respondd is set 60 hours back, as somebody notices" set_clock -60 respondd
try "the second contact is told all the same, not in 60 hours" until_true 20 told joho2@412040.lg.example
try "the clock of torided, proxy and respondd is set 2 days ahead" set_clock 48 torided proxyd respondd
sleep 2
try "a block of a day goes on" eval 'refused && active'
try "so do other pages" served
try "the same back by 4 days" set_clock -96 torided proxyd respondd
try "and after it" eval 'refused && active && served'
stopped() { "$toride" incident show "$number" --json | grep -q '"verified":"stopped"'; }
try "calls refused since are counted, whatever time they carry" until_true 40 stopped
steps() { "$toride" incident show "$number" --json | jq -r '.. | .notices? // empty | .[] | "\(.step) \(.mail)"' | sort; }
try "no step was taken twice" eval '[ -n "$(steps)" ] && is "$(steps | uniq -d)" ""'
try "intake set ahead by 6 hours: records keep their order" set_clock 6 intaked
sleep 2
try "and the log is intact, every signature in its order" until_true 10 intact
try "every process is still the same one" is "$(pids)" "$was"

# ---- a node that runs for a year: certificates made at a start end while it runs
served_by() { # PROCESS: it is ready, and started since
	"$toride" status --json | jq -se --arg p "$1" --argjson was "$was" 'any(.[0].processes[]; .name == $p and .state == "ready" and . as $x | all($was[]; .[1] != $x.pid))'; }
left() { echo $((($(date -d "$(openssl x509 -in "$TORIDE_RUN/$1/tls.pem" -noout -enddate | cut -d= -f2)" +%s) - $(date +%s)) / 86400)); } # DAYS from the machine's own clock
hour=$(TZ=Asia/Tokyo date +%-H)
servers=$(for s in unbound recvd nginx; do [ -e "$TORIDE_RUN/$s/tls.pem" ] && echo $s; done)
try "servers with certificates of the service's own run" eval '[[ " "$servers" " == *unbound* ]] && [ "$(left unbound)" -ge 380 ] && [ "$(left unbound)" -le 391 ]'
try "after eleven months, at noon" set_clock $((335 * 24 + 48 + 12 - hour)) torided # it stands two days behind
try "they go on: there is time until the night" eval 'intact && is "$(pids)" "$was"'
try "at three in the morning" set_clock 15 torided
for s in $servers; do
	try "$s is started anew" until_true 30 served_by $s
	try "with a certificate for another year" eval '[ "$(left '$s')" -ge 720 ]'
done
others() { jq -r '.[] | "\(.[0]) \(.[1])"' | grep -vE "^($(echo $servers | tr ' ' '|')) "; }
try "and nothing else" eval '[ "$(others <<<"$was" | wc -l)" -ge 20 ] && is "$(pids | others)" "$(others <<<"$was")"'
try "names are found and pages served" until_true 20 served
echo "1..$n"
exit $bad
