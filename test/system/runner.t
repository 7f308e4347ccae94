#!/bin/bash
# tools/test itself, on a tree of made-up tests: what is counted, that tests run beside each other and meet nothing of each other's, one after the
# other when it is asked for or can't be otherwise, and that nothing outlives it when it is killed.
set -u
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; echo "ok 1 - runner # SKIP needs root"; exit 0; }
top=$(mktemp -d /tmp/toride-runner.XXXXXX)
. test/system/lib.sh
show=("$top/said")
trap 'rm -rf "$top"' EXIT
mkdir -p "$top/tools" "$top/build/asan" "$top/test/system"
cp tools/test "$top/tools/"
made() { cat >"$top/$1"; chmod 755 "$top/$1"; } # FILE: a test of the tree
runs() { (cd "$top" && env -u TORIDE_CORPORA TOP="$top" "$@") >"$top/said" 2>&1; code=$?; }
ends() { is "$code $(tail -n 1 "$top/said")" "$*"; }

made build/asan/test-good <<<'#!/bin/sh
echo 1..3; echo ok 1 - a; echo ok 2 - b; echo "not ok 3 # SKIP c"'
made build/asan/test-bad <<<'#!/bin/sh
echo 1..2; echo "ok 1 - a"; echo "not ok 2 - b"; echo "# because"'
made build/asan/test-dead <<<'#!/bin/sh
echo 1..2; echo ok 1 - a; kill -9 $$'
made build/asan/test-short <<<'#!/bin/sh
echo 1..2; echo ok 1 - a'
made build/asan/test-mute <<<'#!/bin/sh
true'
made test/system/one.t <<<'echo "ok 1 - a"; echo 1..1'
runs tools/test
try "what passed, failed, was skipped, died, broke off or said nothing is counted" ends 1 "6 passed, 4 failed, 1 skipped"
try "what failed is told, with what was said around it" eval 'grep -qx -- "---- test-bad:" "$top/said" && grep -qx "# because" "$top/said"'
try "so is what took longest" grep -q '^slowest: .*one [0-9]* s' "$top/said"
runs tools/test test-good one
try "those that are asked for, and no other" ends 0 "3 passed, 0 failed, 1 skipped"
runs tools/test test-good none
try "one that isn't there has failed" ends 1 "2 passed, 1 failed, 1 skipped"
runs env JOBS=few tools/test
try "so many at once is a number" eval '[ $code = 2 ] && grep -q "JOBS=few" "$top/said"'

# Two that meet: each goes on when the other has begun; both have a namespace of one name, and an address of their own that is the same.
for who in 1:2 2:1; do made "test/system/meet${who%:*}.t" <<END; done
touch "\$TOP/begun${who%:*}"
until [ -e "\$TOP/begun${who#*:}" ]; do sleep 0.05; done
ip netns add same && nc -l -s 127.0.0.1 -p 8480 & echo \$\$ >/dev/shm/same && touch /tmp/same-${who%:*}
until ip netns exec same true 2>/dev/null && ss -tln | grep -q 127.0.0.1:8480; do sleep 0.05; done
touch "\$TOP/stands${who%:*}"
until [ -e "\$TOP/stands${who#*:}" ]; do sleep 0.05; done
[ "\$(ip netns list | wc -l) \$(cat /dev/shm/same)" = "1 \$\$" ] && echo "ok 1 - alone" || echo "not ok 1 - alone"; echo 1..1
END
runs env JOBS=2 timeout 240 tools/test meet1 meet2
try "two run at once, and neither meets what is the other's" ends 0 "2 passed, 0 failed, 0 skipped"
try "nothing of theirs is left" eval '! ip netns list | grep -w same'

for t in alone1 alone2; do made "test/system/$t.t" <<<'mkdir "$TOP/one" && sleep 0.3 && rmdir "$TOP/one" && echo "ok 1 - alone" || echo "not ok 1 - with another"; echo 1..1'; done
runs env JOBS=1 tools/test alone1 alone2
try "one after the other when that is asked for" ends 0 "2 passed, 0 failed, 0 skipped"
# One that checks how fast something goes: the others have ended before it begins.
made test/system/bandwidth.t <<<'[ -e "$TOP/ended" ] && echo "ok 1 - alone" || echo "not ok 1 - with another"; echo 1..1'
made build/asan/test-slow <<<'#!/bin/sh
sleep 1; touch "$TOP/ended"; echo ok 1 - a; echo 1..1'
runs env JOBS=4 tools/test bandwidth test-slow
try "what checks how fast something goes runs by itself, at the end" ends 0 "2 passed, 0 failed, 0 skipped"
mkdir "$top/bin"
made bin/unshare <<<'#!/bin/sh
exit 1'
runs env JOBS=2 PATH="$top/bin:$PATH" tools/test alone1 alone2 test-good
try "and where no namespaces can be made, as it says" eval 'ends 0 "4 passed, 0 failed, 1 skipped" && grep -q "one after the other" "$top/said"'

# Killed, with a test that has begun a daemon of its own session.
made test/system/long.t <<<'setsid sh -c "echo \$\$; while :; do touch $TOP/alive; sleep 0.1; done" & ip netns add left; wait'
(cd "$top" && TOP=$top exec tools/test long) >"$top/said" 2>&1 & runner=$!
try "a test has begun a daemon" until_true 20 test -e "$top/alive"
inside=$(pgrep -f "touch $top/alive")
try "which can be seen from outside" [ -n "$inside" ]
kill -9 $runner
wait $runner 2>/dev/null
gone() { local p; for p in $inside; do [ ! -e "/proc/$p" ] || return; done; }
try "who runs the tests is killed: so is that" until_true 20 gone
try "and its namespaces are gone" eval '! ip netns list | grep -w left'
echo "1..$n"
exit ${bad:-0}
