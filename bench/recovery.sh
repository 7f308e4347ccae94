#!/bin/bash
# From kill -9 of a process to its work being done again, seen by whoever needs it: a terminal, the operator's command, the
# log. Each is killed three times in turn; the figure is the worst, and beside it the supervisor's own wait before that restart.
. "$(dirname "$0")/lab.sh"
lab_up
proxy=http://192.0.2.10:8080
new=$lab/internet/www/phish/new
mkdir -p "$new"
rounds=3 n=0 mark=-1 round=0
bodies=(412066 412082 412104) # whose terminal does what a rule finds: after one finding a body is quiet for a while

pid_of() { toride status --json | jq -r --arg p "$1" '.processes[] | select(.name == $p and .state == "ready") | .pid'; }
all_ready() { toride status --json 2>/dev/null | jq -se '.[0].processes | length > 0 and all(.state == "ready")' >/dev/null; }
counter() { toride status --json | jq --arg p "$1" --arg c "$2" '[.counters[] | .[$p]?[$c]? // 0] | add'; }
wait_for() { # until it holds; 20 s at most, as often as it can be asked
	local end=$(($(us) + 20000000))
	until "$@" >/dev/null 2>&1; do [ "$(us)" -lt $end ] || return 1; sleep 0.01; done
}

# Reads to the end: a writer that grep -q leaves in the lurch would end the shell it runs in, trap and all.
has() { [ "$(grep -c -- "$1")" -gt 0 ]; }

browse() { on 412023-pc1 curl -s -o /dev/null -A Mozilla/5.0 --max-time 5 -x $proxy "$@"; } # without a browser's name these calls would be a beacon, and blocked

# ---- what "again" means, each a question of its own to whoever was killed
page() { [ "$(browse -w '%{http_code}' http://www.news.example/)" = 200 ]; }
name() { on 412023-pc1 dig +short +time=1 +tries=1 @192.0.2.53 www.news.example | has 203.0.113; }
judged() { # content nobody has seen is let through only with a verdict
	n=$((n + 1)); head -c 2000 /dev/urandom >"$new/r$n.bin"
	[ "$(browse -w '%{http_code}' "http://login.phish.example/new/r$n.bin")" = 200 ]
}
keys() { toride log tail -n 1 --org service; }
recorded() { toride log tail -n 300 --org 412023 | has "/recovery-$mark"; }
desk() { toride incident list --json; }
control() { toride generations --json; }
board() { on gw1 curl -sf --max-time 2 http://127.0.0.1:8480/ | has 412015; }
found() { [ "$(counter respondd findings)" -gt "$mark" ]; }

# What is asked for right after the kill, where the answer is somebody else's later.
ask_recorded() { mark=$RANDOM$RANDOM; browse "http://www.news.example/recovery-$mark"; }
ask_found() { mark=$(counter respondd findings); on "${bodies[$round]}-pc1" nc -z -w 1 10.3.0.5 445; true; }

sample() { # PROCESS PROBE
	local p t
	wait_for all_ready || die "not everything is ready before $1 is killed"
	[ "$2" = found ] || [ "$2" = recorded ] || wait_for "$2" || die "$2 doesn't work before $1 is killed"
	p=$(pid_of "$1")
	t=$(us)
	kill -9 "$p"
	[ "$2" != recorded ] || ask_recorded
	[ "$2" != found ] || ask_found
	wait_for "$2" || die "$1: $2 didn't come back within 20 s"
	local took wait; took=$(calc "($(us) - $t) / 1e6"); 
	wait=$(grep "\"object\":\"$1\"" "$lab/log/torided.log" | sed -n 's/.* again in \([0-9]*\) ms.*/\1/p' | tail -n 1)
	echo "$took $(calc "${wait:-0} / 1000")" >>"$work/both.$1"
	say "$1: $2 after $took s, of which the supervisor waited ${wait:-0} ms"
}

table='proxyd page
unbound name
scand judged
clamd judged
vaultd keys
intaked recorded
detectd found
respondd desk
postgres desk
controld control
portald board
nginx board'
for round in $(seq 0 $((rounds - 1))); do
	while read -r process probe; do sample "$process" "$probe"; done <<<"$table"
done
while read -r process probe; do
	[ -s "$work/both.$process" ] || continue
	read -r value floor < <(sort -g "$work/both.$process" | tail -n 1)
	figure "recovery.$process" "$value" s back-off "$floor" - below
done <<<"$table"

# torided itself: nobody restarts it here (an init does), so it is started at once; from there to a terminal's page. All other
# processes died with it.
p=$(awk '$3 == "torided" { p = $1 } END { print p }' "$lab/pids")
t=$(us)
kill -9 "$p"
nsenter --net="/run/netns/$TORIDE_LAB-gw1" setsid "$build/torided" >>"$lab/log/torided.log" 2>&1 </dev/null &
p=$!
echo "$p $(cut -d' ' -f22 /proc/$p/stat) torided" >>"$lab/pids"
disown $p
if wait_for page; then
	figure recovery.torided "$(calc "($(us) - $t) / 1e6")" s - - - below
else
	say "torided: a page is answered with $(browse -w '%{http_code}' http://www.news.example/)"
fi
wait_for all_ready && figure recovery.torided_all "$(calc "($(us) - $t) / 1e6")" s - - - below
