#!/bin/bash
# The watch end to end: a body's firewall hands in lines through one connection; each is parsed, normalised, sealed, judged by the rules and indexed with its
# words. FLOW_PHASES are RATE:SECONDS, one after the other; rate 0: as fast as it is taken. By default 0:60; ten minutes and a minute of three times that:
#   FLOW_PHASES='100000:600 300000:60' bench/flow.sh
# What is told: of each phase the lines a second that were taken, beside those offered (TCP: a sender waits rather than lose); how far the index is behind
# at the end and when it has caught up; whether each line is in it once; what a million lines cost each process in CPU-seconds.
# Disks aren't measured: the state lies where the build does.
. "$(dirname "$0")/lab.sh"
phases=${FLOW_PHASES:-0:60}
seconds=0
for p in $phases; do
	[[ $p =~ ^[0-9]+:[0-9]+$ ]] || die "FLOW_PHASES: $p isn't RATE:SECONDS"
	seconds=$((seconds + ${p#*:}))
done
hz=$(getconf CLK_TCK)

names="recvd intaked detectd stored indexd"
ticks_of() { # NAME: of the process and all below it that torided started
	local p sum=0 all
	p=$(toride status --json | jq -r --arg n "$1" '.processes[] | select(.name == $n) | .pid')
	all="$p $(pgrep -P "$p" | tr '\n' ' ')"
	for p in $all; do sum=$((sum + $(awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$p/stat" 2>/dev/null || echo 0))); done
	echo "$sum"
}
counts() { toride log search 'product:fortigate' --org 412015 --by class --from 12h --json 2>/dev/null | jq -s 'map(.count) | add // 0'; }
rss_of() { toride status --json | jq -r --arg n "$1" '.processes[] | select(.name == $n) | .rss_bytes'; }

cp -r "$TORIDE_SOURCE/examples/saga" "$work/d"
jq '.log_sources = [{name: "fw1", addr: "10.1.0.5", format: "fortigate"}]' "$work/d/orgs/412015.json" >"$work/x" && mv "$work/x" "$work/d/orgs/412015.json"
lab_up "$work/d"
for k in $names; do declare "was_$k=$(ticks_of $k)"; done
on 412015-pc1 "$build/bench-firewall" 192.0.2.14 514 10.1.0.5 "$phases" "$work/sent" & sender=$!
pids+=("$sender")
wait "$sender"
read -r n safe sending <"$work/sent" || die "the firewall told nothing"
[ "$safe" = 1 ] || die "not all lines were safe at the end"
behind=$((n - $(counts)))
from=$(us) last=$(calc "$(us) + $seconds * 30e6" 20)
until have=$(counts); [ "$have" -ge "$n" ] || [ "$(us)" -gt "$last" ]; do sleep 0.2; done # one search may take 30 s
caught=$(calc "($(us) - $from) / 1e6")
figure flow.lost "$((n - have))" lines - - 0 atmost
[ "$have" = "$n" ] || die "$n lines were taken, $have are in the index"
say "$n lines; $behind weren't in the index when the last was safe, all were $caught s later, each once"
say "the firewall itself, which is in none of these figures: $(calc "$sending * 1000000 / $n") CPU-s/M lines"
total=0
for k in $names; do
	was=was_$k; cost=$(calc "($(ticks_of $k) - ${!was}) * 1000000 / $hz / $n")
	say "$k: $cost CPU-s/M lines, $(($(rss_of $k) / 1000000)) MB"
	total=$(calc "$total + $cost")
done
# Larger is better here, unlike in lab.sh's figures.
more() { printf 'figure %s %s %s peer - - ratio - goal %s %s\n' "$1" "$2" "$3" "$4" "$(awk "BEGIN { print ($2 >= $4) ? \"met\" : \"short\" }")"; }
took=0
while read -r rate lines s; do
	took=$(calc "$took + $s" 6)
	name=flow.taken
	[ "$rate" = 0 ] || name=flow.taken_of.$rate
	more "$name" "$(calc "$lines / $s" 6)" lines/s "$([ "$rate" = 0 ] && echo 100000 || echo $((rate * 99 / 100)))" # the last piece goes out a little late
done < <(tail -n +2 "$work/sent")
more flow.indexed "$(calc "$n / ($took + $caught)" 6)" lines/s 100000
figure flow.cost "$total" CPU-s/M - - 20 below
