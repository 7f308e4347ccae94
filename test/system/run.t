#!/bin/bash
# `make run` as people meet it: the board in a terminal in both languages, Ctrl-C, kill -9 and the next start's sweep.
cd "$(dirname "$0")/../.."
export TORIDE_LAB=tu TORIDE_SOURCE=$PWD
T=build/toride W=$(mktemp -d)
trap '$T lab down; rm -rf "$W"' EXIT
bad=0 top=$W
. test/system/lib.sh
nothing_left() {
	[ -z "$(ip netns list | grep '^tu-')" ] && [ ! -e build/lab-tu ] && ! pgrep -f "$PWD/build/lab-tu" >/dev/null &&
		! grep -q "$PWD/build/lab-tu" /proc/mounts
}
board() { LC_ALL=$1 script -qfec "stty rows 44 cols 120; exec $T lab run lab/story.json --board" "$W/$2" >/dev/null 2>&1 </dev/null & pid=$!; }
# script's child is the lab's own process group leader on its terminal: Ctrl-C goes there.
ctrl_c() { pkill -INT -f "^$T lab run lab/story.json --board" ; }

board ja_JP.UTF-8 ja
until_true 90 grep -q '物語は終わりました' "$W/ja"; ok $? "board: the story ends on it"
grep -q '佐賀市' "$W/ja" && grep -q 'インシデント' "$W/ja" && grep -q 'c2.example' "$W/ja"; ok $? "board: bodies, incidents and blocks in Japanese"
grep -qE '画面のログイン: 名前 soc  初回のパスワード [A-Z0-9]{4}-' "$W/ja"; ok $? "board: how to sign in at the page"
grep -qE '受領確認|緊急連絡まで' "$W/ja"; ok $? "board: incidents with their clocks"
! grep -q '✗' "$W/ja"; ok $? "board: no step failed"
ctrl_c; wait $pid
nothing_left; ok $? "board: Ctrl-C takes everything down and leaves nothing"

board C en
until_true 60 grep -q 'Saga City' "$W/en"; ok $? "board: English by locale"
ctrl_c; wait $pid
nothing_left; ok $? "board: Ctrl-C in the middle of the story leaves nothing either"

$T lab run lab/story.json >"$W/plain" 2>&1 & pid=$!
until_true 60 grep -q 'reads the news' "$W/plain"; ok $? "without a terminal: the story line by line"
kill -9 $pid; wait $pid 2>/dev/null
[ -n "$(ip netns list | grep '^tu-')" ]; ok $? "kill -9 leaves the lab behind"
$T lab up 2>"$W/up"; ok $? "the next start sweeps it and comes up"
[ "$(pgrep -fc "^$PWD/build/torided")" -ge 1 ] && [ "$(ip netns list | grep -c '^tu-gw1')" = 1 ]; ok $? "one node runs"
$T lab down; nothing_left; ok $? "and leaves nothing"

sed 's/reads the news/cannot be/; s/today.s news/yesterday/' lab/story.json | sed '0,/"expect"/s//"within": 1, "expect"/' >"$W/bad.json"
$T lab run "$W/bad.json" >"$W/badout" 2>&1; code=$?; echo "exit code $code" >>"$W/badout"; show=("$W/badout")
[ $code -eq 1 ] && grep -q '✗' "$W/badout"; ok $? "a step that doesn't happen: exit code 1"
nothing_left; ok $? "and nothing is left"

# Machines that can't: one clear sentence each, nothing begun. A copy of the program in a network and with names of its own, so
# that no lab of this machine's is swept for it.
mkdir "$W/bin"; cp build/toride "$W/bin/"; chmod -R a+rX "$W"
cat >"$W/busy" <<'END'
mkdir -p /run/netns; mount -t tmpfs none /run/netns; ip link set lo up
nc -l -s 127.0.0.1 -p 8480 & p=$!
for i in $(seq 300); do ss -tln | grep -q 127.0.0.1:8480 && break; sleep 0.1; done
env -u TORIDE_LAB "$1" lab up; code=$?
kill $p; [ $code = 4 ] && ! ls /run/netns/*
END
unshare -nm --propagation private sh "$W/busy" "$W/bin/toride" >"$W/out" 2>&1 && grep -q "127.0.0.1:8480: the page's address can't be used (is another program there?)" "$W/out" &&
	[ "$(grep -vc 'cannot access' "$W/out")" = 1 ] && [ ! -e "$W/bin/lab" ]; ok $? "the page's port is busy: one sentence, nothing begun"
cat >"$W/full" <<'END'
mount -t tmpfs -o size=64m tmpfs "$1"; cp build/toride "$1/"
mkdir -p /run/netns; mount -t tmpfs none /run/netns; ip link set lo up
"$1/toride" lab up; [ $? = 4 ] && ! ls /run/netns/* && [ "$(ls "$1")" = toride ]
END
mkdir "$W/small"; unshare -nm --propagation private sh "$W/full" "$W/small" >"$W/out" 2>&1 &&
	[ "$(grep -vc 'cannot access' "$W/out")" = 1 ] && grep -q 'too little disk: [0-9]* MiB are free, 300 MiB are needed' "$W/out"; ok $? "little room on the disk: one sentence, nothing begun"
setpriv --reuid 65534 --clear-groups "$W/bin/toride" lab up >"$W/out" 2>&1; code=$?
[ $code -ne 0 ] && [ "$(wc -l <"$W/out")" = 1 ] && grep -q 'run this as root' "$W/out"; ok $? "not root: one sentence, nothing begun"
echo "1..$n"; exit $bad
